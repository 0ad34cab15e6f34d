package transparency_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/transparency"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/tlstest"
)

// now is when certificates are judged.
var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// bench has a CA and logs, and a list of them.
type bench struct {
	testing.TB
	ca   *tlstest.CA
	key  crypto.Signer
	logs map[string]*tlstest.CTLog // by name; its first letter is the operator
	file string                    // the list of logs
}

// rsaKey is the key of the log r1. It takes long to make.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// states are the states of the logs in the list, by name. The log x1 is not in it.
var states = map[string]string{
	"a1": "usable", "a2": "usable", "b1": "usable", "c1": "qualified", "d1": "readonly", "e1": "retired", "f1": "retired", "g1": "pending", "h1": "rejected", "r1": "usable",
}

// retirement is when the retired logs were retired; f1 will be.
var retirement = map[string]time.Time{"e1": now.Add(-10 * day), "f1": now.Add(10 * day)}

func newBench(t testing.TB) *bench {
	t.Helper()
	ca, err := tlstest.NewRoot("Root")
	key, keyErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err, keyErr); err != nil {
		t.Fatal(err)
	}
	b := &bench{TB: t, ca: ca, key: key, logs: make(map[string]*tlstest.CTLog)}
	for name := range states {
		b.logs[name] = b.newLog()
	}
	b.logs["x1"] = b.newLog()
	b.logs["r1"].Key = rsaKey()
	b.file = b.writeList(now.Add(-day))
	return b
}

func (b *bench) newLog() *tlstest.CTLog {
	log, err := tlstest.NewCTLog()
	if err != nil {
		b.Fatal(err)
	}
	return log
}

// writeList writes a list of a time.
func (b *bench) writeList(at time.Time) string {
	b.Helper()
	type object = map[string]any
	var operators []object
	for name, state := range states {
		key, err := b.logs[name].PublicKey()
		if err != nil {
			b.Fatal(err)
		}
		since := now.Add(-300 * day)
		if state == "retired" {
			since = retirement[name]
		}
		log := object{"description": "log " + name, "key": base64.StdEncoding.EncodeToString(key), "state": object{state: object{"timestamp": since}}}
		operators = append(operators, object{"name": strings.ToUpper(name[:1]), "logs": []object{log}})
	}
	content, err := json.Marshal(object{"log_list_timestamp": at, "operators": operators})
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "log_list.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// promise is an SCT: the name of its log, and when it signs.
type promise struct {
	log string
	at  time.Time
}

// by is promises of logs, twenty days ago.
func by(names ...string) []promise {
	var all []promise
	for _, name := range names {
		all = append(all, promise{name, now.Add(-20 * day)})
	}
	return all
}

// issue issues a certificate with a lifetime and SCTs inside.
func (b *bench) issue(lifetime time.Duration, inside []promise) *x509.Certificate {
	b.Helper()
	template := &x509.Certificate{NotBefore: now.Add(-20 * day), NotAfter: now.Add(-20 * day).Add(lifetime), DNSNames: []string{"a.test"}}
	issue := func() (*x509.Certificate, error) { return b.ca.Issue(template, b.key) }
	if len(inside) > 0 {
		issue = func() (*x509.Certificate, error) {
			return b.ca.IssueLogged(template, b.key, func(tbs []byte) (pkix.Extension, error) {
				var all [][]byte
				for _, p := range inside {
					one, err := b.logs[p.log].SignPrecertificate(b.ca.Certificate, tbs, p.at)
					if err != nil {
						return pkix.Extension{}, err
					}
					all = append(all, one)
				}
				return tlstest.SCTExtension(tlstest.SCTList(all...), false), nil
			})
		}
	}
	leaf, err := issue()
	if err != nil {
		b.Fatal(err)
	}
	return leaf
}

// outside is SCTs for a whole certificate.
func (b *bench) outside(leaf *x509.Certificate, promises []promise) (all [][]byte) {
	b.Helper()
	for _, p := range promises {
		one, err := b.logs[p.log].SignCertificate(leaf, p.at)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// facts is a probe of a server with this certificate, under a public root.
func (b *bench) facts(leaf *x509.Certificate) *transparency.Facts {
	return &transparency.Facts{
		Chain: &chain.Chain{Public: true, DER: [][]byte{leaf.Raw, b.ca.Certificate.Raw}}, Path: []*x509.Certificate{leaf, b.ca.Certificate},
		Completed: true, Now: now,
	}
}

// judge judges facts with the list of the bench.
func (b *bench) judge(facts *transparency.Facts) *transparency.Finding {
	b.Helper()
	return b.judgeWith(b.file, facts)
}

func (b *bench) judgeWith(list string, facts *transparency.Facts) *transparency.Finding {
	b.Helper()
	options, err := transparency.Options{LogListFile: list}.Load()
	if err != nil {
		b.Fatal(err)
	}
	found, err := options.Judge(facts)
	if err != nil {
		b.Fatal(err)
	}
	return found
}

// The policy of Chrome, rule by rule.
func TestPolicy(t *testing.T) {
	b := newBench(t)
	before, after := now.Add(-11*day), now.Add(-9*day) // the retirement of e1
	const short, long = 180 * day, 180*day + time.Second
	for _, test := range []struct {
		name     string
		lifetime time.Duration // 0: short
		inside   []promise
		tls      []promise
		staple   []promise
		why      []string // nil: compliant
	}{
		{name: "two logs of two operators", inside: by("a1", "b1")},
		{name: "an RSA log", inside: by("r1", "b1")},
		{name: "one log", inside: by("a1"), why: []string{"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 1 that counts"}},
		{name: "one operator", inside: by("a1", "a2"), why: []string{"all SCTs that count are of one operator, A"}},
		{name: "one log twice", inside: append(by("a1"), promise{"a1", now.Add(-19 * day)}), why: []string{"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 1 that counts", "all SCTs that count are of one operator, A"}},
		{name: "a log twice, and another", inside: by("a1", "a1", "b1")},
		{name: "three logs of two operators, a long life", lifetime: long, inside: by("a1", "a2", "b1")},
		{name: "two logs, a long life", lifetime: long, inside: by("a1", "b1"), why: []string{"a certificate that is valid for 180 days needs SCTs of 3 logs inside, and has 2 that count"}},
		{name: "qualified and readonly", inside: by("c1", "d1")},
		{name: "pending does not count", inside: by("a1", "g1"), why: []string{"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 1 that counts"}},
		{name: "rejected does not count", inside: by("a1", "h1"), why: []string{"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 1 that counts"}},
		{name: "an unknown log does not count", inside: by("a1", "x1"), why: []string{"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 1 that counts"}},
		{name: "they do no harm either", inside: by("a1", "g1", "h1", "x1", "b1")},
		{name: "from the future", inside: []promise{{"a1", before}, {"b1", now.Add(time.Millisecond)}}, why: []string{"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 1 that counts"}},
		{name: "from this moment", inside: []promise{{"a1", before}, {"b1", now}}},
		{name: "retired later", inside: []promise{{"e1", before}, {"b1", before}}},
		{name: "retired before", inside: []promise{{"e1", after}, {"b1", before}}, why: []string{"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 1 that counts"}},
		{name: "backdated by a retired log", inside: []promise{{"e1", before}, {"b1", after}}, why: []string{"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 1 that counts"}},
		{name: "all retired", inside: []promise{{"e1", before}}, why: []string{"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 0 that count"}},
		{name: "to be retired", inside: by("f1", "b1")},
		{name: "none", why: []string{"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 0 that count"}},
		{name: "in the TLS extension", tls: by("a1", "b1")},
		{name: "in the TLS extension, a long life", lifetime: long, tls: by("a1", "b1")},
		{name: "in the TLS extension, one operator", tls: by("a1", "a2"), why: []string{
			"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 0 that count", "all SCTs that count are of one operator, A",
		}},
		{name: "in the TLS extension, retired later", tls: []promise{{"e1", before}, {"b1", before}}, why: []string{
			"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 0 that count", "the TLS extension needs SCTs of 2 logs, and has 1 that counts",
		}},
		{name: "half inside, half in the TLS extension", inside: by("a1"), tls: by("b1"), why: []string{
			"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 1 that counts", "the TLS extension needs SCTs of 2 logs, and has 1 that counts",
		}},
		{name: "in the staple", staple: by("a1", "b1"), why: []string{"a certificate that is valid for 180 days needs SCTs of 2 logs inside, and has 0 that count"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.lifetime == 0 {
				test.lifetime = short
			}
			leaf := b.issue(test.lifetime, test.inside)
			facts := b.facts(leaf)
			facts.SCTs, facts.Staple = b.outside(leaf, test.tls), b.stapled(leaf, b.outside(leaf, test.staple))
			found := b.judge(facts)
			if found.Verdict == nil {
				t.Fatalf("not judged: %s", found.Unjudged)
			}
			if found.Verdict.Compliant != (test.why == nil) || strings.Join(found.Verdict.Why, "\n") != strings.Join(test.why, "\n") {
				t.Errorf("compliant: %v, %q, want %q", found.Verdict.Compliant, found.Verdict.Why, test.why)
			}
		})
	}
}

// stapled is an OCSP response with SCTs.
func (b *bench) stapled(leaf *x509.Certificate, scts [][]byte) []byte {
	b.Helper()
	if scts == nil {
		return nil
	}
	response, err := b.ca.RespondOCSP(leaf, tlstest.OCSP{Extensions: []pkix.Extension{tlstest.SCTExtension(tlstest.SCTList(scts...), true)}})
	if err != nil {
		b.Fatal(err)
	}
	return response
}

// Each SCT has a status, and each source its counts: when the signatures are verified, and when
// the outcomes are known already.
func TestStatuses(t *testing.T) {
	b := newBench(t)
	leaf := b.issue(90*day, append(by("a1", "x1", "e1"), promise{"b1", now.Add(time.Hour)}))
	other := b.issue(90*day, nil)
	facts := b.facts(leaf)
	facts.SCTs = append(b.outside(leaf, by("a2", "g1")), b.outside(other, by("a1"))[0], []byte{0, 1}, nil)
	facts.Staple = b.stapled(leaf, b.outside(leaf, by("r1")))
	options, err := transparency.Options{LogListFile: b.file}.Load()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		found, err := options.Judge(facts)
		if err != nil {
			t.Fatal(err)
		}
		checkStatuses(t, found)
	}
}

func checkStatuses(t *testing.T, found *transparency.Finding) {
	t.Helper()
	var got []string
	for _, s := range found.SCTs {
		name := "-"
		if s.Log != nil {
			name = s.Log.Description
		}
		got = append(got, fmt.Sprintf("%s %s %s", s.Source, s.Status, name))
	}
	want := []string{
		"certificate valid log a1", "certificate unknown_log -", "certificate valid log e1", "certificate future log b1",
		"extension valid log a2", "extension valid log g1", "extension bad_signature log a1", "extension malformed -", "extension malformed -",
		"staple valid log r1",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the SCTs are\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	tallies := []transparency.Tally{
		{Source: "certificate", Count: 4, Valid: 2, Verifiable: true}, {Source: "extension", Count: 5, Valid: 2, Verifiable: true}, {Source: "staple", Count: 1, Valid: 1, Verifiable: true},
	}
	if fmt.Sprint(found.Sources) != fmt.Sprint(tallies) || !found.ListTime.Equal(now.Add(-day)) {
		t.Errorf("the counts are %v, want %v; the list is of %s", found.Sources, tallies, found.ListTime)
	}
}

// A certificate whose list of SCTs is no list has one, and a staple that cannot be read
// leaves the others.
func TestMalformed(t *testing.T) {
	b := newBench(t)
	leaf, err := b.ca.IssueLogged(&x509.Certificate{NotBefore: now, NotAfter: now.Add(day)}, b.key, func([]byte) (pkix.Extension, error) {
		return tlstest.SCTExtension([]byte{0, 9, 0}, false), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	facts := b.facts(leaf)
	facts.Staple = []byte("<html>")
	found := b.judge(facts)
	want := []transparency.Tally{{Source: "certificate", Count: 1, Verifiable: true}, {Source: "extension", Verifiable: true}}
	if fmt.Sprint(found.Sources) != fmt.Sprint(want) || len(found.SCTs) != 1 || found.SCTs[0].Status != transparency.Malformed || found.Verdict.Compliant {
		t.Errorf("the counts are %v, the SCTs %v", found.Sources, found.SCTs)
	}
}

// However many SCTs are sent, few are verified. All are counted.
func TestMany(t *testing.T) {
	b := newBench(t)
	leaf := b.issue(90*day, by("a1", "b1"))
	facts := b.facts(leaf)
	one := b.outside(leaf, by("a1"))[0]
	for range 1000 {
		facts.SCTs = append(facts.SCTs, one)
	}
	found := b.judge(facts)
	want := transparency.Tally{Source: "extension", Count: 1000, Valid: 16}
	if found.Sources[1] != want || len(found.SCTs) != 2+16 || !found.Verdict.Compliant || found.Size() > 4<<10 {
		t.Errorf("%v, %d SCTs, %d bytes", found.Sources, len(found.SCTs), found.Size())
	}
}

// The policy is applied only where it holds, and only with a list that is young enough.
func TestNotJudged(t *testing.T) {
	b := newBench(t)
	leaf := b.issue(90*day, by("a1", "b1"))
	for _, test := range []struct {
		name   string
		list   time.Time
		change func(*transparency.Facts)
		want   string // empty: judged
	}{
		{"a list of 70 days less a second", now.Add(-70*day + time.Second), func(*transparency.Facts) {}, ""},
		{"a list of 70 days", now.Add(-70 * day), func(*transparency.Facts) {}, "the list of logs is of 2026-08-23, and older than the 70 days"},
		{"a list from the future", now.Add(day), func(*transparency.Facts) {}, ""},
		{"a private root", now, func(f *transparency.Facts) { f.Chain.Public = false }, "the root is not one of Mozilla's program"},
		{"no trusted path", now, func(f *transparency.Facts) { f.Path = nil }, "the certificate has no trusted path"},
	} {
		t.Run(test.name, func(t *testing.T) {
			facts := b.facts(leaf)
			test.change(facts)
			found := b.judgeWith(b.writeList(test.list), facts)
			if (found.Verdict == nil) != (test.want != "") || !strings.HasPrefix(found.Unjudged, test.want) || (test.want == "") != (found.Unjudged == "") {
				t.Errorf("the verdict is %v, %q", found.Verdict, found.Unjudged)
			}
			if found.Sources[0].Valid != 2 {
				t.Errorf("%v", found.Sources)
			}
		})
	}
}

// Without a trusted path the issuer is known only if an SCT proves it. What the handshake
// did not show is not zero.
func TestUnknown(t *testing.T) {
	b := newBench(t)
	impostor, err := tlstest.NewRoot("Root") // of the same name
	if err != nil {
		t.Fatal(err)
	}
	leaf := b.issue(90*day, by("a1", "x1"))
	for _, test := range []struct {
		name   string
		sent   [][]byte
		status transparency.Status
		want   transparency.Tally
	}{
		{"the issuer is sent", [][]byte{leaf.Raw, b.ca.Certificate.Raw}, transparency.Valid, transparency.Tally{Source: "certificate", Count: 2, Valid: 1, Verifiable: true}},
		{"the leaf alone", [][]byte{leaf.Raw}, transparency.UnknownIssuer, transparency.Tally{Source: "certificate", Count: 2}},
		{"another CA of that name", [][]byte{leaf.Raw, impostor.Certificate.Raw}, transparency.UnknownIssuer, transparency.Tally{Source: "certificate", Count: 2}},
	} {
		facts := &transparency.Facts{Chain: &chain.Chain{DER: test.sent}, Now: now}
		found := b.judge(facts)
		if len(found.Sources) != 1 || found.Sources[0] != test.want || found.SCTs[0].Status != test.status || found.SCTs[1].Status != transparency.UnknownLog {
			t.Errorf("%s: %v, %v", test.name, found.Sources, found.SCTs)
		}
	}
}

// Without a certificate that can be read there is no finding.
func TestNoFinding(t *testing.T) {
	refused := &failure.Failure{Phase: failure.PhaseConnect, Reason: failure.ReasonRefused}
	for _, test := range []struct {
		name  string
		facts transparency.Facts
		want  failure.Reason
	}{
		{"the connection is refused", transparency.Facts{Failure: refused}, failure.ReasonRefused},
		{"no certificate", transparency.Facts{}, failure.ReasonInternal},
		{"too many bytes", transparency.Facts{Chain: &chain.Chain{}}, failure.ReasonTooLarge},
		{"no certificate of X.509", transparency.Facts{Chain: &chain.Chain{DER: [][]byte{{0x30, 0}}}}, failure.ReasonBadCertificate},
	} {
		found, err := new(transparency.Options).Judge(&test.facts)
		if found != nil || failure.Of(err) != test.want {
			t.Errorf("%s: %v, %v (%s), want %s", test.name, found, err, failure.Of(err), test.want)
		}
	}
}

// The options hold what the list says, so that a probe with another list is another one.
func TestLoad(t *testing.T) {
	b := newBench(t)
	if _, err := (transparency.Options{LogListFile: "missing.json"}).Load(); err == nil || !strings.HasPrefix(err.Error(), "log_list_file: ") {
		t.Errorf("no file: %v", err)
	}
	load := func() *transparency.Options {
		options, err := transparency.Options{LogListFile: b.file}.Load()
		if err != nil {
			t.Fatal(err)
		}
		return options
	}
	first := load()
	content, err := os.ReadFile(b.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.file, append(content, ' '), 0o600); err != nil {
		t.Fatal(err)
	}
	if same, other := identityOf(*first), identityOf(*load()); same == other {
		t.Error("another list has the same identity")
	}
}

// What the check costs a probe: two SCTs inside a certificate.
func BenchmarkJudge(b *testing.B) {
	bench := newBench(b)
	leaf := bench.issue(90*day, by("a1", "b1"))
	options, err := transparency.Options{LogListFile: bench.file}.Load()
	if err != nil {
		b.Fatal(err)
	}
	facts := bench.facts(leaf)
	b.ReportAllocs()
	for b.Loop() {
		if found, err := options.Judge(facts); err != nil || !found.Verdict.Compliant {
			b.Fatal(found, err)
		}
	}
}
