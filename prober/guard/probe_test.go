package guard_test

import (
	"net"
	"net/netip"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// If one of several addresses is denied, the others are probed.
func TestOneAddressDenied(t *testing.T) {
	lab := labtest.Lab(t)
	_, port, _ := net.SplitHostPort(labtest.Serve(t, lab, tlstest.Server{}))
	module := probetest.Module(t, lab)
	module.Resolver = labtest.DNS(t, lab, tlstest.Zone{"localhost": {Addresses: labtest.Addresses("169.254.169.254", "127.0.0.1")}})
	if r := probetest.New(t, module).Probe(t.Context(), probetest.Target(t, "localhost:"+port)); !r.Success() || r.Remote.Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("failure is %+v, at %s", r.Failure, r.Remote)
	}
	module.Addresses = prober.AllAddresses
	r := probetest.New(t, module).Probe(t.Context(), probetest.Target(t, "localhost:"+port))
	if good, denied := r.Pool.Members[0].Failure, r.Pool.Members[1].Failure; good != nil || denied == nil || denied.Reason != failure.ReasonDenied {
		t.Errorf("the addresses have %+v and %+v", good, denied)
	}
}
