package starttls

import (
	"encoding/binary"
	"io"
	"net"
)

// The numbers of MS-TDS sections 2.2.3.1 and 2.2.6.5.
const (
	tdsReply        = 0x04
	tdsPreLogin     = 0x12
	tdsEndOfMessage = 1
	tdsHeader       = 8
	tdsMaxPacket    = 4096 // until the login negotiates another size

	tdsOptionEncryption = 1
	tdsOptionsEnd       = 0xff
	tdsTokenError       = 0xaa

	tdsEncryptOff      = 0 // encrypts the login only, with the same handshake
	tdsEncryptOn       = 1
	tdsEncryptNotSup   = 2
	tdsEncryptRequired = 3
)

// tdsPreLoginOptions lists version, encryption, instance and thread, each with the
// offset and the length of its value. The values follow.
const tdsPreLoginOptions = "\x00\x00\x15\x00\x06" + "\x01\x00\x1b\x00\x01" + "\x02\x00\x1c\x00\x01" + "\x03\x00\x1d\x00\x04" + "\xff" +
	"\x10\x00\x00\x00\x00\x00" + // version 16.0
	"\x01" + // tdsEncryptOn
	"\x00" + // any instance
	"\x00\x00\x00\x00"

// mssql follows MS-TDS sections 2.2.6.5 and 3.2.5: a pre-login, and then a handshake in
// packets of the same type.
func mssql(c *conversation) error {
	if err := c.send(string(tdsPackets([]byte(tdsPreLoginOptions))), "the pre-login"); err != nil {
		return err
	}
	answer, err := c.tdsAnswer()
	if err != nil {
		return err
	}
	if answer[0] == tdsTokenError {
		return refused("the pre-login is answered with an error")
	}
	switch encryption := tdsEncryption(answer); encryption {
	case tdsEncryptOff, tdsEncryptOn, tdsEncryptRequired:
		c.transport = &tdsConn{Conn: c.conn}
		return nil
	case tdsEncryptNotSup:
		return notOffered("the pre-login is answered with ENCRYPT_NOT_SUP")
	}
	return protocolError("the answer to the pre-login has no valid encryption option")
}

// tdsAnswer reads the answer to the pre-login, one packet, and returns its content.
func (c *conversation) tdsAnswer() ([]byte, error) {
	kind, err := c.read(1)
	if err != nil {
		return nil, err
	}
	if kind[0] != tdsReply {
		return nil, protocolError("the answer to the pre-login begins with the byte 0x%02x, which is not a TDS response", kind[0])
	}
	header, err := c.read(tdsHeader - 1)
	if err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint16(header[1:]))
	if header[0]&tdsEndOfMessage == 0 || length <= tdsHeader {
		return nil, protocolError("the answer to the pre-login is a packet of %d bytes with the status %d", length, header[0])
	}
	return c.read(length - tdsHeader)
}

// tdsEncryption is the value of the encryption option of a pre-login; -1: there is none.
func tdsEncryption(preLogin []byte) int {
	for option := preLogin; len(option) >= 5 && option[0] != tdsOptionsEnd; option = option[5:] {
		offset, length := int(binary.BigEndian.Uint16(option[1:])), int(binary.BigEndian.Uint16(option[3:]))
		if option[0] == tdsOptionEncryption && length == 1 && offset < len(preLogin) {
			return int(preLogin[offset])
		}
	}
	return -1
}

// tdsPackets wraps b in the packets of one pre-login message.
func tdsPackets(b []byte) []byte {
	var packets []byte
	for sequence := byte(1); len(b) > 0; sequence++ {
		n := min(len(b), tdsMaxPacket-tdsHeader)
		status := byte(0)
		if n == len(b) {
			status = tdsEndOfMessage
		}
		packets = append(packets, tdsPreLogin, status, byte((n+tdsHeader)>>8), byte(n+tdsHeader), 0, 0, sequence, 0)
		packets, b = append(packets, b[:n]...), b[n:]
	}
	return packets
}

// tdsConn carries TLS in packets during the handshake, and without them after it
// (MS-TDS section 3.2.5). Reads accept packets and bare records at any time: their
// first bytes differ, and the specification does not say which of the two carries the
// tickets of TLS 1.3.
type tdsConn struct {
	net.Conn
	handshakeDone bool
	header        []byte // of a bare record; not yet returned
	left          int    // bytes of the packet or record that were not read yet
}

// HandshakeDone is called when the handshake is complete: later writes are bare records.
func (c *tdsConn) HandshakeDone() { c.handshakeDone = true }

func (c *tdsConn) Write(b []byte) (int, error) {
	if c.handshakeDone {
		return c.Conn.Write(b)
	}
	if _, err := c.Conn.Write(tdsPackets(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (c *tdsConn) Read(b []byte) (int, error) {
	if len(c.header) == 0 && c.left == 0 {
		if err := c.readHeader(); err != nil {
			return 0, err
		}
	}
	if len(c.header) > 0 {
		n := copy(b, c.header)
		c.header = c.header[n:]
		return n, nil
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// readHeader reads the header of the next packet or record.
func (c *tdsConn) readHeader() error {
	header := make([]byte, 5, tdsHeader) // of a record, or the first bytes of a packet's
	if _, err := io.ReadFull(c.Conn, header); err != nil {
		return err
	}
	if header[0] != tdsPreLogin && header[0] != tdsReply { // some servers send TLS in tdsReply
		c.header, c.left = header, int(binary.BigEndian.Uint16(header[3:]))
		return nil
	}
	c.left = int(binary.BigEndian.Uint16(header[2:])) - tdsHeader
	if c.left <= 0 { // empty packets without end would never fail
		return protocolError("a TDS packet is empty")
	}
	_, err := io.ReadFull(c.Conn, header[5:tdsHeader])
	return err
}
