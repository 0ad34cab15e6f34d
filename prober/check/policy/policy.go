// Package policy compares findings with published policies. It sends nothing to the
// server.
package policy

import (
	"cmp"
	"fmt"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/option"
)

// Options configures the check policy, which compares the findings of versions and
// ciphers, the certificate and the session with published policies.
type Options struct {
	// Policies are those to compare with; nil: all of Names.
	Policies []Name `yaml:"policies"`
}

// Validate rejects an empty list and a policy that is named twice.
func (o *Options) Validate() error {
	if o == nil {
		return nil
	}
	return option.CheckSelection("policies", o.Policies)
}

// Finding is the finding of the check policy. A policy without a verdict is absent from
// it: something that it needs is not known.
type Finding struct {
	Verdicts []Verdict
}

// Verdict tells whether an endpoint complies with one policy. It does if it is at least
// as strict as the policy: it accepts nothing that the policy does not list. It need
// not accept everything that the policy lists.
type Verdict struct {
	Policy     Name
	Compliant  bool
	Violations []string // failed rules, in the order of Rules
}

// Name is a published policy.
type Name string

// Names is the vocabulary of policies: the three configurations of Mozilla's guideline,
// and what PCI DSS 4 requires of TLS.
var Names = []Name{"mozilla_modern", "mozilla_intermediate", "mozilla_old", "pci_dss"}

// UnmarshalText accepts one of Names.
func (n *Name) UnmarshalText(value []byte) (err error) {
	*n, err = option.WordOf("a policy", Names, value)
	return err
}

// Facts is what policies are compared with: what the handshake and the other checks
// learned. A part that is nil is not known.
type Facts struct {
	Session  *handshake.Session
	Chain    *chain.Chain
	Versions *versions.Finding
	Ciphers  *ciphers.Finding
	Missing  error // why a part is not known; nil: no reason is known
}

// Judge compares the facts with the policies. It fails if there is no verdict on any.
func (o *Options) Judge(facts *Facts) (*Finding, error) {
	names := o.Policies
	if names == nil {
		names = Names
	}
	found := new(Finding)
	evidence := newEvidence(facts)
	for _, name := range names {
		if verdict, ok := evidence.verdict(name); ok {
			found.Verdicts = append(found.Verdicts, verdict)
		}
	}
	if len(found.Verdicts) == 0 {
		return nil, fmt.Errorf("too little is known for a verdict on any policy: %w", cmp.Or(facts.Missing, errUnanswered))
	}
	return found, nil
}

// verdict is false if it is not known: no rule fails, and the outcome of one is
// unknown.
func (e *evidence) verdict(name Name) (Verdict, bool) {
	verdict := Verdict{Policy: name}
	known := true
	for _, rule := range policies[name] {
		switch rule.judge(e) {
		case fail:
			verdict.Violations = append(verdict.Violations, rule.name)
		case unknown:
			known = false
		}
	}
	verdict.Compliant = len(verdict.Violations) == 0
	return verdict, known || !verdict.Compliant
}

// errUnanswered is for a server that answered some hellos, but not those that a verdict
// needs.
var errUnanswered = failure.New(failure.ReasonClosed, "the server left some hellos unanswered")
