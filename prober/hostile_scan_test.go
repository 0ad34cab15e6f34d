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

// A scan of an endpoint with something in mind ends with its process, whatever it
// has come to by then, and shows nothing that could hurt. Its probe does not wait
// for it any longer than for anything else, and a panic is nowhere.
func TestHostileScan(t *testing.T) {
	before := descriptors(t)
	t.Run("endpoints", func(t *testing.T) {
		lab := labtest.Lab(t)
		ca := probetest.Module(t, lab)
		ca.Scan()
		ca.Timeout = option.Duration(800 * time.Millisecond)
		for _, m := range malices(t, lab) {
			module := ca
			if m.asked != nil {
				m.asked(&module)
			}
			addr := labtest.Serve(t, lab, m.server)
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				process := prober.NewProcess()
				p, err := prober.New(module, process)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				r := p.Probe(context.Background(), probetest.Target(t, cmp.Or(m.scheme, "https")+"://"+addr))
				if took := time.Since(start); took > p.Timeout()+slack {
					t.Errorf("it took %v", took)
				}
				process.Cache.Close()
				if r = p.Probe(context.Background(), r.Target); len(r.Outcomes) != 5 && m.asked == nil {
					t.Errorf("the checks are %+v", r.Outcomes)
				}
				for _, check := range r.Outcomes {
					if _, panicked := errors.AsType[*failure.PanicError](error(cmp.Or(check.Failure, new(failure.Failure)))); panicked {
						t.Errorf("%s: %+v", check.Name, check.Failure)
					}
				}
				if v := r.Vulnerabilities.Finding; v != nil {
					for _, a := range v.Answers {
						if !presentable(a.Saw) {
							t.Errorf("%s shows %.100q", a.Name, a.Saw)
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
