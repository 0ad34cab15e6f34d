package tls13test

import (
	"errors"
	"net"

	"tls_exporter/prober/hello"
)

// RetryRandom is the Random of a HelloRetryRequest (RFC 8446 section 4.1.3).
var RetryRandom = [32]byte{
	0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
	0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
}

// wantsRetry reports whether the client supports the group and has no share for it.
func (s *connection) wantsRetry(offer *hello.ClientHello) bool {
	shares, _ := offer.Extension(51)
	groups, _ := offer.Extension(10)
	for i := 2; i+1 < len(groups) && len(shares) >= 2; i += 2 {
		if hello.Group(groups[i])<<8|hello.Group(groups[i+1]) == s.Group {
			return KeyShare(shares, s.Group) == nil
		}
	}
	return false
}

// retry sends a HelloRetryRequest, and reads the second ClientHello.
func (s *connection) retry(c net.Conn, sent []byte, offer *hello.ClientHello) ([]byte, *hello.ClientHello, error) {
	request := &hello.ServerHello{LegacyVersion: hello.TLS12, Random: RetryRandom, SessionID: offer.SessionID, CipherSuite: hello.CipherSuite(s.suite.ID), Extensions: []hello.Extension{
		{Type: 43, Data: []byte{3, 4}}, {Type: 51, Data: []byte{byte(s.Group >> 8), byte(s.Group)}},
	}}
	if s.Cookie != nil {
		request.Extensions = append(request.Extensions, hello.Cookie(s.Cookie))
	}
	message, err := request.MarshalMessage()
	if err != nil {
		return nil, nil, err
	}
	digest := s.suite.Hash()
	digest.Write(sent)
	const messageHash = 254 // RFC 8446 section 4.4.1
	s.transcript.Write(Message(messageHash, digest.Sum(nil)))
	s.transcript.Write(message)
	if _, err := c.Write(append(hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, message), ChangeCipherSpec...)); err != nil {
		return nil, nil, err
	}
	record, err := hello.ReadRecord(c)
	if err == nil && record.Type == hello.TypeChangeCipherSpec {
		record, err = hello.ReadRecord(c)
	}
	if err != nil {
		return nil, nil, err
	}
	second, err := hello.ParseClientHello(record.Payload)
	if err == nil && s.Cookie != nil {
		if echoed, _ := second.Extension(44); string(echoed) != string(hello.Cookie(s.Cookie).Data) {
			err = errCookie
		}
	}
	return record.Payload, second, err
}

var errCookie = errors.New("the client did not send the cookie back")
