package chain

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"time"

	"tls_exporter/prober/bounded"
)

// Verifier judges chains by one set of roots, and none twice while nothing has
// changed. A verdict is a function of the certificates' bytes, the name, the roots
// and the clock's side of the instants at which certificates begin and end: the
// first two are what it is kept under, the third is why each prober has its own,
// and the last bounds for how long it holds. That the server has the leaf's key
// is not part of it, and is proved in every handshake.
type Verifier struct {
	roots        *Roots
	verdicts     *bounded.Map[verdictKey, *cachedVerdict]
	certificates *bounded.Map[fingerprint, *Certificate]
}

// Bounds on what is kept, in bytes: the verdicts on some 100,000 chains, and some
// 500 parsed certificates: those of a small fleet, or the intermediates of a large
// one.
const (
	maxVerdicts  = 24 << 20
	maxDescribed = 3 << 20
)

func NewVerifier(r *Roots) *Verifier {
	return &Verifier{roots: r, verdicts: bounded.New[verdictKey, *cachedVerdict](maxVerdicts), certificates: bounded.New[fingerprint, *Certificate](maxDescribed)}
}

// fingerprint is the SHA-256 digest of a certificate.
type fingerprint [sha256.Size]byte

// verdictKey is the SHA-256 digest of the fingerprints of a chain and the name.
type verdictKey [sha256.Size]byte

func verdictKeyOf(certs []*Certificate, name string) verdictKey {
	var asked []byte
	for _, cert := range certs {
		asked = append(asked, cert.FingerprintSHA256...) // all of one length, and without a zero byte
	}
	return sha256.Sum256(append(append(asked, 0), name...))
}

// cachedVerdict is a Chain without its certificates, which come with each handshake.
type cachedVerdict struct {
	from, until time.Time // by the wall clock; until is not within
	valid       bool
	problems    []Found // of all results that it is on: without room to append to
	path        []link  // nil: none
}

// link is a certificate of a path: one that was sent, or a root that was not.
type link struct {
	position int
	root     *x509.Certificate // nil: the one at position
}

// Verify is judge with what is known used again.
func (v *Verifier) Verify(certs []*x509.Certificate, name string, now time.Time) *Chain {
	described := make([]*Certificate, len(certs))
	for i, cert := range certs {
		described[i] = v.describe(cert)
	}
	asked := verdictKeyOf(described, name)
	if known, ok := v.verdicts.Get(asked); ok && !now.Before(known.from) && now.Before(known.until) {
		return known.on(described, name, now)
	}
	j := verify(described, name, v.roots, now)
	if fresh := j.verdict(); fresh != nil {
		v.verdicts.Put(asked, fresh, fresh.size())
	}
	return j.Chain
}

// describe is newCertificate, once while the certificate is kept.
func (v *Verifier) describe(cert *x509.Certificate) *Certificate {
	key := fingerprint(sha256.Sum256(cert.Raw))
	if known, ok := v.certificates.Get(key); ok {
		return known
	}
	return v.store(key, cert)
}

// Parse is x509.ParseCertificate, once while the certificate is kept. It holds on
// to no byte of der.
func (v *Verifier) Parse(der []byte) (*x509.Certificate, error) {
	key := fingerprint(sha256.Sum256(der))
	if known, ok := v.certificates.Get(key); ok {
		return known.X509, nil
	}
	cert, err := x509.ParseCertificate(bytes.Clone(der))
	if err != nil {
		return nil, err
	}
	return v.store(key, cert).X509, nil
}

func (v *Verifier) store(key fingerprint, cert *x509.Certificate) *Certificate {
	described := newCertificate(cert)
	v.certificates.Put(key, described, described.size())
	return described
}

// on is the chain with this verdict.
func (v *cachedVerdict) on(certs []*Certificate, name string, now time.Time) *Chain {
	c := &Chain{At: now, Name: name, Certificates: certs, Valid: v.valid, Problems: v.problems}
	for _, l := range v.path {
		cert := l.root
		if cert == nil {
			cert = certs[l.position].X509
		}
		c.Path = append(c.Path, cert)
	}
	if c.Path != nil {
		c.NotAfter = end(c.Path)
	}
	return c
}

// maxVerdictAge bounds for how long a verdict holds that no certificate at hand
// bounds sooner. The system's roots cannot be listed: one that has yet to begin is
// not seen, and may make a chain good, or last longer, when it does.
const maxVerdictAge = time.Hour

// verdict is what to keep of a judgement; nil: nothing, for it tells the time.
func (j *verification) verdict() *cachedVerdict {
	if j.timeDependent {
		return nil
	}
	at := j.At.Round(0) // the wall clock's, for it may be set back
	v := &cachedVerdict{from: at, until: at.Add(maxVerdictAge), valid: j.Valid, problems: slices.Clip(j.Problems)}
	for _, certs := range [][]*x509.Certificate{j.sent, j.roots.own, j.rootsSeen} {
		for _, cert := range certs {
			v.until = sooner(v.until, at, cert.NotBefore)
			v.until = sooner(v.until, at, cert.NotAfter.Add(1)) // its last moment is within it: RFC 5280 section 4.1.2.5
		}
	}
	for _, cert := range j.Path {
		if i := index(j.sent, cert); i >= 0 {
			v.path = append(v.path, link{position: i})
		} else {
			v.path = append(v.path, link{root: cert})
		}
	}
	return v
}

// sooner is the instant, if it lies ahead and before until; else until.
func sooner(until, now, instant time.Time) time.Time {
	if instant.After(now) && instant.Before(until) {
		return instant
	}
	return until
}

// What an entry takes beside what it holds, in bytes: its share of the map, and the
// rounding of the sizes of its parts.
const (
	verdictOverhead     = 240
	certificateOverhead = 4096 // most of it crypto/x509's
)

func (v *cachedVerdict) size() int {
	size := verdictOverhead
	for _, problem := range v.problems {
		size += 48 + len(problem.Detail)
	}
	return size
}

// size reckons with the certificate's bytes being held by crypto/tls too.
func (c *Certificate) size() int { return certificateOverhead + 4*len(c.X509.Raw) }
