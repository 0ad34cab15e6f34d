package legacy

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"

	"tls_exporter/prober/tlstest/internal/wire"
)

// helloRetryRequest is the random of a HelloRetryRequest (RFC 8446 section 4.1.3).
var helloRetryRequest = []byte{
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
}

// sendServerHelloTLS13 sends a ServerHello. It sends a HelloRetryRequest first if
// the client has no key share for the selected group. What would follow is
// encrypted, and is not sent.
func (s *session) sendServerHelloTLS13() error {
	s.recordConn.version = tls.VersionTLS12 // RFC 8446 section 5.1: legacy_record_version
	if s.group == 0 {
		return s.refusal(alertError(wire.AlertHandshakeFailure))
	}
	if _, sent := s.hello.shares[uint16(s.group)]; !sent {
		group := binary.BigEndian.AppendUint16(nil, uint16(s.group))
		if err := s.sendMessages(s.helloTLS13(helloRetryRequest, group)); err != nil {
			return err
		}
		second, err := s.readSecondClientHello()
		if err != nil {
			return err
		}
		if _, sent := second.shares[uint16(s.group)]; !sent {
			return alertError(wire.AlertIllegalParameter)
		}
	}
	public := newECDHShare(s.group).public()
	entry := wire.AppendVector(binary.BigEndian.AppendUint16(nil, uint16(s.group)), 2, public)
	if err := s.sendMessages(s.helloTLS13(s.random, entry)); err != nil {
		return err
	}
	return errSilence
}

// readSecondClientHello ignores the ChangeCipherSpec before it (RFC 8446 appendix
// D.4).
func (s *session) readSecondClientHello() (*clientHello, error) {
	for {
		contentType, payload, err := s.readRecord()
		switch {
		case err != nil:
			return nil, err
		case contentType == wire.RecordHandshake:
			s.pending = append(s.pending, payload...)
			return s.nextClientHello()
		case contentType != wire.RecordChangeCipherSpec:
			return nil, alertError(wire.AlertUnexpectedMessage)
		}
	}
}

func (s *session) helloTLS13(random, share []byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, tls.VersionTLS12)
	body = append(body, random...)
	body = wire.AppendVector(body, 1, s.hello.sessionID)
	body = binary.BigEndian.AppendUint16(body, s.suite.id)
	body = append(body, compressionNull)
	extensions := appendExtension(nil, extensionSupportedVersions, binary.BigEndian.AppendUint16(nil, tls.VersionTLS13))
	extensions = appendExtension(extensions, extensionKeyShare, bytes.Clone(share))
	return wire.Message(wire.MessageServerHello, wire.AppendVector(body, 2, extensions))
}
