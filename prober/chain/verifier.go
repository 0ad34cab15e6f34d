package chain

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"slices"
	"time"

	"tls_exporter/prober/bounded"
	"tls_exporter/prober/certificate"
)

// Verifier verifies chains against one set of roots, and caches the results. It is
// safe for concurrent use. There are two caches:
//
//   - Verdicts: whether a chain is valid, its problems and its trusted path, by the
//     SHA-256 digests of its certificates and the name. A verdict is used until a
//     certificate of the chain, of ca_file or among the roots that it depends on
//     becomes valid or expires, and for an hour at most. It is not used for a time
//     before the one at which it was made. A verdict whose text has the current time
//     is not cached.
//   - Certificates: parsed, with the strings for labels, by their SHA-256 digest. They
//     do not become outdated.
//
// Both have a limit in bytes and evict random entries. They end with the Verifier: a
// reload of the configuration reads the roots again and makes a new one. The proof that
// the server has the key of the leaf is not cached: each handshake verifies it.
type Verifier struct {
	roots        *Roots
	verdicts     *bounded.Map[verdictKey, *cachedVerdict]
	certificates *bounded.Map[certificate.Fingerprint, *certificate.Parsed]
}

// The limits of the caches, in bytes: some 100,000 verdicts, and some 500 parsed
// certificates, which are the certificates of a small fleet or the intermediates of a
// large one.
const (
	maxVerdictBytes     = 24 << 20
	maxCertificateBytes = 6 << 20
)

// NewVerifier returns a Verifier with empty caches.
func NewVerifier(r *Roots) *Verifier {
	return &Verifier{
		roots:        r,
		verdicts:     bounded.New[verdictKey, *cachedVerdict](maxVerdictBytes),
		certificates: bounded.New[certificate.Fingerprint, *certificate.Parsed](maxCertificateBytes),
	}
}

// verdictKey is the SHA-256 digest of the fingerprints of a chain, the name, and the usage.
type verdictKey [sha256.Size]byte

func verdictKeyOf(certs []*certificate.Parsed, name string, usage x509.KeyUsage) verdictKey {
	key := binary.BigEndian.AppendUint64(nil, uint64(usage))
	for _, cert := range certs {
		key = append(key, cert.FingerprintSHA256...) // all of one length, and without a zero byte
	}
	return sha256.Sum256(append(append(key, 0), name...))
}

// cachedVerdict is a Chain without its certificates, which come with each handshake.
type cachedVerdict struct {
	from, until time.Time // of the wall clock; until is exclusive
	valid       bool
	unverified  bool
	problems    []Found // shared by all results, so its capacity is its length
	path        []link  // nil: none
	root        []byte  // the end of the path in DER, if it was not sent; shared with the pool of roots
	notAfter    time.Time
	public      bool
}

// link is a certificate of a path.
type link struct {
	position int          // as sent
	root     *Certificate // if it was not sent; else nil
}

// Verify verifies the certificates that a server sent, leaf first and at least one, for
// a name at the time now. Without a name, the names of the leaf are not checked. usage is
// the bit of the key usage that the handshake needs of the leaf; 0: not known. With AnyUse
// the leaf need not be that of a server.
func (v *Verifier) Verify(certs []*certificate.Parsed, name string, usage x509.KeyUsage, now time.Time) *Chain {
	key := verdictKeyOf(certs, name, usage)
	if cached, ok := v.verdicts.Get(key); ok && !now.Before(cached.from) && now.Before(cached.until) {
		return cached.chain(certs, name, now)
	}
	fresh := verify(certs, name, usage, v.roots, now)
	if verdict := fresh.verdict(); verdict != nil {
		v.verdicts.Put(key, verdict, verdict.size())
	}
	return fresh.Chain
}

// Paths is Verify without the caches, and returns every path that makes the chain valid, leaf
// to root.
func (v *Verifier) Paths(certs []*certificate.Parsed, name string, now time.Time) (*Chain, [][]*x509.Certificate) {
	fresh := verify(certs, name, 0, v.roots, now)
	switch {
	case !fresh.Valid:
		return fresh.Chain, nil
	case len(fresh.good) == 0:
		return fresh.Chain, [][]*x509.Certificate{fresh.path}
	}
	return fresh.Chain, fresh.good
}

// ParseChain is certificate.ParseChain with the cache.
func (v *Verifier) ParseChain(chain [][]byte) []*certificate.Parsed {
	return certificate.ParseChain(chain, v.certificates)
}

// chain returns the Chain of these certificates with this verdict.
func (v *cachedVerdict) chain(certs []*certificate.Parsed, name string, now time.Time) *Chain {
	c := &Chain{At: now, Name: name, Certificates: shown(certs), DER: derOf(certs), Valid: v.valid, Unverified: v.unverified, Problems: v.problems}
	for _, l := range v.path {
		cert := l.root
		if cert == nil {
			cert = certs[l.position].Certificate
		}
		c.Path = append(c.Path, cert)
	}
	c.NotAfter, c.Public, c.root = v.notAfter, v.public, v.root
	return c
}

// shown returns what is shown of certificates. Names are of interest for the leaf; of
// others few are kept, so that a chain takes little more memory than one certificate.
func shown(certs []*certificate.Parsed) []*Certificate {
	all := make([]*Certificate, len(certs))
	for i, cert := range certs {
		if all[i] = cert.Certificate; i > 0 {
			all[i] = cert.WithFewNames()
		}
	}
	return all
}

// Unjudged is the chain of certificates that could not be verified in time.
func Unjudged(certs []*certificate.Parsed, name string, now time.Time) *Chain {
	return &Chain{At: now, Name: name, Certificates: shown(certs), DER: derOf(certs), Unverified: true}
}

// maxVerdictAge is the longest use of a verdict. The system's roots cannot be listed: a
// root that is not valid yet is not seen, and may change the result once it is.
const maxVerdictAge = time.Hour

// verdict returns the result for the cache; nil: it must not be cached.
func (v *verification) verdict() *cachedVerdict {
	if v.timeDependent {
		return nil
	}
	at := v.At.Round(0) // without the monotonic clock: the wall clock may be set back
	verdict := &cachedVerdict{from: at, until: at.Add(maxVerdictAge), valid: v.Valid, unverified: v.Unverified, notAfter: v.NotAfter, public: v.Public, root: v.root, problems: slices.Clip(v.Problems)}
	for _, certs := range [][]*x509.Certificate{v.sent, v.roots.own, v.rootsSeen} {
		for _, cert := range certs {
			verdict.until = sooner(verdict.until, at, cert.NotBefore)
			verdict.until = sooner(verdict.until, at, cert.NotAfter.Add(1)) // NotAfter is inclusive: RFC 5280 section 4.1.2.5
		}
	}
	for i, cert := range v.path {
		if position := index(v.sent, cert); position >= 0 {
			verdict.path = append(verdict.path, link{position: position})
		} else {
			verdict.path = append(verdict.path, link{root: v.Path[i]})
		}
	}
	return verdict
}

// sooner returns instant if it is after now and before until; else until.
func sooner(until, now, instant time.Time) time.Time {
	if instant.After(now) && instant.Before(until) {
		return instant
	}
	return until
}

// The memory of an entry beside its contents, in bytes: its part of the map, and the
// rounding of allocations.
const (
	verdictOverhead = 240
	problemOverhead = 64
	linkOverhead    = 16
	derOverhead     = 24 + 128 // the header of a slice, and the rounding of an allocation
)

func (v *cachedVerdict) size() int {
	size := verdictOverhead
	for _, problem := range v.problems {
		size += problemOverhead + len(problem.Detail)
	}
	return size + linkOverhead*len(v.path)
}
