package prober_test

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest/labtest"
)

// A scan of a hostile endpoint ends with its process, shows nothing that is unsafe to
// print, and does not panic. Its probe ends by its deadline.
func TestHostileScan(t *testing.T) {
	before := descriptors(t)
	t.Run("endpoints", func(t *testing.T) {
		lab := labtest.Lab(t)
		ca := probetest.Module(t, lab)
		ca.Scan()
		ca.Timeout = option.Duration(800 * time.Millisecond)
		for _, a := range attacks(t, lab) {
			module := ca
			if a.change != nil {
				a.change(&module)
			}
			addr := labtest.Serve(t, lab, a.server)
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				process := prober.NewProcess()
				p, err := prober.New(module, process)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				r := p.Probe(context.Background(), probetest.Target(t, cmp.Or(a.scheme, "https")+"://"+addr))
				if took := time.Since(start); took > p.Timeout()+slack {
					t.Errorf("it took %v", took)
				}
				process.Cache.Close()
				if r = p.Probe(context.Background(), r.Target); len(r.Outcomes) != 7 && a.change == nil {
					t.Errorf("the checks are %+v", r.Outcomes)
				}
				for _, check := range r.Outcomes {
					if _, panicked := errors.AsType[*failure.PanicError](error(cmp.Or(check.Failure, new(failure.Failure)))); panicked {
						t.Errorf("%s: %+v", check.Name, check.Failure)
					}
				}
				if v := r.Vulnerabilities.Finding; v != nil {
					for _, answer := range v.Answers {
						if !presentable(answer.Saw) {
							t.Errorf("%s shows %.100q", answer.Name, answer.Saw)
						}
					}
				}
			})
		}
	})
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, and %d were before", after, before)
	}
}
