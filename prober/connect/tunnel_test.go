package connect

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/option"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/target"
)

// All bytes after the header are the target's, also in the same packet, and whatever
// length the header states (RFC 9110 section 9.3.6).
func TestBytesAfterTheHeaderAreLeft(t *testing.T) {
	const greeting = "220 mail.example.com ESMTP\r\n"
	for _, header := range []string{
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.0 299 \r\nA: b\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\n\r\n",
		"HTTP/1.1 200 OK\nX: y\n\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: none\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	} {
		r := strings.NewReader(header + greeting)
		if err := readConnected(r); err != nil {
			t.Errorf("%q: %v", header, err)
		}
		if rest, _ := io.ReadAll(r); string(rest) != greeting {
			t.Errorf("%q: the rest is %q", header, rest)
		}
	}
}

// Any answer of a proxy gives a connection or a reason of the vocabulary, and nothing
// after the header is read.
func FuzzConnected(f *testing.F) {
	for _, seed := range []string{"HTTP/1.1 200 OK\r\n\r\nrest", "HTTP/1.1 407 Proxy Authentication Required\r\nA: b\r\n\r\n", "HTTP/1.1 100 \n\n", "SSH-2.0", "HTTP/1.1  200\r\n\r\n", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		r := bytes.NewReader(answer)
		err := readConnected(r)
		read := answer[:len(answer)-r.Len()]
		if len(read) > maxProxyHeader {
			t.Errorf("%d bytes were read", len(read))
		}
		switch {
		case err == nil:
			if !bytes.HasSuffix(read, []byte("\n\n")) && !bytes.HasSuffix(read, []byte("\n\r\n")) {
				t.Errorf("a header ends in %q", read)
			}
		case !slices.Contains([]failure.Reason{failure.ReasonProxyRefused, failure.ReasonProxyProtocol, failure.ReasonTooLarge, failure.ReasonClosed}, failure.Of(err)):
			t.Errorf("%q is %s: %v", answer, failure.Of(err), err)
		}
	})
}

// Any answer of a SOCKS proxy gives a connection or a reason of the vocabulary. No error
// has the password in it.
func FuzzSOCKS(f *testing.F) {
	for _, seed := range []string{"\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x09", "\x05\x02\x01\x00\x05\x05\x00\x01", "\x05\xff", "\x05\x00\x05\x00\x00\x03\x04name\x00\x09", "HTTP/1.1 400"} {
		f.Add([]byte(seed))
	}
	via := ProxyURL{Scheme: "socks5h", Address: "proxy.test:1080", User: option.NewSecret("alice"), Password: option.NewSecret("s3cret")}
	f.Fuzz(func(t *testing.T, answer []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		err := connectSOCKS(ctx, &scriptedConn{Reader: bytes.NewReader(answer)}, &via, "x.test:443")
		if err != nil && !slices.Contains([]failure.Reason{failure.ReasonProxyRefused, failure.ReasonProxyProtocol, failure.ReasonClosed}, failure.Of(err)) {
			t.Errorf("%x is %s: %v", answer, failure.Of(err), err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%x: %v", answer, err)
		}
	})
}

// scriptedConn is a connection from which a fixed sequence of bytes is read.
type scriptedConn struct {
	net.Conn
	io.Reader
}

func (c *scriptedConn) Read(b []byte) (int, error)  { return c.Reader.Read(b) }
func (c *scriptedConn) Write(b []byte) (int, error) { return len(b), nil }
func (c *scriptedConn) Close() error                { return nil }
func (c *scriptedConn) SetDeadline(time.Time) error { return nil }

// The environment's proxy is not used for the hosts of NO_PROXY and for Unix sockets.
func TestProxyForTarget(t *testing.T) {
	t.Setenv("NO_PROXY", "direct.test")
	for _, test := range []struct {
		environment string
		to          target.Target
		proxied     bool
	}{
		{"http://proxy.test:3128", target.Target{Scheme: "https", Host: "x.test", Port: 443}, true},
		{"http://proxy.test:3128", target.Target{Scheme: "https", Host: "direct.test", Port: 443}, false},
		{"http://proxy.test:3128", target.Target{Scheme: target.Unix, Path: "/x.sock"}, false},
		{"", target.Target{Scheme: "https", Host: "x.test", Port: 443}, false},
	} {
		t.Setenv("https_proxy", "")
		t.Setenv("HTTPS_PROXY", test.environment)
		r, err := New(Options{IPProtocol: resolve.AnyIP, ProxyFromEnvironment: true}, guard.New(guard.Policy{}, new(guard.Listeners)), nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if via := r.proxy(&test.to); (via != nil) != test.proxied {
			t.Errorf("with %q, %s has the proxy %v", test.environment, test.to.String(), via)
		}
	}
}
