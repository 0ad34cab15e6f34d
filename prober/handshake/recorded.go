package handshake

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
	"tls_exporter/prober/target"
)

// Recorded is a handshake of crypto/tls with what crypto/tls keeps to itself: what the
// server sent, and the secrets that open it.
type Recorded struct {
	*tls.Conn
	wire      *watchedConn
	conn      *recordingConn
	secrets   *secretLog
	completed time.Time // when the handshake was done
}

// Record performs a handshake with crypto/tls over conn, with a change to the
// configuration of a target's handshakes, and records what crypto/tls does not
// show. The caller has to drop it.
func (c *Client) Record(conn net.Conn, t *target.Target, adjust func(*tls.Config)) (*Recorded, error) {
	r := &Recorded{conn: &recordingConn{Conn: conn}, secrets: new(secretLog)}
	r.wire = &watchedConn{Conn: r.conn}
	config := c.Config(t)
	config.KeyLogWriter = r.secrets
	adjust(config)
	r.Conn = tls.Client(r.wire, config)
	if err := r.Handshake(); err != nil {
		conn.Close()
		return nil, err
	}
	unwrap(conn)
	r.completed = time.Now()
	return r, nil
}

// recordingConn keeps what is read, which watchedConn bounds, and how that ends what
// is written.
type recordingConn struct {
	net.Conn
	all  []byte
	last []byte // bytes written: at most a block of a cipher
}

func (c *recordingConn) Write(b []byte) (int, error) {
	c.last = append([]byte(nil), b[max(0, len(b)-aes.BlockSize):]...)
	return c.Conn.Write(b)
}

func (c *recordingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.all = append(c.all, b[:n]...)
	return n, err
}

// Duration is how long the handshake took, from the ClientHello on.
func (t *Recorded) Duration() time.Duration { return t.completed.Sub(t.wire.sent) }

// Abort closes the connection without a word.
func (t *Recorded) Abort() { t.conn.Close() }

// Secret is the client random and the secret of the last line of the key log with a
// label.
func (t *Recorded) Secret(label string) (random, secret []byte, ok bool) {
	return t.secrets.find(label)
}

// Received is all that the server sent.
func (t *Recorded) Received() []byte { return t.conn.all }

// LastWritten is the end of what was written last: at most a block of a cipher.
func (t *Recorded) LastWritten() []byte { return t.conn.last }

// Raw is the connection below TLS. What it reads is not recorded.
func (t *Recorded) Raw() net.Conn { return t.conn.Conn }

// Finish sends a close_notify and waits for the server's, with what comes before
// it. A server has then done all that it does after a handshake: it has stored
// the session and sent its tickets.
func (t *Recorded) Finish() {
	defer t.Abort()
	if t.CloseWrite() != nil || t.conn.SetReadDeadline(time.Now().Add(RefusalTimeout+4*t.Duration())) != nil {
		return
	}
	buffer := make([]byte, FinalReadSize)
	for range MaxFinalReads {
		if _, err := t.Read(buffer); err != nil {
			return
		}
	}
}

// The bounds of what a server says after a goodbye.
const (
	MaxFinalReads = 64
	FinalReadSize = 4 << 10
)

// ServerHello is the one that the server sent.
func (t *Recorded) ServerHello() (*hello.ServerHello, error) {
	flight, err := hello.ReadFlight(bytes.NewReader(t.conn.all), hello.UntilHello)
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

// OneSession is a cache with room for one session: the last one.
type OneSession struct{ State *tls.ClientSessionState }

func (c *OneSession) Get(string) (*tls.ClientSessionState, bool) { return c.State, c.State != nil }

func (c *OneSession) Put(_ string, state *tls.ClientSessionState) {
	if state != nil {
		c.State = state
	}
}
