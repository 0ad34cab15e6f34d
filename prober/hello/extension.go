package hello

import "slices"

// Extension is a TLS extension: its number in IANA's TLS ExtensionType Values registry
// and its data.
type Extension struct {
	Type uint16
	Data []byte
}

// The extensions that this package writes or reads.
const (
	extServerName           = 0     // RFC 6066 section 3
	extStatusRequest        = 5     // RFC 6066 section 8
	extSupportedGroups      = 10    // RFC 8446 section 4.2.7
	extECPointFormats       = 11    // RFC 8422 section 5.1.2
	extSignatureAlgorithms  = 13    // RFC 8446 section 4.2.3
	extHeartbeat            = 15    // RFC 6520 section 2
	extALPN                 = 16    // RFC 7301
	extSCT                  = 18    // RFC 6962 section 3.3.1
	extPadding              = 21    // RFC 7685
	extEncryptThenMAC       = 22    // RFC 7366
	extExtendedMasterSecret = 23    // RFC 7627
	extSessionTicket        = 35    // RFC 5077
	extSupportedVersions    = 43    // RFC 8446 section 4.2.1
	extCookie               = 44    // RFC 8446 section 4.2.2
	extPSKKeyExchangeModes  = 45    // RFC 8446 section 4.2.9
	extKeyShare             = 51    // RFC 8446 section 4.2.8
	extRenegotiationInfo    = 65281 // RFC 5746 section 3.2
)

// extension builds an extension. If a vector in it is too long for its length field,
// the extension gets too long as well, so that Marshal fails.
func extension(number uint16, content func(*builder)) Extension {
	var b builder
	content(&b)
	data, err := b.Bytes()
	if err != nil {
		data = make([]byte, maxVector+1)
	}
	return Extension{number, data}
}

const maxVector = 1<<16 - 1 // bytes of a vector with a length field of two bytes

// ServerName is server_name with a DNS name. IP addresses are not allowed (RFC 6066
// section 3).
func ServerName(host string) Extension {
	return extension(extServerName, func(b *builder) {
		b.AddUint16LengthPrefixed(func(b *builder) {
			b.AddUint8(0) // host_name
			vector16(b, []byte(host))
		})
	})
}

// SupportedVersions offers versions in order of preference.
func SupportedVersions(versions ...Version) Extension {
	return extension(extSupportedVersions, func(b *builder) {
		b.AddUint8LengthPrefixed(func(b *builder) {
			for _, v := range versions {
				b.AddUint16(uint16(v))
			}
		})
	})
}

// SupportedGroups offers groups in order of preference.
func SupportedGroups(groups ...Group) Extension {
	return extension(extSupportedGroups, func(b *builder) { numbers16(b, groups) })
}

// SignatureAlgorithms offers signature schemes in order of preference.
func SignatureAlgorithms(schemes ...SignatureScheme) Extension {
	return extension(extSignatureAlgorithms, func(b *builder) { numbers16(b, schemes) })
}

// KeyShare is a public value for a group.
type KeyShare struct {
	Group Group
	Data  []byte
}

// KeyShares sends public values. If there are none, a server with TLS 1.3 answers with
// a HelloRetryRequest, which has the group that it selects (RFC 8446 section 4.2.8).
func KeyShares(shares ...KeyShare) Extension {
	return extension(extKeyShare, func(b *builder) {
		b.AddUint16LengthPrefixed(func(b *builder) {
			for _, share := range shares {
				b.AddUint16(uint16(share.Group))
				vector16(b, share.Data)
			}
		})
	})
}

// ALPN offers application protocols in order of preference.
func ALPN(protocols ...string) Extension {
	return extension(extALPN, func(b *builder) {
		b.AddUint16LengthPrefixed(func(b *builder) {
			for _, protocol := range protocols {
				vector8(b, []byte(protocol))
			}
		})
	})
}

// RenegotiationInfo has the Finished message of the connection to renegotiate; nil for
// a first handshake (RFC 5746 section 3.2).
func RenegotiationInfo(connection []byte) Extension {
	return extension(extRenegotiationInfo, func(b *builder) { vector8(b, connection) })
}

// ExtendedMasterSecret offers the master secret of RFC 7627.
func ExtendedMasterSecret() Extension { return Extension{Type: extExtendedMasterSecret} }

// EncryptThenMAC offers encrypt-then-MAC for CBC suites (RFC 7366).
func EncryptThenMAC() Extension { return Extension{Type: extEncryptThenMAC} }

// SessionTicket offers to resume with a ticket; an empty ticket requests a new one (RFC
// 5077 section 3.2).
func SessionTicket(ticket []byte) Extension { return Extension{extSessionTicket, ticket} }

// StatusRequest requests a stapled OCSP response of any responder.
func StatusRequest() Extension {
	return Extension{extStatusRequest, []byte{1, 0, 0, 0, 0}} // ocsp, no responders, no extensions
}

// HeartbeatMode says whether the peer may send heartbeat requests.
type HeartbeatMode uint8

// The modes of RFC 6520 section 2.
const (
	PeerAllowedToSend    HeartbeatMode = 1
	PeerNotAllowedToSend HeartbeatMode = 2
)

// Heartbeat offers heartbeats (RFC 6520).
func Heartbeat(mode HeartbeatMode) Extension {
	return Extension{extHeartbeat, []byte{byte(mode)}}
}

// ECPointFormats offers uncompressed points, which all servers support, and then the
// given formats.
func ECPointFormats(more ...uint8) Extension {
	return extension(extECPointFormats, func(b *builder) { vector8(b, slices.Concat([]byte{0}, more)) })
}

// PSKKeyExchangeModes offers psk_dhe_ke. Without it a server with TLS 1.3 sends no
// tickets (RFC 8446 section 4.2.9).
func PSKKeyExchangeModes() Extension { return Extension{extPSKKeyExchangeModes, []byte{1, 1}} }

// Cookie sends the cookie of a HelloRetryRequest back.
func Cookie(cookie []byte) Extension {
	return extension(extCookie, func(b *builder) { vector16(b, cookie) })
}

// Padding is n zero bytes (RFC 7685).
func Padding(n int) Extension { return Extension{extPadding, make([]byte, n)} }

// find returns the data of the first extension with this number; false: there is none.
func find(extensions []Extension, number uint16) ([]byte, bool) {
	for _, e := range extensions {
		if e.Type == number {
			return e.Data, true
		}
	}
	return nil, false
}

// distinct fails if an extension is in a list twice (RFC 8446 section 4.2).
func distinct(extensions []Extension) error {
	for i, extension := range extensions {
		if _, twice := find(extensions[:i], extension.Type); twice {
			return malformed("list of extensions: extension %d is in it twice", extension.Type)
		}
	}
	return nil
}

func writeExtensions(b *builder, extensions []Extension) {
	b.AddUint16LengthPrefixed(func(b *builder) {
		for _, e := range extensions {
			b.AddUint16(e.Type)
			vector16(b, e.Data)
		}
	})
}

// maxExtensions bounds how many a hello may have. The registry has some sixty.
const maxExtensions = 256

// readExtensions reads what writeExtensions writes, to the end of r.
func readExtensions(r *reader) ([]Extension, error) {
	var list reader
	if !r.ReadUint16LengthPrefixed(&list) || !r.Empty() {
		return nil, malformed("list of extensions")
	}
	extensions := make([]Extension, 0, 8)
	for !list.Empty() {
		var number uint16
		var data reader
		if !list.ReadUint16(&number) || !list.ReadUint16LengthPrefixed(&data) {
			return nil, malformed("extension number %d", len(extensions)+1)
		}
		if len(extensions) == maxExtensions {
			return nil, tooLarge("more than %d extensions", maxExtensions)
		}
		extensions = append(extensions, Extension{number, data})
	}
	return extensions, nil
}
