package collector

import (
	"errors"

	"tls_exporter/prober"
	"tls_exporter/prober/check/dane"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/records"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.DANE.Finding = &dane.Finding{
			Protocol: "smtp", Domain: &dane.Domain{Name: "example.com", Secure: true, Hosts: 3},
			Services: []*dane.Service{
				{Host: "mx1.example.com", Name: "_25._tcp.mx1.example.com", Secure: true, Trusted: true, Records: []dane.Record{
					{TLSA: records.TLSA{Usage: 3, Selector: 1, Matching: 1}, Result: dane.Match},
					{TLSA: records.TLSA{Usage: 3, Selector: 1, Matching: 1}, Result: dane.Mismatch},
					{TLSA: records.TLSA{Usage: 3, Selector: 1, Matching: 1}, Result: dane.Mismatch},
					{TLSA: records.TLSA{Usage: 2, Selector: 0, Matching: 0}, Result: dane.Invalid},
					{TLSA: records.TLSA{Usage: 255, Selector: 9, Matching: 255}, Result: dane.Unusable},
				}},
				{Host: "mx2.example.com", Name: "_25._tcp.mx2.example.com", Secure: true, Trusted: true, Records: []dane.Record{
					{TLSA: records.TLSA{Usage: 3, Selector: 0, Matching: 2}, Result: dane.Mismatch},
				}},
				{Host: "mx3.example.com", Name: "_25._tcp.mx3.example.com", Failure: &failure.Failure{Reason: failure.ReasonRefused, Err: errors.New("refused")}, Records: []dane.Record{
					{TLSA: records.TLSA{Usage: 3, Selector: 1, Matching: 1}, Result: dane.Unknown},
				}},
			},
		}
	})
}
