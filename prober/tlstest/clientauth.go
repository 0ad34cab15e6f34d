package tlstest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"

	"tls_exporter/prober/tlstest/internal/wire"
)

// WithoutCertificate is what a server that requests a client certificate does with a
// client that sends none.
type WithoutCertificate int

const (
	// It refuses the client.
	AlertAndClose     WithoutCertificate = iota // with an alert, and closes the connection without reading the rest
	AlertAndReset                               // with an alert and a reset
	CloseWithoutAlert                           // as Mbed TLS does
	ResetWithoutAlert
	CloseNotifyAndClose // with a close_notify in the clear, as wolfSSL does with TLS 1.2
	HoldWithoutAlert    // leaves the connection open, to delay attackers, as s2n-tls does

	// It accepts the client.
	AcceptAndWait  // until the client's close_notify, and answers it
	AcceptAndDrop  // waits likewise, and closes without a close_notify
	AcceptAndGreet // with application data, then waits likewise
	AcceptAndEnd   // with a close_notify, at once
)

// Refuses reports whether the server refuses the client.
func (w WithoutCertificate) Refuses() bool { return w <= HoldWithoutAlert }

// RequestingCertificate is a server with one version that requests a client certificate.
func RequestingCertificate(version uint16, then WithoutCertificate) Server {
	s := Server{
		Preface: func(_ context.Context, c net.Conn) net.Conn { return &refusingConn{Conn: c, then: then} },
		Config: func(c *tls.Config) {
			requireClientCertificate(version)(c)
			c.GetConfigForClient = nil
			switch then {
			case AlertAndClose, AlertAndReset:
			case CloseWithoutAlert, ResetWithoutAlert, CloseNotifyAndClose, HoldWithoutAlert:
				c.ClientAuth = tls.RequestClientCert
				shared := c.Clone()
				c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
					own := shared.Clone()
					own.VerifyConnection = hello.Conn.(*refusingConn).verify
					return own, nil
				}
			default:
				c.ClientAuth = tls.RequestClientCert
			}
		},
	}
	switch then {
	case AcceptAndDrop:
		s.Inside = func(_ context.Context, c net.Conn) {
			wire.Drain(c)
			c.(*tls.Conn).NetConn().Close()
		}
	case AcceptAndGreet:
		s.Inside = func(_ context.Context, c net.Conn) {
			io.WriteString(c, "220 ready\r\n")
			wire.Drain(c)
		}
	case AcceptAndEnd:
		s.Inside = func(context.Context, net.Conn) {}
	}
	return s
}

// refusingConn ends a connection as its server does without a client certificate.
type refusingConn struct {
	net.Conn
	then    WithoutCertificate
	refused atomic.Bool // without an alert: nothing is written any more
}

func (c *refusingConn) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) > 0 {
		return nil
	}
	c.refused.Store(true)
	return errors.New("no client certificate")
}

func (c *refusingConn) Write(b []byte) (int, error) {
	if c.refused.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// CloseWrite is called after a failed handshake.
func (c *refusingConn) CloseWrite() error {
	switch c.then {
	case HoldWithoutAlert:
		return nil
	case AlertAndReset, ResetWithoutAlert:
		wire.Reset(c.Conn)
	case CloseNotifyAndClose:
		const warning, closeNotify = 1, 0
		c.Conn.Write(wire.Record(wire.RecordAlert, tls.VersionTLS12, []byte{warning, closeNotify}))
	}
	return c.Close()
}
