//go:build e2e && linux

package e2e

import (
	"slices"
	"testing"
)

// TestLegacyOpenSSL probes servers that reject the hello of a current client: those with
// a certificate that another hello shows, and those with TLS 1.3 that crypto/tls does not
// have. OpenSSL's own client completes the handshake with each.
func TestLegacyOpenSSL(t *testing.T) {
	s := newSite(t, "legacy", "root", "openssl")
	openssl := func(args ...string) { s.do(append([]string{"openssl"}, args...)...) }
	certify := func(name, digest string, key ...string) []string {
		file := "{dir}/" + name
		openssl(slices.Concat([]string{"genpkey", "-out", file + ".key"}, key)...)
		openssl(append([]string{"req", "-x509", "-key", file + ".key", "-out", file + ".pem", "-days", "30", "-subj", "/CN=legacy", "-addext", "subjectAltName=DNS:localhost"}, digest)...)
		return []string{"-cert", file + ".pem", "-key", file + ".key"}
	}
	identity := []string{"-cert", "{cert}", "-key", "{key}"}
	openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024", "-pkeyopt", "dsa_paramgen_q_bits:160", "-out", "{dir}/dsa.params")
	rsa := certify("rsa", "-sha256", "-algorithm", "RSA")
	old := []string{"-cipher", "ALL:@SECLEVEL=0"}
	dhe := []string{"-no_tls1_3", "-cipher", "DHE-RSA-AES128-GCM-SHA256"}

	type server struct {
		what   string
		cert   []string
		both   []string // options of s_server and of s_client
		reason string
	}
	servers := []server{
		{"Ed448", certify("ed448", "-sha256", "-algorithm", "ed448"), []string{"-tls1_3"}, "legacy_only"},
		{"MD5", certify("md5", "-md5", "-algorithm", "RSA"), old, "legacy_only"},
		{"RSA with 512 bits", certify("rsa512", "-sha256", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512"), append(old, "-no_tls1_3"), ""},
		{"RSA with 512 bits, and TLS 1.3", []string{"-cert", "{dir}/rsa512.pem", "-key", "{dir}/rsa512.key"}, old, "tls13_intolerant"},
		{"DSA", certify("dsa", "-sha1", "-paramfile", "{dir}/dsa.params"), old, "legacy_only"},
		{"DHE", rsa, dhe, "legacy_only"},
	}
	for _, group := range []string{"ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192", "X448"} {
		servers = append(servers, server{group, identity, []string{"-tls1_3", "-groups", group}, "legacy_only"})
	}
	for _, suite := range []string{"TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"} {
		servers = append(servers, server{suite, identity, []string{"-tls1_3", "-ciphersuites", suite}, "legacy_only"})
	}
	s.write("targets.yml", modules)
	s.run(exporter, "--config.file={dir}/targets.yml", "--web.listen-address=127.0.0.1:{:exporter}")
	port := func(i int) string { return "{:s" + string(rune('a'+i)) + "}" }
	for i, server := range servers {
		s.run(slices.Concat([]string{"openssl", "s_server", "-quiet", "-accept", "127.0.0.1:" + port(i)}, server.cert, server.both)...)
	}
	s.await()
	for i, server := range servers {
		t.Run(server.what, func(t *testing.T) {
			if server.reason != "tls13_intolerant" && server.what != "DSA" { // OpenSSL's client offers no DSA signatures by default
				openssl(append([]string{"s_client", "-brief", "-connect", s.fill("127.0.0.1:" + port(i))}, server.both...)...)
			}
			for range 2 { // the second probe remembers the shape
				p := s.probe(t, s.fill("localhost:"+port(i)), "")
				failed, _ := p.one("tls_probe_failure_info")
				if server.reason != "" && (failed["reason"] != server.reason || failed["phase"] != "server_hello") {
					t.Errorf("the failure is %v, want %s", failed, server.reason)
				}
				leaf, ok := p.one("tls_certificate_info")
				if !ok || leaf["subject_cn"] != "legacy" || leaf["fingerprint_sha256"] == "" {
					t.Errorf("certificates are %v", p.series("tls_certificate_info"))
				}
				if _, shown := p.one("tls_session_info"); shown != (server.reason == "") {
					t.Errorf("a session is shown: %t", shown)
				}
			}
		})
	}
}
