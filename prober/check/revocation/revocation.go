// Package revocation asks the CAs of a chain whether its certificates were revoked.
package revocation

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"time"

	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
)

// Options configures the check revocation, which asks the CAs whether certificates were
// revoked.
type Options struct {
	// Sources are those that are asked: ocsp and crl; nil: both.
	Sources []Source `yaml:"sources"`
	// MaxAge is how old an answer may become before the CA is asked again; 0:
	// DefaultMaxAge. It is asked again before that, and before the answer ends.
	MaxAge option.Duration `yaml:"max_age"`
	// MaxBytes is the size of the largest CRL that is read; 0: DefaultMaxBytes.
	MaxBytes option.Count `yaml:"max_bytes"`
	// Require makes it a failure of the probe if a certificate is not proven to be good.
	Require bool `yaml:"require"`
}

// The defaults of the options. CAs have to publish a revocation within 24 hours (Baseline
// Requirements section 4.9.7).
const (
	DefaultMaxAge   = 4 * time.Hour
	DefaultMaxBytes = 100 << 20
)

// Source is a certstatus.Source that can be asked: ocsp or crl.
type Source certstatus.Source

// sources are all of them, in the order of the answers.
var sources = []Source{Source(certstatus.OCSP), Source(certstatus.CRL)}

// UnmarshalText accepts ocsp and crl.
func (s *Source) UnmarshalText(value []byte) (err error) {
	*s, err = option.WordOf("a source of revocation", sources, value)
	return err
}

// Validate returns an error for a list of sources that is empty, or that has one twice.
func (o *Options) Validate() error {
	if o == nil {
		return nil
	}
	return option.CheckSelection("sources", o.Sources)
}

func (o *Options) maxAge() time.Duration { return cmp.Or(time.Duration(o.MaxAge), DefaultMaxAge) }

func (o *Options) maxBytes() int64 { return int64(cmp.Or(o.MaxBytes, DefaultMaxBytes)) }

// Finding is what the CAs of the trusted path say about its certificates.
type Finding struct {
	Certificates []Certificate // leaf first; the root is not asked about: clients trust it as it is
}

// Certificate is what was found about one certificate.
type Certificate struct {
	Position int      // as sent
	Exempt   bool     // its CA publishes nothing about it, as it may: see isExempt
	Answers  []Answer // one for each source
}

// Answer is what a source says about a certificate.
type Answer struct {
	certstatus.Answer
	URL     string    // that was asked last; empty: none
	Checked time.Time // when the answer was downloaded, or the server said that it has not changed; zero: never
	Refresh string    // why the last download failed, where an older answer is still in use; empty: it did not
}

// Size is how many bytes the finding takes; nil: none.
func (f *Finding) Size() int {
	if f == nil {
		return 0
	}
	size := 0
	for _, cert := range f.Certificates {
		size += 64
		for _, a := range cert.Answers {
			size += 250 + len(a.Detail) + len(a.URL) + len(a.Refresh)
		}
	}
	return size
}

// ErrNoPath is the error of Find where the chain has no trusted path.
var ErrNoPath = errors.New("there is no trusted path; only the URLs in certificates of a trusted CA are followed")

// Find asks all sources about the leaf and about every intermediate of the trusted path, at
// the same time. It follows no URL of another certificate: a server must not make the
// exporter send requests.
func (o *Options) Find(ctx context.Context, e *endpoint.Endpoint) (*Finding, error) {
	path := e.Path()
	switch {
	case path == nil && e.Chain != nil && e.Chain.Path != nil:
		return nil, failure.New(failure.ReasonTooLarge, "the certificates have more than %d bytes together", chain.MaxDER)
	case path == nil:
		return nil, ErrNoPath
	}
	found := new(Finding)
	var group sync.WaitGroup
	for i, cert := range path[:len(path)-1] {
		position := slices.IndexFunc(e.Chain.DER, func(sent []byte) bool { return bytes.Equal(sent, cert.Raw) })
		answers := make([]Answer, len(o.asked()))
		for at, source := range o.asked() {
			q := &question{Options: o, from: e.Fetch, source: certstatus.Source(source), cert: cert, issuer: path[i+1]}
			group.Go(func() { answers[at] = q.answer(ctx) })
		}
		found.Certificates = append(found.Certificates, Certificate{Position: position, Exempt: isExempt(cert), Answers: answers})
	}
	group.Wait()
	return found, nil
}

// asked are the sources to ask.
func (o *Options) asked() []Source {
	if o.Sources == nil {
		return sources
	}
	return o.Sources
}

// shortLived is the longest validity of a certificate about which a CA need not publish
// anything (Baseline Requirements section 1.6.1, Short-lived Subscriber Certificate, from
// 2026-03-15).
const shortLived = 7 * 24 * time.Hour

// isExempt reports whether nothing is to be published about a certificate: it says so
// (noRevAvail, RFC 9608), or it is short-lived and names no source.
func isExempt(cert *x509.Certificate) bool {
	if has(cert, "2.5.29.56") {
		return true
	}
	named := len(cert.OCSPServer) > 0 || has(cert, crlDistributionPoints)
	return !named && !cert.IsCA && cert.NotAfter.Sub(cert.NotBefore) <= shortLived
}

func has(cert *x509.Certificate, extension string) bool {
	for _, x := range cert.Extensions {
		if x.Id.String() == extension {
			return true
		}
	}
	return false
}

// Unproven returns the certificates that no source has proven to be good, and that are not
// exempt. What the server stapled is about the leaf; nil: it is not known.
func (f *Finding) Unproven(staple *certstatus.Answer) []Certificate {
	var unproven []Certificate
	for _, cert := range f.Certificates {
		stapled := cert.Position == 0 && staple != nil && staple.Status == certstatus.Good
		if !cert.Exempt && !stapled && !cert.good() {
			unproven = append(unproven, cert)
		}
	}
	return unproven
}

func (c *Certificate) good() bool {
	return slices.ContainsFunc(c.Answers, func(a Answer) bool { return a.Status == certstatus.Good })
}

// Blind returns the reason if a source could not be asked for a fault of the exporter or of
// its DNS; empty: it was no such fault.
func (c *Certificate) Blind() failure.Reason {
	for _, a := range c.Answers {
		if f := (failure.Failure{Reason: a.Reason}); a.Reason != "" && f.Blind() {
			return a.Reason
		}
	}
	return ""
}
