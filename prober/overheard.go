package prober

import (
	"bytes"
	"crypto/aes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"time"

	"tls_exporter/prober/hello"
)

// overheard is a handshake of crypto/tls with what crypto/tls keeps to itself: what the
// server sent, and the secrets that open it.
type overheard struct {
	*tls.Conn
	wire    *watchedConn
	heard   *heardConn
	secrets *secretLog
	done    time.Time // when the handshake was done
}

// Record performs a handshake with crypto/tls over conn, with a change to the
// configuration of a target's handshakes, and records what crypto/tls does not
// show. The caller has to drop it.
func (c *tlsClient) Record(conn net.Conn, t *Target, adjust func(*tls.Config)) (*overheard, error) {
	r := &overheard{heard: &heardConn{Conn: conn}, secrets: new(secretLog)}
	r.wire = &watchedConn{Conn: r.heard}
	config := c.Config(t)
	config.KeyLogWriter = r.secrets
	adjust(config)
	r.Conn = tls.Client(r.wire, config)
	if err := r.Handshake(); err != nil {
		conn.Close()
		return nil, err
	}
	unwrap(conn)
	r.done = time.Now()
	return r, nil
}

// heardConn keeps what is read, which watchedConn bounds, and how that ends what
// is written.
type heardConn struct {
	net.Conn
	all  []byte
	last []byte // bytes written: at most a block of a cipher
}

func (c *heardConn) Write(b []byte) (int, error) {
	c.last = append([]byte(nil), b[max(0, len(b)-aes.BlockSize):]...)
	return c.Conn.Write(b)
}

func (c *heardConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.all = append(c.all, b[:n]...)
	return n, err
}

// took is how long the handshake took, from the ClientHello on.
func (t *overheard) took() time.Duration { return t.done.Sub(t.wire.sent) }

// drop closes the connection without a word.
func (t *overheard) drop() { t.heard.Close() }

// Secret is the client random and the secret of the last line of the key log with a
// label.
func (t *overheard) Secret(label string) (random, secret []byte, ok bool) {
	return t.secrets.find(label)
}

// Received is all that the server sent.
func (t *overheard) Received() []byte { return t.heard.all }

// LastWritten is the end of what was written last: at most a block of a cipher.
func (t *overheard) LastWritten() []byte { return t.heard.last }

// Raw is the connection below TLS. What it reads is not recorded.
func (t *overheard) Raw() net.Conn { return t.heard.Conn }

// finish sends a close_notify and waits for the server's, with what comes before
// it. A server has then done all that it does after a handshake: it has stored
// the session and sent its tickets.
func (t *overheard) finish() {
	defer t.drop()
	if t.CloseWrite() != nil || t.heard.SetReadDeadline(time.Now().Add(RefusalTimeout+4*t.took())) != nil {
		return
	}
	buffer := make([]byte, partBytes)
	for range partReads {
		if _, err := t.Read(buffer); err != nil {
			return
		}
	}
}

// The bounds of what a server says after a goodbye.
const (
	partReads = 64
	partBytes = 4 << 10
)

// serverHello is the one that the server sent.
func (t *overheard) serverHello() (*hello.ServerHello, error) {
	flight, err := hello.ReadFlight(bytes.NewReader(t.heard.all), hello.UntilHello)
	if err == nil && flight.Hello == nil {
		err = errNoHello
	}
	return flight.Hello, err
}

var errNoHello = errors.New("there is no ServerHello")

// secretLog takes the lines of NSS's key log, which crypto/tls writes while it
// shakes hands: label, client random, secret.
type secretLog struct{ lines []string }

func (l *secretLog) Write(line []byte) (int, error) {
	l.lines = append(l.lines, string(line))
	return len(line), nil
}

// find is the client random and the secret of the last line with a label.
func (l *secretLog) find(label string) (random, secret []byte, ok bool) {
	for _, line := range l.lines {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != label {
			continue
		}
		var err1, err2 error
		random, err1 = hex.DecodeString(fields[1])
		secret, err2 = hex.DecodeString(fields[2])
		ok = err1 == nil && err2 == nil
	}
	return random, secret, ok
}

// oneSession is a cache with room for one session: the last one.
type oneSession struct{ state *tls.ClientSessionState }

func (c *oneSession) Get(string) (*tls.ClientSessionState, bool) { return c.state, c.state != nil }

func (c *oneSession) Put(_ string, state *tls.ClientSessionState) {
	if state != nil {
		c.state = state
	}
}
