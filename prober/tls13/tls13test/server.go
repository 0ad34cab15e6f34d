// Package tls13test has a server of TLS 1.3 that can be made to deviate from RFC
// 8446, for tests.
package tls13test

import (
	"bytes"
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
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// Server is a server of TLS 1.3 that can be made to do what crypto/tls would not:
// each field is a deviation, and the zero value has none.
type Server struct {
	Suite uint16      // 0: TLS_AES_128_GCM_SHA256
	Group hello.Group // 0: X25519MLKEM768

	Hello        func(*hello.ServerHello)
	Before       [][]byte                         // records in front of the ServerHello
	After        [][]byte                         // records behind it, in plain
	Messages     func(messages [][]byte) [][]byte // of EncryptedExtensions, Certificate, CertificateVerify and Finished
	Signature    func([]byte) []byte              // changes the signature
	Finished     func([]byte) []byte              // changes the verify_data
	Certificates func([][]byte) [][]byte
	Scheme       tls.SignatureScheme                     // 0: what fits the key
	Seal         func(*keys.Traffic, int, []byte) []byte // makes records of each message, by its index; nil: one record
	Records      func([][]byte) [][]byte                 // changes the protected records
	Close        bool                                    // closes after what it has sent, without reading
}

// Received is how the client answered.
type Received struct {
	Finished, CloseNotify bool
	Alert                 hello.AlertDescription // 0: none
	Err                   error
}

// Serve has the lab serve, and tells of each client.
func Serve(t testing.TB, lab *tlstest.Lab, s Server, certificate *tls.Certificate) (addr string, heard chan Received) {
	t.Helper()
	heard = make(chan Received, 16)
	return labtest.Serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		if h, spoke := s.Handle(c, certificate); spoke {
			heard <- h
		}
	}}), heard
}

// conversation is one conversation of a server13.
type conversation struct {
	Server
	suite      *keys.Suite
	transcript hash.Hash
	client     []byte
	ours       []byte
	master     []byte
}

func (s Server) Handle(c net.Conn, certificate *tls.Certificate) (h Received, spoke bool) {
	record, err := hello.ReadRecord(c)
	if err != nil {
		return h, false
	}
	offer, err := hello.ParseClientHello(record.Payload)
	if err != nil {
		return Received{Err: err}, true
	}
	if s.Suite == 0 {
		s.Suite = tls.TLS_AES_128_GCM_SHA256
	}
	if s.Group == 0 {
		s.Group = hello.X25519MLKEM768
	}
	talk := &conversation{Server: s, suite: keys.Find(s.Suite)}
	flight, err := talk.flight(record.Payload, offer, certificate)
	if err != nil {
		return Received{Err: err}, true
	}
	if _, err := c.Write(flight); err != nil || s.Close {
		return h, false
	}
	return talk.listen(c), true
}

// flight is all that the server sends.
func (s *conversation) flight(sent []byte, offer *hello.ClientHello, certificate *tls.Certificate) ([]byte, error) {
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
	s.transcript = s.suite.Hash()
	s.transcript.Write(sent)
	s.transcript.Write(message)
	secret, err := s.suite.HandshakeSecret(shared)
	if err != nil {
		return nil, err
	}
	var errs [4]error
	s.client, errs[0] = s.suite.Derive(secret, "c hs traffic", s.transcript)
	s.ours, errs[1] = s.suite.Derive(secret, "s hs traffic", s.transcript)
	s.master, errs[2] = s.suite.MasterSecret(secret)
	keys, err := s.suite.NewKeys(s.ours)
	if err := errors.Join(append(errs[:], err)...); err != nil {
		return nil, err
	}
	flight := hello.AppendRecord(bytes.Join(s.Before, nil), hello.TypeHandshake, hello.TLS12, message)
	flight = append(flight, bytes.Join(s.After, nil)...)
	messages, err := s.secured(certificate)
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

// encapsulate is the shared secret and the server's share.
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

// KeyShare is the share for a group in the key_share extension of a client.
func KeyShare(data []byte, group hello.Group) []byte {
	for rest := data[2:]; len(rest) >= 4; {
		length := int(rest[2])<<8 | int(rest[3])
		if hello.Group(rest[0])<<8|hello.Group(rest[1]) == group {
			return rest[4 : 4+length]
		}
		rest = rest[4+length:]
	}
	return nil
}

// Message is a handshake message.
func Message(kind byte, body ...[]byte) []byte {
	content := bytes.Join(body, nil)
	return append([]byte{kind, byte(len(content) >> 16), byte(len(content) >> 8), byte(len(content))}, content...)
}

// Vector is content behind its length, in so many bytes.
func Vector(size int, content []byte) []byte {
	length := []byte{byte(len(content) >> 16), byte(len(content) >> 8), byte(len(content))}
	return append(length[3-size:], content...)
}

// secured is the messages under the handshake's keys.
func (s *conversation) secured(certificate *tls.Certificate) ([][]byte, error) {
	chain := certificate.Certificate
	if s.Certificates != nil {
		chain = s.Certificates(slices.Clone(chain))
	}
	var entries []byte
	for _, der := range chain {
		entries = append(append(entries, Vector(3, der)...), 0, 0)
	}
	messages := [][]byte{
		Message(hello.MsgEncryptedExtensions, []byte{0, 0}),
		Message(hello.MsgCertificate, []byte{0}, Vector(3, entries)),
	}
	for _, message := range messages {
		s.transcript.Write(message)
	}
	scheme, signature, err := Sign(certificate.PrivateKey.(crypto.Signer), s.Scheme, s.transcript.Sum(nil))
	if err != nil {
		return nil, err
	}
	if s.Signature != nil {
		signature = s.Signature(signature)
	}
	verify := Message(hello.MsgCertificateVerify, []byte{byte(scheme >> 8), byte(scheme)}, Vector(2, signature))
	s.transcript.Write(verify)
	data, err := s.suite.Finished(s.ours, s.transcript)
	if err != nil {
		return nil, err
	}
	if s.Finished != nil {
		data = s.Finished(data)
	}
	finished := hello.AppendFinished(nil, data)
	s.transcript.Write(finished)
	messages = append(messages, verify, finished)
	if s.Messages != nil {
		messages = s.Messages(messages)
	}
	return messages, nil
}

// Sign signs what a server signs, by a scheme or by the one that fits its key.
func Sign(key crypto.Signer, scheme tls.SignatureScheme, transcript []byte) (tls.SignatureScheme, []byte, error) {
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
		fitting, options = tls.PSSWithSHA256, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		if scheme == tls.PSSWithSHA384 || scheme == tls.PSSWithSHA512 {
			hash := map[tls.SignatureScheme]crypto.Hash{tls.PSSWithSHA384: crypto.SHA384, tls.PSSWithSHA512: crypto.SHA512}[scheme]
			options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
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

// listen reads the client's last words.
func (s *conversation) listen(c io.Reader) (h Received) {
	keys, err1 := s.suite.NewKeys(s.client)
	want, err2 := s.suite.Finished(s.client, s.transcript)
	application, err3 := s.suite.Derive(s.master, "c ap traffic", s.transcript)
	if h.Err = errors.Join(err1, err2, err3); h.Err != nil {
		return h
	}
	for {
		record, err := hello.ReadRecord(c)
		if err != nil {
			return h
		}
		if record.Type == hello.TypeChangeCipherSpec {
			continue
		}
		kind, content, ok := keys.Open(record)
		switch {
		case !ok:
			h.Err = errors.New("a record of the client's does not open")
			return h
		case kind == hello.TypeHandshake:
			got, err := hello.ParseFinished(content)
			h.Finished = err == nil && bytes.Equal(got, want)
			if keys, h.Err = s.suite.NewKeys(application); h.Err != nil {
				return h
			}
		case kind == hello.TypeAlert:
			h.Alert = hello.AlertDescription(content[1])
			h.CloseNotify = h.Alert == hello.CloseNotify
		}
	}
}
