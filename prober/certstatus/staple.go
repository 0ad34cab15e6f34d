package certstatus

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"time"

	"tls_exporter/prober/bounded"
	"tls_exporter/prober/certificate"
	"tls_exporter/prober/chain"
)

// Staples judges stapled OCSP responses, and caches the answers by the SHA-256 digest of the
// response and the certificates. An answer is used until a date of the response, or of the
// certificate of its signer, passes, and for an hour at most. It is not used for a time
// before the one at which it was made. Staples is safe for concurrent use.
type Staples struct {
	answers *bounded.Map[stapleKey, *cachedAnswer]
}

// The limits of the cache: in bytes, some 20,000 answers, and in time.
const (
	maxStapleBytes = 8 << 20
	maxStapleAge   = time.Hour
)

// NewStaples returns an empty cache.
func NewStaples() *Staples {
	return &Staples{bounded.New[stapleKey, *cachedAnswer](maxStapleBytes)}
}

type stapleKey [sha256.Size]byte

// stapleKeyOf is a digest of everything but the time that an answer depends on.
func stapleKeyOf(staple, leaf []byte, issuers [][]byte) (key stapleKey) {
	digest := sha256.New()
	for _, part := range append([][]byte{staple, leaf}, issuers...) {
		digest.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		digest.Write(part)
	}
	return stapleKey(digest.Sum(nil))
}

type cachedAnswer struct {
	answer      Answer
	from, until time.Time // of the wall clock; until is exclusive
}

// notStapled is shared by all results.
var notStapled = &Answer{Source: Staple, Status: NotOffered}

// Judge judges what a server stapled for its leaf; empty: nothing. See JudgeOCSP. issuers are
// certificates in DER of which one may have issued the leaf. The answer is shared: it must
// not be changed.
func (s *Staples) Judge(staple []byte, leaf *x509.Certificate, issuers [][]byte, now time.Time) *Answer {
	if len(staple) == 0 {
		return notStapled
	}
	key := stapleKeyOf(staple, leaf.Raw, issuers)
	if cached, ok := s.answers.Get(key); ok && !now.Before(cached.from) && now.Before(cached.until) {
		return &cached.answer
	}
	answer, instants := judge(staple, leaf, issuerOf(leaf, issuers), now)
	answer.Source = Staple
	at := now.Round(0) // without the monotonic clock: the wall clock may be set back
	cached := &cachedAnswer{answer: answer, from: at, until: at.Add(maxStapleAge)}
	for _, instant := range instants {
		if instant.After(at) && instant.Before(cached.until) {
			cached.until = instant
		}
	}
	s.answers.Put(key, cached, cached.answer.Size()+cacheOverhead)
	return &cached.answer
}

// issuerOf returns the certificate that issued the leaf; nil: none of them did.
func issuerOf(leaf *x509.Certificate, issuers [][]byte) *x509.Certificate {
	for _, issuer := range certificate.ParseChain(issuers, nil) {
		if chain.Issued(issuer.X509, leaf) {
			return issuer.X509
		}
	}
	return nil
}

// cacheOverhead is the memory of an entry beside the answer, in bytes.
const cacheOverhead = 200

// Size is how many bytes the answer takes in memory; nil: none.
func (a *Answer) Size() int {
	if a == nil || a == notStapled {
		return 0
	}
	return 200 + len(a.Detail)
}
