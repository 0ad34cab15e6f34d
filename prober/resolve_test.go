package prober

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tls_exporter/prober/tlstest"
)

// startDNS starts a DNS server that knows these names and no others.
func startDNS(t testing.TB, lab *tlstest.Lab, zone tlstest.Zone) HostPort {
	t.Helper()
	addr, err := lab.StartDNS(zone)
	if err != nil {
		t.Fatal(err)
	}
	return HostPort(addr)
}

func ips(words ...string) []netip.Addr {
	var all []netip.Addr
	for _, word := range words {
		all = append(all, netip.MustParseAddr(word))
	}
	return all
}

// altered lets a test change answers as messages.
func altered(change func(m *dns.Msg, overTCP bool)) func([]byte, bool) []byte {
	return func(answer []byte, overTCP bool) []byte {
		m := new(dns.Msg)
		if err := m.Unpack(answer); err != nil {
			panic(err)
		}
		change(m, overTCP)
		answer, err := m.Pack()
		if err != nil {
			panic(err)
		}
		return answer
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	lab := newLab(t)
	var many []netip.Addr // more than a datagram holds
	for i := range MaxAddresses {
		many = append(many, netip.AddrFrom4([4]byte{127, 0, 1, byte(i)}))
	}
	local := ips("127.0.0.1")
	forged := func(change func(*dns.Msg)) tlstest.Name {
		return tlstest.Name{Addresses: local, Alter: altered(func(m *dns.Msg, _ bool) { change(m) })}
	}
	module := DefaultModule()
	module.Resolver = startDNS(t, lab, tlstest.Zone{
		"v4.test":       {Addresses: local},
		"v6.test":       {Addresses: ips("::1")},
		"both.test":     {Addresses: ips("127.0.0.1", "::1")},
		"twice.test":    {Addresses: ips("127.0.0.1", "127.0.0.1", "::ffff:127.0.0.1")},
		"none.test":     {},
		"alias.test":    {Alias: "other.test"},
		"other.test":    {Alias: "v4.test"},
		"nowhere.test":  {Alias: "missing.test"},
		"circle.test":   {Alias: "circle.test"},
		"many.test":     {Addresses: many},
		"servfail.test": {RCode: dns.RcodeServerFailure},
		"refused.test":  {RCode: dns.RcodeRefused},
		"formerr.test":  forged(func(m *dns.Msg) { m.Rcode, m.Question, m.Answer = dns.RcodeFormatError, nil, nil }),
		"silent.test":   {Alter: func([]byte, bool) []byte { return nil }},
		"garbage.test":  {Alter: func([]byte, bool) []byte { return []byte("220 mail.example.com ESMTP\r\n") }},
		"echo.test":     forged(func(m *dns.Msg) { m.Response = false }),
		"id.test":       forged(func(m *dns.Msg) { m.Id++ }),
		"question.test": forged(func(m *dns.Msg) { m.Question[0].Name = "v4.test." }),
		"stranger.test": forged(func(m *dns.Msg) {
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: "v4.test.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 2)})
		}),
		"referral.test": forged(func(m *dns.Msg) { m.RecursionAvailable, m.Answer = false, nil }),
		"authority.test": {Alter: altered(func(m *dns.Msg, _ bool) {
			m.RecursionAvailable, m.Authoritative = false, true
		})},
		"unfollowed.test": {Alias: "elsewhere.test", Alter: altered(func(m *dns.Msg, _ bool) {
			m.RecursionAvailable, m.Authoritative, m.Rcode = false, true, 0
		})},
		"half.test": {Addresses: local, Alter: altered(func(m *dns.Msg, _ bool) {
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
		"onefamily.test": {Addresses: local, Alter: altered(func(m *dns.Msg, _ bool) {
			if m.Question[0].Qtype == dns.TypeAAAA {
				m.Rcode = dns.RcodeNameError
			}
		})},
		"cut.test": {Addresses: local, Alter: altered(func(m *dns.Msg, _ bool) { m.Truncated = true })},
		"shut.test": {Addresses: local, Alter: func(answer []byte, overTCP bool) []byte {
			if overTCP {
				return nil
			}
			answer[2] |= 2 // cut off, and to be had nowhere
			return answer[:len(answer)-1]
		}},
	})
	for _, test := range []struct {
		host   string
		family Family
		want   []netip.Addr
		reason Reason
	}{
		{"v4.test", AnyIP, local, ""},
		{"V4.test.", AnyIP, local, ""},
		{"v6.test", AnyIP, ips("::1"), ""},
		{"both.test", AnyIP, ips("::1", "127.0.0.1"), ""},
		{"both.test", IPv4, local, ""},
		{"both.test", IPv6, ips("::1"), ""},
		{"twice.test", AnyIP, local, ""},
		{"alias.test", AnyIP, local, ""},
		{"many.test", IPv4, many, ""},
		{"stranger.test", AnyIP, local, ""},
		{"onefamily.test", AnyIP, local, ""},
		{"half.test", AnyIP, local, ""},
		{"none.test", AnyIP, nil, ReasonNoAddress},
		{"none.test", IPv4, nil, ReasonNoAddress},
		{"v4.test", IPv6, nil, ReasonNoAddress},
		{"v6.test", IPv4, nil, ReasonNoAddress},
		{"circle.test", AnyIP, nil, ReasonNoAddress},
		{"authority.test", AnyIP, nil, ReasonNoAddress},
		{"missing.test", AnyIP, nil, ReasonNXDOMAIN},
		{"missing.test", IPv4, nil, ReasonNXDOMAIN},
		{"nowhere.test", AnyIP, nil, ReasonNXDOMAIN},
		{"localhost", AnyIP, nil, ReasonNXDOMAIN}, // of the hosts file, which is not asked
		{"v4", AnyIP, nil, ReasonNXDOMAIN},
		{"servfail.test", AnyIP, nil, ReasonDNSFailure},
		{"refused.test", AnyIP, nil, ReasonDNSFailure},
		{"formerr.test", AnyIP, nil, ReasonDNSFailure},
		{"half.test", IPv6, nil, ReasonDNSFailure},
		{"halfsilent.test", AnyIP, nil, ReasonTimeout},
		{"referral.test", AnyIP, nil, ReasonDNSFailure},
		{"unfollowed.test", AnyIP, nil, ReasonDNSFailure},
		{"cut.test", AnyIP, nil, ReasonDNSFailure},
		{"garbage.test", AnyIP, nil, ReasonDNSFailure},
		{"echo.test", AnyIP, nil, ReasonDNSFailure},
		{"id.test", AnyIP, nil, ReasonDNSFailure},
		{"question.test", AnyIP, nil, ReasonDNSFailure},
		{"silent.test", AnyIP, nil, ReasonTimeout},
		{"shut.test", AnyIP, nil, ReasonTimeout},
	} {
		t.Run(test.host+" "+string(test.family), func(t *testing.T) {
			t.Parallel()
			m := module
			m.IPProtocol = test.family
			switch test.reason {
			case ReasonTimeout:
				m.Timeout = Duration(500 * time.Millisecond)
			case ReasonDNSFailure:
				m.Timeout = Duration(2 * time.Second) // some wait for a better answer
			}
			// Nothing listens on the port, so a name that resolves is refused.
			r := newProber(t, m).Probe(context.Background(), target(t, test.host+":1"))
			if !slices.Equal(r.Addresses, test.want) {
				t.Errorf("addresses are %v, want %v", r.Addresses, test.want)
			}
			phase, reason := PhaseResolve, test.reason
			if reason == "" {
				phase, reason = PhaseConnect, ReasonRefused
			}
			if r.Failure == nil || r.Failure.Phase != phase || r.Failure.Reason != reason {
				t.Fatalf("failure is %+v, want %s with %s", r.Failure, phase, reason)
			}
			if dns, ok := errors.AsType[*net.DNSError](r.Failure.Err); ok && dns.Server != string(module.Resolver) {
				t.Errorf("the error names %s, and %s was asked", dns.Server, module.Resolver)
			}
		})
	}
}

// Who wants all addresses is not content with those of one family.
func TestResolveStrictly(t *testing.T) {
	lab := newLab(t)
	module := DefaultModule()
	module.Addresses, module.Resolver = AllAddresses, startDNS(t, lab, tlstest.Zone{"half.test": {Addresses: ips("::1"), Alter: altered(func(m *dns.Msg, _ bool) {
		if m.Question[0].Qtype == dns.TypeA {
			m.Rcode = dns.RcodeRefused
		}
	})}})
	r := newProber(t, module).Probe(context.Background(), target(t, "half.test"))
	if r.Failure == nil || r.Failure.Phase != PhaseResolve || r.Failure.Reason != ReasonDNSFailure || r.Pool != nil {
		t.Errorf("failure is %+v, pool %+v", r.Failure, r.Pool)
	}
}

// A datagram that is lost is sent again, within the deadline.
func TestResolveSendsAgain(t *testing.T) {
	lab := newLab(t)
	var questions atomic.Int32
	server := &nameserver{guard: NewGuard(Policy{}, new(Listeners)), resend: time.Millisecond, address: string(startDNS(t, lab, tlstest.Zone{"lossy.test": {
		Addresses: ips("127.0.0.1"),
		Alter: func(answer []byte, _ bool) []byte {
			if questions.Add(1) < 3 {
				return nil
			}
			return answer
		},
	}}))}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if addrs, err := server.lookup(ctx, IPv4, "lossy.test"); err != nil || !slices.Equal(addrs, ips("127.0.0.1")) {
		t.Errorf("got %v, %v", addrs, err)
	}
}

// A resolver that cannot be asked says nothing of the name.
func TestResolverIsMissing(t *testing.T) {
	for _, resolver := range []HostPort{"127.0.0.1:1", "missing.invalid:53"} {
		module := DefaultModule()
		module.Resolver, module.Timeout = resolver, Duration(2*time.Second)
		r := newProber(t, module).Probe(context.Background(), target(t, "example.test"))
		if r.Failure == nil || r.Failure.Phase != PhaseResolve || r.Failure.Reason != ReasonDNSFailure && r.Failure.Reason != ReasonTimeout {
			t.Errorf("%s: failure is %+v", resolver, r.Failure)
		}
	}
}

func TestResolvedNameIsVerified(t *testing.T) {
	lab := newLab(t)
	module := labModule(t, lab)
	module.Resolver = startDNS(t, lab, tlstest.Zone{"v4.test": {Addresses: ips("127.0.0.1")}})
	_, port, _ := net.SplitHostPort(serve(t, lab, tlstest.Server{}))
	r := newProber(t, module).Probe(context.Background(), target(t, "v4.test.:"+port))
	if r.Session == nil || r.Session.ServerName != "v4.test" || !r.Chain.Has(ProblemNameMismatch) {
		t.Errorf("session is %+v, failure %+v", r.Session, r.Failure)
	}
}

// Whatever a server sends, it is an answer to the question or an error, and its
// addresses are of the name and of the kind that was asked for.
func FuzzReadAnswer(f *testing.F) {
	question := new(dns.Msg).SetQuestion("a.test.", dns.TypeA)
	question.Id = 7
	answer := new(dns.Msg).SetReply(question)
	answer.RecursionAvailable = true
	answer.Answer = []dns.RR{
		&dns.CNAME{Hdr: dns.RR_Header{Name: "A.test.", Rrtype: dns.TypeCNAME, Class: dns.ClassINET}, Target: "b.test."},
		&dns.A{Hdr: dns.RR_Header{Name: "b.test.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)},
	}
	for _, change := range []func(){func() {}, func() { answer.Rcode = 3 }, func() { answer.Rcode = 2 }, func() { answer.Truncated = true }} {
		change()
		message, err := answer.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
		f.Add(message[:len(message)-3])
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if len(message) > dns.MaxMsgSize {
			return
		}
		answer, err := readAnswer(message, question)
		if err != nil {
			return
		}
		addrs, err := readAddresses(answer)
		other := func(addr netip.Addr) bool { return !addr.Unmap().Is4() }
		if answer.Id != 7 || !answer.Response || err != nil && len(addrs) > 0 || slices.ContainsFunc(addrs, other) {
			t.Errorf("%x has the addresses %v, %v", message, addrs, err)
		}
	})
}
