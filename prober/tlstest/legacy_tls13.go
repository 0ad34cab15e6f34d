package tlstest

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
)

// helloRetryRequest is the random of a ServerHello that is a HelloRetryRequest
// (RFC 8446 section 4.1.3).
var helloRetryRequest = []byte{
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
}

// serverHelloTLS13 goes as far as there is no encryption: to the ServerHello, by
// way of a HelloRetryRequest where the client sent no share of the group chosen.
func (s *legacySession) serverHelloTLS13() error {
	s.wire.version = versionTLS12 // RFC 8446 section 5.1: legacy_record_version
	if s.group == 0 {
		return s.refusal(alertEnding(alertHandshakeFailure))
	}
	if _, sent := s.hello.shares[uint16(s.group)]; !sent {
		group := binary.BigEndian.AppendUint16(nil, uint16(s.group))
		if err := s.say(s.helloTLS13(helloRetryRequest, group)); err != nil {
			return err
		}
		again, err := s.firstHelloAgain()
		if err != nil {
			return err
		}
		if _, sent := again.shares[uint16(s.group)]; !sent {
			return alertEnding(alertIllegalParameter)
		}
	}
	public := newShare(s.group).public()
	entry := appendVector(binary.BigEndian.AppendUint16(nil, uint16(s.group)), 2, public)
	if err := s.say(s.helloTLS13(s.random, entry)); err != nil {
		return err
	}
	return errSilence
}

// firstHelloAgain skips the ChangeCipherSpec of RFC 8446 appendix D.4.
func (s *legacySession) firstHelloAgain() (*clientHello, error) {
	for {
		kind, payload, err := s.readRecord()
		switch {
		case err != nil:
			return nil, err
		case kind == recordHandshake:
			s.pending = append(s.pending, payload...)
			message, err := s.next()
			if err != nil {
				return nil, err
			}
			if message[0] != messageClientHello {
				return nil, alertEnding(alertUnexpectedMessage)
			}
			return decoded(parseClientHello(message))
		case kind != recordChangeCipherSpec:
			return nil, alertEnding(alertUnexpectedMessage)
		}
	}
}

func (s *legacySession) helloTLS13(random, share []byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, tls.VersionTLS12)
	body = append(body, random...)
	body = appendVector(body, 1, s.hello.sessionID)
	body = binary.BigEndian.AppendUint16(body, s.suite.id)
	body = append(body, compressionNull)
	extensions := appendExtension(nil, extensionSupportedVersions, binary.BigEndian.AppendUint16(nil, versionTLS13))
	extensions = appendExtension(extensions, extensionKeyShare, bytes.Clone(share))
	return handshakeMessage(messageServerHello, appendVector(body, 2, extensions))
}
