package collector

import "tls_exporter/prober"

var addresses = about(func(r *prober.Result) *prober.Pool { return r.Pool },
	gauge("tls_addresses", "How many addresses the name has. With addresses: all in the module, the first 32 of them are probed separately.",
		func(p *prober.Pool) (float64, bool) { return float64(p.Total), true }),
	gauge("tls_addresses_failing", "How many of the probed addresses have a failure of their own. Absent if none of them could be asked.",
		func(p *prober.Pool) (float64, bool) { return float64(p.Failing()), p.Asked() > 0 }),
	gauge("tls_addresses_distinct_certificates", "How many different leaf certificates the addresses sent. Absent if none was sent.",
		func(p *prober.Pool) (float64, bool) {
			distinct := p.DistinctCertificates()
			return float64(distinct), distinct > 0
		}),
	eachAddress("tls_address_success", "Whether the address, probed separately, has no failure. Absent if it could not be asked.",
		func(m *prober.Member) (float64, bool) { return bit(m.Failure == nil), m.Asked() }),
	gauges("tls_address_failure_info", "Which phase failed at the address and why. Absent without a failure.",
		[]string{"ip", "phase", "reason"}, func(p *prober.Pool, set setter) {
			for _, m := range p.Members {
				if m.Failure != nil {
					set(1, ip(m.Address), string(m.Failure.Phase), string(m.Failure.Reason))
				}
			}
		}),
	eachAddress("tls_address_handshake_duration_seconds", "Handshake latency of the address. Absent if the handshake was not completed.",
		func(m *prober.Member) (float64, bool) {
			if m.Session == nil || !m.Session.Completed {
				return 0, false
			}
			return m.Session.Duration.Seconds(), true
		}),
	eachAddress("tls_address_certificate_days_remaining", "Days until the leaf certificate of the address expires. Absent if none was sent.",
		func(m *prober.Member) (float64, bool) {
			if m.Chain == nil {
				return 0, false
			}
			leaf := m.Chain.Certificates[0]
			return leaf.DaysRemaining(m.Chain.At), leaf.Expires()
		}),
)

// eachAddress is a row with a series for each address that was probed.
func eachAddress(name, help string, read func(*prober.Member) (float64, bool)) row[prober.Pool] {
	return gauges(name, help, []string{"ip"}, func(p *prober.Pool, set setter) {
		for _, m := range p.Members {
			if value, known := read(m); known {
				set(value, ip(m.Address))
			}
		}
	})
}
