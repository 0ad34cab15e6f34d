package chain

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// The caches need about as much memory as their limits, also for certificates that a
// server made large on purpose.
func TestCachesAreBounded(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	ca := p.intermediate(root, "CA")
	v := NewVerifier(trust(root))
	long := strings.Repeat("a long name that the text of a problem repeats, ", 8)
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
		v.Verify(v.ParseChain([][]byte{leaf.Raw, ca.Certificate.Raw}), "localhost", 0, labtest.Now)
	}
	grown := int(live() - before)
	runtime.KeepAlive(v)
	if bound := maxVerdictBytes + maxCertificateBytes; grown > 2*bound || grown < maxCertificateBytes/2 {
		t.Errorf("the caches have %d bytes, of at most %d", grown, bound)
	}
}

// A cached verdict is for the same chain, name and roots, and until a certificate
// becomes valid or expires. In each row another chain, name or time follows one whose
// verdict is cached.
func TestVerdictExpires(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root", expires(labtest.Now.Add(40*labtest.Day)))
	ca := p.intermediate(root, "CA", expires(labtest.Now.Add(50*labtest.Day)))
	leaf := p.leaf(ca, expires(labtest.Now.Add(30*labtest.Day)))
	validFrom := func(at time.Time) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore = at }
	}
	late := p.root("Root", validFrom(labtest.Now.Add(time.Minute)))
	lateCA := p.intermediate(late, "Late CA")

	for _, test := range []struct {
		name    string
		sent    []*x509.Certificate
		trusted *Roots
		later   []*x509.Certificate // nil: as sent
		host    string              // "": localhost
		at      time.Time
		before  bool    // valid at first
		after   bool    // valid then
		problem Problem // then
	}{
		{name: "a byte of the leaf's signature", sent: certs(leaf, ca), later: certs(tampered(t, leaf), ca), at: labtest.Now, before: true, problem: ProblemBadSignature},
		{name: "a byte of the intermediate's signature", sent: certs(leaf, ca), later: []*x509.Certificate{leaf, tampered(t, ca.Certificate)}, at: labtest.Now, before: true, problem: ProblemBadSignature},
		{name: "another leaf of the same names", sent: certs(leaf, ca), later: certs(p.leaf(p.root("CA")), ca), at: labtest.Now, before: true, problem: ProblemIncompleteChain},
		{name: "a certificate fewer", sent: certs(leaf, ca), later: certs(leaf), at: labtest.Now, before: true, problem: ProblemIncompleteChain},
		{name: "another order", sent: certs(leaf, p.root("Other"), ca), later: certs(leaf, ca, p.root("Other")), at: labtest.Now, before: true, after: true},
		{name: "another name", sent: certs(leaf, ca), host: "other.test", at: labtest.Now, before: true, problem: ProblemNameMismatch},
		{name: "the last moment of the leaf", sent: certs(leaf, ca), at: labtest.Now.Add(30 * labtest.Day), before: true, after: true},
		{name: "the moment after it", sent: certs(leaf, ca), at: labtest.Now.Add(30*labtest.Day + 1), before: true, problem: ProblemExpired},
		{name: "the clock set back to before the leaf", sent: certs(leaf, ca), at: labtest.Now.Add(-31 * labtest.Day), before: true, problem: ProblemNotYetValid},
		{name: "the root expires", sent: certs(p.leaf(ca), ca), at: labtest.Now.Add(40*labtest.Day + 1), before: true, problem: ProblemExpired},
		{name: "a root that is not listed expires", sent: certs(p.leaf(ca), ca), trusted: systemTrust(root), at: labtest.Now.Add(40*labtest.Day + 1), before: true, problem: ProblemUnknownAuthority},
		{name: "the last moment before a root becomes valid", sent: certs(p.leaf(lateCA), lateCA), trusted: trust(late), at: labtest.Now.Add(time.Minute - 1), problem: ProblemNotYetValid},
		{name: "a root becomes valid", sent: certs(p.leaf(lateCA), lateCA), trusted: trust(late), at: labtest.Now.Add(time.Minute), after: true},
		{name: "a root that is not listed becomes valid", sent: certs(p.leaf(lateCA), lateCA), trusted: systemTrust(late), at: labtest.Now.Add(maxVerdictAge), after: true},
		{name: "the leaf becomes valid", sent: certs(p.leaf(ca, validFrom(labtest.Now.Add(time.Second))), ca), at: labtest.Now.Add(time.Second), after: true},
		{name: "an intermediate outside the path expires", sent: certs(leaf, p.crossSign(p.root("Untrusted"), ca, expires(labtest.Now.Add(labtest.Day))), ca), at: labtest.Now.Add(labtest.Day + 1), before: true, after: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			trusted, later := trust(root), test.sent
			if test.trusted != nil {
				trusted = test.trusted
			}
			if test.later != nil {
				later = test.later
			}
			name := cmp.Or(test.host, "localhost")
			v := NewVerifier(trusted)
			if c := v.Verify(described(test.sent), "localhost", 0, labtest.Now); c.Valid != test.before {
				t.Fatalf("at first valid is %v, problems are %v", c.Valid, c.Problems)
			}
			c := v.Verify(described(later), name, 0, test.at)
			if c.Valid != test.after || test.problem != "" && !c.Has(test.problem) {
				t.Errorf("then valid is %v, problems are %v", c.Valid, c.Problems)
			}
			same(t, c, uncached(later, name, trusted, test.at))
		})
	}
}

// tampered returns a certificate with one bit of its signature changed.
func tampered(t testing.TB, cert *x509.Certificate) *x509.Certificate {
	t.Helper()
	der := slices.Clone(cert.Raw)
	der[len(der)-1] ^= 1
	changed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// same fails the test if two results differ.
func same(t *testing.T, got, want *Chain) {
	t.Helper()
	equal := slices.Equal(got.Problems, want.Problems) && got.Valid == want.Valid && got.Name == want.Name &&
		got.At.Equal(want.At) && got.NotAfter.Equal(want.NotAfter) && (got.Path == nil) == (want.Path == nil) &&
		slices.EqualFunc(got.Path, want.Path, sameCertificate) && slices.EqualFunc(got.Certificates, want.Certificates, sameCertificate)
	if !equal {
		t.Fatalf("cached:   %v %v, until %s, path of %d\nuncached: %v %v, until %s, path of %d", got.Valid, got.Problems, got.NotAfter, len(got.Path), want.Valid, want.Problems, want.NotAfter, len(want.Path))
	}
}

func sameCertificate(a, b *Certificate) bool {
	return a.FingerprintSHA256 == b.FingerprintSHA256 && a.DNSNames == b.DNSNames && a.SubjectCN == b.SubjectCN
}

// A cached verdict is used without verification: even if the roots are gone.
func TestVerdictIsCached(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	ca := p.intermediate(root, "CA")
	sent := described(certs(p.leaf(ca), ca))
	v := NewVerifier(trust(root))
	first := v.Verify(sent, "localhost", 0, labtest.Now)
	v.roots.Pool = x509.NewCertPool()
	again := v.Verify(sent, "localhost", 0, labtest.Now.Add(time.Minute))
	if !first.Valid || !again.Valid || again.Certificates[0] != first.Certificates[0] || !again.At.Equal(labtest.Now.Add(time.Minute)) {
		t.Errorf("verified again: %v, %v", again.Valid, again.Problems)
	}
	if c := v.Verify(sent, "localhost", 0, labtest.Now.Add(maxVerdictAge)); c.Valid {
		t.Errorf("a verdict is used for longer than %s", maxVerdictAge)
	}
	if c := v.Verify(sent, "localhost", 0, labtest.Now.Add(-1)); c.Valid {
		t.Error("a verdict is used for a time before it was made")
	}
}

// A chain has the bytes of its certificates, also if the verdict is cached and whatever is
// wrong with them, and counts them. More than MaxDER are not kept.
func TestDER(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	ca := p.intermediate(root, "CA")
	large := p.leaf(ca, func(c *x509.Certificate) { c.Subject.Locality = []string{strings.Repeat("a", MaxDER)} })
	for _, test := range []struct {
		name string
		sent [][]byte
		kept bool
	}{
		{"a valid chain", [][]byte{p.leaf(ca).Raw, ca.Certificate.Raw}, true},
		{"in the wrong order", [][]byte{p.leaf(ca).Raw, root.Certificate.Raw, ca.Certificate.Raw}, true},
		{"a certificate that cannot be read", [][]byte{p.leaf(ca).Raw, []byte("no certificate")}, true},
		{"a large one", [][]byte{large.Raw, ca.Certificate.Raw}, false},
	} {
		v := NewVerifier(trust(root))
		for _, c := range []*Chain{
			v.Verify(v.ParseChain(test.sent), "localhost", 0, labtest.Now), v.Verify(v.ParseChain(test.sent), "localhost", 0, labtest.Now),
			Unjudged(v.ParseChain(test.sent), "localhost", labtest.Now),
		} {
			if kept := slices.EqualFunc(c.DER, test.sent, bytes.Equal); kept != test.kept || !kept && c.DER != nil {
				t.Errorf("%s: %d certificates are kept", test.name, len(c.DER))
			}
			bare := *c
			bare.DER = nil
			if size := len(slices.Concat(c.DER...)); c.Size() < bare.Size()+size || size > MaxDER {
				t.Errorf("%s: %d bytes count as %d", test.name, size, c.Size()-bare.Size())
			}
			if c.Leaf().DER != nil {
				t.Errorf("%s: the leaf alone has the bytes of the chain", test.name)
			}
		}
	}
}

// The trusted path has the bytes of its certificates, also of a root that was not sent, and
// if the verdict is cached.
func TestPathDER(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	ca := p.intermediate(root, "CA")
	leaf := p.leaf(ca)
	path := [][]byte{leaf.Raw, ca.Certificate.Raw, root.Certificate.Raw}
	for _, test := range []struct {
		name string
		sent [][]byte
		want [][]byte
	}{
		{"without its root", path[:2], path},
		{"with its root, in the wrong order", [][]byte{path[0], path[2], path[1]}, path},
		{"of an untrusted root", [][]byte{p.leaf(p.root("Other")).Raw}, nil},
	} {
		v := NewVerifier(trust(root))
		for range 2 {
			if got := v.Verify(v.ParseChain(test.sent), "localhost", 0, labtest.Now).PathDER(); !slices.EqualFunc(got, test.want, bytes.Equal) {
				t.Errorf("%s: a path of %d certificates, want %d", test.name, len(got), len(test.want))
			}
		}
	}
}

// Results share the cached problems. Appending one to a result does not change the
// others.
func TestCachedProblemsAreNotAppendedTo(t *testing.T) {
	p := newPKI(t)
	v := NewVerifier(trust(p.root("Root")))
	sent := certs(p.leaf(p.root("Untrusted")))
	for range 3 {
		c := v.Verify(described(sent), "other.test", 0, labtest.Now)
		if len(c.Problems) != 2 || c.Has(ProblemRevoked) {
			t.Fatalf("its problems are %v", c.Problems)
		}
		c.Problems = append(c.Problems, Found{Problem: ProblemRevoked})
		if again := v.Verify(described(sent), "other.test", 0, labtest.Now); cap(again.Problems) > len(again.Problems) {
			t.Errorf("two results share a list of %d problems with a capacity of %d", len(again.Problems), cap(again.Problems))
		}
	}
}

// Verdicts have no monotonic time, which Go would compare instead of the wall clock:
// it continues if the wall clock is set back.
func TestVerdictUsesTheWallClock(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	v := NewVerifier(trust(root))
	sent := certs(p.leaf(root))
	v.Verify(described(sent), "localhost", 0, time.Now())
	cached, ok := v.verdicts.Get(verdictKeyOf(described(sent), "localhost", 0))
	if !ok || cached.from != cached.from.Round(0) || cached.until != cached.until.Round(0) {
		t.Errorf("cached: %v, with monotonic time: %+v", ok, cached)
	}
}

// A reload reads the roots again, and verdicts of the old roots are gone.
func TestReloadDropsVerdicts(t *testing.T) {
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
		return NewVerifier(roots).Verify(described(sent), "localhost", 0, labtest.Now).Valid
	}
	if !valid(root) || valid(other) || !valid(root) {
		t.Error("the verdict does not depend on the roots in the file")
	}
}
