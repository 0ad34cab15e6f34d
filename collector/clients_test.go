package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/clients"
	"tls_exporter/prober/hello"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.Clients.Finding = &clients.Finding{Sessions: []clients.Session{
			{Client: "android_7", Supported: true, Version: hello.TLS12, Cipher: 0xc02b, Group: hello.SecP256r1},
			{Client: "chrome_156", Supported: true, Version: hello.TLS13},
			{Client: "java_7u25", Reason: clients.NoCommonVersion},
			{Client: "openssl_1_0_1", Version: hello.TLS12},
		}}
	})
}
