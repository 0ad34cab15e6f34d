package report

import (
	"net/netip"
	"strings"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/target"
	"tls_exporter/report/part"
)

// Phase is how long one phase of the probe took.
type Phase struct {
	Name     failure.Phase
	Duration time.Duration
	From, To float64        // as shares of the time of all phases
	Failed   failure.Reason // empty: it did not fail
	Unasked  bool           // the failure says nothing about the endpoint
}

func phases(r *prober.Result) []Phase {
	var total, from time.Duration
	for _, p := range r.Phases {
		total += p.Duration
	}
	share := func(d time.Duration) float64 { return float64(d) / float64(max(total, 1)) }
	all := make([]Phase, len(r.Phases))
	for i, p := range r.Phases {
		all[i] = Phase{Name: p.Phase, Duration: p.Duration, From: share(from), To: share(from + p.Duration)}
		if f := r.Failure; f != nil && f.Phase == p.Phase && ofShown(r, f) {
			all[i].Failed, all[i].Unasked = f.Reason, f.Unasked()
		}
		from += p.Duration
	}
	return all
}

// endpointText is the endpoint, and the address where the caller chose one.
func endpointText(t target.Target) string {
	if !t.Address.IsValid() {
		return t.String()
	}
	return t.String() + " at " + Address(t.Address)
}

// Address is an address to dial that a caller chose: with a port only if the
// caller chose the port too.
func Address(address netip.AddrPort) string { return target.FormatAddress(address) }

// connection is how the endpoint was reached, and what was negotiated.
func connection(r *prober.Result) []part.Fact {
	var all part.Facts
	addresses := make([]string, len(r.Addresses))
	for i, address := range r.Addresses {
		addresses[i] = address.String()
	}
	all.Add("resolved", part.Join(addresses, maxAddresses))
	all.Add("proxy", r.Proxy)
	if r.Remote.IsValid() {
		all.Add("address", r.Remote.String())
	}
	if s := r.Session; s != nil {
		all.Add("handshake", progress(s))
		all = append(all, negotiated(s)...)
		if s.ServerName != r.Target.Host {
			all.Add("sni", part.Clean(s.ServerName))
		}
		if s.ClientCertificateRequested {
			all.Add("requested", "a client certificate")
		}
	}
	all.Add("staple", stapleText(r))
	all.Add("would select", sessionLine(r.Selected))
	return all
}

// maxAddresses bounds the list of resolved addresses, in bytes.
const maxAddresses = 100

// negotiated is what client and server agreed on.
func negotiated(s *handshake.Session) []part.Fact {
	var all part.Facts
	if s.Version != 0 {
		all.Add("version", s.VersionName())
	}
	if s.CipherSuite != 0 {
		all.Add("cipher", s.CipherName())
	}
	all.Add("group", group(s))
	all.Add("alpn", part.Clean(s.ALPN))
	return all
}

// sessionLine is what was negotiated, in one line.
func sessionLine(s *handshake.Session) string {
	if s == nil {
		return ""
	}
	var words []string
	for _, fact := range negotiated(s) {
		words = append(words, fact.Value)
	}
	return strings.Join(words, ", ")
}

func progress(s *handshake.Session) string {
	switch {
	case !s.Completed:
		return "not completed"
	case s.HelloRetryRequest:
		return "completed in " + part.Duration(s.Duration) + ", with a HelloRetryRequest"
	}
	return "completed in " + part.Duration(s.Duration)
}

func group(s *handshake.Session) string {
	switch {
	case s.PostQuantum():
		return s.GroupName() + " (post-quantum)"
	case s.Group == 0 && s.Completed:
		return "none (key exchange without (EC)DHE)"
	}
	return s.GroupName()
}
