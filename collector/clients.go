package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/clients"
)

var clientsRows = about(func(r *prober.Result) *clients.Finding { return r.Clients.Finding },
	gauges("tls_client_supported", "Whether the server and the client can negotiate a session, computed from what the server accepts. Absent if that is not settled.",
		[]string{"client"}, func(c *clients.Finding, set setter) {
			for _, s := range c.Sessions {
				set(bit(s.Supported), string(s.Client))
			}
		}),
	gauges("tls_client_session_info", "What the server and the client would negotiate. The value is 1. The cipher is empty if it is not settled, the group also if the key exchange has none.",
		[]string{"client", "version", "cipher", "group"}, func(c *clients.Finding, set setter) {
			for _, s := range c.Sessions {
				if s.Supported {
					set(1, string(s.Client), s.Version.String(), s.CipherName(), s.GroupName())
				}
			}
		}),
	gauges("tls_client_failure_info", "Why the server and the client cannot negotiate a session. The value is 1. The reason is empty if it is one of several.",
		[]string{"client", "reason"}, func(c *clients.Finding, set setter) {
			for _, s := range c.Sessions {
				if !s.Supported {
					set(1, string(s.Client), string(s.Reason))
				}
			}
		}),
)
