package legacy

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/internal/wire"
)

// A ClientHello that can be parsed can be encoded again from its fields.
func FuzzParseClientHello(f *testing.F) {
	f.Add(offer{version: tls.VersionTLS12, suites: []uint16{ecdheRSAAES}, session: wire.Filler(32), compressions: []byte{1},
		extensions: append(groupsExt(29, 23), ext(51, 0, 5, 0, 29, 0, 1, 9)...)}.message())
	f.Add(offer{version: wire.VersionSSL30, suites: []uint16{rsaAES}}.message())
	f.Add([]byte{1, 0, 0, 2, 3, 3})
	f.Fuzz(func(t *testing.T, message []byte) {
		hello, err := parseClientHello(message)
		if err != nil {
			return
		}
		b := append([]byte{byte(hello.version >> 8), byte(hello.version)}, hello.random...)
		b = wire.AppendVector(b, 1, hello.sessionID)
		var suites []byte
		for _, suite := range hello.suites {
			suites = append(suites, byte(suite>>8), byte(suite))
		}
		b = wire.AppendVector(wire.AppendVector(b, 2, suites), 1, hello.compressions)
		if !bytes.HasPrefix(message[4:], b) {
			t.Errorf("%x was parsed as %x", message, b)
		}
	})
}

func FuzzParseClientHelloV2(f *testing.F) {
	f.Add(helloV2(tls.VersionTLS10, kindRC4, uint32(rsaAES))[2:])
	f.Add(helloV2(wire.VersionSSL20)[2:])
	f.Fuzz(func(t *testing.T, message []byte) {
		hello, err := parseClientHelloV2(message)
		if err == nil && 9+3*(len(hello.suites)+len(hello.kinds))+len(hello.sessionID) > len(message)-16 {
			t.Errorf("%x was parsed as %+v", message, hello)
		}
	})
}

// The server ends the connection for any input.
func FuzzServe(f *testing.F) {
	lab, err := tlstest.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(lab.Close)
	server, err := Server{
		Base: tlstest.Server{Key: newECDSAKey}, Versions: append(since(wire.VersionSSL20), tls.VersionTLS13), EarlyCCS: EarlyCCSAccepted,
		Heartbeat: HeartbeatVulnerable, Tickets: TicketsVulnerable, Deflate: true, EncryptThenMAC: true, RequestCertificate: true,
		Suites: []uint16{0x1301, tls128ECDSA, anonDHAES, anonECDHAES}, PrimeBits: 512,
	}.Make(lab)
	if err != nil {
		f.Fatal(err)
	}
	hello := offer{version: tls.VersionTLS12, suites: []uint16{tls128ECDSA}, extensions: ext(15, 1)}.message()
	f.Add(framed(22, hello))
	f.Add(append(framed(22, hello), framed(24, []byte{1, 0x40, 0, 0})...))
	f.Add(append(framed(22, hello), framed(20, []byte{1})...))
	f.Add(append(framed(22, offer{version: tls.VersionTLS10, suites: []uint16{anonDHAES}}.message()), framed(22, []byte{16, 0, 0, 3, 0, 1, 9})...))
	f.Add(helloV2(wire.VersionSSL20, kindRC4))
	f.Fuzz(func(t *testing.T, input []byte) {
		near, far := net.Pipe()
		var client sync.WaitGroup
		client.Go(func() { io.Copy(io.Discard, near) })
		client.Go(func() {
			near.Write(input)
			near.Close()
		})
		server.Accept(t.Context(), far)
		far.Close()
		client.Wait()
		if _, err := far.Read(make([]byte, 1)); err != io.ErrClosedPipe {
			t.Error(err)
		}
	})
}

const tls128ECDSA = 0xc02b
