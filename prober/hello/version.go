// Package hello is a codec for the part of TLS that needs no cryptography: the
// ClientHello, freely composed, and the server's answer to it as far as that is
// in plain. It opens no connection.
package hello

import "fmt"

// Version is a protocol version as the wire has it.
type Version uint16

// The versions of SSL and TLS.
const (
	SSL20 Version = 0x0002
	SSL30 Version = 0x0300
	TLS10 Version = 0x0301
	TLS11 Version = 0x0302
	TLS12 Version = 0x0303
	TLS13 Version = 0x0304
)

// Versions is all of them, oldest first.
var Versions = []Version{SSL20, SSL30, TLS10, TLS11, TLS12, TLS13}

// String is the version as people write it, TLS 1.3; 0x7F1C for others.
func (v Version) String() string {
	switch v {
	case SSL20:
		return "SSL 2.0"
	case SSL30:
		return "SSL 3.0"
	case TLS10:
		return "TLS 1.0"
	case TLS11:
		return "TLS 1.1"
	case TLS12:
		return "TLS 1.2"
	case TLS13:
		return "TLS 1.3"
	}
	return fmt.Sprintf("0x%04X", uint16(v))
}
