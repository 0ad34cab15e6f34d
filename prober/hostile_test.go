package prober_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"tls_exporter/prober"
	"tls_exporter/prober/connect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// hostilePatience is the timeout of the probes here that are to run into it: time
// enough to come as far as they should on a busy machine. The others have to end by
// themselves, within hostileBound. slack is what such a machine may take on top of
// a timeout.
const (
	hostilePatience = 1500 * time.Millisecond
	hostileBound    = 5 * time.Second
	slack           = 2 * time.Second
)

// malice is an endpoint with one bad intention, and what a probe makes of it.
type malice struct {
	name   string
	server tlstest.Server
	phase  failure.Phase // of the failure; empty: the probe succeeds
	reason failure.Reason
	scheme string               // default: https
	asked  func(*prober.Module) // what the module says beside the timeout
}

// Whatever an endpoint has in mind: the probe ends by its deadline, names what
// happened, and shows nothing that could hurt who reads it. TestMain sees to it
// that no goroutine stays, and the count of descriptors that no socket does.
func TestHostile(t *testing.T) {
	before := descriptors(t)
	t.Run("endpoints", func(t *testing.T) {
		lab := labtest.Lab(t)
		ca := probetest.Module(t, lab)
		for _, m := range malices(t, lab) {
			module := ca
			module.Timeout = option.Duration(hostileBound)
			if m.reason == failure.ReasonTimeout {
				module.Timeout = option.Duration(hostilePatience)
			}
			if m.asked != nil {
				m.asked(&module)
			}
			p := probetest.New(t, module)
			addr := labtest.Serve(t, lab, m.server)
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				m.suffer(t, p, probetest.Target(t, cmp.Or(m.scheme, "https")+"://"+addr))
			})
		}
	})
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, and %d were before", after, before)
	}
}

// suffer probes the endpoint and holds the result against the table.
func (m malice) suffer(t *testing.T, p *prober.Prober, to target.Target) {
	start := time.Now()
	r := p.Probe(context.Background(), to)
	if took := time.Since(start); took > p.Timeout()+slack {
		t.Errorf("it took %v", took)
	}
	var got failure.Failure
	if r.Failure != nil {
		got = *r.Failure
	}
	t.Logf("%-55s %-13s %s", m.name, got.Phase, got.Reason)
	if got.Phase != m.phase || got.Reason != m.reason {
		t.Errorf("failed in %q with %q (%.300v), want %q with %q", got.Phase, got.Reason, got.Err, m.phase, m.reason)
	}
	for what, s := range shown(r) {
		if !presentable(s) {
			t.Errorf("%s is not fit to be shown: %d bytes, %.100q", what, len(s), s)
		}
	}
	for _, s := range stories(r) {
		if len(s) > text.MaxMessage+len("…") || !utf8.ValidString(s) {
			t.Errorf("a story of %d bytes: %.100q", len(s), s)
		}
	}
}

// stories are the texts for people. They may have lines.
func stories(r *prober.Result) []string {
	var all []string
	if r.Failure != nil {
		all = append(all, r.Failure.Err.Error())
	}
	if r.Chain != nil {
		for _, found := range r.Chain.Problems {
			all = append(all, found.Detail)
		}
	}
	return all
}

// shown is all that a Result has for labels, by what it is.
func shown(r *prober.Result) map[string]string {
	all := make(map[string]string)
	if r.Session != nil {
		all["ALPN"] = r.Session.ALPN
	}
	if r.Chain == nil {
		return all
	}
	for i, c := range r.Chain.Certificates {
		for what, s := range map[string]string{
			"subject": c.SubjectCN, "issuer": c.IssuerCN, "serial number": c.SerialNumber, "DNS names": c.DNSNames,
			"key": c.KeyAlgorithm, "signature": c.SignatureAlgorithm, "fingerprint": c.FingerprintSHA256, "SPKI": c.SPKISHA256,
		} {
			all[fmt.Sprintf("%s of certificate %d", what, i)] = s
		}
	}
	return all
}

// presentable is fit for a label: the longest that a Certificate has are its
// DNS names.
func presentable(s string) bool {
	unfit := func(r rune) bool { return !unicode.IsPrint(r) }
	return utf8.ValidString(s) && len(s) <= 1024 && !strings.ContainsFunc(s, unfit)
}

// descriptors counts what this process has open, where the system tells: files and
// sockets, and not what the runtime has for itself, as the pipes with which it copies
// from one socket to another.
func descriptors(t *testing.T) int {
	t.Helper()
	const all = "/proc/self/fd"
	open, err := os.ReadDir(all)
	if err != nil {
		return 0
	}
	return len(slices.DeleteFunc(open, func(d os.DirEntry) bool {
		what, err := os.Readlink(filepath.Join(all, d.Name()))
		return err != nil || strings.HasPrefix(what, "pipe:") || strings.HasPrefix(what, "anon_inode:")
	}))
}

func malices(t *testing.T, lab *tlstest.Lab) []malice {
	return slices.Concat(slow(t, lab), endless(), oddRecords(), afterwards(), cut(t, lab), certificates(t, lab), around(t, lab))
}

// slow endpoints give one byte at a time.
func slow(t *testing.T, lab *tlstest.Lab) []malice {
	tls12 := labtest.Serve(t, lab, tlstest.Server{Config: limitedTo(tls.VersionTLS12)})
	tls13 := labtest.Serve(t, lab, tlstest.Server{})
	return []malice{
		{name: "a ServerHello byte by byte", server: relay(tls13, dripping(0)), phase: failure.PhaseKeyExchange, reason: failure.ReasonTimeout},
		{name: "a certificate message byte by byte", server: relay(tls12, dripping(200)), phase: failure.PhaseKeyExchange, reason: failure.ReasonTimeout},
		{name: "encrypted extensions byte by byte", server: relay(tls13, dripping(150)), phase: failure.PhaseKeyExchange, reason: failure.ReasonTimeout},
		{name: "a greeting byte by byte", server: tlstest.Server{Accept: drip([]byte("220 " + strings.Repeat("x", 500)))},
			scheme: "smtp", phase: failure.PhaseStartTLS, reason: failure.ReasonTimeout},
		{name: "application data byte by byte after Finished", server: inside(func(ctx context.Context, c net.Conn, s *sealer) {
			drip(s.seal(applicationData, bytes.Repeat([]byte("x"), 1000)))(ctx, c)
		})},
		{name: "TLS 1.2 Finished byte by byte", server: relay(tls12, dripping(1000)), phase: failure.PhaseKeyExchange, reason: failure.ReasonTimeout},
	}
}

// endless endpoints never come to an end.
func endless() []malice {
	const full = 1 << 14
	fill := bytes.Repeat([]byte{0}, full)
	flood := func(b ...byte) tlstest.Server { return tlstest.Server{Accept: floods(nil, b)} }
	return []malice{
		{name: "a ServerHello of 16 MB", server: tlstest.Server{Accept: floods(recordOf(22, "\x02\xff\xff\xff"), recordOf(22, string(fill)))}, phase: failure.PhaseKeyExchange, reason: failure.ReasonTooLarge},
		{name: "a ServerHello of 64 kB in fragments of one byte", server: tlstest.Server{Accept: floods(recordOf(22, "\x02\x01\x00\x00"), recordOf(22, "\x00"))}, phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "a certificate message of 16 MB", server: tlstest.Server{Accept: floods(slices.Concat(recordOf(22, hello12()), recordOf(22, "\x0b\xff\xff\xff")), recordOf(22, string(fill)))}, phase: failure.PhaseKeyExchange, reason: failure.ReasonTooLarge},
		{name: "handshake records of no length", server: flood(recordOf(22, "")...), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "warnings", server: flood(recordOf(21, "\x01\x70")...), phase: failure.PhaseServerHello, reason: failure.ReasonBadMessage},
		{name: "ChangeCipherSpecs", server: flood(recordOf(20, "\x01")...), phase: failure.PhaseServerHello, reason: failure.ReasonNotTLS},
		{name: "HelloRequests in TLS 1.2", server: tlstest.Server{Accept: floods(recordOf(22, hello12()), recordOf(22, "\x00\x00\x00\x00"))}, phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "ServerHellos", server: tlstest.Server{Accept: floods(nil, recordOf(22, hello12()))}, phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "HTTP headers", server: tlstest.Server{Accept: floods([]byte("HTTP/1.1 200 OK\r\n"), []byte("X: y\r\n"))}, phase: failure.PhaseServerHello, reason: failure.ReasonNotTLS},
		{name: "a line of a greeting", server: tlstest.Server{Accept: floods([]byte("220-"), []byte("x"))}, scheme: "smtp", phase: failure.PhaseStartTLS, reason: failure.ReasonTooLarge},
		{name: "lines of a greeting", server: tlstest.Server{Accept: floods(nil, []byte("220-x\r\n"))}, scheme: "smtp", phase: failure.PhaseStartTLS, reason: failure.ReasonTooLarge},
	}
}

// oddRecords are single answers to a ClientHello that are not as they should be.
func oddRecords() []malice {
	says := func(b []byte) tlstest.Server { return tlstest.Server{Accept: floods(b, nil)} }
	oversized := append([]byte{22, 3, 3, 0xff, 0xff}, make([]byte, 1<<16)...)
	longest := append([]byte{22, 3, 3, 0x41, 0x00}, bytes.Repeat([]byte{0xee}, 1<<14+256)...)
	changed := func(at int, to ...byte) []byte {
		b := []byte(hello12())
		copy(b[at:], to)
		return recordOf(22, string(b))
	}
	return []malice{
		{name: "a record over the maximum", server: says(oversized), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "a record of the maximum, garbage", server: says(longest), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "a HelloRequest before ServerHello", server: says(recordOf(22, "\x00\x00\x00\x00")), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "Finished before ServerHello", server: says(recordOf(22, "\x14\x00\x00\x0cxxxxxxxxxxxx")), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "application data before ServerHello", server: says(recordOf(23, "hello")), phase: failure.PhaseServerHello, reason: failure.ReasonNotTLS},
		{name: "a record of no known type", server: says(recordOf(99, "hello")), phase: failure.PhaseServerHello, reason: failure.ReasonNotTLS},
		{name: "an alert of three bytes", server: says(recordOf(21, "\x02\x28\x00")), phase: failure.PhaseServerHello, reason: failure.ReasonBadMessage},
		{name: "an alert that nobody registered", server: says(recordOf(21, "\x02\xfe")), phase: failure.PhaseServerHello, reason: failure.AlertUnassigned},
		{name: "a record's version from nowhere", server: says([]byte("\x16\x7f\x7f\x00\x04\x02\x00\x00\x00")), phase: failure.PhaseKeyExchange, reason: failure.ReasonNotTLS},
		{name: "a ServerHello of version 9.9", server: says(changed(4, 9, 9)), phase: failure.PhaseKeyExchange, reason: failure.ReasonNoCommonVersion},
		{name: "a ServerHello with a suite from nowhere", server: says(changed(39, 0xfe, 0xfe)), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "a ServerHello with compression", server: says(changed(41, 1)), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "a ServerHello with extensions of nonsense", server: says(recordOf(22, messageOf(2, hello12()[4:]+"\x00\x08\xff\xff\xff\xffAAAA"))), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "a ServerHello twice", server: says(recordOf(22, hello12()+hello12())), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "an answer of SSLv2", server: says([]byte("\x80\x2e\x04\x00\x01\x00\x02\x00\x00\x00\x00\x00\x00" + strings.Repeat("x", 40))), phase: failure.PhaseServerHello, reason: failure.ReasonNotTLS},
		{name: "no certificate at all", server: says(recordOf(22, hello12()+messageOf(11, "\x00\x00\x00"))), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "half-closed after the ClientHello", server: tlstest.Server{Accept: func(ctx context.Context, c net.Conn) {
			heed(c)
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
		}}, phase: failure.PhaseServerHello, reason: failure.ReasonClosed},
	}
}

// afterwards is what a server says when hands are shaken and the client, who was
// asked for a certificate, listens for the verdict.
func afterwards() []malice {
	flood := func(kind byte, message string) tlstest.Server {
		return inside(func(_ context.Context, c net.Conn, s *sealer) {
			for {
				if _, err := c.Write(s.seal(kind, []byte(message))); err != nil {
					return
				}
			}
		})
	}
	once := func(words string) tlstest.Server {
		return inside(func(_ context.Context, c net.Conn, _ *sealer) {
			io.WriteString(c, words)
			io.Copy(io.Discard, c)
		})
	}
	refusal := func(before string) tlstest.Server {
		return inside(func(_ context.Context, c net.Conn, s *sealer) {
			if before != "" {
				c.Write(s.seal(22, []byte(before)))
			}
			c.Write(s.seal(21, []byte("\x02\x74")))
			io.Copy(io.Discard, c)
		})
	}
	ticket := messageOf(4, "\x00\x00\x0e\x10\x00\x00\x00\x00\x01x\x00\x04xxxx\x00\x00")
	return []malice{
		{name: "KeyUpdates after Finished", server: flood(22, messageOf(24, "\x00"))},
		{name: "KeyUpdates that ask for one after Finished", server: flood(22, messageOf(24, "\x01"))},
		{name: "tickets after Finished", server: flood(22, ticket)},
		{name: "application data after Finished", server: flood(applicationData, strings.Repeat("x", 1<<14))},
		{name: "empty application data after Finished", server: flood(applicationData, "")},
		{name: "warnings after Finished", server: flood(21, "\x01\x5a")},
		// The first two are verdicts, and show that the others are sealed as they should be.
		{name: "a refusal after Finished", server: refusal(""), phase: failure.PhaseKeyExchange, reason: "alert_certificate_required"},
		{name: "a refusal after a KeyUpdate", server: refusal(messageOf(24, "\x00")), phase: failure.PhaseKeyExchange, reason: "alert_certificate_required"},
		// crypto/tls cannot answer this KeyUpdate, for we have said goodbye, and does
		// not take the next key either: the refusal is not read, and so is none.
		{name: "a refusal after a KeyUpdate that asks for one", server: refusal(messageOf(24, "\x01"))},
		{name: "a ClientHello after Finished", server: flood(22, messageOf(1, ""))},
		{name: "garbage after Finished", server: once(strings.Repeat("\xee", 1000))},
		{name: "a record that nobody sealed after Finished", server: once(string(recordOf(23, strings.Repeat("\xee", 1000))))},
	}
}

// cut breaks a good server's flight off, all over it.
func cut(t *testing.T, lab *tlstest.Lab) []malice {
	var all []malice
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		addr := labtest.Serve(t, lab, tlstest.Server{Config: limitedTo(version)})
		for _, n := range []int64{1, 5, 6, 60, 130, 300, 600, 900} {
			name := fmt.Sprintf(" after %d bytes of %s", n, tls.VersionName(version))
			all = append(all,
				malice{name: "reset" + name, server: relay(addr, cutting(n, true)), phase: failure.PhaseKeyExchange, reason: failure.ReasonReset},
				malice{name: "closed" + name, server: relay(addr, cutting(n, false)), phase: failure.PhaseKeyExchange, reason: failure.ReasonClosed})
		}
	}
	return all
}

// nasty is what somebody may hope that we print.
const nasty = "<script>alert(1)</script>\r\n\"'`\\{}\x00\x1b[2J\u202eevil\u2066\u200b"

// certificates that are too much, or say too much.
func certificates(t *testing.T, lab *tlstest.Lab) []malice {
	long := strings.Repeat("x", 64_000)
	leaf := func(change func(*x509.Certificate)) tlstest.Server { return tlstest.Server{Leaf: change} }
	named := func(value asn1.RawValue) tlstest.Server {
		return leaf(func(c *x509.Certificate) { c.RawSubject = everyField(t, value) })
	}
	misnamed := func(value asn1.RawValue) tlstest.Server {
		return rewritten(t, subject, asn1.RawValue{FullBytes: everyField(t, value)})
	}
	sans := func(names ...string) tlstest.Server {
		return leaf(func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, subjectNames(t, names)) })
	}
	names := func(n int) []string {
		all := []string{"127.0.0.1"}
		for i := range n {
			all = append(all, fmt.Sprintf("h%d.test", i))
		}
		return all
	}
	constraining, err := lab.Root.Intermediate("Constraining", func(c *x509.Certificate) {
		for i := range 6000 {
			c.ExcludedDNSDomains = append(c.ExcludedDNSDomains, fmt.Sprintf("a%d.example", i))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	forbidding, err := lab.Root.Intermediate("Forbidding", func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"evil.example"} })
	if err != nil {
		t.Fatal(err)
	}
	crowd := mutual(t, lab, 40)
	sending := func(rest []*x509.Certificate) tlstest.Server {
		return tlstest.Server{Chain: func(leaf *x509.Certificate) []*x509.Certificate {
			return slices.Concat([]*x509.Certificate{leaf}, rest)
		}}
	}
	return []malice{
		{name: "a leaf with 10,000 names", server: leaf(func(c *x509.Certificate) { c.DNSNames = names(10_000) })},
		{name: "a leaf with 60,000 names", server: leaf(func(c *x509.Certificate) { c.DNSNames = names(60_000) }), phase: failure.PhaseKeyExchange, reason: failure.ReasonTooLarge},
		{name: "a leaf with 10,000 other names", server: leaf(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = names(10_000)[1:], nil }), phase: failure.PhaseVerify, reason: "name_mismatch"},
		{name: "6,000 names against 6,000 constraints", server: tlstest.Server{Issuer: constraining, Leaf: func(c *x509.Certificate) { c.DNSNames = names(6000)[1:] }}},
		{name: "a name of 64 kB against a constraint", server: tlstest.Server{Issuer: forbidding, Leaf: func(c *x509.Certificate) {
			c.DNSNames = []string{"127.0.0.1", strings.Repeat("x.", 30_000) + "evil.example"}
		}}, phase: failure.PhaseVerify, reason: "name_constraint"},
		{name: "a chain of 300 certificates", server: tlstest.Server{Chain: repeated(lab, 300)}},
		{name: "a chain of 16 MB", server: relayOfChain(t, lab), phase: failure.PhaseKeyExchange, reason: failure.ReasonTooLarge},
		{name: "40 authorities that vouch for each other", server: sending(crowd)},
		{name: "39 authorities that vouch for each other for nothing", server: sending(crowd[1:]), phase: failure.PhaseVerify, reason: "unknown_authority"},
		{name: "an RSA key of 100,000 bits", server: withKey(lab, 100_000), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadCertificate},
		{name: "a serial number of 50,000 bytes", server: rewritten(t, serialNumber, asn1.RawValue{Tag: asn1.TagInteger, Bytes: bytes.Repeat([]byte{0x5a}, 50_000)}), phase: failure.PhaseVerify, reason: "incomplete_chain"},
		{name: "markup, controls and directions in every field", server: named(asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(nasty)})},
		{name: "the same in T61String", server: named(asn1.RawValue{Tag: asn1.TagT61String, Bytes: []byte(nasty)})},
		{name: "64 kB in a field", server: leaf(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: long} })},
		{name: "50 kB in every field", server: named(asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(long[:50_000])})},
		{name: "50 kB of controls", server: named(asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: bytes.Repeat([]byte("\x00\u202e"), 12_500)})},
		{name: "a name that is not UTF-8", server: misnamed(asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte("\xff\xfe\xc0\x80")}), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadCertificate},
		{name: "a name in BMPString, half a surrogate", server: misnamed(asn1.RawValue{Tag: asn1.TagBMPString, Bytes: []byte("\xd8\x00\x00<")}), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadCertificate},
		{name: "DNS names of markup and controls", server: sans(strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(nasty, "\u202e", ""), "\u2066", ""), "\u200b", ""), "a,b", "*"), phase: failure.PhaseVerify, reason: "name_mismatch"},
		{name: "DNS names that are not ASCII", server: replaced("plain.test", "\xff\xfein.test", func(c *x509.Certificate) { c.DNSNames = []string{"plain.test"} }), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadCertificate},
		{name: "a DNS name of 64 kB", server: sans(long), phase: failure.PhaseVerify, reason: "name_mismatch"},
		{name: "a URI of 64 kB that is none", server: replaced("x://xxxx", "x://[xxx", func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "x", Host: long}} }), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadCertificate},
		{name: "a certificate of garbage", server: tlstest.Server{RawChain: func(chain [][]byte) [][]byte { return [][]byte{chain[0], bytes.Repeat([]byte{0x30}, 1000)} }}, phase: failure.PhaseKeyExchange, reason: failure.ReasonBadCertificate},
	}
}

// around are the malices of who stands on the way to an endpoint.
func around(t *testing.T, lab *tlstest.Lab) []malice {
	proxy := target.HostPort(labtest.Serve(t, lab, tlstest.Server{Accept: floods([]byte("HTTP/1.1 200 OK\r\n"), []byte("X: y\r\n"))}))
	slow := target.HostPort(labtest.Serve(t, lab, tlstest.Server{Accept: drip([]byte("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 500)))}))
	through := func(proxy target.HostPort) func(*prober.Module) {
		return func(m *prober.Module) { m.ProxyURL = connect.ProxyURL{Scheme: "http", Address: proxy} }
	}
	return []malice{
		{name: "a proxy's header without end", asked: through(proxy), phase: failure.PhaseProxy, reason: failure.ReasonTooLarge},
		{name: "a proxy's header byte by byte", asked: through(slow), phase: failure.PhaseProxy, reason: failure.ReasonTimeout},
	}
}

// The worst of them take no more memory than their bounds say: neither while
// they are probed, nor afterwards. What the servers take is counted in, so they
// are of the kind that takes next to nothing.
func TestHostileMemory(t *testing.T) {
	const rounds, most, kept = 20, 4 << 20, 1 << 20
	lab := labtest.Lab(t)
	module := probetest.Module(t, lab)
	for _, m := range slices.Concat(endless(), certificates(t, lab)) {
		if !slices.Contains([]string{
			"a ServerHello of 16 MB", "a certificate message of 16 MB", "a ServerHello of 64 kB in fragments of one byte", "a line of a greeting",
			"a serial number of 50,000 bytes", "a leaf with 10,000 other names",
			"50 kB in every field", "a chain of 16 MB",
		}, m.name) {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			p, to := probetest.New(t, module), probetest.Target(t, cmp.Or(m.scheme, "https")+"://"+labtest.Serve(t, lab, m.server))
			p.Probe(t.Context(), to) // what is made once
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for range rounds {
				p.Probe(t.Context(), to)
			}
			runtime.ReadMemStats(&after)
			each := (after.TotalAlloc - before.TotalAlloc) / rounds
			runtime.GC()
			runtime.ReadMemStats(&after)
			grown := (int64(after.HeapInuse) - int64(before.HeapInuse)) / rounds
			t.Logf("%-55s %5d kB allocated, %5d kB kept", m.name, each>>10, grown>>10)
			if each > most || grown > kept {
				t.Errorf("a probe allocates %d bytes and keeps %d", each, grown)
			}
		})
	}
}

// recordOf frames a fragment as RFC 8446 section 5.1 has it.
func recordOf(kind byte, fragment string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(len(fragment))), fragment...)
}

// messageOf is a handshake message (RFC 8446 section 4).
func messageOf(kind byte, body string) string {
	return string([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}) + body
}

// hello12 is a ServerHello of TLS 1.2 with TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
// and no extensions.
func hello12() string {
	return messageOf(2, "\x03\x03"+strings.Repeat("r", 32)+"\x00\xc0\x2b\x00")
}

// heed takes in what the client says first, where it is the client's to begin.
func heed(c net.Conn) {
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // in SMTP it is ours
	c.Read(make([]byte, 1<<14))
	c.SetReadDeadline(time.Time{})
}

// floods says first, and then again without end; nothing: until the client leaves.
func floods(first, again []byte) func(context.Context, net.Conn) {
	return func(_ context.Context, c net.Conn) {
		heed(c)
		if _, err := c.Write(first); err != nil {
			return
		}
		if len(again) == 0 {
			io.Copy(io.Discard, c)
			return
		}
		words := bytes.Repeat(again, max(1, 4096/len(again)))
		for {
			if _, err := c.Write(words); err != nil {
				return
			}
		}
	}
}

// drip says its words one byte at a time.
func drip(words []byte) func(context.Context, net.Conn) {
	return func(ctx context.Context, c net.Conn) { dripFrom(ctx, c, bytes.NewReader(words)) }
}

func dripFrom(ctx context.Context, c net.Conn, words io.Reader) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := io.CopyN(c, words, 1); err != nil {
			return
		}
	}
}

// relay stands between a client and a good server, and passes on what the server
// says as it likes.
func relay(addr string, pass func(ctx context.Context, client net.Conn, server io.Reader)) tlstest.Server {
	return tlstest.Server{Accept: func(ctx context.Context, c net.Conn) {
		upstream, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		defer upstream.Close()
		// Hidden from io.Copy, which would have the kernel copy, through pipes that
		// package net keeps open.
		client, server := struct{ io.Reader }{c}, struct{ io.Reader }{upstream}
		go func() {
			defer upstream.Close()
			io.Copy(upstream, client)
		}()
		pass(ctx, c, server)
	}}
}

func dripping(after int64) func(context.Context, net.Conn, io.Reader) {
	return func(ctx context.Context, c net.Conn, server io.Reader) {
		io.CopyN(c, server, after)
		dripFrom(ctx, c, server)
	}
}

func cutting(after int64, reset bool) func(context.Context, net.Conn, io.Reader) {
	return func(_ context.Context, c net.Conn, server io.Reader) {
		io.CopyN(c, server, after)
		if reset {
			c.(*net.TCPConn).SetLinger(0)
			return
		}
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
	}
}

func limitedTo(version uint16) func(*tls.Config) {
	return func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version }
}

const applicationData = 23

// inside is a server of TLS 1.3 that asks for a certificate, shakes hands as it
// should, and then has the bare connection and what seals records on it.
func inside(talk func(context.Context, net.Conn, *sealer)) tlstest.Server {
	var log keyLog
	return tlstest.Server{
		Config: func(c *tls.Config) {
			limitedTo(tls.VersionTLS13)(c)
			c.ClientAuth, c.SessionTicketsDisabled, c.KeyLogWriter = tls.RequestClientCert, true, &log
		},
		Inside: func(ctx context.Context, c net.Conn) {
			if s := log.sealer(c.(*tls.Conn)); s != nil {
				talk(ctx, c.(*tls.Conn).NetConn(), s)
			}
		},
	}
}

// keyLog keeps the secret with which the server seals what follows Finished. The
// probes of one server come one after the other.
type keyLog struct{ secret atomic.Pointer[[]byte] }

func (l *keyLog) Write(line []byte) (int, error) {
	if words := strings.Fields(string(line)); words[0] == "SERVER_TRAFFIC_SECRET_0" {
		if secret, err := hex.DecodeString(words[2]); err == nil {
			l.secret.Store(&secret)
		}
	}
	return len(line), nil
}

// sealer seals records as the server of a connection would (RFC 8446 section 5.2).
type sealer struct {
	aead     cipher.AEAD
	iv       []byte
	sequence uint64
	update   func()
}

// sealer is nil for suites other than AES-128-GCM, which is what Go settles for
// where the machine has it.
func (l *keyLog) sealer(c *tls.Conn) *sealer {
	if c.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
		return nil
	}
	secret := *l.secret.Load()
	s := &sealer{}
	s.rekey(secret)
	s.update = func() {
		secret = expand(secret, "traffic upd", sha256.Size)
		s.rekey(secret)
	}
	return s
}

func (s *sealer) rekey(secret []byte) {
	block, err := aes.NewCipher(expand(secret, "key", 16))
	if err == nil {
		s.aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		panic(err)
	}
	s.iv, s.sequence = expand(secret, "iv", 12), 0
}

// expand is HKDF-Expand-Label without a context (RFC 8446 section 7.1).
func expand(secret []byte, label string, length int) []byte {
	info := string([]byte{0, byte(length), byte(6 + len(label))}) + "tls13 " + label + "\x00"
	key, err := hkdf.Expand(sha256.New, secret, info, length)
	if err != nil {
		panic(err)
	}
	return key
}

func (s *sealer) seal(kind byte, words []byte) []byte {
	nonce := slices.Clone(s.iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^s.sequence)
	s.sequence++
	inner := append(slices.Clone(words), kind)
	header := binary.BigEndian.AppendUint16([]byte{applicationData, 3, 3}, uint16(len(inner)+s.aead.Overhead()))
	sealed := s.aead.Seal(header, nonce, inner, header)
	if kind == 22 && words[0] == 24 { // what follows a KeyUpdate has the next key
		s.update()
	}
	return sealed
}

// everyField is a subject that says the same in all its fields.
func everyField(t *testing.T, value asn1.RawValue) []byte {
	t.Helper()
	var name pkix.RDNSequence
	for _, field := range []asn1.ObjectIdentifier{{2, 5, 4, 10}, {2, 5, 4, 11}, {2, 5, 4, 3}} {
		name = append(name, pkix.RelativeDistinguishedNameSET{{Type: field, Value: value}})
	}
	der, err := asn1.Marshal(name)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// subjectNames are alternative DNS names as crypto/x509 would not write them.
func subjectNames(t *testing.T, names []string) pkix.Extension {
	t.Helper()
	var values []asn1.RawValue
	for _, name := range names {
		values = append(values, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte(name)})
	}
	der, err := asn1.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: der}
}

// mutual is the lab's intermediate, and certificates of the same name and key that
// it could have been signed by as well.
func mutual(t *testing.T, lab *tlstest.Lab, n int) []*x509.Certificate {
	t.Helper()
	all := []*x509.Certificate{lab.Intermediate.Certificate}
	for len(all) < n {
		again, err := lab.Intermediate.CrossSign(lab.Intermediate)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, again.Certificate)
	}
	return all
}

func repeated(lab *tlstest.Lab, n int) func(*x509.Certificate) []*x509.Certificate {
	return func(leaf *x509.Certificate) []*x509.Certificate {
		return append([]*x509.Certificate{leaf}, slices.Repeat([]*x509.Certificate{lab.Intermediate.Certificate}, n)...)
	}
}

// relayOfChain announces and sends 16 MB of the lab's certificates over TLS 1.2,
// where nothing keeps anybody from it.
func relayOfChain(t *testing.T, lab *tlstest.Lab) tlstest.Server {
	t.Helper()
	cert := lab.Intermediate.Certificate.Raw
	entry := string([]byte{0, byte(len(cert) >> 8), byte(len(cert))}) + string(cert)
	chunk := strings.Repeat(entry, (1<<14)/len(entry))
	return tlstest.Server{Accept: floods(slices.Concat(recordOf(22, hello12()), recordOf(22, "\x0b\xff\xff\xfd\xff\xff\xfa")), recordOf(22, chunk))}
}

// withKey sends, beside a good chain, a certificate for an RSA key so large that
// a signature by it would take long to verify (CVE-2023-29409).
func withKey(lab *tlstest.Lab, bits int) tlstest.Server {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return tlstest.Server{Chain: func(leaf *x509.Certificate) []*x509.Certificate {
		large, err := lab.Intermediate.Issue(&x509.Certificate{NotBefore: labtest.Now.Add(-labtest.Day), NotAfter: labtest.Now.Add(labtest.Day)},
			publicOnly{&rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}})
		if err != nil {
			panic(err)
		}
		return []*x509.Certificate{leaf, lab.Intermediate.Certificate, large}
	}}
}

// publicOnly is a key that is certified and never used.
type publicOnly struct{ key crypto.PublicKey }

func (k publicOnly) Public() crypto.PublicKey { return k.key }

func (k publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, fmt.Errorf("there is no private key")
}

// Where RFC 5280 section 4.1 has them in a certificate's body.
const (
	serialNumber = 1
	subject      = 5
)

// rewritten changes a field of the leaf that crypto/x509 would not write so.
// Nobody signs it again: TLS asks for no more than the key.
func rewritten(t *testing.T, field int, value asn1.RawValue) tlstest.Server {
	return tlstest.Server{RawChain: func(chain [][]byte) [][]byte {
		var whole, body []asn1.RawValue
		unmarshal(t, chain[0], &whole)
		unmarshal(t, whole[0].FullBytes, &body)
		body[field] = value
		whole[0] = asn1.RawValue{FullBytes: marshal(t, body)}
		return append([][]byte{marshal(t, whole)}, chain[1:]...)
	}}
}

// replaced has other bytes, as many, in the leaf.
func replaced(old, new string, change func(*x509.Certificate)) tlstest.Server {
	return tlstest.Server{Leaf: change, RawChain: func(chain [][]byte) [][]byte {
		return append([][]byte{bytes.ReplaceAll(chain[0], []byte(old), []byte(new))}, chain[1:]...)
	}}
}

func unmarshal(t *testing.T, der []byte, into *[]asn1.RawValue) {
	t.Helper()
	if _, err := asn1.Unmarshal(der, into); err != nil {
		t.Fatal(err)
	}
}

func marshal(t *testing.T, values []asn1.RawValue) []byte {
	t.Helper()
	der, err := asn1.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
