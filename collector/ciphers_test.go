package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/hello"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.Ciphers.Finding = &ciphers.Finding{
			Suites: []ciphers.Suite{
				{Version: hello.TLS13, Number: 0x1301},
				{Version: hello.TLS12, Number: 0x0005},
			},
			Groups:  []ciphers.GroupAnswer{{Group: hello.X25519MLKEM768, Accepted: true}, {Group: hello.SecP521r1}},
			Schemes: []hello.SignatureScheme{0x0403}, DHBits: 1024, Preference: ciphers.ClientPreference,
		}
	})
}
