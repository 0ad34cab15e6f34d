package prober

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"tls_exporter/prober/tlstest"
)

// nameserver answers on loopback by the names it is asked for: v4.test has an A
// record, v6.test an AAAA, both.test both, none.test neither, broken.test makes
// it fail and silent.test makes it silent. There are no other names.
func nameserver(t *testing.T) HostPort {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer := answerTo(buffer[:n]); answer != nil {
				conn.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return HostPort(conn.LocalAddr().String())
}

func answerTo(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	question := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	host := strings.TrimSuffix(question.Name.String(), ".")
	v4, v6 := host == "v4.test" || host == "both.test", host == "v6.test" || host == "both.test"
	header := dnsmessage.ResourceHeader{Name: question.Name, Class: question.Class, TTL: 1}
	switch {
	case host == "silent.test":
		return nil
	case host == "broken.test":
		m.RCode = dnsmessage.RCodeServerFailure
	case !v4 && !v6 && host != "none.test":
		m.RCode = dnsmessage.RCodeNameError
	case v4 && question.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	case v6 && question.Type == dnsmessage.TypeAAAA:
		m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: netip.IPv6Loopback().As16()}}}
	}
	answer, _ := m.Pack()
	return answer
}

func TestResolve(t *testing.T) {
	module := DefaultModule()
	module.Resolver = nameserver(t)
	for _, test := range []struct {
		host   string
		family IPProtocol
		want   []string
		reason Reason
	}{
		{"v4.test", AnyIP, []string{"127.0.0.1"}, ""},
		{"v6.test", AnyIP, []string{"::1"}, ""},
		{"both.test", IPv4, []string{"127.0.0.1"}, ""},
		{"both.test", IPv6, []string{"::1"}, ""},
		{"v4.test", IPv6, nil, ReasonNoAddress},
		{"v6.test", IPv4, nil, ReasonNoAddress},
		{"missing.test", AnyIP, nil, ReasonNXDOMAIN},
		{"missing.test", IPv4, nil, ReasonNXDOMAIN},
		{"broken.test", AnyIP, nil, ReasonDNSFailure},
		{"silent.test", AnyIP, nil, ReasonTimeout},
	} {
		t.Run(test.host+" "+string(test.family), func(t *testing.T) {
			m := module
			m.IPProtocol = test.family
			if test.reason == ReasonTimeout {
				m.Timeout = Duration(200 * time.Millisecond)
			}
			// Nothing listens on the port, so a name that resolves is refused.
			r := newProber(t, m).Probe(context.Background(), target(t, test.host+":1"))
			var got []string
			for _, addr := range r.Addresses {
				got = append(got, addr.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("addresses are %v, want %v", got, test.want)
			}
			phase, reason := PhaseResolve, test.reason
			if reason == "" {
				phase, reason = PhaseConnect, ReasonRefused
			}
			if dns, ok := errors.AsType[*net.DNSError](r.Failure.Err); ok && dns.Server != string(module.Resolver) {
				t.Errorf("the error names %s, and %s was asked", dns.Server, module.Resolver)
			}
			if r.Failure == nil || r.Failure.Phase != phase || r.Failure.Reason != reason {
				t.Errorf("failure is %+v, want %s with %s", r.Failure, phase, reason)
			}
		})
	}
}

func TestResolvedNameIsVerified(t *testing.T) {
	lab := newLab(t)
	module := labModule(t, lab)
	module.Resolver = nameserver(t)
	_, port, _ := net.SplitHostPort(serve(t, lab, tlstest.Server{}))
	r := newProber(t, module).Probe(context.Background(), target(t, "v4.test.:"+port))
	if r.Session == nil || r.Session.ServerName != "v4.test" || !r.Chain.Has(ProblemNameMismatch) {
		t.Errorf("session is %+v, failure %+v", r.Session, r.Failure)
	}
}
