//go:build e2e && linux

package e2e

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
)

// issue is a chain that OpenSSL makes: the lab's root, a CA, and a leaf for localhost.
type issue struct {
	what    string
	key     string // of the CA, for openssl genpkey
	ca      string // extensions of the CA, beside basic constraints
	leaf    string // of the leaf, beside its names
	names   string // empty: localhost
	subject string // of the leaf
	outcome string
}

// Chains that openssl s_server sends, as the exporter and as openssl s_client judge them.
// One with Ed448 it sends only to clients that offer Ed448.
func TestChainsOpenSSL(t *testing.T) {
	s := newSite(t, "s_server", "root", "openssl")
	private, err := x509.MarshalPKCS8PrivateKey(lab.Root.Key)
	if err != nil {
		t.Fatal(err)
	}
	s.write("root.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	const p256 = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"
	const acme = "\nnameConstraints=critical,permitted;dirName:acme"
	const good = "TLS 1.3"
	issues := []issue{
		{"ECDSA", p256, "", "", "", "", good},
		{"Ed25519", "-algorithm ED25519", "", "", "", "", good},
		{"RSA-PSS", "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", "", "", "", "", good},
		{"RSA-PSS with parameters", "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha384 -pkeyopt rsa_pss_keygen_mgf1_md:sha384 -pkeyopt rsa_pss_keygen_saltlen:48", "", "", "", "", good},
		{"a directory name inside", p256, acme, "", "", "/O=Acme/CN=localhost", good},
		{"a directory name outside", p256, acme, "", "", "/O=Other/CN=localhost", "name_constraint"},
		{"a CA that is none", p256, "\nbasicConstraints=critical,CA:false", "", "", "", "invalid_ca"},
		{"a CA that may not sign", p256, "\nkeyUsage=critical,cRLSign", "", "", "", "invalid_ca"},
		{"a critical extension", p256, "", "\n1.2.3.4=critical,DER:0500", "", "", "unhandled_critical_extension"},
		{"a wildcard for a top-level domain", p256, "", "", "DNS:*.test", "", "name_mismatch"},
		{"a key usage for nothing that a server does", p256, "", "\nkeyUsage=critical,keyCertSign", "", "", "wrong_usage"},
		{"any use", p256, "", "\nextendedKeyUsage=anyExtendedKeyUsage", "", "", "wrong_usage"},
	}
	var rows []row
	for i, c := range issues {
		dir := fmt.Sprintf("{dir}/%d-", i)
		s.serveIssue(c, dir)
		rows = append(rows, row{c.what, fmt.Sprintf("tls://localhost:{:chain-%d}", i), "chains", direct, c.outcome})
	}
	s.write("targets.yml", modules+`
  chains: {ca_file: "{ca}"}
  wide: {ca_file: "{ca}", server_name: server.test}
`)
	s.run(exporter, "--config.file={dir}/targets.yml", "--web.listen-address=127.0.0.1:{:exporter}")
	s.await()
	for i, r := range rows {
		s.Run(r.what, func(t *testing.T) {
			name, module := "localhost", r.module
			if issues[i].names != "" {
				name, module = "server.test", "wide"
			}
			p := s.probe(t, s.fill(r.target), module)
			if got := p.outcome(); got != r.outcome {
				t.Errorf("want %s, and the page is\n%s", r.outcome, p)
			}
			client := s.command("openssl", "s_client", "-connect", fmt.Sprintf("127.0.0.1:{:chain-%d}", i), "-CAfile", "{ca}", "-verify_return_error", "-verify_hostname", name)
			out, err := client.CombinedOutput()
			if accepted := err == nil && strings.Contains(string(out), "Verify return code: 0 (ok)"); accepted != (r.outcome == good) {
				t.Errorf("the exporter says %s, and OpenSSL\n%s", r.outcome, out)
			}
		})
	}
}

// serveIssue makes a chain and starts a server that sends it.
func (s *site) serveIssue(c issue, dir string) {
	s.Helper()
	number := strings.TrimSuffix(strings.TrimPrefix(dir, "{dir}/"), "-")
	subject, names := c.subject, c.names
	if subject == "" {
		subject = "/CN=localhost"
	}
	if names == "" {
		names = "DNS:localhost"
	}
	s.do(append(strings.Fields("openssl genpkey "+c.key), "-out", dir+"ca.key")...)
	s.do("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", dir+"leaf.key")
	basic := "basicConstraints=critical,CA:true\n"
	if strings.Contains(c.ca, "basicConstraints") {
		basic = ""
	}
	s.write(number+"-ext", fmt.Sprintf("[ca]\n%s%s\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n[leaf]\nsubjectAltName=%s\nauthorityKeyIdentifier=keyid%s\n[acme]\nO=Acme\n", basic, c.ca, names, c.leaf))
	for _, step := range []struct{ name, subject, issuer, issuerKey string }{
		{"ca", "/O=Acme/CN=CA of " + number, "{ca}", "{dir}/root.key"},
		{"leaf", subject, dir + "ca.pem", dir + "ca.key"},
	} {
		s.do("openssl", "req", "-new", "-key", dir+step.name+".key", "-subj", step.subject, "-out", dir+step.name+".csr")
		s.do("openssl", "x509", "-req", "-in", dir+step.name+".csr", "-CA", step.issuer, "-CAkey", step.issuerKey, "-days", "30",
			"-extfile", dir+"ext", "-extensions", step.name, "-out", dir+step.name+".pem")
	}
	s.run("openssl", "s_server", "-quiet", "-www", "-accept", "127.0.0.1:{:chain-"+number+"}", "-cert", dir+"leaf.pem", "-key", dir+"leaf.key",
		"-cert_chain", dir+"ca.pem", "-no_ticket")
}
