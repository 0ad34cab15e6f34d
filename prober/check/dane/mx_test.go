package dane_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"testing"

	"tls_exporter/prober/check/dane"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// mailHost is a server of SMTP on 127.0.0.1 that has a certificate for each of some names.
func mailHost(t *testing.T, lab *tlstest.Lab, names ...string) (port string, leaves map[string]*x509.Certificate) {
	leaves = make(map[string]*x509.Certificate)
	identities := make(map[string]*tls.Certificate)
	for _, name := range names {
		identity, err := lab.Identity(tlstest.Server{Leaf: func(c *x509.Certificate) { c.DNSNames = []string{name} }})
		if err != nil {
			t.Fatal(err)
		}
		if leaves[name], err = x509.ParseCertificate(identity.Certificate[0]); err != nil {
			t.Fatal(err)
		}
		identities[name] = &identity
	}
	_, port, _ = net.SplitHostPort(labtest.Serve(t, lab, tlstest.Server{StartTLS: "smtp", Config: func(c *tls.Config) {
		c.GetConfigForClient = nil
		c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return identities[hello.ServerName], nil
		}
	}}))
	return port, leaves
}

// The mail servers of a domain, each with its own records and certificate.
func TestMX(t *testing.T) {
	lab := labtest.Lab(t)
	port, leaves := mailHost(t, lab, "mx1.test", "mx2.test", "real.test", "unsigned.test", "half.test")
	right1, right2 := tlsa(3, 1, 1, leaves["mx1.test"]), tlsa(3, 1, 1, leaves["mx2.test"])
	z := zone(t, port, map[string][]string{
		"mx1.test": {right1}, "mx2.test": {right2}, "old.test": {right2}, "bare.test": nil,
		"ca.test": {tlsa(2, 1, 1, lab.Intermediate.Certificate)}, "pkix.test": {tlsa(1, 1, 1, leaves["mx1.test"])},
		"real.test": {tlsa(3, 1, 1, leaves["real.test"])},
	})
	z["old.test"] = z["mx1.test"]
	z["alias.test"] = tlstest.Name{Alias: "real.test", Authenticated: true}
	z["unsigned.test"] = tlstest.Name{Addresses: labtest.Addresses("127.0.0.1")}
	z["_"+port+"._tcp.unsigned.test"] = tlstest.Name{Records: labtest.Records(t, tlsa(3, 1, 1, leaves["unsigned.test"]))}
	z["half.test"] = tlstest.Name{Addresses: labtest.Addresses("127.0.0.1")}
	z["_"+port+"._tcp.half.test"] = tlstest.Name{Records: labtest.Records(t, tlsa(3, 1, 1, leaves["half.test"])), Authenticated: true}
	z["down.test"] = tlstest.Name{Addresses: labtest.Addresses("127.0.0.2"), Authenticated: true}
	z["_"+port+"._tcp.down.test"] = tlstest.Name{Records: labtest.Records(t, right1), Authenticated: true}
	z["broken.test"] = tlstest.Name{Addresses: labtest.Addresses("127.0.0.1"), Authenticated: true}
	z["_"+port+"._tcp.broken.test"] = tlstest.Name{Records: labtest.Records(t, right1), Authenticated: true, Bogus: true}
	for name, test := range map[string]struct {
		mx       []string
		insecure bool
		want     string // the hosts, and the results
	}{
		"both match":                    {[]string{"20 mx2.test.", "10 MX1.test."}, false, "mx1.test mx2.test: match match true"},
		"one has the record of another": {[]string{"10 old.test.", "20 mx2.test."}, false, "old.test mx2.test: mismatch match false"},
		"one has no records":            {[]string{"10 mx1.test.", "20 bare.test."}, false, "mx1.test bare.test: match true"},
		"none has records":              {[]string{"10 bare.test."}, false, "bare.test: "},
		"one does not answer":           {[]string{"10 mx1.test.", "20 down.test."}, false, "mx1.test down.test: match unknown refused"},
		"one is wrong, one is silent":   {[]string{"10 down.test.", "20 old.test."}, false, "down.test old.test: unknown refused mismatch false"},
		"one with broken DNSSEC":        {[]string{"10 mx1.test.", "20 broken.test."}, false, "mx1.test broken.test: match dnssec_bogus"},
		"unsigned":                      {[]string{"10 mx1.test."}, true, "mx1.test: match insecure"},
		"at an unsigned host":           {[]string{"10 unsigned.test."}, false, "unsigned.test: match insecure"},
		"at an unsigned address":        {[]string{"10 half.test."}, false, "half.test: match insecure"},
		"an alias":                      {[]string{"10 alias.test."}, false, "alias.test: match true"},
		"PKIX is not for mail":          {[]string{"10 pkix.test."}, false, "pkix.test: unusable"},
		"no mail":                       {[]string{"0 ."}, false, ": "},
		"at most five":                  {[]string{"1 a.test.", "2 b.test.", "3 c.test.", "4 d.test.", "5 e.test.", "6 mx1.test."}, false, "a.test b.test c.test d.test e.test: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z := clone(z)
			var records []string
			for _, mx := range test.mx {
				records = append(records, "MX "+mx)
			}
			z["domain.test"] = tlstest.Name{Records: labtest.Records(t, records...), Authenticated: !test.insecure}
			r := proberOf(t, lab, z, dane.Options{MX: true}).Probe(t.Context(), probetest.Target(t, "smtp://domain.test:"+port))
			found := r.DANE.Finding
			if found == nil {
				t.Fatalf("no finding: %+v", r.Outcomes)
			}
			var hosts []string
			for _, s := range found.Services {
				hosts = append(hosts, s.Host)
			}
			if got := strings.Join(hosts, " ") + ": " + results(r); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if found.Domain.NoMail != (name == "no mail") || found.Domain.Hosts != max(len(test.mx), 1) && name != "no mail" {
				t.Errorf("the domain is %+v", found.Domain)
			}
		})
	}
}

func clone(z tlstest.Zone) tlstest.Zone {
	all := make(tlstest.Zone)
	for name, data := range z {
		all[name] = data
	}
	return all
}

// A domain without MX records is its own mail server, and one whose MX records cannot be
// asked for is a failure.
func TestMXLookup(t *testing.T) {
	lab := labtest.Lab(t)
	port, leaves := mailHost(t, lab, "domain.test")
	z := zone(t, port, map[string][]string{"domain.test": {tlsa(3, 1, 1, leaves["domain.test"])}})
	z["bogus.test"] = tlstest.Name{Records: labtest.Records(t, "MX 1 domain.test."), Bogus: true}
	p := proberOf(t, lab, z, dane.Options{MX: true})
	for _, test := range []struct{ target, want string }{
		{"domain.test", "match true"},
		{"bogus.test", "dnssec_bogus"},
	} {
		r := p.Probe(t.Context(), probetest.Target(t, fmt.Sprintf("smtp://%s:%s", test.target, port)))
		if got := results(r); got != test.want {
			t.Errorf("%s: got %s, want %s", test.target, got, test.want)
		}
	}
}

// The probe itself goes to the most preferred mail server, by its name.
func TestProbeOfMailDomain(t *testing.T) {
	lab := labtest.Lab(t)
	port, _ := mailHost(t, lab, "mx1.test", "other.test")
	z := zone(t, port, map[string][]string{"mx1.test": nil, "alone.test": nil})
	z["domain.test"] = tlstest.Name{Records: labtest.Records(t, "MX 20 mx2.test.", "MX 10 mx1.test.")} // and no address
	z["nomail.test"] = tlstest.Name{Records: labtest.Records(t, "MX 0 .")}
	z["bogus.test"] = tlstest.Name{Records: labtest.Records(t, "MX 1 mx1.test."), Bogus: true}
	z["address.test"] = tlstest.Name{Records: labtest.Records(t, "MX 1 127.0.0.1.")}
	p := proberOf(t, lab, z, dane.Options{MX: true})
	for _, test := range []struct {
		host, name string
		reason     failure.Reason // of the phase resolve
	}{
		{"domain.test", "mx1.test", ""},
		{"domain.test.", "mx1.test", ""},
		{"alone.test", "alone.test", ""},
		{"nomail.test", "", failure.ReasonNoAddress},
		{"bogus.test", "", failure.ReasonDNSSECBogus},
		{"missing.test", "", failure.ReasonNXDOMAIN},
		{"address.test", "", failure.ReasonNoAddress},
	} {
		r := p.Probe(t.Context(), probetest.Target(t, "smtp://"+test.host+":"+port))
		if r.Target.Host != test.host || len(r.Phases) == 0 || r.Phases[0].Phase != failure.PhaseResolve || len(r.Phases) > 1 && r.Phases[1].Phase == failure.PhaseResolve {
			t.Errorf("%s: the target is %v, phases %v", test.host, r.Target, r.Phases)
		}
		switch {
		case test.reason != "" && (r.Failure == nil || r.Failure.Phase != failure.PhaseResolve || r.Failure.Reason != test.reason):
			t.Errorf("%s: the failure is %+v, want %s", test.host, r.Failure, test.reason)
		case test.reason == "" && (r.Session == nil || r.Session.ServerName != test.name):
			t.Errorf("%s: the session is %+v, failure %v", test.host, r.Session, r.Failure)
		}
	}
}

// The reference names of a chain to a trust anchor are those of the mail server and of the
// domain (RFC 7672 section 3.2.2).
func TestNamesOfMailServers(t *testing.T) {
	lab := labtest.Lab(t)
	for certified, want := range map[string]string{"mx.test": "match true", "domain.test": "match true", "other.test": "invalid false"} {
		_, port, _ := net.SplitHostPort(labtest.Serve(t, lab, tlstest.Server{StartTLS: "smtp", Leaf: func(c *x509.Certificate) { c.DNSNames = []string{certified} }}))
		z := zone(t, port, map[string][]string{"mx.test": {tlsa(2, 1, 1, lab.Intermediate.Certificate)}})
		z["domain.test"] = tlstest.Name{Records: labtest.Records(t, "MX 1 mx.test."), Authenticated: true}
		r := proberOf(t, lab, z, dane.Options{MX: true}).Probe(t.Context(), probetest.Target(t, "smtp://domain.test:"+port))
		if got := results(r); got != want {
			t.Errorf("%s: got %s, want %s", certified, got, want)
		}
	}
}
