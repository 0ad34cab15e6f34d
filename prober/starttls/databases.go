package starttls

import (
	"bytes"
	"encoding/binary"

	"tls_exporter/prober/text"
)

// postgres sends the SSLRequest of PostgreSQL's protocol (Message Flow, SSL Session
// Encryption). The answer is one letter. The text of an error is not read: the
// documentation advises not to show it, as it is not authenticated (CVE-2024-10977).
func postgres(c *conversation) error {
	const sslRequestCode = 1234<<16 | 5679
	request := binary.BigEndian.AppendUint32(nil, 8)
	request = binary.BigEndian.AppendUint32(request, sslRequestCode)
	if err := c.send(string(request), "SSLRequest"); err != nil {
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
		return notOffered("SSLRequest is answered with N (no)")
	case 'E':
		return refused("SSLRequest is answered with an error")
	}
	return protocolError("SSLRequest is answered with the byte 0x%02x", answer[0])
}

// The numbers of the MySQL Client/Server Protocol (Connection Phase, Protocol
// Handshake V10 and SSLRequest). MariaDB uses the same.
const (
	mysqlHandshakeV10     = 10
	mysqlError            = 0xff
	mysqlProtocol41       = 1 << 9
	mysqlSSL              = 1 << 11
	mysqlSecureConnection = 1 << 15
	mysqlMaxPacket        = 1 << 24
	mysqlUTF8             = 33
)

// mysql waits for the greeting and sends SSLRequest, to which there is no answer: TLS
// follows. The server counts a client that then does not log in as an aborted
// connection.
func mysql(c *conversation) error {
	greeting, err := c.mysqlPacket()
	if err != nil {
		return err
	}
	switch greeting[0] {
	case mysqlHandshakeV10:
	case mysqlError: // too many connections, or a blocked host: a number and a text
		return refused("the greeting is an error: %s", text.Quote(string(greeting[min(len(greeting), 3):])))
	default:
		return protocolError("the greeting has the protocol version %d, not 10", greeting[0])
	}
	// The server's version ends with a zero byte. Then there are the thread (4 bytes),
	// half a nonce (8), a filler (1) and the lower half of the capabilities (2).
	version, rest, ok := bytes.Cut(greeting[1:], []byte{0})
	if !ok || len(rest) < 15 {
		return protocolError("the greeting ends before its capabilities")
	}
	if binary.LittleEndian.Uint16(rest[13:])&mysqlSSL == 0 {
		return notOffered("the capabilities of %s do not have SSL", text.Quote(string(version)))
	}
	request := []byte{32, 0, 0, 1} // the number of bytes that follow; packet 1
	request = binary.LittleEndian.AppendUint32(request, mysqlProtocol41|mysqlSSL|mysqlSecureConnection)
	request = binary.LittleEndian.AppendUint32(request, mysqlMaxPacket)
	request = append(request, mysqlUTF8)
	request = append(request, make([]byte, 23)...) // reserved
	return c.send(string(request), "SSLRequest")
}

// mysqlPacket reads the first packet of the server. It is not empty.
func (c *conversation) mysqlPacket() ([]byte, error) {
	header, err := c.read(4)
	if err != nil {
		return nil, err
	}
	length := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
	if length == 0 || header[3] != 0 {
		return nil, protocolError("the greeting begins with %s, which is not MySQL", text.Quote(string(header)))
	}
	return c.read(length)
}
