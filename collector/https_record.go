package collector

import (
	"strconv"

	"tls_exporter/prober"
	httpsrecord "tls_exporter/prober/check/https_record"
)

var httpsRecordRows = about(func(r *prober.Result) *httpsrecord.Finding { return r.HTTPSRecord.Finding },
	gauges("tls_https_record_info", "An HTTPS record of the name, at most 8 of them. Priority 0 is an alias; then alpn and port are empty. The value is 1.",
		[]string{"priority", "target", "alpn", "port"}, func(f *httpsrecord.Finding, set setter) {
			seen := make(map[[4]string]bool) // records may differ in what is not shown
			for _, r := range f.Records {
				labels := [4]string{strconv.Itoa(int(r.Priority)), r.Target, r.ALPN}
				if r.Port != 0 {
					labels[3] = strconv.Itoa(int(r.Port))
				}
				if !seen[labels] {
					seen[labels] = true
					set(1, labels[:]...)
				}
			}
		}),
	gauge("tls_https_record_alpn_match", "Whether the servers that the HTTPS records lead to select each protocol that a record advertises for TCP (h2, http/1.1). Absent if a server did not answer, or no usable record advertises one.",
		func(f *httpsrecord.Finding) (float64, bool) {
			match, known := f.ALPNMatch()
			return bit(match), known
		}),
	gauge("tls_ech_published", "Whether a usable HTTPS record has a configuration for Encrypted Client Hello (ECH).",
		func(f *httpsrecord.Finding) (float64, bool) { return bit(f.ECH != nil), f.Looked() }),
	gauge("tls_ech_accepted", "Whether the server decrypts a ClientHello that is encrypted with the published configuration for ECH. Absent if that is not known.",
		func(f *httpsrecord.Finding) (float64, bool) {
			if f.ECH == nil {
				return 0, false
			}
			accepted, known := f.ECH.Accepted()
			return bit(accepted), known
		}),
	gauges("tls_ech_info", "The outcome of a handshake with the published configuration for ECH. The value is 1.",
		[]string{"outcome"}, func(f *httpsrecord.Finding, set setter) {
			if f.ECH != nil {
				set(1, string(f.ECH.Outcome))
			}
		}),
)
