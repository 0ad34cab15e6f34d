package tlstest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"testing"

	"tls_exporter/prober/tlstest/internal/testclient"
)

func TestDefaultLeaf(t *testing.T) {
	lab := newLab(t)
	chain := presented(t, endpoint{lab, start(t, lab, Server{})})
	leaf := chain[0]
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if got := leaf.NotAfter.Sub(leaf.NotBefore); got != 90*day {
		t.Errorf("the lifetime is %v", got)
	}
	if got := leaf.IssuingCertificateURL; len(got) != 1 || got[0] != "http://ca.lab.test/Lab%20Intermediate.crt" {
		t.Errorf("the issuer URL is %q", got)
	}
	if len(leaf.SubjectKeyId) == 0 || !bytes.Equal(leaf.AuthorityKeyId, chain[1].SubjectKeyId) {
		t.Errorf("subject key identifier %x, authority key identifier %x, want %x", leaf.SubjectKeyId, leaf.AuthorityKeyId, chain[1].SubjectKeyId)
	}
	if leaf.KeyUsage != x509.KeyUsageDigitalSignature || leaf.SignatureAlgorithm != x509.ECDSAWithSHA256 || leaf.SerialNumber.Sign() <= 0 {
		t.Errorf("key usage %v, signature %v, serial number %v", leaf.KeyUsage, leaf.SignatureAlgorithm, leaf.SerialNumber)
	}
}

func TestALPN(t *testing.T) {
	lab := newLab(t)
	tolerant := start(t, lab, Server{})
	strict := start(t, lab, Server{Config: func(c *tls.Config) { c.GetConfigForClient = nil }})
	tests := []struct {
		name, addr string
		offer      []string
		want       string
		refused    bool
	}{
		{"two in common", tolerant, []string{"http/1.1", "h2"}, "h2", false},
		{"one in common", tolerant, []string{"dot", "http/1.1"}, "http/1.1", false},
		{"nothing in common", tolerant, []string{"dot"}, "", false},
		{"nothing offered", tolerant, nil, "", false},
		{"nothing in common with a strict server", strict, []string{"dot"}, "", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := testclient.Handshake(t, test.addr, func(c *tls.Config) { c.NextProtos = test.offer })
			if test.refused {
				if !isAlert(m.Handshake, "tls: no application protocol") {
					t.Errorf("got %v", m.Handshake)
				}
				return
			}
			if m.Err() != io.EOF || m.State.NegotiatedProtocol != test.want {
				t.Errorf("got %q, %v; want %q", m.State.NegotiatedProtocol, m.Err(), test.want)
			}
		})
	}
}

func TestUsedAddressIsReplaced(t *testing.T) {
	lab := newLab(t)
	used := start(t, lab, Server{})
	for name, server := range map[string]Server{
		"listening": {Address: used},
		"refusing":  {Address: used, Refuse: true},
	} {
		t.Run(name, func(t *testing.T) {
			addr := start(t, lab, server)
			host, _, err := net.SplitHostPort(addr)
			if addr == used || host != "127.0.0.1" || err != nil {
				t.Errorf("started at %s, %v", addr, err)
			}
		})
	}
}

func TestFreeAddressIsUsed(t *testing.T) {
	for name, server := range map[string]Server{
		"listening": {},
		"refusing":  {Refuse: true},
	} {
		t.Run(name, func(t *testing.T) {
			// Another process may take the port in between, but not ten times in a
			// row.
			for range 10 {
				server.Address = freed(t)
				if start(t, newLab(t), server) == server.Address {
					return
				}
			}
			t.Error("no free address was used")
		})
	}
}

// freed is an address that a closed lab has released.
func freed(t *testing.T) string {
	lab := newLab(t)
	defer lab.Close()
	return start(t, lab, Server{Refuse: true})
}

func TestInvalidAddress(t *testing.T) {
	lab := newLab(t)
	for _, server := range []Server{{Address: "nowhere"}, {Address: "nowhere", Refuse: true}} {
		if addr, err := lab.Start(server); err == nil {
			t.Errorf("started at %s", addr)
		}
	}
}

func TestAcceptReplacesTLS(t *testing.T) {
	lab := newLab(t)
	addr := start(t, lab, Server{Accept: func(_ context.Context, c net.Conn) {
		io.WriteString(c, "220 lab ESMTP\r\n")
		io.Copy(io.Discard, c)
	}})
	if got := testclient.Exchange(t, addr, []byte("QUIT\r\n")); string(got) != "220 lab ESMTP\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestStartErrors(t *testing.T) {
	lab := newLab(t)
	tests := map[string]Server{
		"no key":             {Key: func() (crypto.Signer, error) { return nil, nil }},
		"a key error":        {Key: func() (crypto.Signer, error) { return nil, io.ErrUnexpectedEOF }},
		"an unsignable leaf": {Leaf: func(c *x509.Certificate) { c.DNSNames = []string{"ö.test"} }},
	}
	for name, server := range tests {
		t.Run(name, func(t *testing.T) {
			if addr, err := lab.Start(server); err == nil {
				t.Errorf("started at %s", addr)
			}
		})
	}
}
