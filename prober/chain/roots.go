package chain

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// Options say which roots are trusted.
type Options struct {
	// CAFile holds the roots to trust, in PEM; empty: the system's.
	CAFile string `yaml:"ca_file"`
	// SystemRoots trusts the system's roots in addition to those of CAFile.
	SystemRoots bool `yaml:"system_roots"`
}

// Roots are the certificates that a module trusts.
type Roots struct {
	Pool *x509.CertPool
	own  []*x509.Certificate // those of ca_file
	// public reports whether a root is one of the public Web PKI, whose CAs keep
	// the CA/Browser Forum's rules: one in Mozilla's root program.
	public func(root *x509.Certificate) bool
}

// systemRoots is read once: it holds some 150 certificates, and parsing them
// for each module or probe would cost more than a handshake. Where the system
// has none (an empty container), Mozilla's list as of this build serves.
var systemRoots = sync.OnceValue(func() *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err == nil && !pool.Equal(x509.NewCertPool()) {
		return pool
	}
	pool = x509.NewCertPool()
	for root := range bundle.Roots() {
		cert, err := x509.ParseCertificate(root.Certificate)
		switch {
		case err != nil:
		case root.Constraint != nil:
			pool.AddCertWithConstraint(cert, root.Constraint)
		default:
			pool.AddCert(cert)
		}
	}
	return pool
})

var publicRoots = sync.OnceValue(func() map[[sha256.Size]byte]bool {
	known := make(map[[sha256.Size]byte]bool)
	for root := range bundle.Roots() {
		known[sha256.Sum256(root.Certificate)] = true
	}
	return known
})

func isPublicRoot(root *x509.Certificate) bool {
	return publicRoots()[sha256.Sum256(root.Raw)]
}

// LoadRoots reads the roots that the options name. An error begins with the
// option's key.
func LoadRoots(o Options) (*Roots, error) {
	r, err := loadRoots(o.CAFile, o.SystemRoots)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	return r, nil
}

// loadRoots reads caFile, in addition to the system's roots or instead of them.
// Without a caFile the system's are trusted.
func loadRoots(caFile string, withSystem bool) (*Roots, error) {
	if caFile == "" {
		return &Roots{Pool: systemRoots(), public: isPublicRoot}, nil
	}
	content, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	r := &Roots{Pool: x509.NewCertPool(), public: isPublicRoot}
	if withSystem {
		r.Pool = systemRoots().Clone()
	}
	if r.own, err = ParsePEM(content); err != nil {
		return nil, fmt.Errorf("%s: %w", caFile, err)
	}
	for _, cert := range r.own {
		r.Pool.AddCert(cert)
	}
	return r, nil
}

// ParsePEM parses every certificate of a PEM file, at least one.
func ParsePEM(content []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be parsed: %w", len(certs)+1, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, errors.New("holds no PEM block of type CERTIFICATE")
	}
	return certs, nil
}

// issuersOf returns the trusted roots that signed cert, or cert alone if it is one
// itself. Dates and constraints are not asked about here.
func (r *Roots) issuersOf(cert *x509.Certificate, now time.Time) []*x509.Certificate {
	var found []*x509.Certificate
	for _, root := range r.own {
		if root.Equal(cert) {
			return []*x509.Certificate{cert}
		}
		if signs(root, cert) {
			found = append(found, root)
		}
	}
	// The system's roots cannot be listed, only verified against.
	chains, err := relaxed(cert).Verify(x509.VerifyOptions{Roots: r.Pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return found
	}
	for _, chain := range chains {
		switch root := chain[len(chain)-1]; {
		case len(chain) == 1:
			return []*x509.Certificate{cert}
		case !contains(found, root):
			found = append(found, root)
		}
	}
	return found
}

// shareOrganization reports whether a root of ca_file carries the organization
// (O) of name, and whether both sides have one to compare.
func (r *Roots) shareOrganization(organization []string) (shared, comparable bool) {
	for _, root := range r.own {
		for _, a := range root.Subject.Organization {
			for _, b := range organization {
				comparable = true
				if a == b {
					return true, true
				}
			}
		}
	}
	return false, comparable
}

// signs reports whether parent's key signed child, by names and signature alone.
// SHA-1 counts here: that it is weak is a problem of its own.
func signs(parent, child *x509.Certificate) bool {
	return bytes.Equal(child.RawIssuer, parent.RawSubject) &&
		parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature) == nil
}

// relaxed is a copy of cert in which everything holds but what its bytes sign:
// in date, a CA of any depth, for any use and name. One property of it can then
// be asked about alone, where x509.Verify would stop at the first that fails.
func relaxed(cert *x509.Certificate) *x509.Certificate {
	c := *cert
	c.NotBefore, c.NotAfter = time.Time{}, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	c.BasicConstraintsValid, c.IsCA, c.MaxPathLen, c.MaxPathLenZero = true, true, -1, false
	c.KeyUsage, c.ExtKeyUsage, c.UnknownExtKeyUsage = 0, nil, nil
	c.UnhandledCriticalExtensions = nil
	c.RequireExplicitPolicy, c.RequireExplicitPolicyZero = 0, false
	c.PermittedDNSDomainsCritical = false
	c.PermittedDNSDomains, c.ExcludedDNSDomains = nil, nil
	c.PermittedIPRanges, c.ExcludedIPRanges = nil, nil
	c.PermittedEmailAddresses, c.ExcludedEmailAddresses = nil, nil
	c.PermittedURIDomains, c.ExcludedURIDomains = nil, nil
	return &c
}

func contains(certs []*x509.Certificate, cert *x509.Certificate) bool {
	return index(certs, cert) >= 0
}

func index(certs []*x509.Certificate, cert *x509.Certificate) int {
	for i, c := range certs {
		if c.Equal(cert) {
			return i
		}
	}
	return -1
}
