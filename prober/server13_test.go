package prober

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
	"tls_exporter/prober/tlstest"
)

// server13 is a server of TLS 1.3 that can be made to do what crypto/tls would not:
// each field is a deviation, and the zero value has none.
type server13 struct {
	suite uint16      // 0: TLS_AES_128_GCM_SHA256
	group hello.Group // 0: X25519MLKEM768

	hello    func(*hello.ServerHello)
	before   [][]byte                         // records in front of the ServerHello
	after    [][]byte                         // records behind it, in plain
	messages func(messages [][]byte) [][]byte // of EncryptedExtensions, Certificate, CertificateVerify and Finished
	proof    func([]byte) []byte              // changes the signature
	finished func([]byte) []byte              // changes the verify_data
	chain    func([][]byte) [][]byte
	scheme   tls.SignatureScheme                // 0: what fits the key
	seal     func(*keys13, byte, []byte) []byte // makes a record of each message; nil: one record
	records  func([][]byte) [][]byte            // changes the protected records
	hangUp   bool                               // closes after what it has sent, without reading
}

// heard13 is how the client answered.
type heard13 struct {
	finished, goodbye bool
	alert             hello.AlertDescription // 0: none
	err               error
}

// serve13 has the lab serve, and tells of each client.
func serve13(t testing.TB, lab *tlstest.Lab, s server13, certificate *tls.Certificate) (addr string, heard chan heard13) {
	t.Helper()
	heard = make(chan heard13, 16)
	return serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		if h, spoke := s.speak(c, certificate); spoke {
			heard <- h
		}
	}}), heard
}

// talk13 is one conversation of a server13.
type talk13 struct {
	server13
	suite      *suite13
	transcript hash.Hash
	client     []byte
	ours       []byte
	master     []byte
}

func (s server13) speak(c net.Conn, certificate *tls.Certificate) (h heard13, spoke bool) {
	record, err := hello.ReadRecord(c)
	if err != nil {
		return h, false
	}
	offer, err := hello.ParseClientHello(record.Payload)
	if err != nil {
		return heard13{err: err}, true
	}
	if s.suite == 0 {
		s.suite = tls.TLS_AES_128_GCM_SHA256
	}
	if s.group == 0 {
		s.group = hello.X25519MLKEM768
	}
	talk := &talk13{server13: s, suite: suite13For(s.suite)}
	flight, err := talk.flight(record.Payload, offer, certificate)
	if err != nil {
		return heard13{err: err}, true
	}
	if _, err := c.Write(flight); err != nil || s.hangUp {
		return h, false
	}
	return talk.listen(c), true
}

// flight is all that the server sends.
func (s *talk13) flight(sent []byte, offer *hello.ClientHello, certificate *tls.Certificate) ([]byte, error) {
	shared, share, err := encapsulate(offer, s.group)
	if err != nil {
		return nil, err
	}
	answer := &hello.ServerHello{LegacyVersion: hello.TLS12, SessionID: offer.SessionID, CipherSuite: hello.CipherSuite(s.suite.id), Extensions: []hello.Extension{
		{Type: 43, Data: []byte{3, 4}}, {Type: 51, Data: hello.AppendKeyShare(nil, s.group, share)},
	}}
	rand.Read(answer.Random[:])
	if s.hello != nil {
		s.hello(answer)
	}
	message, err := answer.MarshalMessage()
	if err != nil {
		return nil, err
	}
	s.transcript = s.suite.hash()
	s.transcript.Write(sent)
	s.transcript.Write(message)
	secret, err := s.suite.handshakeSecret(shared)
	if err != nil {
		return nil, err
	}
	var errs [4]error
	s.client, errs[0] = s.suite.derive(secret, "c hs traffic", s.transcript)
	s.ours, errs[1] = s.suite.derive(secret, "s hs traffic", s.transcript)
	s.master, errs[2] = s.suite.masterSecret(secret)
	keys, err := s.suite.newKeys(s.ours)
	if err := errors.Join(append(errs[:], err)...); err != nil {
		return nil, err
	}
	flight := hello.AppendRecord(bytes.Join(s.before, nil), hello.TypeHandshake, hello.TLS12, message)
	flight = append(flight, bytes.Join(s.after, nil)...)
	messages, err := s.secured(certificate)
	if err != nil {
		return nil, err
	}
	var records [][]byte
	for _, message := range messages {
		if s.seal != nil {
			records = append(records, s.seal(keys, hello.TypeHandshake, message))
		} else {
			records = append(records, keys.seal(nil, hello.TypeHandshake, message))
		}
	}
	if s.records != nil {
		records = s.records(records)
	}
	return append(flight, bytes.Join(records, nil)...), nil
}

// encapsulate is the shared secret and the server's share.
func encapsulate(offer *hello.ClientHello, group hello.Group) (shared, share []byte, err error) {
	data, _ := offer.Extension(51)
	theirs := shareIn(data, group)
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

// shareIn is the share for a group in the key_share extension of a client.
func shareIn(data []byte, group hello.Group) []byte {
	for rest := data[2:]; len(rest) >= 4; {
		length := int(rest[2])<<8 | int(rest[3])
		if hello.Group(rest[0])<<8|hello.Group(rest[1]) == group {
			return rest[4 : 4+length]
		}
		rest = rest[4+length:]
	}
	return nil
}

// message13 is a handshake message.
func message13(kind byte, body ...[]byte) []byte {
	content := bytes.Join(body, nil)
	return append([]byte{kind, byte(len(content) >> 16), byte(len(content) >> 8), byte(len(content))}, content...)
}

// prefixed13 is content behind its length, in so many bytes.
func prefixed13(size int, content []byte) []byte {
	length := []byte{byte(len(content) >> 16), byte(len(content) >> 8), byte(len(content))}
	return append(length[3-size:], content...)
}

// secured is the messages under the handshake's keys.
func (s *talk13) secured(certificate *tls.Certificate) ([][]byte, error) {
	chain := certificate.Certificate
	if s.chain != nil {
		chain = s.chain(slices.Clone(chain))
	}
	var entries []byte
	for _, der := range chain {
		entries = append(append(entries, prefixed13(3, der)...), 0, 0)
	}
	messages := [][]byte{
		message13(hello.MsgEncryptedExtensions, []byte{0, 0}),
		message13(hello.MsgCertificate, []byte{0}, prefixed13(3, entries)),
	}
	for _, message := range messages {
		s.transcript.Write(message)
	}
	scheme, signature, err := sign13(certificate.PrivateKey.(crypto.Signer), s.scheme, s.transcript.Sum(nil))
	if err != nil {
		return nil, err
	}
	if s.proof != nil {
		signature = s.proof(signature)
	}
	verify := message13(hello.MsgCertificateVerify, []byte{byte(scheme >> 8), byte(scheme)}, prefixed13(2, signature))
	s.transcript.Write(verify)
	data, err := s.suite.finished(s.ours, s.transcript)
	if err != nil {
		return nil, err
	}
	if s.finished != nil {
		data = s.finished(data)
	}
	finished := hello.AppendFinished(nil, data)
	s.transcript.Write(finished)
	messages = append(messages, verify, finished)
	if s.messages != nil {
		messages = s.messages(messages)
	}
	return messages, nil
}

// sign13 signs what a server signs, by a scheme or by the one that fits its key.
func sign13(key crypto.Signer, scheme tls.SignatureScheme, transcript []byte) (tls.SignatureScheme, []byte, error) {
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
func (s *talk13) listen(c io.Reader) (h heard13) {
	keys, err1 := s.suite.newKeys(s.client)
	want, err2 := s.suite.finished(s.client, s.transcript)
	application, err3 := s.suite.derive(s.master, "c ap traffic", s.transcript)
	if h.err = errors.Join(err1, err2, err3); h.err != nil {
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
		kind, content, ok := keys.open(record)
		switch {
		case !ok:
			h.err = errors.New("a record of the client's does not open")
			return h
		case kind == hello.TypeHandshake:
			got, err := hello.ParseFinished(content)
			h.finished = err == nil && bytes.Equal(got, want)
			if keys, h.err = s.suite.newKeys(application); h.err != nil {
				return h
			}
		case kind == hello.TypeAlert:
			h.alert = hello.AlertDescription(content[1])
			h.goodbye = h.alert == hello.CloseNotify
		}
	}
}
