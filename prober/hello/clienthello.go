package hello

// The types of handshake messages that are not encrypted (RFC 5246 section 7.4).
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

const handshakeHeader = 4 // bytes: one for the type, three for the length

// ClientHello is the message (RFC 8446 section 4.1.2) and the version of its record.
// An empty list of extensions is omitted from the message.
type ClientHello struct {
	RecordVersion      Version // not set by ParseClientHello
	LegacyVersion      Version
	Random             [32]byte
	SessionID          []byte
	CipherSuites       []CipherSuite
	CompressionMethods []uint8
	Extensions         []Extension
}

// Marshal returns the message in records. It fails if a part is longer than its
// length field allows.
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

// MarshalMessage returns the handshake message without records.
func (h *ClientHello) MarshalMessage() ([]byte, error) {
	b := newBuilder(h.length())
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

// ParseClientHello parses a handshake message. The result refers to message.
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

// MessageSize is the size in bytes of the handshake message that b begins with, its
// header included (RFC 8446 section 4); false: b is shorter than the header. The
// message may be longer than b.
func MessageSize(b []byte) (size int, ok bool) {
	if len(b) < handshakeHeader {
		return 0, false
	}
	return handshakeHeader + int(b[1])<<16 + int(b[2])<<8 + int(b[3]), true
}

// handshakeBody returns the body of a handshake message of the wanted type.
func handshakeBody(message []byte, want uint8) (reader, error) {
	r := reader(message)
	var got uint8
	var body reader
	if !r.ReadUint8(&got) || !r.ReadUint24LengthPrefixed(&body) || !r.Empty() || got != want {
		return nil, malformed("handshake message of type %d", want)
	}
	return body, nil
}

// Extension returns the data of the extension with this number; false: there is none.
func (h *ClientHello) Extension(number uint16) ([]byte, bool) { return find(h.Extensions, number) }

// Renewal has the fields that differ between ClientHellos with the same offer.
type Renewal struct {
	Random     [32]byte
	SessionID  [32]byte // as many bytes of it as the session ID of the ClientHello has
	ServerName string   // empty: no extension
	Protocols  []string // ALPN; empty: no extension
	KeyShares  []byte   // made with AppendKeyShare
}

// AppendKeyShare appends a KeyShareEntry (RFC 8446 section 4.2.8) to b. The public
// value may come in parts.
func AppendKeyShare(b []byte, group Group, parts ...[]byte) []byte {
	length := 0
	for _, part := range parts {
		length += len(part)
	}
	b = appendLength16(appendLength16(b, int(group)), length)
	for _, part := range parts {
		b = append(b, part...)
	}
	return b
}

// AppendRenewed appends the handshake message of h with the fields of r to b. A field
// for which h has no extension is ignored. It returns nil if the extensions do not fit
// their length field.
func (h *ClientHello) AppendRenewed(b []byte, r *Renewal) []byte {
	start := len(b)
	b = append(b, msgClientHello, 0, 0, 0, byte(h.LegacyVersion>>8), byte(h.LegacyVersion))
	b = append(b, r.Random[:]...)
	b = append(b, byte(len(h.SessionID)))
	b = append(b, r.SessionID[:len(h.SessionID)]...)
	b = appendLength16(b, 2*len(h.CipherSuites))
	for _, suite := range h.CipherSuites {
		b = appendLength16(b, int(suite))
	}
	b = append(b, byte(len(h.CompressionMethods)))
	b = append(b, h.CompressionMethods...)
	extensions := len(b)
	b = appendLength16(b, 0)
	for _, e := range h.Extensions {
		switch e.Type {
		case extServerName:
			b = appendServerName(b, r.ServerName)
		case extALPN:
			b = appendProtocols(b, r.Protocols)
		case extKeyShare:
			b = appendLength16(appendLength16(b, extKeyShare), len(r.KeyShares)+2)
			b = append(appendLength16(b, len(r.KeyShares)), r.KeyShares...)
		default:
			b = appendExtension(b, e)
		}
	}
	length := len(b) - extensions - 2
	if length > maxVector {
		return nil
	}
	b[extensions], b[extensions+1] = byte(length>>8), byte(length)
	length = len(b) - start - handshakeHeader
	b[start+1], b[start+2], b[start+3] = byte(length>>16), byte(length>>8), byte(length)
	return b
}

func appendLength16(b []byte, n int) []byte { return append(b, byte(n>>8), byte(n)) }

func appendExtension(b []byte, e Extension) []byte {
	return append(appendLength16(appendLength16(b, int(e.Type)), len(e.Data)), e.Data...)
}

func appendServerName(b []byte, name string) []byte {
	if name == "" {
		return b
	}
	b = appendLength16(appendLength16(b, extServerName), len(name)+5)
	b = append(appendLength16(b, len(name)+3), 0) // host_name
	return append(appendLength16(b, len(name)), name...)
}

func appendProtocols(b []byte, names []string) []byte {
	if len(names) == 0 {
		return b
	}
	length := 0
	for _, name := range names {
		length += 1 + len(name)
	}
	b = appendLength16(appendLength16(b, extALPN), length+2)
	b = appendLength16(b, length)
	for _, name := range names {
		b = append(append(b, byte(len(name))), name...)
	}
	return b
}

// KeyShareGroups returns the groups of the key shares; nil: there are none, or the
// extension is malformed.
func (h *ClientHello) KeyShareGroups() []Group {
	data, _ := h.Extension(extKeyShare)
	list := reader(data)
	var shares reader
	if !list.ReadUint16LengthPrefixed(&shares) {
		return nil
	}
	var groups []Group
	for !shares.Empty() {
		var group uint16
		var share reader
		if !shares.ReadUint16(&group) || !shares.ReadUint16LengthPrefixed(&share) {
			return nil
		}
		groups = append(groups, Group(group))
	}
	return groups
}
