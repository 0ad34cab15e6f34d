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
	tdsMaxPacket    = 4096 // before the login has settled another size

	tdsOptionEncryption = 1
	tdsOptionsEnd       = 0xff
	tdsTokenError       = 0xaa

	tdsEncryptOff      = 0 // of the login alone, whose TLS is the same
	tdsEncryptOn       = 1
	tdsEncryptNotSup   = 2
	tdsEncryptRequired = 3
)

// tdsPreLoginOptions lists version, encryption, instance and thread, each with
// its place and length in what follows.
const tdsPreLoginOptions = "\x00\x00\x15\x00\x06" + "\x01\x00\x1b\x00\x01" + "\x02\x00\x1c\x00\x01" + "\x03\x00\x1d\x00\x04" + "\xff" +
	"\x10\x00\x00\x00\x00\x00" + // version 16.0
	"\x01" + // tdsEncryptOn
	"\x00" + // any instance
	"\x00\x00\x00\x00"

// mssql follows MS-TDS sections 2.2.6.5 and 3.2.5: a pre-login, and then a
// handshake wrapped in more of them.
func mssql(c *cleartext) error {
	if err := c.say(string(tdsPackets([]byte(tdsPreLoginOptions))), "the answer to the pre-login"); err != nil {
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
		c.carrier = &tdsConn{Conn: c.conn}
		return nil
	case tdsEncryptNotSup:
		return notOffered("the pre-login is answered with ENCRYPT_NOT_SUP")
	}
	return garbled("the answer to the pre-login does not settle encryption")
}

// tdsAnswer reads the answer to the pre-login, which is one packet.
func (c *cleartext) tdsAnswer() ([]byte, error) {
	kind, err := c.read(1)
	if err != nil {
		return nil, err
	}
	if kind[0] != tdsReply {
		return nil, garbled("the answer to the pre-login begins with the byte 0x%02x, and not as a reply of TDS", kind[0])
	}
	header, err := c.read(tdsHeader - 1)
	if err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint16(header[1:]))
	if header[0]&tdsEndOfMessage == 0 || length <= tdsHeader {
		return nil, garbled("the answer to the pre-login is a packet of %d bytes with the status %d", length, header[0])
	}
	return c.read(length - tdsHeader)
}

// tdsEncryption finds the option in a pre-login; -1: it is not there.
func tdsEncryption(preLogin []byte) int {
	for option := preLogin; len(option) >= 5 && option[0] != tdsOptionsEnd; option = option[5:] {
		place, length := int(binary.BigEndian.Uint16(option[1:])), int(binary.BigEndian.Uint16(option[3:]))
		if option[0] == tdsOptionEncryption && length == 1 && place < len(preLogin) {
			return int(preLogin[place])
		}
	}
	return -1
}

// tdsPackets wraps bytes as one pre-login message.
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

// tdsConn carries TLS as MS-TDS section 3.2.5 wants it: wrapped during the
// handshake, bare after it. What comes in may be either at any time, since a
// record of TLS begins with another byte than a packet does; that is also how
// it is with the tickets of TLS 1.3, of which the specification says nothing.
type tdsConn struct {
	net.Conn
	handshakeDone bool
	head          []byte // the header of a bare record, not yet handed on
	left          int    // how much of the packet or record is still to come
}

// HandshakeDone ends the wrapping: the records after the handshake are bare.
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
	if len(c.head) == 0 && c.left == 0 {
		if err := c.begin(); err != nil {
			return 0, err
		}
	}
	if len(c.head) > 0 {
		n := copy(b, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// begin reads the header of the next packet or record.
func (c *tdsConn) begin() error {
	head := make([]byte, 5, tdsHeader) // a record's header, or the beginning of a packet's
	if _, err := io.ReadFull(c.Conn, head); err != nil {
		return err
	}
	if head[0] != tdsPreLogin && head[0] != tdsReply { // some servers answer with the latter
		c.head, c.left = head, int(binary.BigEndian.Uint16(head[3:]))
		return nil
	}
	c.left = int(binary.BigEndian.Uint16(head[2:])) - tdsHeader
	if c.left <= 0 { // a stream of nothing would never end
		return garbled("a packet of TDS has nothing in it")
	}
	_, err := io.ReadFull(c.Conn, head[5:tdsHeader])
	return err
}
