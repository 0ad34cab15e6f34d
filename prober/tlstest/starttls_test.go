package tlstest

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"

	"tls_exporter/prober/tlstest/internal/testclient"
)

// clientSides has for each protocol what a client sends to start TLS, all at once,
// and the parts of the answer that offer TLS and that start it.
var clientSides = map[string]struct{ request, offer, ready string }{
	"smtp":        {"EHLO a\r\nSTARTTLS\r\n", "\r\n250-STARTTLS\r\n", "\r\n220 "},
	"submission":  {"EHLO a\r\nSTARTTLS\r\n", "\r\n250-STARTTLS\r\n", "\r\n220 "},
	"lmtp":        {"LHLO a\r\nSTARTTLS\r\n", "\r\n250-STARTTLS\r\n", "\r\n220 "},
	"imap":        {"a CAPABILITY\r\nb STARTTLS\r\n", " STARTTLS ", "\r\nb OK "},
	"pop3":        {"CAPA\r\nSTLS\r\n", "\r\nSTLS\r\n", "\r\n+OK Go"},
	"ftp":         {"AUTH TLS\r\n", "", "\r\n234 "},
	"nntp":        {"CAPABILITIES\r\nSTARTTLS\r\n", "\r\nSTARTTLS\r\n", "\r\n382 "},
	"sieve":       {"STARTTLS\r\n", "\r\n\"STARTTLS\"\r\n", "\r\nOK \"Go"},
	"irc":         {"CAP LS\r\nSTARTTLS\r\n", ":tls ", " 670 "},
	"xmpp-client": {xmppRequest, "<starttls ", "<proceed "},
	"xmpp-server": {xmppRequest, "<starttls ", "<proceed "},
	"ldap":        {"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037", "", "\x0a\x84\x00\x00\x00\x01\x00"},
	"postgres":    {"\x00\x00\x00\x08\x04\xd2\x16\x2f", "", "S"},
	"mysql":       {"\x20\x00\x00\x01\x00\x0a\x00\x00" + strings.Repeat("\x00", 28), "", "12345678\x00\x00\x0a"},
	"rdp":         {"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x01\x00\x00\x00", "", "\x02\x00\x08\x00\x01"},
	"mssql":       {"\x12\x01\x00\x1a\x00\x00\x01\x00\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff\x10\x00\x00\x00\x00\x00\x01", "", "\x10\x00\x03\xe8\x00\x00\x01"},
}

const xmppRequest = "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

// startTLSChecks are the checks of the scenarios with a dialogue before TLS.
func startTLSChecks() []scenarioCheck {
	all := []scenarioCheck{
		{"postgress", requiresALPN("postgresql")},
		{"mssqls", requiresALPN("tds/8.0")},
	}
	for _, scenario := range startTLSScenarios() {
		if _, known := clientSides[scenario.Scheme]; known {
			fault := strings.TrimPrefix(strings.TrimPrefix(scenario.Name, scenario.Scheme), "-")
			all = append(all, scenarioCheck{scenario.Name, startsTLS(scenario.Scheme, fault)})
		}
	}
	return all
}

// startsTLS checks the dialogue of a server with a fault.
func startsTLS(scheme, fault string) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		c := clientSides[scheme]
		answer := testclient.Exchange(t, e.addr, []byte(c.request))
		offered, ready := bytes.Contains(answer, []byte(c.offer)), bytes.Contains(answer, []byte(c.ready))
		injected := bytes.HasSuffix(answer, []byte(injection))
		want := map[string][3]bool{
			"":            {true, true, false},
			"not-offered": {c.offer == "", false, false},
			"refused":     {true, false, false},
			"injected":    {true, true, true},
			"stalled":     {true, false, false},
		}[fault]
		if got := [3]bool{offered, ready, injected}; got != want {
			t.Errorf("offered, ready, injected: %v, want %v; answer %q", got, want, answer)
		}
		if fault == "" {
			handshakeAfter(t, e, scheme, c.request, len(answer))
		}
	}
}

// handshakeAfter sends request, reads an answer of n bytes, and completes a
// handshake on the same connection.
func handshakeAfter(t *testing.T, e endpoint, scheme, request string, n int) {
	t.Helper()
	raw := testclient.Dial(t, e.addr)
	if _, err := io.WriteString(raw, request); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, raw, int64(n)); err != nil {
		t.Fatal(err)
	}
	var carrier net.Conn = raw
	if scheme == "mssql" {
		carrier = TDS(raw)
	}
	conn := tls.Client(carrier, &tls.Config{RootCAs: testclient.Pool(e.lab.Root.Certificate), ServerName: "localhost"})
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseWrite()
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after close_notify: %v", err)
	}
}

func requiresALPN(protocol string) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		if m := testclient.Handshake(t, e.addr, func(c *tls.Config) { c.NextProtos = []string{protocol} }); m.Handshake != nil || m.State.NegotiatedProtocol != protocol {
			t.Errorf("with %s: %v, negotiated %q", protocol, m.Handshake, m.State.NegotiatedProtocol)
		}
		if m := testclient.Handshake(t, e.addr, func(c *tls.Config) { c.NextProtos = nil }); m.Handshake == nil {
			t.Error("a client without ALPN is accepted")
		}
	}
}

// Every fault works with every protocol, also without a scenario.
func TestStartTLSFaults(t *testing.T) {
	lab := newLab(t)
	for scheme := range dialogues() {
		for fault, f := range startTLSFaults {
			if scheme == "mysql" && fault == StartTLSStalled {
				continue // its greeting starts TLS, and nothing precedes it
			}
			t.Run(scheme+" "+f.name, func(t *testing.T) {
				startsTLS(scheme, f.name)(t, endpoint{lab, start(t, lab, Server{StartTLS: scheme, StartTLSFault: fault})})
			})
		}
	}
}

// The server answers a logout. It does not start TLS after invalid input.
func TestDialoguesEnd(t *testing.T) {
	lab := newLab(t)
	for scheme := range dialogues() {
		addr := start(t, lab, Server{StartTLS: scheme})
		for _, request := range []string{"", "nonsense\r\n", strings.Repeat("x", 1<<13), "\x03\x00\x00\x00", "\x12\x00\x00\x00\x00\x00\x00\x00", "\x30\xff"} {
			if answer := testclient.Exchange(t, addr, []byte(request)); clientSides[scheme].ready != "" && bytes.Contains(answer, []byte(clientSides[scheme].ready)) && scheme != "mysql" {
				t.Errorf("%s: %.20q is answered with %q", scheme, request, answer)
			}
		}
	}
	for scheme, p := range lineProtocols {
		tag := map[bool]string{true: "x "}[p.tagged]
		answer := testclient.Exchange(t, start(t, lab, Server{StartTLS: scheme}), []byte(tag+p.quit+"\r\n"))
		if quitReply := strings.ReplaceAll(p.quitReply, "{tag}", "x"); !strings.HasSuffix(string(answer), quitReply) {
			t.Errorf("%s: the logout is answered with %q", scheme, answer)
		}
	}
}

func TestPreface(t *testing.T) {
	lab := newLab(t)
	addr := start(t, lab, Server{Preface: func(_ context.Context, c net.Conn) net.Conn {
		io.WriteString(c, "hello ")
		return c
	}})
	handshakeAfter(t, endpoint{lab, addr}, "", "", len("hello "))
	refusing := start(t, lab, Server{Preface: func(_ context.Context, c net.Conn) net.Conn {
		io.WriteString(c, "no")
		return nil
	}})
	if answer := testclient.Exchange(t, refusing, emptyHello); string(answer) != "no" {
		t.Errorf("got %q", answer)
	}
}

func TestUnknownStartTLS(t *testing.T) {
	if addr, err := newLab(t).Start(Server{StartTLS: "gopher"}); err == nil {
		t.Errorf("started at %s", addr)
	}
}
