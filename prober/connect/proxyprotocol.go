package connect

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"tls_exporter/prober/text"
)

// ProxyProtocol is the version of the PROXY protocol header that a connection
// begins with (haproxy.org, "The PROXY protocol"); empty: with none.
type ProxyProtocol string

// The versions.
const (
	ProxyV1 ProxyProtocol = "v1" // section 2.1, a line of text
	ProxyV2 ProxyProtocol = "v2" // section 2.2, binary
)

// UnmarshalText takes v1 or v2.
func (v *ProxyProtocol) UnmarshalText(value []byte) error {
	switch word := ProxyProtocol(value); word {
	case ProxyV1, ProxyV2:
		*v = word
		return nil
	}
	return fmt.Errorf("%s is not a version of the PROXY protocol; write v1 or v2", text.Quote(string(value)))
}

// header announces a connection from source to destination. Where one of them
// is not known it says so, and the server takes what it sees for itself.
func (v ProxyProtocol) header(source, destination netip.AddrPort) []byte {
	known := source.IsValid() && destination.IsValid() && source.Addr().Is4() == destination.Addr().Is4()
	switch {
	case v == ProxyV1 && known:
		return headerV1(source, destination)
	case v == ProxyV1:
		return []byte("PROXY UNKNOWN\r\n")
	case v == ProxyV2 && known:
		return headerV2(source, destination)
	case v == ProxyV2:
		return append([]byte(signatureV2), commandLocal, familyUnspecified, 0, 0)
	}
	return nil
}

// Version 2's signature, its version and command, and address family and
// transport, each in one byte.
const (
	signatureV2 = "\r\n\r\n\x00\r\nQUIT\n"

	commandLocal = 0x20
	commandProxy = 0x21

	familyUnspecified = 0x00
	familyTCP4        = 0x11
	familyTCP6        = 0x21
)

func headerV1(source, destination netip.AddrPort) []byte {
	family := "TCP6"
	if source.Addr().Is4() {
		family = "TCP4"
	}
	return fmt.Appendf(nil, "PROXY %s %s %s %d %d\r\n", family,
		source.Addr().WithZone(""), destination.Addr().WithZone(""), source.Port(), destination.Port())
}

func headerV2(source, destination netip.AddrPort) []byte {
	family := byte(familyTCP6)
	if source.Addr().Is4() {
		family = familyTCP4
	}
	ends := append(source.Addr().AsSlice(), destination.Addr().AsSlice()...)
	ends = binary.BigEndian.AppendUint16(ends, source.Port())
	ends = binary.BigEndian.AppendUint16(ends, destination.Port())
	header := append([]byte(signatureV2), commandProxy, family)
	header = binary.BigEndian.AppendUint16(header, uint16(len(ends)))
	return append(header, ends...)
}
