// Package starttls holds the dialogues in the clear that come before TLS, one for
// each protocol.
package starttls

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// dialogue leads a conversation in the clear to where TLS starts. Each is one
// function, and has its row in dialogues. The rules are:
//
//   - When it returns nil, the server waits for our ClientHello. It may
//     therefore read through a buffer: what is in there by then is no TLS.
//   - Everything is read through c, which bounds it: in bytes by maxDialogue
//     and maxLine, in time by the deadline on the connection.
//   - It fails with notOffered, refused or garbled, or with what c returned.
//   - c.goodbye is what a server understands that does not start TLS.
type dialogue func(c *cleartext) error

// Bounds on what a server says before TLS. Greetings with a company's terms of
// use come to a few kilobytes, lists of capabilities to one.
const (
	maxDialogue = 32 << 10
	maxLine     = 4 << 10 // also of one message in a binary protocol
)

// Start holds the dialogue of the target's scheme over conn, as a client with
// the name self (empty: a reserved name). It returns the connection that TLS is to
// run over, and has read nothing that belongs to TLS. Its errors carry their
// reason.
func Start(conn net.Conn, t *target.Target, self string) (net.Conn, error) {
	c := newCleartext(conn)
	c.self, c.server = cmp.Or(self, reservedName), t.Name()
	err := dialogues[t.Scheme].dialogue(c)
	if err == nil {
		err = c.quiet()
	}
	if err != nil {
		c.leave(err)
		return nil, c.explain(err)
	}
	return c.carrier, nil
}

// dialogues are those of the schemes that start in the clear, and what each
// follows.
var dialogues = map[target.Scheme]struct {
	dialogue dialogue
	spec     string
}{
	"smtp":        {smtp, "RFC 3207"},
	"submission":  {smtp, "RFC 3207"},
	"imap":        {imap, "RFC 9051"},
	"pop3":        {pop3, "RFC 2595"},
	"ftp":         {ftp, "RFC 4217"},
	"ldap":        {ldap, "RFC 4511"},
	"postgres":    {postgres, "PostgreSQL, SSLRequest"},
	"mysql":       {mysql, "MySQL and MariaDB, SSLRequest"},
	"nntp":        {nntp, "RFC 4642"},
	"sieve":       {sieve, "RFC 5804"},
	"lmtp":        {lmtp, "RFC 2033"},
	"xmpp-client": {xmppClient, "RFC 6120"},
	"xmpp-server": {xmppServer, "RFC 6120"},
	"irc":         {irc, "IRCv3 tls"},
	"rdp":         {rdp, "MS-RDPBCGR"},
	"mssql":       {mssql, "MS-TDS"},
}

// reservedName is the client's name where the module sets none. A host name would
// tell strangers about the exporter's network, and is often not accepted: RFC 5321
// section 4.1.1.1 wants a fully qualified one. RFC 6761 section 6.4 keeps this one
// from ever being registered; the operator who finds it in a log knows where it
// comes from.
const reservedName = "tls-exporter.invalid"

// cleartext is the conversation before TLS.
type cleartext struct {
	conn    net.Conn
	carrier net.Conn      // what TLS will run over
	in      *bufio.Reader // reads from the cleartext itself
	first   byte          // the server's first one
	heard   int           // how many bytes the server has said
	broken  error         // why no more can be read
	awaited string        // what the server has to say next, for people
	goodbye string        // for a server that does not start TLS
	self    string        // who we say we are
	server  string        // the name of the server, as in SNI
}

func newCleartext(conn net.Conn) *cleartext {
	c := &cleartext{conn: conn, carrier: conn, awaited: "the greeting"}
	c.in = bufio.NewReaderSize(c, maxLine)
	return c
}

// Read is for the buffer. It ends at maxDialogue.
func (c *cleartext) Read(b []byte) (int, error) {
	if c.heard == maxDialogue {
		c.broken = failure.New(failure.ReasonTooLarge, "the server said too much before TLS: more than %d bytes", maxDialogue)
		return 0, c.broken
	}
	n, err := c.conn.Read(b[:min(len(b), maxDialogue-c.heard)])
	if n > 0 && c.heard == 0 {
		c.first = b[0]
	}
	c.heard += n
	c.broken = err
	return n, err
}

// say sends our words and notes what has to follow them.
func (c *cleartext) say(words, awaited string) error {
	c.awaited = awaited
	if _, err := io.WriteString(c.conn, words); err != nil {
		return fmt.Errorf("asking for %s: %w", awaited, err)
	}
	return nil
}

// lost is the error for what did not come.
func (c *cleartext) lost(err error) error { return fmt.Errorf("waiting for %s: %w", c.awaited, err) }

// read returns the next n bytes, of which there may be maxLine.
func (c *cleartext) read(n int) ([]byte, error) {
	if n > maxLine {
		return nil, c.lost(failure.New(failure.ReasonTooLarge, "the server said too much before TLS: %d bytes at once", n))
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c.in, b); err != nil {
		return nil, c.lost(err)
	}
	return b, nil
}

// line returns the next line without its end.
func (c *cleartext) line() (string, error) {
	b, err := c.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = failure.New(failure.ReasonTooLarge, "the server said too much before TLS: a line of more than %d bytes", maxLine)
	}
	if err != nil {
		return "", c.lost(err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// quiet makes sure that the server said nothing after its go-ahead. The
// ClientHello is not sent yet, so anything that is there is plaintext, which
// somebody on the way could have put in front of the TLS session: the client's
// half of CVE-2011-0411. What came with the go-ahead is in the buffer; what
// came after it is looked for in the system's, without taking it and without
// waiting. What arrives later still is for the handshake to stumble over.
func (c *cleartext) quiet() error {
	if n := c.in.Buffered(); n > 0 {
		extra, _ := c.in.Peek(n)
		return garbled("plaintext injection: %s came after the go-ahead and before TLS", text.Quote(string(extra)))
	}
	if pending(c.conn) {
		return garbled("plaintext injection: more bytes came after the go-ahead and before TLS")
	}
	return nil
}

// pending tells whether the peer's bytes wait to be read, as far as the
// connection and the system can tell that at once.
func pending(conn net.Conn) bool {
	p, ok := conn.(interface{ Pending() bool })
	return ok && p.Pending()
}

// leave says goodbye to a server that spoke its protocol to the end. Nobody
// waits for the answer; the words fit into the system's buffer.
func (c *cleartext) leave(err error) {
	if reason := failure.Of(err); (reason == failure.ReasonStartTLSNotOffered || reason == failure.ReasonStartTLSRefused) && c.goodbye != "" {
		io.WriteString(c.conn, c.goodbye) // who has hung up misses nothing
	}
}

// explain tells what the server's first byte gives away: one that waited for a
// ClientHello answers our words with a TLS alert. No protocol here begins so.
func (c *cleartext) explain(err error) error {
	if c.first == recordTypeAlert {
		return garbled("the server answers with a TLS alert, so TLS starts at once here, and another scheme fits: %v", err)
	}
	return err
}

const recordTypeAlert = 21 // RFC 8446 section 5.1

func notOffered(format string, args ...any) error {
	return failure.New(failure.ReasonStartTLSNotOffered, format, args...)
}

func refused(format string, args ...any) error {
	return failure.New(failure.ReasonStartTLSRefused, format, args...)
}

func garbled(format string, args ...any) error {
	return failure.New(failure.ReasonStartTLSProtocol, format, args...)
}
