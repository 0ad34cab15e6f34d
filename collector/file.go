package collector

import "tls_exporter/prober"

// fileRows are about the file of a target with the scheme file. Its certificates have the
// rows of every chain.
var fileRows = about(func(r *prober.Result) *prober.Result {
	if r.File == nil {
		return nil
	}
	return r
},
	gauges("tls_file_info", "Format of the file, and its content: a chain, which is verified like that of a server, or a bundle, of which each certificate is judged by its dates. The value is 1.",
		[]string{"format", "content"}, func(r *prober.Result, set setter) {
			if content := r.FileContent(); content != "" {
				set(1, string(r.File.Format), content)
			}
		}),
	gauge("tls_file_certificates", "How many different certificates the file has.",
		func(r *prober.Result) (float64, bool) { return float64(r.File.Total), true }),
	gauge("tls_file_modified_timestamp_seconds", "When the file was changed last.",
		func(r *prober.Result) (float64, bool) { return unix(r.File.Modified), !r.File.Modified.IsZero() }),
	gauge("tls_file_key_matches", "Whether the private key in the file is that of the leaf. Absent if the file has none, or one that is encrypted.",
		func(r *prober.Result) (float64, bool) {
			return bit(r.File.KeyMatches != nil && *r.File.KeyMatches), r.File.KeyMatches != nil
		}),
)
