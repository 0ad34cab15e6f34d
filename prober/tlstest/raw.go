package tlstest

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"time"

	"tls_exporter/prober/tlstest/internal/wire"
)

// alertRecord is a fatal alert.
func alertRecord(description byte) []byte {
	return wire.Record(wire.RecordAlert, tls.VersionTLS12, []byte{wire.Fatal, description})
}

// serverHelloSSL30 accepts a session of SSL 3.0 (RFC 6101 section 5.6.1.3).
func serverHelloSSL30() []byte {
	body := binary.BigEndian.AppendUint16(nil, wire.VersionSSL30)
	body = append(body, wire.Filler(32)...) // random
	body = append(body, 0)                  // no session ID
	body = append(body, 0x00, 0x0a, 0)      // SSL_RSA_WITH_3DES_EDE_CBC_SHA, no compression
	return wire.Record(wire.RecordHandshake, wire.VersionSSL30, wire.Message(wire.MessageServerHello, body))
}

// halfServerHello is the first half of a record with a ServerHello.
func halfServerHello() []byte {
	whole := wire.Record(wire.RecordHandshake, tls.VersionTLS12, wire.Message(wire.MessageServerHello, wire.Filler(64)))
	return whole[:len(whole)/2]
}

// readRecord reads and discards one record, usually the ClientHello.
func readRecord(c net.Conn) error {
	c.SetReadDeadline(time.Now().Add(wire.Timeout))
	header := make([]byte, wire.RecordHeaderSize)
	if _, err := io.ReadFull(c, header); err != nil {
		return err
	}
	length := int64(binary.BigEndian.Uint16(header[3:]))
	_, err := io.CopyN(io.Discard, c, length)
	return err
}

// afterHello waits for a ClientHello and then calls serve.
func afterHello(serve func(c net.Conn)) handler {
	return func(_ context.Context, c net.Conn) {
		if readRecord(c) == nil {
			serve(c)
		}
	}
}

// answer replies to a ClientHello with these bytes and closes the connection.
func answer(reply []byte) handler {
	return afterHello(func(c net.Conn) {
		c.Write(reply)
		wire.Finish(c)
	})
}

// serveHTTP answers like a web server without TLS that reads something other
// than HTTP. It waits for any bytes, because an HTTP request has no record header.
func serveHTTP(_ context.Context, c net.Conn) {
	c.SetReadDeadline(time.Now().Add(wire.Timeout))
	if _, err := c.Read(make([]byte, wire.MaxPlaintext)); err != nil {
		return
	}
	io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\n"+
		"Content-Length: 12\r\n"+
		"Connection: close\r\n\r\n"+
		"Bad Request\n")
	wire.Finish(c)
}

// discardInput sends nothing and reads until the peer closes.
func discardInput(_ context.Context, c net.Conn) {
	io.Copy(io.Discard, c)
}

// closeAtOnce closes the connection before the ClientHello.
func closeAtOnce(_ context.Context, c net.Conn) {
	wire.Finish(c)
}

// sendEndlessly sends a ServerHello of the greatest length that a header can
// state, and continues after that length.
func sendEndlessly(c net.Conn) {
	begin := wire.MessageHeader(wire.MessageServerHello, 1<<24-1)
	first := wire.Record(wire.RecordHandshake, tls.VersionTLS12, append(begin, wire.Filler(wire.MaxPlaintext-len(begin))...))
	more := wire.Record(wire.RecordHandshake, tls.VersionTLS12, wire.Filler(wire.MaxPlaintext))
	_, err := c.Write(first)
	for err == nil {
		_, err = c.Write(more)
	}
}
