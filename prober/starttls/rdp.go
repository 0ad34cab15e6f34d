package starttls

import (
	"encoding/binary"
	"fmt"

	"tls_exporter/prober/text"
)

// The numbers of MS-RDPBCGR sections 2.2.1.1 and 2.2.1.2, and of X.224 in TPKT
// (RFC 1006 section 6).
const (
	tpktVersion       = 3
	x224Confirm       = 0xd0
	rdpNegotiation    = 1
	rdpResponse       = 2
	rdpFailure        = 3
	rdpProtocolSSL    = 1
	rdpProtocolHybrid = 2 // CredSSP over TLS
	rdpStandard       = 0
	rdpNotAllowed     = 2 // SSL_NOT_ALLOWED_BY_SERVER
)

// rdp requests TLS, also for CredSSP over it: a server that requires Network Level
// Authentication starts TLS only for clients that support CredSSP.
func rdp(c *conversation) error {
	const request = "\x03\x00\x00\x13" + // TPKT: 19 bytes
		"\x0e\xe0\x00\x00\x00\x00\x00" + // X.224: a connection request of 14 bytes
		"\x01\x00\x08\x00\x03\x00\x00\x00" // RDP_NEG_REQ: 8 bytes, rdpProtocolSSL and rdpProtocolHybrid
	if err := c.send(request, "the connection request"); err != nil {
		return err
	}
	header, err := c.read(4)
	if err != nil {
		return err
	}
	length := int(binary.BigEndian.Uint16(header[2:]))
	if header[0] != tpktVersion || length < 11 {
		return protocolError("the answer to the connection request begins with %s, which is not TPKT", text.Quote(string(header)))
	}
	answer, err := c.read(length - 4)
	if err != nil {
		return err
	}
	if answer[1] != x224Confirm {
		return refused("the connection request is answered with 0x%02x, not with a confirmation", answer[1])
	}
	return checkRDPNegotiation(answer[7:])
}

// checkRDPNegotiation reads the negotiation response at the end of a confirmation.
func checkRDPNegotiation(negotiation []byte) error {
	if len(negotiation) == 0 {
		return notOffered("the connection is confirmed without a negotiation, so the server has no TLS")
	}
	if len(negotiation) < 8 {
		return protocolError("the negotiation has %d bytes, not 8", len(negotiation))
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
	return protocolError("the negotiation has the type %d and the value %d", negotiation[0], value)
}

// rdpFailureName is the name of a failure code (MS-RDPBCGR section 2.2.1.2.2).
func rdpFailureName(code uint32) string {
	names := []string{"", "SSL_REQUIRED_BY_SERVER", "SSL_NOT_ALLOWED_BY_SERVER", "SSL_CERT_NOT_ON_SERVER",
		"INCONSISTENT_FLAGS", "HYBRID_REQUIRED_BY_SERVER", "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER"}
	if code == 0 || code >= uint32(len(names)) {
		return fmt.Sprintf("code %d", code)
	}
	return names[code]
}
