package config

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// A name that resolves to a public address and to this machine in turn reaches no
// address that the policy denies.
func TestHostileName(t *testing.T) {
	lab := labtest.Lab(t)
	port, connections := counted(t, lab)
	var questions atomic.Int32
	resolver := labtest.DNS(t, lab, tlstest.Zone{"alternating.test": {
		Addresses: labtest.Addresses("192.0.2.7"),
		Alter: labtest.Altered(func(m *dns.Msg, _ bool) {
			if questions.Add(1)%4 >= 2 && len(m.Answer) > 0 {
				m.Answer[0].(*dns.A).A = net.IPv4(127, 0, 0, 1)
			}
		}),
	}})
	config := parsed(t, fmt.Sprintf("modules: {default: {resolver: %q, timeout: 500ms}}\nprobe_policy: {deny: [{cidr: 127.0.0.0/8}, {cidr: 192.0.2.0/24}]}", resolver))
	for range 6 {
		r := config.Probers["default"].Probe(t.Context(), probetest.Target(t, "alternating.test:"+port))
		if r.Failure == nil || r.Failure.Phase != failure.PhaseConnect || r.Failure.Reason != failure.ReasonDenied || connections.Load() != 0 {
			t.Errorf("failure is %+v, %d connections", r.Failure, connections.Load())
		}
	}
}
