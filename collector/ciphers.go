package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/ciphers"
)

var ciphersRows = about(func(r *prober.Result) *ciphers.Finding { return r.Ciphers.Finding },
	gauges("tls_cipher_supported", "1 for each cipher suite that the server accepts, by version, with its strength: weak, acceptable or strong.",
		[]string{"version", "cipher", "strength"}, func(c *ciphers.Finding, set setter) {
			for _, s := range c.Suites {
				set(1, s.Version.String(), s.Name(), string(s.Strength()))
			}
		}),
	gauges("tls_group_supported", "Whether the server accepts the group for the key exchange. A group without an answer is absent.",
		[]string{"group"}, func(c *ciphers.Finding, set setter) {
			for _, g := range c.Groups {
				set(bit(g.Accepted), g.Group.String())
			}
		}),
	gauges("tls_signature_scheme_supported", "1 for each signature scheme that the server uses.",
		[]string{"scheme"}, func(c *ciphers.Finding, set setter) {
			for _, s := range c.Schemes {
				set(1, s.String())
			}
		}),
	gauge("tls_dh_bits", "Size of the smallest DHE prime that the server sent. Absent if it sent none.",
		func(c *ciphers.Finding) (float64, bool) { return float64(c.DHBits), c.DHBits > 0 }),
	gauge("tls_server_cipher_preference", "Whether the server's order of cipher suites decides (1) or the client's (0). Absent if it accepts too few to tell.",
		func(c *ciphers.Finding) (float64, bool) {
			return bit(c.Preference == ciphers.ServerPreference), c.Preference != ciphers.UnknownPreference
		}),
)
