package reporttest

import (
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check"
	"tls_exporter/prober/check/caa"
	httpsrecord "tls_exporter/prober/check/https_record"
)

// dnsRecords is an endpoint whose CAA and HTTPS records are as they should be.
func dnsRecords() *prober.Result {
	r := Healthy()
	r.Outcomes = []check.Outcome{{Name: "caa", Time: Now, Duration: 4 * time.Millisecond}, {Name: "https_record", Time: Now.Add(-time.Minute), Duration: 31 * time.Millisecond}}
	r.CAA.Finding = &caa.Finding{
		Name: "www.example.com", From: "example.com", Issuers: []string{"letsencrypt.org"}, Verdict: caa.IssuerListed,
		Records: []caa.Record{{Tag: "issue", Value: "letsencrypt.org; validationmethods=dns-01"}, {Tag: "iodef", Value: "mailto:security@example.com", Critical: true}},
	}
	r.HTTPSRecord.Finding = &httpsrecord.Finding{
		Name: "www.example.com", State: httpsrecord.Found, Aliases: []string{"cdn.example.net"},
		Records: []httpsrecord.Record{{Target: "cdn.example.net"}, {Priority: 1, Target: "cdn.example.net", ALPN: "h2,h3", Port: 443, ECH: true}},
		Services: []httpsrecord.Service{{Host: "cdn.example.net", Port: 443, Protocols: []httpsrecord.Protocol{
			{Name: "h2", Answer: httpsrecord.Selected}, {Name: "http/1.1", Answer: httpsrecord.Selected},
		}}},
		ECH: &httpsrecord.ECHResult{Outcome: httpsrecord.Accepted, PublicName: "public.example.net"},
	}
	return r
}

// DNSRecordsBroken is an endpoint whose CAA records forbid its issuer, and which does not do
// what its HTTPS records say.
func DNSRecordsBroken() *prober.Result {
	r := Healthy()
	r.Outcomes = []check.Outcome{{Name: "caa", Time: Now, Duration: 4 * time.Millisecond}, {Name: "https_record", Time: Now, Duration: 31 * time.Millisecond}}
	r.CAA.Finding = &caa.Finding{
		Name: "*.example.com", From: "example.com", Issuers: []string{"letsencrypt.org"}, Verdict: caa.IssuerNotListed,
		Records: []caa.Record{{Tag: "issue", Value: "letsencrypt.org"}, {Tag: "issuewild", Value: "ca.example.org"}}, More: 2,
	}
	r.HTTPSRecord.Finding = &httpsrecord.Finding{
		Name: "www.example.com", State: httpsrecord.Found, More: 1,
		Records: []httpsrecord.Record{
			{Priority: 1, Target: "www.example.com", ALPN: "h2", Port: 8443, ECH: true},
			{Priority: 2, Target: "www.example.com", Port: 443, Unusable: "it requires the parameter key65000, which is not known here"},
		},
		Services: []httpsrecord.Service{{Host: "www.example.com", Port: 8443, Protocols: []httpsrecord.Protocol{
			{Name: "h2", Answer: httpsrecord.NotSelected, Detail: "rejected"}, {Name: "http/1.1", Answer: httpsrecord.NoAnswer, Detail: "i/o timeout"},
		}}},
		ECH: &httpsrecord.ECHResult{Outcome: httpsrecord.RejectedRetry, PublicName: "public.example.net", Detail: "tls: server rejected ECH"},
	}
	return r
}
