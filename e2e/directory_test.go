//go:build e2e && linux

package e2e

import "testing"

func TestSlapd(t *testing.T) {
	s := newSite(t, "slapd", "openldap", "slapd")
	s.write("tls.conf", "TLSCertificateFile {cert}\nTLSCertificateKeyFile {key}\n")
	s.write("plain.conf", "sizelimit 1\n")
	s.run("slapd", "-d", "0", "-f", "{dir}/tls.conf", "-h", "ldap://127.0.0.1:{:ldap} ldaps://127.0.0.1:{:ldaps}")
	s.run("slapd", "-d", "0", "-f", "{dir}/plain.conf", "-h", "ldap://127.0.0.1:{:plain}")
	s.see("", []row{
		{"StartTLS", "ldap://localhost:{:ldap}", "", upgraded, "TLS 1.3"},
		{"TLS at once", "ldaps://localhost:{:ldaps}", "", direct, "TLS 1.3"},
		{"without TLS", "ldap://localhost:{:plain}", "", "resolve connect starttls", "starttls_not_offered"},
		{"TLS at once where StartTLS is due", "ldaps://localhost:{:ldap}", "", "resolve connect server_hello", "closed"},
	})
}
