package prober

import (
	"tls_exporter/prober/check"
	"tls_exporter/prober/failure"
)

// Size is how many bytes a result takes in memory, at most: for whoever stores it.
func (r *Result) Size() int {
	size := 1<<10 + 32*len(r.Phases) + 32*len(r.Addresses) + sizeOf(r.Failure) + r.Chain.Size() + r.Staple.Size()
	for _, outcome := range r.Outcomes {
		size += 80 + sizeOf(outcome.Failure)
	}
	if r.Pool != nil {
		for _, m := range r.Pool.Members {
			size += 300 + sizeOf(m.Failure) + m.Chain.Size()
		}
	}
	if r.Checks == (Checks{}) {
		return size
	}
	size += r.Revocation.Finding.Size() + r.Transparency.Finding.Size()
	for _, found := range r.findings() {
		size += found.Size()
	}
	return size
}

// sizeOf returns the size of a failure; nil: none.
func sizeOf(f *failure.Failure) int {
	if f == nil || f.Err == nil {
		return 0
	}
	return 100 + len(f.Error())
}

// findings are those of the checks that are cached, which are the large ones.
func (r *Result) findings() []check.Sized {
	var all []check.Sized
	for _, entry := range cachedChecks {
		if found := entry.slot(&r.Checks).Found(); found != nil {
			all = append(all, found)
		}
	}
	return all
}
