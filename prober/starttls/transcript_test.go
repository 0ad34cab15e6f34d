package starttls_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
)

// transcript is a dialogue of testdata. The scheme is the first word of the file's name.
// The first line of the file is how the dialogue ends: success, after which TLS starts,
// or the reason of the failure. The lines of binary protocols are in hexadecimal, those
// of XMPP are as sent, and all others are without their CRLF.
type transcript struct {
	name   string
	scheme target.Scheme
	reason failure.Reason // empty: success
	lines  []transcriptLine
}

// transcriptLine is what one side sends.
type transcriptLine struct {
	server bool
	data   []byte
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
		side, content, _ := strings.Cut(line, ":")
		data, err := s.onWire(strings.TrimPrefix(content, " "))
		if err != nil || side != "S" && side != "C" {
			return s, fmt.Errorf("%q: %v", line, err)
		}
		s.lines = append(s.lines, transcriptLine{side == "S", data})
	}
	return s, nil
}

// onWire is the bytes of a line.
func (s transcript) onWire(line string) ([]byte, error) {
	switch s.scheme {
	case "ldap", "postgres", "mysql", "rdp", "mssql":
		digits, _, _ := strings.Cut(line, "#")
		return hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(digits), " ", ""))
	case "xmpp-client", "xmpp-server":
		return []byte(line), nil
	}
	return []byte(line + "\r\n"), nil
}

// play is the server's side: it sends its lines, and compares what the client sends.
func (s transcript) play(c net.Conn) error {
	for i, line := range s.lines {
		if line.server {
			if _, err := c.Write(line.data); err != nil {
				return err
			}
			continue
		}
		got := make([]byte, len(line.data))
		if n, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, line.data) {
			return fmt.Errorf("line %d: the client sent %q, %v; want %q", i, got[:n], err, line.data)
		}
	}
	return nil
}

// before is the dialogue without its lines from n.
func (s transcript) before(n int) transcript {
	s.lines = s.lines[:n]
	return s
}

// endingWith is the dialogue with another last line of the server.
func (s transcript) endingWith(change func(last []byte) []byte) transcript {
	s.lines = cloned(s.lines)
	for i := len(s.lines) - 1; i >= 0; i-- {
		if s.lines[i].server {
			s.lines[i].data = change(s.lines[i].data)
			return s
		}
	}
	return s
}

func cloned(lines []transcriptLine) []transcriptLine {
	all := make([]transcriptLine, len(lines))
	for i, line := range lines {
		all[i] = transcriptLine{line.server, bytes.Clone(line.data)}
	}
	return all
}

// successes are the dialogues that end in TLS. Tests make faulty ones of them.
func successes(t testing.TB) []transcript {
	var all []transcript
	for _, s := range transcripts(t) {
		if s.reason == "" {
			all = append(all, s)
		}
	}
	return all
}

// interrupted is the dialogue that ends before line i, and the one that ends within it.
func (s transcript) interrupted(i int) []transcript {
	whole := s.lines[i].data
	if len(whole) < 4 {
		return []transcript{s.before(i)}
	}
	half := s.before(i)
	half.lines = append(cloned(half.lines), transcriptLine{true, whole[:len(whole)/2]})
	return []transcript{s.before(i), half}
}

// merged is the dialogue with consecutive lines of one side joined.
func (s transcript) merged() transcript {
	var lines []transcriptLine
	for _, line := range cloned(s.lines) {
		if n := len(lines); n > 0 && lines[n-1].server == line.server {
			lines[n-1].data = append(lines[n-1].data, line.data...)
		} else {
			lines = append(lines, line)
		}
	}
	s.lines = lines
	return s
}

// offering changes what the server sends before the client's last request.
func (s transcript) offering(change func([]byte) []byte) transcript {
	last := len(s.lines) - 1
	for s.withList() && last > 0 && s.lines[last].server {
		last--
	}
	for i, line := range s.lines {
		if line.server && (i < last || !s.withList()) {
			s.lines[i].data = change(line.data)
		}
	}
	if s.withList() {
		s.lines = s.lines[:last]
	}
	return s
}

// withList tells whether the server sends a list of capabilities, and the client's
// request for TLS follows it. IRC's request does not wait for the list.
func (s transcript) withList() bool {
	switch s.scheme {
	case "ftp", "ldap", "postgres", "mysql", "rdp", "mssql", "irc":
		return false
	}
	return true
}
