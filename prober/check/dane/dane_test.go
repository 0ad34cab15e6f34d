package dane_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/check/dane"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// content is the data of a record of a certificate.
func content(c *x509.Certificate, selector, matching int) []byte {
	data := c.Raw
	if selector == 1 {
		data = c.RawSubjectPublicKeyInfo
	}
	switch matching {
	case 1:
		sum := sha256.Sum256(data)
		return sum[:]
	case 2:
		sum := sha512.Sum512(data)
		return sum[:]
	}
	return data
}

// tlsa is a record as zone files have it.
func tlsa(usage, selector, matching int, c *x509.Certificate) string {
	return fmt.Sprintf("TLSA %d %d %d %x", usage, selector, matching, content(c, selector, matching))
}

// server is a server of the lab and the certificates that it presents.
type server struct {
	port  string
	chain []*x509.Certificate
}

// start starts a server whose certificate is for *.a.test, unless s changes that.
func start(t *testing.T, lab *tlstest.Lab, s tlstest.Server) *server {
	var made server
	change, raw := s.Leaf, s.RawChain
	s.Leaf = func(c *x509.Certificate) {
		c.DNSNames = []string{"*.a.test"}
		if change != nil {
			change(c)
		}
	}
	s.RawChain = func(chain [][]byte) [][]byte {
		if raw != nil {
			chain = raw(chain)
		}
		for _, der := range chain {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			made.chain = append(made.chain, c)
		}
		return chain
	}
	_, made.port, _ = net.SplitHostPort(labtest.Serve(t, lab, s))
	return &made
}

// zone is the names of services at a port, each on this machine and with its records, and
// proven.
func zone(t *testing.T, port string, services map[string][]string) tlstest.Zone {
	z := make(tlstest.Zone)
	for host, records := range services {
		z[host] = tlstest.Name{Addresses: labtest.Addresses("127.0.0.1"), Authenticated: true}
		z["_"+port+"._tcp."+host] = tlstest.Name{Records: labtest.Records(t, records...), Authenticated: true}
	}
	return z
}

// prober that asks a DNS server with the zone.
func proberOf(t *testing.T, lab *tlstest.Lab, z tlstest.Zone, options dane.Options) *prober.Prober {
	m := probetest.Module(t, lab)
	m.Resolver, m.DANE.Options = labtest.DNS(t, lab, z), &options
	return probetest.New(t, m)
}

// results are the results of the records, and whether they match; "" if that is not known.
func results(r *prober.Result) string {
	found := r.DANE.Finding
	if found == nil {
		for _, outcome := range r.Outcomes {
			return string(outcome.Failure.Reason)
		}
	}
	var words []string
	for _, s := range found.Services {
		for _, record := range s.Records {
			words = append(words, string(record.Result))
		}
		if s.Failure != nil {
			words = append(words, string(s.Failure.Reason))
		}
	}
	if secure, known := found.Secure(); known && !secure {
		words = append(words, "insecure")
	}
	if match, known := found.Match(); known {
		words = append(words, fmt.Sprint(match))
	}
	return strings.Join(words, " ")
}

// Every usage, selector and matching type, each with a record that matches, one of another
// certificate, and one that is malformed.
func TestUsages(t *testing.T) {
	lab := labtest.Lab(t)
	s := start(t, lab, tlstest.Server{})
	other := start(t, lab, tlstest.Server{Issuer: issuer(t, lab)})
	services, want := make(map[string][]string), make(map[string]string)
	for usage := range 4 {
		of := 1 // the position of the certificate that the record is about
		if usage&1 == 1 {
			of = 0
		}
		for selector := range 2 {
			for matching := range 3 {
				add := func(result, record, expected string) {
					host := fmt.Sprintf("%d%d%d-%s.a.test", usage, selector, matching, result)
					services[host], want[host] = []string{record}, expected
				}
				right := tlsa(usage, selector, matching, s.chain[of])
				add("match", right, "match true")
				add("mismatch", tlsa(usage, selector, matching, other.chain[of]), "mismatch false")
				add("malformed", right[:len(right)-2], "unusable")
			}
		}
	}
	p := proberOf(t, lab, zone(t, s.port, services), dane.Options{})
	for host := range services {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			r := p.Probe(t.Context(), probetest.Target(t, host+":"+s.port))
			if got := results(r); got != want[host] {
				t.Errorf("got %s, want %s: %+v", got, want[host], r.DANE.Finding)
			}
			if !r.Success() {
				t.Errorf("the probe failed: %v", r.Failure)
			}
		})
	}
}

func issuer(t *testing.T, lab *tlstest.Lab) *tlstest.CA {
	ca, err := lab.Root.Intermediate("Other")
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// What each usage demands of names, dates and roots (RFC 7671 section 5).
func TestDemands(t *testing.T) {
	lab := labtest.Lab(t)
	untrusted, err := tlstest.NewRoot("Private")
	if err != nil {
		t.Fatal(err)
	}
	withRoot := func(leaf *x509.Certificate) []*x509.Certificate {
		return []*x509.Certificate{leaf, untrusted.Certificate}
	}
	const ca, leaf = 1, 0
	for _, test := range []struct {
		name   string
		server tlstest.Server
		want   [4]string // for a record of each usage, of the issuer or of the leaf
	}{
		{"good", tlstest.Server{}, [4]string{"match true", "match true", "match true", "match true"}},
		{"expired", tlstest.Server{Leaf: func(c *x509.Certificate) { c.NotAfter = labtest.Now.Add(-labtest.Day) }},
			[4]string{"invalid false", "invalid false", "invalid false", "match true"}},
		{"of another name", tlstest.Server{Leaf: func(c *x509.Certificate) { c.DNSNames = []string{"other.test"} }},
			[4]string{"invalid false", "invalid false", "invalid false", "match true"}},
		{"of a private CA", tlstest.Server{Issuer: untrusted, Chain: withRoot},
			[4]string{"invalid false", "invalid false", "match true", "match true"}},
		{"with the wrong intermediate", tlstest.Server{Chain: func(leaf *x509.Certificate) []*x509.Certificate {
			return []*x509.Certificate{leaf, untrusted.Certificate}
		}}, [4]string{"invalid false", "invalid false", "invalid false", "match true"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, lab, test.server)
			services := make(map[string][]string)
			for usage := range 4 {
				of := ca
				if usage&1 == 1 {
					of = leaf
				}
				services[fmt.Sprintf("u%d.a.test", usage)] = []string{tlsa(usage, 1, 1, s.chain[of])}
			}
			p := proberOf(t, lab, zone(t, s.port, services), dane.Options{})
			for usage, want := range test.want {
				r := p.Probe(t.Context(), probetest.Target(t, fmt.Sprintf("u%d.a.test:%s", usage, s.port)))
				if got := results(r); got != want {
					t.Errorf("usage %d: got %s, want %s; %+v", usage, got, want, r.DANE.Finding.Services[0].Records)
				}
			}
		})
	}
}

// Sets of records.
func TestSets(t *testing.T) {
	lab := labtest.Lab(t)
	s := start(t, lab, tlstest.Server{})
	other := start(t, lab, tlstest.Server{})
	leaf, ca, root := s.chain[0], s.chain[1], lab.Root.Certificate
	for name, test := range map[string]struct {
		records []string
		want    string
	}{
		"rollover":                      {[]string{tlsa(3, 1, 1, other.chain[0]), tlsa(3, 1, 1, leaf)}, "mismatch match true"},
		"after a rollover":              {[]string{tlsa(3, 1, 1, other.chain[0])}, "mismatch false"},
		"unusable beside a match":       {[]string{"TLSA 7 1 1 00", tlsa(3, 1, 1, leaf)}, "unusable match true"},
		"unusable beside a mismatch":    {[]string{"TLSA 3 1 9 00", tlsa(3, 1, 1, other.chain[0])}, "unusable mismatch false"},
		"none":                          {nil, ""},
		"only unusable":                 {[]string{"TLSA 255 255 255 00", "TLSA 3 2 1 00"}, "unusable unusable"},
		"the strongest digest counts":   {[]string{tlsa(3, 1, 1, leaf), tlsa(3, 1, 2, other.chain[0])}, "match mismatch false"},
		"of each selector":              {[]string{tlsa(3, 0, 1, leaf), tlsa(3, 1, 2, other.chain[0])}, "match mismatch true"},
		"an unusable digest is none":    {[]string{tlsa(3, 1, 1, leaf), "TLSA 3 1 2 00"}, "match unusable true"},
		"full beside a digest":          {[]string{tlsa(3, 1, 0, leaf), tlsa(3, 1, 2, other.chain[0])}, "match mismatch true"},
		"the root, not sent, PKIX":      {[]string{tlsa(0, 0, 1, root)}, "match true"},
		"the root, not sent, in digest": {[]string{tlsa(2, 0, 1, root)}, "mismatch false"},
		"the root, not sent, in full":   {[]string{tlsa(2, 0, 0, root)}, "match true"},
		"its key, not sent":             {[]string{tlsa(2, 1, 0, root)}, "match true"},
		"a key that signed nothing":     {[]string{tlsa(2, 1, 0, other.chain[0])}, "mismatch false"},
		"the leaf as an anchor":         {[]string{tlsa(2, 0, 1, leaf)}, "mismatch false"},
		"the CA as the leaf":            {[]string{tlsa(3, 0, 1, ca), tlsa(1, 0, 1, ca)}, "mismatch mismatch false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := proberOf(t, lab, zone(t, s.port, map[string][]string{"x.a.test": test.records}), dane.Options{})
			r := p.Probe(t.Context(), probetest.Target(t, "x.a.test:"+s.port))
			if got := results(r); got != test.want {
				t.Errorf("got %q, want %q: %+v", got, test.want, r.DANE.Finding.Services[0].Records)
			}
		})
	}
}

// What the DNS says, and where the records are looked for.
func TestDNS(t *testing.T) {
	lab := labtest.Lab(t)
	s := start(t, lab, tlstest.Server{})
	right := labtest.Records(t, tlsa(3, 1, 1, s.chain[0]))
	local := labtest.Addresses("127.0.0.1")
	at := func(host string) string { return "_" + s.port + "._tcp." + host }
	z := tlstest.Zone{
		"insecure.a.test":          {Addresses: local},
		at("insecure.a.test"):      {Records: right},
		"address.a.test":           {Addresses: local},
		at("address.a.test"):       {Records: right, Authenticated: true},
		"bogus.a.test":             {Addresses: local, Authenticated: true},
		at("bogus.a.test"):         {Records: right, Bogus: true},
		"servfail.a.test":          {Addresses: local},
		at("servfail.a.test"):      {RCode: 2},
		"nxdomain.a.test":          {Addresses: local},
		"alias.a.test":             {Alias: "end.a.test", Authenticated: true},
		"end.a.test":               {Addresses: local, Authenticated: true},
		at("end.a.test"):           {Records: right, Authenticated: true},
		"own.a.test":               {Alias: "bare.a.test", Authenticated: true},
		"bare.a.test":              {Addresses: local, Authenticated: true},
		at("own.a.test"):           {Records: right, Authenticated: true},
		"insecurealias.a.test":     {Alias: "end.a.test"},
		"aliasedrecord.a.test":     {Addresses: local, Authenticated: true},
		at("aliasedrecord.a.test"): {Alias: at("end.a.test"), Authenticated: true},
		"down.a.test":              {Addresses: labtest.Addresses("127.0.0.1"), Authenticated: true},
		"_1._tcp.down.a.test":      {Records: right, Authenticated: true},
	}
	p := proberOf(t, lab, z, dane.Options{MX: true}) // mx is for smtp alone
	for _, test := range []struct{ target, want, host string }{
		{"insecure.a.test:" + s.port, "match insecure", at("insecure.a.test")},
		{"address.a.test:" + s.port, "match true", at("address.a.test")},
		{"bogus.a.test:" + s.port, "dnssec_bogus", ""},
		{"servfail.a.test:" + s.port, "dns_failure", ""},
		{"nxdomain.a.test:" + s.port, "", at("nxdomain.a.test")},
		{"alias.a.test:" + s.port, "match true", at("end.a.test")},
		{"own.a.test:" + s.port, "match true", at("own.a.test")},
		{"insecurealias.a.test:" + s.port, "", at("insecurealias.a.test")},
		{"aliasedrecord.a.test:" + s.port, "match true", at("aliasedrecord.a.test")},
		{"Alias.a.test.:" + s.port, "match true", at("end.a.test")},
		{"down.a.test:1", "unknown refused", "_1._tcp.down.a.test"},
		{"127.0.0.1:" + s.port, "", ""},
	} {
		t.Run(test.target, func(t *testing.T) {
			t.Parallel()
			r := p.Probe(t.Context(), probetest.Target(t, test.target))
			if got := results(r); got != test.want {
				t.Errorf("got %q, want %q: %+v", got, test.want, r.Outcomes)
			}
			if found := r.DANE.Finding; found != nil && len(found.Services) > 0 && found.Services[0].Name != test.host {
				t.Errorf("the records are those of %s, want %s", found.Services[0].Name, test.host)
			}
		})
	}
}

// A server that has another certificate for the name that its alias ends at is compared
// with that one.
func TestNameOfAlias(t *testing.T) {
	lab := labtest.Lab(t)
	named := func(name string) tlstest.Server {
		return tlstest.Server{Leaf: func(c *x509.Certificate) { c.DNSNames = []string{name} }}
	}
	end, err := lab.Identity(named("end.test"))
	if err != nil {
		t.Fatal(err)
	}
	s := named("alias.test")
	s.Config = func(c *tls.Config) {
		c.GetConfigForClient = nil
		c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName == "end.test" {
				return &end, nil
			}
			return nil, nil
		}
	}
	_, port, _ := net.SplitHostPort(labtest.Serve(t, lab, s))
	leaf, err := x509.ParseCertificate(end.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	z := zone(t, port, map[string][]string{"end.test": {tlsa(2, 1, 1, lab.Intermediate.Certificate), tlsa(3, 1, 1, leaf), tlsa(1, 1, 1, leaf)}})
	z["alias.test"] = tlstest.Name{Alias: "end.test", Authenticated: true}
	r := proberOf(t, lab, z, dane.Options{}).Probe(t.Context(), probetest.Target(t, "alias.test:"+port))
	if got, want := results(r), "match match match true"; got != want || !r.Success() {
		t.Errorf("got %q, want %q: %v", got, want, r.Failure)
	}
}
