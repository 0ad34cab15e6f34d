package chain

import (
	"crypto/x509"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// numberOfCases is how many random chains, names and times are verified: as many as
// VERDICT_TRIPLES says, or a number that takes some seconds.
func numberOfCases(t *testing.T) int {
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

// In any order of chains, names and times a Verifier, an uncached verification and
// crypto/x509 have the same results.
func TestVerdictsAgree(t *testing.T) {
	t.Parallel()
	n := numberOfCases(t)
	m := newModel(t)
	var cached, verified atomic.Int64
	var group sync.WaitGroup
	workers := 2 * runtime.GOMAXPROCS(0)
	for worker := range workers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(worker)))
			for range n / workers / runLength {
				m.run(t, random, &cached, &verified)
			}
		})
	}
	group.Wait()
	t.Logf("%d cases, %d of them with a cached verdict", verified.Load(), cached.Load())
	if share := float64(cached.Load()) / float64(verified.Load()); share < .3 || share > .95 {
		t.Errorf("%.0f%% of the verdicts were cached, want 30%% to 95%%", 100*share)
	}
}

// model is a set of random chains and of verifiers for them.
type model struct {
	chains    [][]*x509.Certificate
	instants  [][]time.Time // at which a certificate of the chain or a root changes its validity
	verifiers []*Verifier
}

func newModel(t *testing.T) *model {
	p := newPKI(t)
	random := rand.New(rand.NewPCG(3, 4))
	span := func(c *x509.Certificate) {
		c.NotBefore = labtest.Now.Add(time.Duration(random.IntN(20)-15) * labtest.Day)
		c.NotAfter = c.NotBefore.Add(time.Duration(1+random.IntN(30)) * labtest.Day)
	}
	var authorities, all []*tlstest.CA
	for _, name := range []string{"Root A", "Root B", "Root C", "Root D", "Untrusted"} {
		authorities = append(authorities, p.root(name, span))
	}
	trusted := authorities[:4]
	all = slices.Clone(authorities)
	for i := range 8 {
		issuer := all[random.IntN(len(all))]
		ca := p.intermediate(issuer, string(rune('a'+i)), span, func(c *x509.Certificate) {
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
	m := &model{}
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
		// Most chains have the issuers of the leaf.
		for _, ca := range all {
			if slices.Equal(ca.Certificate.RawSubject, leaf.RawIssuer) && random.IntN(4) > 0 {
				sent = slices.Insert(sent, 1, ca.Certificate)
			}
		}
		var instants []time.Time
		for _, cert := range append(slices.Clone(sent), trust(trusted...).own...) {
			instants = append(instants, cert.NotBefore, cert.NotAfter)
		}
		m.chains, m.instants = append(m.chains, sent), append(m.instants, instants)
	}
	// Roots that are not listed are all valid by now: see maxVerdictAge.
	var valid []*tlstest.CA
	for _, ca := range trusted {
		if ca.Certificate.NotBefore.Before(labtest.Now.Add(-20 * labtest.Day)) {
			valid = append(valid, ca)
		}
	}
	old := p.root("Old", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = labtest.Now.Add(-100*labtest.Day), labtest.Now.Add(10*labtest.Day)
	})
	m.verifiers = []*Verifier{NewVerifier(trust(trusted...)), NewVerifier(trust(trusted[0])), NewVerifier(systemTrust(append(valid, old)...))}
	return m
}

// runLength is how many times in a row one chain is verified while the clock mostly
// advances.
const runLength = 50

func (m *model) run(t *testing.T, random *rand.Rand, cached, verified *atomic.Int64) {
	i := random.IntN(len(m.chains))
	sent, instants := m.chains[i], m.instants[i]
	v := m.verifiers[random.IntN(len(m.verifiers))]
	name := []string{"localhost", "permitted.test", "other.test", ""}[random.IntN(4)]
	at := labtest.Now.Add(time.Duration(random.Int64N(int64(40*labtest.Day))) - 20*labtest.Day)
	for range runLength {
		switch random.IntN(8) {
		case 0: // to an instant at which a certificate changes its validity
			at = instants[random.IntN(len(instants))].Add(time.Duration(random.IntN(3) - 1))
		case 1:
			at = at.Add(-time.Duration(random.Int64N(int64(time.Hour))))
		default:
			at = at.Add(time.Duration(random.Int64N(int64(10 * time.Minute))))
		}
		entry, ok := v.verdicts.Get(verdictKeyOf(described(sent), name, 0))
		if ok && !at.Before(entry.from) && at.Before(entry.until) {
			cached.Add(1)
		}
		verified.Add(1)
		got := v.Verify(described(sent), name, 0, at)
		same(t, got, uncached(sent, name, v.roots, at))
		if _, err := verifyX509(sent, name, v.roots.Pool, at); got.Valid != (err == nil) {
			t.Fatalf("valid is %v, and crypto/x509 says %v", got.Valid, err)
		}
	}
}
