package collector

import (
	"tls_exporter/prober"
	httpsrecord "tls_exporter/prober/check/https_record"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.HTTPSRecord.Finding = &httpsrecord.Finding{
			Name: "example.com", State: httpsrecord.Found,
			Records: []httpsrecord.Record{
				{Target: "svc.example.net"}, {Priority: 1, Target: "svc.example.net", ALPN: "h2,h3", Port: 443, ECH: true}, {Priority: 1, Target: "svc.example.net", ALPN: "h2,h3", Port: 443},
			},
			Services: []httpsrecord.Service{{Host: "svc.example.net", Port: 443, Protocols: []httpsrecord.Protocol{
				{Name: "h2", Answer: httpsrecord.Selected}, {Name: "http/1.1", Answer: httpsrecord.NotSelected, Detail: "rejected"},
			}}},
			ECH: &httpsrecord.ECHResult{Outcome: httpsrecord.RejectedRetry, PublicName: "public.example.net"},
		}
	})
}
