package handshake

import (
	"bytes"
	"context"
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

// Recorded is a connection of crypto/tls after the handshake, with what crypto/tls does
// not expose: the bytes from the server, and the secrets of the session.
type Recorded struct {
	*tls.Conn
	wire      *watchedConn
	conn      *recordingConn
	secrets   *secretLog
	completed time.Time // when the handshake ended
}

// Record performs a handshake with crypto/tls over conn and records it. Adjust changes
// the configuration. Record closes conn if it fails; otherwise the caller has to call
// Finish or Abort.
func (c *Client) Record(ctx context.Context, conn net.Conn, t *target.Target, adjust func(*tls.Config)) (*Recorded, error) {
	r := &Recorded{conn: &recordingConn{Conn: conn}, secrets: new(secretLog)}
	r.wire = c.watch(ctx, r.conn)
	r.wire.chain = &chainReader{secrets: r.secrets}
	config := c.Config(t)
	config.KeyLogWriter = r.secrets
	adjust(config)
	r.Conn = tls.Client(r.wire, config)
	if err := r.Handshake(); err != nil {
		r.Abort()
		return nil, err
	}
	unwrap(conn)
	r.completed = time.Now()
	return r, nil
}

// recordingConn records the bytes that are read, which watchedConn limits, and the end of
// the last write.
type recordingConn struct {
	net.Conn
	all  []byte
	last []byte // end of the last write: at most one cipher block
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

// Duration returns how long the handshake took, from the ClientHello on.
func (t *Recorded) Duration() time.Duration { return t.completed.Sub(t.wire.sent) }

// Abort closes the connection without a close_notify. It may be called more than once.
func (t *Recorded) Abort() {
	t.conn.Close()
	t.wire.release()
}

// Secret returns the client random and the secret from the last line of the key log with
// a label, such as CLIENT_RANDOM (draft-ietf-tls-keylogfile); false: there is none.
func (t *Recorded) Secret(label string) (random, secret []byte, ok bool) {
	return t.secrets.find(label)
}

// Received returns all bytes from the server, in their records.
func (t *Recorded) Received() []byte { return t.conn.all }

// LastWritten returns the end of the last write: at most one cipher block, 16 bytes.
func (t *Recorded) LastWritten() []byte { return t.conn.last }

// Raw returns the connection below TLS. Reads from it are not recorded.
func (t *Recorded) Raw() net.Conn { return t.conn.Conn }

// Finish sends a close_notify, reads until that of the server, and closes the
// connection. By then a server has stored the session and sent its tickets.
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

// The limits of what is read after a close_notify: reads, and bytes of one read.
const (
	MaxFinalReads = 64
	FinalReadSize = 4 << 10
)

// ServerHello returns the ServerHello of the handshake.
func (t *Recorded) ServerHello() (*hello.ServerHello, error) {
	flight, err := hello.ReadFlight(bytes.NewReader(t.conn.all), hello.UntilHello)
	if err == nil && flight.Hello == nil {
		err = errNoHello
	}
	return flight.Hello, err
}

var errNoHello = errors.New("no ServerHello was recorded")

// secretLog holds the key log that crypto/tls writes in a handshake. Each line has a
// label, the client random and a secret (draft-ietf-tls-keylogfile).
type secretLog struct{ lines []string }

func (l *secretLog) Write(line []byte) (int, error) {
	l.lines = append(l.lines, string(line))
	return len(line), nil
}

// find returns the client random and the secret from the last line with a label; false:
// there is none.
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

// OneSession is a tls.ClientSessionCache that holds the last session.
type OneSession struct{ State *tls.ClientSessionState }

// Get returns the session, whatever the key is.
func (c *OneSession) Get(string) (*tls.ClientSessionState, bool) { return c.State, c.State != nil }

// Put replaces the session. A nil state, by which crypto/tls removes one, is ignored.
func (c *OneSession) Put(_ string, state *tls.ClientSessionState) {
	if state != nil {
		c.State = state
	}
}
