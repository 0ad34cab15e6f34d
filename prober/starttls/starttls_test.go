package starttls_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/starttls"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// Every dialogue ends as its file says. After one that succeeds, there is a handshake on
// the same connection. After one that fails, the client sends no more than the file has:
// the command that ends the session.
func TestTranscripts(t *testing.T) {
	lab := labtest.Lab(t)
	p := probetest.New(t, probetest.Module(t, lab))
	for _, s := range transcripts(t) {
		t.Run(s.name, func(t *testing.T) {
			played := make(chan error, 1)
			addr := labtest.Serve(t, lab, tlstest.Server{Preface: func(_ context.Context, c net.Conn) net.Conn {
				err := s.play(c)
				if err == nil && s.reason == "" {
					played <- nil
					return transport(s.scheme, c)
				}
				if err == nil && s.reason != failure.ReasonClosed {
					err = expectClose(c)
				}
				played <- err
				return nil
			}})
			r := p.Probe(context.Background(), localhost(t, s.scheme, addr))
			if err := <-played; err != nil {
				t.Error(err)
			}
			var got failure.Reason
			if r.Failure != nil {
				got = r.Failure.Reason
			}
			if got != s.reason {
				t.Errorf("failure is %+v, want %q", r.Failure, s.reason)
			}
			if len(r.Phases) < 2 || r.Phases[1].Phase != failure.PhaseStartTLS {
				t.Errorf("phases are %v", r.Phases)
			}
			if s.reason == "" && (r.Session == nil || !r.Session.Completed) {
				t.Error("no handshake followed")
			}
			if s.reason != "" && (r.Session != nil || r.Failure.Phase != failure.PhaseStartTLS) {
				t.Errorf("failure is %+v, session is %+v", r.Failure, r.Session)
			}
		})
	}
}

// localhost is a target at addr with the name localhost, which XMPP sends.
func localhost(t *testing.T, s target.Scheme, addr string) target.Target {
	t.Helper()
	to := probetest.Target(t, string(s)+"://localhost")
	to.Address = netip.MustParseAddrPort(addr)
	return to
}

// transport is what TLS runs over.
func transport(s target.Scheme, c net.Conn) net.Conn {
	if s == "mssql" {
		return tlstest.TDS(c)
	}
	return c
}

// expectClose checks that the client sends nothing more. If the client closes the
// connection before it has read everything, there is a reset.
func expectClose(c net.Conn) error {
	more, err := io.ReadAll(io.LimitReader(c, 1<<10))
	if err != nil && !errors.Is(err, syscall.ECONNRESET) || len(more) > 0 {
		return fmt.Errorf("at the end the client sent %q, %v", more, err)
	}
	return nil
}

// Every dialogue has a specification, a transcript that succeeds, and one for each reason
// to fail.
func TestEveryDialogueHasTranscripts(t *testing.T) {
	reasons := make(map[target.Scheme]map[failure.Reason]bool)
	for _, s := range transcripts(t) {
		if reasons[s.scheme] == nil {
			reasons[s.scheme] = make(map[failure.Reason]bool)
		}
		reasons[s.scheme][s.reason] = true
	}
	reasons["submission"] = reasons["smtp"] // one function
	for reason := range reasons["xmpp-client"] {
		reasons["xmpp-server"][reason] = true
	}
	for _, scheme := range target.Schemes() {
		spec, ok := starttls.Spec(scheme)
		if scheme.StartTLS() != ok {
			t.Errorf("%s starts in plaintext: %v, has a dialogue: %v", scheme, scheme.StartTLS(), ok)
		}
		if !ok {
			continue
		}
		if spec == "" {
			t.Errorf("%s has no specification", scheme)
		}
		for _, reason := range []failure.Reason{"", failure.ReasonStartTLSNotOffered, failure.ReasonStartTLSRefused, failure.ReasonStartTLSProtocol} {
			if !reasons[scheme][reason] {
				t.Errorf("%s has no transcript that ends with %q", scheme, reason)
			}
		}
	}
}

// dialogueCase is a server that does not start TLS.
type dialogueCase struct {
	name    string
	scheme  target.Scheme
	accept  func(context.Context, net.Conn)
	reason  failure.Reason
	message string // a part of the failure's message
}

// probeAll probes all servers in parallel, because many probes end at the deadline.
func probeAll(t *testing.T, timeout time.Duration, cases []dialogueCase) {
	t.Helper()
	lab := labtest.Lab(t)
	m := probetest.Module(t, lab)
	m.Timeout = option.Duration(timeout)
	p := probetest.New(t, m)
	var group sync.WaitGroup
	for _, c := range cases {
		to := localhost(t, c.scheme, labtest.Serve(t, lab, tlstest.Server{Accept: c.accept}))
		group.Go(func() {
			r := p.Probe(context.Background(), to)
			if f := r.Failure; f == nil || f.Phase != failure.PhaseStartTLS || f.Reason != c.reason || !strings.Contains(f.Err.Error(), c.message) {
				t.Errorf("%s: failure is %+v, want %s with %q", c.name, f, c.reason, c.message)
			}
		})
	}
	group.Wait()
}

// A server that hangs before or within any of its lines is a timeout.
func TestDialogueHangs(t *testing.T) {
	t.Parallel()
	var cases []dialogueCase
	eachServerLine(t, func(s transcript, i int) {
		for _, part := range s.interrupted(i) {
			cases = append(cases, dialogueCase{
				name: fmt.Sprintf("%s hangs in line %d", s.name, i), scheme: s.scheme, reason: failure.ReasonTimeout, message: "waiting for ",
				accept: func(_ context.Context, c net.Conn) {
					part.play(c)
					io.Copy(io.Discard, c) // until the client gives up
				},
			})
		}
	})
	probeAll(t, 2*time.Second, cases)
}

// A server that closes the connection there is reported as closed.
func TestDialogueCloses(t *testing.T) {
	var cases []dialogueCase
	eachServerLine(t, func(s transcript, i int) {
		for _, part := range s.interrupted(i) {
			cases = append(cases, dialogueCase{
				name: fmt.Sprintf("%s closes in line %d", s.name, i), scheme: s.scheme, reason: failure.ReasonClosed, message: "waiting for ",
				accept: func(_ context.Context, c net.Conn) {
					part.play(c)
					c.(*net.TCPConn).CloseWrite()
					io.Copy(io.Discard, c)
				},
			})
		}
	})
	probeAll(t, 20*time.Second, cases)
}

func eachServerLine(t *testing.T, do func(s transcript, i int)) {
	for _, s := range successes(t) {
		for i, line := range s.lines {
			if line.server {
				do(s, i)
			}
		}
	}
}

// Bytes that arrive together with the server's last answer are an injection, also where
// they look like a ServerHello: the client's half of CVE-2011-0411.
func TestInjection(t *testing.T) {
	var cases []dialogueCase
	for _, s := range successes(t) {
		for _, injected := range []string{"250 OK\r\n", "\n", " ", "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03", strings.Repeat("x", 2*starttls.MaxMessage)} {
			script := s.endingWith(func(last []byte) []byte { return append(last, injected...) })
			cases = append(cases, dialogueCase{
				name: fmt.Sprintf("%s with %.10q", s.name, injected), scheme: s.scheme, reason: failure.ReasonStartTLSInjection, message: "plaintext injection: ",
				accept: func(_ context.Context, c net.Conn) {
					script.play(c)
					io.Copy(io.Discard, c)
				},
			})
		}
	}
	probeAll(t, 20*time.Second, cases)
}

// A server whose TLS starts at once answers a plaintext request with an alert. That shows
// that the scheme is wrong, and not which one is right.
func TestTLSInsteadOfADialogue(t *testing.T) {
	var cases []dialogueCase
	for _, s := range successes(t) {
		if s.lines[0].server {
			continue // client and server would both wait
		}
		cases = append(cases, dialogueCase{
			name: s.name, scheme: s.scheme, reason: failure.ReasonStartTLSProtocol, message: "answered with a TLS alert",
			accept: func(_ context.Context, c net.Conn) {
				io.WriteString(c, "\x15\x03\x01\x00\x02\x02\x46")
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, c)
			},
		})
	}
	probeAll(t, 20*time.Second, cases)
}

// withoutTLS removes TLS from what the server sends before the client requests it, or
// from its answer where there is no list of capabilities.
var withoutTLS = map[target.Scheme]func([]byte) []byte{
	"smtp": replacing("STARTTLS", "STARTSLT"), "submission": replacing("STARTTLS", "STARTSLT"), "lmtp": replacing("STARTTLS", "STARTSLT"),
	"imap": replacing("STARTTLS", "STARTSLT"), "nntp": replacing("STARTTLS", "STARTSLT"), "sieve": replacing("STARTTLS", "STARTSLT"),
	"pop3": replacing("STLS", "STSL"), "irc": replacing("TLS", "SLT", " 670 * ", " 421 * STARTTLS "), "ftp": replacing("234 ", "502 "),
	"xmpp-client": replacing("URN:IETF:PARAMS:XML:NS:XMPP-TLS", "slt"), "xmpp-server": replacing("URN:IETF:PARAMS:XML:NS:XMPP-TLS", "slt"),
	"ldap":     replacing("\x0a\x01\x00", "\x0a\x01\x02"),
	"postgres": replacing("S", "N"),
	"mysql":    clearing(starttls.MySQLSSL >> 8),
	"rdp":      replacing("\x08\x00\x01\x00\x00\x00", "\x08\x00\x00\x00\x00\x00", "\x08\x00\x02\x00\x00\x00", "\x08\x00\x00\x00\x00\x00"),
	"mssql":    replacing("\x00\x00\x01\x00\x00", "\x00\x00\x02\x00\x00", "\x06\xff\x03", "\x06\xff\x02"),
}

// replacing replaces the first of each pair with the second. It ignores case.
func replacing(pairs ...string) func([]byte) []byte {
	return func(b []byte) []byte {
		for i := 0; i+1 < len(pairs); i += 2 {
			for at := 0; at+len(pairs[i]) <= len(b); at++ {
				if strings.EqualFold(string(b[at:at+len(pairs[i])]), pairs[i]) {
					b = bytes.Join([][]byte{b[:at], b[at+len(pairs[i]):]}, []byte(pairs[i+1]))
				}
			}
		}
		return b
	}
}

// clearing clears a bit in the capabilities of MySQL's greeting.
func clearing(bit byte) func([]byte) []byte {
	return func(greeting []byte) []byte {
		greeting[5+bytes.IndexByte(greeting[5:], 0)+15] &^= bit
		return greeting
	}
}

// The client does not request TLS from a server that does not offer it.
func TestNotOffered(t *testing.T) {
	var cases []dialogueCase
	for _, s := range successes(t) {
		cases = append(cases, dialogueCase{
			name: s.name, scheme: s.scheme, reason: failure.ReasonStartTLSNotOffered,
			accept: func(_ context.Context, c net.Conn) {
				s.merged().offering(withoutTLS[s.scheme]).play(c)
				io.Copy(io.Discard, c)
			},
		})
	}
	probeAll(t, 20*time.Second, cases)
}

// The README has every scheme with its port and the specification of its dialogue.
func TestReadmeHasSchemes(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range target.Schemes() {
		row := "`" + string(s) + "`"
		if spec, ok := starttls.Spec(s); ok {
			row += " | " + strconv.Itoa(int(s.Port())) + " | " + spec
		}
		if !strings.Contains(string(readme), row) || !strings.Contains(string(readme), strconv.Itoa(int(s.Port()))) {
			t.Errorf("the README does not have %s or its port %d", row, s.Port())
		}
	}
}
