package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/dane"
)

var daneRows = about(func(r *prober.Result) *dane.Finding { return r.DANE.Finding },
	gauges("tls_dane_info", "The protocol of the service, by the scheme of its target. The value is 1.",
		[]string{"protocol"}, func(d *dane.Finding, set setter) { set(1, string(d.Protocol)) }),
	gauge("tls_dane_records", "The number of TLSA records. Absent if not all could be asked for, and for an IP address, which has none.",
		func(d *dane.Finding) (float64, bool) { n, known := d.Records(); return float64(n), known }),
	gauge("tls_dane_secure", "Whether the TLSA records came with a DNSSEC proof from a resolver over a trusted path. Absent without records.",
		known((*dane.Finding).Secure)),
	gauge("tls_dane_match", "Whether the certificates match the TLSA records; of a mail domain, those of each mail server. Absent without usable, secure records.",
		known((*dane.Finding).Match)),
	gauges("tls_dane_record_info", "The TLSA records, and how each compares with the certificates: match, mismatch, invalid, unusable or unknown. The value is 1.",
		[]string{"usage", "selector", "matching", "match"}, setDANERecords),
	gauges("tls_dane_mx_secure", "Whether the TLSA records of a mail server came with a DNSSEC proof. Absent without records.",
		[]string{"mx"}, func(d *dane.Finding, set setter) {
			for _, s := range d.MailServers() {
				if len(s.Records) > 0 {
					set(bit(s.Secure), s.Host)
				}
			}
		}),
	gauges("tls_dane_mx_match", "Whether the certificates of a mail server match its TLSA records. Absent without usable, secure records.",
		[]string{"mx"}, func(d *dane.Finding, set setter) {
			for _, s := range d.MailServers() {
				if match, known := s.Match(); known {
					set(bit(match), s.Host)
				}
			}
		}),
	gauges("tls_dane_mx_failure_info", "Why the TLSA records or the certificates of a mail server are not known. The value is 1.",
		[]string{"mx", "reason"}, func(d *dane.Finding, set setter) {
			for _, s := range d.MailServers() {
				if s.Failure != nil {
					set(1, s.Host, string(s.Failure.Reason))
				}
			}
		}),
)

// known makes a value of a gauge from a yes or no that may not be known.
func known[Part any](is func(*Part) (yes, known bool)) func(*Part) (float64, bool) {
	return func(p *Part) (float64, bool) {
		yes, known := is(p)
		return bit(yes), known
	}
}

// setDANERecords sets one series for all records that are alike.
func setDANERecords(d *dane.Finding, set setter) {
	seen := make(map[[4]string]bool)
	for _, s := range d.Services {
		for _, r := range s.Records {
			labels := [4]string{r.UsageName(), r.SelectorName(), r.MatchingName(), string(r.Result)}
			if !seen[labels] {
				seen[labels] = true
				set(1, labels[:]...)
			}
		}
	}
}
