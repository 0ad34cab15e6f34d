package hello

import (
	"crypto/sha256"
	"math/bits"
)

// ServerKeyExchange is the message of TLS 1.2 and below. The cipher suite decides which
// fields are set. All are zero if the suite is unknown.
type ServerKeyExchange struct {
	Group         Group           // the curve, or the group of RFC 7919 with this prime; 0: neither
	ExplicitCurve bool            // the server sent its own curve, which RFC 8422 section 5.4 forbids; the rest is not parsed
	DHBits        int             // of the prime, for Diffie-Hellman and SRP
	Prime         []byte          // big-endian
	Generator     []byte          //
	Public        []byte          // the server's value: y, or a point
	RSAExportBits int             // of the temporary RSA key of an export suite (RFC 2246 section 7.4.3)
	Scheme        SignatureScheme // TLS 1.2; 0 in older versions, and if nothing is signed
}

// parseServerKeyExchange parses the message. suite is nil if it is unknown.
func parseServerKeyExchange(body reader, suite *Suite, v Version) (*ServerKeyExchange, error) {
	k := new(ServerKeyExchange)
	if suite == nil {
		return k, nil
	}
	var ok, signed bool
	switch suite.KeyExchange {
	case "DHE", "DH_anon":
		ok, signed = k.readDH(&body), !suite.Anonymous
	case "ECDHE", "ECDH_anon":
		ok, signed = k.readEC(&body), !suite.Anonymous
	case "DHE_PSK":
		ok = readHint(&body) && k.readDH(&body)
	case "ECDHE_PSK":
		ok = readHint(&body) && k.readEC(&body)
	case "PSK", "RSA_PSK":
		ok = readHint(&body)
	case "SRP":
		ok, signed = k.readSRP(&body), suite.Authentication != "SRP"
	case "RSA":
		ok, signed = k.readRSA(&body), true
	default:
		return k, nil
	}
	if !ok || signed && !k.ExplicitCurve && !k.readSignature(&body, v) || !k.ExplicitCurve && !body.Empty() {
		return nil, malformed("ServerKeyExchange of %s", suite.Name)
	}
	return k, nil
}

// readDH reads ServerDHParams (RFC 5246 section 7.4.3).
func (k *ServerKeyExchange) readDH(r *reader) bool {
	var p, g, y reader
	if !r.ReadUint16LengthPrefixed(&p) || !r.ReadUint16LengthPrefixed(&g) || !r.ReadUint16LengthPrefixed(&y) || len(p) == 0 || len(g) == 0 || len(y) == 0 {
		return false
	}
	k.Prime, k.Generator, k.Public = p, g, y
	k.DHBits = bitLength(p)
	k.Group = finiteField(p, g)
	return true
}

// readEC reads ServerECDHParams (RFC 8422 section 5.4).
func (k *ServerKeyExchange) readEC(r *reader) bool {
	const explicitPrime, explicitChar2, namedCurve = 1, 2, 3
	var kind uint8
	if !r.ReadUint8(&kind) {
		return false
	}
	switch kind {
	case explicitPrime, explicitChar2:
		k.ExplicitCurve = true
		return true
	case namedCurve:
		var group uint16
		var point reader
		if !r.ReadUint16(&group) || !r.ReadUint8LengthPrefixed(&point) || len(point) == 0 {
			return false
		}
		k.Group, k.Public = Group(group), point
		return true
	}
	return false
}

// readSRP reads ServerSRPParams (RFC 5054 section 2.8.2).
func (k *ServerKeyExchange) readSRP(r *reader) bool {
	var prime, generator, salt, public reader
	if !r.ReadUint16LengthPrefixed(&prime) || !r.ReadUint16LengthPrefixed(&generator) || !r.ReadUint8LengthPrefixed(&salt) ||
		!r.ReadUint16LengthPrefixed(&public) || len(prime) == 0 {
		return false
	}
	k.Prime, k.Generator, k.Public = prime, generator, public
	k.DHBits = bitLength(prime)
	return true
}

// readRSA reads ServerRSAParams (RFC 2246 section 7.4.3).
func (k *ServerKeyExchange) readRSA(r *reader) bool {
	var modulus, exponent reader
	if !r.ReadUint16LengthPrefixed(&modulus) || !r.ReadUint16LengthPrefixed(&exponent) || len(modulus) == 0 || len(exponent) == 0 {
		return false
	}
	k.RSAExportBits = bitLength(modulus)
	return true
}

// readHint skips the hint of RFC 4279 section 2.
func readHint(r *reader) bool {
	var hint reader
	return r.ReadUint16LengthPrefixed(&hint)
}

func (k *ServerKeyExchange) readSignature(r *reader, v Version) bool {
	var signature reader
	if v >= TLS12 {
		var scheme uint16
		if !r.ReadUint16(&scheme) {
			return false
		}
		k.Scheme = SignatureScheme(scheme)
	}
	return r.ReadUint16LengthPrefixed(&signature)
}

// bitLength returns the length of a big-endian number in bits.
func bitLength(number []byte) int {
	for i, b := range number {
		if b != 0 {
			return 8*(len(number)-i-1) + bits.Len8(b)
		}
	}
	return 0
}

// finiteFields has the primes of RFC 7919 appendix A by their SHA-256 digests.
var finiteFields = map[[sha256.Size]byte]Group{
	digest("9cd3b7f336872f46c09428d1bbc19877a4d440512cda8d1c1cf0cd6e33698966"): FFDHE2048,
	digest("0eaf67db3a839156d5013494a5318a772b5697d270d721f37f092efc69ea5a17"): FFDHE3072,
	digest("4648414224ac881b3d0dc59b466f96d06a558278776807797ecf1f66ff397b3e"): FFDHE4096,
	digest("227ac9066b3ddd9e193670cda2388fa884f65ba0cf98b742d1fe77a6687c79c7"): FFDHE6144,
	digest("770b14efaf6f049929c523113b3fa99a8d11dab1b18af3609590122075d19833"): FFDHE8192,
}

func digest(text string) [sha256.Size]byte { return [sha256.Size]byte(mustHex(text)) }

// finiteField returns the group of RFC 7919 with this prime and generator; 0: none.
func finiteField(prime, generator []byte) Group {
	if bitLength(generator) != 2 || generator[len(generator)-1] != 2 {
		return 0
	}
	return finiteFields[sha256.Sum256(trimmed(prime))]
}

// trimmed returns a big-endian number without leading zeros.
func trimmed(number []byte) []byte { return number[len(number)-(bitLength(number)+7)/8:] }

// CertificateRequest is the message of TLS 1.2 and below (RFC 5246 section 7.4.4).
type CertificateRequest struct {
	Types       []uint8           // IANA's TLS ClientCertificateType Identifiers
	Schemes     []SignatureScheme // TLS 1.2
	Authorities [][]byte          // the accepted CAs by name, DER; empty: any
}

const maxAuthorities = 4096 // names of CAs that are returned; the message has room for few more

func parseCertificateRequest(body reader, v Version) (*CertificateRequest, error) {
	request := new(CertificateRequest)
	var types, names reader
	ok := body.ReadUint8LengthPrefixed(&types)
	if ok && v >= TLS12 {
		request.Schemes, ok = readNumbers16[SignatureScheme](&body)
	}
	if !ok || !body.ReadUint16LengthPrefixed(&names) || !body.Empty() {
		return nil, malformed("CertificateRequest")
	}
	request.Types = types
	for !names.Empty() && len(request.Authorities) < maxAuthorities {
		var name reader
		if !names.ReadUint16LengthPrefixed(&name) {
			return nil, malformed("CertificateRequest: name %d", len(request.Authorities)+1)
		}
		request.Authorities = append(request.Authorities, name)
	}
	return request, nil
}
