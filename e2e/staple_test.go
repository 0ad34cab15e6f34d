//go:build e2e && linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/responder"
)

// staples are the responses that servers get as files, and what they are.
var staples = []struct{ name, status string }{
	{"good", "good"},
	{"delegate", "good"},
	{"revoked", "revoked"},
	{"unknown", "unknown"},
	{"expired", "expired"},
	{"other-certificate", "invalid"},
	{"wrong-signer", "invalid"},
	{"usage", "invalid"}, // a delegate whose certificate is not for OCSP
	{"try-later", "invalid"},
	{"none", "not_offered"},
}

// withheld are responses that a server does not staple, because it finds them to be wrong.
var withheld = []string{"haproxy unknown", "haproxy expired", "haproxy other-certificate", "haproxy try-later", "lighttpd expired"}

// fetched are the responders that Apache asks, and what it staples then. It answers for a
// responder that does not answer, and for one that is itself in error (SSLStaplingFakeTryLater).
var fetched = []struct {
	state  responder.State
	status string
}{
	{responder.Good, "good"},
	{responder.Delegated, "good"},
	{responder.Unknown, "unknown"},
	{responder.Expired, "expired"},
	{responder.WrongSigner, "invalid"},
	{responder.DelegateWithoutUsage, "invalid"},
	{responder.OtherCertificate, "invalid"},
	{responder.TryLater, "invalid"},
	{responder.HTML, "invalid"},
	{responder.NotFound, "invalid"},
	{"revoked", "revoked"},
}

// TestStaples holds the exporter against the servers that people staple with, and prints
// what it says of each. No server says good unless it is.
func TestStaples(t *testing.T) {
	s := newSite(t, "staples", "root", "nginx", "apache2", "haproxy", "lighttpd", "openssl")
	s.makeStaples("")
	s.staplingNginx()
	s.staplingApache()
	s.staplingHAProxy()
	s.staplingLighttpd()
	s.staplingOpenSSL()
	s.write("targets.yml", modules)
	s.run(exporter, "--config.file={dir}/targets.yml", "--web.listen-address=127.0.0.1:{:exporter}")
	s.await()

	wanted := map[string]string{"nginx-demanded none": "not_offered missing_staple", "nginx-demanded good": "good"}
	for _, staple := range staples {
		for _, server := range []string{"nginx-tls12", "nginx-tls13", "haproxy", "lighttpd", "openssl"} {
			name := server + " " + staple.name
			if wanted[name] = staple.status; slices.Contains(withheld, name) {
				wanted[name] = "not_offered"
			}
		}
	}
	for _, answer := range fetched {
		wanted["apache "+string(answer.state)] = answer.status
	}
	var table strings.Builder
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		page := s.probe(t, s.fill("https://localhost:{"+stapling(name)+"}"), "")
		info, _ := page.one("tls_revocation_info")
		got := info["status"]
		if failure, failed := page.one("tls_probe_failure_info"); failed && failure["reason"] != got {
			got += " " + failure["reason"]
		}
		fmt.Fprintf(&table, "%-30s %s\n", name, got)
		if got != wanted[name] {
			t.Errorf("%s: %s, want %s\n%s", name, got, wanted[name], page)
		}
	}
	t.Logf("what the exporter says:\n%s", &table)
}

// stapling is the name of the port of a row.
func stapling(row string) string {
	return ":" + strings.NewReplacer(" ", "-", "_", "-").Replace(row)
}

func (s *site) leafOf(file string) *x509.Certificate {
	s.Helper()
	content, err := os.ReadFile(s.fill("{dir}/" + file))
	if err != nil {
		s.Fatal(err)
	}
	block, _ := pem.Decode(content)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		s.Fatal(err)
	}
	return leaf
}

// makeStaples writes the responses about a certificate to files with its prefix.
func (s *site) makeStaples(prefix string) {
	s.Helper()
	ca := lab.Intermediate
	must := func(made *tlstest.CA, err error) *tlstest.CA {
		s.Helper()
		if err != nil {
			s.Fatal(err)
		}
		return made
	}
	noUsage := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	now := time.Now()
	for name, o := range map[string]tlstest.OCSP{
		"good":              {},
		"delegate":          {Signer: must(ca.OCSPDelegate())},
		"revoked":           {Status: tlstest.OCSPRevoked, Reason: 1},
		"unknown":           {Status: tlstest.OCSPUnknown},
		"expired":           {ThisUpdate: now.Add(-48 * time.Hour), NextUpdate: now.Add(-24 * time.Hour)},
		"other-certificate": {Serial: ca.Certificate.SerialNumber},
		"wrong-signer":      {Signer: must(lab.Root.Intermediate("Another CA"))},
		"usage":             {Signer: must(ca.OCSPDelegate(noUsage))},
	} {
		der, err := ca.RespondOCSP(s.leafOf(prefix+"cert.pem"), o)
		if err != nil {
			s.Fatal(err)
		}
		s.write(prefix+name+".der", string(der))
	}
	s.write(prefix+"try-later.der", string(tlstest.OCSPError(3)))
}

// issueFor makes a certificate of the site with a change, and its key.
func (s *site) issueFor(prefix string, change func(*x509.Certificate)) {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: s.name}, DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	change(template)
	s.issue(prefix, template, key)
}

// staplingNginx sends what is in the file.
func (s *site) staplingNginx() {
	s.Helper()
	s.issueFor("must-", tlstest.MustStaple)
	s.makeStaples("must-")
	var servers strings.Builder
	for _, staple := range staples {
		for _, version := range []string{"TLSv1.2", "TLSv1.3"} {
			file := ""
			if staple.name != "none" {
				file = "ssl_stapling on; ssl_stapling_file {dir}/" + staple.name + ".der;"
			}
			port := stapling("nginx-" + strings.NewReplacer("v", "", ".", "").Replace(strings.ToLower(version)) + " " + staple.name)
			fmt.Fprintf(&servers, "  server { listen 127.0.0.1:{%s} ssl; ssl_protocols %s; %s }\n", port, version, file)
		}
	}
	s.write("nginx.conf", `
daemon off;
pid {dir}/nginx.pid;
error_log stderr info;
events {}
http {
  access_log off;
  ssl_certificate {cert};
  ssl_certificate_key {key};
`+servers.String()+`
  server { listen 127.0.0.1:{:nginx-demanded-none} ssl; ssl_certificate {dir}/must-cert.pem; ssl_certificate_key {dir}/must-key.pem; }
  server { listen 127.0.0.1:{:nginx-demanded-good} ssl; ssl_certificate {dir}/must-cert.pem; ssl_certificate_key {dir}/must-key.pem; ssl_stapling on; ssl_stapling_file {dir}/must-good.der; }
}
`)
	s.run("nginx", "-c", "{dir}/nginx.conf", "-e", "stderr")
}

// staplingApache asks the responder of the lab. It keeps what it gets by certificate, so each
// host has one of its own.
func (s *site) staplingApache() {
	s.Helper()
	r, err := responder.Start(lab, lab.Intermediate)
	if err != nil {
		s.Fatal(err)
	}
	r.Set(r.OCSP("revoked"), responder.Good)
	var hosts strings.Builder
	for _, answer := range fetched {
		name := string(answer.state)
		change := r.Names(name, "")
		if answer.status == "revoked" {
			change = r.Revoked(name, "")
		}
		s.issueFor("apache-"+name+"-", change)
		port := "127.0.0.1:{" + stapling("apache "+name) + "}"
		fmt.Fprintf(&hosts, "Listen %s\n<VirtualHost %s>\n  SSLEngine on\n  SSLUseStapling on\n  SSLCertificateFile {dir}/apache-%s-cert.pem\n  SSLCertificateKeyFile {dir}/apache-%s-key.pem\n</VirtualHost>\n", port, port, name, name)
	}
	s.write("apache.conf", `
ServerRoot {dir}
ServerName localhost
PidFile {dir}/apache.pid
ErrorLog {dir}/apache-errors.log
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
SSLSessionCache none
SSLStaplingCache shmcb:{dir}/stapling(128000)
SSLStaplingResponderTimeout 2
SSLStaplingFakeTryLater on
`+hosts.String())
	s.run("apache2", "-D", "FOREGROUND", "-f", "{dir}/apache.conf")
}

// staplingHAProxy reads the response beside the certificate, and keeps it by certificate, so
// each port has one of its own.
func (s *site) staplingHAProxy() {
	s.Helper()
	var binds strings.Builder
	for _, staple := range staples {
		prefix := "haproxy-" + staple.name + "-"
		s.issueFor(prefix, func(*x509.Certificate) {})
		s.makeStaples(prefix)
		s.do("sh", "-c", "cat {dir}/"+prefix+"cert.pem {dir}/"+prefix+"key.pem >{dir}/"+staple.name+".pem")
		if staple.name != "none" {
			s.do("cp", "{dir}/"+prefix+staple.name+".der", "{dir}/"+staple.name+".pem.ocsp")
		}
		fmt.Fprintf(&binds, "  bind 127.0.0.1:{%s} ssl crt {dir}/%s.pem\n", stapling("haproxy "+staple.name), staple.name)
	}
	s.write("haproxy.cfg", `
defaults
  mode http
  timeout client 5s
  timeout connect 5s
  timeout server 5s
frontend tls
`+binds.String())
	s.run("haproxy", "-db", "-f", "{dir}/haproxy.cfg")
}

// staplingLighttpd sends what is in the file, unless it has expired.
func (s *site) staplingLighttpd() {
	s.Helper()
	var sockets strings.Builder
	for _, staple := range staples {
		file := ""
		if staple.name != "none" {
			file = "  ssl.stapling-file = \"{dir}/" + staple.name + ".der\"\n"
		}
		fmt.Fprintf(&sockets, "$SERVER[\"socket\"] == \"127.0.0.1:{:lighttpd-%s}\" {\n  ssl.engine = \"enable\"\n  ssl.pemfile = \"{cert}\"\n  ssl.privkey = \"{key}\"\n%s}\n", staple.name, file)
	}
	s.write("lighttpd.conf", `
server.modules = ("mod_openssl")
server.bind = "127.0.0.1"
server.port = {:plain}
server.document-root = "{dir}"
`+sockets.String())
	s.run("lighttpd", "-D", "-f", "{dir}/lighttpd.conf")
}

// staplingOpenSSL sends what is in the file.
func (s *site) staplingOpenSSL() {
	s.Helper()
	for _, staple := range staples {
		argv := []string{"openssl", "s_server", "-quiet", "-www", "-accept", "127.0.0.1:{:openssl-" + staple.name + "}", "-cert", "{cert}", "-cert_chain", "{cert}", "-key", "{key}"}
		if staple.name != "none" {
			argv = append(argv, "-status_file", "{dir}/"+staple.name+".der")
		}
		s.run(argv...)
	}
}
