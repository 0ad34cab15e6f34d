package starttls

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"tls_exporter/prober/text"
)

// The dialogues of the protocols that talk in bytes.

// postgres sends the SSLRequest of PostgreSQL's protocol (Message Flow, SSL
// Session Encryption), which one letter answers. An error is not read on: the
// documentation advises not to show what nobody vouches for (CVE-2024-10977).
func postgres(c *cleartext) error {
	const sslRequestCode = 1234<<16 | 5679
	request := binary.BigEndian.AppendUint32(nil, 8)
	request = binary.BigEndian.AppendUint32(request, sslRequestCode)
	if err := c.say(string(request), "the answer to SSLRequest"); err != nil {
		return err
	}
	answer, err := c.read(1)
	if err != nil {
		return err
	}
	switch answer[0] {
	case 'S':
		return nil
	case 'N':
		return notOffered("SSLRequest is answered with N, for no")
	case 'E':
		return refused("SSLRequest is answered with an error")
	}
	return garbled("SSLRequest is answered with the byte 0x%02x", answer[0])
}

// The numbers of the MySQL Client/Server Protocol (Connection Phase, Protocol
// Handshake V10 and SSLRequest), which MariaDB shares.
const (
	mysqlHandshakeV10     = 10
	mysqlError            = 0xff
	mysqlProtocol41       = 1 << 9
	mysqlSSL              = 1 << 11
	mysqlSecureConnection = 1 << 15
	mysqlMaxPacket        = 1 << 24
	mysqlUTF8             = 33
)

// mysql waits for the server's greeting and says that it goes on in TLS; no
// go-ahead follows. The server counts a client that then does not log in as an
// interrupted connection.
func mysql(c *cleartext) error {
	greeting, err := c.mysqlPacket()
	if err != nil {
		return err
	}
	switch greeting[0] {
	case mysqlHandshakeV10:
	case mysqlError: // too many connections, a blocked host: a number, and words
		return refused("the greeting is an error: %s", text.Quote(string(greeting[min(len(greeting), 3):])))
	default:
		return garbled("the greeting is of the protocol %d, and not of 10", greeting[0])
	}
	// The server's version ends with a zero; then come the thread (4 bytes), half
	// a nonce (8) and a filler (1), and the lower half of the capabilities.
	version, rest, ok := bytes.Cut(greeting[1:], []byte{0})
	if !ok || len(rest) < 15 {
		return garbled("the greeting ends before its capabilities")
	}
	if binary.LittleEndian.Uint16(rest[13:])&mysqlSSL == 0 {
		return notOffered("the capabilities of %s lack SSL", text.Quote(string(version)))
	}
	request := []byte{32, 0, 0, 1} // so many bytes follow; the second packet
	request = binary.LittleEndian.AppendUint32(request, mysqlProtocol41|mysqlSSL|mysqlSecureConnection)
	request = binary.LittleEndian.AppendUint32(request, mysqlMaxPacket)
	request = append(request, mysqlUTF8)
	request = append(request, make([]byte, 23)...) // reserved
	return c.say(string(request), "TLS")
}

// mysqlPacket reads the first packet of a conversation, which is not empty.
func (c *cleartext) mysqlPacket() ([]byte, error) {
	header, err := c.read(4)
	if err != nil {
		return nil, err
	}
	length := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
	if length == 0 || header[3] != 0 {
		return nil, garbled("the greeting begins with %s, and not as MySQL's", text.Quote(string(header)))
	}
	return c.read(length)
}

// The tags and codes of LDAP (RFC 4511 sections 4.1.9, 4.12 and 4.14).
const (
	ldapStartTLS         = "1.3.6.1.4.1.1466.20037"
	ldapUnbind           = "\x30\x05\x02\x01\x02\x42\x00" // message 2, UnbindRequest (section 4.3)
	ldapExtendedRequest  = asn1.Tag(23 | classApplication | classConstructed)
	ldapExtendedResponse = asn1.Tag(24 | classApplication | classConstructed)
	ldapRequestName      = asn1.Tag(0 | classContext)

	classApplication = 0x40
	classContext     = 0x80
	classConstructed = 0x20

	ldapSuccess       = 0
	ldapProtocolError = 2
)

// ldap asks for the extended operation of RFC 4511 section 4.14.
func ldap(c *cleartext) error {
	c.goodbye = ldapUnbind
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(message *cryptobyte.Builder) {
		message.AddASN1Int64(1)
		message.AddASN1(ldapExtendedRequest, func(request *cryptobyte.Builder) {
			request.AddASN1(ldapRequestName, func(name *cryptobyte.Builder) { name.AddBytes([]byte(ldapStartTLS)) })
		})
	})
	if err := c.say(string(b.BytesOrPanic()), "the answer to StartTLS"); err != nil {
		return err
	}
	message, err := c.ldapMessage()
	if err != nil {
		return err
	}
	var id, response, code, name, diagnostic cryptobyte.String
	if !ber(&message, asn1.INTEGER, &id) || !ber(&message, ldapExtendedResponse, &response) ||
		!ber(&response, asn1.ENUM, &code) || len(code) != 1 ||
		!ber(&response, asn1.OCTET_STRING, &name) || !ber(&response, asn1.OCTET_STRING, &diagnostic) {
		return garbled("the answer to StartTLS is no ExtendedResponse")
	}
	switch {
	case code[0] == ldapSuccess && string(id) == "\x01":
		return nil
	case code[0] == ldapSuccess:
		return garbled("the answer to StartTLS is to another message than ours")
	case code[0] == ldapProtocolError: // section 4.14.1: it does not know the operation
		return notOffered("StartTLS is answered with protocolError: %s", text.Quote(string(diagnostic)))
	}
	return refused("StartTLS is answered with the result code %d: %s", code[0], text.Quote(string(diagnostic)))
}

// ldapMessage reads one LDAPMessage and returns what is in it.
func (c *cleartext) ldapMessage() (cryptobyte.String, error) {
	head, err := c.read(2)
	if err != nil {
		return nil, err
	}
	if head[0] != byte(asn1.SEQUENCE) {
		return nil, garbled("the answer to StartTLS begins with the byte 0x%02x, and not as a message of LDAP", head[0])
	}
	length := int(head[1])
	if n := length - 0x80; n >= 0 {
		if n > 4 {
			return nil, garbled("the answer to StartTLS has a length that takes %d bytes to write", n)
		}
		octets, err := c.read(n)
		if err != nil {
			return nil, err
		}
		if length = berLength(octets); length < 0 {
			return nil, garbled("the answer to StartTLS has no definite length")
		}
	}
	return c.read(length)
}

// ber takes one element from s. LDAP restricts BER to definite lengths (RFC 4511
// section 5.1) and not to the shortest, on which cryptobyte insists: Active
// Directory writes all of them in four bytes.
func ber(s *cryptobyte.String, tag asn1.Tag, content *cryptobyte.String) bool {
	var found, first uint8
	if !s.ReadUint8(&found) || asn1.Tag(found) != tag || !s.ReadUint8(&first) {
		return false
	}
	length := int(first)
	if first >= 0x80 {
		var octets []byte
		if !s.ReadBytes(&octets, int(first-0x80)) {
			return false
		}
		length = berLength(octets)
	}
	return s.ReadBytes((*[]byte)(content), length)
}

// berLength is a length in its long form (X.690 section 8.1.3.5), and -1 if it
// has no bytes, which would be an indefinite one, or more than four.
func berLength(octets []byte) int {
	if len(octets) == 0 || len(octets) > 4 {
		return -1
	}
	length := 0
	for _, octet := range octets {
		length = length<<8 | int(octet)
	}
	return length
}

// The numbers of MS-RDPBCGR sections 2.2.1.1 and 2.2.1.2, and of X.224 in TPKT
// (RFC 1006 section 6).
const (
	tpktVersion       = 3
	x224Confirm       = 0xd0
	rdpNegotiation    = 1
	rdpResponse       = 2
	rdpFailure        = 3
	rdpProtocolSSL    = 1
	rdpProtocolHybrid = 2 // CredSSP, which runs over TLS
	rdpStandard       = 0
	rdpNotAllowed     = 2 // SSL_NOT_ALLOWED_BY_SERVER
)

// rdp asks for TLS, also as what CredSSP runs over: a server that insists on
// Network Level Authentication shows its certificate to no one else.
func rdp(c *cleartext) error {
	const request = "\x03\x00\x00\x13" + // TPKT: 19 bytes
		"\x0e\xe0\x00\x00\x00\x00\x00" + // X.224: a connection request of 14 bytes
		"\x01\x00\x08\x00\x03\x00\x00\x00" // RDP_NEG_REQ: 8 bytes, rdpProtocolSSL and rdpProtocolHybrid
	if err := c.say(request, "the answer to the connection request"); err != nil {
		return err
	}
	header, err := c.read(4)
	if err != nil {
		return err
	}
	length := int(binary.BigEndian.Uint16(header[2:]))
	if header[0] != tpktVersion || length < 11 {
		return garbled("the answer to the connection request begins with %s, and not as TPKT", text.Quote(string(header)))
	}
	answer, err := c.read(length - 4)
	if err != nil {
		return err
	}
	if answer[1] != x224Confirm {
		return refused("the connection request is answered with 0x%02x, and not confirmed", answer[1])
	}
	return rdpVerdict(answer[7:])
}

// rdpVerdict reads the negotiation that follows a connection confirm.
func rdpVerdict(negotiation []byte) error {
	if len(negotiation) == 0 {
		return notOffered("the connection is confirmed without negotiation, as by servers that have no TLS")
	}
	if len(negotiation) < 8 {
		return garbled("the negotiation has %d bytes, and not 8", len(negotiation))
	}
	value := binary.LittleEndian.Uint32(negotiation[4:])
	switch kind := negotiation[0]; {
	case kind == rdpResponse && value == rdpStandard:
		return notOffered("the server chose standard RDP security")
	case kind == rdpResponse && (value == rdpProtocolSSL || value == rdpProtocolHybrid):
		return nil
	case kind == rdpFailure && value == rdpNotAllowed:
		return notOffered("the negotiation failed: SSL_NOT_ALLOWED_BY_SERVER")
	case kind == rdpFailure:
		return refused("the negotiation failed: %s", rdpFailureName(value))
	}
	return garbled("the negotiation is of the type %d with the value %d", negotiation[0], value)
}

// rdpFailureName is as MS-RDPBCGR section 2.2.1.2.2 has it.
func rdpFailureName(code uint32) string {
	names := []string{"", "SSL_REQUIRED_BY_SERVER", "SSL_NOT_ALLOWED_BY_SERVER", "SSL_CERT_NOT_ON_SERVER",
		"INCONSISTENT_FLAGS", "HYBRID_REQUIRED_BY_SERVER", "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER"}
	if code == 0 || code >= uint32(len(names)) {
		return fmt.Sprintf("code %d", code)
	}
	return names[code]
}
