package prober

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"

	"tls_exporter/prober/hello"
)

// usualHello is the ClientHello of crypto/tls, with another server's name and
// protocols and with our own key shares: whether crypto/tls shakes hands with a
// server or client13 does, the server is offered the same.
type usualHello struct {
	template *hello.ClientHello
	source   shareSource
}

// newUsualHello has crypto/tls write the hello that a configuration makes for. It
// is nil where that has no key shares, or others than ours.
func newUsualHello(config *tls.Config) (*usualHello, error) {
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
	groups := template.KeyShareGroups()
	if groups == nil || slices.ContainsFunc(groups, func(g hello.Group) bool { return !slices.Contains(sharedGroups, g) }) {
		return nil, nil
	}
	return &usualHello{template, shareSource{groups: groups}}, nil
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
