package main

import (
	"log/slog"
	"regexp"
	"strconv"
	"testing"
)

// The warning names a number of probes that fits, and there is none without need.
func TestDescriptorWarning(t *testing.T) {
	for _, test := range []struct {
		limit  uint64
		probes int
		warns  bool
	}{
		{0, 1000, false}, // not known
		{1 << 20, 1000, false},
		{neededDescriptors(1000), 1000, false},
		{neededDescriptors(1000) - 1, 1000, true},
		{1024, 1000, true},
		{64, 1000, true},
		{16, 1000, true},
	} {
		log := new(output)
		control := checkDescriptors(test.limit, test.probes, slog.New(slog.NewTextHandler(log, nil)))
		said := regexp.MustCompile(`level=WARN .* max_concurrent_that_fits=(\d+)`).FindStringSubmatch(log.String())
		if warns := said != nil; warns != test.warns || warns != (control != nil) {
			t.Errorf("with %d descriptors: %q, and descriptors are kept: %t", test.limit, log, control != nil)
			continue
		}
		if !test.warns || test.limit < neededDescriptors(1) {
			continue
		}
		fits, err := strconv.Atoi(said[1])
		if err != nil || neededDescriptors(fits) > test.limit || neededDescriptors(fits+1) <= test.limit {
			t.Errorf("with %d descriptors, %q is said to fit", test.limit, said[1])
		}
	}
}
