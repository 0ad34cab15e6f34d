package hello

const extEarlyData = 42 // RFC 8446 section 4.2.10

// NewSessionTicket is a part of the message of TLS 1.3 (RFC 8446 section 4.6.1).
type NewSessionTicket struct {
	Lifetime     uint32 // seconds
	Ticket       []byte
	MaxEarlyData uint32 // bytes; 0: early data is not accepted
}

// ParseNewSessionTicket parses a handshake message. The result refers to message.
func ParseNewSessionTicket(message []byte) (*NewSessionTicket, error) {
	body, err := handshakeBody(message, msgNewSessionTicket)
	if err != nil {
		return nil, err
	}
	t := new(NewSessionTicket)
	var add uint32
	var nonce, ticket reader
	if !body.ReadUint32(&t.Lifetime) || !body.ReadUint32(&add) || !body.ReadUint8LengthPrefixed(&nonce) ||
		!body.ReadUint16LengthPrefixed(&ticket) || len(ticket) == 0 {
		return nil, malformed("NewSessionTicket")
	}
	t.Ticket = ticket
	extensions, err := readExtensions(&body)
	if err != nil {
		return nil, err
	}
	if data, ok := find(extensions, extEarlyData); ok {
		early := reader(data)
		if !early.ReadUint32(&t.MaxEarlyData) || !early.Empty() {
			return nil, malformed("early_data of a NewSessionTicket")
		}
	}
	return t, nil
}
