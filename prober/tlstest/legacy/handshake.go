package legacy

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"

	"tls_exporter/prober/tlstest/internal/wire"
)

// handshake continues from the ServerHello to the last Finished (RFC 5246
// section 7.3).
func (s *session) handshake() error {
	if session, ok := s.resumable(); ok {
		return s.resume(session)
	}
	if err := s.sendFlight(); err != nil {
		return err
	}
	if err := s.receiveKeys(); err != nil {
		return err
	}
	if err := s.receiveFinished(); err != nil {
		return err
	}
	if err := s.sendTicket(); err != nil {
		return err
	}
	s.cache(s.sessionID)
	s.established = true
	return s.sendFinished()
}

// sendFlight sends the messages from ServerHello to ServerHelloDone.
func (s *session) sendFlight() error {
	if s.sessionID = nil; !s.NoSessionID {
		s.sessionID = make([]byte, sessionIDBytes)
		rand.Read(s.sessionID)
	}
	flight := s.serverHello()
	if !s.suite.exchange.anonymous() {
		flight = append(flight, certificateMessage(s.chain)...)
	}
	exchange, err := s.serverKeyExchange()
	if err != nil {
		return err
	}
	flight = append(flight, exchange...)
	if s.certificateRequested = s.RequestCertificate && !s.suite.exchange.anonymous(); s.certificateRequested {
		flight = append(flight, certificateRequest(s.version)...)
	}
	flight = append(flight, wire.Message(wire.MessageServerHelloDone, nil)...)
	return s.sendMessages(flight)
}

// sendMessages sends handshake messages, in records as RecordSize says.
func (s *session) sendMessages(messages []byte) error {
	s.transcript = append(s.transcript, messages...)
	if s.RecordSize > 0 {
		return s.writePieces(wire.RecordHandshake, pieces(messages, s.RecordSize))
	}
	var records [][]byte
	for message, rest, ok := wire.SplitMessage(messages); ok; message, rest, ok = wire.SplitMessage(rest) {
		records = append(records, pieces(message, wire.MaxPlaintext)...)
	}
	return s.writePieces(wire.RecordHandshake, records)
}

func (s *session) serverHello() []byte {
	body := binary.BigEndian.AppendUint16(nil, s.version)
	body = append(body, s.random...)
	body = wire.AppendVector(body, 1, s.sessionID)
	body = binary.BigEndian.AppendUint16(body, s.suite.id)
	if s.deflate {
		body = append(body, deflate)
	} else {
		body = append(body, compressionNull)
	}
	if extensions := s.extensions(); len(extensions) > 0 {
		body = wire.AppendVector(body, 2, extensions)
	}
	return wire.Message(wire.MessageServerHello, body)
}

// extensions of the ServerHello answer extensions of the client (RFC 5246 section
// 7.4.1.4).
func (s *session) extensions() []byte {
	var b []byte
	if s.hello.secureRenegotiation() && !s.NoRenegotiationInfo {
		verify := append(bytes.Clone(s.clientVerify), s.serverVerify...)
		b = appendExtension(b, extensionRenegotiationInfo, wire.AppendVector(nil, 1, verify))
	}
	if s.version == wire.VersionSSL30 {
		return b
	}
	if s.hello.has(extensionPointFormats) && s.suite.exchange.elliptic() {
		b = appendExtension(b, extensionPointFormats, []byte{1, 0}) // uncompressed
	}
	if s.usesTickets() {
		b = appendExtension(b, extensionSessionTicket, nil)
	}
	if s.extendedMaster = s.supportsExtendedMaster(); s.extendedMaster {
		b = appendExtension(b, extensionExtendedMaster, nil)
	}
	if s.usesHeartbeat() {
		b = appendExtension(b, extensionHeartbeat, []byte{heartbeatPeerAllowedToSend})
	}
	if s.usesEncryptThenMAC() {
		b = appendExtension(b, extensionEncryptThenMAC, nil)
	}
	return b
}

func (s *session) usesTickets() bool {
	return s.Tickets != NoTickets && s.hello.has(extensionSessionTicket)
}

func (s *session) usesHeartbeat() bool {
	return s.Heartbeat != NoHeartbeat && s.hello != nil && s.hello.has(extensionHeartbeat)
}

// supportsExtendedMaster reports whether both sides support the extended master
// secret.
func (s *session) supportsExtendedMaster() bool {
	return s.hello.has(extensionExtendedMaster) && !s.NoExtendedMasterSecret
}

func (s *session) usesEncryptThenMAC() bool {
	return s.EncryptThenMAC && s.suite.cbc && s.hello.has(extensionEncryptThenMAC)
}

func certificateMessage(chain [][]byte) []byte {
	var list []byte
	for _, certificate := range chain {
		list = wire.AppendVector(list, 3, certificate)
	}
	return wire.Message(wire.MessageCertificate, wire.AppendVector(nil, 3, list))
}

// certificateRequest requests a certificate of any issuer, with an RSA or ECDSA key.
func certificateRequest(version uint16) []byte {
	const rsaSign, ecdsaSign = 1, 64
	body := wire.AppendVector(nil, 1, []byte{rsaSign, ecdsaSign})
	if version >= tls.VersionTLS12 {
		body = wire.AppendVector(body, 2, []byte{4, 1, 4, 3}) // SHA-256 with RSA, SHA-256 with ECDSA
	}
	return wire.Message(wire.MessageCertificateRequest, wire.AppendVector(body, 2, nil))
}

// serverKeyExchange returns nil for suites without that message.
func (s *session) serverKeyExchange() ([]byte, error) {
	var params []byte
	s.ephemeral = nil
	switch x := s.suite.exchange; {
	case x == exchangeRSA:
		return nil, nil
	case x == exchangeRSAExport:
		params = rsaParams(&s.export.PublicKey)
	case x.elliptic():
		s.ephemeral = newECDHShare(s.group)
		params = ecdhParams(s.group, s.ephemeral)
	default:
		p := s.prime
		if x.export() {
			p = primes[512]
		}
		dh, err := newDHShare(p)
		if err != nil {
			return nil, alertError(wire.AlertInternalError)
		}
		s.ephemeral, params = dh, dhParams(dh)
	}
	if s.suite.exchange.anonymous() {
		return wire.Message(wire.MessageServerKeyExchange, params), nil
	}
	randoms := append(bytes.Clone(s.hello.random), s.random...)
	signature, err := signParams(s.version, s.key, randoms, params)
	if err != nil {
		return nil, alertError(wire.AlertInternalError)
	}
	return wire.Message(wire.MessageServerKeyExchange, append(params, signature...)), nil
}

// receiveKeys reads the client's messages up to ClientKeyExchange, and derives
// the master secret.
func (s *session) receiveKeys() error {
	message, err := s.nextMessage()
	if err != nil {
		return err
	}
	if message[0] == wire.MessageCertificate && s.certificateRequested {
		s.transcript = append(s.transcript, message...)
		if message, err = s.nextMessage(); err != nil {
			return err
		}
	}
	if message[0] != wire.MessageClientKeyExchange {
		return alertError(wire.AlertUnexpectedMessage)
	}
	s.transcript = append(s.transcript, message...)
	secret, err := s.premasterSecret(message[wire.MessageHeaderSize:])
	if err != nil {
		return err
	}
	label, seed := "master secret", append(bytes.Clone(s.hello.random), s.random...)
	if s.extendedMaster {
		label, seed = "extended master secret", s.transcriptHash() // RFC 7627 section 4
	}
	s.master = s.prf(secret, label, seed, 48)
	return nil
}

// premasterSecret computes the premaster secret from the body of a
// ClientKeyExchange.
func (s *session) premasterSecret(body []byte) ([]byte, error) {
	r := &reader{rest: body}
	switch x := s.suite.exchange; {
	case x.encryptsPremaster() && s.version == wire.VersionSSL30:
		return s.decryptPremaster(body) // without a length: RFC 6101 section 5.6.7.1
	case x.encryptsPremaster():
		encrypted := r.vector(2)
		if r.failed {
			return nil, alertError(wire.AlertDecodeError)
		}
		return s.decryptPremaster(encrypted)
	default:
		size := 2
		if x.elliptic() {
			size = 1
		}
		secret, err := s.ephemeral.agree(r.vector(size))
		if r.failed || err != nil {
			return nil, alertError(wire.AlertIllegalParameter)
		}
		return secret, nil
	}
}

func (s *session) prf(secret []byte, label string, seed []byte, size int) []byte {
	return prf(s.version, s.suite.prf(), secret, label, seed, size)
}

func (s *session) transcriptHash() []byte {
	if s.version >= tls.VersionTLS12 {
		return digest(s.suite.prf(), s.transcript)
	}
	return append(digest(crypto.MD5, s.transcript), digest(crypto.SHA1, s.transcript)...)
}

// keys derives the protection of both directions (RFC 5246 section 6.3).
func (s *session) keys(master []byte) (in, out *protection, err error) {
	b := s.suite.bulk
	if b.mode == modeUnsupported || s.deflate || s.version == wire.VersionSSL30 {
		return &protection{}, nil, nil
	}
	mac, iv := s.suite.mac.Size(), 0
	switch {
	case b.mode == modeGCM:
		mac, iv = 0, 4 // RFC 5288 section 3
	case b.mode == modeCBC && s.version == tls.VersionTLS10:
		iv = b.size
	}
	seed := append(bytes.Clone(s.random), s.hello.random...)
	r := &reader{rest: s.prf(master, "key expansion", seed, 2*(mac+b.key+iv))}
	macs := [2][]byte{r.take(mac), r.take(mac)}
	keys := [2][]byte{r.take(b.key), r.take(b.key)}
	ivs := [2][]byte{r.take(iv), r.take(iv)}
	if in, err = protect(s.suite, s.version, s.usesEncryptThenMAC(), macs[0], keys[0], ivs[0]); err != nil {
		return nil, nil, err
	}
	out, err = protect(s.suite, s.version, s.usesEncryptThenMAC(), macs[1], keys[1], ivs[1])
	return in, out, err
}

// receiveFinished reads what follows ClientKeyExchange, up to the client's
// Finished.
func (s *session) receiveFinished() error {
	if err := s.receiveCCS(); err != nil {
		return err
	}
	in, _, err := s.keys(s.master)
	if err != nil {
		return alertError(wire.AlertInternalError)
	}
	s.in = in
	message, err := s.nextMessage()
	if err != nil {
		return err
	}
	want := s.prf(s.master, "client finished", s.transcriptHash(), 12)
	if message[0] != wire.MessageFinished || !hmac.Equal(message[wire.MessageHeaderSize:], want) {
		return alertError(wire.AlertDecryptError)
	}
	s.transcript = append(s.transcript, message...)
	s.clientVerify = want
	return nil
}

// receiveCCS reads up to the ChangeCipherSpec. The signature of a
// CertificateVerify before it is not verified.
func (s *session) receiveCCS() error {
	for {
		kind, payload, err := s.readRecord()
		switch {
		case err != nil:
			return err
		case kind == wire.RecordChangeCipherSpec && len(s.pending) == 0:
			return nil
		case kind == wire.RecordHandshake && s.certificateRequested && len(s.pending)+len(payload) <= maxHandshakeMessage:
			message, rest, whole := wire.SplitMessage(append(s.pending, payload...))
			if s.pending = rest; whole && message[0] != wire.MessageCertificateVerify {
				return alertError(wire.AlertUnexpectedMessage)
			}
			s.transcript = append(s.transcript, message...)
		case kind == wire.RecordAlert:
			return errClose
		default:
			return alertError(wire.AlertUnexpectedMessage)
		}
	}
}

func (s *session) sendFinished() error {
	if err := s.writeRecords(wire.RecordChangeCipherSpec, []byte{1}); err != nil {
		return err
	}
	_, out, err := s.keys(s.master)
	if err != nil {
		return alertError(wire.AlertInternalError)
	}
	s.out = out
	s.serverVerify = s.prf(s.master, "server finished", s.transcriptHash(), 12)
	return s.sendMessages(wire.Message(wire.MessageFinished, s.serverVerify))
}
