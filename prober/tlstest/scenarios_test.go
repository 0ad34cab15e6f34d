package tlstest

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"tls_exporter/prober/tlstest/internal/testclient"
	"tls_exporter/prober/tlstest/internal/wire"
)

type scenarioCheck struct {
	scenario string
	check    func(*testing.T, endpoint)
}

// scenarioChecks check for each scenario that the endpoint has the fault, and no
// other.
var scenarioChecks = []scenarioCheck{
	{"healthy", all(completesHandshake, verifies, sends("localhost", "Lab Intermediate"), negotiates(tls.VersionTLS13))},

	{"expired", all(completesHandshake, fails(invalid(x509.Expired), at3DaysEarlier), isExpired)},
	{"not-yet-valid", all(completesHandshake, fails(invalid(x509.Expired), at3DaysLater), isNotYetValid)},
	{"short-lived-half-spent", all(completesHandshake, verifies, hasLifetime(160*time.Hour, 80*time.Hour))},
	{"short-lived-quarter-left", all(completesHandshake, verifies, hasLifetime(160*time.Hour, 40*time.Hour))},

	{"wrong-name", all(completesHandshake, fails(as[x509.HostnameError], forAnyName))},
	{"self-signed", all(completesHandshake, sends("localhost"), fails(as[x509.UnknownAuthorityError], trustingTheLeaf), isSelfSigned)},
	{"unknown-authority", all(completesHandshake, sends("localhost", "Unknown Intermediate"),
		fails(as[x509.UnknownAuthorityError], trustingTheIssuer))},
	{"expired-misnamed-untrusted", all(completesHandshake, isExpired,
		fails(invalid(x509.Expired), forAnyName, trustingTheIssuer, at11DaysEarlier),
		stillFails(as[x509.HostnameError], trustingTheIssuer, at11DaysEarlier),
		stillFails(as[x509.UnknownAuthorityError], forAnyName, at11DaysEarlier),
		stillFails(invalid(x509.Expired), forAnyName, trustingTheIssuer))},

	{"missing-intermediate", all(completesHandshake, sends("localhost"), fails(as[x509.UnknownAuthorityError], withTheIntermediate))},
	{"wrong-order", all(completesHandshake, sends("localhost", "Lab Root", "Lab Intermediate"), verifies)},
	{"expired-intermediate-beside-good", all(completesHandshake, verifies,
		sends("localhost", "Lab Intermediate", "Lab Intermediate"), firstIntermediateExpired)},
	{"cross-signed-superfluous", all(completesHandshake, verifies,
		sends("localhost", "Lab Intermediate", "Lab Root"), lastExpiresSoonAndIsNotNeeded)},
	{"name-constraint", all(completesHandshake, sends("localhost", "Constrained Intermediate"),
		fails(invalid(x509.CANotAuthorizedForThisName), trustingTheLeaf))},

	{"weak-key", all(completesHandshake, verifies, hasKeyOf1024Bits)},
	{"sha1-signature", all(completesHandshake, signedWithSHA1, fails(as[x509.UnknownAuthorityError], trustingTheLeaf))},
	{"wrong-usage", all(completesHandshake, fails(invalid(x509.IncompatibleUsage), forAnyUse))},
	{"negative-serial", all(completesHandshake, verifies, hasNegativeSerial)},
	{"unparsable-certificate", all(failsWith("tls: failed to parse certificate from server: x509: trailing data"), sendsAnExtraByte)},

	{"staple-good", all(completesHandshake, verifies, demandsStaple(true), staples(ocsp.Good, false))},
	{"staple-revoked", all(completesHandshake, verifies, demandsStaple(false), staples(ocsp.Revoked, false))},
	{"staple-expired", all(completesHandshake, verifies, demandsStaple(false), staples(ocsp.Good, true))},
	{"must-staple-without-staple", all(completesHandshake, verifies, demandsStaple(true), staplesNothing)},

	{"tls10-only", all(completesHandshake, verifies, negotiates(tls.VersionTLS10), rejectsFrom(tls.VersionTLS11))},
	{"tls12-only", all(completesHandshake, verifies, negotiates(tls.VersionTLS12), rejectsUpTo(tls.VersionTLS11), rejectsFrom(tls.VersionTLS13))},
	{"tls13-only", all(completesHandshake, verifies, negotiates(tls.VersionTLS13), rejectsUpTo(tls.VersionTLS12))},
	{"tls13-intolerant", all(failsWith("remote error: tls: internal error"), acceptsUpTo(tls.VersionTLS12))},
	{"ssl3-only", failsWith("tls: server selected unsupported protocol version 300")},
	{"client-certificate-required-tls12", all(rejectsInHandshake, verifies, alerts("tls: handshake failure"), acceptsClientCertificate)},
	{"client-certificate-required-tls13", all(rejectsAfterHandshake, verifies, alerts("tls: certificate required"), acceptsClientCertificate)},
	{"alert-handshake-failure", alerts("tls: handshake failure")},
	{"alert-unrecognized-name", alerts("tls: unrecognized name")},

	{"plain-http", all(isNotTLS, answersInHTTP)},
	{"garbage", all(isNotTLS, answersTheSameTwice)},
	{"silent", answersWith(nil)},
	{"closes-at-once", all(breaksWith(io.EOF), sendsAtOnce(nil))},
	{"closes-mid-handshake", breaksWith(io.ErrUnexpectedEOF)},
	{"resets-mid-handshake", breaksWith(syscall.ECONNRESET)},
	{"endless", all(failsWith("tls: handshake message of length 16777215 bytes exceeds maximum of 65536 bytes"), neverEnds)},
	{"refused", all(refusesConnections, reservesItsPort)},
}

func TestScenarios(t *testing.T) {
	lab := newLab(t)
	scenarios := Scenarios()
	checks := slices.Concat(scenarioChecks, startTLSChecks())
	for _, c := range checks {
		t.Run(c.scenario, func(t *testing.T) {
			i := slices.IndexFunc(scenarios, func(s Scenario) bool { return s.Name == c.scenario })
			if i < 0 {
				t.Fatal("Scenarios does not have it")
			}
			server, err := scenarios[i].Make(lab)
			if err != nil {
				t.Fatal(err)
			}
			c.check(t, endpoint{lab, start(t, lab, server)})
		})
	}
	if len(scenarios) != len(checks) {
		t.Errorf("%d scenarios, but %d checks", len(scenarios), len(checks))
	}
}

func TestScenarioNames(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	sentence := regexp.MustCompile(`^[A-Z][^\n]*[^.]\.$`)
	seen := map[string]bool{}
	for _, s := range Scenarios() {
		if !kebab.MatchString(s.Name) {
			t.Errorf("%q is not a name in kebab-case", s.Name)
		}
		if seen[s.Name] {
			t.Errorf("%q occurs twice", s.Name)
		}
		seen[s.Name] = true
		if !sentence.MatchString(s.Description) {
			t.Errorf("%s: %q is not a sentence", s.Name, s.Description)
		}
	}
	if first := Scenarios()[0].Name; first != "healthy" {
		t.Errorf("the first is %q, want healthy", first)
	}
}

// endpoint is a server under test.
type endpoint struct {
	lab  *Lab
	addr string
}

func all(checks ...func(*testing.T, endpoint)) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		for _, check := range checks {
			check(t, e)
		}
	}
}

// The handshake.

func completesHandshake(t *testing.T, e endpoint) {
	t.Helper()
	m := testclient.Handshake(t, e.addr)
	if m.Handshake != nil || m.After != io.EOF {
		t.Errorf("handshake: %v, then %v; want none, then EOF", m.Handshake, m.After)
	}
	if got := m.State.NegotiatedProtocol; got != "h2" {
		t.Errorf("negotiated protocol %q, want h2", got)
	}
}

func negotiates(version uint16) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		if got := testclient.Handshake(t, e.addr).State.Version; got != version {
			t.Errorf("negotiated %s, want %s", tls.VersionName(got), tls.VersionName(version))
		}
	}
}

func rejectsFrom(version uint16) func(*testing.T, endpoint) {
	return rejects(func(c *tls.Config) { c.MinVersion = version })
}

func rejectsUpTo(version uint16) func(*testing.T, endpoint) {
	return rejects(func(c *tls.Config) { c.MaxVersion = version })
}

func acceptsUpTo(version uint16) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		if err := testclient.Handshake(t, e.addr, func(c *tls.Config) { c.MaxVersion = version }).Handshake; err != nil {
			t.Error(err)
		}
	}
}

func rejects(change func(*tls.Config)) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		err := testclient.Handshake(t, e.addr, change).Handshake
		if !isAlert(err, "tls: protocol version not supported") {
			t.Errorf("got %v, want an alert that the version is not supported", err)
		}
	}
}

func rejectsInHandshake(t *testing.T, e endpoint) {
	if m := testclient.Handshake(t, e.addr); m.Handshake == nil {
		t.Error("the handshake succeeded without a client certificate")
	}
}

func rejectsAfterHandshake(t *testing.T, e endpoint) {
	if m := testclient.Handshake(t, e.addr); m.Handshake != nil || m.After == io.EOF {
		t.Errorf("handshake: %v, then %v; want none, then a refusal", m.Handshake, m.After)
	}
}

func acceptsClientCertificate(t *testing.T, e endpoint) {
	identity, err := e.lab.Identity(Server{})
	if err != nil {
		t.Fatal(err)
	}
	m := testclient.Handshake(t, e.addr, func(c *tls.Config) { c.Certificates = []tls.Certificate{identity} })
	if m.Handshake != nil || m.After != io.EOF {
		t.Errorf("with a client certificate: %v, then %v; want none, then EOF", m.Handshake, m.After)
	}
}

func alerts(text string) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		if err := testclient.Handshake(t, e.addr).Err(); !isAlert(err, text) {
			t.Errorf("got %v, want the alert %q", err, text)
		}
	}
}

func isAlert(err error, text string) bool {
	remote, ok := errors.AsType[*net.OpError](err)
	return ok && remote.Op == "remote error" && remote.Err.Error() == text
}

func failsWith(text string) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		if err := testclient.Handshake(t, e.addr).Handshake; err == nil || err.Error() != text {
			t.Errorf("got %v, want %q", err, text)
		}
	}
}

func breaksWith(want error) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		if err := testclient.Handshake(t, e.addr).Handshake; !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func isNotTLS(t *testing.T, e endpoint) {
	err := testclient.Handshake(t, e.addr).Handshake
	if _, ok := errors.AsType[tls.RecordHeaderError](err); !ok {
		t.Errorf("got %v, want a tls.RecordHeaderError", err)
	}
}

// Data without TLS.

// emptyHello has the record header of a ClientHello. The raw servers check no more.
var emptyHello = wire.Record(wire.RecordHandshake, tls.VersionTLS12, []byte("hello"))

func answersWith(want []byte) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		if got := testclient.Exchange(t, e.addr, emptyHello); !bytes.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func sendsAtOnce(want []byte) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		if got, err := io.ReadAll(testclient.Dial(t, e.addr)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

func answersInHTTP(t *testing.T, e endpoint) {
	for _, request := range []string{"GET / HTTP/1.1\r\n\r\n", string(emptyHello), "?"} {
		if got := testclient.Exchange(t, e.addr, []byte(request)); !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
			t.Errorf("%q is answered with %q", request, got)
		}
	}
}

func answersTheSameTwice(t *testing.T, e endpoint) {
	first, second := testclient.Exchange(t, e.addr, emptyHello), testclient.Exchange(t, e.addr, emptyHello)
	if len(first) == 0 || !bytes.Equal(first, second) {
		t.Errorf("first %x, then %x", first, second)
	}
}

// neverEnds reads more than the longest possible ServerHello.
func neverEnds(t *testing.T, e endpoint) {
	c := testclient.Dial(t, e.addr)
	if _, err := c.Write(emptyHello); err != nil {
		t.Fatal(err)
	}
	size := wire.RecordHeaderSize + wire.MaxPlaintext
	for n := 0; n < 1<<24+1<<20; n += size {
		b := make([]byte, size)
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatalf("it stopped after %d bytes: %v", n, err)
		}
		if header := []byte{wire.RecordHandshake, 3, 3, 0x40, 0}; !bytes.Equal(b[:wire.RecordHeaderSize], header) {
			t.Fatalf("after %d bytes comes the record %x, want %x", n, b[:wire.RecordHeaderSize], header)
		}
	}
}

func refusesConnections(t *testing.T, e endpoint) {
	c, err := net.Dial("tcp", e.addr)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want %v", err, syscall.ECONNREFUSED)
	}
}

func reservesItsPort(t *testing.T, e endpoint) {
	listener, err := net.Listen("tcp", e.addr)
	if err == nil {
		listener.Close()
		t.Error("the port is free")
	}
}

// Verification of the certificates.

func verifies(t *testing.T, e endpoint) {
	t.Helper()
	if err := verify(t, e); err != nil {
		t.Errorf("verify: %v", err)
	}
}

// fails expects the verification to fail with want, and to succeed with fixes: the
// chain has these faults and no other.
func fails(want func(error) bool, fixes ...fix) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		stillFails(want)(t, e)
		if err := verify(t, e, fixes...); err != nil {
			t.Errorf("verify, with the faults ignored: %v", err)
		}
	}
}

func stillFails(want func(error) bool, fixes ...fix) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		t.Helper()
		if err := verify(t, e, fixes...); err == nil || !want(err) {
			t.Errorf("verify: unexpected %T: %v", err, err)
		}
	}
}

func verify(t *testing.T, e endpoint, fixes ...fix) error {
	t.Helper()
	chain := presented(t, e)
	options := x509.VerifyOptions{
		Roots:         testclient.Pool(e.lab.Root.Certificate),
		Intermediates: testclient.Pool(chain[1:]...),
		DNSName:       "127.0.0.1",
	}
	for _, c := range fixes {
		c(&options, e.lab, chain)
	}
	_, err := chain[0].Verify(options)
	return err
}

func invalid(reason x509.InvalidReason) func(error) bool {
	return func(err error) bool {
		found, ok := errors.AsType[x509.CertificateInvalidError](err)
		return ok && found.Reason == reason
	}
}

func as[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// fix makes a verification ignore one fault.
type fix func(*x509.VerifyOptions, *Lab, []*x509.Certificate)

var (
	at11DaysEarlier fix = when(-11 * day)
	at3DaysEarlier  fix = when(-3*day - time.Hour)
	at3DaysLater    fix = when(3 * day)
)

func when(later time.Duration) fix {
	return func(o *x509.VerifyOptions, _ *Lab, _ []*x509.Certificate) { o.CurrentTime = time.Now().Add(later) }
}

func forAnyName(o *x509.VerifyOptions, _ *Lab, _ []*x509.Certificate) { o.DNSName = "" }

func forAnyUse(o *x509.VerifyOptions, _ *Lab, _ []*x509.Certificate) {
	o.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
}

func trustingTheLeaf(o *x509.VerifyOptions, _ *Lab, chain []*x509.Certificate) {
	o.Roots = testclient.Pool(chain[0])
}

func trustingTheIssuer(o *x509.VerifyOptions, _ *Lab, chain []*x509.Certificate) {
	o.Roots = testclient.Pool(chain[1])
}

func withTheIntermediate(o *x509.VerifyOptions, lab *Lab, _ []*x509.Certificate) {
	o.Intermediates = testclient.Pool(lab.Intermediate.Certificate)
}

// Contents of the certificates.

func sends(commonNames ...string) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		var got []string
		for _, c := range presented(t, e) {
			got = append(got, c.Subject.CommonName)
		}
		if !slices.Equal(got, commonNames) {
			t.Errorf("sends %q, want %q", got, commonNames)
		}
	}
}

func isExpired(t *testing.T, e endpoint) {
	if leaf := presented(t, e)[0]; !leaf.NotAfter.Before(time.Now()) {
		t.Errorf("it expires at %v", leaf.NotAfter)
	}
}

func isNotYetValid(t *testing.T, e endpoint) {
	if leaf := presented(t, e)[0]; !leaf.NotBefore.After(time.Now()) {
		t.Errorf("it is valid from %v", leaf.NotBefore)
	}
}

// hasLifetime rounds the rest to an hour, longer than the test takes.
func hasLifetime(life, left time.Duration) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		leaf := presented(t, e)[0]
		if got := leaf.NotAfter.Sub(leaf.NotBefore); got != life {
			t.Errorf("the lifetime is %v, want %v", got, life)
		}
		if got := time.Until(leaf.NotAfter).Round(time.Hour); got != left {
			t.Errorf("it has %v left, want %v", got, left)
		}
	}
}

func isSelfSigned(t *testing.T, e endpoint) {
	leaf := presented(t, e)[0]
	if err := leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		t.Errorf("issued by %q to %q", leaf.Issuer, leaf.Subject)
	}
}

func firstIntermediateExpired(t *testing.T, e endpoint) {
	chain := presented(t, e)
	expired, good := chain[1], chain[2]
	if !expired.NotAfter.Before(time.Now()) || !bytes.Equal(expired.RawSubjectPublicKeyInfo, good.RawSubjectPublicKeyInfo) {
		t.Error("the first is not expired, or has another key than the second")
	}
	for _, c := range chain[1:] {
		if err := c.CheckSignatureFrom(e.lab.Root.Certificate); err != nil {
			t.Error(err)
		}
	}
}

func lastExpiresSoonAndIsNotNeeded(t *testing.T, e endpoint) {
	chain := presented(t, e)
	crossed := chain[2]
	if left := time.Until(crossed.NotAfter).Round(time.Hour); left != 2*day {
		t.Errorf("the cross-signed certificate has %v left", left)
	}
	if !bytes.Equal(crossed.RawSubjectPublicKeyInfo, e.lab.Root.Certificate.RawSubjectPublicKeyInfo) {
		t.Error("the cross-signed certificate is not for the key of the root")
	}
	if err := verify(t, e, when(3*day)); err != nil {
		t.Errorf("verify after the cross-signed certificate expired: %v", err)
	}
}

func hasKeyOf1024Bits(t *testing.T, e endpoint) {
	key, ok := presented(t, e)[0].PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() != 1024 {
		t.Errorf("the key is %v", key)
	}
}

func signedWithSHA1(t *testing.T, e endpoint) {
	chain := presented(t, e)
	if got := chain[0].SignatureAlgorithm; got != x509.ECDSAWithSHA1 {
		t.Errorf("signed with %v", got)
	}
	if err := chain[0].CheckSignatureFrom(chain[1]); !as[x509.InsecureAlgorithmError](err) {
		t.Errorf("got %v, want an x509.InsecureAlgorithmError", err)
	}
}

func hasNegativeSerial(t *testing.T, e endpoint) {
	if serial := presented(t, e)[0].SerialNumber; serial.Sign() >= 0 {
		t.Errorf("the serial number is %v", serial)
	}
}

// sendsAnExtraByte checks the certificate itself, because crypto/tls cannot parse it.
func sendsAnExtraByte(t *testing.T, e endpoint) {
	server := Server{RawChain: appendByte}
	identity, err := e.lab.Identity(server)
	if err != nil {
		t.Fatal(err)
	}
	der := identity.Certificate[0]
	if _, err := x509.ParseCertificate(der[:len(der)-1]); err != nil {
		t.Errorf("without its last byte: %v", err)
	}
	if _, err := x509.ParseCertificate(der); err == nil {
		t.Error("it can be parsed")
	}
}
