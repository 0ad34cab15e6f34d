package handshake

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/rand"
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
	err := r.Handshake()
	if err == nil {
		err = r.wire.gone
	}
	if err != nil {
		r.Abort()
		return nil, err
	}
	unwrap(conn)
	r.completed = time.Now()
	return r, nil
}

// recordingConn records the bytes that are read, which watchedConn limits, the first
// write, and the end of the last one.
type recordingConn struct {
	net.Conn
	all   []byte
	first []byte // the first write: the ClientHello
	last  []byte // end of the last write: at most one cipher block
}

func (c *recordingConn) Write(b []byte) (int, error) {
	if c.first == nil {
		c.first = bytes.Clone(b)
	}
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

// AwaitSession reads until a session is in the cache, which is that of the handshake, or
// until the server has had the time of Finish. A server may act on a close_notify before
// it sends its tickets.
func (t *Recorded) AwaitSession(cache *OneSession) {
	if cache.State != nil {
		return
	}
	cache.stored = func() { t.conn.SetReadDeadline(time.Now()) }
	defer func() { cache.stored = nil }()
	t.readOn()
}

// Finish sends a close_notify, reads until that of the server, and closes the
// connection. By then a server has stored the session.
func (t *Recorded) Finish() {
	defer t.Abort()
	t.CloseWrite() // the server may have closed the connection, and sent something before that
	t.readOn()
}

// readOn reads until the server closes the connection, or for a short time.
func (t *Recorded) readOn() {
	if t.conn.SetReadDeadline(time.Now().Add(RefusalTimeout+4*t.Duration())) != nil {
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

// ClientHello returns the first ClientHello of the handshake, with a new random: a client
// that comes back with a session offers what it offered first, and some servers compare
// that.
func (t *Recorded) ClientHello() (*hello.ClientHello, error) {
	record, err := hello.ReadRecord(bytes.NewReader(t.conn.first))
	if err != nil {
		return nil, err
	}
	h, err := hello.ParseClientHello(record.Payload)
	if err != nil {
		return nil, err
	}
	h.RecordVersion = record.Version
	rand.Read(h.Random[:])
	return h, nil
}

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
type OneSession struct {
	State  *tls.ClientSessionState
	stored func() // is called when there is one; nil: nobody waits
}

// Get returns the session, whatever the key is.
func (c *OneSession) Get(string) (*tls.ClientSessionState, bool) { return c.State, c.State != nil }

// Put replaces the session. A nil state, by which crypto/tls removes one, is ignored.
func (c *OneSession) Put(_ string, state *tls.ClientSessionState) {
	if state != nil {
		c.State = state
		if c.stored != nil {
			c.stored()
		}
	}
}
