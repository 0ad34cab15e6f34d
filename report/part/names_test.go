package part

import (
	"testing"

	"tls_exporter/prober/certificate"
)

func TestCertificatesHaveAName(t *testing.T) {
	tests := []struct {
		cert certificate.Certificate
		want string
	}{
		{certificate.Certificate{SubjectCN: "example.com", Subject: "example.com"}, "example.com"},
		{certificate.Certificate{Subject: "Example", Names: certificate.Names{DNS: []string{"example.com", "www.example.com"}}}, "example.com"},
		{certificate.Certificate{Names: certificate.Names{IPAddresses: []string{"192.0.2.1"}}}, "192.0.2.1"},
		{certificate.Certificate{Subject: "Class 3"}, "Class 3"},
		{certificate.Certificate{SubjectCN: "a\x1b[2Jb", Subject: "a\x1b[2Jb"}, "a\ufffd[2Jb"},
		{certificate.Certificate{SubjectCN: "  ", Subject: "  "}, "(no name)"},
		{certificate.Certificate{}, "(no name)"},
	}
	for _, test := range tests {
		if got := NameOf(&test.cert); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestListNames(t *testing.T) {
	names := certificate.Names{DNS: []string{"a.test", "b.test"}, IPAddresses: []string{"192.0.2.1"}, More: 5}
	for limit, want := range map[int]string{7: "a.test and 7 more", 100: "a.test, b.test, 192.0.2.1 and 5 more"} {
		if got := ListNames(names, limit); got != want {
			t.Errorf("in %d bytes: %q, want %q", limit, got, want)
		}
	}
}
