package dane

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/records"
)

// Record is a TLSA record, and how it compares with the certificates of the server.
type Record struct {
	records.TLSA
	Result Result
	Detail string // why, for people; empty: there is nothing to add
}

// Result is how a record compares: a word of a closed vocabulary.
type Result string

// The results. Clients ignore unusable records. They accept a server with one that matches.
const (
	Match    Result = "match"
	Mismatch Result = "mismatch" // no certificate has this content
	Invalid  Result = "invalid"  // a certificate has it, and clients reject the chain
	Unusable Result = "unusable" // a number that is not defined, or content that is none
	Unknown  Result = "unknown"  // the server showed no certificates, or the chain cannot be verified
)

// The certificate usages (RFC 7218 section 2.1).
const (
	pkixTA, pkixEE, daneTA, daneEE = 0, 1, 2, 3
)

// The selectors and matching types (RFC 7218 sections 2.2 and 2.3).
const (
	cert, spki               = 0, 1
	full, sha2_256, sha2_512 = 0, 1, 2
)

// private is the last value of each registry, for private use.
const private = 255

// UsageName is the acronym of the usage (RFC 7218); unassigned if it has none.
func (r *Record) UsageName() string {
	return acronym(r.Usage, "PrivCert", "PKIX-TA", "PKIX-EE", "DANE-TA", "DANE-EE")
}

// SelectorName is the acronym of the selector (RFC 7218); unassigned if it has none.
func (r *Record) SelectorName() string { return acronym(r.Selector, "PrivSel", "Cert", "SPKI") }

// MatchingName is the acronym of the matching type (RFC 7218); unassigned if it has none.
func (r *Record) MatchingName() string {
	return acronym(r.Matching, "PrivMatch", "Full", "SHA2-256", "SHA2-512")
}

func acronym(number uint8, ofPrivate string, assigned ...string) string {
	switch {
	case int(number) < len(assigned):
		return assigned[number]
	case number == private:
		return ofPrivate
	}
	return "unassigned"
}

// unusable is why clients ignore the record; empty: they use it.
func (r *Record) unusable(smtp bool) string {
	switch {
	case r.Usage > daneEE:
		return fmt.Sprintf("the usage %d is not defined", r.Usage)
	case r.Selector > spki:
		return fmt.Sprintf("the selector %d is not defined", r.Selector)
	case r.Matching > sha2_512:
		return fmt.Sprintf("the matching type %d is not defined", r.Matching)
	case smtp && r.Usage <= pkixEE:
		return "mail servers do not use PKIX-TA and PKIX-EE (RFC 7672 section 3.1.3)"
	case r.Matching == sha2_256 && len(r.Data) != sha256.Size, r.Matching == sha2_512 && len(r.Data) != sha512.Size:
		return fmt.Sprintf("%d bytes are no digest of %s", len(r.Data), r.MatchingName())
	case r.Matching == full && !isSequence(r.Data):
		return "the content is not a " + map[uint8]string{cert: "certificate", spki: "public key"}[r.Selector] + " in DER"
	}
	return ""
}

// isSequence tells whether data is a DER SEQUENCE, as certificates and keys are.
func isSequence(data []byte) bool {
	var value asn1.RawValue
	rest, err := asn1.Unmarshal(data, &value)
	return err == nil && len(rest) == 0 && value.Class == asn1.ClassUniversal && value.Tag == asn1.TagSequence && value.IsCompound
}

// effective is the records that clients use: usable ones, and of those with a digest, for
// each usage and selector, the strongest (RFC 7671 section 9).
func effective(all []Record) []Record {
	return slices.DeleteFunc(slices.Clone(all), func(r Record) bool {
		return r.Result == Unusable || r.Matching == sha2_256 && slices.ContainsFunc(all, func(other Record) bool {
			return other.Result != Unusable && other.Matching == sha2_512 && other.Usage == r.Usage && other.Selector == r.Selector
		})
	})
}

// judge sets the result. j is nil if the server showed no certificates.
func (r *Record) judge(smtp bool, j *judge) {
	if r.Detail = r.unusable(smtp); r.Detail != "" {
		r.Result = Unusable
		return
	}
	if r.Result = Unknown; j == nil {
		return
	}
	switch r.Usage {
	case daneEE: // the names and dates of the leaf do not matter (RFC 7671 section 5.1)
		r.Result = Mismatch
		if r.matches(j.certs[0].X509) {
			r.Result = Match
		}
	case daneTA:
		r.Result, r.Detail = j.anchored(r)
	case pkixEE:
		r.Result = Mismatch
		if r.matches(j.certs[0].X509) {
			r.Result, r.Detail = j.pkix(func([]*x509.Certificate) bool { return true })
		}
	case pkixTA:
		r.Result, r.Detail = j.pkix(func(path []*x509.Certificate) bool { return slices.ContainsFunc(path[1:], r.matches) })
		if r.Result == Invalid && !slices.ContainsFunc(j.certs[1:], func(c *certificate.Parsed) bool { return r.matches(c.X509) }) {
			r.Result = Mismatch
		}
	}
}

// matches tells whether the content of the record is that of the certificate.
func (r *Record) matches(c *x509.Certificate) bool {
	content := c.Raw
	if r.Selector == spki {
		content = c.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case sha2_256:
		sum := sha256.Sum256(content)
		content = sum[:]
	case sha2_512:
		sum := sha512.Sum512(content)
		content = sum[:]
	}
	return len(content) > 0 && bytes.Equal(content, r.Data)
}

// judge verifies chains for the records of one server.
type judge struct {
	*presented
	names    []string // one of which the leaf has to have; the first one is the SNI
	verifier *chain.Verifier
}

// pkix judges a usage that needs a chain that clients accept without DANE too, to a
// trusted root, in which a certificate matches.
func (j *judge) pkix(matches func(path []*x509.Certificate) bool) (Result, string) {
	verdict, paths := j.verifier.Paths(j.certs, j.names[0], j.at)
	switch {
	case slices.ContainsFunc(paths, matches):
		return Match, ""
	case verdict.Unverified:
		return Unknown, "the chain cannot be verified"
	case !verdict.Valid && len(verdict.Problems) > 0:
		return Invalid, verdict.Problems[0].Detail
	}
	return Mismatch, ""
}

// anchored judges a record of the usage DANE-TA: the server shows a chain to the CA that
// the record names, and all of it is in date and for the name (RFC 7671 section 5.2).
func (j *judge) anchored(r *Record) (Result, string) {
	anchors := j.anchors(r)
	if len(anchors) == 0 {
		return Mismatch, ""
	}
	var why error
	for _, anchor := range anchors {
		if why = chain.VerifyTo(anchor, j.certs, j.names, j.at); why == nil {
			return Match, ""
		}
	}
	return Invalid, why.Error()
}

// anchors are the certificates that a record names as trust anchors: those above the leaf
// that it matches, the one that it holds, or those that the key verifies that it holds.
func (j *judge) anchors(r *Record) []*x509.Certificate {
	var anchors []*x509.Certificate
	for _, c := range j.certs[1:] {
		if r.matches(c.X509) {
			anchors = append(anchors, c.X509)
		}
	}
	switch {
	case len(anchors) > 0 || r.Matching != full:
	case r.Selector == cert:
		if held := certificate.ParseChain([][]byte{r.Data}, nil)[0]; held.Err == nil && issued(held.X509, j.certs) {
			anchors = []*x509.Certificate{held.X509}
		}
	default:
		anchors = signedBy(r.Data, j.certs)
	}
	return anchors
}

// issued tells whether a certificate of the chain names the CA as its issuer. If none
// does, the record is that of another CA.
func issued(ca *x509.Certificate, certs []*certificate.Parsed) bool {
	return slices.ContainsFunc(certs, func(c *certificate.Parsed) bool { return bytes.Equal(c.X509.RawIssuer, ca.RawSubject) })
}

// signedBy returns the certificates that a public key verifies.
func signedBy(key []byte, certs []*certificate.Parsed) []*x509.Certificate {
	public, err := x509.ParsePKIXPublicKey(key)
	if err != nil {
		return nil
	}
	var all []*x509.Certificate
	for _, c := range certs {
		if chain.Signed(public, c.X509) {
			all = append(all, c.X509)
		}
	}
	return all
}
