package tlstest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"tls_exporter/prober/tlstest/internal/wire"
)

// ProxyProtocolHeader is a parsed PROXY protocol header ("The PROXY protocol",
// haproxy.org, versions 1 and 2).
type ProxyProtocolHeader struct {
	Version int

	// Source and Destination are the ends of the connection. They are invalid
	// if the header says UNKNOWN (version 1) or LOCAL (version 2).
	Source, Destination netip.AddrPort
}

// requireProxyHeader reads a PROXY protocol header before serve is called. It
// closes connections without one, as the specification demands.
func requireProxyHeader(report func(ProxyProtocolHeader), serve handler) handler {
	return func(ctx context.Context, c net.Conn) {
		c.SetReadDeadline(time.Now().Add(wire.Timeout))
		header, err := readProxyHeader(c)
		if err != nil {
			return
		}
		report(header)
		serve(ctx, c)
	}
}

// readProxyHeader reads a header and nothing after it.
func readProxyHeader(c io.Reader) (ProxyProtocolHeader, error) {
	begin := make([]byte, len(signatureV2))
	if _, err := io.ReadFull(c, begin[:1]); err != nil {
		return ProxyProtocolHeader{}, err
	}
	if begin[0] != signatureV1[0] && begin[0] != signatureV2[0] {
		return ProxyProtocolHeader{}, errNoProxyHeader
	}
	if _, err := io.ReadFull(c, begin[1:]); err != nil {
		return ProxyProtocolHeader{}, err
	}
	switch {
	case string(begin) == signatureV2:
		return readV2(c)
	case strings.HasPrefix(string(begin), signatureV1):
		return readV1(begin, c)
	}
	return ProxyProtocolHeader{}, errNoProxyHeader
}

var errNoProxyHeader = errors.New("no PROXY protocol header")

const (
	signatureV1 = "PROXY "
	signatureV2 = "\r\n\r\n\x00\r\nQUIT\n"
	maxV1       = 107 // bytes with the line end (section 2.1)
)

func readV1(line []byte, c io.Reader) (ProxyProtocolHeader, error) {
	next := make([]byte, 1)
	for !bytes.HasSuffix(line, []byte("\r\n")) {
		if _, err := io.ReadFull(c, next); err != nil {
			return ProxyProtocolHeader{}, err
		}
		if line = append(line, next[0]); len(line) > maxV1 {
			return ProxyProtocolHeader{}, errors.New("the header is too long")
		}
	}
	h := ProxyProtocolHeader{Version: 1}
	words := strings.Split(strings.TrimSuffix(string(line), "\r\n"), " ")
	if words[1] == "UNKNOWN" {
		return h, nil
	}
	if len(words) != 6 {
		return h, fmt.Errorf("the header has %d words, not 6", len(words))
	}
	for i, end := range []*netip.AddrPort{&h.Source, &h.Destination} {
		addr, err := netip.ParseAddr(words[2+i])
		if err != nil {
			return h, err
		}
		if addr.Is4() != (words[1] == "TCP4") {
			return h, fmt.Errorf("%s does not belong to %s", addr, words[1])
		}
		port, err := netip.ParseAddrPort("0.0.0.0:" + words[4+i])
		if err != nil {
			return h, err
		}
		*end = netip.AddrPortFrom(addr, port.Port())
	}
	return h, nil
}

func readV2(c io.Reader) (ProxyProtocolHeader, error) {
	const local, proxied, tcp4, tcp6 = 0x20, 0x21, 0x11, 0x21
	fixed := make([]byte, 4)
	if _, err := io.ReadFull(c, fixed); err != nil {
		return ProxyProtocolHeader{}, err
	}
	rest := make([]byte, binary.BigEndian.Uint16(fixed[2:]))
	if _, err := io.ReadFull(c, rest); err != nil {
		return ProxyProtocolHeader{}, err
	}
	h := ProxyProtocolHeader{Version: 2}
	size := map[byte]int{tcp4: 4, tcp6: 16}[fixed[1]]
	switch {
	case fixed[0] == local:
		return h, nil
	case fixed[0] != proxied || size == 0 || len(rest) < 2*size+4:
		return h, errors.New("the header is malformed")
	}
	source, _ := netip.AddrFromSlice(rest[:size])
	destination, _ := netip.AddrFromSlice(rest[size : 2*size])
	h.Source = netip.AddrPortFrom(source, binary.BigEndian.Uint16(rest[2*size:]))
	h.Destination = netip.AddrPortFrom(destination, binary.BigEndian.Uint16(rest[2*size+2:]))
	return h, nil
}
