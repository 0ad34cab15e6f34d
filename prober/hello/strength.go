package hello

// Strength is what a cipher suite is worth.
type Strength string

// The strengths, from the worst.
const (
	Weak       Strength = "weak"
	Acceptable Strength = "acceptable"
	Strong     Strength = "strong"
)

// Strength is RFC 9325's opinion (BCP 195), of section 4.1 where no other is
// named:
//
//	weak        nothing is encrypted; nobody is authenticated; RC4 (RFC 7465);
//	            less than 112 bits, export suites among them; less than 128 bits,
//	            as of 3DES, and any other cipher with blocks of 64 bits, as IDEA
//	            (CVE-2016-2183); MD5 (RFC 6151); anything in SSL (RFC 7568)
//	acceptable  no forward secrecy; no AEAD, so that it hangs on CBC; a tag of 64
//	            bits (CCM_8, which the registry does not recommend)
//	strong      forward secrecy and AEAD (section 4.2, and TLS 1.3)
//
// That TLS 1.0 and 1.1 are deprecated (RFC 8996) is a finding about the version
// and not held against each suite.
func (s *Suite) Strength(v Version) Strength {
	switch {
	case s.Null, s.Anonymous, s.Export, s.Bits < 112, s.MAC == "MD5", v < TLS10:
		return Weak
	case s.Cipher == "RC4", s.Cipher == "RC2", s.Cipher == "DES", s.Cipher == "3DES", s.Cipher == "IDEA", s.Cipher == "28147", s.Cipher == "MAGMA":
		return Weak
	case s.ForwardSecret() && s.AEAD() && s.Mode != "CCM_8":
		return Strong
	}
	return Acceptable
}
