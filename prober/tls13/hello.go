package tls13

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"tls_exporter/prober/hello"
)

// captureHello returns the ClientHello that crypto/tls sends with config. Its server
// name and its ALPN protocols are placeholders. It is the template of this package, so
// that a server gets the same offer from both clients.
func captureHello(config *tls.Config) (*hello.ClientHello, error) {
	config = config.Clone()
	config.ServerName, config.NextProtos = "localhost", []string{"h2"}
	var conn captureConn
	if err := tls.Client(&conn, config).Handshake(); !errors.Is(err, errCaptured) {
		return nil, fmt.Errorf("making a ClientHello: %w", err)
	}
	record, err := hello.ReadRecord(&conn.written)
	if err != nil {
		return nil, err
	}
	template, err := hello.ParseClientHello(record.Payload)
	if err != nil {
		return nil, err
	}
	template.RecordVersion = record.Version
	return template, nil
}

// errCaptured ends the handshake after the ClientHello.
var errCaptured = errors.New("captured")

// captureConn records the first write, and fails it.
type captureConn struct {
	net.Conn
	written bytes.Buffer
}

func (c *captureConn) Write(b []byte) (int, error) {
	c.written.Write(b)
	return 0, errCaptured
}
