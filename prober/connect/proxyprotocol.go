package connect

import (
	"fmt"
	"io"
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"

	"tls_exporter/prober/text"
)

// ProxyProtocol is the version of the PROXY protocol header that is sent first on
// a connection (haproxy.org, "The PROXY protocol"). Empty means no header.
type ProxyProtocol string

// The versions.
const (
	ProxyV1 ProxyProtocol = "v1" // section 2.1, a line of text
	ProxyV2 ProxyProtocol = "v2" // section 2.2, binary
)

var headerVersions = map[ProxyProtocol]byte{ProxyV1: 1, ProxyV2: 2}

// UnmarshalText accepts v1 and v2.
func (v *ProxyProtocol) UnmarshalText(value []byte) error {
	version := ProxyProtocol(value)
	if _, known := headerVersions[version]; !known {
		return fmt.Errorf("%s is not a version of the PROXY protocol; write v1 or v2", text.Quote(string(value)))
	}
	*v = version
	return nil
}

// writeHeader writes the header of a TCP connection from source to destination,
// or nothing where v is empty. Where one of the two is invalid, the header is
// UNKNOWN (v1) or LOCAL (v2), and the server uses the addresses that it sees.
// Neither version has room for the zone of an address.
func (v ProxyProtocol) writeHeader(w io.Writer, source, destination netip.AddrPort) error {
	if v == "" {
		return nil
	}
	header := proxyproto.HeaderProxyFromAddrs(headerVersions[v], net.TCPAddrFromAddrPort(source), net.TCPAddrFromAddrPort(destination))
	_, err := header.WriteTo(w)
	return err
}
