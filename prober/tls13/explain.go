package tls13

import (
	"bytes"
	"crypto/tls"
	"net"
)

// errorOfCryptoTLS returns the error of crypto/tls for an answer that is not a
// ServerHello. crypto/tls reads that answer again, and the rest from the same
// connection.
func (hs *handshake) errorOfCryptoTLS() error {
	config := hs.client.config.Clone()
	config.ServerName, config.NextProtos = hs.name, hs.protocols
	conn := &replayConn{Conn: hs.conn, received: bytes.Clone(hs.records.buffers.read)}
	if err := tls.Client(conn, config).Handshake(); err != nil {
		return err
	}
	return ErrUnsupported
}

// replayConn is a connection whose first write, a second ClientHello, is discarded, and
// from which the answer to the first ClientHello is read again.
type replayConn struct {
	net.Conn
	received []byte // what is read before the rest
	written  bool   // the first write is done
}

func (c *replayConn) Write(b []byte) (int, error) {
	if !c.written {
		c.written = true
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *replayConn) Read(b []byte) (int, error) {
	if len(c.received) > 0 {
		n := copy(b, c.received)
		c.received = c.received[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}
