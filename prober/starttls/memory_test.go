package starttls_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/starttls"
	"tls_exporter/prober/target"
)

// The dialogues with a server in memory, which can say its words in pieces of
// any size and tell what was read of them.

// Bytes on the wire have no lines: a dialogue goes the same way whether they
// come one by one or all at once, and what it leaves is for TLS.
func TestInPieces(t *testing.T) {
	for _, s := range transcripts(t) {
		for _, piece := range []int{1, 2, 7, starttls.MaxDialogue} {
			c := s.scripted(piece)
			carrier, err := startWith(s.scheme, c)
			if err != nil {
				if got := failure.Of(err); got != s.reason {
					t.Errorf("%s in pieces of %d: %v is %s, want %q", s.name, piece, err, got, s.reason)
				}
				continue
			}
			if s.reason != "" {
				t.Errorf("%s in pieces of %d succeeds", s.name, piece)
			}
			c.leftForTLS(t, carrier, s)
		}
	}
}

// What comes after the go-ahead was read, but before our ClientHello, is an
// injection too.
func TestInjectionInAnotherPiece(t *testing.T) {
	for _, s := range successes(t) {
		c := s.merged().scripted(starttls.MaxDialogue)
		last := &c.turns[len(c.turns)-2]
		c.breakAt = len(*last)
		*last = append(*last, "250 OK\r\n"...)
		if _, err := startWith(s.scheme, c); err == nil || !strings.Contains(err.Error(), "plaintext injection: more bytes") {
			t.Errorf("%s: error is %v", s.name, err)
		}
	}
}

// The bounds hold for every dialogue: a server that never ends a line, and one
// that never ends its lines, whatever they are.
func TestTalkative(t *testing.T) {
	for _, s := range successes(t) {
		for i, line := range s.lines {
			if !line.server || len(line.words) < 4 {
				continue
			}
			for name, endless := range map[string][]byte{
				"a line":   bytes.Repeat([]byte("x"), 2*starttls.MaxDialogue),
				"lines":    bytes.Repeat(line.words, 2*starttls.MaxDialogue/len(line.words)),
				"elements": bytes.Repeat([]byte("<x>"), 2*starttls.MaxDialogue/3),
			} {
				script := s.before(i)
				script.lines = append(cloned(script.lines), spoken{true, append(bytes.Clone(line.words[:len(line.words)/2]), endless...)})
				c := script.scripted(starttls.MaxDialogue)
				_, err := startWith(s.scheme, c)
				switch failure.Of(err) {
				case failure.ReasonTooLarge, failure.ReasonStartTLSProtocol, failure.ReasonStartTLSNotOffered, failure.ReasonStartTLSRefused:
				default:
					t.Errorf("%s with %s without end: error is %v", s.name, name, err)
				}
				if c.heard > starttls.MaxDialogue {
					t.Errorf("%s with %s without end: %d bytes were read", s.name, name, c.heard)
				}
			}
		}
	}
}

// A server that is gone when the client wants to speak is told as such.
func TestNobodyListens(t *testing.T) {
	for _, s := range successes(t) {
		c := s.merged().scripted(starttls.MaxDialogue)
		for deaf := range len(c.turns) - 1 {
			c := s.merged().scripted(starttls.MaxDialogue)
			c.hears = deaf
			if _, err := startWith(s.scheme, c); !errors.Is(err, syscall.EPIPE) || !strings.HasPrefix(err.Error(), "asking for ") {
				t.Errorf("%s, deaf after %d turns: error is %v", s.name, deaf, err)
			}
		}
	}
}

// startWith holds the dialogue of a scheme over a connection.
func startWith(s target.Scheme, c net.Conn) (net.Conn, error) {
	return starttls.Start(c, &target.Target{Scheme: s, Host: "localhost"}, "")
}

// scriptedConn is a server in memory that says one turn, and the next when the
// client has spoken. Its reads fail as a deadline does where a server waits.
type scriptedConn struct {
	net.Conn
	turns   [][]byte // what is still to be said
	arrived []byte
	piece   int // the most that one read returns
	breakAt int // where a read ends, of the last turn; 0: nowhere
	hears   int // how often the client may still speak
	heard   int
	said    []byte
}

// scripted is a transcript as such a server, with something of its own to say
// after the client's last words, which it takes for a ClientHello.
func (s transcript) scripted(piece int) *scriptedConn {
	c := &scriptedConn{piece: piece, hears: len(s.lines) + 1}
	var turn []byte
	for i, line := range s.lines {
		if line.server {
			turn = append(turn, line.words...)
		} else if i == 0 || s.lines[i-1].server {
			c.turns, turn = append(c.turns, turn), nil
		}
	}
	c.turns = append(c.turns, turn, []byte(serverHello))
	c.next()
	return c
}

const serverHello = "\x16\x03\x03\x00\x04\x0e\x00\x00\x00"

func (c *scriptedConn) next() {
	if len(c.turns) > 0 {
		c.arrived, c.turns = append(c.arrived, c.turns[0]...), c.turns[1:]
	}
}

func (c *scriptedConn) Read(b []byte) (int, error) {
	if len(c.arrived) == 0 && len(c.turns) == 0 {
		return 0, io.EOF
	}
	if len(c.arrived) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(b[:min(len(b), c.piece)], c.arrived)
	if c.breakAt > 0 && len(c.turns) <= 1 {
		n = min(n, c.breakAt)
		c.breakAt -= n
	}
	c.arrived = c.arrived[n:]
	c.heard += n
	return n, nil
}

func (c *scriptedConn) Write(b []byte) (int, error) {
	if c.hears == 0 {
		return 0, syscall.EPIPE
	}
	c.hears--
	c.said = append(c.said, b...)
	c.next()
	return len(b), nil
}

func (c *scriptedConn) Pending() bool { return len(c.arrived) > 0 }

// leftForTLS wants everything of the dialogue read, and nothing of what follows.
func (c *scriptedConn) leftForTLS(t *testing.T, carrier net.Conn, s transcript) {
	t.Helper()
	if len(c.arrived) > 0 {
		t.Errorf("%s: %q was not read", s.name, c.arrived)
	}
	carrier.Write([]byte("ClientHello"))
	answer, err := io.ReadAll(carrier)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) || string(answer) != serverHello {
		t.Errorf("%s: after the ClientHello comes %q, %v", s.name, answer, err)
	}
}

// Every dialogue is fuzzed on its own, beginning with its transcripts.
func FuzzSMTP(f *testing.F)       { fuzzDialogue(f, "smtp") }
func FuzzLMTP(f *testing.F)       { fuzzDialogue(f, "lmtp") }
func FuzzIMAP(f *testing.F)       { fuzzDialogue(f, "imap") }
func FuzzPOP3(f *testing.F)       { fuzzDialogue(f, "pop3") }
func FuzzFTP(f *testing.F)        { fuzzDialogue(f, "ftp") }
func FuzzNNTP(f *testing.F)       { fuzzDialogue(f, "nntp") }
func FuzzSieve(f *testing.F)      { fuzzDialogue(f, "sieve") }
func FuzzIRC(f *testing.F)        { fuzzDialogue(f, "irc") }
func FuzzXMPPClient(f *testing.F) { fuzzDialogue(f, "xmpp-client") }
func FuzzXMPPServer(f *testing.F) { fuzzDialogue(f, "xmpp-server") }
func FuzzLDAP(f *testing.F)       { fuzzDialogue(f, "ldap") }
func FuzzPostgres(f *testing.F)   { fuzzDialogue(f, "postgres") }
func FuzzMySQL(f *testing.F)      { fuzzDialogue(f, "mysql") }
func FuzzRDP(f *testing.F)        { fuzzDialogue(f, "rdp") }
func FuzzTDS(f *testing.F)        { fuzzDialogue(f, "mssql") }

// turnEnds parts the turns of a server in the input of the fuzzer.
const turnEnds = "\xff\x00\xff"

// fuzzDialogue lets a server say anything. A dialogue that comes to TLS has read
// all that the server said until then, and nothing of what it says to our
// ClientHello; one that does not, fails for a reason of the vocabulary.
func fuzzDialogue(f *testing.F, scheme target.Scheme) {
	for _, s := range transcripts(f) {
		if s.scheme == scheme {
			c := s.scripted(1)
			turns := append([][]byte{c.arrived}, c.turns[:len(c.turns)-1]...)
			f.Add(bytes.Join(turns, []byte(turnEnds)), uint16(1))
			f.Add(bytes.Join(turns, []byte(turnEnds)), uint16(starttls.MaxLine))
		}
	}
	f.Fuzz(func(t *testing.T, server []byte, piece uint16) {
		c := &scriptedConn{turns: append(bytes.Split(server, []byte(turnEnds)), []byte(serverHello)), piece: max(1, int(piece)), hears: 10}
		c.next()
		carrier, err := startWith(scheme, c)
		if c.heard > starttls.MaxDialogue || len(c.said) > 1<<10 {
			t.Errorf("%d bytes were read, and %d said", c.heard, len(c.said))
		}
		if err == nil {
			c.turns = [][]byte{[]byte(serverHello)} // the dialogue was shorter than the input
			c.leftForTLS(t, carrier, transcript{name: string(scheme)})
			return
		}
		if !slices.Contains(endsOfDialogues, failure.Of(err)) {
			t.Errorf("%v is %s", err, failure.Of(err))
		}
		if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("the error is not fit to be shown: %q", err)
		}
	})
}

var endsOfDialogues = []failure.Reason{failure.ReasonStartTLSNotOffered, failure.ReasonStartTLSRefused, failure.ReasonStartTLSProtocol, failure.ReasonTooLarge, failure.ReasonTimeout, failure.ReasonClosed}

func TestDomain(t *testing.T) {
	for name, want := range map[string]string{
		"probe.example.com": "probe.example.com",
		"192.0.2.7":         "[192.0.2.7]",
		"2001:db8::1":       "[IPv6:2001:db8::1]",
	} {
		if got := starttls.Domain(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
