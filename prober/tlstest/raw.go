package tlstest

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"time"
)

// Records, alerts and messages by their numbers in RFC 8446 sections 4, 5.1 and 6,
// for the servers that crypto/tls is too well behaved to be.
const (
	recordAlert     = 21
	recordHandshake = 22

	messageServerHello = 2

	fatal                 = 2
	alertHandshakeFailure = 40
	alertUnrecognizedName = 112

	versionSSL30 = 0x0300
	versionTLS12 = 0x0303

	recordHeader     = 5
	maxRecordPayload = 1 << 14
)

// record frames a payload of at most maxRecordPayload bytes.
func record(kind byte, version uint16, payload []byte) []byte {
	b := []byte{kind}
	b = binary.BigEndian.AppendUint16(b, version)
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	return append(b, payload...)
}

func alert(description byte) []byte {
	return record(recordAlert, versionTLS12, []byte{fatal, description})
}

// handshakeHeader announces a message of a length that may or may not follow.
func handshakeHeader(message byte, length int) []byte {
	return []byte{message, byte(length >> 16), byte(length >> 8), byte(length)}
}

// serverHelloSSL30 takes up a session of SSL 3.0 (RFC 6101 section 5.6.1.3).
func serverHelloSSL30() []byte {
	body := binary.BigEndian.AppendUint16(nil, versionSSL30)
	body = append(body, noise(32)...)  // the server's random
	body = append(body, 0)             // no session to come back to
	body = append(body, 0x00, 0x0a, 0) // SSL_RSA_WITH_3DES_EDE_CBC_SHA, no compression
	hello := append(handshakeHeader(messageServerHello, len(body)), body...)
	return record(recordHandshake, versionSSL30, hello)
}

// halfServerHello is the first half of a record that promises a whole one.
func halfServerHello() []byte {
	body := noise(64)
	hello := append(handshakeHeader(messageServerHello, len(body)), body...)
	whole := record(recordHandshake, versionTLS12, hello)
	return whole[:len(whole)/2]
}

// noise looks random and is the same every time. It does not begin like a
// record of TLS or a message of SSL 2.0.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte([]byte("the noise of the tlstest package"))).Read(b)
	return b
}

// readRecord takes in the peer's ClientHello, or whatever it frames like one.
func readRecord(c net.Conn) error {
	c.SetReadDeadline(time.Now().Add(patience))
	header := make([]byte, recordHeader)
	if _, err := io.ReadFull(c, header); err != nil {
		return err
	}
	length := int64(binary.BigEndian.Uint16(header[3:]))
	_, err := io.CopyN(io.Discard, c, length)
	return err
}

// afterHello waits for the ClientHello. Peers that leave before are let go.
func afterHello(talk func(c net.Conn)) conversation {
	return func(_ context.Context, c net.Conn) {
		if readRecord(c) == nil {
			talk(c)
		}
	}
}

// answer says one thing to a ClientHello and hangs up.
func answer(words []byte) conversation {
	return afterHello(func(c net.Conn) {
		c.Write(words)
		part(c)
	})
}

// speakHTTP answers like a web server without TLS that was not sent HTTP. It
// waits for any bytes at all: a request of HTTP is not framed as a record.
func speakHTTP(_ context.Context, c net.Conn) {
	c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, maxRecordPayload)); err != nil {
		return
	}
	io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\n"+
		"Content-Length: 12\r\n"+
		"Connection: close\r\n\r\n"+
		"Bad Request\n")
	part(c)
}

// keepSilent listens for as long as the peer likes.
func keepSilent(_ context.Context, c net.Conn) {
	io.Copy(io.Discard, c)
}

// hangUp says goodbye before anything else.
func hangUp(_ context.Context, c net.Conn) {
	part(c)
}

// reset has the connection end in a reset: closing it throws away what is under way.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
}

// speakForever announces the longest ServerHello that a header can, and then
// never comes to its end.
func speakForever(c net.Conn) {
	begin := handshakeHeader(messageServerHello, 1<<24-1)
	first := record(recordHandshake, versionTLS12, append(begin, noise(maxRecordPayload-len(begin))...))
	more := record(recordHandshake, versionTLS12, noise(maxRecordPayload))
	_, err := c.Write(first)
	for err == nil {
		_, err = c.Write(more)
	}
}

// hold takes a port on which nobody will be served, until the lab closes.
func (l *Lab) hold(address string, take func(string) (*reservation, error)) (string, error) {
	r, err := at(address, take)
	if err != nil {
		return "", err
	}
	return r.addr, l.run(r, func() { <-l.ctx.Done() })
}

// reservation holds a port at which nobody is served.
type reservation struct {
	addr   string
	anchor net.Listener
	conn   net.Conn
}

// reserve holds a port on which nobody listens. The port is the near end of
// a connection, so the system gives it to no one else, and being no listener it
// refuses. Unlike a socket that is bound and nothing more, this is package net
// on every system. The far end waits in the backlog of anchor for good.
func reserve(address string) (*reservation, error) {
	local, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	anchor, err := net.ListenTCP("tcp", &net.TCPAddr{IP: local.IP, Zone: local.Zone})
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{LocalAddr: local}
	conn, err := dialer.Dial("tcp", anchor.Addr().String())
	if err != nil {
		anchor.Close()
		return nil, err
	}
	return &reservation{conn.LocalAddr().String(), anchor, conn}, nil
}

// overcrowd listens on a port with no room left in its backlog: connections to
// it are not refused, and never answered either.
func overcrowd(address string) (*reservation, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	if err := shrinkBacklog(listener); err != nil {
		listener.Close()
		return nil, err
	}
	conn, err := net.Dial("tcp", listener.Addr().String()) // takes the one place that there is
	if err != nil {
		listener.Close()
		return nil, err
	}
	return &reservation{listener.Addr().String(), listener, conn}, nil
}

// Close frees the port at once, instead of after the minutes that TCP keeps the
// name of an orderly connection.
func (r *reservation) Close() error {
	reset(r.conn)
	return errors.Join(r.conn.Close(), r.anchor.Close())
}
