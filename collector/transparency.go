package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/transparency"
)

var transparencyRows = about(func(r *prober.Result) *transparency.Finding { return r.Transparency.Finding },
	gauges("tls_sct_count", "Signed certificate timestamps (SCTs) that came in the certificate, in the TLS extension, or in the staple.",
		[]string{"source"}, func(f *transparency.Finding, set setter) {
			for _, tally := range f.Sources {
				set(float64(tally.Count), string(tally.Source))
			}
		}),
	gauges("tls_sct_valid_count", "Those that a log of the list signed for this certificate, and that are not from the future. Absent if they could not be verified.",
		[]string{"source"}, func(f *transparency.Finding, set setter) {
			for _, tally := range f.Sources {
				if tally.Verifiable {
					set(float64(tally.Valid), string(tally.Source))
				}
			}
		}),
	gauge("tls_ct_compliant", "Whether the SCTs meet Chrome's policy for Certificate Transparency. Absent unless the root is public and the list of logs is younger than 70 days.",
		func(f *transparency.Finding) (float64, bool) {
			if f.Verdict == nil {
				return 0, false
			}
			return bit(f.Verdict.Compliant), true
		}),
	gauge("tls_ct_log_list_timestamp_seconds", "When the list of logs was made that the SCTs are compared with.",
		func(f *transparency.Finding) (float64, bool) { return unix(f.ListTime), true }),
)
