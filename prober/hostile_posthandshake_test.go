package prober_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/tlstest"
)

// postHandshake is what a server sends after the handshake, while the client, from
// which it requested a certificate, waits for a refusal.
func postHandshake() []attack {
	flood := func(kind byte, message string) tlstest.Server {
		return afterHandshake(func(_ context.Context, c net.Conn, s *sealer) {
			for {
				if _, err := c.Write(s.seal(kind, []byte(message))); err != nil {
					return
				}
			}
		})
	}
	once := func(content string) tlstest.Server {
		return afterHandshake(func(_ context.Context, c net.Conn, _ *sealer) {
			io.WriteString(c, content)
			io.Copy(io.Discard, c)
		})
	}
	refusal := func(before string) tlstest.Server {
		return afterHandshake(func(_ context.Context, c net.Conn, s *sealer) {
			if before != "" {
				c.Write(s.seal(22, []byte(before)))
			}
			c.Write(s.seal(21, []byte("\x02\x74")))
			io.Copy(io.Discard, c)
		})
	}
	ticket := messageOf(4, "\x00\x00\x0e\x10\x00\x00\x00\x00\x01x\x00\x04xxxx\x00\x00")
	return []attack{
		{name: "KeyUpdates after Finished", server: flood(22, messageOf(24, "\x00"))},
		{name: "KeyUpdates that ask for one after Finished", server: flood(22, messageOf(24, "\x01"))},
		{name: "tickets after Finished", server: flood(22, ticket)},
		{name: "application data after Finished", server: flood(applicationData, strings.Repeat("x", 1<<14))},
		{name: "empty application data after Finished", server: flood(applicationData, "")},
		{name: "warnings after Finished", server: flood(21, "\x01\x5a")},
		// These fail the probe, which shows that the records are encrypted correctly.
		{name: "a refusal after Finished", server: refusal(""), phase: failure.PhaseKeyExchange, reason: "alert_certificate_required"},
		{name: "a refusal after a KeyUpdate", server: refusal(messageOf(24, "\x00")), phase: failure.PhaseKeyExchange, reason: "alert_certificate_required"},
		{name: "a refusal after a KeyUpdate that asks for one", server: refusal(messageOf(24, "\x01")), phase: failure.PhaseKeyExchange, reason: "alert_certificate_required"},
		{name: "a ClientHello after Finished", server: flood(22, messageOf(1, ""))},
		{name: "garbage after Finished", server: once(strings.Repeat("\xee", 1000))},
		{name: "a record that is not encrypted after Finished", server: once(string(recordOf(23, strings.Repeat("\xee", 1000))))},
	}
}

const applicationData = 23

// afterHandshake is a server of TLS 1.3 that requests a certificate, completes the
// handshake, and then calls talk with the bare connection and a sealer for it.
func afterHandshake(talk func(context.Context, net.Conn, *sealer)) tlstest.Server {
	var log keyLog
	return tlstest.Server{
		Config: func(c *tls.Config) {
			limitedTo(tls.VersionTLS13)(c)
			c.ClientAuth, c.SessionTicketsDisabled, c.KeyLogWriter = tls.RequestClientCert, true, &log
		},
		Inside: func(ctx context.Context, c net.Conn) {
			if s := log.sealer(c.(*tls.Conn)); s != nil {
				talk(ctx, c.(*tls.Conn).NetConn(), s)
			}
		},
	}
}

// keyLog keeps the secret of the records that the server sends after Finished. The
// probes of one server run one after the other.
type keyLog struct{ secret atomic.Pointer[[]byte] }

func (l *keyLog) Write(line []byte) (int, error) {
	if words := strings.Fields(string(line)); words[0] == "SERVER_TRAFFIC_SECRET_0" {
		if secret, err := hex.DecodeString(words[2]); err == nil {
			l.secret.Store(&secret)
		}
	}
	return len(line), nil
}

// sealer encrypts records as the server of a connection (RFC 8446 section 5.2).
type sealer struct {
	aead     cipher.AEAD
	iv       []byte
	sequence uint64
	update   func()
}

// sealer is nil for suites other than AES-128-GCM, which Go selects where the CPU
// supports it.
func (l *keyLog) sealer(c *tls.Conn) *sealer {
	if c.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
		return nil
	}
	secret := *l.secret.Load()
	s := &sealer{}
	s.rekey(secret)
	s.update = func() {
		secret = expand(secret, "traffic upd", sha256.Size)
		s.rekey(secret)
	}
	return s
}

func (s *sealer) rekey(secret []byte) {
	block, err := aes.NewCipher(expand(secret, "key", 16))
	if err == nil {
		s.aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		panic(err)
	}
	s.iv, s.sequence = expand(secret, "iv", 12), 0
}

// expand is HKDF-Expand-Label without a context (RFC 8446 section 7.1).
func expand(secret []byte, label string, length int) []byte {
	info := string([]byte{0, byte(length), byte(6 + len(label))}) + "tls13 " + label + "\x00"
	key, err := hkdf.Expand(sha256.New, secret, info, length)
	if err != nil {
		panic(err)
	}
	return key
}

func (s *sealer) seal(kind byte, content []byte) []byte {
	nonce := slices.Clone(s.iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^s.sequence)
	s.sequence++
	inner := append(slices.Clone(content), kind)
	header := binary.BigEndian.AppendUint16([]byte{applicationData, 3, 3}, uint16(len(inner)+s.aead.Overhead()))
	sealed := s.aead.Seal(header, nonce, inner, header)
	if kind == 22 && content[0] == 24 { // records after a KeyUpdate have the next key
		s.update()
	}
	return sealed
}
