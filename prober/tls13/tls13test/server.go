// Package tls13test provides a TLS 1.3 server for tests that deviates from RFC 8446 as
// each test wants.
package tls13test

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"hash"
	"io"
	"net"
	"slices"
	"testing"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
	"tls_exporter/prober/tls13/wide"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// Server is a TLS 1.3 server. Its fields are deviations; the zero value has none.
type Server struct {
	Suite  uint16              // 0: TLS_AES_128_GCM_SHA256
	Group  hello.Group         // 0: X25519MLKEM768. Besides, X25519 and the groups of package wide, but not ML-KEM alone
	Scheme tls.SignatureScheme // 0: the one that fits the key
	Salt   int                 // length of the salt of RSASSA-PSS, in bytes; 0: that of the hash

	// Whole records that are not protected: before the ServerHello, and after it.
	Before, After [][]byte

	// Changes to what the server sends; nil: none.
	Hello        func(*hello.ServerHello)
	HelloRecord  func(record []byte) []byte // the ServerHello in its record
	Certificates func(der [][]byte) [][]byte
	Certificate  func(body []byte) []byte               // the body of the Certificate message
	Extensions   []byte                                 // the list of EncryptedExtensions
	Rewrite      func(index int, message []byte) []byte // a message, from 0 for the ServerHello to 4 for Finished, before it enters the transcript
	Signature    func([]byte) []byte
	Finished     func(verifyData []byte) []byte
	Messages     func(messages [][]byte) [][]byte // EncryptedExtensions, Certificate, CertificateVerify and Finished; the transcript stays
	Records      func([][]byte) [][]byte          // the protected records, one of each message or what Seal made of it

	// Seal makes records of a message, whose index it gets; nil: one record.
	Seal func(*keys.Traffic, int, []byte) []byte

	Close bool // close the connection after what was sent, without reading

	// Not deviations: a cookie in the HelloRetryRequest that is sent if the client has no
	// share for Group, and a request for a certificate of the client.
	Cookie             []byte
	RequestCertificate bool
}

// Received is what the client sent after the server's messages.
type Received struct {
	Finished    bool                   // with the right verify_data
	CloseNotify bool                   // with the keys of application data, if after Finished
	Alert       hello.AlertDescription // the last one; 0: none, or close_notify
	Err         error
}

// Serve starts a server of the lab. What each client sends arrives on received, unless
// the connection was closed before.
func Serve(t testing.TB, lab *tlstest.Lab, s Server, certificate *tls.Certificate) (addr string, received chan Received) {
	t.Helper()
	received = make(chan Received, 16)
	return labtest.Serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		if r, ok := s.Handle(c, certificate); ok {
			received <- r
		}
	}}), received
}

// connection is the state of one connection.
type connection struct {
	Server
	suite        *keys.Suite
	transcript   hash.Hash
	clientSecret []byte // handshake traffic secrets
	serverSecret []byte
	masterSecret []byte
}

// Handle performs one handshake over c; false: nothing was read after it.
func (s Server) Handle(c net.Conn, certificate *tls.Certificate) (received Received, ok bool) {
	record, err := hello.ReadRecord(c)
	if err != nil {
		return received, false
	}
	conn, flight, err := s.answer(c, record.Payload, certificate)
	if err != nil {
		return Received{Err: err}, true
	}
	if _, err := c.Write(flight); err != nil || s.Close {
		return received, false
	}
	return conn.receive(c), true
}

// Flight returns all that the server sends in answer to a ClientHello message.
func (s Server) Flight(clientHello []byte, certificate *tls.Certificate) ([]byte, error) {
	_, flight, err := s.answer(nil, clientHello, certificate)
	return flight, err
}

// answer answers a ClientHello message. Without a connection it sends no HelloRetryRequest.
func (s Server) answer(c net.Conn, clientHello []byte, certificate *tls.Certificate) (*connection, []byte, error) {
	offer, err := hello.ParseClientHello(clientHello)
	if err != nil {
		return nil, nil, err
	}
	if s.Suite == 0 {
		s.Suite = tls.TLS_AES_128_GCM_SHA256
	}
	if s.Group == 0 {
		s.Group = hello.X25519MLKEM768
	}
	conn := &connection{Server: s, suite: keys.FindAny(s.Suite)}
	conn.transcript = conn.suite.Hash()
	if c != nil && conn.wantsRetry(offer) {
		if clientHello, offer, err = conn.retry(c, clientHello, offer); err != nil {
			return nil, nil, err
		}
	}
	flight, err := conn.flight(clientHello, offer, certificate)
	return conn, flight, err
}

// rewrite applies Rewrite, and adds the message to the transcript.
func (s *connection) rewrite(index int, message []byte) []byte {
	if s.Rewrite != nil {
		message = s.Rewrite(index, message)
	}
	s.transcript.Write(message)
	return message
}

// flight returns all that the server sends.
func (s *connection) flight(sent []byte, offer *hello.ClientHello, certificate *tls.Certificate) ([]byte, error) {
	shared, share, err := encapsulate(offer, s.Group)
	if err != nil {
		return nil, err
	}
	answer := &hello.ServerHello{LegacyVersion: hello.TLS12, SessionID: offer.SessionID, CipherSuite: hello.CipherSuite(s.suite.ID), Extensions: []hello.Extension{
		{Type: 43, Data: []byte{3, 4}}, {Type: 51, Data: hello.AppendKeyShare(nil, s.Group, share)},
	}}
	rand.Read(answer.Random[:])
	if s.Hello != nil {
		s.Hello(answer)
	}
	message, err := answer.MarshalMessage()
	if err != nil {
		return nil, err
	}
	s.transcript.Write(sent)
	message = s.rewrite(0, message)
	secret, err := s.suite.HandshakeSecret(shared)
	if err != nil {
		return nil, err
	}
	var errs [4]error
	s.clientSecret, errs[0] = s.suite.Derive(secret, "c hs traffic", s.transcript)
	s.serverSecret, errs[1] = s.suite.Derive(secret, "s hs traffic", s.transcript)
	s.masterSecret, errs[2] = s.suite.MasterSecret(secret)
	keys, err := s.suite.NewKeys(s.serverSecret)
	if err := errors.Join(append(errs[:], err)...); err != nil {
		return nil, err
	}
	record := hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, message)
	if s.HelloRecord != nil {
		record = s.HelloRecord(record)
	}
	flight := append(bytes.Join(s.Before, nil), record...)
	flight = append(flight, bytes.Join(s.After, nil)...)
	messages, err := s.protected(certificate)
	if err != nil {
		return nil, err
	}
	var records [][]byte
	for i, message := range messages {
		if s.Seal != nil {
			records = append(records, s.Seal(keys, i, message))
		} else {
			records = append(records, keys.Seal(nil, hello.TypeHandshake, message))
		}
	}
	if s.Records != nil {
		records = s.Records(records)
	}
	return append(flight, bytes.Join(records, nil)...), nil
}

// encapsulate returns the shared secret and the server's key share.
func encapsulate(offer *hello.ClientHello, group hello.Group) (shared, share []byte, err error) {
	data, _ := offer.Extension(51)
	theirs := KeyShare(data, group)
	if group == hello.X25519MLKEM768 {
		if len(theirs) < mlkem.EncapsulationKeySize768 {
			return nil, nil, errors.New("the client has no share for ML-KEM")
		}
		key, err := mlkem.NewEncapsulationKey768(theirs[:mlkem.EncapsulationKeySize768])
		if err != nil {
			return nil, nil, err
		}
		shared, share = key.Encapsulate()
		theirs = theirs[mlkem.EncapsulationKeySize768:]
	}
	if group != hello.X25519 && group != hello.X25519MLKEM768 {
		own, err := wide.NewShare(group)
		if err != nil {
			return nil, nil, err
		}
		shared, err = own.Agree(theirs)
		return shared, own.Public(), err
	}
	peer, err := ecdh.X25519().NewPublicKey(theirs)
	if err != nil {
		return nil, nil, err
	}
	own, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	agreed, err := own.ECDH(peer)
	return append(shared, agreed...), append(share, own.PublicKey().Bytes()...), err
}

// KeyShare returns the key share for a group in the key_share extension of a client;
// nil: there is none.
func KeyShare(data []byte, group hello.Group) []byte {
	for rest := data[min(2, len(data)):]; len(rest) >= 4; {
		length := int(rest[2])<<8 | int(rest[3])
		if hello.Group(rest[0])<<8|hello.Group(rest[1]) == group {
			return rest[4 : 4+length]
		}
		rest = rest[4+length:]
	}
	return nil
}

// Message returns a handshake message (RFC 8446 section 4).
func Message(kind byte, body ...[]byte) []byte {
	content := bytes.Join(body, nil)
	return append([]byte{kind, byte(len(content) >> 16), byte(len(content) >> 8), byte(len(content))}, content...)
}

// Vector returns content after its length, which has size bytes: 1 to 3.
func Vector(size int, content []byte) []byte {
	length := []byte{byte(len(content) >> 16), byte(len(content) >> 8), byte(len(content))}
	return append(length[3-size:], content...)
}

// protected returns the messages that are protected with the keys of the handshake.
func (s *connection) protected(certificate *tls.Certificate) ([][]byte, error) {
	chain := certificate.Certificate
	if s.Certificates != nil {
		chain = s.Certificates(slices.Clone(chain))
	}
	var entries []byte
	for _, der := range chain {
		entries = append(append(entries, Vector(3, der)...), 0, 0)
	}
	body := append([]byte{0}, Vector(3, entries)...)
	if s.Certificate != nil {
		body = s.Certificate(body)
	}
	messages := [][]byte{
		Message(hello.MsgEncryptedExtensions, Vector(2, s.Extensions)),
		Message(hello.MsgCertificate, body),
	}
	if s.RequestCertificate {
		const certificateRequest, signatureAlgorithms = 13, 13
		extension := append([]byte{0, signatureAlgorithms}, Vector(2, Vector(2, []byte{4, 3}))...)
		messages = slices.Insert(messages, 1, Message(certificateRequest, []byte{0}, Vector(2, extension)))
	}
	for i, message := range messages {
		messages[i] = s.rewrite(1+i, message)
	}
	scheme, signature, err := Sign(certificate.PrivateKey.(crypto.Signer), s.Scheme, s.Salt, s.transcript.Sum(nil))
	if err != nil {
		return nil, err
	}
	if s.Signature != nil {
		signature = s.Signature(signature)
	}
	verify := s.rewrite(3, Message(hello.MsgCertificateVerify, []byte{byte(scheme >> 8), byte(scheme)}, Vector(2, signature)))
	data, err := s.suite.Finished(s.serverSecret, s.transcript)
	if err != nil {
		return nil, err
	}
	if s.Finished != nil {
		data = s.Finished(data)
	}
	finished := s.rewrite(4, hello.AppendFinished(nil, data))
	messages = append(messages, verify, finished)
	if s.Messages != nil {
		messages = s.Messages(messages)
	}
	return messages, nil
}

// Sign signs the hash of a transcript for CertificateVerify (RFC 8446 section 4.4.3), with
// Scheme and Salt as in Server.
func Sign(key crypto.Signer, scheme tls.SignatureScheme, salt int, transcript []byte) (tls.SignatureScheme, []byte, error) {
	salt = cmp.Or(salt, rsa.PSSSaltLengthEqualsHash)
	var options crypto.SignerOpts = crypto.SHA256
	fitting := tls.ECDSAWithP256AndSHA256
	switch key := key.Public().(type) {
	case *ecdsa.PublicKey:
		switch key.Curve.Params().BitSize {
		case 384:
			fitting, options = tls.ECDSAWithP384AndSHA384, crypto.SHA384
		case 521:
			fitting, options = tls.ECDSAWithP521AndSHA512, crypto.SHA512
		}
	case *rsa.PublicKey:
		fitting, options = tls.PSSWithSHA256, &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256}
		if scheme == tls.PSSWithSHA384 || scheme == tls.PSSWithSHA512 {
			hash := map[tls.SignatureScheme]crypto.Hash{tls.PSSWithSHA384: crypto.SHA384, tls.PSSWithSHA512: crypto.SHA512}[scheme]
			options = &rsa.PSSOptions{SaltLength: salt, Hash: hash}
		}
	case ed25519.PublicKey:
		fitting, options = tls.Ed25519, crypto.Hash(0)
	}
	if scheme == 0 {
		scheme = fitting
	}
	signed := append(bytes.Repeat([]byte{' '}, 64), "TLS 1.3, server CertificateVerify\x00"...)
	signed = append(signed, transcript...)
	if options.HashFunc() != 0 {
		h := options.HashFunc().New()
		h.Write(signed)
		signed = h.Sum(nil)
	}
	signature, err := key.Sign(rand.Reader, signed, options)
	return scheme, signature, err
}

// receive reads what the client sends after the server's messages.
func (s *connection) receive(c io.Reader) (received Received) {
	keys, err1 := s.suite.NewKeys(s.clientSecret)
	want, err2 := s.suite.Finished(s.clientSecret, s.transcript)
	application, err3 := s.suite.Derive(s.masterSecret, "c ap traffic", s.transcript)
	if received.Err = errors.Join(err1, err2, err3); received.Err != nil {
		return received
	}
	for {
		record, err := hello.ReadRecord(c)
		if err != nil {
			return received
		}
		if record.Type == hello.TypeChangeCipherSpec {
			continue
		}
		kind, content, ok := keys.Open(record)
		switch {
		case !ok:
			received.Err = errors.New("a record of the client fails authentication")
			return received
		case kind == hello.TypeHandshake && s.RequestCertificate && content[0] == hello.MsgCertificate:
			s.transcript.Write(content)
			if want, received.Err = s.suite.Finished(s.clientSecret, s.transcript); received.Err != nil {
				return received
			}
		case kind == hello.TypeHandshake:
			got, err := hello.ParseFinished(content)
			received.Finished = err == nil && bytes.Equal(got, want)
			if keys, received.Err = s.suite.NewKeys(application); received.Err != nil {
				return received
			}
		case kind == hello.TypeAlert:
			received.Alert = hello.AlertDescription(content[1])
			received.CloseNotify = received.Alert == hello.CloseNotify
		}
	}
}
