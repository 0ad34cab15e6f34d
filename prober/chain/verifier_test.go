package chain

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// A server chooses what its certificates say, and so what is kept of them: that
// it takes no more than is reckoned holds for the worst of them too.
func TestVerdictsAreBounded(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	ca := p.under(root, "CA")
	v := NewVerifier(trust(root))
	long := strings.Repeat("a long name that is told in the story of a mismatch, ", 8)
	live := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := live()
	for i := range 1000 {
		leaf := p.leaf(ca, func(c *x509.Certificate) {
			c.DNSNames = nil
			for j := range 10 {
				c.DNSNames = append(c.DNSNames, fmt.Sprintf("%d.%d.test", i, j))
			}
			c.Subject.CommonName = long
		})
		v.Verify(certs(leaf, ca), "localhost", labtest.Now)
	}
	grown := int(live() - before)
	if bound := maxVerdicts + maxDescribed; grown > 2*bound || grown < maxDescribed/2 {
		t.Errorf("%d bytes are taken, of at most %d", grown, bound)
	}
}

// A verdict that is kept holds for the same chain, name and roots, and on one
// side of the instants at which a certificate begins or ends. Beyond any of them
// the chain is judged anew: each row comes after the first has been kept.
func TestVerdictIsVoid(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root", ends(labtest.Now.Add(40*labtest.Day)))
	ca := p.under(root, "CA", ends(labtest.Now.Add(50*labtest.Day)))
	leaf := p.leaf(ca, ends(labtest.Now.Add(30*labtest.Day)))
	begins := func(at time.Time) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore = at }
	}
	late := p.root("Root", begins(labtest.Now.Add(time.Minute)))
	underLate := p.under(late, "CA under Late")

	for _, test := range []struct {
		name    string
		sent    []*x509.Certificate
		trusted *Roots
		later   []*x509.Certificate // nil: as sent
		asked   string              // "": localhost
		at      time.Time
		before  bool // whether it was valid
		after   bool
		problem Problem // after
	}{
		{name: "a byte of the leaf's signature", sent: certs(leaf, ca), later: certs(tampered(t, leaf), ca), at: labtest.Now, before: true, problem: ProblemIncompleteChain},
		{name: "a byte of the intermediate's signature", sent: certs(leaf, ca), later: []*x509.Certificate{leaf, tampered(t, ca.Certificate)}, at: labtest.Now, before: true, problem: ProblemUnknownAuthority},
		{name: "another leaf of the same names", sent: certs(leaf, ca), later: certs(p.leaf(p.root("CA")), ca), at: labtest.Now, before: true, problem: ProblemIncompleteChain},
		{name: "a certificate less", sent: certs(leaf, ca), later: certs(leaf), at: labtest.Now, before: true, problem: ProblemIncompleteChain},
		{name: "another order", sent: certs(leaf, p.root("Other"), ca), later: certs(leaf, ca, p.root("Other")), at: labtest.Now, before: true, after: true},
		{name: "another name", sent: certs(leaf, ca), asked: "other.test", at: labtest.Now, before: true, problem: ProblemNameMismatch},
		{name: "the last moment of the leaf", sent: certs(leaf, ca), at: labtest.Now.Add(30 * labtest.Day), before: true, after: true},
		{name: "the moment after it", sent: certs(leaf, ca), at: labtest.Now.Add(30*labtest.Day + 1), before: true, problem: ProblemExpired},
		{name: "the clock set back to before the leaf", sent: certs(leaf, ca), at: labtest.Now.Add(-31 * labtest.Day), before: true, problem: ProblemNotYetValid},
		{name: "the root's end", sent: certs(p.leaf(ca), ca), at: labtest.Now.Add(40*labtest.Day + 1), before: true, problem: ProblemExpired},
		{name: "the end of a root that is not listed", sent: certs(p.leaf(ca), ca), trusted: systemTrust(root), at: labtest.Now.Add(40*labtest.Day + 1), before: true, problem: ProblemUnknownAuthority},
		{name: "the last moment before a root begins", sent: certs(p.leaf(underLate), underLate), trusted: trust(late), at: labtest.Now.Add(time.Minute - 1), problem: ProblemNotYetValid},
		{name: "the beginning of a root", sent: certs(p.leaf(underLate), underLate), trusted: trust(late), at: labtest.Now.Add(time.Minute), after: true},
		{name: "the beginning of a root that is not listed", sent: certs(p.leaf(underLate), underLate), trusted: systemTrust(late), at: labtest.Now.Add(maxVerdictAge), after: true},
		{name: "the beginning of the leaf", sent: certs(p.leaf(ca, begins(labtest.Now.Add(time.Second))), ca), at: labtest.Now.Add(time.Second), after: true},
		{name: "the end of an intermediate beside the path", sent: certs(leaf, p.crossSign(p.root("Stranger"), ca, ends(labtest.Now.Add(labtest.Day))), ca), at: labtest.Now.Add(labtest.Day + 1), before: true, after: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			trusted, later := trust(root), test.sent
			if test.trusted != nil {
				trusted = test.trusted
			}
			if test.later != nil {
				later = test.later
			}
			name := cmp.Or(test.asked, "localhost")
			v := NewVerifier(trusted)
			if c := v.Verify(test.sent, "localhost", labtest.Now); c.Valid != test.before {
				t.Fatalf("at first it is valid: %v; %v", c.Valid, c.Problems)
			}
			c := v.Verify(later, name, test.at)
			if c.Valid != test.after || test.problem != "" && !c.Has(test.problem) {
				t.Errorf("then it is valid: %v; %v", c.Valid, c.Problems)
			}
			same(t, c, verifyAll(later, name, trusted, test.at))
		})
	}
}

// tampered is a certificate with one bit of its signature changed.
func tampered(t *testing.T, cert *x509.Certificate) *x509.Certificate {
	t.Helper()
	der := slices.Clone(cert.Raw)
	der[len(der)-1] ^= 1
	changed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// same wants two chains to say the same, of the same certificates.
func same(t *testing.T, got, want *Chain) {
	t.Helper()
	equal := slices.Equal(got.Problems, want.Problems) && got.Valid == want.Valid && got.Name == want.Name &&
		got.At.Equal(want.At) && got.NotAfter.Equal(want.NotAfter) && (got.Path == nil) == (want.Path == nil) &&
		slices.EqualFunc(got.Path, want.Path, (*x509.Certificate).Equal) &&
		slices.EqualFunc(got.Certificates, want.Certificates, func(a, b *Certificate) bool {
			return a.X509.Equal(b.X509) && a.FingerprintSHA256 == b.FingerprintSHA256 && a.DNSNames == b.DNSNames && a.SubjectCN == b.SubjectCN
		})
	if !equal {
		t.Fatalf("kept:  %v %v, to %s, path of %d\nfresh: %v %v, to %s, path of %d", got.Valid, got.Problems, got.NotAfter, len(got.Path), want.Valid, want.Problems, want.NotAfter, len(want.Path))
	}
}

// While nothing changes nothing is verified: not even that the roots are gone is
// noticed then.
func TestVerdictIsKept(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	ca := p.under(root, "CA")
	sent := certs(p.leaf(ca), ca)
	v := NewVerifier(trust(root))
	first := v.Verify(sent, "localhost", labtest.Now)
	v.roots.Pool = x509.NewCertPool()
	again := v.Verify(sent, "localhost", labtest.Now.Add(time.Minute))
	if !first.Valid || !again.Valid || again.Certificates[0] != first.Certificates[0] || !again.At.Equal(labtest.Now.Add(time.Minute)) {
		t.Errorf("judged anew: %v, %v", again.Valid, again.Problems)
	}
	if c := v.Verify(sent, "localhost", labtest.Now.Add(maxVerdictAge)); c.Valid {
		t.Errorf("a verdict is kept for longer than %s", maxVerdictAge)
	}
	if c := v.Verify(sent, "localhost", labtest.Now.Add(-1)); c.Valid {
		t.Error("a verdict holds before it was made")
	}
}

// Results share what is kept, and one that is told more does not tell it to others.
func TestKeptProblemsAreNotAppendedTo(t *testing.T) {
	p := newPKI(t)
	v := NewVerifier(trust(p.root("Root")))
	sent := certs(p.leaf(p.root("Stranger")))
	for range 3 {
		c := v.Verify(sent, "other.test", labtest.Now)
		if len(c.Problems) != 2 || c.Has(ProblemRevoked) {
			t.Fatalf("its problems are %v", c.Problems)
		}
		c.Problems = append(c.Problems, Found{Problem: ProblemRevoked})
		if again := v.Verify(sent, "other.test", labtest.Now); cap(again.Problems) > len(again.Problems) {
			t.Errorf("two results would append to one list, of %d with room for %d", len(again.Problems), cap(again.Problems))
		}
	}
}

// A clock that is set back is seen, though the time since the start of the
// program, which Go would rather compare, goes on.
func TestVerdictGoesByTheWallClock(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	v := NewVerifier(trust(root))
	sent := certs(p.leaf(root))
	c := v.Verify(sent, "localhost", time.Now())
	known, ok := v.verdicts.Get(verdictKeyOf(c.Certificates, "localhost"))
	if !ok || known.from != known.from.Round(0) || known.until != known.until.Round(0) {
		t.Errorf("cached: %v, by the monotonic clock: %+v", ok, known)
	}
}

// A reload reads the roots anew, and what was found under the old ones is gone.
func TestReloadVoidsVerdicts(t *testing.T) {
	p := newPKI(t)
	root, other := p.root("Root"), p.root("Other")
	sent := certs(p.leaf(root))
	file := filepath.Join(t.TempDir(), "ca.pem")
	valid := func(ca *tlstest.CA) bool {
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate.Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		roots, err := LoadRoots(Options{CAFile: file})
		if err != nil {
			t.Fatal(err)
		}
		return NewVerifier(roots).Verify(sent, "localhost", labtest.Now).Valid
	}
	if !valid(root) || valid(other) || !valid(root) {
		t.Error("the verdict is not that of the roots in the file")
	}
}

// triples is how many random (chain, name, time) are judged both ways: as many as
// VERDICT_TRIPLES says, or what takes some seconds.
func triples(t *testing.T) int {
	number, set := os.LookupEnv("VERDICT_TRIPLES")
	if !set {
		return 4000
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Whatever is asked in whatever order, what is kept says what a judge who keeps
// nothing says, and both agree with crypto/x509.
func TestVerdictsAgree(t *testing.T) {
	t.Parallel()
	n := triples(t)
	w := newWorld(t)
	var kept, judged atomic.Int64
	var group sync.WaitGroup
	workers := 2 * runtime.GOMAXPROCS(0)
	for worker := range workers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(worker)))
			for range n / workers / walkLength {
				w.walk(t, random, &kept, &judged)
			}
		})
	}
	group.Wait()
	t.Logf("%d triples, %d of them answered by a kept verdict", judged.Load(), kept.Load())
	if share := float64(kept.Load()) / float64(judged.Load()); share < .3 || share > .95 {
		t.Errorf("%.0f%% were answered by a kept verdict, which tests little", 100*share)
	}
}

// world is chains of every kind, and who judges them.
type world struct {
	chains   [][]*x509.Certificate
	instants [][]time.Time // of each chain and of the roots
	verdicts []*Verifier
}

func newWorld(t *testing.T) *world {
	p := newPKI(t)
	random := rand.New(rand.NewPCG(3, 4))
	span := func(c *x509.Certificate) {
		c.NotBefore = labtest.Now.Add(time.Duration(random.IntN(20)-15) * labtest.Day)
		c.NotAfter = c.NotBefore.Add(time.Duration(1+random.IntN(30)) * labtest.Day)
	}
	var authorities, all []*tlstest.CA
	for _, name := range []string{"Root A", "Root B", "Root C", "Root D", "Stranger"} {
		authorities = append(authorities, p.root(name, span))
	}
	trusted := authorities[:4]
	all = slices.Clone(authorities)
	for i := range 8 {
		above := all[random.IntN(len(all))]
		ca := p.under(above, string(rune('a'+i)), span, func(c *x509.Certificate) {
			switch random.IntN(8) {
			case 0:
				c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			case 1:
				c.PermittedDNSDomains = []string{"permitted.test"}
			case 2:
				c.MaxPathLenZero = true
			}
		})
		all = append(all, ca)
		for range random.IntN(3) {
			all = append(all, p.crossSign(authorities[random.IntN(len(authorities))], ca, span))
		}
	}
	w := &world{}
	for range 150 {
		leaf := p.leaf(all[random.IntN(len(all))], span, func(c *x509.Certificate) {
			switch random.IntN(6) {
			case 0:
				c.DNSNames = []string{"permitted.test", "localhost"}
			case 1:
				c.DNSNames = []string{"other.test"}
			case 2:
				c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			}
		})
		sent := []*x509.Certificate{leaf}
		for _, at := range random.Perm(len(all))[:random.IntN(6)] {
			sent = append(sent, all[at].Certificate)
		}
		// The leaf's own issuers are mostly there.
		for _, ca := range all {
			if slices.Equal(ca.Certificate.RawSubject, leaf.RawIssuer) && random.IntN(4) > 0 {
				sent = slices.Insert(sent, 1, ca.Certificate)
			}
		}
		var instants []time.Time
		for _, cert := range append(slices.Clone(sent), trust(trusted...).own...) {
			instants = append(instants, cert.NotBefore, cert.NotAfter)
		}
		w.chains, w.instants = append(w.chains, sent), append(w.instants, instants)
	}
	// Roots that are not listed have all begun: see maxVerdictAge.
	var begun []*tlstest.CA
	for _, ca := range trusted {
		if ca.Certificate.NotBefore.Before(labtest.Now.Add(-20 * labtest.Day)) {
			begun = append(begun, ca)
		}
	}
	old := p.root("Old", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = labtest.Now.Add(-100*labtest.Day), labtest.Now.Add(10*labtest.Day)
	})
	w.verdicts = []*Verifier{NewVerifier(trust(trusted...)), NewVerifier(trust(trusted[0])), NewVerifier(systemTrust(append(begun, old)...))}
	return w
}

// walkLength is how many times in a row one chain is asked about while its clock
// mostly goes on.
const walkLength = 50

func (w *world) walk(t *testing.T, random *rand.Rand, kept, judged *atomic.Int64) {
	i := random.IntN(len(w.chains))
	sent, instants := w.chains[i], w.instants[i]
	v := w.verdicts[random.IntN(len(w.verdicts))]
	name := []string{"localhost", "permitted.test", "other.test", ""}[random.IntN(4)]
	at := labtest.Now.Add(time.Duration(random.Int64N(int64(40*labtest.Day))) - 20*labtest.Day)
	for range walkLength {
		switch random.IntN(8) {
		case 0: // to where something changes
			at = instants[random.IntN(len(instants))].Add(time.Duration(random.IntN(3) - 1))
		case 1:
			at = at.Add(-time.Duration(random.Int64N(int64(time.Hour))))
		default:
			at = at.Add(time.Duration(random.Int64N(int64(10 * time.Minute))))
		}
		known, ok := v.verdicts.Get(verdictKeyOf(described(sent), name))
		if ok && !at.Before(known.from) && at.Before(known.until) {
			kept.Add(1)
		}
		judged.Add(1)
		got := v.Verify(sent, name, at)
		same(t, got, verifyAll(sent, name, v.roots, at))
		if _, err := verifyX509(sent, name, v.roots.Pool, at); got.Valid != (err == nil) {
			t.Fatalf("valid is %v, and crypto/x509 says %v", got.Valid, err)
		}
	}
}

func described(certs []*x509.Certificate) []*Certificate {
	all := make([]*Certificate, len(certs))
	for i, cert := range certs {
		all[i] = newCertificate(cert)
	}
	return all
}
