package httpsrecord_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tls_exporter/prober"
	httpsrecord "tls_exporter/prober/check/https_record"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// show is what the check found in a probe, or why it failed.
func show(r *prober.Result) string {
	for _, done := range r.Outcomes {
		if done.Name == "https_record" && done.Failure != nil {
			return string(done.Failure.Reason)
		}
	}
	found := r.HTTPSRecord.Finding
	words := []string{string(found.State)}
	for _, record := range found.Records {
		word := fmt.Sprintf("%d %s", record.Priority, record.Target)
		if record.ALPN != "" {
			word += " " + record.ALPN
		}
		if record.Unusable != "" {
			word += " (" + record.Unusable + ")"
		}
		words = append(words, word)
	}
	if found.More > 0 {
		words = append(words, fmt.Sprintf("and %d more", found.More))
	}
	for _, service := range found.Services {
		for _, p := range service.Protocols {
			words = append(words, strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", service.Host, p.Name, p.Answer, p.Detail)))
		}
	}
	if match, known := found.ALPNMatch(); known {
		words = append(words, fmt.Sprintf("match=%t", match))
	}
	if found.ECH != nil {
		words = append(words, strings.TrimSpace(fmt.Sprintf("ECH %s %s", found.ECH.Outcome, found.ECH.PublicName)))
	}
	return strings.Join(words, "; ")
}

// serve starts a server for any name below test.
func serve(t *testing.T, lab *tlstest.Lab, config func(*tls.Config)) (port string) {
	t.Helper()
	addr := labtest.Serve(t, lab, tlstest.Server{Config: config, Leaf: func(c *x509.Certificate) { c.DNSNames = []string{"a.test", "public.test"} }})
	_, port, _ = strings.Cut(addr, ":")
	return port
}

// only returns a configuration with these protocols. It rejects clients that offer none of
// them.
func only(protocols ...string) func(*tls.Config) {
	return func(c *tls.Config) { c.NextProtos, c.GetConfigForClient = protocols, nil }
}

func TestFind(t *testing.T) {
	lab := labtest.Lab(t)
	both, http1, none := serve(t, lab, nil), serve(t, lab, only("http/1.1")), serve(t, lab, only())
	closed := labtest.Serve(t, lab, tlstest.Server{Refuse: true})
	_, closed, _ = strings.Cut(closed, ":")
	var many []string
	for i := range httpsrecord.MaxRecords + 2 {
		many = append(many, fmt.Sprintf("HTTPS %d . alpn=h3 no-default-alpn", i+1))
	}
	for _, test := range []struct {
		name    string
		port    string
		records []string // of the name with the port
		others  tlstest.Zone
		want    string // with {port} for the port
	}{
		{"no records", both, nil, nil, "none"},
		{"what is served", both, []string{"HTTPS 1 a.test. alpn=h2"}, nil, "found; 1 a.test h2; a.test: h2 selected; a.test: http/1.1 selected; match=true"},
		{"the default protocol", both, []string{"HTTPS 1 a.test."}, nil, "found; 1 a.test; a.test: http/1.1 selected; match=true"},
		{"no default protocol", both, []string{"HTTPS 1 a.test. alpn=h2 no-default-alpn"}, nil, "found; 1 a.test h2; a.test: h2 selected; match=true"},
		{"the owner of the record, with an address", both, []string{"HTTPS 1 . alpn=h2"}, nil, "found; 1 _{port}._https.a.test h2; a.test: h2 selected; a.test: http/1.1 selected; match=true"},
		{"a protocol over QUIC alone", both, []string{"HTTPS 1 a.test. alpn=h3 no-default-alpn"}, nil, "found; 1 a.test h3"},
		{"a server without HTTP/2", http1, []string{"HTTPS 1 a.test. alpn=h2"}, nil, "found; 1 a.test h2; a.test: h2 not_selected rejected; a.test: http/1.1 selected; match=false"},
		{"a server without ALPN", none, []string{"HTTPS 1 a.test. alpn=h2"}, nil, "found; 1 a.test h2; a.test: h2 not_selected none selected; a.test: http/1.1 selected; match=false"},
		{"another port", both, []string{"HTTPS 1 a.test. port=" + http1}, nil, "found; 1 a.test; a.test: http/1.1 selected; match=true"},
		{"another port with another protocol", both, []string{"HTTPS 1 a.test. alpn=h2 port=" + http1}, nil, "found; 1 a.test h2; a.test: h2 not_selected rejected; a.test: http/1.1 selected; match=false"},
		{"a port where nothing answers", both, []string{"HTTPS 1 a.test. alpn=h2 port=" + closed}, nil, "found; 1 a.test h2; a.test: h2 no_answer; a.test: http/1.1 no_answer"},
		{"another host", both, []string{"HTTPS 1 b.test. alpn=h2"}, tlstest.Zone{"b.test": {Addresses: labtest.Addresses("127.0.0.1")}}, "found; 1 b.test h2; b.test: h2 selected; b.test: http/1.1 selected; match=true"},
		{"another host that does not exist", both, []string{"HTTPS 1 b.test. alpn=h2"}, nil, "found; 1 b.test h2; b.test: h2 no_answer; b.test: http/1.1 no_answer"},
		{"a host that is an address", both, []string{"HTTPS 1 127.0.0.1. alpn=h2"}, nil, "found; 1 127.0.0.1 h2; 127.0.0.1: h2 no_answer; 127.0.0.1: http/1.1 no_answer"},
		{"several, by priority", both, []string{"HTTPS 3 c.test. alpn=h3 no-default-alpn", "HTTPS 1 a.test. alpn=h2"}, nil, "found; 1 a.test h2; 3 c.test h3; a.test: h2 selected; a.test: http/1.1 selected; match=true"},
		{"more than are shown", both, many, nil, "found; 1 _{port}._https.a.test h3; 2 _{port}._https.a.test h3; 3 _{port}._https.a.test h3; 4 _{port}._https.a.test h3; 5 _{port}._https.a.test h3; 6 _{port}._https.a.test h3; 7 _{port}._https.a.test h3; 8 _{port}._https.a.test h3; and 2 more"},
		{"an unknown parameter", both, []string{"HTTPS 1 a.test. key65000=x"}, nil, "found; 1 a.test; a.test: http/1.1 selected; match=true"},
		{"a mandatory parameter", both, []string{"HTTPS 1 a.test. alpn=h2 mandatory=alpn"}, nil, "found; 1 a.test h2; a.test: h2 selected; a.test: http/1.1 selected; match=true"},
		{"an unknown mandatory parameter", both, []string{"HTTPS 1 a.test. key65000=x mandatory=key65000"}, nil, "found; 1 a.test (it requires the parameter key65000, which is not known here)"},
		{"an unknown mandatory parameter, and a record without", both, []string{"HTTPS 1 a.test. key65000=x mandatory=key65000", "HTTPS 2 a.test."}, nil,
			"found; 1 a.test (it requires the parameter key65000, which is not known here); 2 a.test; a.test: http/1.1 selected; match=true"},
		{"a mandatory parameter that is missing", both, []string{"HTTPS 1 a.test. mandatory=port"}, nil, "found; 1 a.test (the parameter mandatory lists key3, which the record does not have)"},
		{"no default protocol, and no other", both, []string{"HTTPS 1 a.test. no-default-alpn"}, nil, "found; 1 a.test (it has no-default-alpn without alpn)"},
		{"an alias", both, []string{"HTTPS 0 b.test."}, tlstest.Zone{"b.test": {Addresses: labtest.Addresses("127.0.0.1"), Records: labtest.Records(t, "HTTPS 1 . alpn=h2")}},
			"found; 0 b.test; 1 b.test h2; b.test: h2 selected; b.test: http/1.1 selected; match=true"},
		{"an alias beside a service", both, []string{"HTTPS 1 a.test. alpn=h2", "HTTPS 0 b.test."}, nil, "alias_only; 0 b.test"},
		{"an alias of an alias", both, []string{"HTTPS 0 b.test."}, tlstest.Zone{"b.test": {Records: labtest.Records(t, "HTTPS 0 c.test.")}, "c.test": {Records: labtest.Records(t, "HTTPS 1 a.test. alpn=h3 no-default-alpn")}},
			"found; 0 b.test; 0 c.test; 1 a.test h3"},
		{"an alias to itself", both, []string{"HTTPS 0 b.test."}, tlstest.Zone{"b.test": {Records: labtest.Records(t, "HTTPS 0 b.test.")}}, "alias_loop; 0 b.test"},
		{"an alias to nothing", both, []string{"HTTPS 0 ."}, nil, "no_service"},
		{"an alias that cannot be followed", both, []string{"HTTPS 0 b.test."}, tlstest.Zone{"b.test": {RCode: 2}}, "dns_failure"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			here := labtest.Addresses("127.0.0.1")
			zone := tlstest.Zone{"a.test": {Addresses: here}, "_" + test.port + "._https.a.test": {Addresses: here, Records: labtest.Records(t, test.records...)}}
			for name, data := range test.others {
				zone[name] = data
			}
			if got, want := show(find(t, lab, zone, "a.test:"+test.port)), strings.ReplaceAll(test.want, "{port}", test.port); withoutMessages(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// withoutMessages removes what comes after no_answer, up to the next semicolon.
func withoutMessages(s string) string {
	words := strings.Split(s, "; ")
	words = slices.DeleteFunc(words, func(word string) bool { return strings.HasPrefix(word, "lookup ") })
	for i, word := range words {
		if before, _, cut := strings.Cut(word, " no_answer"); cut {
			words[i] = before + " no_answer"
		}
	}
	return strings.Join(words, "; ")
}

// find probes a target with the check alone.
func find(t *testing.T, lab *tlstest.Lab, zone tlstest.Zone, target string) *prober.Result {
	t.Helper()
	module := probetest.Module(t, lab)
	module.Resolver = labtest.DNS(t, lab, zone)
	module.HTTPSRecord.Enable()
	return probetest.New(t, module).Probe(t.Context(), probetest.Target(t, target))
}

// The records are about names and about https. Those for the port 443 are at the name itself.
func TestTargets(t *testing.T) {
	lab := labtest.Lab(t)
	port := serve(t, lab, nil)
	zone := tlstest.Zone{"a.test": {Addresses: labtest.Addresses("127.0.0.1"), Records: labtest.Records(t, "HTTPS 1 . alpn=h2")}}
	for target, want := range map[string]string{
		"127.0.0.1:" + port:    "no_name",
		"tls://a.test:" + port: "not_https",
		"a.test:" + port:       "none",
	} {
		if got := show(find(t, lab, zone, target)); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}

// ech is the parameter of a record.
func ech(list []byte) string { return "ech=" + base64.StdEncoding.EncodeToString(list) }

func echKey(t *testing.T, publicName string) tls.EncryptedClientHelloKey {
	t.Helper()
	key, err := tlstest.NewECHKey(publicName)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestECH(t *testing.T) {
	lab := labtest.Lab(t)
	current, old, wrongName := echKey(t, "public.test"), echKey(t, "public.test"), echKey(t, "other.test")
	silent := current
	silent.SendAsRetry = false
	with := func(keys ...tls.EncryptedClientHelloKey) string {
		return serve(t, lab, func(c *tls.Config) { c.EncryptedClientHelloKeys = keys })
	}
	both, quiet, without := with(current), with(silent), serve(t, lab, nil)
	oldVersion := serve(t, lab, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })
	unknownKEM := slices.Clone(current.Config)
	unknownKEM[5] = 0xff
	unknownVersion := slices.Clone(current.Config)
	unknownVersion[1] = 0xff
	for _, test := range []struct {
		name, port string
		list       []byte
		want       string
	}{
		{"the current configuration", both, tlstest.ECHConfigList(current.Config), "accepted public.test"},
		{"after one of a version that is not known", both, tlstest.ECHConfigList(unknownVersion, current.Config), "accepted public.test"},
		{"an old configuration", both, tlstest.ECHConfigList(old.Config), "rejected_retry public.test"},
		{"an old configuration, and the server offers no other", quiet, tlstest.ECHConfigList(old.Config), "rejected_disabled public.test"},
		{"a server without ECH", without, tlstest.ECHConfigList(current.Config), "rejected_disabled public.test"},
		{"a public name without a certificate", both, tlstest.ECHConfigList(wrongName.Config), "rejected_untrusted other.test"},
		{"a server without TLS 1.3", oldVersion, tlstest.ECHConfigList(current.Config), "no_answer public.test"},
		{"an unknown KEM", both, tlstest.ECHConfigList(unknownKEM), "unsupported public.test"},
		{"an unknown version alone", both, tlstest.ECHConfigList(unknownVersion), "unsupported"},
		{"no configuration", both, tlstest.ECHConfigList(), "unsupported"},
		{"not a list", both, current.Config, "malformed"},
		{"a configuration that ends early", both, tlstest.ECHConfigList(current.Config[:40]), "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			zone := tlstest.Zone{
				"a.test":                           {Addresses: labtest.Addresses("127.0.0.1")},
				"_" + test.port + "._https.a.test": {Records: labtest.Records(t, "HTTPS 1 a.test. alpn=h3 no-default-alpn "+ech(test.list))},
			}
			if got, want := show(find(t, lab, zone, "a.test:"+test.port)), "found; 1 a.test h3; ECH "+test.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// A client takes the configuration of the first usable record that has one.
func TestECHOfARecord(t *testing.T) {
	lab := labtest.Lab(t)
	current, old := echKey(t, "public.test"), echKey(t, "public.test")
	port := serve(t, lab, func(c *tls.Config) { c.EncryptedClientHelloKeys = []tls.EncryptedClientHelloKey{current} })
	good, stale := ech(tlstest.ECHConfigList(current.Config)), ech(tlstest.ECHConfigList(old.Config))
	for _, test := range []struct {
		name    string
		records []string
		want    httpsrecord.Outcome
	}{
		{"the first one is old", []string{"HTTPS 1 a.test. " + stale, "HTTPS 2 a.test. " + good}, httpsrecord.RejectedRetry},
		{"the second one is old", []string{"HTTPS 2 a.test. " + stale, "HTTPS 1 a.test. " + good}, httpsrecord.Accepted},
		{"the first one is not usable", []string{"HTTPS 1 a.test. key65000=x mandatory=key65000 " + stale, "HTTPS 2 a.test. " + good}, httpsrecord.Accepted},
		{"the first one has none", []string{"HTTPS 1 a.test.", "HTTPS 2 a.test. " + good}, httpsrecord.Accepted},
		{"none has one", []string{"HTTPS 1 a.test."}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			zone := tlstest.Zone{"a.test": {Addresses: labtest.Addresses("127.0.0.1")}, "_" + port + "._https.a.test": {Records: labtest.Records(t, test.records...)}}
			r := find(t, lab, zone, "a.test:"+port)
			switch found := r.HTTPSRecord.Finding; {
			case found == nil:
				t.Error(show(r))
			case test.want == "" && found.ECH != nil, test.want != "" && (found.ECH == nil || found.ECH.Outcome != test.want):
				t.Errorf("%+v, want %s", found.ECH, test.want)
			}
		})
	}
}
