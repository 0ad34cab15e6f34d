package legacy

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/tls"
	"maps"
	"slices"

	"tls_exporter/prober/tlstest/internal/wire"
)

// keyExchange is the key exchange of a suite, with its authentication.
type keyExchange int

const (
	exchangeRSA keyExchange = iota
	exchangeRSAExport
	exchangeDHERSA
	exchangeDHERSAExport
	exchangeDHAnon
	exchangeDHAnonExport
	exchangeECDHERSA
	exchangeECDHEECDSA
	exchangeECDHAnon
	exchangeTLS13
)

// bulk is the bulk cipher of a suite.
type bulk struct {
	key   int                                // bytes
	size  int                                // of a block, in bytes
	block func([]byte) (cipher.Block, error) // nil: RC4, NULL or not supported
	mode  mode
}

type mode int

const (
	modeUnsupported mode = iota // the handshake ends before the client's Finished
	modeNull
	modeRC4
	modeCBC
	modeGCM
)

var (
	unsupported = bulk{}
	null        = bulk{mode: modeNull}
	rc4128      = bulk{key: 16, mode: modeRC4}
	des56       = bulk{key: 8, size: 8, block: des.NewCipher, mode: modeCBC}
	des168      = bulk{key: 24, size: 8, block: des.NewTripleDESCipher, mode: modeCBC}
	aes128CBC   = bulk{key: 16, size: 16, block: aes.NewCipher, mode: modeCBC}
	aes256CBC   = bulk{key: 32, size: 16, block: aes.NewCipher, mode: modeCBC}
	aes128GCM   = bulk{key: 16, size: 16, block: aes.NewCipher, mode: modeGCM}
	aes256GCM   = bulk{key: 32, size: 16, block: aes.NewCipher, mode: modeGCM}
)

// cipherSuite is a row of IANA's registry of cipher suites.
type cipherSuite struct {
	id       uint16
	exchange keyExchange
	bulk     bulk
	mac      crypto.Hash // with GCM, CCM and ChaCha20: the hash of the PRF
	since    uint16      // the first version that defines it
	cbc      bool
}

// knownSuites are the supported suites. Not supported are static DH and ECDH, DSA,
// Kerberos, SRP and PSK.
var knownSuites = suitesByID(
	// RFC 2246 appendix A.5, RFC 4346 appendix A.5, RFC 5246 appendix A.5.
	cbcOrStream(exchangeRSA, null, crypto.MD5, 0x0001),
	cbcOrStream(exchangeRSA, null, crypto.SHA1, 0x0002),
	cbcOrStream(exchangeRSA, null, crypto.SHA256, 0x003b),
	cbcOrStream(exchangeRSA, rc4128, crypto.MD5, 0x0004),
	cbcOrStream(exchangeRSA, rc4128, crypto.SHA1, 0x0005),
	cbcUnsupported(exchangeRSA, crypto.SHA1, 0x0007, 0x0041, 0x0084, 0x0096), // IDEA, Camellia, SEED
	cbcOrStream(exchangeRSA, des56, crypto.SHA1, 0x0009),
	cbcOrStream(exchangeRSA, des168, crypto.SHA1, 0x000a),
	cbcOrStream(exchangeRSA, aes128CBC, crypto.SHA1, 0x002f),
	cbcOrStream(exchangeRSA, aes256CBC, crypto.SHA1, 0x0035),
	cbcOrStream(exchangeRSA, aes128CBC, crypto.SHA256, 0x003c),
	cbcOrStream(exchangeRSA, aes256CBC, crypto.SHA256, 0x003d),
	cbcUnsupported(exchangeRSA, crypto.SHA256, 0x00ba, 0x00c0, 0xc03c), // Camellia, ARIA
	aead(exchangeRSA, aes128GCM, crypto.SHA256, 0x009c),
	aead(exchangeRSA, aes256GCM, crypto.SHA384, 0x009d),
	aead(exchangeRSA, unsupported, crypto.SHA256, 0xc050, 0xc07a, 0xc09c, 0xc09d, 0xc0a0, 0xc0a1), // ARIA, Camellia, CCM
	aead(exchangeRSA, unsupported, crypto.SHA384, 0xc051, 0xc07b),

	cbcOrStream(exchangeRSAExport, unsupported, crypto.MD5, 0x0003),
	cbcUnsupported(exchangeRSAExport, crypto.MD5, 0x0006),
	cbcUnsupported(exchangeRSAExport, crypto.SHA1, 0x0008),

	cbcOrStream(exchangeDHERSA, des56, crypto.SHA1, 0x0015),
	cbcOrStream(exchangeDHERSA, des168, crypto.SHA1, 0x0016),
	cbcOrStream(exchangeDHERSA, aes128CBC, crypto.SHA1, 0x0033),
	cbcOrStream(exchangeDHERSA, aes256CBC, crypto.SHA1, 0x0039),
	cbcOrStream(exchangeDHERSA, aes128CBC, crypto.SHA256, 0x0067),
	cbcOrStream(exchangeDHERSA, aes256CBC, crypto.SHA256, 0x006b),
	cbcUnsupported(exchangeDHERSA, crypto.SHA1, 0x0045, 0x0088, 0x009a),
	cbcUnsupported(exchangeDHERSA, crypto.SHA256, 0x00be, 0x00c4, 0xc044),
	aead(exchangeDHERSA, aes128GCM, crypto.SHA256, 0x009e),
	aead(exchangeDHERSA, aes256GCM, crypto.SHA384, 0x009f),
	aead(exchangeDHERSA, unsupported, crypto.SHA256, 0xccaa, 0xc052, 0xc07c, 0xc09e, 0xc09f, 0xc0a2, 0xc0a3),
	aead(exchangeDHERSA, unsupported, crypto.SHA384, 0xc053, 0xc07d),
	cbcUnsupported(exchangeDHERSAExport, crypto.SHA1, 0x0014),

	cbcOrStream(exchangeDHAnonExport, unsupported, crypto.MD5, 0x0017),
	cbcUnsupported(exchangeDHAnonExport, crypto.SHA1, 0x0019),
	cbcOrStream(exchangeDHAnon, rc4128, crypto.MD5, 0x0018),
	cbcOrStream(exchangeDHAnon, des56, crypto.SHA1, 0x001a),
	cbcOrStream(exchangeDHAnon, des168, crypto.SHA1, 0x001b),
	cbcOrStream(exchangeDHAnon, aes128CBC, crypto.SHA1, 0x0034),
	cbcOrStream(exchangeDHAnon, aes256CBC, crypto.SHA1, 0x003a),
	cbcOrStream(exchangeDHAnon, aes128CBC, crypto.SHA256, 0x006c),
	cbcOrStream(exchangeDHAnon, aes256CBC, crypto.SHA256, 0x006d),
	cbcUnsupported(exchangeDHAnon, crypto.SHA1, 0x0046, 0x0089, 0x009b),
	aead(exchangeDHAnon, aes128GCM, crypto.SHA256, 0x00a6),
	aead(exchangeDHAnon, aes256GCM, crypto.SHA384, 0x00a7),

	// RFC 4492 section 6, RFC 5289, RFC 7905, RFC 6209, RFC 6367.
	cbcOrStream(exchangeECDHEECDSA, null, crypto.SHA1, 0xc006),
	cbcOrStream(exchangeECDHEECDSA, rc4128, crypto.SHA1, 0xc007),
	cbcOrStream(exchangeECDHEECDSA, des168, crypto.SHA1, 0xc008),
	cbcOrStream(exchangeECDHEECDSA, aes128CBC, crypto.SHA1, 0xc009),
	cbcOrStream(exchangeECDHEECDSA, aes256CBC, crypto.SHA1, 0xc00a),
	cbcOrStream(exchangeECDHEECDSA, aes128CBC, crypto.SHA256, 0xc023),
	cbcSHA384(exchangeECDHEECDSA, aes256CBC, 0xc024),
	aead(exchangeECDHEECDSA, aes128GCM, crypto.SHA256, 0xc02b),
	aead(exchangeECDHEECDSA, aes256GCM, crypto.SHA384, 0xc02c),
	aead(exchangeECDHEECDSA, unsupported, crypto.SHA256, 0xcca9, 0xc0ac, 0xc0ad, 0xc0ae, 0xc0af, 0xc05c),
	cbcOrStream(exchangeECDHERSA, null, crypto.SHA1, 0xc010),
	cbcOrStream(exchangeECDHERSA, rc4128, crypto.SHA1, 0xc011),
	cbcOrStream(exchangeECDHERSA, des168, crypto.SHA1, 0xc012),
	cbcOrStream(exchangeECDHERSA, aes128CBC, crypto.SHA1, 0xc013),
	cbcOrStream(exchangeECDHERSA, aes256CBC, crypto.SHA1, 0xc014),
	cbcOrStream(exchangeECDHERSA, aes128CBC, crypto.SHA256, 0xc027),
	cbcSHA384(exchangeECDHERSA, aes256CBC, 0xc028),
	cbcUnsupported(exchangeECDHERSA, crypto.SHA256, 0xc076, 0xc04c),
	aead(exchangeECDHERSA, aes128GCM, crypto.SHA256, 0xc02f),
	aead(exchangeECDHERSA, aes256GCM, crypto.SHA384, 0xc030),
	aead(exchangeECDHERSA, unsupported, crypto.SHA256, 0xcca8, 0xc060, 0xc08a),
	aead(exchangeECDHERSA, unsupported, crypto.SHA384, 0xc061, 0xc08b),
	cbcOrStream(exchangeECDHAnon, null, crypto.SHA1, 0xc015),
	cbcOrStream(exchangeECDHAnon, rc4128, crypto.SHA1, 0xc016),
	cbcOrStream(exchangeECDHAnon, des168, crypto.SHA1, 0xc017),
	cbcOrStream(exchangeECDHAnon, aes128CBC, crypto.SHA1, 0xc018),
	cbcOrStream(exchangeECDHAnon, aes256CBC, crypto.SHA1, 0xc019),

	// RFC 8446 appendix B.4.
	ofTLS13(0x1301, 0x1302, 0x1303, 0x1304, 0x1305),
)

// Suites returns all supported suites, by number.
func Suites() []uint16 { return slices.Sorted(maps.Keys(knownSuites)) }

func suitesByID(groups ...[]cipherSuite) map[uint16]cipherSuite {
	all := make(map[uint16]cipherSuite)
	for _, group := range groups {
		for _, suite := range group {
			all[suite.id] = suite
		}
	}
	return all
}

func rows(row cipherSuite, ids []uint16) []cipherSuite {
	all := make([]cipherSuite, len(ids))
	for i, id := range ids {
		row.id = id
		all[i] = row
	}
	return all
}

// cbcOrStream returns suites with HMAC. Those with SHA-256 or SHA-384 need TLS 1.2.
func cbcOrStream(x keyExchange, b bulk, mac crypto.Hash, ids ...uint16) []cipherSuite {
	since := uint16(wire.VersionSSL30)
	if mac == crypto.SHA256 || mac == crypto.SHA384 {
		since = tls.VersionTLS12
	}
	return rows(cipherSuite{exchange: x, bulk: b, mac: mac, since: since, cbc: b.mode == modeCBC}, ids)
}

func cbcUnsupported(x keyExchange, mac crypto.Hash, ids ...uint16) []cipherSuite {
	all := cbcOrStream(x, unsupported, mac, ids...)
	for i := range all {
		all[i].cbc = true
	}
	return all
}

func cbcSHA384(x keyExchange, b bulk, ids ...uint16) []cipherSuite {
	return cbcOrStream(x, b, crypto.SHA384, ids...)
}

func aead(x keyExchange, b bulk, prf crypto.Hash, ids ...uint16) []cipherSuite {
	return rows(cipherSuite{exchange: x, bulk: b, mac: prf, since: tls.VersionTLS12}, ids)
}

func ofTLS13(ids ...uint16) []cipherSuite {
	return rows(cipherSuite{exchange: exchangeTLS13, since: tls.VersionTLS13}, ids)
}

// in reports whether a version defines the suite.
func (s cipherSuite) in(version uint16) bool {
	return version >= s.since && (version >= tls.VersionTLS13) == (s.exchange == exchangeTLS13)
}

// prf is the hash of the pseudorandom function in TLS 1.2.
func (s cipherSuite) prf() crypto.Hash {
	if s.mac == crypto.SHA384 {
		return crypto.SHA384
	}
	return crypto.SHA256
}

func (x keyExchange) elliptic() bool {
	return x == exchangeECDHERSA || x == exchangeECDHEECDSA || x == exchangeECDHAnon
}

func (x keyExchange) finite() bool {
	switch x {
	case exchangeDHERSA, exchangeDHERSAExport, exchangeDHAnon, exchangeDHAnonExport:
		return true
	}
	return false
}

func (x keyExchange) anonymous() bool {
	return x == exchangeDHAnon || x == exchangeDHAnonExport || x == exchangeECDHAnon
}

func (x keyExchange) export() bool {
	return x == exchangeRSAExport || x == exchangeDHERSAExport || x == exchangeDHAnonExport
}

func (x keyExchange) encryptsPremaster() bool { return x == exchangeRSA || x == exchangeRSAExport }
