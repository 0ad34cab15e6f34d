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

// A server that closes the connection on all versions but one is asked for that one
// too, even if it is the last.
func TestLastVersionIsAsked(t *testing.T) {
	lab := labtest.Lab(t)
	onlyTLS10 := labtest.RejectUnless(func(h *hello.ClientHello) bool { return h.LegacyVersion == hello.TLS10 }, nil)
	addr := labtest.StartWrapped(t, lab, legacy.Server{Versions: []uint16{tls.VersionTLS10}, Suites: []uint16{0x000a}}, onlyTLS10)
	s := scan.NewSurvey(endpointtest.At(t, addr).Scan(), maxConnections, 0)
	for _, v := range []hello.Version{hello.SSL20, hello.SSL30, hello.TLS11, hello.TLS12, hello.TLS13} {
		if answer := askVersion(t.Context(), s, v); answer != scan.Inconclusive {
			t.Errorf("%s: the answer is %v, want an inconclusive one", v, answer)
		}
	}
	if answer := askVersion(t.Context(), s, hello.TLS10); answer != scan.Accepted {
		t.Errorf("the answer to the version that it accepts is %v", answer)
	}
}
