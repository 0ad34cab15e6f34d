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

// The tests in this file use a server in memory. It sends its bytes in pieces of any
// size, and counts what was read.

// A dialogue ends the same way whether bytes arrive one by one or all at once, and it
// leaves the bytes of TLS.
func TestInPieces(t *testing.T) {
	for _, s := range transcripts(t) {
		for _, piece := range []int{1, 2, 7, starttls.MaxDialogue} {
			c := s.scripted(piece)
			transport, err := startWith(s.scheme, c)
			if err != nil {
				if got := failure.Of(err); got != s.reason {
					t.Errorf("%s in pieces of %d: %v is %s, want %q", s.name, piece, err, got, s.reason)
				}
				continue
			}
			if s.reason != "" {
				t.Errorf("%s in pieces of %d succeeds", s.name, piece)
			}
			c.checkTLSFollows(t, transport, s)
		}
	}
}

// Bytes that arrive after the answer was read and before the ClientHello are an
// injection too.
func TestInjectionInAnotherPiece(t *testing.T) {
	for _, s := range successes(t) {
		c := s.merged().scripted(starttls.MaxDialogue)
		last := &c.turns[len(c.turns)-2]
		const injected = "250 OK\r\n"
		c.apart = len(injected)
		*last = append(*last, injected...)
		if _, err := startWith(s.scheme, c); err == nil || !strings.Contains(err.Error(), "plaintext injection: the server sent more bytes") {
			t.Errorf("%s: error is %v", s.name, err)
		}
	}
}

// The bound on a dialogue holds for a server whose line, list or XML never ends.
func TestEndless(t *testing.T) {
	for _, s := range successes(t) {
		for i, line := range s.lines {
			if !line.server || len(line.data) < 4 {
				continue
			}
			for name, endless := range map[string][]byte{
				"a line":   bytes.Repeat([]byte("x"), 2*starttls.MaxDialogue),
				"lines":    bytes.Repeat(line.data, 2*starttls.MaxDialogue/len(line.data)),
				"elements": bytes.Repeat([]byte("<x>"), 2*starttls.MaxDialogue/3),
			} {
				script := s.before(i)
				script.lines = append(cloned(script.lines), transcriptLine{true, append(bytes.Clone(line.data[:len(line.data)/2]), endless...)})
				c := script.scripted(starttls.MaxDialogue)
				_, err := startWith(s.scheme, c)
				switch failure.Of(err) {
				case failure.ReasonTooLarge, failure.ReasonStartTLSProtocol, failure.ReasonStartTLSInjection, failure.ReasonStartTLSNotOffered, failure.ReasonStartTLSRefused:
				default:
					t.Errorf("%s with %s without end: error is %v", s.name, name, err)
				}
				if c.received > starttls.MaxDialogue {
					t.Errorf("%s with %s without end: %d bytes were read", s.name, name, c.received)
				}
			}
		}
	}
}

// No line is longer than the bound, also where a dialogue has room for it.
func TestLongLine(t *testing.T) {
	for length, want := range map[int]failure.Reason{
		starttls.MaxMessage:     failure.ReasonTimeout, // the server waits for EHLO
		starttls.MaxMessage + 1: failure.ReasonTooLarge,
	} {
		greeting := "220 " + strings.Repeat("x", length-len("220 \r\n")) + "\r\n"
		c := &scriptedConn{turns: [][]byte{[]byte(greeting), nil, nil}, piece: starttls.MaxDialogue, writes: 1}
		c.next()
		if _, err := startWith("smtp", c); failure.Of(err) != want {
			t.Errorf("a line of %d bytes: error is %v, want %s", length, err, want)
		}
	}
}

// The error of a write says what the client was sending.
func TestWriteFails(t *testing.T) {
	for _, s := range successes(t) {
		c := s.merged().scripted(starttls.MaxDialogue)
		for writes := range len(c.turns) - 1 {
			c := s.merged().scripted(starttls.MaxDialogue)
			c.writes = writes
			if _, err := startWith(s.scheme, c); !errors.Is(err, syscall.EPIPE) || !strings.HasPrefix(err.Error(), "sending ") {
				t.Errorf("%s, after %d writes: error is %v", s.name, writes, err)
			}
		}
	}
}

// startWith holds the dialogue of a scheme over a connection.
func startWith(s target.Scheme, c net.Conn) (net.Conn, error) {
	return starttls.Start(c, &target.Target{Scheme: s, Host: "localhost"}, "")
}

// scriptedConn is a connection to a server in memory. The server sends the first turn,
// and the next one after each write of the client. Where it waits for the client, reads
// fail as at a deadline.
type scriptedConn struct {
	net.Conn
	turns    [][]byte // what the server has not sent yet
	arrived  []byte   // what the client has not read yet
	piece    int      // the most bytes that one read returns
	apart    int      // how many bytes at the end of the last turn come in another read
	writes   int      // how many more writes succeed
	received int      // bytes that the client has read
	written  []byte
}

// scripted is a transcript as such a connection. After the client's last line, the
// server answers one more write, the ClientHello.
func (s transcript) scripted(piece int) *scriptedConn {
	c := &scriptedConn{piece: piece, writes: len(s.lines) + 1}
	var turn []byte
	for i, line := range s.lines {
		if line.server {
			turn = append(turn, line.data...)
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
	if len(c.turns) <= 1 && len(c.arrived) > c.apart {
		n = min(n, len(c.arrived)-c.apart)
	}
	c.arrived = c.arrived[n:]
	c.received += n
	return n, nil
}

func (c *scriptedConn) Write(b []byte) (int, error) {
	if c.writes == 0 {
		return 0, syscall.EPIPE
	}
	c.writes--
	c.written = append(c.written, b...)
	c.next()
	return len(b), nil
}

func (c *scriptedConn) Pending() bool { return len(c.arrived) > 0 }

// checkTLSFollows checks that all of the dialogue was read, and nothing after it.
func (c *scriptedConn) checkTLSFollows(t *testing.T, transport net.Conn, s transcript) {
	t.Helper()
	if len(c.arrived) > 0 {
		t.Errorf("%s: %q was not read", s.name, c.arrived)
	}
	transport.Write([]byte("ClientHello"))
	answer, err := io.ReadAll(transport)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) || string(answer) != serverHello {
		t.Errorf("%s: the answer to the ClientHello is %q, %v", s.name, answer, err)
	}
}

// Every dialogue is fuzzed on its own, with its transcripts as seeds.
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

// turnEnd separates the turns of the server in the input of the fuzzer.
const turnEnd = "\xff\x00\xff"

// fuzzDialogue has a server send any bytes. A dialogue that succeeds has read all bytes
// that the server sent before the ClientHello, and none of its answer to it. A dialogue
// that fails has a reason of the vocabulary.
func fuzzDialogue(f *testing.F, scheme target.Scheme) {
	for _, s := range transcripts(f) {
		if s.scheme == scheme {
			c := s.scripted(1)
			turns := append([][]byte{c.arrived}, c.turns[:len(c.turns)-1]...)
			f.Add(bytes.Join(turns, []byte(turnEnd)), uint16(1))
			f.Add(bytes.Join(turns, []byte(turnEnd)), uint16(starttls.MaxMessage))
		}
	}
	f.Fuzz(func(t *testing.T, server []byte, piece uint16) {
		c := &scriptedConn{turns: append(bytes.Split(server, []byte(turnEnd)), []byte(serverHello)), piece: max(1, int(piece)), writes: 10}
		c.next()
		transport, err := startWith(scheme, c)
		if c.received > starttls.MaxDialogue || len(c.written) > 1<<10 {
			t.Errorf("%d bytes were read, and %d written", c.received, len(c.written))
		}
		if err == nil {
			c.turns = [][]byte{[]byte(serverHello)} // the dialogue was shorter than the input
			c.checkTLSFollows(t, transport, transcript{name: string(scheme)})
			return
		}
		if !slices.Contains(dialogueReasons, failure.Of(err)) {
			t.Errorf("%v is %s", err, failure.Of(err))
		}
		if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("the error has characters that are not printable: %q", err)
		}
	})
}

var dialogueReasons = []failure.Reason{failure.ReasonStartTLSNotOffered, failure.ReasonStartTLSRefused, failure.ReasonStartTLSProtocol, failure.ReasonStartTLSInjection, failure.ReasonTooLarge, failure.ReasonTimeout, failure.ReasonClosed}
