package tlstest

import (
	"crypto/rand"
	"encoding/binary"
	"slices"
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

// serverHelloV2 answers a CLIENT-HELLO of SSL 2.0. The server lists the kinds that
// both have, and the client would choose (section 2.6, C.5).
func (s *legacySession) serverHelloV2(hello *clientHello) error {
	var kinds []byte
	count := 0
	for _, kind := range s.Kinds {
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
	body = binary.BigEndian.AppendUint16(body, versionSSL20)
	body = binary.BigEndian.AppendUint16(body, uint16(len(certificate)))
	body = binary.BigEndian.AppendUint16(body, uint16(len(kinds)))
	body = binary.BigEndian.AppendUint16(body, connectionBytes)
	body = append(append(body, certificate...), kinds...)
	connection := make([]byte, connectionBytes)
	rand.Read(connection)
	if _, err := s.Write(recordV2(append(body, connection...))); err != nil {
		return err
	}
	// What follows is the client's master key, and this responder has no use for it.
	return errSilence
}

// refuseV2 says NO-CIPHER-ERROR (section C.3), where refusing is by words.
func (s *legacySession) refuseV2() error {
	const errorMessage, noCipher = 0, 1
	switch err := s.refusal(alertEnding(alertHandshakeFailure)).(type) {
	case alertEnding:
		s.Write(recordV2([]byte{errorMessage, 0, noCipher}))
		return errClose
	default:
		return err
	}
}

// recordV2 has a header of two bytes (section 1.1).
func recordV2(message []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, 1<<15|uint16(len(message))), message...)
}
