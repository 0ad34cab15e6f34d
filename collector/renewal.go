package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/renewal"
)

var renewalRows = about(func(r *prober.Result) *renewal.Finding { return r.Renewal.Finding },
	gauge("tls_renewal_window_start_timestamp_seconds", "Start of the window in which the CA wants the certificate to be renewed (ACME Renewal Information, RFC 9773). It moves when the CA changes its mind.",
		func(r *renewal.Finding) (float64, bool) { return unix(r.Start), true }),
	gauge("tls_renewal_window_end_timestamp_seconds", "End of that window.",
		func(r *renewal.Finding) (float64, bool) { return unix(r.End), true }),
	gauge("tls_renewal_overdue", "Whether the window has ended while the server still uses the certificate.",
		func(r *renewal.Finding) (float64, bool) { return bit(r.Overdue), true }),
)
