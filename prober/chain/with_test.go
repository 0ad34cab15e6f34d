package chain

import (
	"slices"
	"testing"
)

// A chain of the cache is shared: a problem that is added later is in a copy.
func TestWith(t *testing.T) {
	problems := []Found{{Problem: ProblemNameMismatch}, {Problem: ProblemWrongOrder}}
	for _, test := range []struct {
		name              string
		chain             Chain
		add               Problem
		want              []Problem
		valid, unverified bool
	}{
		{"the most severe", Chain{Problems: problems}, ProblemRevoked, []Problem{ProblemRevoked, ProblemNameMismatch, ProblemWrongOrder}, false, false},
		{"one in between", Chain{Problems: problems}, ProblemMissingStaple, []Problem{ProblemNameMismatch, ProblemMissingStaple, ProblemWrongOrder}, false, false},
		{"one that it has", Chain{Problems: problems}, ProblemNameMismatch, []Problem{ProblemNameMismatch, ProblemWrongOrder}, false, false},
		{"of a valid chain", Chain{Valid: true}, ProblemRevoked, []Problem{ProblemRevoked}, false, false},
		{"that does not make it invalid", Chain{Valid: true}, ProblemWeakKey, []Problem{ProblemWeakKey}, true, false},
		{"of one that could not be verified", Chain{Unverified: true}, ProblemRevoked, []Problem{ProblemRevoked}, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := test.chain
			before.Problems = slices.Clone(test.chain.Problems)
			got := test.chain.With(Found{Problem: test.add})
			var words []Problem
			for _, found := range got.Problems {
				words = append(words, found.Problem)
			}
			if !slices.Equal(words, test.want) || got.Valid != test.valid || got.Unverified != test.unverified {
				t.Errorf("%v, valid is %v, unverified %v", words, got.Valid, got.Unverified)
			}
			if !slices.Equal(test.chain.Problems, before.Problems) || test.chain.Valid != before.Valid || test.chain.Unverified != before.Unverified {
				t.Errorf("the shared chain has changed: %+v", test.chain)
			}
		})
	}
}
