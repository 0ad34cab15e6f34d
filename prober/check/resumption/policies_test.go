package resumption_test

import (
	"testing"

	"tls_exporter/prober/check/resumption"
	"tls_exporter/prober/endpoint/endpointtest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// A server that resumes sessions and limits connections is never reported as one that
// does not resume them.
func TestConnectionPolicyHidesNoResumption(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	server := labtest.Serve(t, lab, tlstest.Server{})
	for name, policy := range labtest.Policies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := resumption.Options{}.Find(endpointtest.Within(t), endpointtest.Behind(t, lab, server, policy))
			if found == nil {
				t.Logf("no finding: %v", err)
				return
			}
			for _, m := range found.Methods {
				if !m.Supported && (m.Method == resumption.Ticket || m.Method == resumption.PSK) {
					t.Errorf("%+v", m)
				}
			}
		})
	}
}
