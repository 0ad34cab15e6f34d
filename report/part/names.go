package part

import (
	"cmp"
	"slices"

	"tls_exporter/prober/certificate"
)

// NameOf is the common name of a certificate. Many leaves have none today: then
// it is the first name that the certificate is for.
func NameOf(cert *certificate.Certificate) string {
	if cert.SubjectCN == "" {
		for _, name := range Names(cert.Names) {
			return name
		}
	}
	return NameIn(cert.Subject)
}

// NameIn is the name of a subject or issuer. Old roots have no common name.
func NameIn(n certificate.Name) string { return cmp.Or(Clean(string(n)), "(no name)") }

// Names is everything that a certificate is for: DNS names, then IP addresses.
func Names(n certificate.Names) []string { return slices.Concat(DNSNames(n), n.IPAddresses) }

// ListNames lists as many names as fit into limit bytes, and counts the rest.
func ListNames(n certificate.Names, limit int) string { return join(Names(n), limit, n.More) }

// DNSNames is the DNS names that a certificate is for, sorted, each once.
func DNSNames(n certificate.Names) []string {
	all := make([]string, len(n.DNS))
	for i, name := range n.DNS {
		all[i] = Clean(name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
