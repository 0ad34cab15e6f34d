package hello

// ServerHello is the message, or the HelloRetryRequest, which has the same form (RFC
// 8446 section 4.1.3).
type ServerHello struct {
	Version       Version // the negotiated version: that of supported_versions, or else LegacyVersion
	LegacyVersion Version
	Random        [32]byte
	SessionID     []byte
	CipherSuite   CipherSuite
	Compression   uint8
	Extensions    []Extension

	Retry    bool   // it is a HelloRetryRequest
	Group    Group  // of the key share, or the one that a HelloRetryRequest selects; 0: none
	KeyShare []byte // the server's public value; nil: none
	ALPN     string // raw, as the server sent it; empty: none, or encrypted
}

// retryRandom is the Random that marks a HelloRetryRequest.
var retryRandom = [32]byte{
	0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
	0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
}

const maxSessionID = 32 // bytes (RFC 5246 section 7.4.1.2)

// ParseServerHello parses a handshake message. The result refers to message.
func ParseServerHello(message []byte) (*ServerHello, error) {
	body, err := handshakeBody(message, msgServerHello)
	if err != nil {
		return nil, err
	}
	return parseServerHello(body)
}

func parseServerHello(body reader) (*ServerHello, error) {
	h := new(ServerHello)
	var version, suite uint16
	var session reader
	if !body.ReadUint16(&version) || !body.CopyBytes(h.Random[:]) || !body.ReadUint8LengthPrefixed(&session) || len(session) > maxSessionID ||
		!body.ReadUint16(&suite) || !body.ReadUint8(&h.Compression) {
		return nil, malformed("ServerHello of %d bytes", len(body))
	}
	h.LegacyVersion, h.Version = Version(version), Version(version)
	h.SessionID, h.CipherSuite = session, CipherSuite(suite)
	if !body.Empty() {
		var err error
		if h.Extensions, err = readExtensions(&body); err != nil {
			return nil, err
		}
	}
	return h, h.parseExtensions()
}

// parseExtensions sets the fields that come from extensions.
func (h *ServerHello) parseExtensions() error {
	if data, ok := find(h.Extensions, extSupportedVersions); ok {
		if len(data) != 2 {
			return malformed("supported_versions of a ServerHello")
		}
		h.Version = Version(data[0])<<8 | Version(data[1])
	}
	if h.Version >= TLS13 {
		if err := distinct(h.Extensions); err != nil {
			return err
		}
	}
	h.Retry = h.Random == retryRandom
	if data, ok := find(h.Extensions, extKeyShare); ok {
		share := reader(data)
		var group uint16
		var key reader
		if !share.ReadUint16(&group) || !h.Retry && !share.ReadUint16LengthPrefixed(&key) || !share.Empty() {
			return malformed("key_share of a ServerHello")
		}
		h.Group, h.KeyShare = Group(group), key
	}
	if data, ok := find(h.Extensions, extALPN); ok {
		var err error
		if h.ALPN, err = parseALPN(data); err != nil {
			return err
		}
	}
	return nil
}

// MarshalMessage returns the handshake message. It ignores the fields that come from
// extensions.
func (h *ServerHello) MarshalMessage() ([]byte, error) {
	var b builder
	b.AddUint8(msgServerHello)
	b.AddUint24LengthPrefixed(func(b *builder) {
		b.AddUint16(uint16(h.LegacyVersion))
		b.AddBytes(h.Random[:])
		vector8(b, h.SessionID)
		b.AddUint16(uint16(h.CipherSuite))
		b.AddUint8(h.Compression)
		if len(h.Extensions) > 0 {
			writeExtensions(b, h.Extensions)
		}
	})
	return b.Bytes()
}

// Extension returns the data of the extension with this number; false: there is none.
func (h *ServerHello) Extension(number uint16) ([]byte, bool) { return find(h.Extensions, number) }

func (h *ServerHello) has(number uint16) bool {
	_, ok := find(h.Extensions, number)
	return ok
}

// RenegotiationInfo returns the renegotiated_connection of RFC 5746, which is empty in a
// first handshake; false: the server does not support secure renegotiation.
func (h *ServerHello) RenegotiationInfo() ([]byte, bool) {
	data, ok := find(h.Extensions, extRenegotiationInfo)
	list := reader(data)
	var connection reader
	if !ok || !list.ReadUint8LengthPrefixed(&connection) || !list.Empty() {
		return nil, false
	}
	return connection, true
}

// ExtendedMasterSecret reports whether RFC 7627 is used.
func (h *ServerHello) ExtendedMasterSecret() bool { return h.has(extExtendedMasterSecret) }

// EncryptThenMAC reports whether RFC 7366 is used.
func (h *ServerHello) EncryptThenMAC() bool { return h.has(extEncryptThenMAC) }

// SessionTicket reports whether the server will send a ticket (RFC 5077).
func (h *ServerHello) SessionTicket() bool { return h.has(extSessionTicket) }

// StatusRequest reports whether the server will send a CertificateStatus.
func (h *ServerHello) StatusRequest() bool { return h.has(extStatusRequest) }

// Heartbeat returns whether heartbeat requests may be sent to the server; false: it does
// not support heartbeats.
func (h *ServerHello) Heartbeat() (HeartbeatMode, bool) {
	data, ok := find(h.Extensions, extHeartbeat)
	if !ok || len(data) != 1 {
		return 0, false
	}
	return HeartbeatMode(data[0]), true
}

// Cookie returns the cookie of a HelloRetryRequest; nil: there is none.
func (h *ServerHello) Cookie() []byte {
	data, _ := find(h.Extensions, extCookie)
	list := reader(data)
	var cookie reader
	if !list.ReadUint16LengthPrefixed(&cookie) || !list.Empty() {
		return nil
	}
	return cookie
}

// Downgraded returns the version of the downgrade sentinel (RFC 8446 section 4.1.3),
// which the server supports although it negotiated a lower one: TLS13, or TLS12, which
// stands for TLS 1.2 and above; 0: there is no sentinel.
func (h *ServerHello) Downgraded() Version {
	switch string(h.Random[24:]) {
	case "DOWNGRD\x01":
		return TLS13
	case "DOWNGRD\x00":
		return TLS12
	}
	return 0
}
