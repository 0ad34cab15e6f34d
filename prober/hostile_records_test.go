package prober_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// slow endpoints send one byte at a time.
func slow(t *testing.T, lab *tlstest.Lab) []attack {
	tls12 := labtest.Serve(t, lab, tlstest.Server{Config: limitedTo(tls.VersionTLS12)})
	tls13 := labtest.Serve(t, lab, tlstest.Server{})
	return []attack{
		{name: "a ServerHello byte by byte", server: relay(tls13, dripping(0)), phase: failure.PhaseKeyExchange, reason: failure.ReasonTimeout},
		{name: "a certificate message byte by byte", server: relay(tls12, dripping(200)), phase: failure.PhaseKeyExchange, reason: failure.ReasonTimeout},
		{name: "encrypted extensions byte by byte", server: relay(tls13, dripping(150)), phase: failure.PhaseKeyExchange, reason: failure.ReasonTimeout},
		{name: "a greeting byte by byte", server: tlstest.Server{Accept: drip([]byte("220 " + strings.Repeat("x", 500)))},
			scheme: "smtp", phase: failure.PhaseStartTLS, reason: failure.ReasonTimeout},
		{name: "application data byte by byte after Finished", server: afterHandshake(func(ctx context.Context, c net.Conn, s *sealer) {
			drip(s.seal(applicationData, bytes.Repeat([]byte("x"), 1000)))(ctx, c)
		})},
		{name: "TLS 1.2 Finished byte by byte", server: relay(tls12, dripping(1000)), phase: failure.PhaseKeyExchange, reason: failure.ReasonTimeout},
	}
}

// endless endpoints never stop sending.
func endless() []attack {
	const full = 1 << 14
	fill := bytes.Repeat([]byte{0}, full)
	flood := func(b ...byte) tlstest.Server { return tlstest.Server{Accept: floods(nil, b)} }
	return []attack{
		{name: "a ServerHello of 16 MB", server: tlstest.Server{Accept: floods(recordOf(22, "\x02\xff\xff\xff"), recordOf(22, string(fill)))}, phase: failure.PhaseKeyExchange, reason: failure.ReasonTooLarge},
		{name: "a ServerHello of 64 kB in fragments of one byte", server: tlstest.Server{Accept: floods(recordOf(22, "\x02\x01\x00\x00"), recordOf(22, "\x00"))}, phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "a certificate message of 16 MB", server: tlstest.Server{Accept: floods(slices.Concat(recordOf(22, hello12()), recordOf(22, "\x0b\xff\xff\xff")), recordOf(22, string(fill)))}, phase: failure.PhaseKeyExchange, reason: failure.ReasonTooLarge},
		{name: "empty handshake records", server: flood(recordOf(22, "")...), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "warnings", server: flood(recordOf(21, "\x01\x70")...), phase: failure.PhaseServerHello, reason: failure.ReasonBadMessage},
		{name: "ChangeCipherSpecs", server: flood(recordOf(20, "\x01")...), phase: failure.PhaseServerHello, reason: failure.ReasonNotTLS},
		{name: "HelloRequests in TLS 1.2", server: tlstest.Server{Accept: floods(recordOf(22, hello12()), recordOf(22, "\x00\x00\x00\x00"))}, phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "ServerHellos", server: tlstest.Server{Accept: floods(nil, recordOf(22, hello12()))}, phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "HTTP headers", server: tlstest.Server{Accept: floods([]byte("HTTP/1.1 200 OK\r\n"), []byte("X: y\r\n"))}, phase: failure.PhaseServerHello, reason: failure.ReasonNotTLS},
		{name: "a line of a greeting", server: tlstest.Server{Accept: floods([]byte("220-"), []byte("x"))}, scheme: "smtp", phase: failure.PhaseStartTLS, reason: failure.ReasonTooLarge},
		{name: "lines of a greeting", server: tlstest.Server{Accept: floods(nil, []byte("220-x\r\n"))}, scheme: "smtp", phase: failure.PhaseStartTLS, reason: failure.ReasonTooLarge},
	}
}

// malformed are single answers to a ClientHello that violate the protocol.
func malformed() []attack {
	sends := func(b []byte) tlstest.Server { return tlstest.Server{Accept: floods(b, nil)} }
	oversized := append([]byte{22, 3, 3, 0xff, 0xff}, make([]byte, 1<<16)...)
	longest := append([]byte{22, 3, 3, 0x41, 0x00}, bytes.Repeat([]byte{0xee}, 1<<14+256)...)
	changed := func(at int, to ...byte) []byte {
		b := []byte(hello12())
		copy(b[at:], to)
		return recordOf(22, string(b))
	}
	return []attack{
		{name: "a record over the maximum", server: sends(oversized), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "a record of the maximum, garbage", server: sends(longest), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "a HelloRequest before ServerHello", server: sends(recordOf(22, "\x00\x00\x00\x00")), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "Finished before ServerHello", server: sends(recordOf(22, "\x14\x00\x00\x0cxxxxxxxxxxxx")), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "application data before ServerHello", server: sends(recordOf(23, "hello")), phase: failure.PhaseServerHello, reason: failure.ReasonNotTLS},
		{name: "a record of no known type", server: sends(recordOf(99, "hello")), phase: failure.PhaseServerHello, reason: failure.ReasonNotTLS},
		{name: "an alert of three bytes", server: sends(recordOf(21, "\x02\x28\x00")), phase: failure.PhaseServerHello, reason: failure.ReasonBadMessage},
		{name: "an unregistered alert", server: sends(recordOf(21, "\x02\xfe")), phase: failure.PhaseServerHello, reason: failure.AlertUnassigned},
		{name: "a record of an unknown version", server: sends([]byte("\x16\x7f\x7f\x00\x04\x02\x00\x00\x00")), phase: failure.PhaseKeyExchange, reason: failure.ReasonNotTLS},
		{name: "a ServerHello of version 9.9", server: sends(changed(4, 9, 9)), phase: failure.PhaseKeyExchange, reason: failure.ReasonNoCommonVersion},
		{name: "a ServerHello with an unknown suite", server: sends(changed(39, 0xfe, 0xfe)), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "a ServerHello with compression", server: sends(changed(41, 1)), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "a ServerHello with malformed extensions", server: sends(recordOf(22, messageOf(2, hello12()[4:]+"\x00\x08\xff\xff\xff\xffAAAA"))), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "a ServerHello twice", server: sends(recordOf(22, hello12()+hello12())), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "an answer of SSLv2", server: sends([]byte("\x80\x2e\x04\x00\x01\x00\x02\x00\x00\x00\x00\x00\x00" + strings.Repeat("x", 40))), phase: failure.PhaseServerHello, reason: failure.ReasonNotTLS},
		{name: "no certificate at all", server: sends(recordOf(22, hello12()+messageOf(11, "\x00\x00\x00"))), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadMessage},
		{name: "half-closed after the ClientHello", server: tlstest.Server{Accept: func(ctx context.Context, c net.Conn) {
			readHello(c)
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
		}}, phase: failure.PhaseServerHello, reason: failure.ReasonClosed},
	}
}

// interrupted breaks off the flight of a good server at various places.
func interrupted(t *testing.T, lab *tlstest.Lab) []attack {
	var all []attack
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		addr := labtest.Serve(t, lab, tlstest.Server{Config: limitedTo(version)})
		for _, n := range []int64{1, 5, 6, 60, 130, 300, 600, 900} {
			name := fmt.Sprintf(" after %d bytes of %s", n, tls.VersionName(version))
			all = append(all,
				attack{name: "reset" + name, server: relay(addr, cutting(n, true)), phase: failure.PhaseKeyExchange, reason: failure.ReasonReset},
				attack{name: "closed" + name, server: relay(addr, cutting(n, false)), phase: failure.PhaseKeyExchange, reason: failure.ReasonClosed})
		}
	}
	return all
}

// recordOf is a record with a fragment (RFC 8446 section 5.1).
func recordOf(kind byte, fragment string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(len(fragment))), fragment...)
}

// messageOf is a handshake message (RFC 8446 section 4).
func messageOf(kind byte, body string) string {
	return string([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}) + body
}

// hello12 is a ServerHello of TLS 1.2 with TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
// and no extensions.
func hello12() string {
	return messageOf(2, "\x03\x03"+strings.Repeat("r", 32)+"\x00\xc0\x2b\x00")
}

// readHello reads the ClientHello, if the client sends first.
func readHello(c net.Conn) {
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // in SMTP the server sends first
	c.Read(make([]byte, 1<<14))
	c.SetReadDeadline(time.Time{})
}

// floods sends first, and then repeats again without end. If that is empty, it waits
// until the client closes the connection.
func floods(first, again []byte) func(context.Context, net.Conn) {
	return func(_ context.Context, c net.Conn) {
		readHello(c)
		if _, err := c.Write(first); err != nil {
			return
		}
		if len(again) == 0 {
			io.Copy(io.Discard, c)
			return
		}
		batch := bytes.Repeat(again, max(1, 4096/len(again)))
		for {
			if _, err := c.Write(batch); err != nil {
				return
			}
		}
	}
}

// drip sends its bytes one at a time.
func drip(content []byte) func(context.Context, net.Conn) {
	return func(ctx context.Context, c net.Conn) { dripFrom(ctx, c, bytes.NewReader(content)) }
}

func dripFrom(ctx context.Context, c net.Conn, content io.Reader) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := io.CopyN(c, content, 1); err != nil {
			return
		}
	}
}

// relay stands between a client and a good server. Pass decides how it forwards what
// the server sends.
func relay(addr string, pass func(ctx context.Context, client net.Conn, server io.Reader)) tlstest.Server {
	return tlstest.Server{Accept: func(ctx context.Context, c net.Conn) {
		upstream, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		defer upstream.Close()
		// Hides the sockets from io.Copy, which would let the kernel copy, through
		// pipes that package net keeps open.
		client, server := struct{ io.Reader }{c}, struct{ io.Reader }{upstream}
		go func() {
			defer upstream.Close()
			io.Copy(upstream, client)
		}()
		pass(ctx, c, server)
	}}
}

func dripping(after int64) func(context.Context, net.Conn, io.Reader) {
	return func(ctx context.Context, c net.Conn, server io.Reader) {
		io.CopyN(c, server, after)
		dripFrom(ctx, c, server)
	}
}

func cutting(after int64, reset bool) func(context.Context, net.Conn, io.Reader) {
	return func(_ context.Context, c net.Conn, server io.Reader) {
		io.CopyN(c, server, after)
		if reset {
			c.(*net.TCPConn).SetLinger(0)
			return
		}
		c.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, c)
	}
}

func limitedTo(version uint16) func(*tls.Config) {
	return func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version }
}
