package tlstest

import (
	"cmp"
	"errors"
	"net"

	"tls_exporter/prober/tlstest/internal/wire"
)

// portTries is how often to look for a port that is free in several places.
const portTries = 20

// listenAt opens something at address, or else at any port of the same host.
func listenAt[T any](address string, open func(address string) (T, error)) (T, error) {
	address = cmp.Or(address, "127.0.0.1:0")
	opened, err := open(address)
	if err == nil {
		return opened, nil
	}
	host, _, malformed := net.SplitHostPort(address)
	if malformed != nil {
		return opened, malformed
	}
	return open(net.JoinHostPort(host, "0"))
}

// hold takes a port without serving on it, until the lab closes.
func (l *Lab) hold(address string, open func(string) (*reservation, error)) (string, error) {
	r, err := listenAt(address, open)
	if err != nil {
		return "", err
	}
	return r.addr, l.run(r, func() { <-l.ctx.Done() })
}

// reservation holds a port on which nothing is served.
type reservation struct {
	addr   string
	anchor net.Listener
	conn   net.Conn
}

// reserve holds a port that refuses connections. The port is the local end of a
// connection to anchor, so the system gives it to no other process. This works
// on every system, unlike a socket that is bound and does not listen.
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

// listenWithFullBacklog listens on a port whose backlog is full. Connections to
// it are not refused, and never established.
func listenWithFullBacklog(address string) (*reservation, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	if err := shrinkBacklog(listener); err != nil {
		listener.Close()
		return nil, err
	}
	conn, err := net.Dial("tcp", listener.Addr().String()) // fills the backlog
	if err != nil {
		listener.Close()
		return nil, err
	}
	return &reservation{listener.Addr().String(), listener, conn}, nil
}

// Close frees the port at once, without TIME_WAIT.
func (r *reservation) Close() error {
	wire.Reset(r.conn)
	return errors.Join(r.conn.Close(), r.anchor.Close())
}
