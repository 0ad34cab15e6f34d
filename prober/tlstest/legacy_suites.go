package tlstest

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
)

// keyExchange is how a suite agrees on keys, and with whose signature.
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

// bulk is how a suite encrypts.
type bulk struct {
	key   int                                // bytes
	size  int                                // of a block, in bytes
	block func([]byte) (cipher.Block, error) // nil: RC4 or NULL, or not done here
	mode  mode
}

type mode int

const (
	modeNotDone mode = iota // the handshake ends before the client's Finished
	modeNull
	modeRC4
	modeCBC
	modeGCM
)

var (
	notDone   = bulk{}
	null      = bulk{mode: modeNull}
	rc4128    = bulk{key: 16, mode: modeRC4}
	des56     = bulk{key: 8, size: 8, block: des.NewCipher, mode: modeCBC}
	des168    = bulk{key: 24, size: 8, block: des.NewTripleDESCipher, mode: modeCBC}
	aes128CBC = bulk{key: 16, size: 16, block: aes.NewCipher, mode: modeCBC}
	aes256CBC = bulk{key: 32, size: 16, block: aes.NewCipher, mode: modeCBC}
	aes128GCM = bulk{key: 16, size: 16, block: aes.NewCipher, mode: modeGCM}
	aes256GCM = bulk{key: 32, size: 16, block: aes.NewCipher, mode: modeGCM}
)

// legacySuite is a row of IANA's registry of cipher suites, as far as it matters here.
type legacySuite struct {
	id       uint16
	exchange keyExchange
	bulk     bulk
	mac      crypto.Hash // with GCM, CCM and ChaCha20: the hash of the PRF
	since    uint16      // the first version that has it
	cbc      bool
}

// legacySuites are the suites that Legacy knows. Not among them are those with
// keys fixed in certificates (DH, ECDH), DSA, Kerberos, passwords, and shared keys.
var legacySuites = suitesByID(
	// RFC 2246 appendix A.5, RFC 4346 appendix A.5, RFC 5246 appendix A.5.
	cbcOrStream(exchangeRSA, null, crypto.MD5, 0x0001),
	cbcOrStream(exchangeRSA, null, crypto.SHA1, 0x0002),
	cbcOrStream(exchangeRSA, null, crypto.SHA256, 0x003b),
	cbcOrStream(exchangeRSA, rc4128, crypto.MD5, 0x0004),
	cbcOrStream(exchangeRSA, rc4128, crypto.SHA1, 0x0005),
	cbcNotDone(exchangeRSA, crypto.SHA1, 0x0007, 0x0041, 0x0084, 0x0096), // IDEA, Camellia, SEED
	cbcOrStream(exchangeRSA, des56, crypto.SHA1, 0x0009),
	cbcOrStream(exchangeRSA, des168, crypto.SHA1, 0x000a),
	cbcOrStream(exchangeRSA, aes128CBC, crypto.SHA1, 0x002f),
	cbcOrStream(exchangeRSA, aes256CBC, crypto.SHA1, 0x0035),
	cbcOrStream(exchangeRSA, aes128CBC, crypto.SHA256, 0x003c),
	cbcOrStream(exchangeRSA, aes256CBC, crypto.SHA256, 0x003d),
	cbcNotDone(exchangeRSA, crypto.SHA256, 0x00ba, 0x00c0, 0xc03c), // Camellia, ARIA
	aead(exchangeRSA, aes128GCM, crypto.SHA256, 0x009c),
	aead(exchangeRSA, aes256GCM, crypto.SHA384, 0x009d),
	aead(exchangeRSA, notDone, crypto.SHA256, 0xc050, 0xc07a, 0xc09c, 0xc09d, 0xc0a0, 0xc0a1), // ARIA, Camellia, CCM
	aead(exchangeRSA, notDone, crypto.SHA384, 0xc051, 0xc07b),

	cbcOrStream(exchangeRSAExport, notDone, crypto.MD5, 0x0003),
	cbcNotDone(exchangeRSAExport, crypto.MD5, 0x0006),
	cbcNotDone(exchangeRSAExport, crypto.SHA1, 0x0008),

	cbcOrStream(exchangeDHERSA, des56, crypto.SHA1, 0x0015),
	cbcOrStream(exchangeDHERSA, des168, crypto.SHA1, 0x0016),
	cbcOrStream(exchangeDHERSA, aes128CBC, crypto.SHA1, 0x0033),
	cbcOrStream(exchangeDHERSA, aes256CBC, crypto.SHA1, 0x0039),
	cbcOrStream(exchangeDHERSA, aes128CBC, crypto.SHA256, 0x0067),
	cbcOrStream(exchangeDHERSA, aes256CBC, crypto.SHA256, 0x006b),
	cbcNotDone(exchangeDHERSA, crypto.SHA1, 0x0045, 0x0088, 0x009a),
	cbcNotDone(exchangeDHERSA, crypto.SHA256, 0x00be, 0x00c4, 0xc044),
	aead(exchangeDHERSA, aes128GCM, crypto.SHA256, 0x009e),
	aead(exchangeDHERSA, aes256GCM, crypto.SHA384, 0x009f),
	aead(exchangeDHERSA, notDone, crypto.SHA256, 0xccaa, 0xc052, 0xc07c, 0xc09e, 0xc09f, 0xc0a2, 0xc0a3),
	aead(exchangeDHERSA, notDone, crypto.SHA384, 0xc053, 0xc07d),
	cbcNotDone(exchangeDHERSAExport, crypto.SHA1, 0x0014),

	cbcOrStream(exchangeDHAnonExport, notDone, crypto.MD5, 0x0017),
	cbcNotDone(exchangeDHAnonExport, crypto.SHA1, 0x0019),
	cbcOrStream(exchangeDHAnon, rc4128, crypto.MD5, 0x0018),
	cbcOrStream(exchangeDHAnon, des56, crypto.SHA1, 0x001a),
	cbcOrStream(exchangeDHAnon, des168, crypto.SHA1, 0x001b),
	cbcOrStream(exchangeDHAnon, aes128CBC, crypto.SHA1, 0x0034),
	cbcOrStream(exchangeDHAnon, aes256CBC, crypto.SHA1, 0x003a),
	cbcOrStream(exchangeDHAnon, aes128CBC, crypto.SHA256, 0x006c),
	cbcOrStream(exchangeDHAnon, aes256CBC, crypto.SHA256, 0x006d),
	cbcNotDone(exchangeDHAnon, crypto.SHA1, 0x0046, 0x0089, 0x009b),
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
	aead(exchangeECDHEECDSA, notDone, crypto.SHA256, 0xcca9, 0xc0ac, 0xc0ad, 0xc0ae, 0xc0af, 0xc05c),
	cbcOrStream(exchangeECDHERSA, null, crypto.SHA1, 0xc010),
	cbcOrStream(exchangeECDHERSA, rc4128, crypto.SHA1, 0xc011),
	cbcOrStream(exchangeECDHERSA, des168, crypto.SHA1, 0xc012),
	cbcOrStream(exchangeECDHERSA, aes128CBC, crypto.SHA1, 0xc013),
	cbcOrStream(exchangeECDHERSA, aes256CBC, crypto.SHA1, 0xc014),
	cbcOrStream(exchangeECDHERSA, aes128CBC, crypto.SHA256, 0xc027),
	cbcSHA384(exchangeECDHERSA, aes256CBC, 0xc028),
	cbcNotDone(exchangeECDHERSA, crypto.SHA256, 0xc076, 0xc04c),
	aead(exchangeECDHERSA, aes128GCM, crypto.SHA256, 0xc02f),
	aead(exchangeECDHERSA, aes256GCM, crypto.SHA384, 0xc030),
	aead(exchangeECDHERSA, notDone, crypto.SHA256, 0xcca8, 0xc060, 0xc08a),
	aead(exchangeECDHERSA, notDone, crypto.SHA384, 0xc061, 0xc08b),
	cbcOrStream(exchangeECDHAnon, null, crypto.SHA1, 0xc015),
	cbcOrStream(exchangeECDHAnon, rc4128, crypto.SHA1, 0xc016),
	cbcOrStream(exchangeECDHAnon, des168, crypto.SHA1, 0xc017),
	cbcOrStream(exchangeECDHAnon, aes128CBC, crypto.SHA1, 0xc018),
	cbcOrStream(exchangeECDHAnon, aes256CBC, crypto.SHA1, 0xc019),

	// RFC 8446 appendix B.4.
	ofTLS13(0x1301, 0x1302, 0x1303, 0x1304, 0x1305),
)

func suitesByID(groups ...[]legacySuite) map[uint16]legacySuite {
	all := make(map[uint16]legacySuite)
	for _, group := range groups {
		for _, suite := range group {
			all[suite.id] = suite
		}
	}
	return all
}

func rows(row legacySuite, ids []uint16) []legacySuite {
	all := make([]legacySuite, len(ids))
	for i, id := range ids {
		row.id = id
		all[i] = row
	}
	return all
}

// cbcOrStream has suites with HMAC: those with SHA-256 and later came with TLS 1.2.
func cbcOrStream(x keyExchange, b bulk, mac crypto.Hash, ids ...uint16) []legacySuite {
	since := uint16(versionSSL30)
	if mac == crypto.SHA256 || mac == crypto.SHA384 {
		since = versionTLS12
	}
	return rows(legacySuite{exchange: x, bulk: b, mac: mac, since: since, cbc: b.mode == modeCBC}, ids)
}

func cbcNotDone(x keyExchange, mac crypto.Hash, ids ...uint16) []legacySuite {
	all := cbcOrStream(x, notDone, mac, ids...)
	for i := range all {
		all[i].cbc = true
	}
	return all
}

func cbcSHA384(x keyExchange, b bulk, ids ...uint16) []legacySuite {
	return cbcOrStream(x, b, crypto.SHA384, ids...)
}

func aead(x keyExchange, b bulk, prf crypto.Hash, ids ...uint16) []legacySuite {
	return rows(legacySuite{exchange: x, bulk: b, mac: prf, since: versionTLS12}, ids)
}

func ofTLS13(ids ...uint16) []legacySuite {
	return rows(legacySuite{exchange: exchangeTLS13, since: versionTLS13}, ids)
}

// in says whether a version can have the suite.
func (s legacySuite) in(version uint16) bool {
	return version >= s.since && (version >= versionTLS13) == (s.exchange == exchangeTLS13)
}

// prf is the hash of the pseudorandom function with TLS 1.2.
func (s legacySuite) prf() crypto.Hash {
	if s.mac == crypto.SHA384 {
		return crypto.SHA384
	}
	return crypto.SHA256
}

func (x keyExchange) elliptic() bool {
	return x == exchangeECDHERSA || x == exchangeECDHEECDSA || x == exchangeECDHAnon
}

func (x keyExchange) anonymous() bool {
	return x == exchangeDHAnon || x == exchangeDHAnonExport || x == exchangeECDHAnon
}

func (x keyExchange) export() bool {
	return x == exchangeRSAExport || x == exchangeDHERSAExport || x == exchangeDHAnonExport
}

func (x keyExchange) encryptsPremaster() bool { return x == exchangeRSA || x == exchangeRSAExport }
