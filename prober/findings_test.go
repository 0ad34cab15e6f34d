package prober_test

import (
	"crypto/tls"
	"net"
	"slices"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/check/resumption"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// What a module may offer decides what it finds. A module with TLS 1.3 alone, which is
// asked first, must not decide what one with TLS 1.2 shows about the same server.
func TestFindingsDoNotCrossModules(t *testing.T) {
	lab := labtest.Lab(t)
	server := probetest.Target(t, labtest.Serve(t, lab, tlstest.Server{}))
	methods := func(process prober.Process, change func(*prober.Module)) []resumption.Answer {
		m := probetest.Module(t, lab)
		m.Resumption.Enable()
		change(&m)
		p, err := prober.New(m, process)
		if err != nil {
			t.Fatal(err)
		}
		r := p.Probe(t.Context(), server)
		if r.Resumption.Finding == nil {
			t.Fatalf("no finding: %+v", r.Outcomes)
		}
		return r.Resumption.Finding.Methods
	}
	fresh := func() prober.Process {
		process := prober.NewProcess()
		t.Cleanup(process.Cache.Close)
		return process
	}
	only13 := func(m *prober.Module) { m.MinVersion = tls.VersionTLS13 }
	only12 := func(m *prober.Module) { m.MaxVersion = tls.VersionTLS12 }
	shared := fresh()
	first := methods(shared, only13)
	got, want := methods(shared, only12), methods(fresh(), only12)
	if !slices.Equal(got, want) || slices.Equal(got, first) {
		t.Errorf("after a module with TLS 1.3 alone, which finds %+v, one with TLS 1.2 shows %+v; alone it finds %+v", first, got, want)
	}
}

// A caller that sets the address or the server name of a target asks about another
// server: what is found there is not shown for the target itself.
func TestFindingsDoNotCrossTargets(t *testing.T) {
	lab := labtest.Lab(t)
	old := labtest.Serve(t, lab, tlstest.Server{Config: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }})
	byName := labtest.Serve(t, lab, tlstest.Server{Config: func(c *tls.Config) {
		c.GetConfigForClient = func(asked *tls.ClientHelloInfo) (*tls.Config, error) {
			own := c.Clone()
			if own.GetConfigForClient = nil; asked.ServerName == "old.test" {
				own.MaxVersion = tls.VersionTLS12
			}
			return own, nil
		}
	}})
	_, port, _ := net.SplitHostPort(byName)
	m := probetest.Module(t, lab)
	m.Versions.Enable()
	p := probetest.New(t, m)
	target := probetest.Target(t, "localhost:"+port)
	elsewhere, err := target.At(old)
	if err != nil {
		t.Fatal(err)
	}
	named := target
	named.ServerName = "old.test"
	for _, test := range []struct {
		name   string
		newest hello.Version
	}{{"another address", hello.TLS12}, {"another server name", hello.TLS12}, {"the target itself", hello.TLS13}} {
		asked := target
		switch test.name {
		case "another address":
			asked = elsewhere
		case "another server name":
			asked = named
		}
		r := p.Probe(t.Context(), asked)
		if r.Versions.Finding == nil {
			t.Fatalf("%s: no finding: %+v", test.name, r.Outcomes)
		}
		var newest hello.Version
		for _, a := range r.Versions.Finding.Answers {
			if a.Accepted {
				newest = max(newest, a.Version)
			}
		}
		if newest != test.newest {
			t.Errorf("%s: the newest version is %s, want %s", test.name, newest, test.newest)
		}
	}
}
