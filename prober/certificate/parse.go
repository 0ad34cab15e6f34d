package certificate

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"math/big"
)

// Parsed is a certificate while it is verified.
type Parsed struct {
	*Certificate // what is shown of it
	// X509 is the whole certificate, as far as it could be read; never nil.
	X509 *x509.Certificate
	// Err says why X509 may lack parts: crypto/x509 rejected the certificate, or did
	// not get it because it is ErrTooCostly; nil: it has all.
	Err error

	cost int // in bytes, of X509
}

// ErrTooCostly is the error about a certificate that would take far more memory than
// certificates of servers do. Its names and extensions are read up to a bound.
var ErrTooCostly = errors.New("it has more names, extensions or bytes than a certificate of a server may have here")

// Size is how many bytes the certificate takes in memory.
func (p *Parsed) Size() int { return p.Certificate.Size() + p.cost }

// Readable reports whether the certificate is one at all: no client reads what is not.
func (p *Parsed) Readable() bool { return len(p.X509.RawTBSCertificate) > 0 && p.Expires() }

// Fingerprint is the SHA-256 digest of a certificate.
type Fingerprint [sha256.Size]byte

// Store has certificates that were read before, by their fingerprint.
type Store interface {
	Get(Fingerprint) (*Parsed, bool)
	Put(f Fingerprint, p *Parsed, size int)
}

// ParseChain reads the certificates of a chain, and stores them; a store may be nil. The
// result does not refer to chain. Together the certificates take a few times their size in
// memory: those that would take more are read up to a bound (ErrTooCostly). What is read
// depends on the chain alone, never on what the store has.
func ParseChain(chain [][]byte, store Store) []*Parsed {
	parsed := make([]*Parsed, len(chain))
	left := budget(chain)
	for i, der := range chain {
		parsed[i] = find(sha256.Sum256(der), der, &left, store)
	}
	return parsed
}

// find reads a certificate, or returns it from the store, and takes its cost off what is
// left of the budget.
func find(f Fingerprint, der []byte, left *int, store Store) *Parsed {
	if store != nil {
		if known, ok := store.Get(f); ok {
			if *left -= known.cost; *left >= 0 {
				return known
			}
			return read(f, der, ErrTooCostly)
		}
	}
	if *left -= cost(der); *left < 0 {
		return read(f, der, ErrTooCostly)
	}
	p := parse(f, der)
	if store != nil {
		store.Put(f, p, p.Size())
	}
	return p
}

// Affordable reports whether ParseChain would hand the whole chain to crypto/x509.
func Affordable(chain [][]byte) bool {
	left := budget(chain)
	for _, der := range chain {
		if left -= cost(der); left < 0 {
			return false
		}
	}
	return true
}

// parse calls crypto/x509, and reads what that rejects.
func parse(f Fingerprint, der []byte) *Parsed {
	cert, err := x509.ParseCertificate(bytes.Clone(der))
	if err != nil {
		return read(f, der, err)
	}
	return &Parsed{Certificate: describe(f, cert), X509: cert, cost: cost(der)}
}

// read reads a certificate that crypto/x509 has rejected, or must not get.
func read(f Fingerprint, der []byte, reason error) *Parsed {
	cert := readTolerantly(der)
	p := &Parsed{Certificate: describe(f, cert), X509: cert, Err: reason, cost: cost(der)}
	p.Undated = Undated(cert)
	if cert.SerialNumber == nil {
		cert.SerialNumber = new(big.Int) // verification compares it
	}
	return p
}
