package prober_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// The exporter could not ask: a source address that this machine does not have, no
// descriptor for the socket, for the DNS, and for a proxy, whose name is looked up too.
func TestLocalResources(t *testing.T) {
	lab := labtest.Lab(t)
	dns := labtest.DNS(t, lab, tlstest.Zone{"there.test": {Addresses: labtest.Addresses("127.0.0.1")}})
	addr := labtest.Serve(t, lab, tlstest.Server{})
	_, port, _ := net.SplitHostPort(addr)
	for _, test := range []struct {
		name, target string
		phase        failure.Phase
		descriptors  bool // there are some
		change       func(*prober.Module)
	}{
		{"source address", addr, failure.PhaseConnect, true, func(m *prober.Module) { m.Route.SourceAddress = "192.0.2.1" }},
		{"socket", addr, failure.PhaseConnect, false, func(*prober.Module) {}},
		{"DNS server of the module", "there.test:" + port, failure.PhaseResolve, false, func(m *prober.Module) { m.Route.Resolver = dns }},
		{"DNS server of the system", "there.test:" + port, failure.PhaseResolve, false, func(*prober.Module) {}},
		{"all addresses", "there.test:" + port, failure.PhaseResolve, false, func(m *prober.Module) { m.Addresses = prober.AllAddresses }},
		{"proxy", addr, failure.PhaseProxy, false, func(m *prober.Module) { m.Route.ProxyURL = probetest.ProxyURL(t, "http://127.0.0.1:"+port) }},
		{"name of a proxy", addr, failure.PhaseProxy, false, func(m *prober.Module) { m.Route.ProxyURL = probetest.ProxyURL(t, "http://there.test:"+port) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			module := probetest.Module(t, lab)
			test.change(&module)
			p, to := probetest.New(t, module), probetest.Target(t, test.target)
			if !test.descriptors {
				exhaustDescriptors(t)
			}
			r := p.Probe(t.Context(), to)
			if f := r.Failure; f == nil || f.Phase != test.phase || f.Reason != failure.ReasonLocalResources {
				t.Fatalf("failure is %+v", f)
			}
			if _, known := r.Reachable(); known {
				t.Error("it is known whether the port answers")
			}
			if _, known := r.Handshaken(); known {
				t.Error("it is known whether there is a handshake")
			}
		})
	}
}

// exhaustDescriptors lowers the limit of open files to what is open, until the test
// ends. The test must not be parallel.
func exhaustDescriptors(t *testing.T) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 3 // what is open stays open
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	})
}

// One address of a pool could not be asked: it neither fails nor is it good, and the
// probe says so unless another address really fails.
func TestPoolMemberUnasked(t *testing.T) {
	fine := lasting(30*labtest.Day, 60*labtest.Day)
	for _, test := range []struct {
		second tlstest.Server
		want   []string
		reason failure.Reason
	}{
		{fine, []string{"good", "good", "connect local_resources"}, failure.ReasonLocalResources},
		{tlstest.Server{Refuse: true}, []string{"good", "connect refused", "connect local_resources"}, failure.ReasonRefused},
	} {
		to, module := poolOf(t, fine, test.second, fine)
		process := prober.NewProcess()
		t.Cleanup(process.Cache.Close)
		process.Guard = guard.New(guard.Policy{}, new(guard.Listeners))
		process.Guard.Control = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			if netip.MustParseAddrPort(address).Addr() == netip.MustParseAddr("127.0.0.4") {
				return os.NewSyscallError("socket", syscall.EMFILE)
			}
			return nil
		}
		p, err := prober.New(module, process)
		if err != nil {
			t.Fatal(err)
		}
		r := p.Probe(t.Context(), to)
		if got := reasonsOf(r.Pool); !slices.Equal(got, test.want) {
			t.Errorf("the addresses are %q, want %q", got, test.want)
		}
		if r.Failure == nil || r.Failure.Reason != test.reason || r.Pool.Asked() != 2 || r.Pool.Failing() != len(slices.DeleteFunc(test.want, func(s string) bool { return s != "connect refused" })) {
			t.Errorf("failure is %+v; %d were asked and %d fail", r.Failure, r.Pool.Asked(), r.Pool.Failing())
		}
		if answered, known := r.Reachable(); !answered || !known {
			t.Errorf("shown is an address that was not asked: %+v", r)
		}
	}
}

// A scan for whose connections there are no more descriptors has no finding, also where
// the server answered before: a hello that was not sent is no answer.
func TestScanUnasked(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{})
	for _, name := range []string{"versions", "ciphers", "resumption", "vulnerabilities"} {
		for _, before := range []int32{0, 1, 2} { // connections of the scan that are made
			module := probetest.Module(t, lab)
			switch name {
			case "versions":
				module.Versions.Enable()
			case "ciphers":
				module.Ciphers.Enable()
			case "resumption":
				module.Resumption.Enable()
			case "vulnerabilities":
				module.Vulnerabilities.Enable()
			}
			process := prober.NewProcess()
			t.Cleanup(process.Cache.Close)
			left := new(atomic.Int32)
			left.Store(1 + before) // the first one is the probe's
			process.Guard.Control = func(context.Context, string, string, syscall.RawConn) error {
				if left.Add(-1) < 0 {
					return os.NewSyscallError("socket", syscall.EMFILE)
				}
				return nil
			}
			p, err := prober.New(module, process)
			if err != nil {
				t.Fatal(err)
			}
			r := p.Probe(t.Context(), probetest.Target(t, addr))
			if !r.Success() || len(r.Outcomes) != 1 {
				t.Fatalf("%s: failure is %+v, checks are %+v", name, r.Failure, r.Outcomes)
			}
			if f := r.Outcomes[0].Failure; f == nil || f.Reason != failure.ReasonLocalResources {
				t.Errorf("%s, after %d connections: failure is %+v", name, before, f)
			}
			if r.Versions.Finding != nil || r.Ciphers.Finding != nil || r.Resumption.Finding != nil || r.Vulnerabilities.Finding != nil {
				t.Errorf("%s, after %d connections: there is a finding", name, before)
			}
		}
	}
}

// A server that asks for a certificate, and then this machine has no memory: whether it
// would have rejected the client is not known.
func TestExpectationUnasked(t *testing.T) {
	o := &expect.Options{ClientCertificateRequired: true}
	facts := &expect.Facts{Session: &handshake.Session{ClientCertificateRequested: true}, Failure: &failure.Failure{Phase: failure.PhaseKeyExchange, Reason: failure.ReasonLocalResources, Err: syscall.ENOBUFS}}
	if found, err := o.Judge(facts); err == nil {
		t.Errorf("the expectations are %+v", found)
	}
}
