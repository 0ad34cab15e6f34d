package handshake

import (
	"crypto/rand"
	"crypto/tls"
	"slices"

	"tls_exporter/prober/hello"
)

// shape is a form of ClientHello that a look sends.
type shape int

// The shapes, in the order of a look.
const (
	shapeNone   shape = iota
	shapeAll          // TLS 1.0 to 1.3 with the common cipher suites, all groups and all signature algorithms, without key shares
	shapeTLS13        // TLS 1.3 alone, with package wide: the only shape that shows its certificates
	shapeTLS12        // the offer of the module with TLS 1.2 at most, with crypto/tls
	shapeUpTo12       // shapeAll without TLS 1.3
	shapeRare         // rare suites with a certificate: DSA, static DH and ECDH, GOST
	shapeBare         // few suites, and no extension but server_name
	shapeOldest       // TLS 1.0, few suites, no extension
	shapeRarer        // rare suites without one, or with a secret that both sides know: PSK, SRP, Kerberos
	shapeRarest       // the rest of them
	shapeSSL2         // SSL 2.0
)

var shapes = []shape{shapeAll, shapeTLS13, shapeTLS12, shapeUpTo12, shapeRare, shapeBare, shapeOldest, shapeRarer, shapeRarest, shapeSSL2}

// What crypto/tls offers, and so the handshake of a probe. TestOwnOffer compares it with
// the ClientHello.
var (
	ownSuites = func() []hello.CipherSuite {
		own := make([]hello.CipherSuite, len(offered))
		for i, id := range offered {
			own[i] = hello.CipherSuite(id)
		}
		return own
	}()
	ownGroups = []hello.Group{
		hello.X25519MLKEM768, hello.SecP256r1MLKEM768, hello.SecP384r1MLKEM1024, hello.X25519, hello.SecP256r1, hello.SecP384r1, hello.SecP521r1,
	}
	ownSchemes = []hello.SignatureScheme{
		0x0804, 0x0403, 0x0807, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0503, 0x0603, 0x0201, 0x0203,
	}
)

// ownCertificateSchemes is signature_algorithms_cert (RFC 8446 section 4.2.3). A server
// may insist on what it has.
var ownCertificateSchemes = func() hello.Extension {
	const signatureAlgorithmsCert = 50
	return hello.Extension{Type: signatureAlgorithmsCert, Data: hello.SignatureAlgorithms(ownSchemes...).Data}
}()

// allVersions are the versions of shapeAll.
var allVersions = []hello.Version{hello.TLS13, hello.TLS12, hello.TLS11, hello.TLS10}

// The cipher suites of the shapes.
var (
	allSuites = append(hello.UsualSuites(hello.TLS13), hello.UsualSuites(hello.TLS12)...)
	rareParts = slices.Collect(slices.Chunk(rareSuites(), 119))                              // one hello has at most 120, with a signalling value
	fewSuites = slices.DeleteFunc(slices.Clone(allSuites), func(id hello.CipherSuite) bool { // those that old servers have
		s := hello.Find(id)
		return s.Anonymous || s.Min == hello.TLS13 || !slices.Contains([]string{"AES", "3DES", "RC4", "DES"}, s.Cipher) || s.Mode == "CCM" || s.Mode == "CCM_8"
	})
)

// rareSuites returns all suites that are not in allSuites, first those with a
// certificate.
func rareSuites() []hello.CipherSuite {
	rare := append(hello.SuitesFor(hello.TLS13), hello.SuitesFor(hello.TLS12)...)
	rare = slices.DeleteFunc(rare, func(id hello.CipherSuite) bool { return slices.Contains(allSuites, id) })
	slices.SortStableFunc(rare, func(a, b hello.CipherSuite) int { return rarity(hello.Find(a)) - rarity(hello.Find(b)) })
	return rare
}

// rarity orders suites by how likely a server with a certificate has no others.
func rarity(s *hello.Suite) int {
	switch {
	case slices.Contains([]string{"PSK", "DHE_PSK", "ECDHE_PSK", "RSA_PSK", "SRP", "KRB5", "ECCPWD", "NULL"}, s.KeyExchange):
		return 2
	case s.Anonymous || s.Cipher == "ARIA":
		return 1
	}
	return 0
}

// message returns the hello of a shape that package scan sends. Narrow limits it to what
// crypto/tls offers.
func (s shape) message(name string, narrow bool) ([]byte, error) {
	o := hello.Offer{ServerName: name}
	switch s {
	case shapeAll:
		o.Versions, o.Ciphers = allVersions, allSuites
	case shapeUpTo12:
		o.Version, o.Ciphers = hello.TLS12, allSuites
	case shapeRare:
		o.Versions, o.Ciphers = allVersions, rareParts[0]
	case shapeRarer:
		o.Versions, o.Ciphers = allVersions, rareParts[1]
	case shapeRarest:
		o.Versions, o.Ciphers = allVersions, rareParts[2]
	case shapeBare:
		return bare(hello.TLS12, narrow, hello.ServerName(name)).Marshal()
	case shapeOldest:
		return bare(hello.TLS10, narrow).Marshal()
	default:
		return hello.OfferSSL2(), nil
	}
	if narrow {
		o.Ciphers, o.Groups, o.Schemes, o.Extra = ownSuites, ownGroups, ownSchemes, []hello.Extension{ownCertificateSchemes}
	}
	return o.Hello().Marshal()
}

// bare returns a hello in the form of SSL 3.0. It stays below 256 bytes with names of up
// to 75 bytes: some servers read no more in their first record.
func bare(version hello.Version, narrow bool, extensions ...hello.Extension) *hello.ClientHello {
	suites := slices.Clone(fewSuites)
	if narrow {
		suites = slices.DeleteFunc(suites, func(id hello.CipherSuite) bool { return !slices.Contains(ownSuites, id) })
	}
	h := &hello.ClientHello{
		RecordVersion: min(version, hello.TLS10), LegacyVersion: version,
		CipherSuites: append(suites, hello.EmptyRenegotiationInfoSCSV), CompressionMethods: []uint8{0},
	}
	rand.Read(h.Random[:])
	for _, e := range extensions {
		const listHeader = 5
		if len(e.Data) > listHeader { // there is a name
			h.Extensions = append(h.Extensions, e)
		}
	}
	return h
}

// namesServer reports whether the hello has the name of the server (SNI), if there is one.
func (s shape) namesServer() bool { return s != shapeOldest && s != shapeSSL2 }

// own reports whether crypto/tls offers what a server selected.
func own(s *Session) bool {
	return s.Version >= uint16(hello.TLS10) && slices.Contains(offered, s.CipherSuite) &&
		(s.Group == 0 || slices.Contains(ownGroups, hello.Group(s.Group)))
}

// offersBoth reports whether the module offers TLS 1.3 and an older version.
func (o *Options) offersBoth() bool {
	return o.MinVersion < tls.VersionTLS13 && (o.MaxVersion == 0 || o.MaxVersion >= tls.VersionTLS13)
}
