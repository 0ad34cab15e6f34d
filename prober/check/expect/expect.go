// Package expect compares a probe with what its module expects. It sends nothing to the
// server.
package expect

import (
	"errors"
	"fmt"
	"os"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/option"
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
	// Pins are digests of public keys. One of the certificates of the trusted path has
	// to have one of these keys; without such a path, one that the server sends.
	Pins []option.Pin `yaml:"pins"`
	// BackupPins are more Pins, of keys that are kept in reserve (RFC 7469 section 4.3).
	// None of them may be in use yet.
	BackupPins []option.Pin `yaml:"backup_pins"`
	// Issuer is the common name of the leaf's issuer.
	Issuer string `yaml:"issuer"`
	// IssuerOrganization is the organization of the leaf's issuer.
	IssuerOrganization string `yaml:"issuer_organization"`
	// IssuerSPKI are digests of public keys. The leaf has to be signed with one of them.
	IssuerSPKI []option.Pin `yaml:"issuer_spki"`
	// Names are DNS names and IP addresses that the leaf has to be valid for. One with a
	// wildcard has to be in the leaf itself.
	Names []Name `yaml:"names"`
	// KeyType lists kinds of keys, one of which the leaf has to have.
	KeyType []option.KeyType `yaml:"key_type"`
	// MinDays is how many days the trusted path has to be valid for at least.
	MinDays option.Days `yaml:"min_days"`
	// MinLifetimeRatio is the share of the leaf's lifetime that has to remain.
	MinLifetimeRatio option.Ratio `yaml:"min_lifetime_ratio"`
	// SameAsFile is a PEM file. Its first certificate has to be the leaf.
	SameAsFile string `yaml:"same_as_file"`
	// ClientCertificateRequired requires that the server rejects clients without a
	// certificate. To be rejected is then no failure of the probe.
	ClientCertificateRequired bool `yaml:"client_certificate_required"`
	// Alert is the alert that the server has to send instead of completing the
	// handshake.
	Alert option.AlertName `yaml:"alert"`
	// Refused requires that the endpoint does not let the exporter in. To be refused or
	// rejected is then no failure of the probe.
	Refused bool `yaml:"refused"`

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

// expectations is the table of expectations, in the order in which they are reported. The
// first one that is not met is the reason of a failure in the phase expect.
//
// The method returns nil if the expectation is not set, or if it is not known whether it
// is met.
var expectations = []struct {
	name  string
	judge func(*Options, *Facts) *answer
}{
	{"rejected", (*Options).rejected},
	{"min_version", (*Options).minVersion},
	{"max_version", (*Options).maxVersion},
	{"alpn", (*Options).alpn},
	{"group", (*Options).group},
	{"pin", (*Options).pin},
	{"backup_pin", (*Options).backupPin},
	{"issuer", (*Options).issuer},
	{"issuer_organization", (*Options).issuerOrganization},
	{"issuer_spki", (*Options).issuerSPKI},
	{"names", (*Options).names},
	{"key_type", (*Options).keyType},
	{"min_days", (*Options).minDays},
	{"min_lifetime_ratio", (*Options).minLifetimeRatio},
	{"same_as_file", (*Options).sameAsFile},
	{"client_certificate_required", (*Options).clientCertificateRequired},
	{"alert", (*Options).alert},
}

// answer is whether an expectation is met, and what the endpoint has, for people.
type answer struct {
	met bool
	saw string
}

// Names is the vocabulary of expectations, in the order of the table.
var Names = func() (names []string) {
	for _, x := range expectations {
		names = append(names, x.name)
	}
	return names
}()

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

// Rejection reports whether the expectation is that the handshake fails, and it did. That
// failure is then none of the probe.
func (e Expectation) Rejection() bool {
	return e.Met && (e.Name == "rejected" || e.Name == "alert" || e.Name == "client_certificate_required")
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
	for _, x := range expectations {
		if a := x.judge(o, r); a != nil {
			found.Expectations = append(found.Expectations, Expectation{x.name, a.met, a.saw})
		}
	}
	if len(found.Expectations) == 0 && r.Failure != nil {
		return nil, fmt.Errorf("too little is known to check any expectation: %w", r.Failure)
	}
	return found, nil
}

// Validate returns an error for expectations that no endpoint can meet together. It begins
// with the key of one of them. Nil options have none.
func (o *Options) Validate() error {
	if o == nil {
		return nil
	}
	for _, list := range []struct {
		key   string
		empty bool
	}{
		{"alpn", o.ALPN != nil && len(o.ALPN) == 0},
		{"group", o.Group != nil && len(o.Group) == 0},
		{"pins", o.Pins != nil && len(o.Pins) == 0},
		{"backup_pins", o.BackupPins != nil && len(o.BackupPins) == 0},
		{"issuer_spki", o.IssuerSPKI != nil && len(o.IssuerSPKI) == 0},
		{"names", o.Names != nil && len(o.Names) == 0},
		{"key_type", o.KeyType != nil && len(o.KeyType) == 0},
	} {
		if list.empty {
			return fmt.Errorf("%s: the list is empty; name what is expected, or leave the key out", list.key)
		}
	}
	if o.MinVersion != 0 && o.MaxVersion != 0 && o.MinVersion > o.MaxVersion {
		return fmt.Errorf("min_version: %s is above max_version %s", o.MinVersion, o.MaxVersion)
	}
	if err := o.validatePins(); err != nil {
		return err
	}
	if o.Refused && !o.onlyRefused() {
		return errors.New("refused: an endpoint that lets nobody in meets no other expectation; use it alone")
	}
	return nil
}
