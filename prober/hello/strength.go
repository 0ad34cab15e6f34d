package hello

import "slices"

// Strength rates the security of a cipher suite.
type Strength string

// The strengths, the worst first.
const (
	Weak       Strength = "weak"
	Acceptable Strength = "acceptable"
	Strong     Strength = "strong"
)

// Strength rates the suite in a version by RFC 9325 (BCP 195), section 4.1 unless
// another is named:
//
//	weak        no encryption; no authentication; RC4 (RFC 7465); less than 112 bits,
//	            such as export suites; 3DES and other ciphers with blocks of 64 bits,
//	            such as IDEA (CVE-2016-2183); MD5 (RFC 6151); any suite in SSL (RFC
//	            7568)
//	acceptable  no forward secrecy; no AEAD, such as CBC; a tag of 64 bits (CCM_8,
//	            which the registry does not recommend)
//	strong      forward secrecy and AEAD (section 4.2, and TLS 1.3)
//
// That TLS 1.0 and 1.1 are deprecated (RFC 8996) is a problem of the version and does
// not change the strength of a suite.
func (s *Suite) Strength(v Version) Strength {
	switch {
	case s.Null, s.Anonymous, s.Export, s.Bits < 112, s.MAC == "MD5", v < TLS10:
		return Weak
	case s.Cipher == "RC4", s.SmallBlocks():
		return Weak
	case s.ForwardSecret() && s.AEAD() && s.Mode != "CCM_8":
		return Strong
	}
	return Acceptable
}

// SmallBlocks reports whether the cipher has blocks of 64 bits (CVE-2016-2183).
func (s *Suite) SmallBlocks() bool {
	return slices.Contains([]string{"RC2", "DES", "3DES", "IDEA", "28147", "MAGMA"}, s.Cipher)
}
