package part

import (
	"cmp"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
)

// NameOf is the common name of a certificate. Many leaves have none today: then
// it is the first name that the certificate is for.
func NameOf(cert *x509.Certificate) string {
	if cert.Subject.CommonName == "" {
		for _, name := range Names(cert) {
			return name
		}
	}
	return NameIn(cert.Subject)
}

// NameIn is the name of a subject or issuer. Old roots have no common name.
func NameIn(n pkix.Name) string {
	parts := slices.Concat([]string{n.CommonName}, n.OrganizationalUnit, n.Organization, []string{"(no name)"})
	return cmp.Or(Clean(cmp.Or(parts...)), "(no name)")
}

// Names is everything that a certificate is for: DNS names, then IP addresses.
func Names(cert *x509.Certificate) []string { return append(DNSNames(cert), IPAddresses(cert)...) }

// DNSNames is the DNS names that a certificate is for, sorted, each once.
func DNSNames(cert *x509.Certificate) []string {
	all := make([]string, len(cert.DNSNames))
	for i, name := range cert.DNSNames {
		all[i] = Clean(name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// IPAddresses is the IP addresses that a certificate is for.
func IPAddresses(cert *x509.Certificate) []string {
	all := make([]string, len(cert.IPAddresses))
	for i, ip := range cert.IPAddresses {
		all[i] = ip.String()
	}
	return all
}
