//go:build e2e && linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// daneService is a name of the zone signed.test, its TLSA records, and the verdict on them.
type daneService struct {
	records []string // as zone files have them
	want    string   // tls_dane_match; empty: absent
}

// The TLSA records of zones that Knot serves and ldns signed, behind an Unbound that
// validates, and OpenSSL's verdict on the same records and servers.
func TestDANE(t *testing.T) {
	s := newSite(t, "dane", "root", "knotd", "unbound", "nginx", "postfix", "/usr/lib/postfix/sbin/master", "ldns-keygen", "ldns-signzone", "openssl")
	leaf := s.certifyZones()
	services := daneServices(leaf, s.otherLeaf())
	s.serveZones(services)
	s.serveDANE()
	s.write("targets.yml", `
modules:
  default: {ca_file: "{ca}", resolver: "127.0.0.1:{:resolver}", dane: {}}
  mx: {ca_file: "{ca}", resolver: "127.0.0.1:{:resolver}", dane: {mx: true}}
  system: {ca_file: "{ca}", resolver: "127.0.0.1:{:plain}", dane: {}}
`)
	s.run(exporter, "--config.file={dir}/targets.yml", "--web.listen-address=127.0.0.1:{:exporter}")
	s.await()
	for _, name := range slices.Sorted(maps.Keys(services)) {
		t.Run(name, func(t *testing.T) {
			service := services[name]
			p := s.probe(t, s.fill("https://"+name+".signed.test:{:https}"), "")
			if got := p.value("tls_dane_match"); got != service.want || p.value("tls_dane_secure") != "1" {
				t.Errorf("got %q, want %q: %s", got, service.want, p)
			}
			if verdict := s.opensslDANE(t, name+".signed.test", service.records); service.want != "" && verdict != service.want {
				t.Errorf("OpenSSL says %q, want %q", verdict, service.want)
			}
		})
	}
	for _, test := range []struct{ name, target, module, want string }{
		{"not signed", "https://www.unsigned.test:{:https}", "", "1 records, secure 0, match , "},
		{"expired signatures", "https://www.expired.test:{:https}", "", " records, secure , match , dnssec_bogus"},
		{"no records", "https://none.signed.test:{:https}", "", "0 records, secure , match , "},
		{"an alias", "https://alias.signed.test:{:https}", "", "1 records, secure 1, match 1, "},
		{"without validation", "https://u311.signed.test:{:https}", "system", "1 records, secure 0, match , "},
		{"mail", "smtp://mx1.signed.test:{:smtp}", "", "1 records, secure 1, match 1, "},
		{"mail, an old record", "smtp://mx2.signed.test:{:smtp}", "", "1 records, secure 1, match 0, "},
		{"mail, PKIX-EE", "smtp://mx3.signed.test:{:smtp}", "", "1 records, secure 1, match , "},
		{"mail domain", "smtp://good.signed.test:{:smtp}", "mx", "1 records, secure 1, match 1, "},
		{"mail domain with a wrong server", "smtp://bad.signed.test:{:smtp}", "mx", "2 records, secure 1, match 0, "},
		{"mail domain of an unsigned zone", "smtp://unsigned.test:{:smtp}", "mx", "1 records, secure 0, match , "},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := s.probe(t, s.fill(test.target), test.module)
			reason := series{}
			for _, failed := range p.series("tls_check_failure_info") {
				reason = failed
			}
			got := fmt.Sprintf("%s records, secure %s, match %s, %s", p.value("tls_dane_records"), p.value("tls_dane_secure"), p.value("tls_dane_match"), reason["reason"])
			if got != test.want {
				t.Errorf("got %s, want %s: %s", got, test.want, p)
			}
		})
	}
}

// value is the value of a metric without labels; empty: it is absent.
func (p page) value(name string) string {
	_, after, found := strings.Cut(string(p), "\n"+name+" ")
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(after, "\n")
	return value
}

// certifyZones replaces the certificate of the site with one for the zones.
func (s *site) certifyZones() *x509.Certificate {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	s.words["cert"], s.words["key"] = s.issue("dane-", zonesTemplate(), key)
	content, err := os.ReadFile(s.words["cert"])
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

func zonesTemplate() *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "dane"}, DNSNames: []string{"*.signed.test", "*.unsigned.test", "*.expired.test", "unsigned.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

// otherLeaf is the certificate that the site had before.
func (s *site) otherLeaf() *x509.Certificate {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	leaf, err := lab.Intermediate.Issue(zonesTemplate(), key)
	if err != nil {
		s.Fatal(err)
	}
	return leaf
}

// tlsaOf is the record of a certificate.
func tlsaOf(usage, selector, matching int, c *x509.Certificate) string {
	content := c.Raw
	if selector == 1 {
		content = c.RawSubjectPublicKeyInfo
	}
	switch matching {
	case 1:
		digest := sha256.Sum256(content)
		content = digest[:]
	case 2:
		digest := sha512.Sum512(content)
		content = digest[:]
	}
	return fmt.Sprintf("%d %d %d %x", usage, selector, matching, content)
}

// daneServices is each usage, selector and matching type, right and wrong, and sets of
// records.
func daneServices(leaf, other *x509.Certificate) map[string]daneService {
	ca, otherCA := lab.Intermediate.Certificate, other
	all := map[string]daneService{
		"before":    {[]string{tlsaOf(3, 1, 1, leaf), tlsaOf(3, 1, 1, other)}, "1"}, // a rollover: the next key is published
		"after":     {[]string{tlsaOf(3, 1, 1, other)}, "0"},                        // and the key was changed, without its record
		"digests":   {[]string{tlsaOf(3, 1, 1, leaf), tlsaOf(3, 1, 2, other)}, "0"},
		"selectors": {[]string{tlsaOf(3, 0, 1, leaf), tlsaOf(3, 1, 2, other)}, "1"},
		"root":      {[]string{tlsaOf(2, 0, 0, lab.Root.Certificate)}, "1"},
		"rootkey":   {[]string{tlsaOf(2, 1, 0, lab.Root.Certificate)}, "1"},
		"pkixroot":  {[]string{tlsaOf(0, 0, 1, lab.Root.Certificate)}, "1"},
		"leafasca":  {[]string{tlsaOf(2, 0, 1, leaf)}, "0"},
		"short":     {[]string{"3 1 1 00"}, ""},
		"undefined": {[]string{"4 1 1 " + strings.Repeat("00", 32)}, ""},
		"both":      {[]string{"3 1 1 00", tlsaOf(3, 1, 1, leaf)}, "1"},
	}
	for usage := range 4 {
		right, wrong := ca, otherCA
		if usage%2 == 1 {
			right, wrong = leaf, other
		}
		for selector := range 2 {
			for matching := range 3 {
				name := fmt.Sprintf("%d%d%d", usage, selector, matching)
				all["u"+name] = daneService{[]string{tlsaOf(usage, selector, matching, right)}, "1"}
				all["x"+name] = daneService{[]string{tlsaOf(usage, selector, matching, wrong)}, "0"}
			}
		}
	}
	return all
}

// serveZones signs the zones, and starts Knot, an Unbound that validates, and one that does
// not. The signatures of expired.test have expired.
func (s *site) serveZones(services map[string]daneService) {
	s.Helper()
	right, wrong := services["u311"].records[0], services["x311"].records[0]
	var signed strings.Builder
	for name, service := range services {
		fmt.Fprintf(&signed, "%s A 127.0.0.1\n", name)
		for _, record := range service.records {
			fmt.Fprintf(&signed, "_{:https}._tcp.%s TLSA %s\n", name, record)
		}
	}
	fmt.Fprintf(&signed, `none A 127.0.0.1
alias CNAME u311
mx1 A 127.0.0.1
_{:smtp}._tcp.mx1 TLSA %s
mx2 A 127.0.0.1
_{:smtp}._tcp.mx2 TLSA %s
mx3 A 127.0.0.1
_{:smtp}._tcp.mx3 TLSA %s
good A 127.0.0.1
good MX 10 mx1
bad A 127.0.0.1
bad MX 10 mx1
bad MX 20 mx2
`, right, wrong, services["u111"].records[0])
	other := "@ A 127.0.0.1\n@ MX 10 www\nwww A 127.0.0.1\n_{:https}._tcp.www TLSA " + right + "\n_{:smtp}._tcp.www TLSA " + right + "\n"
	s.zone("unsigned.test", other)
	s.zone("signed.test", signed.String())
	s.zone("expired.test", other)
	s.sign("signed.test", time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour))
	s.sign("expired.test", time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour))
	s.write("knot.conf", `
server:
    user: knot:knot
    rundir: {dir}/knot
    listen: 127.0.0.1@{:knot}
database:
    storage: {dir}/knot
zone:
  - domain: signed.test.
    file: "{dir}/signed.test.signed"
  - domain: expired.test.
    file: "{dir}/expired.test.signed"
  - domain: unsigned.test.
    file: "{dir}/unsigned.test"
`)
	s.folder("knot")
	s.do("chown", "-R", "knot", "{dir}/knot", "{dir}/signed.test.signed", "{dir}/expired.test.signed", "{dir}/unsigned.test")
	s.run("knotd", "-c", "{dir}/knot.conf")
	s.resolve("resolver", "validator iterator")
	s.resolve("plain", "iterator")
}

// zone writes a zone, which is not signed yet.
func (s *site) zone(name, records string) {
	s.Helper()
	s.write(name, "$ORIGIN "+name+".\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"+records)
}

// sign makes a key for a zone, and signs it.
func (s *site) sign(zone string, from, to time.Time) {
	s.Helper()
	out, err := s.command("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", zone).Output()
	if err != nil {
		s.Fatal(err)
	}
	key := strings.TrimSpace(string(out))
	const date = "20060102150405"
	s.do("ldns-signzone", "-i", from.UTC().Format(date), "-e", to.UTC().Format(date), "-o", zone, zone, key)
	ds, err := os.ReadFile(filepath.Join(s.words["dir"], key+".ds"))
	if err != nil {
		s.Fatal(err)
	}
	s.write(zone+".ds", string(ds))
}

// resolve starts an Unbound on a port, with the zones of Knot.
func (s *site) resolve(port, modules string) {
	s.Helper()
	s.write(port+".conf", `
server:
  directory: "{dir}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: 127.0.0.1@{:`+port+`}
  do-not-query-localhost: no
  module-config: "`+modules+`"
  trust-anchor-file: "{dir}/signed.test.ds"
  trust-anchor-file: "{dir}/expired.test.ds"
  local-zone: "test." transparent
stub-zone:
  name: "signed.test"
  stub-addr: 127.0.0.1@{:knot}
stub-zone:
  name: "expired.test"
  stub-addr: 127.0.0.1@{:knot}
stub-zone:
  name: "unsigned.test"
  stub-addr: 127.0.0.1@{:knot}
remote-control:
  control-enable: no
`)
	s.run("unbound", "-d", "-c", "{dir}/"+port+".conf")
}

// serveDANE starts nginx and Postfix with the certificate.
func (s *site) serveDANE() {
	s.Helper()
	s.write("nginx.conf", `
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log;
events {}
http {
  access_log off;
  client_body_temp_path {dir};
  server { listen 127.0.0.1:{:https} ssl; ssl_certificate {cert}; ssl_certificate_key {key}; }
}
`)
	s.run("nginx", "-c", "{dir}/nginx.conf", "-e", "{dir}/nginx-error.log")
	s.folder("queue")
	s.folder("data")
	s.do("chown", "postfix", "{dir}/data")
	s.write("main.cf", `
compatibility_level = 3.7
maillog_file = /dev/stdout
queue_directory = {dir}/queue
data_directory = {dir}/data
myhostname = mx1.signed.test
inet_protocols = ipv4
alias_maps =
smtpd_tls_chain_files = {key}, {cert}
smtpd_tls_security_level = may
`)
	s.write("master.cf", `
127.0.0.1:{:smtp} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
rewrite unix - - n - - trivial-rewrite
`)
	s.do("postfix", "-c", "{dir}", "check")
	s.run("/usr/lib/postfix/sbin/master", "-c", "{dir}", "-d", "-s")
}

// opensslDANE is what openssl s_client says about the server and records: 1 or 0.
func (s *site) opensslDANE(t *testing.T, name string, records []string) string {
	t.Helper()
	argv := []string{"s_client", "-connect", "127.0.0.1:{:https}", "-servername", name, "-CAfile", "{ca}", "-dane_tlsa_domain", name}
	for _, record := range records {
		argv = append(argv, "-dane_tlsa_rrdata", record)
	}
	for i := range argv {
		argv[i] = s.fill(argv[i])
	}
	out, _ := exec.Command("openssl", argv...).CombinedOutput() // with no input, it says goodbye; a verification that fails is no error
	switch text := string(out); {
	case strings.Contains(text, "Verify return code: 0 (ok)") && strings.Contains(text, "DANE TLSA"):
		return "1"
	case strings.Contains(text, "Verify return code: ") && !strings.Contains(text, "Verify return code: 0"):
		return "0"
	default:
		return text
	}
}
