package hello

// The types of handshake messages that are plain (RFC 5246 section 7.4).
const (
	msgHelloRequest       = 0
	msgClientHello        = 1
	msgServerHello        = 2
	msgNewSessionTicket   = 4
	msgCertificate        = 11
	msgServerKeyExchange  = 12
	msgCertificateRequest = 13
	msgServerHelloDone    = 14
	msgCertificateStatus  = 22
)

const handshakeHeader = 4 // bytes: type, and a length of three

// ClientHello is the message (RFC 8446 section 4.1.2) and the version of the
// record that it goes in. Without extensions, the list of them is left away.
type ClientHello struct {
	RecordVersion      Version // ParseClientHello does not see it
	LegacyVersion      Version
	Random             [32]byte
	SessionID          []byte
	CipherSuites       []CipherSuite
	CompressionMethods []uint8
	Extensions         []Extension
}

// Marshal is the hello in its records. It fails where a part does not fit its
// length.
func (h *ClientHello) Marshal() ([]byte, error) {
	message, err := h.MarshalMessage()
	if err != nil {
		return nil, err
	}
	records := make([]byte, 0, len(message)+recordHeader*(1+len(message)/maxFragment))
	for len(message) > 0 {
		n := min(len(message), maxFragment)
		records = AppendRecord(records, TypeHandshake, h.RecordVersion, message[:n])
		message = message[n:]
	}
	return records, nil
}

// MarshalMessage is the handshake message alone.
func (h *ClientHello) MarshalMessage() ([]byte, error) {
	var b builder
	b.AddUint8(msgClientHello)
	b.AddUint24LengthPrefixed(func(b *builder) {
		b.AddUint16(uint16(h.LegacyVersion))
		b.AddBytes(h.Random[:])
		vector8(b, h.SessionID)
		numbers16(b, h.CipherSuites)
		vector8(b, h.CompressionMethods)
		if len(h.Extensions) > 0 {
			writeExtensions(b, h.Extensions)
		}
	})
	return b.Bytes()
}

// ParseClientHello reads a handshake message. What it returns lies in message.
func ParseClientHello(message []byte) (*ClientHello, error) {
	body, err := handshakeBody(message, msgClientHello)
	if err != nil {
		return nil, err
	}
	h := new(ClientHello)
	var version uint16
	var session, compression reader
	if !body.ReadUint16(&version) || !body.CopyBytes(h.Random[:]) || !body.ReadUint8LengthPrefixed(&session) {
		return nil, malformed("ClientHello: version, random or session")
	}
	h.LegacyVersion, h.SessionID = Version(version), session
	var ok bool
	if h.CipherSuites, ok = readNumbers16[CipherSuite](&body); !ok || !body.ReadUint8LengthPrefixed(&compression) {
		return nil, malformed("ClientHello: cipher suites or compression")
	}
	h.CompressionMethods = compression
	if body.Empty() {
		return h, nil
	}
	h.Extensions, err = readExtensions(&body)
	return h, err
}

// handshakeBody is what is in a handshake message of one type.
func handshakeBody(message []byte, want uint8) (reader, error) {
	r := reader(message)
	var got uint8
	var body reader
	if !r.ReadUint8(&got) || !r.ReadUint24LengthPrefixed(&body) || !r.Empty() || got != want {
		return nil, malformed("handshake message of type %d", want)
	}
	return body, nil
}

// Extension is what the hello has under a number; false: nothing.
func (h *ClientHello) Extension(number uint16) ([]byte, bool) { return find(h.Extensions, number) }
