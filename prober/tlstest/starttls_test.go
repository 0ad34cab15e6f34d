package tlstest

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
)

// conversations are what a client says of each protocol to come to TLS, all at
// once, and how one sees in what it hears that TLS is offered and may start.
var conversations = map[string]struct{ says, offer, goAhead string }{
	"smtp":        {"EHLO a\r\nSTARTTLS\r\n", "\r\n250-STARTTLS\r\n", "\r\n220 "},
	"submission":  {"EHLO a\r\nSTARTTLS\r\n", "\r\n250-STARTTLS\r\n", "\r\n220 "},
	"lmtp":        {"LHLO a\r\nSTARTTLS\r\n", "\r\n250-STARTTLS\r\n", "\r\n220 "},
	"imap":        {"a CAPABILITY\r\nb STARTTLS\r\n", " STARTTLS ", "\r\nb OK "},
	"pop3":        {"CAPA\r\nSTLS\r\n", "\r\nSTLS\r\n", "\r\n+OK Go"},
	"ftp":         {"AUTH TLS\r\n", "", "\r\n234 "},
	"nntp":        {"CAPABILITIES\r\nSTARTTLS\r\n", "\r\nSTARTTLS\r\n", "\r\n382 "},
	"sieve":       {"STARTTLS\r\n", "\r\n\"STARTTLS\"\r\n", "\r\nOK \"Go"},
	"irc":         {"CAP LS\r\nSTARTTLS\r\n", ":tls ", " 670 "},
	"xmpp-client": {xmppWords, "<starttls ", "<proceed "},
	"xmpp-server": {xmppWords, "<starttls ", "<proceed "},
	"ldap":        {"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037", "", "\x0a\x84\x00\x00\x00\x01\x00"},
	"postgres":    {"\x00\x00\x00\x08\x04\xd2\x16\x2f", "", "S"},
	"mysql":       {"\x20\x00\x00\x01\x00\x0a\x00\x00" + strings.Repeat("\x00", 28), "", "12345678\x00\x00\x0a"},
	"rdp":         {"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x01\x00\x00\x00", "", "\x02\x00\x08\x00\x01"},
	"mssql":       {"\x12\x01\x00\x1a\x00\x00\x01\x00\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff\x10\x00\x00\x00\x00\x00\x01", "", "\x10\x00\x03\xe8\x00\x00\x01"},
}

const xmppWords = "<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

// dialogueDiagnoses says how one sees what comes before TLS, for every protocol
// and what it may suffer from.
func dialogueDiagnoses() []diagnosis {
	all := []diagnosis{
		{"postgress", wantsALPN("postgresql")},
		{"mssqls", wantsALPN("tds/8.0")},
	}
	for _, i := range illnessesBeforeTLS() {
		if _, spoken := conversations[i.Scheme]; spoken {
			ill := strings.TrimPrefix(strings.TrimPrefix(i.Name, i.Scheme), "-")
			all = append(all, diagnosis{i.Name, comesToTLS(i.Scheme, ill)})
		}
	}
	return all
}

// comesToTLS holds a conversation with a server that is ill in that way.
func comesToTLS(scheme, ill string) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		c := conversations[scheme]
		heard := exchange(t, p.addr, []byte(c.says))
		offered, ready := bytes.Contains(heard, []byte(c.offer)), bytes.Contains(heard, []byte(c.goAhead))
		injected := bytes.HasSuffix(heard, []byte(injection))
		want := map[string][3]bool{
			"":            {true, true, false},
			"not-offered": {c.offer == "", false, false},
			"refused":     {true, false, false},
			"injected":    {true, true, true},
			"stalled":     {true, false, false},
		}[ill]
		if got := [3]bool{offered, ready, injected}; got != want {
			t.Errorf("offered, ready, injected: %v, want %v; heard %q", got, want, heard)
		}
		if ill == "" {
			shakesHandsAfter(t, p, scheme, c.says, len(heard))
		}
	}
}

// shakesHandsAfter starts TLS on a connection where so many bytes come before it.
func shakesHandsAfter(t *testing.T, p patient, scheme, says string, heard int) {
	t.Helper()
	raw := dial(t, p.addr)
	if _, err := io.WriteString(raw, says); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, raw, int64(heard)); err != nil {
		t.Fatal(err)
	}
	var carrier net.Conn = raw
	if scheme == "mssql" {
		carrier = TDS(raw)
	}
	conn := tls.Client(carrier, &tls.Config{RootCAs: pool(p.lab.Root.Certificate), ServerName: "localhost"})
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseWrite()
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the goodbye comes %v", err)
	}
}

func wantsALPN(protocol string) func(*testing.T, patient) {
	return func(t *testing.T, p patient) {
		if m := meet(t, p.addr, func(c *tls.Config) { c.NextProtos = []string{protocol} }); m.handshake != nil || m.state.NegotiatedProtocol != protocol {
			t.Errorf("with %s: %v, negotiated %q", protocol, m.handshake, m.state.NegotiatedProtocol)
		}
		if m := meet(t, p.addr, func(c *tls.Config) { c.NextProtos = nil }); m.handshake == nil {
			t.Error("a client without ALPN is let in")
		}
	}
}

// Every reluctance is there in every protocol, also where no illness shows it.
func TestReluctances(t *testing.T) {
	lab := newLab(t)
	for scheme := range dialogues() {
		for reluctance, r := range reluctances {
			if scheme == "mysql" && reluctance == Stalling {
				continue // it has no words after those that start TLS, and so has none at all here
			}
			t.Run(scheme+" "+r.name, func(t *testing.T) {
				comesToTLS(scheme, r.name)(t, patient{lab, start(t, lab, Server{StartTLS: scheme, Reluctance: reluctance})})
			})
		}
	}
}

// A client that says goodbye is answered in kind, and one that talks nonsense
// does not come to TLS.
func TestDialoguesEnd(t *testing.T) {
	lab := newLab(t)
	for scheme := range dialogues() {
		addr := start(t, lab, Server{StartTLS: scheme})
		for _, says := range []string{"", "nonsense\r\n", strings.Repeat("x", 1<<13), "\x03\x00\x00\x00", "\x12\x00\x00\x00\x00\x00\x00\x00", "\x30\xff"} {
			if heard := exchange(t, addr, []byte(says)); conversations[scheme].goAhead != "" && bytes.Contains(heard, []byte(conversations[scheme].goAhead)) && scheme != "mysql" {
				t.Errorf("%s: %.20q is answered with %q", scheme, says, heard)
			}
		}
	}
	for scheme, p := range lineProtocols {
		tag := map[bool]string{true: "x "}[p.tagged]
		heard := exchange(t, start(t, lab, Server{StartTLS: scheme}), []byte(tag+p.leave+"\r\n"))
		if goodbye := strings.ReplaceAll(p.goodbye, "{tag}", "x"); !strings.HasSuffix(string(heard), goodbye) {
			t.Errorf("%s: the goodbye is answered with %q", scheme, heard)
		}
	}
}

func TestAPrefaceIsSpokenBeforeTLS(t *testing.T) {
	lab := newLab(t)
	addr := start(t, lab, Server{Preface: func(_ context.Context, c net.Conn) net.Conn {
		io.WriteString(c, "hello ")
		return c
	}})
	shakesHandsAfter(t, patient{lab, addr}, "", "", len("hello "))
	rude := start(t, lab, Server{Preface: func(_ context.Context, c net.Conn) net.Conn {
		io.WriteString(c, "no")
		return nil
	}})
	if heard := exchange(t, rude, helloOfNothing); string(heard) != "no" {
		t.Errorf("heard %q", heard)
	}
}

func TestADialogueThatTheLabDoesNotHave(t *testing.T) {
	if addr, err := newLab(t).Start(Server{StartTLS: "gopher"}); err == nil {
		t.Errorf("started at %s", addr)
	}
}
