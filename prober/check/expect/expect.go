// Package expect judges a probe by what its module expects. It asks the server nothing.
package expect

import (
	"crypto/x509"
	"fmt"
	"os"
	"slices"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/option"
	"tls_exporter/prober/text"
)

// Options is what a module wants of an endpoint beyond a good chain. Each
// field that is set is one expectation.
type Options struct {
	MinVersion option.Version    `yaml:"min_version"`
	MaxVersion option.Version    `yaml:"max_version"`
	ALPN       []option.Protocol `yaml:"alpn"`  // one of these is negotiated
	Group      []option.Group    `yaml:"group"` // one of these is negotiated
	// Pins are digests of public keys, one of which a certificate that was sent
	// has to have.
	Pins []option.Pin `yaml:"pins"`
	// Issuer is the common name of the leaf's issuer.
	Issuer string `yaml:"issuer"`
	// SameAsFile is a PEM file; its first certificate has to be the leaf.
	SameAsFile string `yaml:"same_as_file"`
	// ClientCertificateRequired wants those who show no certificate to be
	// turned away; being turned away is then no failure.
	ClientCertificateRequired bool `yaml:"client_certificate_required"`
	// Alert is the alert that the server has to send instead of a handshake.
	Alert option.AlertName `yaml:"alert"`

	same *x509.Certificate // what SameAsFile held when the module was made
}

// Load is the options with what the files hold that they name. An error begins
// with the option's key.
func (o Options) Load() (*Options, error) {
	if o.SameAsFile == "" {
		return &o, nil
	}
	content, err := os.ReadFile(o.SameAsFile)
	if err != nil {
		return nil, fmt.Errorf("same_as_file: %w", err)
	}
	certs, err := chain.ParsePEM(content)
	if err != nil {
		return nil, fmt.Errorf("same_as_file: %s: %w", o.SameAsFile, err)
	}
	o.same = certs[0]
	return &o, nil
}

// Names is the vocabulary of expectations, in the order in which they
// are told. An unmet one is the reason of a failure in the phase expect.
var Names = []string{
	"min_version", "max_version", "alpn", "group", "pin", "issuer", "same_as_file", "client_certificate_required", "alert",
}

// Finding is the finding of the check expect: those expectations of the module
// that could be held against what was learned.
type Finding struct {
	Expectations []Expectation
}

// Expectation is one of them.
type Expectation struct {
	Name string // of Expectations
	Met  bool
	Saw  string // what was there, for people
}

// Facts is what expectations are held against. A part that is nil was not
// learned.
type Facts struct {
	Session *handshake.Session
	Chain   *chain.Chain
	Failure *failure.Failure // of the probe; nil: it has succeeded
}

// Judge holds the facts against the expectations.
func (o *Options) Judge(r *Facts) (*Finding, error) {
	found := new(Finding)
	add := func(name string, met bool, saw string) {
		found.Expectations = append(found.Expectations, Expectation{name, met, saw})
	}
	if s := r.Session; s != nil && s.Version != 0 {
		if o.MinVersion != 0 {
			add("min_version", s.Version >= uint16(o.MinVersion), s.VersionName())
		}
		if o.MaxVersion != 0 {
			add("max_version", s.Version <= uint16(o.MaxVersion), s.VersionName())
		}
	}
	if s := r.Session; s != nil && s.Completed {
		if o.ALPN != nil {
			add("alpn", slices.Contains(o.ALPN, option.Protocol(s.ALPN)), text.Printable(s.ALPN, 256))
		}
		if o.Group != nil {
			add("group", slices.Contains(o.Group, option.Group(s.GroupName())), s.GroupName())
		}
	}
	if c := r.Chain; c != nil {
		leaf := c.Certificates[0]
		if o.Pins != nil {
			add("pin", slices.ContainsFunc(c.Certificates, func(c *chain.Certificate) bool {
				return slices.Contains(o.Pins, option.Pin(c.SPKISHA256))
			}), "sha256/"+leaf.SPKISHA256)
		}
		if o.Issuer != "" {
			add("issuer", leaf.X509.Issuer.CommonName == o.Issuer, leaf.IssuerCN)
		}
		if o.same != nil {
			add("same_as_file", leaf.X509.Equal(o.same), leaf.FingerprintSHA256)
		}
	}
	if o.ClientCertificateRequired && r.Session != nil && (r.Session.Completed || r.Session.ClientCertificateRequested) {
		add("client_certificate_required", rejected(r), reasonOf(r.Failure))
	}
	if o.Alert != "" && (r.Failure != nil && r.Failure.Reason.IsAlert() || r.Session != nil && r.Session.Completed) {
		add("alert", r.Failure != nil && r.Failure.Reason == failure.AlertPrefix+failure.Reason(o.Alert), reasonOf(r.Failure))
	}
	if len(found.Expectations) == 0 && r.Failure != nil {
		return nil, fmt.Errorf("nothing was learned that an expectation could be held against: %w", r.Failure)
	}
	return found, nil
}

// rejected tells whether the server asked for a certificate and ended the
// handshake with an alert when it got none.
func rejected(r *Facts) bool {
	return r.Session.ClientCertificateRequested && r.Failure != nil && r.Failure.Phase == failure.PhaseKeyExchange && r.Failure.Reason.IsAlert()
}

// reasonOf is how a probe ended, for people.
func reasonOf(f *failure.Failure) string {
	if f == nil {
		return "a completed handshake"
	}
	return string(f.Reason)
}
