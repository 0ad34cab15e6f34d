package handshake_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// TestRSAExponent checks that an RSA key that crypto/rsa refuses is the fault of the
// certificate, and of no message, for each use of the key.
func TestRSAExponent(t *testing.T) {
	lab := labtest.Lab(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public := &rsa.PublicKey{N: key.N, E: 1<<32 + 1}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: labtest.Now, NotAfter: labtest.Now.Add(labtest.Day)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]func(*tls.Config){
		"TLS 1.3": func(*tls.Config) {},
		"TLS 1.2": func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
		"TLS 1.2 without forward secrecy": func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		},
	} {
		addr := labtest.Serve(t, lab, tlstest.Server{Config: func(c *tls.Config) {
			c.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
			config(c)
		}})
		for _, which := range []handshake.TLSClient{handshake.Auto, handshake.CryptoTLS} {
			h := newClient(t, which).handshake(t, addr, 2)
			if h.Failure == nil || h.Failure.Reason != failure.ReasonBadCertificate || !strings.Contains(h.Failure.Error(), "exponent") {
				t.Errorf("%s, %s: the failure is %+v", name, which, h.Failure)
			}
		}
	}
}

// TestUnfitClientCertificate checks that it is told that the module's certificate is at
// fault if the server accepts no signature with its key.
func TestUnfitClientCertificate(t *testing.T) {
	lab := labtest.Lab(t)
	p224, err1 := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	short, err2 := rsa.GenerateKey(rand.Reader, 512) // too short for RSASSA-PSS
	_, ed, err4 := ed25519.GenerateKey(rand.Reader)
	fitting, err3 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		key  crypto.Signer
		fits map[uint16]bool // by version
	}{
		{p224, map[uint16]bool{tls.VersionTLS12: true, tls.VersionTLS13: false}},
		{short, map[uint16]bool{tls.VersionTLS12: true, tls.VersionTLS13: false}},
		{ed, map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS13: true}},
		{fitting, map[uint16]bool{tls.VersionTLS12: true, tls.VersionTLS13: true}},
	} {
		o := handshake.Options{ClientCertificate: writeCertificate(t, test.key), TLSClient: handshake.CryptoTLS}
		c, err := handshake.New(o, 10*time.Second, nil, new(handshake.Process))
		if err != nil {
			t.Fatal(err)
		}
		for version, fits := range test.fits {
			to := probetest.Target(t, labtest.Serve(t, lab, tlstest.RequestingCertificate(version, tlstest.AlertAndClose)))
			conn, err := dial(to.HostPort())
			if err != nil {
				t.Fatal(err)
			}
			h := c.Handshake(t.Context(), conn, &handshake.Peer{Target: &to})
			conn.Close()
			if fits != (h.Failure == nil) || !fits && h.Failure.Reason != failure.ReasonClientCertificateUnusable {
				t.Errorf("%T, %s: the failure is %+v", test.key, tls.VersionName(version), h.Failure)
			}
		}
	}
}

// writeCertificate writes a self-signed certificate and its key to files.
func writeCertificate(t *testing.T, key crypto.Signer) *handshake.ClientCertificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: labtest.Now, NotAfter: labtest.Now.Add(labtest.Day)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &handshake.ClientCertificate{CertFile: filepath.Join(dir, "c.pem"), KeyFile: filepath.Join(dir, "c.key")}
	for file, block := range map[string]*pem.Block{c.CertFile: {Type: "CERTIFICATE", Bytes: der}, c.KeyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}
