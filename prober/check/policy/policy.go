// Package policy judges findings by published policies. It asks the server nothing.
package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/text"
)

// Options holds what the checks versions and ciphers found against
// published policies.
type Options struct {
	// Policies are those to hold it against; nil: all that are known.
	Policies []Name `yaml:"policies"`
}

// Validate finds an empty list and a policy that is named twice.
func (o *Options) Validate() error {
	if o == nil || o.Policies == nil {
		return nil
	}
	if len(o.Policies) == 0 {
		return errors.New("names none of the policies; name some, or leave policies out for all of them")
	}
	for i, name := range o.Policies {
		if slices.Contains(o.Policies[:i], name) {
			return fmt.Errorf("names %s twice; once is enough", name)
		}
	}
	return nil
}

// Finding is the finding of the check policy. A policy that asks for what was
// not learned is absent from it.
type Finding struct {
	Verdicts []Verdict
}

// Verdict is how an endpoint fares under one policy. It is compliant if it
// is at least as strict as the policy: it takes nothing that the policy does not
// have. What it could take and does not is nobody's loss but its clients'.
type Verdict struct {
	Policy     Name
	Compliant  bool
	Violations []string // rules that are broken, of PolicyRules, the gravest first
}

// Name is a published policy.
type Name string

// Names is the policies that are known: the three configurations of
// Mozilla's guideline, and what PCI DSS 4 says of TLS.
var Names = []Name{"mozilla_modern", "mozilla_intermediate", "mozilla_old", "pci_dss"}

// UnmarshalText takes the name of a policy that is known.
func (n *Name) UnmarshalText(value []byte) error {
	if !slices.Contains(Names, Name(value)) {
		return fmt.Errorf("%s is not a policy; known are %s", text.Quote(string(value)), strings.Trim(fmt.Sprintf("%q", Names), "[]"))
	}
	*n = Name(value)
	return nil
}

// Facts is what policies judge: what the handshake and the other checks learned.
// A part that is nil was not learned.
type Facts struct {
	Session  *handshake.Session
	Chain    *chain.Chain
	Versions *versions.Finding
	Ciphers  *ciphers.Finding
	Missing  error // why something was not learned; nil: it is not known
}

// Judge holds the facts against the policies. It asks the server nothing.
func (o *Options) Judge(facts *Facts) (*Finding, error) {
	names := o.Policies
	if names == nil {
		names = Names
	}
	found := new(Finding)
	known := newEvidence(facts)
	for _, name := range names {
		if verdict, ok := known.verdict(name); ok {
			found.Verdicts = append(found.Verdicts, verdict)
		}
	}
	if len(found.Verdicts) == 0 {
		return nil, fmt.Errorf("nothing was learned that a policy could judge: %w", cmp.Or(facts.Missing, errUnanswered))
	}
	return found, nil
}

// verdict is not known (false) if no rule is known to be broken and one could
// not be judged.
func (s *evidence) verdict(name Name) (Verdict, bool) {
	verdict := Verdict{Policy: name}
	settled := true
	for _, rule := range policies[name] {
		switch rule.judge(s) {
		case fail:
			verdict.Violations = append(verdict.Violations, rule.name)
		case unknown:
			settled = false
		}
	}
	verdict.Compliant = len(verdict.Violations) == 0
	return verdict, settled || !verdict.Compliant
}

// errUnanswered is of a server that answered some hellos, and not those on which
// a policy hangs.
var errUnanswered = failure.New(failure.ReasonClosed, "the server left hellos unanswered")
