package prober

import (
	"fmt"
	"slices"
	"strings"
)

// PolicyOptions holds what the checks versions and ciphers found against
// published policies.
type PolicyOptions struct {
	// Policies are those to hold it against; nil: all that are known.
	Policies []PolicyName `yaml:"policies"`
}

// Compliance is the finding of the check policy. A policy that asks for what was
// not learned is absent from it.
type Compliance struct {
	Verdicts []PolicyVerdict
}

// PolicyVerdict is how an endpoint fares under one policy.
type PolicyVerdict struct {
	Policy     PolicyName
	Compliant  bool
	Violations []string // rules that are broken, the gravest first
}

// PolicyName is a published policy.
type PolicyName string

// PolicyNames is the policies that are known.
var PolicyNames = []PolicyName{"mozilla_modern", "mozilla_intermediate", "mozilla_old", "pci_dss"}

// UnmarshalText takes the name of a policy that is known.
func (n *PolicyName) UnmarshalText(text []byte) error {
	if !slices.Contains(PolicyNames, PolicyName(text)) {
		return fmt.Errorf("%s is not a policy; known are %s", quote(string(text)), strings.Trim(fmt.Sprintf("%q", PolicyNames), "[]"))
	}
	*n = PolicyName(text)
	return nil
}
