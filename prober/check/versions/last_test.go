package versions

import (
	"crypto/tls"
	"testing"

	"tls_exporter/prober/endpoint/endpointtest"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/legacy"
)

// A server that hangs up on all versions but one is heard on that, too, if it is
// the last that it is asked for.
func TestLastVersionIsHeard(t *testing.T) {
	lab := labtest.Lab(t)
	likes := labtest.RejectUnless(func(h *hello.ClientHello) bool { return h.LegacyVersion == hello.TLS10 }, nil)
	addr := labtest.StartWrapped(t, lab, legacy.Server{Versions: []uint16{tls.VersionTLS10}, Suites: []uint16{0x000a}}, likes)
	q := scan.NewSurvey(endpointtest.At(t, addr).Scan(), maxVersionHellos, 0)
	for _, v := range []hello.Version{hello.SSL20, hello.SSL30, hello.TLS11, hello.TLS12, hello.TLS13} {
		if said := askVersion(t.Context(), q, v); said != scan.Inconclusive {
			t.Errorf("%s: the answer is %v, want none that tells", v, said)
		}
	}
	if said := askVersion(t.Context(), q, hello.TLS10); said != scan.Accepted {
		t.Errorf("the answer to the one that it takes is %v", said)
	}
}
