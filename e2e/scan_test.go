//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/clients"
	"tls_exporter/prober/check/clients/clientstest"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/target"
)

// setting is one configuration of a daemon that scanners are to agree on.
type setting struct {
	what      string
	port      string // as the configuration of a site, {:port}
	order     string // whose order of suites counts, as the configuration says: server or client; empty: it accepts one suite
	testssl   bool   // held against testssl too, which takes ten seconds and more
	explained []explanation
}

// explanation is why another scanner does not agree with us, and what a witness is
// to be asked who speaks for us.
type explanation struct {
	groups      []hello.Group // that sslscan does not see: gnutls-cli exchanges keys in them
	suites      bool          // that sslscan does not see: s_client gets each if it offers no other
	clientOrder []string      // suites for which testssl reports the order of the server, and s_client gets the one that it offers first
	because     string
}

var (
	ellipticGroups = []hello.Group{hello.SecP256r1, hello.SecP384r1, hello.SecP521r1, hello.X25519, hello.X448}
	finiteGroups   = []hello.Group{hello.FFDHE2048, hello.FFDHE3072, hello.FFDHE4096, hello.FFDHE6144, hello.FFDHE8192}
	// sslscan 2.0.7 lists them only for TLS 1.3.
	belowTLS13 = "sslscan asks for the groups of RFC 7919 in TLS 1.3 only"
	// It takes the certificate with an ECDSA key if any suite of a ClientHello is for one.
	oneCertificate = "sslscan offers all suites together, and this server selects a certificate before it selects a suite"
	// With another suite first in the same s_server, sslscan sees all of them.
	firstIsDHE = "sslscan offers DHE beside ECDHE when it asks for a group, and this server prefers DHE"
	// RFC 8422 section 5.1: the groups of a client are also the curves of certificates.
	onlyItsOwn = "sslscan offers each group alone, and a server with a certificate on P-256 accepts no client without P-256"
	// Of its list for TLS 1.0 it is the only suite with ECDSA.
	oneSuite  = "testssl offers one suite to such a server, and reports the order of the server because it gets that suite twice"
	suiteless = "sslscan asks for groups with suites that encrypt and authenticate, of which this server has none"
)

// agree scans the settings with the exporter's own checks and with other
// people's scanners. They have to say the same, but for what is explained. What
// a page cannot say, which is the order of the suites, comes from the prober
// itself; all else has to be on the page as well.
func (s *site) agree(settings []setting) {
	s.Helper()
	s.write("targets.yml", modules+`  scan: {ca_file: "{ca}", timeout: 1m, versions: {}, ciphers: {}}`)
	s.run(exporter, "--config.file={dir}/targets.yml", "--web.listen-address=127.0.0.1:{:exporter}")
	s.await()
	module := prober.DefaultModule()
	module.CAFile, module.Timeout = s.words["ca"], option.Duration(time.Minute)
	module.Versions.Options, module.Ciphers.Options, module.Clients.Options = new(versions.Options), new(ciphers.Options), new(clients.Options)
	process := prober.NewProcess()
	s.Cleanup(process.Cache.Close)
	p, err := prober.New(module, process)
	if err != nil {
		s.Fatal(err)
	}
	for _, setting := range settings {
		s.Run(setting.what, func(t *testing.T) {
			port := s.fill(setting.port)
			target, err := target.Parse("localhost:" + port)
			if err != nil {
				t.Fatal(err)
			}
			result := p.Probe(t.Context(), target)
			found, err := ours(result)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d connections for ciphers\n%s", result.Ciphers.Finding.Connections, found)
			if found.order != setting.order {
				t.Errorf("the order is %q, and was set to be %q", found.order, setting.order)
			}
			clientstest.Compare(t, "localhost:"+port, result.Clients.Finding).Settled(t)
			shown := s.probe(t, "localhost:"+port, "scan").scan()
			for _, line := range slices.Concat(found.disagreements(shown), shown.disagreements(found)) {
				t.Errorf("the page: %s", line)
			}
			other := sslscan(t, port)
			for _, e := range setting.explained {
				e.addGroups(t, port, found, other)
				e.addSuites(t, port, found, other)
			}
			lines := found.disagreements(other)
			if setting.order == "server" {
				lines = append(lines, found.outOfOrder(other)...)
			}
			for _, line := range lines {
				t.Errorf("sslscan: %s", line)
			}
			if setting.testssl {
				other := testssl(t, port)
				for _, e := range setting.explained {
					e.correctOrder(t, port, found, other)
				}
				for _, line := range found.disagreements(other) {
					t.Errorf("testssl: %s", line)
				}
			}
		})
	}
}

// addGroups has another scanner see the groups that it did not, if there is a
// witness for each.
func (e explanation) addGroups(t *testing.T, port string, found, other *scan) {
	t.Helper()
	for _, g := range e.groups {
		switch {
		case !found.groups[g] || other.groups[g]:
			t.Errorf("%s: there is nothing to explain", g)
		case !witnessed(t, port, g):
			t.Errorf("%s: only we, and gnutls-cli does not come to it", g)
		default:
			t.Logf("%s: only we and gnutls-cli; %s", g, e.because)
			other.groups[g] = true
		}
	}
}

// correctOrder has another scanner see that the client's order counts, if s_client
// gets each suite when it comes first.
func (e explanation) correctOrder(t *testing.T, port string, found, other *scan) {
	t.Helper()
	if e.clientOrder == nil {
		return
	}
	if found.order != "client" || other.order != "server" {
		t.Errorf("we say the %s's order and they the %s's: there is nothing to explain", found.order, other.order)
	}
	for i, first := range e.clientOrder {
		list := strings.Join(slices.Concat(e.clientOrder[i:], e.clientOrder[:i]), ":") + ":@SECLEVEL=0"
		output := run(t, nil, "openssl", "s_client", "-connect", "127.0.0.1:"+port, "-no_tls1_3", "-cipher", list)
		if !bytes.Contains(output, []byte("Cipher is "+first+"\n")) {
			t.Fatalf("s_client offers %s, and gets\n%s", list, output)
		}
	}
	t.Logf("the order is the client's, say we and s_client; %s", e.because)
	other.order = "client"
}

// addSuites has another scanner see the suites of TLS 1.2 that it did not, and the prime, if
// s_client gets each of them.
func (e explanation) addSuites(t *testing.T, port string, found, other *scan) {
	t.Helper()
	if !e.suites {
		return
	}
	for _, suite := range found.suites[hello.TLS12] {
		if slices.Contains(other.suites[hello.TLS12], suite) {
			continue
		}
		name := strings.TrimSpace(strings.TrimPrefix(string(run(t, nil, "openssl", "ciphers", "-convert", suite.String())), "OpenSSL cipher name: "))
		output := run(t, nil, "openssl", "s_client", "-connect", "127.0.0.1:"+port, "-servername", "localhost", "-tls1_2", "-cipher", name)
		if !bytes.Contains(output, []byte("Cipher is "+name+"\n")) {
			t.Errorf("%s: s_client does not get it either:\n%s", suite, output)
			continue
		}
		t.Logf("%s: only we and s_client; %s", suite, e.because)
		other.suites[hello.TLS12] = append(other.suites[hello.TLS12], suite)
		if strings.HasPrefix(name, "DHE-") {
			other.dhBits = found.dhBits
		}
	}
}

// witnessed has gnutls-cli exchange keys in a group, below TLS 1.3. It offers the
// group alone, or before the curve of the server's certificate.
func witnessed(t *testing.T, port string, g hello.Group) bool {
	t.Helper()
	name := strings.ToUpper(g.String())
	for _, beside := range []string{"", ":+GROUP-SECP256R1"} {
		priority := "NORMAL:-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.1:+VERS-TLS1.0:-KX-ALL:+ECDHE-RSA:+ECDHE-ECDSA:+ANON-ECDH:+DHE-RSA:+NULL:-GROUP-ALL:+GROUP-" + name + beside
		if g.FiniteField() {
			priority = strings.NewReplacer("+ECDHE-RSA:+ECDHE-ECDSA:+ANON-ECDH:", "").Replace(priority)
		} else {
			priority = strings.Replace(priority, "+DHE-RSA:", "", 1)
		}
		output := run(t, nil, "gnutls-cli", "--verbose", "--insecure", "--port", port, "--priority", priority, "127.0.0.1")
		for _, says := range []string{"DHE-" + name + ")", "Using curve: " + name + "\n"} {
			if bytes.Contains(output, []byte(says)) {
				return true
			}
		}
	}
	return false
}

// scanPatience bounds one run of a scanner.
const scanPatience = 4 * time.Minute

// run has a program say what it has to say, whatever its status.
func run(t *testing.T, end *error, argv ...string) []byte {
	t.Helper()
	return runFor(t, scanPatience, end, argv...)
}

// runFor is run with a bound of its own.
func runFor(t *testing.T, patience time.Duration, end *error, argv ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	output, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%v: %v: %s", argv, ctx.Err(), output)
	}
	if end != nil {
		*end = err
	}
	return output
}

func sslscan(t *testing.T, port string) *scan {
	t.Helper()
	var failed error
	// Its default timeout of 3 seconds is too short for ffdhe8192 on a busy machine.
	output := run(t, &failed, "sslscan", "--xml=-", "--ipv4", "--timeout=30", "--no-heartbleed", "--no-renegotiation", "--no-compression", "--no-fallback", "localhost:"+port)
	found, err := readSSLScan(output)
	if err != nil || failed != nil {
		t.Fatal(failed, err)
	}
	return found
}

func testssl(t *testing.T, port string) *scan {
	t.Helper()
	file := filepath.Join(t.TempDir(), "testssl.json")
	// Its exit code counts problems of the server too: the output is sufficient.
	output := run(t, nil, "testssl", "--quiet", "--color", "0", "--warnings", "off", "--jsonfile", file, "-p", "-P", "-E", "127.0.0.1:"+port)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("testssl: %v: %s", err, output)
	}
	found, err := readTestSSL(content)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// newScanSite is a site with all that old servers have: beside its usual
// certificate, rsa-cert.pem, rsa-key.pem, and dh1024.pem.
func newScanSite(t *testing.T, name string, programs ...string) *site {
	t.Helper()
	s := newSite(t, name, "root", append(programs, "sslscan", "testssl", "gnutls-cli")...)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s.certify("rsa-", key)
	s.write("dh1024.pem", oakley())
	return s
}

// oakley is the Diffie-Hellman parameters with the prime of 1024 bits of RFC 2409
// section 6.2, which servers had for years.
func oakley() string {
	prime, _ := new(big.Int).SetString(`FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74`+
		`020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437`+
		`4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED`+
		`EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF`, 16)
	der, err := asn1.Marshal(struct{ P, G *big.Int }{prime, big.NewInt(2)})
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "DH PARAMETERS", Bytes: der}))
}

func TestScanNginx(t *testing.T) {
	s := newScanSite(t, "nginx", "nginx")
	s.write("nginx.conf", `
daemon off;
pid {dir}/nginx.pid;
error_log stderr info;
events {}
http {
  access_log off;
  ssl_certificate {cert};
  ssl_certificate_key {key};
  server { listen 127.0.0.1:{:modern} ssl; ssl_protocols TLSv1.3; ssl_session_tickets off; }
  server {
    listen 127.0.0.1:{:intermediate} ssl;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {dir}/rsa-cert.pem;
    ssl_certificate_key {dir}/rsa-key.pem;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
    ssl_ecdh_curve X25519:prime256v1:secp384r1;
  }
  server {
    listen 127.0.0.1:{:old} ssl;
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
    ssl_certificate {dir}/rsa-cert.pem;
    ssl_certificate_key {dir}/rsa-key.pem;
    ssl_certificate {cert};
    ssl_certificate_key {key};
    ssl_ciphers AES128-SHA:ECDHE+AESGCM:DHE:ALL:!aNULL:@SECLEVEL=0;
    ssl_prefer_server_ciphers on;
    ssl_dhparam {dir}/dh1024.pem;
  }
  server {
    listen 127.0.0.1:{:static} ssl;
    ssl_protocols TLSv1.2;
    ssl_certificate {dir}/rsa-cert.pem;
    ssl_certificate_key {dir}/rsa-key.pem;
    ssl_ciphers kRSA:!aNULL;
    ssl_session_tickets off;
  }
}
`)
	s.run("nginx", "-c", "{dir}/nginx.conf", "-e", "stderr")
	s.agree([]setting{
		{"TLS 1.3 alone", "{:modern}", "client", false, nil},
		{"ECDHE with both certificates", "{:intermediate}", "client", true, nil},
		{"all there is, in the server's order", "{:old}", "server", false, nil},
		{"static RSA without tickets", "{:static}", "client", false, nil},
	})
}

func TestScanApache(t *testing.T) {
	s := newScanSite(t, "apache2", "apache2")
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
Listen 127.0.0.1:{:old}
Listen 127.0.0.1:{:ten}
<VirtualHost 127.0.0.1:{:usual}>
  SSLEngine on
  SSLCertificateFile {cert}
  SSLCertificateKeyFile {key}
  SSLProtocol TLSv1.2 TLSv1.3
</VirtualHost>
<VirtualHost 127.0.0.1:{:old}>
  SSLEngine on
  SSLCertificateFile {dir}/rsa-cert.pem
  SSLCertificateKeyFile {dir}/rsa-key.pem
  SSLProtocol TLSv1 TLSv1.1 TLSv1.2
  SSLCipherSuite DHE-RSA-AES128-SHA:ALL:@SECLEVEL=0
  SSLOpenSSLConfCmd DHParameters {dir}/dh1024.pem
  SSLHonorCipherOrder on
  SSLSessionTickets off
</VirtualHost>
<VirtualHost 127.0.0.1:{:ten}>
  SSLEngine on
  SSLCertificateFile {cert}
  SSLCertificateKeyFile {key}
  SSLProtocol TLSv1
  SSLCipherSuite ALL:@SECLEVEL=0
</VirtualHost>
`)
	s.run("apache2", "-D", "FOREGROUND", "-f", "{dir}/apache.conf")
	s.agree([]setting{
		{"as it comes", "{:usual}", "client", false, nil},
		{"TLS 1.0 to 1.2 without tickets, with DH of 1024 bits", "{:old}", "server", false, []explanation{{groups: ellipticGroups, because: firstIsDHE}}},
		{"TLS 1.0 alone", "{:ten}", "client", true, []explanation{{groups: ellipticGroups[1:], because: onlyItsOwn}, {clientOrder: []string{"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA"}, because: oneSuite}}},
	})
}

func TestScanHAProxy(t *testing.T) {
	s := newScanSite(t, "haproxy", "haproxy")
	s.do("sh", "-c", "cat {cert} {key} >{dir}/both.pem.ecdsa; cat {dir}/rsa-cert.pem {dir}/rsa-key.pem >{dir}/both.pem.rsa; cp {dir}/both.pem.rsa {dir}/rsa.pem; cp {dir}/both.pem.ecdsa {dir}/ec.pem")
	s.write("haproxy.cfg", `
global
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout client 5s
  timeout connect 5s
  timeout server 5s
frontend tls
  bind 127.0.0.1:{:both} ssl crt {dir}/both.pem ssl-min-ver TLSv1.2 no-tls-tickets
  bind 127.0.0.1:{:old} ssl crt {dir}/rsa.pem ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.1 ciphers DEFAULT@SECLEVEL=0 prefer-client-ciphers
  bind 127.0.0.1:{:one} ssl crt {dir}/ec.pem ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.2 ciphers ECDHE-ECDSA-AES128-GCM-SHA256 curves P-256
`)
	s.run("haproxy", "-db", "-f", "{dir}/haproxy.cfg")
	s.agree([]setting{
		{"both certificates without tickets", "{:both}", "server", false, []explanation{{suites: true, because: oneCertificate}}},
		{"TLS 1.0 and 1.1", "{:old}", "client", false, []explanation{{groups: []hello.Group{hello.FFDHE2048}, because: belowTLS13}}},
		{"one suite in one group", "{:one}", "", false, nil},
	})
}

func TestScanLighttpd(t *testing.T) {
	s := newScanSite(t, "lighttpd", "lighttpd")
	s.write("lighttpd.conf", `
server.modules = ("mod_openssl")
server.bind = "127.0.0.1"
server.port = {:plain}
server.document-root = "{dir}"
$SERVER["socket"] == "127.0.0.1:{:usual}" {
  ssl.engine = "enable"
  ssl.pemfile = "{cert}"
  ssl.privkey = "{key}"
}
$SERVER["socket"] == "127.0.0.1:{:old}" {
  ssl.engine = "enable"
  ssl.pemfile = "{dir}/rsa-cert.pem"
  ssl.privkey = "{dir}/rsa-key.pem"
  ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.1", "CipherString" => "DEFAULT:@SECLEVEL=0", "Options" => "-ServerPreference,-SessionTicket")
}
`)
	s.run("lighttpd", "-D", "-f", "{dir}/lighttpd.conf")
	s.agree([]setting{
		{"as it comes", "{:usual}", "client", false, nil},
		{"TLS 1.1 to 1.3 without tickets", "{:old}", "client", false, nil},
	})
}

func TestScanOpenSSL(t *testing.T) {
	s := newScanSite(t, "s_server", "openssl")
	serve := func(port string, more ...string) {
		s.run(slices.Concat([]string{"openssl", "s_server", "-quiet", "-www", "-accept", "127.0.0.1:" + port}, more)...)
	}
	both := []string{"-cert", "{dir}/rsa-cert.pem", "-key", "{dir}/rsa-key.pem", "-dcert", "{cert}", "-dkey", "{key}"}
	serve("{:all}", append(both, "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", "-dhparam", "{dir}/dh1024.pem")...)
	serve("{:preferring}", append(both, "-cipher", "ALL:@SECLEVEL=0", "-serverpref", "-no_ticket")...)
	serve("{:hole}", append(both, "-cipher", "DEFAULT:@SECLEVEL=0", "-no_tls1_2")...)
	serve("{:null}", append(both, "-cipher", "eNULL:!aNULL:@SECLEVEL=0", "-no_tls1_3")...)
	serve("{:anonymous}", "-nocert", "-cipher", "aNULL:@SECLEVEL=0", "-no_tls1_3", "-dhparam", "{dir}/dh1024.pem")
	s.agree([]setting{
		{"all there is", "{:all}", "client", false, nil},
		{"all there is, in the server's order", "{:preferring}", "server", false, nil},
		{"no TLS 1.2", "{:hole}", "client", false, nil},
		{"NULL", "{:null}", "client", false, []explanation{{groups: ellipticGroups, because: suiteless}}},
		{"anonymous", "{:anonymous}", "client", false, []explanation{{groups: ellipticGroups, because: suiteless}}},
	})
}

func TestScanGnuTLS(t *testing.T) {
	s := newScanSite(t, "gnutls-serv", "gnutls-serv")
	serve := func(port, priority string, more ...string) {
		s.run(slices.Concat([]string{"gnutls-serv", "--quiet", "--http", "--disable-client-cert", "--port=" + port, "--priority=" + priority,
			"--x509certfile={cert}", "--x509keyfile={key}", "--x509certfile={dir}/rsa-cert.pem", "--x509keyfile={dir}/rsa-key.pem"}, more)...)
	}
	serve("{:legacy}", "LEGACY:+VERS-TLS1.0:+VERS-TLS1.1:+3DES-CBC:+ARCFOUR-128:+MD5:+NULL:+ANON-ECDH:+ANON-DH:+DHE-RSA:+RSA", "--dhparams={dir}/dh1024.pem")
	serve("{:strict}", "SECURE256:%SERVER_PRECEDENCE", "--noticket")
	serve("{:old}", "NORMAL:-VERS-ALL:+VERS-TLS1.0:+VERS-TLS1.1:+3DES-CBC:+ARCFOUR-128:-ECDHE-RSA:-ECDHE-ECDSA")
	s.agree([]setting{
		{"3DES, RC4, NULL and anonymous", "{:legacy}", "client", false, []explanation{{groups: finiteGroups, because: belowTLS13}}},
		{"what is strong, in the server's order", "{:strict}", "server", false, nil},
		{"3DES and RC4 in TLS 1.0 and 1.1", "{:old}", "client", true, []explanation{{groups: finiteGroups, because: belowTLS13}}},
	})
}
