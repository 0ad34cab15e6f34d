package part

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"testing"
)

func TestCertificatesHaveAName(t *testing.T) {
	tests := []struct {
		cert *x509.Certificate
		want string
	}{
		{&x509.Certificate{Subject: pkix.Name{CommonName: "example.com", Organization: []string{"Example"}}}, "example.com"},
		{&x509.Certificate{DNSNames: []string{"www.example.com", "example.com"}}, "example.com"},
		{&x509.Certificate{IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}}, "192.0.2.1"},
		{&x509.Certificate{Subject: pkix.Name{OrganizationalUnit: []string{"Class 3"}, Organization: []string{"Example"}}}, "Class 3"},
		{&x509.Certificate{Subject: pkix.Name{CommonName: "a\x1b[2Jb"}}, "a\ufffd[2Jb"},
		{&x509.Certificate{Subject: pkix.Name{CommonName: "  "}}, "(no name)"},
		{&x509.Certificate{}, "(no name)"},
	}
	for _, test := range tests {
		if got := NameOf(test.cert); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
