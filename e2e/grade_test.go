//go:build e2e && linux

package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/legacy"
)

// graded is a server, its grade and what testssl.sh says of it.
type graded struct {
	what    string
	target  string // with {:ports}, as in a configuration of the site
	ours    string // grade, score and cap
	theirs  string // grade and score by testssl.sh 3.2.4
	differs *disagreement
}

// disagreement is why testssl.sh gives another grade or score, and a third program whose
// output agrees with the exporter.
type disagreement struct {
	because string
	witness string // a command for sh, in which {:ports} are filled in
	says    string // a part of its output
}

// The disagreements. All of them are about rules of the guide that testssl.sh does not apply
// or applies in another way.
var (
	shortPrime = func(port string) *disagreement {
		return &disagreement{"testssl.sh finds the short prime, but its score leaves it out",
			"openssl s_client -connect 127.0.0.1:" + port + " -no_tls1_3 -cipher DHE:@SECLEVEL=0 </dev/null", "Server Temp Key: DH, 1024 bits"}
	}
	noAEAD = func(port string) *disagreement {
		return &disagreement{"testssl.sh has the rule in its source, but never applies it",
			"openssl s_client -connect 127.0.0.1:" + port + " -cipher AESGCM:CHACHA20:AESCCM </dev/null", "handshake failure"}
	}
	anonymousSuites = func(port string) *disagreement {
		return &disagreement{"testssl.sh has no rule for anonymous suites; the guide gives them no points",
			"openssl s_client -connect 127.0.0.1:" + port + " -no_tls1_3 -cipher aNULL:@SECLEVEL=0 </dev/null", "Cipher is ADH-"}
	}
)

// TestGrades compares the grades of different servers with those of testssl.sh, in the
// version that rates by the same version of the guide. Debian's testssl.sh before 3.2 has
// no rating, so what testssl.sh 3.2.4 says is written down here. With the path of such a
// version in TESTSSL it is asked again, which takes a minute and more for each server. An A+
// of testssl.sh is an A here: no check asks for HSTS.
func TestGrades(t *testing.T) {
	s := newSite(t, "grades", "root", "nginx", "apache2", "openssl", "gnutls-serv")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s.certify("rsa-", key)
	s.write("dh1024.pem", oakley())
	s.serveGrades()
	s.write("targets.yml", modules+`  graded: {ca_file: "{ca}", timeout: 1m, versions: {}, ciphers: {}, vulnerabilities: {}, grade: {}}`)
	s.run(exporter, "--config.file={dir}/targets.yml", "--web.listen-address=127.0.0.1:{:exporter}")
	servers := []graded{
		{"nginx, TLS 1.3 alone, with HSTS", "localhost:{:modern}", "A 96 hsts_unknown", "A+ 96", nil},
		{"nginx, ECDHE with AEAD", "localhost:{:intermediate}", "A 93 hsts_unknown", "A+ 93", nil},
		{"nginx, TLS 1.0 to 1.3, DHE with 1024 bits", "localhost:{:old}", "B 88 weak_key", "B 91", shortPrime("{:old}")},
		{"nginx, static RSA", "localhost:{:static}", "B 93 no_forward_secrecy", "B 93", nil},
		{"nginx, CBC", "localhost:{:cbc}", "B 93 no_aead", "A- 93", noAEAD("{:cbc}")},
		{"apache, as it comes", "localhost:{:usual}", "A 96 hsts_unknown", "A+ 96", nil},
		{"apache, TLS 1.0 alone", "localhost:{:ten}", "C 93 no_tls12", "C 93", nil},
		{"s_server, without the intermediate", "localhost:{:leaf}", "B 93 incomplete_chain", "B 93", nil},
		{"s_server, TLS 1.2 alone", "localhost:{:twelve}", "A- 93 no_tls13", "A- 93", nil},
		{"s_server, NULL", "localhost:{:null}", "F 0 weak_cipher", "F 0", nil},
		{"s_server, anonymous suites", "localhost:{:anonymous}", "F 0 anonymous", "B 91", anonymousSuites("{:anonymous}")},
		{"gnutls-serv, 3DES and RC4", "localhost:{:rc4}", "C 90 no_tls12", "C 90", nil},
		{"lab, expired", "localhost:{:expired}", "T 0 expired", "T 0", nil},
		{"lab, self-signed", "localhost:{:self}", "T 0 self_signed", "T 0", nil},
		{"lab, another name", "localhost:{:name}", "M 0 name_mismatch", "M 0", nil},
		{"lab, SSL 3.0 with CBC", "localhost:{:poodle}", "C 90 poodle", "C 90", nil},
		{"lab, Heartbleed", "localhost:{:heartbleed}", "F 0 heartbleed", "F 0", nil},
		{"lab, SMTP with STARTTLS", "smtp://localhost:{:smtp}", "T 0 starttls", "T 0", nil},
	}
	page, err := os.ReadFile("../docs/scanning.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range servers {
		if row := server.row(); !bytes.Contains(page, []byte(row)) {
			t.Errorf("docs/scanning.md does not have the row\n%s", row)
		}
		s.fill(server.target)
	}
	s.await()
	for _, server := range servers {
		t.Run(server.what, func(t *testing.T) {
			t.Parallel()
			s.grade(t, server)
		})
	}
}

// row is that of the table in docs/scanning.md.
func (g graded) row() string {
	because := ""
	if g.differs != nil {
		because = g.differs.because
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", g.what, g.ours, g.theirs, because)
}

func (s *site) grade(t *testing.T, server graded) {
	target := s.fill(server.target)
	page := s.probe(t, target, "graded")
	info, _ := page.one("tls_grade_info")
	_, after, _ := strings.Cut(string(page), "\ntls_grade_score ")
	score, _, _ := strings.Cut(after, "\n")
	ours := fmt.Sprintf("%s %s %s", info["grade"], score, info["cap"])
	t.Logf("%s, testssl.sh %s", ours, server.theirs)
	if ours != server.ours {
		t.Errorf("the grade is %s, want %s\n%s", ours, server.ours, page)
	}
	agree := strings.HasPrefix(server.ours, strings.Replace(server.theirs, "A+", "A", 1)+" ")
	switch {
	case agree != (server.differs == nil):
		t.Errorf("we say %s, testssl.sh %s, and the difference is %v", server.ours, server.theirs, server.differs)
	case !agree:
		output := run(t, nil, "sh", "-c", s.fill(server.differs.witness))
		if !bytes.Contains(output, []byte(server.differs.says)) {
			t.Errorf("%s does not say %q:\n%s", server.differs.witness, server.differs.says, output)
		}
		t.Log(server.differs.because)
	}
	if program := os.Getenv("TESTSSL"); program != "" {
		if theirs := s.rate(t, program, target); theirs != server.theirs {
			t.Errorf("testssl.sh says %s, want %s", theirs, server.theirs)
		}
	}
}

// ratingPatience bounds one rating, also where several share a processor.
const ratingPatience = 20 * time.Minute

// ratedBy is the tests of testssl.sh without which there is no rating.
var ratedBy = strings.Fields("-p -s -f -S -h -H -I -T --BB -R -C -O -Z -D -A -4 -J -E")

// rate returns the grade and the score by testssl.sh.
func (s *site) rate(t *testing.T, program, target string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "testssl.json")
	options := slices.Concat([]string{program, "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1", "--add-ca", s.fill("{ca}"), "--jsonfile", file}, ratedBy)
	if scheme, rest, ok := strings.Cut(target, "://"); ok {
		options, target = append(options, "--starttls", scheme), rest
	}
	output := runFor(t, ratingPatience, nil, append(options, target)...)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("testssl.sh: %v: %s", err, output)
	}
	var findings []struct{ ID, Finding string }
	if err := json.Unmarshal(content, &findings); err != nil {
		t.Fatal(err)
	}
	says := make(map[string]string)
	for _, f := range findings {
		says[f.ID] = f.Finding
		if strings.HasPrefix(f.ID, "grade_cap_reason") || strings.Contains(f.ID, "_score") {
			t.Logf("%s: %s", f.ID, f.Finding)
		}
	}
	return says["overall_grade"] + " " + says["final_score"]
}

// serveGrades starts the servers.
func (s *site) serveGrades() {
	s.Helper()
	s.write("nginx.conf", `
daemon off;
pid {dir}/nginx.pid;
error_log stderr info;
events {}
http {
  access_log off;
  ssl_certificate {dir}/rsa-cert.pem;
  ssl_certificate_key {dir}/rsa-key.pem;
  server {
    listen 127.0.0.1:{:modern} ssl;
    ssl_protocols TLSv1.3;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    add_header Strict-Transport-Security "max-age=63072000" always;
  }
  server { listen 127.0.0.1:{:intermediate} ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20; }
  server {
    listen 127.0.0.1:{:old} ssl;
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    ssl_ciphers AES128-SHA:ECDHE+AESGCM:DHE:ALL:!aNULL:@SECLEVEL=0;
    ssl_prefer_server_ciphers on;
    ssl_dhparam {dir}/dh1024.pem;
  }
  server { listen 127.0.0.1:{:static} ssl; ssl_protocols TLSv1.2; ssl_ciphers kRSA+AES; }
  server { listen 127.0.0.1:{:cbc} ssl; ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384; }
}
`)
	s.run("nginx", "-c", "{dir}/nginx.conf", "-e", "stderr")
	s.write("apache.conf", `
ServerRoot {dir}
ServerName localhost
PidFile {dir}/apache.pid
ErrorLog {dir}/apache-errors.log
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
SSLSessionCache none
SSLCertificateFile {cert}
SSLCertificateKeyFile {key}
Listen 127.0.0.1:{:usual}
Listen 127.0.0.1:{:ten}
<VirtualHost 127.0.0.1:{:usual}>
  SSLEngine on
  SSLProtocol TLSv1.2 TLSv1.3
</VirtualHost>
<VirtualHost 127.0.0.1:{:ten}>
  SSLEngine on
  SSLProtocol TLSv1
  SSLCipherSuite ALL:@SECLEVEL=0
</VirtualHost>
`)
	s.run("apache2", "-D", "FOREGROUND", "-f", "{dir}/apache.conf")
	openssl := func(port string, more ...string) {
		s.run(slices.Concat([]string{"openssl", "s_server", "-quiet", "-www", "-accept", "127.0.0.1:" + port, "-cert", "{dir}/rsa-cert.pem", "-key", "{dir}/rsa-key.pem"}, more)...)
	}
	chain := []string{"-cert_chain", "{dir}/rsa-cert.pem"}
	openssl("{:leaf}")
	openssl("{:twelve}", append(chain, "-no_tls1_3", "-cipher", "ECDHE+AESGCM")...)
	openssl("{:null}", append(chain, "-cipher", "ALL:!aNULL:eNULL:@SECLEVEL=0")...)
	openssl("{:anonymous}", append(chain, "-cipher", "ALL:@SECLEVEL=0")...)
	s.run("gnutls-serv", "--quiet", "--http", "--disable-client-cert", "--port={:rc4}", "--priority=NORMAL:-VERS-ALL:+VERS-TLS1.0:+VERS-TLS1.1:+3DES-CBC:+ARCFOUR-128:-DHE-RSA",
		"--x509certfile={dir}/rsa-cert.pem", "--x509keyfile={dir}/rsa-key.pem")
	s.serveLab("{:expired}", tlstest.Server{Leaf: func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	}})
	s.serveLab("{:self}", tlstest.Server{SelfSigned: true})
	s.serveLab("{:name}", tlstest.Server{Leaf: func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"other.test"}, nil }})
	s.serveLab("{:smtp}", tlstest.Server{StartTLS: "smtp"})
	s.serveLegacy("{:poodle}", legacy.Server{Versions: []uint16{0x0300, tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12}})
	s.serveLegacy("{:heartbleed}", legacy.Server{Heartbeat: legacy.HeartbeatVulnerable})
}

// serveLab starts a server of the lab on a port of the site.
func (s *site) serveLab(port string, server tlstest.Server) {
	s.Helper()
	server.Address = net.JoinHostPort("127.0.0.1", s.fill(port))
	if addr, err := lab.Start(server); err != nil || addr != server.Address {
		s.Fatal(addr, err)
	}
}

func (s *site) serveLegacy(port string, server legacy.Server) {
	s.Helper()
	server.Base.Address = net.JoinHostPort("127.0.0.1", s.fill(port))
	if addr, err := legacy.Start(lab, server); err != nil || addr != server.Base.Address {
		s.Fatal(addr, err)
	}
}
