package tls13

import (
	"bytes"
	"crypto/tls"
	"net"
)

// explain has crypto/tls say what is wrong with an answer that is no ServerHello,
// over the same connection and in its own words.
func (c *handshake) explain() error {
	config := c.client.config.Clone()
	config.ServerName, config.NextProtos = c.name, c.protocols
	said := &replay{Conn: c.conn, said: bytes.Clone(c.records.scratch.read)}
	if err := tls.Client(said, config).Handshake(); err != nil {
		return err
	}
	return ErrUnsupported
}

// replay is a connection on which what a server answered to one hello is read
// again after another hello was written.
type replay struct {
	net.Conn
	said  []byte
	asked bool
}

func (r *replay) Write(b []byte) (int, error) {
	if !r.asked {
		r.asked = true
		return len(b), nil
	}
	return r.Conn.Write(b)
}

func (r *replay) Read(b []byte) (int, error) {
	if len(r.said) > 0 {
		n := copy(b, r.said)
		r.said = r.said[n:]
		return n, nil
	}
	return r.Conn.Read(b)
}
