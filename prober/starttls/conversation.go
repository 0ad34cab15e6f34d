package starttls

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/text"
)

// conversation is what client and server send before TLS.
type conversation struct {
	conn       net.Conn
	transport  net.Conn      // TLS runs over it
	in         *bufio.Reader // reads from the conversation, which counts
	firstByte  byte          // of the server
	received   int           // bytes of the server
	readErr    error         // of the last read from conn
	awaited    string        // what the server sends next, for messages
	quit       string        // ends the session of a server that does not start TLS; empty: nothing does
	clientName string
	serverName string // as in SNI
}

func newConversation(conn net.Conn) *conversation {
	c := &conversation{conn: conn, transport: conn, awaited: "the greeting"}
	c.in = bufio.NewReaderSize(c, maxMessage)
	return c
}

// Read fills the buffer. It fails after maxDialogue bytes.
func (c *conversation) Read(b []byte) (int, error) {
	if c.received == maxDialogue {
		c.readErr = failure.New(failure.ReasonTooLarge, "the server sent more than %d bytes before TLS", maxDialogue)
		return 0, c.readErr
	}
	n, err := c.conn.Read(b[:min(len(b), maxDialogue-c.received)])
	if n > 0 && c.received == 0 {
		c.firstByte = b[0]
	}
	c.received += n
	c.readErr = err
	return n, err
}

// send sends a request. Its name is for messages.
func (c *conversation) send(request, name string) error {
	c.awaited = "the answer to " + name
	if _, err := io.WriteString(c.conn, request); err != nil {
		return fmt.Errorf("sending %s: %w", name, err)
	}
	return nil
}

// command sends a line.
func (c *conversation) command(line string) error {
	name, _, _ := strings.Cut(line, " ")
	return c.send(line+"\r\n", name)
}

// waiting is the error for an answer that did not arrive.
func (c *conversation) waiting(err error) error {
	return fmt.Errorf("waiting for %s: %w", c.awaited, err)
}

// read returns the next n bytes, at most maxMessage.
func (c *conversation) read(n int) ([]byte, error) {
	if n > maxMessage {
		return nil, c.waiting(failure.New(failure.ReasonTooLarge, "the server announced a message of %d bytes before TLS, where %d are allowed", n, maxMessage))
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c.in, b); err != nil {
		return nil, c.waiting(err)
	}
	return b, nil
}

// line returns the next line, of at most maxMessage bytes, without its end.
func (c *conversation) line() (string, error) {
	b, err := c.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = failure.New(failure.ReasonTooLarge, "the server sent a line of more than %d bytes before TLS", maxMessage)
	}
	if err != nil {
		return "", c.waiting(err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// dotLines returns the lines before the next one that is a dot (RFC 1939 section 3, RFC
// 3977 section 3.1.1).
func (c *conversation) dotLines() ([]string, error) {
	var lines []string
	for {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		if line == "." {
			return lines, nil
		}
		lines = append(lines, line)
	}
}

// lists tells whether a word is the first of one of the lines, in either case.
func lists(lines []string, word string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return firstWordIs(line, word) })
}

func firstWordIs(line, word string) bool {
	first, _, _ := strings.Cut(line, " ")
	return strings.EqualFold(first, word)
}

// rejectInjection fails where the server sent anything after its answer. The client
// has not sent a ClientHello yet, so it is plaintext, which an attacker between client
// and server may have inserted to have it read as part of the TLS session: the client's
// half of CVE-2011-0411. Bytes that came with the answer are in the buffer. Later ones
// may be in the system's buffer, which is checked without reading or waiting. Bytes that
// arrive after that make the handshake fail.
func (c *conversation) rejectInjection() error {
	if n := c.in.Buffered(); n > 0 {
		extra, _ := c.in.Peek(n)
		return failure.New(failure.ReasonStartTLSInjection, "plaintext injection: the server sent %s after its answer and before TLS", text.Quote(string(extra)))
	}
	if pending(c.conn) {
		return failure.New(failure.ReasonStartTLSInjection, "plaintext injection: the server sent more bytes after its answer and before TLS")
	}
	return nil
}

// pending tells whether bytes of the server can be read at once, as far as the
// connection and the system know.
func pending(conn net.Conn) bool {
	p, ok := conn.(interface{ Pending() bool })
	return ok && p.Pending()
}

// sendQuit ends the session with a server that completed its side of the dialogue. The
// answer is not read. The command fits into the system's buffer, so this does not block.
func (c *conversation) sendQuit(err error) {
	if reason := failure.Of(err); (reason == failure.ReasonStartTLSNotOffered || reason == failure.ReasonStartTLSRefused) && c.quit != "" {
		io.WriteString(c.conn, c.quit) // a server that has closed the connection needs no QUIT
	}
}

// explainAlert recognises a server that expects a ClientHello: it answers the client's
// request with a TLS alert. No protocol here begins with that byte.
func (c *conversation) explainAlert(err error) error {
	if c.firstByte == recordTypeAlert {
		return protocolError("the server answered with a TLS alert: on this port TLS starts at once, which needs another scheme: %v", err)
	}
	return err
}

const recordTypeAlert = 21 // RFC 8446 section 5.1
