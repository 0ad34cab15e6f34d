package chain

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// attribute is one of a directory name, in a set of its own or in that of the one before.
type attribute struct {
	id       []int
	tag      int
	value    string
	together bool
}

var (
	country      = []int{2, 5, 4, 6}
	organization = []int{2, 5, 4, 10}
	unit         = []int{2, 5, 4, 11}
	commonName   = []int{2, 5, 4, 3}
)

func o(value string) attribute { return attribute{organization, asn1.TagUTF8String, value, false} }

// name encodes an RDNSequence.
func (p pki) name(attributes ...attribute) []byte {
	p.Helper()
	var sets [][]asn1.RawValue
	for _, a := range attributes {
		der := p.marshal([]any{asn1.ObjectIdentifier(a.id), asn1.RawValue{Tag: a.tag, Bytes: []byte(a.value)}})
		if !a.together {
			sets = append(sets, nil)
		}
		sets[len(sets)-1] = append(sets[len(sets)-1], asn1.RawValue{FullBytes: der})
	}
	var all []byte
	for _, set := range sets {
		var members []byte
		for _, member := range set {
			members = append(members, member.FullBytes...)
		}
		all = append(all, p.marshal(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: members})...)
	}
	return p.marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: all})
}

// general encodes a GeneralName; one of a directory is a structure.
func (p pki) general(form form, value []byte) []byte {
	p.Helper()
	return p.marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: int(form), IsCompound: form == formDirectory || form == 0, Bytes: value})
}

// constrained is a CA's name constraints: permitted and excluded GeneralNames.
func (p pki) constrained(critical bool, permitted, excluded [][]byte) func(*x509.Certificate) {
	p.Helper()
	var value []byte
	for tag, list := range [][][]byte{permitted, excluded} {
		var subtrees []byte
		for _, base := range list {
			subtrees = append(subtrees, p.marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: base})...)
		}
		if len(list) > 0 {
			value = append(value, p.marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: subtrees})...)
		}
	}
	return func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{
			Id: oidNameConstraints, Critical: critical, Value: p.marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: value}),
		})
	}
}

// alternative adds GeneralNames beside the name localhost.
func (p pki) alternative(names ...[]byte) func(*x509.Certificate) {
	value := p.general(2, []byte("localhost"))
	for _, name := range names {
		value = append(value, name...)
	}
	return func(c *x509.Certificate) {
		c.DNSNames = nil
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidAlternativeName, Value: p.marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: value})})
	}
}

func subject(name []byte) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.RawSubject = name }
}

// Constraints of forms that crypto/x509 does not know: met, violated, or without a name
// to which they apply. OpenSSL agrees with each.
func TestNameConstraints(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	directory := func(attributes ...attribute) []byte { return p.general(formDirectory, p.name(attributes...)) }
	list := func(names ...[]byte) [][]byte { return names }
	acme := list(directory(o("Acme")))
	cn := attribute{commonName, asn1.TagUTF8String, "localhost", false}
	ofAcme := subject(p.name(o("Acme"), cn))
	ofOther := subject(p.name(o("Other"), cn))
	registered := p.general(8, []byte{0x2a, 3, 4})
	other := p.general(0, append(p.marshal(asn1.ObjectIdentifier{1, 2, 3}), p.marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: []byte{5, 0}})...))
	dns := func(name string) []byte { return p.general(2, []byte(name)) }
	expired := expires(labtest.Now.Add(-labtest.Day))
	const lenient = true // OpenSSL has another verdict
	var many [][]byte
	for range maxSubtrees + 1 {
		many = append(many, acme[0])
	}

	for _, test := range []struct {
		name    string
		ca      func(*x509.Certificate)
		leaf    func(*x509.Certificate)
		want    []Problem
		openssl bool // it disagrees
	}{
		{"met", p.constrained(true, acme, nil), ofAcme, nil, false},
		{"met, by another string type, case and spaces", p.constrained(true, list(directory(attribute{organization, asn1.TagPrintableString, "acme  Corp", false})), nil),
			subject(p.name(o(" ACME corp "), cn)), nil, false},
		{"met, in UTF-16", p.constrained(true, list(directory(attribute{organization, asn1.TagBMPString, "\x00A\x00c\x00m\x00e", false})), nil), ofAcme, nil, false},
		{"met, two levels", p.constrained(true, list(directory(attribute{country, asn1.TagPrintableString, "DE", false}, o("Acme"))), nil),
			subject(p.name(attribute{country, asn1.TagPrintableString, "DE", false}, o("Acme"), cn)), nil, false},
		{"met, a set in another order", p.constrained(true, list(directory(o("Acme"), attribute{unit, asn1.TagUTF8String, "Web", true})), nil),
			subject(p.name(attribute{organization, asn1.TagUTF8String, "acme", false}, attribute{unit, asn1.TagUTF8String, "web", true}, cn)), nil, false},
		{"met, the second of two", p.constrained(true, list(directory(o("Other Corp")), acme[0]), nil), ofAcme, nil, false},
		{"met, not excluded", p.constrained(true, nil, acme), ofOther, nil, false},
		{"met, without a subject", p.constrained(true, acme, nil), func(c *x509.Certificate) { c.Subject = pkix.Name{} }, nil, false},
		{"met, also for DNS names", p.constrained(true, list(acme[0], dns("localhost")), nil), ofAcme, nil, false},
		{"met, and an alternative directory name", p.constrained(true, acme, nil), both(ofAcme, p.alternative(directory(o("Acme"), attribute{unit, asn1.TagUTF8String, "Web", false}))), nil, false},
		{"met, expired", p.constrained(true, acme, nil), both(ofAcme, expired), []Problem{ProblemExpired}, false},

		{"violated", p.constrained(true, acme, nil), ofOther, []Problem{ProblemNameConstraint}, false},
		{"violated, not critical", p.constrained(false, acme, nil), ofOther, []Problem{ProblemNameConstraint}, false},
		{"violated, a level above", p.constrained(true, list(directory(o("Acme"), attribute{unit, asn1.TagUTF8String, "Web", false})), nil), ofAcme, []Problem{ProblemNameConstraint}, false},
		{"violated, in another order", p.constrained(true, list(directory(cn, o("Acme"))), nil), ofAcme, []Problem{ProblemNameConstraint}, false},
		{"violated, excluded", p.constrained(true, nil, acme), ofAcme, []Problem{ProblemNameConstraint}, false},
		{"violated, permitted and excluded", p.constrained(true, acme, list(directory(o("Acme"), cn))), ofAcme, []Problem{ProblemNameConstraint}, false},
		{"violated by an alternative directory name", p.constrained(true, acme, nil), both(ofAcme, p.alternative(directory(o("Other")))), []Problem{ProblemNameConstraint}, false},
		{"violated for DNS names", p.constrained(true, list(acme[0], dns("other.test")), nil), ofAcme, []Problem{ProblemNameConstraint}, false},
		{"violated, expired and for clients", p.constrained(true, acme, nil), both(ofOther, expired, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
			[]Problem{ProblemExpired, ProblemWrongUsage, ProblemNameConstraint}, false},

		{"a registered ID, and there is none", p.constrained(true, list(registered), nil), ofAcme, nil, false},
		{"a registered ID, and there is one", p.constrained(true, list(registered), nil), both(ofAcme, p.alternative(registered)), []Problem{ProblemUnhandledCriticalExtension}, false},
		{"another name, and there is none", p.constrained(true, list(other), nil), ofAcme, nil, false},
		{"another name, and there is one", p.constrained(true, list(other), nil), both(ofAcme, p.alternative(other)), []Problem{ProblemUnhandledCriticalExtension}, false},
		{"a minimum", p.constrained(true, list(append(slices.Clone(acme[0]), 0x80, 1, 1)), nil), ofAcme, []Problem{ProblemUnhandledCriticalExtension}, false},
		{"a critical alternative name of the CA", func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidAlternativeName, Critical: true, Value: p.marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: registered})})
		}, ofAcme, nil, false},
		{"too many", p.constrained(true, many, nil), ofAcme, []Problem{ProblemUnhandledCriticalExtension, ProblemTooLarge}, lenient},
	} {
		t.Run(test.name, func(t *testing.T) {
			ca := p.intermediate(root, "CA", test.ca)
			leaf := p.leaf(ca, test.leaf)
			c := uncached(certs(leaf, ca), "localhost", trust(root), labtest.Now)
			if valid := len(test.want) == 0; c.Valid != valid || !slices.Equal(problems(c), test.want) || valid && len(c.Path) != 3 {
				t.Errorf("valid is %v, problems are %v, want %v", c.Valid, c.Problems, test.want)
			}
			if test.openssl != lenient {
				agrees(t, len(test.want) == 0, root.Certificate, leaf, ca.Certificate)
			}
		})
	}
}

func both(changes ...func(*x509.Certificate)) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, change := range changes {
			change(c)
		}
	}
}

// Constraints hold for the CAs below too, unless they are self-issued, and may be those
// of the root.
func TestNameConstraintsOfCAs(t *testing.T) {
	p := newPKI(t)
	acme := [][]byte{p.general(formDirectory, p.name(o("Acme")))}
	named := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Subject.Organization = []string{name} }
	}
	root := p.root("Root", p.constrained(true, acme, nil), named("Acme"))
	inside := p.intermediate(root, "Inside", named("Acme"))
	outside := p.intermediate(root, "Outside", named("Other"))
	plain := p.root("Plain")
	upper := p.intermediate(plain, "Upper", named("Other"), p.constrained(true, acme, nil))
	again := p.crossSign(upper, &tlstest.CA{Certificate: upper.Certificate, Key: p.root("New Key").Key})
	leaf := func(ca *tlstest.CA) *x509.Certificate { return p.leaf(ca, named("Acme")) }
	for _, test := range []struct {
		name string
		sent []*x509.Certificate
		root *tlstest.CA
		want []Problem
	}{
		{"of the root, met", certs(leaf(inside), inside), root, nil},
		{"of the root, violated by a CA", certs(leaf(outside), outside), root, []Problem{ProblemNameConstraint}},
		{"of a CA with a new key of its own, which is outside", certs(leaf(again), again, upper), plain, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := uncached(test.sent, "localhost", trust(test.root), labtest.Now)
			if c.Valid != (test.want == nil) || !slices.Equal(problems(c), test.want) {
				t.Errorf("valid is %v, problems are %v, want %v", c.Valid, c.Problems, test.want)
			}
			if test.root != plain { // OpenSSL takes the new key for a self-signed certificate
				agrees(t, test.want == nil, test.root.Certificate, test.sent...)
			}
		})
	}
}
