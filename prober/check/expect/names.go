package expect

import (
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// Name is a DNS name or an IP address in canonical form. The first label of a DNS name may
// be a wildcard.
type Name string

const wildcard = "*."

// UnmarshalText accepts a DNS name, also with a wildcard, or an IP address.
func (n *Name) UnmarshalText(value []byte) error {
	base, wild := strings.CutPrefix(string(value), wildcard)
	host, err := target.ParseHost(base)
	if err != nil {
		return err
	}
	if host = strings.TrimSuffix(host, "."); !wild {
		*n = Name(host)
		return nil
	}
	if net.ParseIP(host) != nil {
		return fmt.Errorf("%s: an address has no wildcard", text.Quote(string(value)))
	}
	*n = Name(wildcard + host)
	return nil
}

// validFor reports whether a client that connects to the name accepts a certificate with
// these names (RFC 9525 section 6). A name with a wildcard has to be one of them.
func (n Name) validFor(listed *x509.Certificate) bool {
	if !strings.HasPrefix(string(n), wildcard) {
		return listed.VerifyHostname(string(n)) == nil
	}
	return slices.ContainsFunc(listed.DNSNames, func(name string) bool { return strings.EqualFold(name, string(n)) })
}

// listed returns a certificate with the names of the leaf, and whether it has all. What is
// shown of a leaf has only so many.
func (f *Facts) listed() (cert *x509.Certificate, complete bool) {
	names := f.leaf().Names
	if names.More > 0 && f.Chain.DER != nil {
		leaf := certificate.ParseChain(f.Chain.DER[:1], nil)[0]
		return leaf.X509, leaf.Err == nil
	}
	cert = &x509.Certificate{DNSNames: names.DNS}
	for _, ip := range names.IPAddresses {
		cert.IPAddresses = append(cert.IPAddresses, net.ParseIP(ip))
	}
	return cert, names.More == 0
}
