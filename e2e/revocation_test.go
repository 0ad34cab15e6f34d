//go:build e2e && linux

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/responder"
)

// revocationRow is a certificate that names one responder or one list, and what the exporter
// has to say about it.
type revocationRow struct {
	what, source string
	url          string // with {:ports}
	listed       string // in the database of openssl ca and openssl ocsp: V, R, R,certificateHold; empty: it is not there
	want         string
	entry        int // of the list of a million that the certificate is; 0: none
}

// The rows. Each has one fault at most.
var revocationRows = []revocationRow{
	{"good", "ocsp", "http://127.0.0.1:{:ocsp}", "V", "good", 0},
	{"revoked", "ocsp", "http://127.0.0.1:{:ocsp}", "R,keyCompromise", "revoked", 0},
	{"on hold", "ocsp", "http://127.0.0.1:{:ocsp}", "R,certificateHold", "revoked", 0},
	{"unknown", "ocsp", "http://127.0.0.1:{:ocsp}", "", "unknown", 0},
	{"expired", "ocsp", "http://127.0.0.1:{:ocsp-old}", "V", "expired", 0},
	{"wrong signer", "ocsp", "http://127.0.0.1:{:ocsp-wrong}", "V", "invalid", 0},
	{"delegated signer", "ocsp", "http://127.0.0.1:{:ocsp-delegated}", "V", "good", 0},
	{"delegated signer, revoked", "ocsp", "http://127.0.0.1:{:ocsp-delegated}", "R", "revoked", 0},
	{"delegate without the usage", "ocsp", "http://127.0.0.1:{:ocsp-usage}", "V", "invalid", 0},
	{"tryLater", "ocsp", "http://127.0.0.1:{:www}/trylater", "V", "invalid", 0},
	{"unreachable", "ocsp", "http://127.0.0.1:{:nobody}", "V", "unavailable", 0},
	{"10 s slow", "ocsp", "http://127.0.0.1:{:ocsp-slow}/ocsp/slow", "V", "unavailable", 0},
	{"404", "ocsp", "http://127.0.0.1:{:www}/404", "V", "unavailable", 0},
	{"HTML for DER", "ocsp", "http://127.0.0.1:{:www}/html", "V", "invalid", 0},

	{"good", "crl", "http://127.0.0.1:{:www}/good.crl", "V", "good", 0},
	{"revoked", "crl", "http://127.0.0.1:{:www}/good.crl", "R,keyCompromise", "revoked", 0},
	{"on hold", "crl", "http://127.0.0.1:{:www}/good.crl", "R,certificateHold", "revoked", 0},
	{"version 1", "crl", "http://127.0.0.1:{:www}/v1.crl", "V", "good", 0},
	{"expired", "crl", "http://127.0.0.1:{:www}/expired.crl", "V", "expired", 0},
	{"expired, revoked", "crl", "http://127.0.0.1:{:www}/expired.crl", "R", "revoked", 0},
	{"wrong signer", "crl", "http://127.0.0.1:{:www}/wrong.crl", "V", "invalid", 0},
	{"its shard", "crl", "http://127.0.0.1:{:www}/shard.crl", "V", "good", 0},
	{"the other shard", "crl", "http://127.0.0.1:{:www}/other.crl", "V", "invalid", 0},
	{"delta", "crl", "http://127.0.0.1:{:www}/delta.crl", "V", "invalid", 0},
	{"indirect", "crl", "http://127.0.0.1:{:www}/indirect.crl", "V", "invalid", 0},
	{"PEM", "crl", "http://127.0.0.1:{:www}/pem.crl", "V", "invalid", 0},
	{"unreachable", "crl", "http://127.0.0.1:{:nobody}/crl", "V", "unavailable", 0},
	{"10 s slow", "crl", "http://127.0.0.1:{:www}/slow.crl", "V", "unavailable", 0},
	{"404", "crl", "http://127.0.0.1:{:www}/404", "V", "unavailable", 0},
	{"HTML for DER", "crl", "http://127.0.0.1:{:www}/html", "V", "invalid", 0},
	{"a million entries", "crl", "http://127.0.0.1:{:www}/million.crl", "V", "good", 0},
	{"one of a million entries", "crl", "http://127.0.0.1:{:www}/million.crl", "", "revoked", 500_000},
}

// What the check revocation says about the responders and the lists of OpenSSL, and about
// what nginx serves instead of them.
func TestRevocation(t *testing.T) {
	s := newSite(t, "revocation", "root", "openssl", "nginx", "faketime")
	ca := &authority{site: s}
	ca.certify()
	ca.respond()
	ca.list()
	ca.serve()
	s.write("targets.yml", modules+"  revocation: {ca_file: \"{ca}\", timeout: 20s, revocation: {}}\n")
	s.run(exporter, "--config.file={dir}/targets.yml", "--web.listen-address=127.0.0.1:{:exporter}")
	ca.await()

	before := s.memory()
	pages := make([]page, len(revocationRows))
	var all sync.WaitGroup
	for i, r := range revocationRows {
		all.Go(func() { pages[i] = s.settled(t, i, r.want) })
	}
	all.Wait()
	for i, r := range revocationRows {
		said := pages[i].revocation("0", r.source)
		t.Logf("%-4s  %-28s %s", r.source, r.what, said)
		if said != r.want || pages[i].revoked() != (r.want == "revoked") || len(pages[i].series("tls_revocation_info")) < 4 {
			t.Errorf("%s, %s: %s; want %s, and the page is\n%s", r.source, r.what, said, r.want, pages[i])
		}
	}
	t.Logf("resident memory of the exporter: %s before, %s after", before, s.memory())
	s.outlast(t)
}

// settled probes the certificate of a row. A download that takes longer than a probe waits for it,
// as that of a million entries may, is asked for again.
func (s *site) settled(t *testing.T, row int, want string) page {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		p := s.probe(t, "https://localhost:"+s.words[fmt.Sprint(":leaf", row)], "revocation")
		if p.revocation("0", revocationRows[row].source) != "unavailable" || want == "unavailable" || time.Now().After(deadline) {
			return p
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// outlast waits for the slow downloads, which go on after the probe that began them.
func (s *site) outlast(t *testing.T) {
	for i, r := range revocationRows {
		if r.what == "10 s slow" {
			said := s.settled(t, i, "good").revocation("0", r.source)
			t.Logf("%-4s  %-28s %s in the end", r.source, r.what, said)
			if said != "good" {
				t.Errorf("%s, %s: %s in the end", r.source, r.what, said)
			}
		}
	}
}

// memory is the resident memory of the exporter, which was started last.
func (s *site) memory() string {
	s.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.lives[len(s.lives)-1].command.Process.Pid))
	if err != nil {
		s.Fatal(err)
	}
	now := regexp.MustCompile(`VmRSS:\s*(.*)\n`).FindSubmatch(status)
	peak := regexp.MustCompile(`VmHWM:\s*(.*)\n`).FindSubmatch(status)
	if now == nil || peak == nil {
		s.Fatalf("no memory in\n%s", status)
	}
	return fmt.Sprintf("%s (at most %s)", now[1], peak[1])
}

// revoked tells whether the certificate makes the probe fail.
func (p page) revoked() bool {
	failure, failed := p.one("tls_probe_failure_info")
	return failed && failure["reason"] == "revoked"
}

// revocation is the statuses of a certificate by one source.
func (p page) revocation(position, source string) string {
	var statuses []string
	for _, one := range p.series("tls_revocation_info") {
		if one["position"] == position && one["source"] == source {
			statuses = append(statuses, one["status"])
		}
	}
	return strings.Join(statuses, " ")
}

// authority is a CA whose responders and lists are those of OpenSSL. Its key and certificate
// are those of the lab's intermediate.
type authority struct {
	*site
	servers    strings.Builder // of nginx
	responders []string        // the words of their ports
}

// await waits for all servers. A responder of OpenSSL answers nothing any more after a
// connection without a request, so it says itself that it is ready.
func (a *authority) await() {
	a.Helper()
	deadline := time.Now().Add(patience)
	for _, port := range a.responders {
		delete(a.words, port)
	}
	delete(a.words, ":nobody")
	a.site.await()
	for {
		log, err := os.ReadFile(a.fill("{dir}/openssl.log"))
		if err == nil && bytes.Count(log, []byte("waiting for OCSP client connections")) == len(a.responders) {
			return
		}
		if time.Now().After(deadline) {
			a.Fatalf("a responder has not started: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// certify issues a certificate for each row, and enters it into the database.
func (a *authority) certify() {
	a.Helper()
	slow, err := responder.Start(lab, lab.Intermediate)
	if err != nil {
		a.Fatal(err)
	}
	_, a.words[":ocsp-slow"], _ = strings.Cut(strings.TrimPrefix(slow.URL, "http://"), ":")
	database := new(strings.Builder)
	for i, r := range revocationRows {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			a.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: r.serial(i), Subject: pkix.Name{CommonName: a.name}, DNSNames: []string{"localhost"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		if url := a.fill(r.url); r.source == "ocsp" {
			template.OCSPServer = []string{url}
		} else {
			template.CRLDistributionPoints = []string{url}
		}
		chain, private := a.issue(fmt.Sprint("leaf", i), template, key)
		fmt.Fprintf(&a.servers, "  server { listen 127.0.0.1:{:leaf%d} ssl; ssl_certificate %s; ssl_certificate_key %s; }\n", i, chain, private)
		enter(database, template, r.listed)
	}
	a.write("index.txt", database.String())
	a.write("index.txt.attr", "unique_subject = no\n")
}

// serial is the serial number of the certificate of row i.
func (r *revocationRow) serial(i int) *big.Int {
	if r.entry > 0 {
		return new(responder.HugeCRL).Serial(r.entry)
	}
	return big.NewInt(int64(0x1000 + i))
}

// enter writes a line of the database of openssl ca.
func enter(database *strings.Builder, certificate *x509.Certificate, listed string) {
	if listed == "" {
		return
	}
	const form = "060102150405Z"
	state, reason, _ := strings.Cut(listed, ",")
	if state == "R" {
		reason = strings.TrimSuffix(time.Now().Add(-48*time.Hour).UTC().Format(form)+","+reason, ",")
	}
	fmt.Fprintf(database, "%s\t%s\t%s\t%X\tunknown\t/CN=%s\n", state, certificate.NotAfter.UTC().Format(form), reason, certificate.SerialNumber, certificate.Subject.CommonName)
}

// signer writes the certificate and the key of who signs.
func (a *authority) signer(name string, ca *tlstest.CA, err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(ca.Key)
	if err != nil {
		a.Fatal(err)
	}
	a.write(name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate.Raw})))
	a.write(name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// respond starts the OCSP responders.
func (a *authority) respond() {
	a.Helper()
	a.signer("issuer", lab.Intermediate, nil)
	namesake, err := tlstest.NewRoot("", func(c *x509.Certificate) {
		c.Subject, c.SubjectKeyId = lab.Intermediate.Certificate.Subject, lab.Intermediate.Certificate.SubjectKeyId
	})
	a.signer("wrong", namesake, err)
	delegate, err := lab.Intermediate.OCSPDelegate()
	a.signer("delegate", delegate, err)
	stranger, err := lab.Intermediate.OCSPDelegate(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	a.signer("usage", stranger, err)

	a.responder(":ocsp", "issuer", "")
	a.responder(":ocsp-old", "issuer", "-3d")
	a.responder(":ocsp-wrong", "wrong", "")
	a.responder(":ocsp-delegated", "delegate", "")
	a.responder(":ocsp-usage", "usage", "")
}

// responder starts one, whose clock differs from that of the machine; empty: it does not.
func (a *authority) responder(port, signer, clock string) {
	a.Helper()
	signer = "{dir}/" + signer
	argv := []string{"openssl", "ocsp", "-port", "{" + port + "}", "-index", "{dir}/index.txt", "-CA", "{dir}/issuer.pem", "-rsigner", signer + ".pem", "-rkey", signer + ".key", "-ndays", "1", "-ignore_err"}
	if clock != "" {
		argv = append([]string{"sh", "-c", `exec faketime -f "$0" "$@" >>{dir}/openssl.log 2>&1`, clock}, argv...)
	}
	a.run(argv...)
	a.responders = append(a.responders, port)
}

// opensslCA is the configuration of openssl ca, with a section for each kind of list.
const opensslCA = `
[ca]
default_ca = it
[it]
database = {dir}/index.txt
crlnumber = {dir}/crlnumber
default_md = sha256
default_crl_days = 1
private_key = {dir}/issuer.key
certificate = {dir}/issuer.pem
[wrong]
database = {dir}/index.txt
crlnumber = {dir}/crlnumber
default_md = sha256
default_crl_days = 1
private_key = {dir}/wrong.key
certificate = {dir}/wrong.pem
[plain]
authorityKeyIdentifier = keyid
[shard]
authorityKeyIdentifier = keyid
issuingDistributionPoint = critical,@shard_point
[shard_point]
fullname = URI:http://127.0.0.1:{:www}/shard.crl
[indirect]
authorityKeyIdentifier = keyid
issuingDistributionPoint = critical,@indirect_point
[indirect_point]
indirectCRL = TRUE
[delta]
authorityKeyIdentifier = keyid
2.5.29.27 = critical,DER:020101
`

// list makes the CRLs.
func (a *authority) list() {
	a.Helper()
	a.folder("www")
	a.write("crlnumber", "1000\n")
	a.write("ca.cnf", opensslCA)
	a.gencrl("good", "-crlexts", "plain")
	a.gencrl("v1")
	a.gencrl("expired", "-crlexts", "plain", "-crl_lastupdate", "20260101000000Z", "-crl_nextupdate", "20260201000000Z")
	a.gencrl("wrong", "-crlexts", "plain", "-name", "wrong")
	a.gencrl("shard", "-crlexts", "shard")
	a.gencrl("other", "-crlexts", "shard")
	a.gencrl("indirect", "-crlexts", "indirect")
	a.gencrl("delta", "-crlexts", "delta")
	a.do("cp", "{dir}/good.pem", "{dir}/www/pem.crl")
	a.do("cp", "{dir}/www/good.crl", "{dir}/www/slow.crl")
	a.write("www/html", "<!doctype html><title>Maintenance</title>\n")
	a.write("www/trylater", "\x30\x03\x0a\x01\x03") // OCSPResponse (RFC 6960 section 4.2.1)
	a.do("chmod", "a+r", "{dir}/www/html", "{dir}/www/trylater")

	million, err := responder.NewHugeCRL(lab.Intermediate, 1_000_000)
	if err != nil {
		a.Fatal(err)
	}
	var der bytes.Buffer
	if _, err := million.WriteTo(&der); err != nil {
		a.Fatal(err)
	}
	if err := os.WriteFile(a.fill("{dir}/www/million.crl"), der.Bytes(), 0o644); err != nil {
		a.Fatal(err)
	}
}

func (a *authority) gencrl(name string, options ...string) {
	a.Helper()
	pemFile := "{dir}/" + name + ".pem"
	a.do(append([]string{"openssl", "ca", "-config", "{dir}/ca.cnf", "-gencrl", "-out", pemFile}, options...)...)
	a.do("openssl", "crl", "-in", pemFile, "-outform", "DER", "-out", "{dir}/www/"+name+".crl")
}

// serve starts nginx, which has the certificates and the lists.
func (a *authority) serve() {
	a.Helper()
	a.write("nginx.conf", `
daemon off;
pid {dir}/nginx.pid;
error_log stderr info;
events {}
http {
  access_log off;
  default_type application/pkix-crl;
  server {
    listen 127.0.0.1:{:www};
    root {dir}/www;
    location /html { default_type text/html; try_files /html =404; }
    location /trylater { default_type application/ocsp-response; try_files /trylater =404; }
    location /slow.crl { limit_rate 100; }
  }
`+a.servers.String()+"}\n")
	a.run("nginx", "-c", "{dir}/nginx.conf", "-e", "stderr")
}
