package legacy

import (
	"crypto/rand"
	"encoding/binary"
	"io"
	"slices"

	"tls_exporter/prober/tlstest/internal/wire"
)

// Cipher kinds of SSL 2.0 (its specification's section C.4, "SSL 0.2 PROTOCOL
// SPECIFICATION", Netscape 1995).
const (
	kindRC4         = 0x010080
	kindRC4Export   = 0x020080
	kindRC2         = 0x030080
	kindRC2Export   = 0x040080
	kindIDEA        = 0x050080
	kindDES         = 0x060040
	kind3DES        = 0x0700c0
	connectionBytes = 16
)

// readClientHelloV2 reads the rest of a record in the SSL 2.0 format. begin is its
// first wire.RecordHeaderSize bytes.
func (s *session) readClientHelloV2(begin []byte) (*clientHello, error) {
	length := int(binary.BigEndian.Uint16(begin)) & maxClientHelloV2
	message := make([]byte, max(length, len(begin)-recordHeaderSizeV2))
	n := copy(message, begin[recordHeaderSizeV2:])
	if _, err := io.ReadFull(s.Conn, message[n:]); err != nil {
		return nil, err
	}
	return decoded(parseClientHelloV2(message))
}

// sendServerHelloV2 answers a CLIENT-HELLO of SSL 2.0. The server lists the
// common cipher kinds, and the client would select one (sections 2.6 and C.5).
func (s *session) sendServerHelloV2(hello *clientHello) error {
	var kinds []byte
	count := 0
	for _, kind := range s.CipherKinds {
		if slices.Contains(hello.kinds, kind) {
			kinds = append(kinds, byte(kind>>16), byte(kind>>8), byte(kind))
			count++
		}
	}
	if count == 0 {
		return s.refuseV2()
	}
	const serverHello, noHit, x509Certificate = 4, 0, 1
	certificate := s.chain[0]
	body := []byte{serverHello, noHit, x509Certificate}
	body = binary.BigEndian.AppendUint16(body, wire.VersionSSL20)
	body = binary.BigEndian.AppendUint16(body, uint16(len(certificate)))
	body = binary.BigEndian.AppendUint16(body, uint16(len(kinds)))
	body = binary.BigEndian.AppendUint16(body, connectionBytes)
	body = append(append(body, certificate...), kinds...)
	connection := make([]byte, connectionBytes)
	rand.Read(connection)
	if _, err := s.Write(recordV2(append(body, connection...))); err != nil {
		return err
	}
	// The server does not process the CLIENT-MASTER-KEY that follows.
	return errSilence
}

// refuseV2 sends NO-CIPHER-ERROR (section C.3) if s.Refusal is an alert.
func (s *session) refuseV2() error {
	const errorMessage, noCipher = 0, 1
	switch err := s.refusal(alertError(wire.AlertHandshakeFailure)).(type) {
	case alertError:
		s.Write(recordV2([]byte{errorMessage, 0, noCipher}))
		return errClose
	default:
		return err
	}
}

// recordV2 is a record with a header of two bytes (section 1.1).
func recordV2(message []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, 1<<15|uint16(len(message))), message...)
}
