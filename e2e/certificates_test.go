//go:build e2e && linux

package e2e

import (
	"os"
	"testing"
)

// OpenSSL and keytool write files in all formats, and the exporter reads the same chain from
// each. It runs as nobody.
func TestCertificateFiles(t *testing.T) {
	s := newSite(t, "certificates", "nobody", "openssl", "keytool")
	s.write("password", "secret\n")
	s.do("openssl", "x509", "-in", "{cert}", "-outform", "DER", "-out", "leaf.der")
	s.do("openssl", "crl2pkcs7", "-nocrl", "-certfile", "{cert}", "-outform", "DER", "-out", "chain.p7b")
	for file, options := range map[string][]string{
		"openssl3.p12": nil,
		"legacy.p12":   {"-legacy"},
		"aes128.p12":   {"-certpbe", "AES-128-CBC", "-iter", "100000"},
		"slow.p12":     {"-iter", "3000000"},
	} {
		s.do(append([]string{"openssl", "pkcs12", "-export", "-in", "{cert}", "-inkey", "{key}", "-passout", "file:{dir}/password", "-out", file}, options...)...)
	}
	for _, kind := range []string{"PKCS12", "JKS", "JCEKS"} {
		s.do("keytool", "-J-XX:TieredStopAtLevel=1", "-importkeystore", "-noprompt", "-srckeystore", "openssl3.p12", "-srcstorepass", "secret", "-destkeystore", "store."+kind, "-deststoretype", kind, "-deststorepass", "secret")
	}
	s.do("keytool", "-importcert", "-noprompt", "-file", "{ca}", "-alias", "root", "-keystore", "trusted.jks", "-storepass", "changeit")
	s.do("sh", "-c", "cat {key} {cert} > with-key.pem; openssl ecparam -genkey -name prime256v1 -noout > other-key.pem; cat {cert} >> other-key.pem; head -c 300 {cert} > cut.pem; mkfifo pipe; ln -s /etc/shadow shadow; ln -s cert.pem link.pem")
	secret := s.write("of-root.pem", "secret")
	if err := os.Chown(secret, 0, 0); err != nil {
		t.Fatal(err)
	}
	const stores = "  stores: {ca_file: '{ca}', password_file: password}\n"
	s.see(stores, []row{
		{"PEM", "file://{dir}/cert.pem", "", fromFile, ""},
		{"a symbolic link", "file://{dir}/link.pem", "", fromFile, ""},
		{"PEM with its key", "file://{dir}/with-key.pem", "", fromFile, ""},
		{"PEM with another key", "file://{dir}/other-key.pem", "", fromFile, "key_mismatch"},
		{"PEM that is cut", "file://{dir}/cut.pem", "", "read", "no_certificate"},
		{"PKCS #7", "file://{dir}/chain.p7b", "", fromFile, ""},
		{"PKCS #12 of OpenSSL 3", "file://{dir}/openssl3.p12", "stores", fromFile, ""},
		{"PKCS #12 of OpenSSL 1", "file://{dir}/legacy.p12", "stores", fromFile, ""},
		{"PKCS #12 with AES-128", "file://{dir}/aes128.p12", "stores", fromFile, ""},
		{"PKCS #12 without the password", "file://{dir}/openssl3.p12", "", "read", "wrong_password"},
		{"PKCS #12 of Java", "file://{dir}/store.PKCS12", "stores", fromFile, ""},
		{"JKS", "file://{dir}/store.JKS", "stores", fromFile, ""},
		{"JCEKS", "file://{dir}/store.JCEKS", "", fromFile, ""},
		{"a pipe", "file://{dir}/pipe", "", "read", "not_a_file"},
		{"a directory", "file://{dir}", "", "read", "not_a_file"},
		{"a file of root", "file://{dir}/of-root.pem", "", "read", "permission_denied"},
		{"a link to /etc/shadow", "file://{dir}/shadow", "", "read", "denied"},
		{"nothing", "file://{dir}/nothing", "", "read", "no_such_file"},
	})
	t.Run("PKCS #12 with too many iterations", func(t *testing.T) {
		if p := s.probe(t, s.fill("file://{dir}/slow.p12"), "stores"); p.outcome() != "too_large" {
			t.Errorf("the page is\n%s", p)
		}
	})
	t.Run("trusted roots", func(t *testing.T) {
		if p := s.probe(t, s.fill("file://{dir}/trusted.jks"), ""); p.outcome() != "" || len(p.chain()) != 1 {
			t.Errorf("the page is\n%s", p)
		}
	})
}
