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
)

type diagnosis struct {
	illness  string
	diagnose func(*testing.T, patient)
}

// diagnoses says, for every illness, how one sees that an endpoint has it, and
// nothing worse.
var diagnoses = []diagnosis{
	{"healthy", all(shakesHands, verifies, sends("localhost", "Lab Intermediate"), negotiates(tls.VersionTLS13))},

	{"expired", all(shakesHands, fails(invalid(x509.Expired), at3DaysEarlier), ended)},
	{"not-yet-valid", all(shakesHands, fails(invalid(x509.Expired), at3DaysLater), notBegun)},
	{"short-lived-half-spent", all(shakesHands, verifies, lasts(160*time.Hour, 80*time.Hour))},
	{"short-lived-quarter-left", all(shakesHands, verifies, lasts(160*time.Hour, 40*time.Hour))},

	{"wrong-name", all(shakesHands, fails(as[x509.HostnameError], forNobody))},
	{"self-signed", all(shakesHands, sends("localhost"), fails(as[x509.UnknownAuthorityError], trustingTheLeaf), signedByItself)},
	{"unknown-authority", all(shakesHands, sends("localhost", "Unknown Intermediate"),
		fails(as[x509.UnknownAuthorityError], trustingTheIssuer))},
	{"expired-misnamed-untrusted", all(shakesHands, ended,
		fails(invalid(x509.Expired), forNobody, trustingTheIssuer, at11DaysEarlier),
		stillFails(as[x509.HostnameError], trustingTheIssuer, at11DaysEarlier),
		stillFails(as[x509.UnknownAuthorityError], forNobody, at11DaysEarlier),
		stillFails(invalid(x509.Expired), forNobody, trustingTheIssuer))},

	{"missing-intermediate", all(shakesHands, sends("localhost"), fails(as[x509.UnknownAuthorityError], withTheIntermediate))},
	{"wrong-order", all(shakesHands, sends("localhost", "Lab Root", "Lab Intermediate"), verifies)},
	{"expired-intermediate-beside-good", all(shakesHands, verifies,
		sends("localhost", "Lab Intermediate", "Lab Intermediate"), firstIntermediateEnded)},
	{"cross-signed-superfluous", all(shakesHands, verifies,
		sends("localhost", "Lab Intermediate", "Lab Root"), lastEndsSoonAndIsNotNeeded)},
	{"name-constraint", all(shakesHands, sends("localhost", "Constrained Intermediate"),
		fails(invalid(x509.CANotAuthorizedForThisName), trustingTheLeaf))},

	{"weak-key", all(shakesHands, verifies, keyOf1024Bits)},
	{"sha1-signature", all(shakesHands, signedWithSHA1, fails(as[x509.UnknownAuthorityError], trustingTheLeaf))},
	{"wrong-usage", all(shakesHands, fails(invalid(x509.IncompatibleUsage), forAnyUse))},
	{"negative-serial", all(shakesHands, verifies, numberedBelowZero)},
	{"unparsable-certificate", all(saying("tls: failed to parse certificate from server: x509: trailing data"), sendsAByteTooMany)},

	{"tls10-only", all(shakesHands, verifies, negotiates(tls.VersionTLS10), refusesFrom(tls.VersionTLS11))},
	{"tls12-only", all(shakesHands, verifies, negotiates(tls.VersionTLS12), refusesUpTo(tls.VersionTLS11), refusesFrom(tls.VersionTLS13))},
	{"tls13-only", all(shakesHands, verifies, negotiates(tls.VersionTLS13), refusesUpTo(tls.VersionTLS12))},
	{"ssl3-only", saying("tls: server selected unsupported protocol version 300")},
	{"client-certificate-required-tls12", all(refusesInHandshake, verifies, alerts("tls: handshake failure"), welcomesClientCertificate)},
	{"client-certificate-required-tls13", all(refusesAfterHandshake, verifies, alerts("tls: certificate required"), welcomesClientCertificate)},
	{"alert-handshake-failure", alerts("tls: handshake failure")},
	{"alert-unrecognized-name", alerts("tls: unrecognized name")},

	{"plain-http", all(speaksNoTLS, answersInHTTP)},
	{"garbage", all(speaksNoTLS, answersTheSameTwice)},
	{"silent", hears(nil)},
	{"closes-at-once", all(breaksWith(io.EOF), hearsUnasked(nil))},
	{"closes-mid-handshake", breaksWith(io.ErrUnexpectedEOF)},
	{"resets-mid-handshake", breaksWith(syscall.ECONNRESET)},
	{"endless", all(saying("tls: handshake message of length 16777215 bytes exceeds maximum of 65536 bytes"), neverStops)},
	{"refused", all(refusesConnections, keepsItsPort)},
}

func TestIllnesses(t *testing.T) {
	lab := newLab(t)
	illnesses := Illnesses()
	diagnoses := slices.Concat(diagnoses, dialogueDiagnoses())
	for _, d := range diagnoses {
		t.Run(d.illness, func(t *testing.T) {
			i := slices.IndexFunc(illnesses, func(i Illness) bool { return i.Name == d.illness })
			if i < 0 {
				t.Fatal("Illnesses does not have it")
			}
			server, err := illnesses[i].Make(lab)
			if err != nil {
				t.Fatal(err)
			}
			d.diagnose(t, patient{lab, start(t, lab, server)})
		})
	}
	if len(illnesses) != len(diagnoses) {
		t.Errorf("%d illnesses, but %d diagnoses", len(illnesses), len(diagnoses))
	}
}

func TestIllnessesAreNamed(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	sentence := regexp.MustCompile(`^[A-Z][^\n]*[^.]\.$`)
	seen := map[string]bool{}
	for _, i := range Illnesses() {
		if !kebab.MatchString(i.Name) {
			t.Errorf("%q is not a name in kebab-case", i.Name)
		}
		if seen[i.Name] {
			t.Errorf("%q is there twice", i.Name)
		}
		seen[i.Name] = true
		if !sentence.MatchString(i.Says) {
			t.Errorf("%s: %q is not a sentence", i.Name, i.Says)
		}
	}
	if first := Illnesses()[0].Name; first != "healthy" {
		t.Errorf("the first is %q, want healthy", first)
	}
}

// patient is an endpoint under examination.
type patient struct {
	lab  *Lab
	addr string
}

func all(diagnoses ...func(*testing.T, patient)) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		for _, d := range diagnoses {
			d(t, p)
		}
	}
}

// How the conversation goes.

func shakesHands(t *testing.T, p patient) {
	t.Helper()
	m := meet(t, p.addr)
	if m.handshake != nil || m.after != io.EOF {
		t.Errorf("handshake: %v, then %v; want none, then EOF", m.handshake, m.after)
	}
	if got := m.state.NegotiatedProtocol; got != "h2" {
		t.Errorf("negotiated protocol %q, want h2", got)
	}
}

func negotiates(version uint16) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		if got := meet(t, p.addr).state.Version; got != version {
			t.Errorf("negotiated %s, want %s", tls.VersionName(got), tls.VersionName(version))
		}
	}
}

func refusesFrom(version uint16) func(*testing.T, patient) {
	return refuses(func(c *tls.Config) { c.MinVersion = version })
}

func refusesUpTo(version uint16) func(*testing.T, patient) {
	return refuses(func(c *tls.Config) { c.MaxVersion = version })
}

func refuses(change func(*tls.Config)) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		err := meet(t, p.addr, change).handshake
		if !isAlert(err, "tls: protocol version not supported") {
			t.Errorf("got %v, want an alert that the version is not supported", err)
		}
	}
}

func refusesInHandshake(t *testing.T, p patient) {
	if m := meet(t, p.addr); m.handshake == nil {
		t.Error("the handshake succeeded without a client certificate")
	}
}

func refusesAfterHandshake(t *testing.T, p patient) {
	if m := meet(t, p.addr); m.handshake != nil || m.after == io.EOF {
		t.Errorf("handshake: %v, then %v; want none, then a refusal", m.handshake, m.after)
	}
}

func welcomesClientCertificate(t *testing.T, p patient) {
	identity, err := p.lab.identity(Server{})
	if err != nil {
		t.Fatal(err)
	}
	m := meet(t, p.addr, func(c *tls.Config) { c.Certificates = []tls.Certificate{identity} })
	if m.handshake != nil || m.after != io.EOF {
		t.Errorf("with a client certificate: %v, then %v; want none, then EOF", m.handshake, m.after)
	}
}

func alerts(text string) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		if err := meet(t, p.addr).err(); !isAlert(err, text) {
			t.Errorf("got %v, want the alert %q", err, text)
		}
	}
}

func isAlert(err error, text string) bool {
	remote, ok := errors.AsType[*net.OpError](err)
	return ok && remote.Op == "remote error" && remote.Err.Error() == text
}

func saying(text string) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		if err := meet(t, p.addr).handshake; err == nil || err.Error() != text {
			t.Errorf("got %v, want %q", err, text)
		}
	}
}

func breaksWith(want error) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		if err := meet(t, p.addr).handshake; !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func speaksNoTLS(t *testing.T, p patient) {
	err := meet(t, p.addr).handshake
	if _, ok := errors.AsType[tls.RecordHeaderError](err); !ok {
		t.Errorf("got %v, want a tls.RecordHeaderError", err)
	}
}

// What is said without TLS.

// helloOfNothing is framed as a ClientHello, which is all that raw servers look at.
var helloOfNothing = record(recordHandshake, versionTLS12, []byte("hello"))

func hears(want []byte) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		if got := exchange(t, p.addr, helloOfNothing); !bytes.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
}

func hearsUnasked(want []byte) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		if got, err := io.ReadAll(dial(t, p.addr)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("heard %q, %v; want %q", got, err, want)
		}
	}
}

func answersInHTTP(t *testing.T, p patient) {
	for _, words := range []string{"GET / HTTP/1.1\r\n\r\n", string(helloOfNothing), "?"} {
		if got := exchange(t, p.addr, []byte(words)); !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
			t.Errorf("%q is answered with %q", words, got)
		}
	}
}

func answersTheSameTwice(t *testing.T, p patient) {
	first, second := exchange(t, p.addr, helloOfNothing), exchange(t, p.addr, helloOfNothing)
	if len(first) == 0 || !bytes.Equal(first, second) {
		t.Errorf("first %x, then %x", first, second)
	}
}

// neverStops listens for longer than any ServerHello could last.
func neverStops(t *testing.T, p patient) {
	c := dial(t, p.addr)
	if _, err := c.Write(helloOfNothing); err != nil {
		t.Fatal(err)
	}
	size := recordHeader + maxRecordPayload
	for heard := 0; heard < 1<<24+1<<20; heard += size {
		b := make([]byte, size)
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatalf("it stopped after %d bytes: %v", heard, err)
		}
		if header := []byte{recordHandshake, 3, 3, 0x40, 0}; !bytes.Equal(b[:recordHeader], header) {
			t.Fatalf("after %d bytes comes the record %x, want %x", heard, b[:recordHeader], header)
		}
	}
}

func refusesConnections(t *testing.T, p patient) {
	c, err := net.Dial("tcp", p.addr)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want %v", err, syscall.ECONNREFUSED)
	}
}

func keepsItsPort(t *testing.T, p patient) {
	listener, err := net.Listen("tcp", p.addr)
	if err == nil {
		listener.Close()
		t.Error("somebody else can have the port")
	}
}

// How the certificates verify.

func verifies(t *testing.T, p patient) {
	t.Helper()
	if err := verify(t, p); err != nil {
		t.Errorf("verify: %v", err)
	}
}

// fails wants the verification to fail so, and to succeed once it is cured: the
// illness is there, and there is no other.
func fails(want func(error) bool, cures ...cure) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		stillFails(want)(t, p)
		if err := verify(t, p, cures...); err != nil {
			t.Errorf("verify, once cured: %v", err)
		}
	}
}

func stillFails(want func(error) bool, cures ...cure) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		t.Helper()
		if err := verify(t, p, cures...); err == nil || !want(err) {
			t.Errorf("verify: unexpected %T: %v", err, err)
		}
	}
}

func verify(t *testing.T, p patient, cures ...cure) error {
	t.Helper()
	chain := presented(t, p)
	options := x509.VerifyOptions{
		Roots:         pool(p.lab.Root.Certificate),
		Intermediates: pool(chain[1:]...),
		DNSName:       "127.0.0.1",
	}
	for _, c := range cures {
		c(&options, p.lab, chain)
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

// cure takes one illness out of a verification.
type cure func(*x509.VerifyOptions, *Lab, []*x509.Certificate)

var (
	at11DaysEarlier cure = when(-11 * day)
	at3DaysEarlier  cure = when(-3*day - time.Hour)
	at3DaysLater    cure = when(3 * day)
)

func when(later time.Duration) cure {
	return func(o *x509.VerifyOptions, _ *Lab, _ []*x509.Certificate) { o.CurrentTime = time.Now().Add(later) }
}

func forNobody(o *x509.VerifyOptions, _ *Lab, _ []*x509.Certificate) { o.DNSName = "" }

func forAnyUse(o *x509.VerifyOptions, _ *Lab, _ []*x509.Certificate) {
	o.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
}

func trustingTheLeaf(o *x509.VerifyOptions, _ *Lab, chain []*x509.Certificate) {
	o.Roots = pool(chain[0])
}

func trustingTheIssuer(o *x509.VerifyOptions, _ *Lab, chain []*x509.Certificate) {
	o.Roots = pool(chain[1])
}

func withTheIntermediate(o *x509.VerifyOptions, lab *Lab, _ []*x509.Certificate) {
	o.Intermediates = pool(lab.Intermediate.Certificate)
}

// What the certificates say.

func sends(commonNames ...string) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		var got []string
		for _, c := range presented(t, p) {
			got = append(got, c.Subject.CommonName)
		}
		if !slices.Equal(got, commonNames) {
			t.Errorf("sends %q, want %q", got, commonNames)
		}
	}
}

func ended(t *testing.T, p patient) {
	if leaf := presented(t, p)[0]; !leaf.NotAfter.Before(time.Now()) {
		t.Errorf("it ends at %v", leaf.NotAfter)
	}
}

func notBegun(t *testing.T, p patient) {
	if leaf := presented(t, p)[0]; !leaf.NotBefore.After(time.Now()) {
		t.Errorf("it begins at %v", leaf.NotBefore)
	}
}

// lasts compares dates to the hour, which the test does not take.
func lasts(life, left time.Duration) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		leaf := presented(t, p)[0]
		if got := leaf.NotAfter.Sub(leaf.NotBefore); got != life {
			t.Errorf("it lasts %v, want %v", got, life)
		}
		if got := time.Until(leaf.NotAfter).Round(time.Hour); got != left {
			t.Errorf("it has %v left, want %v", got, left)
		}
	}
}

func signedByItself(t *testing.T, p patient) {
	leaf := presented(t, p)[0]
	if err := leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		t.Errorf("issued by %q to %q", leaf.Issuer, leaf.Subject)
	}
}

func firstIntermediateEnded(t *testing.T, p patient) {
	chain := presented(t, p)
	expired, good := chain[1], chain[2]
	if !expired.NotAfter.Before(time.Now()) || !bytes.Equal(expired.RawSubjectPublicKeyInfo, good.RawSubjectPublicKeyInfo) {
		t.Error("the first is not an expired edition of the second")
	}
	for _, c := range chain[1:] {
		if err := c.CheckSignatureFrom(p.lab.Root.Certificate); err != nil {
			t.Error(err)
		}
	}
}

func lastEndsSoonAndIsNotNeeded(t *testing.T, p patient) {
	chain := presented(t, p)
	crossed := chain[2]
	if left := time.Until(crossed.NotAfter).Round(time.Hour); left != 2*day {
		t.Errorf("the cross-signature has %v left", left)
	}
	if !bytes.Equal(crossed.RawSubjectPublicKeyInfo, p.lab.Root.Certificate.RawSubjectPublicKeyInfo) {
		t.Error("the cross-signature is not for the key of the root")
	}
	if err := verify(t, p, when(3*day)); err != nil {
		t.Errorf("verify after the end of the cross-signature: %v", err)
	}
}

func keyOf1024Bits(t *testing.T, p patient) {
	key, ok := presented(t, p)[0].PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() != 1024 {
		t.Errorf("the key is %v", key)
	}
}

func signedWithSHA1(t *testing.T, p patient) {
	chain := presented(t, p)
	if got := chain[0].SignatureAlgorithm; got != x509.ECDSAWithSHA1 {
		t.Errorf("signed with %v", got)
	}
	if err := chain[0].CheckSignatureFrom(chain[1]); !as[x509.InsecureAlgorithmError](err) {
		t.Errorf("got %v, want an x509.InsecureAlgorithmError", err)
	}
}

func numberedBelowZero(t *testing.T, p patient) {
	if serial := presented(t, p)[0].SerialNumber; serial.Sign() >= 0 {
		t.Errorf("the serial number is %v", serial)
	}
}

// sendsAByteTooMany looks at the certificate where crypto/tls has not yet read it.
func sendsAByteTooMany(t *testing.T, p patient) {
	server := Server{RawChain: byteTooMany}
	identity, err := p.lab.identity(server)
	if err != nil {
		t.Fatal(err)
	}
	der := identity.Certificate[0]
	if _, err := x509.ParseCertificate(der[:len(der)-1]); err != nil {
		t.Errorf("without its last byte: %v", err)
	}
	if _, err := x509.ParseCertificate(der); err == nil {
		t.Error("it can be read")
	}
}
