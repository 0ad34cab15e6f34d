package tls13

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"tls_exporter/prober/hello"
)

// captureHello has crypto/tls write the ClientHello that config results in, with a
// placeholder for the server's name and for ALPN. Whether crypto/tls performs a
// handshake or this package does, the server is offered the same.
func captureHello(config *tls.Config) (*hello.ClientHello, error) {
	config = config.Clone()
	config.ServerName, config.NextProtos = "localhost", []string{"h2"}
	var sent capture
	if err := tls.Client(&sent, config).Handshake(); !errors.Is(err, errCaptured) {
		return nil, fmt.Errorf("making a ClientHello: %w", err)
	}
	record, err := hello.ReadRecord(&sent.bytes)
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

// errCaptured ends the handshake of a capture.
var errCaptured = errors.New("captured")

// capture takes what is written first.
type capture struct {
	net.Conn
	bytes bytes.Buffer
}

func (c *capture) Write(b []byte) (int, error) {
	c.bytes.Write(b)
	return 0, errCaptured
}
