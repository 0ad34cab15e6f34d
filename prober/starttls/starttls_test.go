package starttls_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
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

// transcript is a dialogue of testdata. The first line of its file says
// how it ends: success, after which TLS starts, or the reason for a failure. The
// scheme is the first word of the file's name. Lines in hexadecimal are for the
// protocols that talk in bytes, those of XMPP stand as they are, and all others
// end with CRLF.
type transcript struct {
	name   string
	scheme target.Scheme
	reason failure.Reason // empty: success
	lines  []spoken
}

// spoken is what one side says.
type spoken struct {
	server bool
	words  []byte
}

func transcripts(t testing.TB) []transcript {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	all := make([]transcript, len(files))
	for i, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if all[i], err = parseTranscript(strings.TrimSuffix(filepath.Base(file), ".txt"), string(content)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return all
}

func parseTranscript(name, content string) (transcript, error) {
	scheme, _, _ := strings.Cut(name, ".")
	lines := strings.Split(strings.TrimSuffix(content, "\n"), "\n")
	s := transcript{name: name, scheme: target.Scheme(scheme), reason: failure.Reason(lines[0])}
	if s.reason == "success" {
		s.reason = ""
	}
	for _, line := range lines[1:] {
		if strings.HasPrefix(line, "#") {
			continue
		}
		side, words, _ := strings.Cut(line, ":")
		raw, err := s.raw(strings.TrimPrefix(words, " "))
		if err != nil || side != "S" && side != "C" {
			return s, fmt.Errorf("%q: %v", line, err)
		}
		s.lines = append(s.lines, spoken{side == "S", raw})
	}
	return s, nil
}

// raw is a line as it goes over the wire.
func (s transcript) raw(words string) ([]byte, error) {
	switch s.scheme {
	case "ldap", "postgres", "mysql", "rdp", "mssql":
		digits, _, _ := strings.Cut(words, "#")
		return hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(digits), " ", ""))
	case "xmpp-client", "xmpp-server":
		return []byte(words), nil
	}
	return []byte(words + "\r\n"), nil
}

// play is the server's side: it says its lines, and wants to hear the client's.
func (s transcript) play(c net.Conn) error {
	for i, line := range s.lines {
		if line.server {
			if _, err := c.Write(line.words); err != nil {
				return err
			}
			continue
		}
		heard := make([]byte, len(line.words))
		if n, err := io.ReadFull(c, heard); err != nil || !bytes.Equal(heard, line.words) {
			return fmt.Errorf("line %d: the client says %q, %v; want %q", i, heard[:n], err, line.words)
		}
	}
	return nil
}

// before is the dialogue up to what the server says in its n-th line.
func (s transcript) before(n int) transcript {
	s.lines = s.lines[:n]
	return s
}

// endingWith is the dialogue with something else as the server's last words.
func (s transcript) endingWith(change func(last []byte) []byte) transcript {
	s.lines = cloned(s.lines)
	for i := len(s.lines) - 1; i >= 0; i-- {
		if s.lines[i].server {
			s.lines[i].words = change(s.lines[i].words)
			return s
		}
	}
	return s
}

func cloned(lines []spoken) []spoken {
	all := make([]spoken, len(lines))
	for i, line := range lines {
		all[i] = spoken{line.server, bytes.Clone(line.words)}
	}
	return all
}

// successes are the dialogues from which the tests below make ill ones.
func successes(t testing.TB) []transcript {
	var all []transcript
	for _, s := range transcripts(t) {
		if s.reason == "" {
			all = append(all, s)
		}
	}
	return all
}

// Every dialogue ends as its file says. One that succeeds goes on with a real
// handshake on the same connection; one that fails leaves with the goodbye that
// stands in the file, and says nothing more.
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
					return carrier(s.scheme, c)
				}
				if err == nil && s.reason != failure.ReasonClosed {
					err = silence(c)
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

// localhost is what XMPP asks for by name, at an address that needs no resolver.
func localhost(t *testing.T, s target.Scheme, addr string) target.Target {
	t.Helper()
	to := probetest.Target(t, string(s)+"://localhost")
	to.Address = netip.MustParseAddrPort(addr)
	return to
}

// carrier is what TLS runs over.
func carrier(s target.Scheme, c net.Conn) net.Conn {
	if s == "mssql" {
		return tlstest.TDS(c)
	}
	return c
}

// silence wants the client to leave without another word. It may leave before it
// has read all that was said to it; then the connection ends with a reset.
func silence(c net.Conn) error {
	more, err := io.ReadAll(io.LimitReader(c, 1<<10))
	if err != nil && !errors.Is(err, syscall.ECONNRESET) || len(more) > 0 {
		return fmt.Errorf("at the end the client says %q, %v", more, err)
	}
	return nil
}

// Every dialogue has transcripts that succeed and that fail in each way that it
// has, and every scheme of a dialogue says what it follows.
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
			t.Errorf("%s starts in the clear: %v, and has a dialogue: %v", scheme, scheme.StartTLS(), ok)
		}
		if !ok {
			continue
		}
		if spec == "" {
			t.Errorf("%s follows nothing", scheme)
		}
		for _, reason := range []failure.Reason{"", failure.ReasonStartTLSNotOffered, failure.ReasonStartTLSRefused, failure.ReasonStartTLSProtocol} {
			if !reasons[scheme][reason] {
				t.Errorf("%s has no transcript that ends with %q", scheme, reason)
			}
		}
	}
}

// dialogueCase is a server that does not come to TLS.
type dialogueCase struct {
	name   string
	scheme target.Scheme
	accept func(context.Context, net.Conn)
	reason failure.Reason
	says   string
}

// probeAll probes all servers at once, since many of them only end at the
// deadline.
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
			if f := r.Failure; f == nil || f.Phase != failure.PhaseStartTLS || f.Reason != c.reason || !strings.Contains(f.Err.Error(), c.says) {
				t.Errorf("%s: failure is %+v, want %s with %q", c.name, f, c.reason, c.says)
			}
		})
	}
	group.Wait()
}

// A server may hang before any of its lines, or in the middle of one.
func TestDialogueHangs(t *testing.T) {
	t.Parallel()
	var cases []dialogueCase
	eachServerLine(t, func(s transcript, i int) {
		for _, part := range s.interrupted(i) {
			cases = append(cases, dialogueCase{
				name: fmt.Sprintf("%s hangs in line %d", s.name, i), scheme: s.scheme, reason: failure.ReasonTimeout, says: "waiting for ",
				accept: func(_ context.Context, c net.Conn) {
					part.play(c)
					io.Copy(io.Discard, c) // until the client gives up
				},
			})
		}
	})
	probeAll(t, 2*time.Second, cases)
}

// It may also hang up there.
func TestDialogueCloses(t *testing.T) {
	var cases []dialogueCase
	eachServerLine(t, func(s transcript, i int) {
		for _, part := range s.interrupted(i) {
			cases = append(cases, dialogueCase{
				name: fmt.Sprintf("%s closes in line %d", s.name, i), scheme: s.scheme, reason: failure.ReasonClosed, says: "waiting for ",
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

// interrupted is the dialogue without its line i, and with half of it.
func (s transcript) interrupted(i int) []transcript {
	whole := s.lines[i].words
	if len(whole) < 4 {
		return []transcript{s.before(i)}
	}
	half := s.before(i)
	half.lines = append(cloned(half.lines), spoken{true, whole[:len(whole)/2]})
	return []transcript{s.before(i), half}
}

// Whatever comes in one breath with the go-ahead was not said by TLS: this is
// CVE-2011-0411 from the client's side, also where it looks like a ServerHello.
func TestInjection(t *testing.T) {
	var cases []dialogueCase
	for _, s := range successes(t) {
		for _, injected := range []string{"250 OK\r\n", "\n", " ", "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03", strings.Repeat("x", 2*starttls.MaxLine)} {
			script := s.endingWith(func(last []byte) []byte { return append(last, injected...) })
			cases = append(cases, dialogueCase{
				name: fmt.Sprintf("%s with %.10q", s.name, injected), scheme: s.scheme, reason: failure.ReasonStartTLSProtocol, says: "plaintext injection: ",
				accept: func(_ context.Context, c net.Conn) {
					script.play(c)
					io.Copy(io.Discard, c)
				},
			})
		}
	}
	probeAll(t, 20*time.Second, cases)
}

// A server whose TLS starts at once answers the words of a client with an alert.
// Which scheme is right is not known here, but that this one is not.
func TestTLSInsteadOfADialogue(t *testing.T) {
	var cases []dialogueCase
	for _, s := range successes(t) {
		if s.lines[0].server {
			continue // both would wait
		}
		cases = append(cases, dialogueCase{
			name: s.name, scheme: s.scheme, reason: failure.ReasonStartTLSProtocol, says: "answers with a TLS alert",
			accept: func(_ context.Context, c net.Conn) {
				io.WriteString(c, "\x15\x03\x01\x00\x02\x02\x46")
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, c)
			},
		})
	}
	probeAll(t, 20*time.Second, cases)
}

// withoutTLS takes the offer out of what the server says before the client asks
// for TLS, or out of its answer where there is no list of capabilities.
var withoutTLS = map[target.Scheme]func([]byte) []byte{
	"smtp": replacing("STARTTLS", "STARTSLT"), "submission": replacing("STARTTLS", "STARTSLT"), "lmtp": replacing("STARTTLS", "STARTSLT"),
	"imap": replacing("STARTTLS", "STARTSLT"), "nntp": replacing("STARTTLS", "STARTSLT"), "sieve": replacing("STARTTLS", "STARTSLT"),
	"pop3": replacing("STLS", "STSL"), "irc": replacing("TLS", "SLT"), "ftp": replacing("234 ", "502 "),
	"xmpp-client": replacing("URN:IETF:PARAMS:XML:NS:XMPP-TLS", "slt"), "xmpp-server": replacing("URN:IETF:PARAMS:XML:NS:XMPP-TLS", "slt"),
	"ldap":     replacing("\x0a\x01\x00", "\x0a\x01\x02"),
	"postgres": replacing("S", "N"),
	"mysql":    clearing(starttls.MySQLSSL >> 8),
	"rdp":      replacing("\x08\x00\x01\x00\x00\x00", "\x08\x00\x00\x00\x00\x00", "\x08\x00\x02\x00\x00\x00", "\x08\x00\x00\x00\x00\x00"),
	"mssql":    replacing("\x00\x00\x01\x00\x00", "\x00\x00\x02\x00\x00", "\x06\xff\x03", "\x06\xff\x02"),
}

// replacing does so in either case of letters.
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

// clearing takes a bit out of the capabilities of MySQL's greeting.
func clearing(bit byte) func([]byte) []byte {
	return func(greeting []byte) []byte {
		greeting[5+bytes.IndexByte(greeting[5:], 0)+15] &^= bit
		return greeting
	}
}

// A server that does not offer TLS is left without asking for it.
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

// merged has the lines of one side together.
func (s transcript) merged() transcript {
	var lines []spoken
	for _, line := range cloned(s.lines) {
		if n := len(lines); n > 0 && lines[n-1].server == line.server {
			lines[n-1].words = append(lines[n-1].words, line.words...)
		} else {
			lines = append(lines, line)
		}
	}
	s.lines = lines
	return s
}

// offering changes what the server says up to the client's last question.
func (s transcript) offering(change func([]byte) []byte) transcript {
	last := len(s.lines) - 1
	for s.withList() && last > 0 && s.lines[last].server {
		last--
	}
	for i, line := range s.lines {
		if line.server && (i < last || !s.withList()) {
			s.lines[i].words = change(line.words)
		}
	}
	if s.withList() {
		s.lines = s.lines[:last]
	}
	return s
}

// withList tells whether the server lists what it can do.
func (s transcript) withList() bool {
	switch s.scheme {
	case "ftp", "ldap", "postgres", "mysql", "rdp", "mssql":
		return false
	}
	return true
}

// The README names every scheme, with its port, and what its dialogue follows.
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
