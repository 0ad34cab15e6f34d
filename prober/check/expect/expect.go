// Package expect compares a probe with what its module expects. It sends nothing to the
// server.
package expect

import (
	"fmt"
	"os"
	"slices"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/option"
	"tls_exporter/prober/text"
)

// Options configures the check expect: what a module requires of an endpoint, beyond a
// chain without problems. Each field that is set is one expectation.
type Options struct {
	// MinVersion is the oldest version that may be negotiated.
	MinVersion option.Version `yaml:"min_version"`
	// MaxVersion is the newest version that may be negotiated.
	MaxVersion option.Version `yaml:"max_version"`
	// ALPN lists protocols, one of which has to be negotiated.
	ALPN []option.Protocol `yaml:"alpn"`
	// Group lists groups, one of which has to be negotiated.
	Group []option.Group `yaml:"group"`
	// Pins are digests of public keys. One of the certificates that the server sends has
	// to have one of these keys.
	Pins []option.Pin `yaml:"pins"`
	// Issuer is the common name of the leaf's issuer.
	Issuer string `yaml:"issuer"`
	// SameAsFile is a PEM file. Its first certificate has to be the leaf.
	SameAsFile string `yaml:"same_as_file"`
	// ClientCertificateRequired requires that the server rejects clients without a
	// certificate. To be rejected is then no failure of the probe.
	ClientCertificateRequired bool `yaml:"client_certificate_required"`
	// Alert is the alert that the server has to send instead of completing the
	// handshake.
	Alert option.AlertName `yaml:"alert"`

	same string // fingerprint of the certificate in SameAsFile when the module was loaded; empty: there is no file
}

// Load returns the options with the content of the file that they name. An error begins
// with the key of the option.
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
	o.same = certificate.Describe(certs[0]).FingerprintSHA256
	return &o, nil
}

// Names is the vocabulary of expectations, in the order in which they are reported. The
// first one that is not met is the reason of a failure in the phase expect.
var Names = []string{
	"min_version", "max_version", "alpn", "group", "pin", "issuer", "same_as_file", "client_certificate_required", "alert",
}

// Finding is the finding of the check expect. An expectation about something that is not
// known is absent from it.
type Finding struct {
	Expectations []Expectation
}

// Expectation tells whether an endpoint meets one expectation.
type Expectation struct {
	Name string // one of Names
	Met  bool
	Saw  string // what the endpoint has, for people
}

// Facts is what expectations are compared with. A part that is nil is not known.
type Facts struct {
	Session *handshake.Session
	Chain   *chain.Chain
	Failure *failure.Failure // of the probe; nil: it succeeded
}

// Judge compares the facts with the expectations. It fails if the probe failed and no
// expectation could be compared.
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
			add("issuer", leaf.IssuedBy(o.Issuer), leaf.IssuerCN)
		}
		if o.same != "" {
			add("same_as_file", leaf.FingerprintSHA256 == o.same, leaf.FingerprintSHA256)
		}
	}
	if o.ClientCertificateRequired && r.Session != nil && r.Session.WithoutCertificate != handshake.NotKnown {
		add("client_certificate_required", r.Session.WithoutCertificate == handshake.Refused, reasonOf(r.Failure))
	}
	if o.Alert != "" && (r.Failure != nil && r.Failure.Reason.IsAlert() || r.Session != nil && r.Session.Completed) {
		add("alert", r.Failure != nil && r.Failure.Reason == failure.AlertPrefix+failure.Reason(o.Alert), reasonOf(r.Failure))
	}
	if len(found.Expectations) == 0 && r.Failure != nil {
		return nil, fmt.Errorf("too little is known to check any expectation: %w", r.Failure)
	}
	return found, nil
}

// reasonOf says how the probe ended, for people.
func reasonOf(f *failure.Failure) string {
	if f == nil {
		return "a completed handshake"
	}
	return string(f.Reason)
}
