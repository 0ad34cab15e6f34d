package records

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

func client(t *testing.T, zone tlstest.Zone) *Client {
	resolver := labtest.DNS(t, labtest.Lab(t), zone)
	return New(guard.New(guard.Policy{}, new(guard.Listeners)), string(resolver), false)
}

func within(t testing.TB, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// show is an answer or an error in words.
func show[R any](answer *Answer[R], err error) string {
	if err != nil {
		return string(failure.Of(err))
	}
	return fmt.Sprintf("%s exists=%t authenticated=%t %+v", answer.Name, answer.Exists, answer.Authenticated, answer.Records)
}

func TestTypes(t *testing.T) {
	ctx := within(t, time.Minute)
	c := client(t, tlstest.Zone{
		"_443._tcp.a.test": {Authenticated: true, Records: labtest.Records(t, "TLSA 3 1 1 0badc0de", "TLSA 255 254 253 00")},
		"a.test": {
			Addresses: labtest.Addresses("127.0.0.1", "::1"),
			Records: labtest.Records(t, "MX 10 Mail.a.test.", "MX 20 mail.b.test.", `CAA 128 issue "ca.test; a=b"`,
				`HTTPS 1 . alpn=h2,h3 port=8443 ipv4hint=127.0.0.1 ipv6hint=::1 ech=AQID no-default-alpn mandatory=alpn,port key65000=x`,
				"HTTPS 0 Other.test.", "SVCB 2 b.test."),
		},
		"nomail.test": {Records: labtest.Records(t, "MX 0 .")},
	})
	for _, test := range []struct{ got, want string }{
		{show(c.TLSA(ctx, "_443._TCP.a.test")), "_443._tcp.a.test exists=true authenticated=true [{Usage:3 Selector:1 Matching:1 Data:[11 173 192 222]} {Usage:255 Selector:254 Matching:253 Data:[0]}]"},
		{show(c.TLSA(ctx, "a.test")), "a.test exists=true authenticated=false []"},
		{show(c.MX(ctx, "a.test.")), "a.test exists=true authenticated=false [{Preference:10 Host:mail.a.test} {Preference:20 Host:mail.b.test}]"},
		{show(c.MX(ctx, "nomail.test")), "nomail.test exists=true authenticated=false [{Preference:0 Host:}]"},
		{show(c.CAA(ctx, "a.test")), "a.test exists=true authenticated=false [{Flags:128 Tag:issue Value:ca.test; a=b}]"},
		{show(c.HTTPS(ctx, "a.test")), "a.test exists=true authenticated=false [" +
			"{Priority:1 Target: ALPN:[h2 h3] NoDefaultALPN:true Port:8443 Hints:[127.0.0.1 ::1] ECH:[1 2 3] Mandatory:[1 3] Other:[65000]} " +
			"{Priority:0 Target:other.test ALPN:[] NoDefaultALPN:false Port:0 Hints:[] ECH:[] Mandatory:[] Other:[]}]"},
		{show(c.SVCB(ctx, "a.test")), "a.test exists=true authenticated=false [{Priority:2 Target:b.test ALPN:[] NoDefaultALPN:false Port:0 Hints:[] ECH:[] Mandatory:[] Other:[]}]"},
		{show(c.IPv4(ctx, "a.test")), "a.test exists=true authenticated=false [127.0.0.1]"},
		{show(c.IPv6(ctx, "a.test")), "a.test exists=true authenticated=false [::1]"},
	} {
		if test.got != test.want {
			t.Errorf("got  %s\nwant %s", test.got, test.want)
		}
	}
}

// What is proven, what is not there and what is not known are three things.
func TestOutcomes(t *testing.T) {
	some := labtest.Records(t, "MX 1 m.test.")
	c := client(t, tlstest.Zone{
		"secure.test":           {Records: some, Authenticated: true},
		"insecure.test":         {Records: some},
		"none.test":             {},
		"provennone.test":       {Authenticated: true},
		"provenmissing.test":    {RCode: dns.RcodeNameError, Authenticated: true},
		"alias.test":            {Alias: "secure.test", Authenticated: true},
		"insecurealias.test":    {Alias: "secure.test"},
		"aliastoinsecure.test":  {Alias: "insecure.test", Authenticated: true},
		"missingalias.test":     {Alias: "missing.test"},
		"loop.test":             {Alias: "loop.test"},
		"bogus.test":            {Records: some, Bogus: true},
		"servfail.test":         {RCode: dns.RcodeServerFailure},
		"refused.test":          {RCode: dns.RcodeRefused},
		"silent.test":           {Alter: func([]byte, bool) []byte { return nil }},
		"most.test":             {Records: slices.Repeat(some, MaxRecords)},
		"toomany.test":          {Records: slices.Repeat(some, MaxRecords+1)},
		"malformed.test":        {Records: []tlstest.Record{{Type: dns.TypeMX}}},
		"cut.test":              {Records: []tlstest.Record{{Type: dns.TypeMX, Data: []byte{0, 1}}}},
		"othername.test":        {Records: some, Alter: labtest.Altered(func(m *dns.Msg, _ bool) { m.Answer[0].Header().Name = "x.test." })},
		"allowsnorecursion.net": {Alter: labtest.Altered(func(m *dns.Msg, _ bool) { m.RecursionAvailable = false })},
	})
	for _, test := range []struct{ name, want string }{
		{"secure.test", "secure.test exists=true authenticated=true 1"},
		{"insecure.test", "insecure.test exists=true authenticated=false 1"},
		{"none.test", "none.test exists=true authenticated=false 0"},
		{"provennone.test", "provennone.test exists=true authenticated=true 0"},
		{"missing.test", "missing.test exists=false authenticated=false 0"},
		{"provenmissing.test", "provenmissing.test exists=false authenticated=true 0"},
		{"alias.test", "secure.test exists=true authenticated=true 1"},
		{"insecurealias.test", "secure.test exists=true authenticated=false 1"},
		{"aliastoinsecure.test", "insecure.test exists=true authenticated=false 1"},
		{"missingalias.test", "missing.test exists=false authenticated=false 0"},
		{"loop.test", "loop.test exists=true authenticated=false 0"},
		{"bogus.test", "dnssec_bogus"},
		{"servfail.test", "dns_failure"},
		{"refused.test", "dns_failure"},
		{"silent.test", "timeout"},
		{"most.test", "most.test exists=true authenticated=false 64"},
		{"toomany.test", "too_large"},
		{"malformed.test", "dns_failure"},
		{"cut.test", "dns_failure"},
		{"othername.test", "othername.test exists=true authenticated=false 0"},
		{"allowsnorecursion.net", "dns_failure"},
	} {
		limit := time.Minute
		if test.want == "timeout" {
			limit = 200 * time.Millisecond
		}
		answer, err := c.MX(within(t, limit), test.name)
		got := string(reason(err))
		if err == nil {
			got = fmt.Sprintf("%s exists=%t authenticated=%t %d", answer.Name, answer.Exists, answer.Authenticated, len(answer.Records))
		}
		if got != test.want {
			t.Errorf("%s: got %s, %v; want %s", test.name, got, err, test.want)
		}
	}
}

func reason(err error) failure.Reason {
	if err == nil {
		return ""
	}
	return failure.Of(err)
}

// The AD bit counts if it comes from this machine, or the owner trusts the way.
func TestTrust(t *testing.T) {
	lab := labtest.Lab(t)
	local := string(labtest.DNS(t, lab, tlstest.Zone{"a.test": {Authenticated: true}}))
	docker := relay(t, "127.0.0.11:0", local)
	for _, test := range []struct {
		server  string
		vouched bool
		want    bool
	}{
		{local, false, true},
		{docker, false, false},
		{docker, true, true},
	} {
		c := New(guard.New(guard.Policy{}, new(guard.Listeners)), test.server, test.vouched)
		answer, err := c.MX(within(t, time.Minute), "a.test")
		if err != nil || answer.Trusted != test.want || answer.Authenticated != test.want {
			t.Errorf("%s, vouched %t: got %+v, %v; want %t", test.server, test.vouched, answer, err, test.want)
		}
	}
	for server, want := range map[string]bool{
		"127.0.0.53:53": true, "[::1]:53": true, "[::ffff:127.0.0.1]:53": true,
		"127.0.0.11:53": false, "[::ffff:127.0.0.11]:53": false, "192.0.2.1:53": false, "[fe80::1%eth0]:53": false, "localhost:53": false,
	} {
		if validatesHere(server) != want {
			t.Errorf("%s: trusted is %t", server, !want)
		}
	}
}

// relay forwards queries that arrive over UDP at an address to a server.
func relay(t *testing.T, at, server string) string {
	conn, err := net.ListenPacket("udp", at)
	if err != nil {
		t.Skip(err) // systems other than Linux have only 127.0.0.1
	}
	forward := dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		if answer, err := dns.Exchange(query, server); err == nil {
			w.WriteMsg(answer)
		}
	})
	s := &dns.Server{PacketConn: conn, Handler: forward}
	done := make(chan error)
	go func() { done <- s.ActivateAndServe() }()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}

// The servers of the system are asked in their order, until one answers or says that
// DNSSEC is broken.
func TestServersOfTheSystem(t *testing.T) {
	lab := labtest.Lab(t)
	serve := func(name tlstest.Name) string { return string(labtest.DNS(t, lab, tlstest.Zone{"a.test": name})) }
	has := func(host string) tlstest.Name { return tlstest.Name{Records: labtest.Records(t, "MX 1 "+host)} }
	first, second := serve(has("first.")), serve(has("second."))
	refused, failed := serve(tlstest.Name{RCode: dns.RcodeRefused}), serve(tlstest.Name{RCode: dns.RcodeServerFailure})
	bogus := serve(tlstest.Name{Bogus: true})
	silent := serve(tlstest.Name{Alter: func([]byte, bool) []byte { return nil }})
	missing := string(labtest.DNS(t, lab, tlstest.Zone{}))
	for _, test := range []struct {
		servers []string
		want    string
	}{
		{[]string{first, second}, "[{1 first}]"},
		{[]string{refused, first}, "[{1 first}]"},
		{[]string{failed, silent, second}, "[{1 second}]"},
		{[]string{missing, second}, "[]"},
		{[]string{bogus, first}, "dnssec_bogus"},
		{[]string{refused, failed}, "dns_failure"},
		{[]string{silent}, "timeout"},
	} {
		c := New(guard.New(guard.Policy{}, new(guard.Listeners)), "", false)
		c.system = func() ([]string, time.Duration, error) { return test.servers, 50 * time.Millisecond, nil }
		answer, err := c.MX(within(t, 2*time.Second), "a.test")
		got := string(reason(err))
		if err == nil {
			got = fmt.Sprint(answer.Records)
		}
		if got != test.want {
			t.Errorf("%v: got %s, %v; want %s", test.servers, got, err, test.want)
		}
	}
}
