package resolve_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	var many []netip.Addr // more than fit into a datagram
	for i := range resolve.MaxAddresses {
		many = append(many, netip.AddrFrom4([4]byte{127, 0, 1, byte(i)}))
	}
	local := labtest.Addresses("127.0.0.1")
	forged := func(change func(*dns.Msg)) tlstest.Name {
		return tlstest.Name{Addresses: local, Alter: labtest.Altered(func(m *dns.Msg, _ bool) { change(m) })}
	}
	module := prober.DefaultModule()
	module.Resolver = labtest.DNS(t, lab, tlstest.Zone{
		"v4.test":           {Addresses: local},
		"v6.test":           {Addresses: labtest.Addresses("::1")},
		"both.test":         {Addresses: labtest.Addresses("127.0.0.1", "::1")},
		"twice.test":        {Addresses: labtest.Addresses("127.0.0.1", "127.0.0.1", "::ffff:127.0.0.1")},
		"none.test":         {},
		"alias.test":        {Alias: "other.test"},
		"other.test":        {Alias: "v4.test"},
		"missingalias.test": {Alias: "missing.test"},
		"loop.test":         {Alias: "loop.test"},
		"many.test":         {Addresses: many},
		"servfail.test":     {RCode: dns.RcodeServerFailure},
		"refused.test":      {RCode: dns.RcodeRefused},
		"formerr.test":      forged(func(m *dns.Msg) { m.Rcode, m.Question, m.Answer = dns.RcodeFormatError, nil, nil }),
		"silent.test":       {Alter: func([]byte, bool) []byte { return nil }},
		"garbage.test":      {Alter: func([]byte, bool) []byte { return []byte("220 mail.example.com ESMTP\r\n") }},
		"echo.test":         forged(func(m *dns.Msg) { m.Response = false }),
		"id.test":           forged(func(m *dns.Msg) { m.Id++ }),
		"question.test":     forged(func(m *dns.Msg) { m.Question[0].Name = "v4.test." }),
		"othername.test": forged(func(m *dns.Msg) {
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: "v4.test.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 2)})
		}),
		"referral.test": forged(func(m *dns.Msg) { m.RecursionAvailable, m.Answer = false, nil }),
		"authority.test": {Alter: labtest.Altered(func(m *dns.Msg, _ bool) {
			m.RecursionAvailable, m.Authoritative = false, true
		})},
		"unfollowed.test": {Alias: "outside.test", Alter: labtest.Altered(func(m *dns.Msg, _ bool) {
			m.RecursionAvailable, m.Authoritative, m.Rcode = false, true, 0
		})},
		"half.test": {Addresses: local, Alter: labtest.Altered(func(m *dns.Msg, _ bool) {
			if m.Question[0].Qtype == dns.TypeAAAA {
				m.Rcode = dns.RcodeServerFailure
			}
		})},
		"halfsilent.test": {Addresses: local, Alter: func(answer []byte, _ bool) []byte {
			if len(answer) < 50 { // without the address
				return nil
			}
			return answer
		}},
		"onefamily.test": {Addresses: local, Alter: labtest.Altered(func(m *dns.Msg, _ bool) {
			if m.Question[0].Qtype == dns.TypeAAAA {
				m.Rcode = dns.RcodeNameError
			}
		})},
		"truncated.test": {Addresses: local, Alter: labtest.Altered(func(m *dns.Msg, _ bool) { m.Truncated = true })},
		"tcpsilent.test": {Addresses: local, Alter: func(answer []byte, overTCP bool) []byte {
			if overTCP {
				return nil
			}
			answer[2] |= 2 // truncated, and TCP has no answer
			return answer[:len(answer)-1]
		}},
	})
	for _, test := range []struct {
		host   string
		family resolve.Family
		want   []netip.Addr
		reason failure.Reason
	}{
		{"v4.test", resolve.AnyIP, local, ""},
		{"V4.test.", resolve.AnyIP, local, ""},
		{"v6.test", resolve.AnyIP, labtest.Addresses("::1"), ""},
		{"both.test", resolve.AnyIP, labtest.Addresses("::1", "127.0.0.1"), ""},
		{"both.test", resolve.IPv4, local, ""},
		{"both.test", resolve.IPv6, labtest.Addresses("::1"), ""},
		{"twice.test", resolve.AnyIP, local, ""},
		{"alias.test", resolve.AnyIP, local, ""},
		{"many.test", resolve.IPv4, many, ""},
		{"othername.test", resolve.AnyIP, local, ""},
		{"onefamily.test", resolve.AnyIP, local, ""},
		{"half.test", resolve.AnyIP, local, ""},
		{"none.test", resolve.AnyIP, nil, failure.ReasonNoAddress},
		{"none.test", resolve.IPv4, nil, failure.ReasonNoAddress},
		{"v4.test", resolve.IPv6, nil, failure.ReasonNoAddress},
		{"v6.test", resolve.IPv4, nil, failure.ReasonNoAddress},
		{"loop.test", resolve.AnyIP, nil, failure.ReasonNoAddress},
		{"authority.test", resolve.AnyIP, nil, failure.ReasonNoAddress},
		{"missing.test", resolve.AnyIP, nil, failure.ReasonNXDOMAIN},
		{"missing.test", resolve.IPv4, nil, failure.ReasonNXDOMAIN},
		{"missingalias.test", resolve.AnyIP, nil, failure.ReasonNXDOMAIN},
		{"localhost", resolve.AnyIP, nil, failure.ReasonNXDOMAIN}, // only in the hosts file, which is not used
		{"v4", resolve.AnyIP, nil, failure.ReasonNXDOMAIN},
		{"servfail.test", resolve.AnyIP, nil, failure.ReasonDNSFailure},
		{"refused.test", resolve.AnyIP, nil, failure.ReasonDNSFailure},
		{"formerr.test", resolve.AnyIP, nil, failure.ReasonDNSFailure},
		{"half.test", resolve.IPv6, nil, failure.ReasonDNSFailure},
		{"halfsilent.test", resolve.AnyIP, nil, failure.ReasonTimeout},
		{"referral.test", resolve.AnyIP, nil, failure.ReasonDNSFailure},
		{"unfollowed.test", resolve.AnyIP, nil, failure.ReasonDNSFailure},
		{"truncated.test", resolve.AnyIP, nil, failure.ReasonDNSFailure},
		{"garbage.test", resolve.AnyIP, nil, failure.ReasonDNSFailure},
		{"echo.test", resolve.AnyIP, nil, failure.ReasonDNSFailure},
		{"id.test", resolve.AnyIP, nil, failure.ReasonDNSFailure},
		{"question.test", resolve.AnyIP, nil, failure.ReasonDNSFailure},
		{"silent.test", resolve.AnyIP, nil, failure.ReasonTimeout},
		{"tcpsilent.test", resolve.AnyIP, nil, failure.ReasonTimeout},
	} {
		t.Run(test.host+" "+string(test.family), func(t *testing.T) {
			t.Parallel()
			m := module
			m.IPProtocol = test.family
			switch test.reason {
			case failure.ReasonTimeout:
				m.Timeout = option.Duration(500 * time.Millisecond)
			case failure.ReasonDNSFailure:
				m.Timeout = option.Duration(2 * time.Second) // unusable answers are skipped until then
			}
			// Nothing listens on the port, so a name that resolves fails to connect.
			r := probetest.New(t, m).Probe(context.Background(), probetest.Target(t, test.host+":1"))
			if !slices.Equal(r.Addresses, test.want) {
				t.Errorf("addresses are %v, want %v", r.Addresses, test.want)
			}
			phase, reason := failure.PhaseResolve, test.reason
			if reason == "" {
				phase, reason = failure.PhaseConnect, failure.ReasonRefused
			}
			if r.Failure == nil || r.Failure.Phase != phase || r.Failure.Reason != reason {
				t.Fatalf("failure is %+v, want %s with %s", r.Failure, phase, reason)
			}
			if dns, ok := errors.AsType[*net.DNSError](r.Failure.Err); ok && dns.Server != string(module.Resolver) {
				t.Errorf("the error is about the server %s, want %s", dns.Server, module.Resolver)
			}
		})
	}
}

// With addresses: all, an error in one family fails the probe.
func TestStrict(t *testing.T) {
	lab := labtest.Lab(t)
	module := prober.DefaultModule()
	module.Addresses, module.Resolver = prober.AllAddresses, labtest.DNS(t, lab, tlstest.Zone{"half.test": {Addresses: labtest.Addresses("::1"), Alter: labtest.Altered(func(m *dns.Msg, _ bool) {
		if m.Question[0].Qtype == dns.TypeA {
			m.Rcode = dns.RcodeRefused
		}
	})}})
	r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, "half.test"))
	if r.Failure == nil || r.Failure.Phase != failure.PhaseResolve || r.Failure.Reason != failure.ReasonDNSFailure || r.Pool != nil {
		t.Errorf("failure is %+v, pool %+v", r.Failure, r.Pool)
	}
}

// A DNS server that does not answer does not mean that the name is missing.
func TestNoNameserver(t *testing.T) {
	for _, resolver := range []target.HostPort{"127.0.0.1:1", "missing.invalid:53"} {
		module := prober.DefaultModule()
		module.Resolver, module.Timeout = resolver, option.Duration(2*time.Second)
		r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, "example.test"))
		if r.Failure == nil || r.Failure.Phase != failure.PhaseResolve || r.Failure.Reason != failure.ReasonDNSFailure && r.Failure.Reason != failure.ReasonTimeout {
			t.Errorf("%s: failure is %+v", resolver, r.Failure)
		}
	}
}

func TestResolvedNameIsVerified(t *testing.T) {
	lab := labtest.Lab(t)
	module := probetest.Module(t, lab)
	module.Resolver = labtest.DNS(t, lab, tlstest.Zone{"v4.test": {Addresses: labtest.Addresses("127.0.0.1")}})
	_, port, _ := net.SplitHostPort(labtest.Serve(t, lab, tlstest.Server{}))
	r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, "v4.test.:"+port))
	if r.Session == nil || r.Session.ServerName != "v4.test" || !r.Chain.Has(chain.ProblemNameMismatch) {
		t.Errorf("session is %+v, failure %+v", r.Session, r.Failure)
	}
}
