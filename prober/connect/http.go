package connect

import (
	"bytes"
	"encoding/base64"
	"io"
	"net"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/text"
)

// connectHTTP has an HTTP proxy at the other end of conn connect to host:port (RFC 9110
// section 9.3.6).
func connectHTTP(conn net.Conn, via *ProxyURL, destination string) error {
	request := "CONNECT " + destination + " HTTP/1.1\r\nHost: " + destination + "\r\n"
	if user := via.User.Reveal(); user != "" {
		credentials := base64.StdEncoding.EncodeToString([]byte(user + ":" + via.Password.Reveal()))
		request += "Proxy-Authorization: Basic " + credentials + "\r\n" // RFC 7617
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return err
	}
	return readConnected(conn)
}

// maxProxyHeader bounds the answer of a proxy, in bytes, interim answers included.
// Servers limit their own headers to 8 to 16 kB.
const maxProxyHeader = 16 << 10

var errProxyHeader = failure.New(failure.ReasonTooLarge, "the proxy's header has more than %d bytes", maxProxyHeader)

// readConnected reads the answer to CONNECT, and skips interim answers (1xx, RFC 9110
// section 15.2). It reads no byte more: after a 2xx, all bytes that follow the header
// are the target's, also in the same packet.
//
// It does not use http.ReadResponse, which rejects a Content-Length or
// Transfer-Encoding that it cannot interpret. A client must ignore both here (RFC 9110
// section 9.3.6).
func readConnected(conn io.Reader) error {
	left := maxProxyHeader
	for {
		header, err := readHeader(conn, left)
		if err != nil {
			return err
		}
		left -= len(header)
		status, _, _ := bytes.Cut(header, []byte("\n"))
		words := bytes.SplitN(bytes.TrimSpace(status), []byte(" "), 3)
		if len(words) < 2 || len(words[1]) != 3 || len(bytes.Trim(words[1], "0123456789")) > 0 {
			return failure.New(failure.ReasonProxyProtocol, "the answer of the proxy is not HTTP: %s", text.Quote(string(status)))
		}
		switch words[1][0] {
		case '1':
		case '2':
			return nil
		default:
			return failure.New(failure.ReasonProxyRefused, "the proxy refused: %s", text.Quote(string(bytes.Join(words[1:], []byte(" ")))))
		}
	}
}

// readHeader reads a header with the empty line at its end, byte by byte. It fails as
// soon as the bytes are not those of HTTP/1: the peer may never send an empty line.
func readHeader(conn io.Reader, limit int) ([]byte, error) {
	const prefix = "HTTP/1."
	var header []byte
	next := make([]byte, 1)
	for {
		if len(header) >= limit {
			return nil, errProxyHeader
		}
		if _, err := io.ReadFull(conn, next); err != nil {
			return nil, err
		}
		header = append(header, next[0])
		if n := min(len(header), len(prefix)); string(header[:n]) != prefix[:n] {
			return nil, failure.New(failure.ReasonProxyProtocol, "the answer of the proxy is not HTTP: it begins with %s", text.Quote(string(header)))
		}
		// A line may end in LF alone (RFC 9112 section 2.2).
		if bytes.HasSuffix(header, []byte("\n\r\n")) || bytes.HasSuffix(header, []byte("\n\n")) {
			return header, nil
		}
	}
}
