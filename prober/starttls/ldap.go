package starttls

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"tls_exporter/prober/text"
)

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

// ldap requests the extended operation of RFC 4511 section 4.14.
func ldap(c *conversation) error {
	c.quit = ldapUnbind
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(message *cryptobyte.Builder) {
		message.AddASN1Int64(1)
		message.AddASN1(ldapExtendedRequest, func(request *cryptobyte.Builder) {
			request.AddASN1(ldapRequestName, func(name *cryptobyte.Builder) { name.AddBytes([]byte(ldapStartTLS)) })
		})
	})
	if err := c.send(string(b.BytesOrPanic()), "StartTLS"); err != nil {
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
		return protocolError("the answer to StartTLS is not an ExtendedResponse")
	}
	switch {
	case code[0] == ldapSuccess && string(id) == "\x01":
		return nil
	case code[0] == ldapSuccess:
		return protocolError("the answer to StartTLS has another message ID than the request")
	case code[0] == ldapProtocolError: // section 4.14.1: the server does not know the operation
		return notOffered("StartTLS is answered with protocolError: %s", text.Quote(string(diagnostic)))
	}
	return refused("StartTLS is answered with the result code %d: %s", code[0], text.Quote(string(diagnostic)))
}

// ldapMessage reads one LDAPMessage and returns its content.
func (c *conversation) ldapMessage() (cryptobyte.String, error) {
	head, err := c.read(2)
	if err != nil {
		return nil, err
	}
	if head[0] != byte(asn1.SEQUENCE) {
		return nil, protocolError("the answer to StartTLS begins with the byte 0x%02x, which is not LDAP", head[0])
	}
	length := int(head[1])
	if n := length - 0x80; n >= 0 {
		if n > 4 {
			return nil, protocolError("the length of the answer to StartTLS is written in %d bytes", n)
		}
		octets, err := c.read(n)
		if err != nil {
			return nil, err
		}
		if length = berLength(octets); length < 0 {
			return nil, protocolError("the answer to StartTLS has no definite length")
		}
	}
	return c.read(length)
}

// ber reads one element from s. LDAP limits BER to definite lengths (RFC 4511 section
// 5.1), but not to the shortest form, which cryptobyte requires: Active Directory
// writes every length in four bytes.
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

// berLength is a length in the long form (X.690 section 8.1.3.5). It is -1 if there are
// no bytes, which is an indefinite length, or more than four.
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
