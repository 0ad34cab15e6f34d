package tls13

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"tls_exporter/prober/hello"
)

// TestOfferedCipherSuites checks that a ServerHello may only select a cipher suite of the
// offer, which has not all of them if FIPS 140 is required.
func TestOfferedCipherSuites(t *testing.T) {
	const aes128, chacha20 = hello.CipherSuite(tls.TLS_AES_128_GCM_SHA256), hello.CipherSuite(tls.TLS_CHACHA20_POLY1305_SHA256)
	hs := &handshake{client: &Client{template: &hello.ClientHello{CipherSuites: []hello.CipherSuite{aes128}}}}
	for suite, want := range map[hello.CipherSuite]bool{aes128: true, chacha20: false} {
		h := &hello.ServerHello{Version: hello.TLS13, LegacyVersion: hello.TLS12, CipherSuite: suite, Extensions: make([]hello.Extension, 2)}
		if got := hs.supported(h); got != want {
			t.Errorf("%s is supported: %v", suite, got)
		}
	}
}

// TestLargeClientHello checks that an offer is not supported, and nothing is sent, if the
// ClientHello does not fit into one record, or into its length fields.
func TestLargeClientHello(t *testing.T) {
	c, err := New(&tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, count := range []int{65, 300} {
		var conn captureConn
		state, err := c.Handshake(&conn, "localhost", slices.Repeat([]string{strings.Repeat("x", 255)}, count))
		if state != nil || !errors.Is(err, ErrUnsupported) || conn.written.Len() > 0 {
			t.Errorf("with %d protocols: %v, %v, %d bytes sent", count, state, err, conn.written.Len())
		}
	}
	if _, err := c.Handshake(new(captureConn), "localhost", []string{"h2"}); !errors.Is(err, errCaptured) {
		t.Errorf("with one protocol: %v", err)
	}
}
