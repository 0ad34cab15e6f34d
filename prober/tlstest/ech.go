package tlstest

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
)

// Numbers of RFC 9849 section 4 and of the registry of HPKE (RFC 9180 section 7).
const (
	echVersion       = 0xfe0d
	kemX25519        = 0x0020
	kdfHKDFSHA256    = 0x0001
	aeadAES128       = 0x0001
	echMaxNameLength = 64
)

// NewECHKey makes a key for ECH with its configuration, for a server that has a certificate
// for publicName. The server sends the configuration to clients whose own it rejects.
func NewECHKey(publicName string) (tls.EncryptedClientHelloKey, error) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return tls.EncryptedClientHelloKey{}, err
	}
	id := make([]byte, 1)
	rand.Read(id)
	contents := append(id, binary.BigEndian.AppendUint16(nil, kemX25519)...)
	contents = appendVector(contents, key.PublicKey().Bytes())
	suite := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, kdfHKDFSHA256), aeadAES128)
	contents = appendVector(contents, suite)
	contents = append(contents, echMaxNameLength, byte(len(publicName)))
	contents = append(contents, publicName...)
	contents = appendVector(contents, nil) // extensions
	config := appendVector(binary.BigEndian.AppendUint16(nil, echVersion), contents)
	return tls.EncryptedClientHelloKey{Config: config, PrivateKey: key.Bytes(), SendAsRetry: true}, nil
}

// ECHConfigList is the parameter ech of an HTTPS record with these configurations.
func ECHConfigList(configs ...[]byte) []byte {
	var all []byte
	for _, config := range configs {
		all = append(all, config...)
	}
	return appendVector(nil, all)
}

// appendVector appends data after its length in two bytes (RFC 8446 section 3.4).
func appendVector(b, data []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(data))), data...)
}
