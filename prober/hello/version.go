// Package hello encodes and decodes the part of TLS that needs no cryptography: any
// ClientHello, the unencrypted part of the server's answer, and the contents of
// messages that others decrypted. It opens no connection.
package hello

import "fmt"

// Version is the number of a protocol version (RFC 8446 section 4.2.1).
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

// Versions is all versions, oldest first.
var Versions = []Version{SSL20, SSL30, TLS10, TLS11, TLS12, TLS13}

// String returns the name of the version, as in TLS 1.3, or the number as in 0x7F1C.
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
