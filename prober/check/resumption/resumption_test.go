package resumption_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check/resumption"
	"tls_exporter/prober/hello"
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

// A server that closes on a close_notify before it sends its tickets still resumes by
// PSK: the client waits for a ticket before it sends one.
func TestTicketsBeforeCloseNotify(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{
		Preface: func(_ context.Context, c net.Conn) net.Conn { return &obedient{Conn: c} },
		Config:  func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 },
	})
	r := probeResumption(t, lab, addr)
	if want := "-session_id -ticket +psk -early_data"; r.Resumption.Finding == nil || methodsOf(r.Resumption.Finding) != want {
		t.Fatalf("got %+v, checks %+v; want %s", r.Resumption.Finding, r.Outcomes, want)
	}
}

// obedient is the connection of a server that takes a moment to make its tickets, and makes
// none for a client that sends its close_notify before that.
type obedient struct {
	net.Conn
	tickets  []byte // that are held back; nil: there are none
	finished bool   // the client's Finished was read
}

// Write holds back what follows the server's Finished in its flight.
func (c *obedient) Write(flight []byte) (int, error) {
	rest := bytes.NewReader(flight)
	for {
		record, err := hello.ReadRecord(rest)
		if err != nil {
			return c.Conn.Write(flight)
		}
		if isFinished(record) {
			end := len(flight) - rest.Len()
			c.tickets = bytes.Clone(flight[end:])
			_, err := c.Conn.Write(flight[:end])
			return len(flight), err
		}
	}
}

// Read sends the tickets if the client is silent for a moment after its Finished.
func (c *obedient) Read(b []byte) (int, error) {
	if c.tickets != nil && c.finished {
		c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		n, err := c.Conn.Read(b)
		c.SetReadDeadline(time.Time{})
		if tickets := c.tickets; err != nil {
			c.tickets = nil
			c.Conn.Write(tickets)
			return c.Conn.Read(b)
		}
		c.tickets = nil
		return n, nil
	}
	n, err := c.Conn.Read(b)
	for records := bytes.NewReader(b[:n]); c.tickets != nil && records.Len() > 0; {
		record, bad := hello.ReadRecord(records)
		switch {
		case bad != nil:
			return n, err
		case c.finished:
			c.tickets = nil
		}
		c.finished = c.finished || isFinished(record)
	}
	return n, err
}

// isFinished tells whether a record of TLS 1.3 has the length of a Finished: its header, a
// hash of 32 or 48 bytes, its type, and a tag.
func isFinished(record hello.Record) bool {
	return record.Type == hello.TypeApplicationData && (len(record.Payload) == 4+32+1+16 || len(record.Payload) == 4+48+1+16)
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
		// A client that comes back offers what it offered first.
		{legacy.Server{ComparesHello: true}, "+session_id -ticket -psk -early_data"},
		{legacy.Server{ComparesHello: true, Tickets: legacy.TicketsFixed}, "+session_id +ticket -psk -early_data"},
		{legacy.Server{ComparesHello: true, Suites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}, Versions: []uint16{tls.VersionTLS11}}, "+session_id -ticket -psk -early_data"},
		{legacy.Server{ClosesFirst: true, Tickets: legacy.TicketsFixed}, "+session_id +ticket -psk -early_data"},
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
