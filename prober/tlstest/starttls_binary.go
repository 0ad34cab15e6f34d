package tlstest

import (
	"encoding/asn1"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"strings"

	"tls_exporter/prober/tlstest/internal/wire"
)

// speakXMPP opens the server's stream after the client's (RFC 6120 sections 4.2
// and 5.4).
func speakXMPP(namespace string) func(*dialogue) net.Conn {
	const tls = "urn:ietf:params:xml:ns:xmpp-tls"
	return func(d *dialogue) net.Conn {
		offer := "<starttls xmlns='" + tls + "'><required/></starttls>"
		if d.fault == StartTLSNotOffered {
			offer = ""
		}
		decoder := xml.NewDecoder(d.in)
		for {
			token, err := decoder.Token()
			if err != nil {
				return nil
			}
			element, ok := token.(xml.StartElement)
			switch {
			case !ok: // a declaration, or the end of an element
			case element.Name.Local == "stream":
				d.send(fmt.Sprintf("<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='http://etherx.jabber.org/streams' id='1' from='localhost' version='1.0'>"+
					"<stream:features>%s<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>", namespace, offer))
			case element.Name == xml.Name{Space: tls, Local: "starttls"} && decoder.Skip() == nil:
				if d.start("<proceed xmlns='"+tls+"'/>", "<failure xmlns='"+tls+"'/></stream:stream>") {
					return d
				}
				return nil
			}
		}
	}
}

// speakLDAP answers the extended operation StartTLS (RFC 4511 section 4.14). It
// encodes each length in four bytes, as Active Directory does.
func speakLDAP(d *dialogue) net.Conn {
	const startTLS = "\x80\x161.3.6.1.4.1.1466.20037" // [0] requestName
	long := func(tag byte, content ...byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{tag, 0x84}, uint32(len(content))), content...)
	}
	answer := func(id, code byte, text string) string {
		response := append(long(0x0a, code), append(long(0x04), long(0x04, []byte(text)...)...)...)
		return string(long(0x30, append(long(0x02, id), long(0x78, response...)...)...))
	}
	for {
		head, err := d.in.Peek(2)
		if err != nil {
			return nil
		}
		der := make([]byte, 2+int(head[1]&0x7f))
		if _, err := io.ReadFull(d, der); err != nil {
			return nil
		}
		var message struct {
			ID int
			Op asn1.RawValue
		}
		if _, err := asn1.Unmarshal(der, &message); err != nil || message.Op.Class != asn1.ClassApplication {
			return nil
		}
		id := byte(message.ID)
		switch {
		case message.Op.Tag == 2: // unbind
			return nil
		case message.Op.Tag != 23 || string(message.Op.Bytes) != startTLS || d.fault == StartTLSNotOffered:
			d.send(answer(id, 2, "unsupported extended operation"))
		case d.start(answer(id, 0, ""), answer(id, 52, "TLS is not available just now")):
			return d
		}
	}
}

// speakPostgres answers an SSLRequest (PostgreSQL protocol, "Message Formats").
// A server that supports TLS can only refuse it with an error.
func speakPostgres(d *dialogue) net.Conn {
	request := make([]byte, 8)
	if _, err := io.ReadFull(d, request); err != nil || binary.BigEndian.Uint32(request[4:]) != 80877103 {
		return nil
	}
	refusal := "Eout of memory\n\x00"
	if d.fault == StartTLSNotOffered {
		refusal = "N"
	}
	if !d.start("S", refusal) {
		return nil
	}
	return d
}

// speakMySQL sends the greeting and reads the client's SSLRequest (MySQL
// Client/Server Protocol, "Connection Phase"). The server sends nothing between
// its greeting and TLS.
func speakMySQL(d *dialogue) net.Conn {
	const ssl = 1 << 11
	capabilities := uint16(ssl | 1<<9)
	if d.fault == StartTLSNotOffered {
		capabilities &^= ssl
	}
	greeting := "\x0a8.4.0-lab\x00" + "\x01\x00\x00\x00" + "12345678\x00" +
		string(binary.LittleEndian.AppendUint16(nil, capabilities)) + "\x21\x02\x00" + "\x00\x00\x15" + strings.Repeat("\x00", 10) + "123456789012\x00"
	mysqlPacket := func(payload string) string { return string([]byte{byte(len(payload)), 0, 0, 0}) + payload }
	if d.fault == StartTLSNotOffered {
		d.send(mysqlPacket(greeting))
	} else if !d.start(mysqlPacket(greeting), mysqlPacket("\xff\x10\x04Too many connections")) {
		return nil
	}
	request := make([]byte, 4+32)
	if _, err := io.ReadFull(d, request); err != nil || request[0] != 32 || binary.LittleEndian.Uint16(request[4:])&ssl == 0 {
		return nil
	}
	return d
}

// speakRDP answers a connection request (MS-RDPBCGR section 2.2.1.2).
func speakRDP(d *dialogue) net.Conn {
	header := make([]byte, 4)
	if _, err := io.ReadFull(d, header); err != nil || header[0] != 3 {
		return nil
	}
	request := make([]byte, max(4, binary.BigEndian.Uint16(header[2:])))[4:]
	if _, err := io.ReadFull(d, request); err != nil || len(request) < 15 || request[1] != 0xe0 {
		return nil
	}
	confirm := func(kind, value byte) string {
		return "\x03\x00\x00\x13" + "\x0e\xd0\x00\x00\x12\x34\x00" + string([]byte{kind, 0, 8, 0, value, 0, 0, 0})
	}
	refusal := confirm(3, 3) // SSL_CERT_NOT_ON_SERVER
	if d.fault == StartTLSNotOffered {
		refusal = confirm(3, 2) // SSL_NOT_ALLOWED_BY_SERVER
	}
	if !d.start(confirm(2, 1), refusal) {
		return nil
	}
	return d
}

// speakTDS answers a pre-login (MS-TDS section 2.2.6.5).
func speakTDS(d *dialogue) net.Conn {
	header := make([]byte, 8)
	if _, err := io.ReadFull(d, header); err != nil || header[0] != 0x12 {
		return nil
	}
	request := make([]byte, max(8, binary.BigEndian.Uint16(header[2:])))[8:]
	if _, err := io.ReadFull(d, request); err != nil || len(request) == 0 || request[0] != 0 { // the version comes first
		return nil
	}
	packet := func(payload string) string {
		return "\x04\x01\x00" + string([]byte{byte(8 + len(payload))}) + "\x00\x00\x01\x00" + payload
	}
	preLogin := func(encryption byte) string {
		return packet("\x00\x00\x0b\x00\x06\x01\x00\x11\x00\x01\xff" + "\x10\x00\x03\xe8\x00\x00" + string([]byte{encryption}))
	}
	refusal := packet("\xaa\x04\x00\x00\x00\x00\x00") // a token ERROR
	if d.fault == StartTLSNotOffered {
		refusal = preLogin(2)
	}
	if !d.start(preLogin(1), refusal) {
		return nil
	}
	return TDS(d)
}

// TDS is the server side of a connection that carries TLS in TDS packets for as
// long as the client does (MS-TDS section 3.3.5.2).
func TDS(c net.Conn) net.Conn { return &tds{Conn: c} }

type tds struct {
	net.Conn
	bare bool   // records come without packets
	head []byte // unread header of a bare record
	left int    // unread bytes of the packet or record
}

func (t *tds) Read(b []byte) (int, error) {
	if len(t.head) == 0 && t.left == 0 {
		header := make([]byte, 8)
		if _, err := io.ReadFull(t.Conn, header[:5]); err != nil {
			return 0, err
		}
		if t.bare = header[0] != 0x12; t.bare {
			t.head, t.left = header[:5], int(binary.BigEndian.Uint16(header[3:]))
		} else if _, err := io.ReadFull(t.Conn, header[5:]); err != nil {
			return 0, err
		} else {
			t.left = max(0, int(binary.BigEndian.Uint16(header[2:]))-8)
		}
	}
	if len(t.head) > 0 {
		n := copy(b, t.head)
		t.head = t.head[n:]
		return n, nil
	}
	n, err := t.Conn.Read(b[:min(len(b), t.left)])
	t.left -= n
	return n, err
}

// Write sends small packets, so that a client must reassemble a record.
func (t *tds) Write(b []byte) (int, error) {
	if t.bare {
		return t.Conn.Write(b)
	}
	const maxPacket = 512
	var packets []byte
	for rest := b; len(rest) > 0; {
		n := min(len(rest), maxPacket)
		status := byte(0)
		if n == len(rest) {
			status = 1
		}
		packets = append(packets, 0x12, status, byte((n+8)>>8), byte(n+8), 0, 0, 0, 0)
		packets, rest = append(packets, rest[:n]...), rest[n:]
	}
	if _, err := t.Conn.Write(packets); err != nil {
		return 0, err
	}
	return len(b), nil
}

// CloseWrite closes the sending side, if the connection can do so.
func (t *tds) CloseWrite() error {
	wire.CloseWrite(t.Conn)
	return nil
}
