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

	"tls_exporter/prober/certificate"
)

// Options say which roots are trusted.
type Options struct {
	// CAFile is a file with the trusted roots in PEM; empty: the roots of the system.
	CAFile string `yaml:"ca_file"`
	// SystemRoots adds the roots of the system to those of CAFile.
	SystemRoots bool `yaml:"system_roots"`
}

// Roots are the certificates that a module trusts.
type Roots struct {
	Pool *x509.CertPool
	own  []*x509.Certificate // those of ca_file
	// public reports whether the rules of the CA/Browser Forum apply to a root: it is
	// in Mozilla's root program.
	public func(root *x509.Certificate) bool
	shown  sync.Map // what is shown of the roots that ended a path, by their fingerprint
}

// systemRoots is read once: it has some 150 certificates, and parsing them for each
// module or probe would cost more than a handshake. If the system has none, as in an
// empty container, it is Mozilla's list as of this build.
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

// LoadRoots reads the roots of the options. An error begins with the key of the
// option.
func LoadRoots(o Options) (*Roots, error) {
	r, err := loadRoots(o.CAFile, o.SystemRoots)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	return r, nil
}

// Own returns the trusted roots of ca_file, in DER; nil: there is no such file.
func (r *Roots) Own() [][]byte {
	var all [][]byte
	for _, cert := range r.own {
		all = append(all, cert.Raw)
	}
	return all
}

// loadRoots reads caFile, in addition to the system's roots or instead of them. The
// system's roots are the default.
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

// ParsePEM parses the certificates of a PEM file. It fails if there is none, or one
// that cannot be parsed; blocks of other types are skipped.
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
		return nil, errors.New("has no PEM block of type CERTIFICATE")
	}
	return certs, nil
}

// issuersOf returns the trusted roots that signed cert, or cert alone if it is a
// trusted root. It ignores dates and constraints.
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
	// crypto/x509 does not list the system's roots, it only verifies against them.
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

// claimedIssuersOf returns the trusted roots that are the issuer of cert by name and
// key identifiers, and whose signature does not verify or cannot be verified. Of the
// system's roots only those in Mozilla's program can be listed.
func (r *Roots) claimedIssuersOf(cert *x509.Certificate, wanted issuance) []*x509.Certificate {
	var found []*x509.Certificate
	for _, root := range r.own {
		if issuanceOf(root, cert) == wanted {
			found = append(found, root)
		}
	}
	if len(cert.RawIssuer) <= emptyName {
		return found // an empty name is part of every certificate
	}
	for known := range bundle.Roots() {
		if !bytes.Contains(known.Certificate, cert.RawIssuer) {
			continue
		}
		root, err := x509.ParseCertificate(known.Certificate)
		if err == nil && issuanceOf(root, cert) == wanted && !contains(found, root) && r.trusts(root) {
			found = append(found, root)
		}
	}
	return found
}

// emptyName is the size of an empty name in DER, in bytes.
const emptyName = 2

// trusts reports whether the pool has this root.
func (r *Roots) trusts(root *x509.Certificate) bool {
	_, err := relaxed(root).Verify(x509.VerifyOptions{Roots: r.Pool, CurrentTime: root.NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err == nil
}

// describe returns what is shown of a root. All paths share it.
func (r *Roots) describe(root *x509.Certificate) *Certificate {
	f := certificate.Fingerprint(sha256.Sum256(root.Raw))
	if known, ok := r.shown.Load(f); ok {
		return known.(*Certificate)
	}
	known, _ := r.shown.LoadOrStore(f, certificate.Describe(root))
	return known.(*Certificate)
}

// shareOrganization reports whether a root of ca_file has one of these organizations
// (O) in its name, and whether there are any to compare on both sides.
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

// relaxed returns a copy of cert without restrictions: valid at any time, a CA of any
// path length, for any use and name. Its signature is unchanged. With it x509.Verify,
// which stops at the first problem, can check one property alone.
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
