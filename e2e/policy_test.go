//go:build e2e && linux

package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"
)

// nginx with a configuration of Mozilla's guideline 5.7 complies with that configuration
// and with looser ones, and violates stricter ones.
func TestPolicyNginx(t *testing.T) {
	s := newSite(t, "nginx", "root", "nginx")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s.certify("rsa-", key)
	s.write("dh1024.pem", oakley())
	const intermediate = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" +
		"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305"
	const old = intermediate + ":ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:" +
		"ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:DHE-RSA-AES128-SHA256:DHE-RSA-AES256-SHA256:AES128-GCM-SHA256:AES256-GCM-SHA384:" +
		"AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA:DES-CBC3-SHA"
	s.write("nginx.conf", `
daemon off;
pid {dir}/nginx.pid;
error_log stderr info;
events {}
http {
  access_log off;
  ssl_certificate {cert};
  ssl_certificate_key {key};
  ssl_certificate {dir}/rsa-cert.pem;
  ssl_certificate_key {dir}/rsa-key.pem;
  ssl_ecdh_curve X25519:prime256v1:secp384r1;
  server { listen 127.0.0.1:{:modern} ssl; ssl_protocols TLSv1.3; ssl_certificate {cert}; ssl_certificate_key {key}; }
  server {
    listen 127.0.0.1:{:elliptic} ssl;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    ssl_ciphers `+intermediate+`;
  }
  server { listen 127.0.0.1:{:intermediate} ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers `+intermediate+`; }
  server { listen 127.0.0.1:{:weak} ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers `+intermediate+`:@SECLEVEL=0; ssl_dhparam {dir}/dh1024.pem; }
  server {
    listen 127.0.0.1:{:old} ssl;
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    ssl_ciphers `+old+`:@SECLEVEL=0;
    ssl_prefer_server_ciphers on;
    ssl_dhparam {dir}/dh1024.pem;
  }
  server { listen 127.0.0.1:{:usual} ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_ecdh_curve auto; }
}
`)
	s.run("nginx", "-c", "{dir}/nginx.conf", "-e", "stderr")
	s.write("targets.yml", modules+`  judged: {ca_file: "{ca}", timeout: 1m, versions: {}, ciphers: {}, policy: {}}`)
	s.run(exporter, "--config.file={dir}/targets.yml", "--web.listen-address=127.0.0.1:{:exporter}")
	s.await()
	for _, test := range []struct{ port, want string }{ // modern, intermediate, old, PCI
		{"{:modern}", "1 1 1 1"},
		{"{:intermediate}", "0 1 1 1"},
		{"{:elliptic}", "0 1 1 1"},
		{"{:weak}", "0 0 1 0"},
		{"{:old}", "0 0 1 0"},
		{"{:usual}", "0 0 0 1"},
	} {
		s.Run(test.port, func(t *testing.T) {
			p := s.probe(t, "localhost:"+s.fill(test.port), "judged")
			var got []string
			for _, policy := range []string{"mozilla_modern", "mozilla_intermediate", "mozilla_old", "pci_dss"} {
				_, value, _ := strings.Cut(string(p), "\ntls_policy_compliant{policy=\""+policy+"\"} ")
				value, _, _ = strings.Cut(value, "\n")
				got = append(got, value)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %q, want %s; violations are %v", got, test.want, p.series("tls_policy_violation_info"))
			}
			t.Log(p.series("tls_policy_violation_info"))
		})
	}
}
