package prober

import (
	"cmp"
	"context"
	"testing"
	"time"
)

// A scan of an endpoint with something in mind ends with its process, whatever it
// has come to by then, and shows nothing that could hurt. Its probe does not wait
// for it any longer than for anything else, and a panic is nowhere.
func TestHostileScan(t *testing.T) {
	before := descriptors(t)
	t.Run("endpoints", func(t *testing.T) {
		lab := newLab(t)
		ca := labModule(t, lab)
		ca.Scan()
		ca.Timeout = Duration(800 * time.Millisecond)
		for _, m := range malices(t, lab) {
			module := ca
			if m.asked != nil {
				m.asked(&module)
			}
			addr := serve(t, lab, m.server)
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				p := newProber(t, module)
				start := time.Now()
				r := p.Probe(context.Background(), target(t, cmp.Or(m.scheme, "https")+"://"+addr))
				if took := time.Since(start); took > p.Timeout()+slack {
					t.Errorf("it took %v", took)
				}
				p.process.Cache.Close()
				if r = p.Probe(context.Background(), r.Target); len(r.Outcomes) != 5 && m.asked == nil {
					t.Errorf("the checks are %+v", r.Outcomes)
				}
				for _, check := range r.Outcomes {
					if check.Failure != nil && has[*PanicError](check.Failure) {
						t.Errorf("%s: %+v", check.Name, check.Failure)
					}
				}
				if v := r.Vulnerabilities.Finding; v != nil {
					for _, a := range v.Answers {
						if !presentable(a.Saw) {
							t.Errorf("%s shows %.100q", a.Vulnerability, a.Saw)
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
