package resumption_test

import (
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/check/resumption"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/legacy"
)

// methodsOf writes a finding as a list of methods: + supported, - not supported.
func methodsOf(r *resumption.Finding) string {
	var words []string
	for _, m := range r.Methods {
		sign := "-"
		if m.Supported {
			sign = "+"
		}
		words = append(words, sign+m.Method)
	}
	return strings.Join(words, " ")
}

func probeResumption(t *testing.T, lab *tlstest.Lab, addr string) *prober.Result {
	t.Helper()
	m := probetest.Module(t, lab)
	m.Resumption.Options = new(resumption.Options)
	return probetest.New(t, m).Probe(t.Context(), probetest.Target(t, addr))
}

func TestResumption(t *testing.T) {
	lab := labtest.Lab(t)
	versions := func(min, max uint16) func(*tls.Config) {
		return func(c *tls.Config) { c.MinVersion, c.MaxVersion = min, max }
	}
	for _, test := range []struct {
		name   string
		scheme string
		config func(*tls.Config)
		want   string
	}{
		// crypto/tls stores no sessions by ID, and accepts early data over QUIC alone.
		{"all of crypto/tls", "", versions(tls.VersionTLS10, tls.VersionTLS13), "-session_id +ticket +psk -early_data"},
		{"behind STARTTLS", "imap", versions(tls.VersionTLS10, tls.VersionTLS13), "-session_id +ticket +psk -early_data"},
		{"TLS 1.2 alone", "", versions(tls.VersionTLS12, tls.VersionTLS12), "-session_id +ticket -psk -early_data"},
		{"TLS 1.3 alone", "", versions(tls.VersionTLS13, tls.VersionTLS13), "-session_id -ticket +psk -early_data"},
		{"without tickets", "", func(c *tls.Config) { c.SessionTicketsDisabled = true }, "-session_id -ticket -psk -early_data"},
		{"with new ticket keys for each connection", "", func(c *tls.Config) {
			config := c.Clone()
			config.GetConfigForClient = nil
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
				config := config.Clone()
				config.SetSessionTicketKeys([][32]byte{[32]byte([]byte(rand.Text() + rand.Text())[:32])})
				return config, nil
			}
		}, "-session_id -ticket -psk -early_data"},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := labtest.Serve(t, lab, tlstest.Server{StartTLS: test.scheme, Config: test.config})
			if test.scheme != "" {
				addr = test.scheme + "://" + addr
			}
			r := probeResumption(t, lab, addr)
			if r.Resumption.Finding == nil || methodsOf(r.Resumption.Finding) != test.want {
				t.Fatalf("got %+v, checks %+v; want %s", r.Resumption.Finding, r.Outcomes, test.want)
			}
			if resumed := strings.Contains(test.want, "+"); (r.Resumption.Finding.Duration > 0) != resumed {
				t.Errorf("the resumed handshake took %v", r.Resumption.Finding.Duration)
			}
		})
	}
}

func TestResumptionOfOldServers(t *testing.T) {
	lab := labtest.Lab(t)
	for _, test := range []struct {
		legacy legacy.Server
		want   string
	}{
		{legacy.Server{}, "+session_id -ticket -psk -early_data"},
		{legacy.Server{NoSessionID: true}, "-session_id -ticket -psk -early_data"},
		{legacy.Server{Tickets: legacy.TicketsFixed}, "+session_id +ticket -psk -early_data"},
		{legacy.Server{Versions: []uint16{tls.VersionTLS10}, Tickets: legacy.TicketsFixed}, "+session_id +ticket -psk -early_data"},
	} {
		t.Run(fmt.Sprintf("%+v", test.legacy), func(t *testing.T) {
			addr, err := legacy.Start(lab, test.legacy)
			if err != nil {
				t.Fatal(err)
			}
			r := probeResumption(t, lab, addr)
			if r.Resumption.Finding == nil || methodsOf(r.Resumption.Finding) != test.want {
				t.Errorf("got %+v, checks %+v; want %s", r.Resumption.Finding, r.Outcomes, test.want)
			}
		})
	}
}
