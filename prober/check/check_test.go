package check

import (
	"testing"
)

// A check that panics fails alone. The other one has its finding.
func TestPanicIsContained(t *testing.T) {
	run := new(Run)
	bad, good := Slot[struct{}, int]{Options: new(struct{})}, Slot[struct{}, int]{Options: new(struct{})}
	bad.Judge(run, "bad", func(*struct{}) (*int, error) { panic("boom") })
	good.Judge(run, "good", func(*struct{}) (*int, error) { return new(int), nil })
	for _, check := range run.Wait() {
		if failed := check.Failure != nil; failed != (check.Name == "bad") {
			t.Errorf("%s: failure is %+v", check.Name, check.Failure)
		}
	}
	if bad.Finding != nil || good.Finding == nil {
		t.Errorf("findings are %v and %v", bad.Finding, good.Finding)
	}
}
