package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/caa"
)

var caaRows = about(func(r *prober.Result) *caa.Finding { return r.CAA.Finding },
	gauge("tls_caa_permits_issuer", "Whether the CAA records of the name, or of the closest name above it that has some, allow the issuer of the certificate to issue it again. 1 without any record. Absent if the CAA domain of the issuer is not known.",
		func(f *caa.Finding) (float64, bool) {
			permits, known := f.Verdict.Permits()
			return bit(permits), known
		}),
	gauges("tls_caa_record_info", "A CAA record that applies to the name, at most 16 of them. The value is 1.",
		[]string{"tag", "value"}, func(f *caa.Finding, set setter) {
			seen := make(map[[2]string]bool) // a record may be there twice, critical and not
			for _, r := range f.Records {
				if labels := [2]string{r.Tag, r.Value}; !seen[labels] {
					seen[labels] = true
					set(1, labels[:]...)
				}
			}
		}),
)
