package tlstest

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"sync"
)

// Versions that crypto/tls has no name for, or no liking.
const (
	versionSSL20 = 0x0002
	versionTLS10 = tls.VersionTLS10
	versionTLS11 = tls.VersionTLS11
	versionTLS13 = tls.VersionTLS13
)

// Legacy is a server of its own, built from the specifications, for what
// crypto/tls does not do any more or never did: SSL 2.0 and 3.0, export suites,
// short primes, compression, and the wounds of the servers of the past. What is
// not set is as on a healthy server of about 2015: TLS 1.0 to 1.2, forward
// secrecy, secure renegotiation, no tickets, no heartbeat.
//
// With TLS 1.0 to 1.2 and a suite of AES, 3DES, DES, RC4 or NULL it completes
// handshakes and then listens, as a [Server] does. With SSL 2.0, SSL 3.0 and the
// other suites it comes as far as its ServerHelloDone, with everything in it
// signed as it should be, and cannot go on from the client's Finished. With
// TLS 1.3 it comes as far as its ServerHello: for more there is Server.
type Legacy struct {
	// Server is how the certificate is made, where to listen, and what is spoken
	// before TLS. Its Config, Accept and Inside are not asked. The key is RSA of
	// 2048 bits by default, the same for all servers of this kind in a process;
	// with an elliptic key, suites that need RSA are not taken.
	Server Server

	// Versions are those that it takes, in any order, with 0x0002 for SSL 2.0.
	// Default: TLS 1.0, 1.1 and 1.2. A client that offers newer ones gets the
	// newest of these that is not newer than its own.
	Versions []uint16

	// Suites are those that it takes, in its order. Default: forward secrecy
	// with AES. Those of TLS 1.3 count for TLS 1.3 alone, and suites of TLS 1.2
	// count from there on.
	Suites []uint16

	// SuitesOf are those of a version, instead of Suites.
	SuitesOf map[uint16][]uint16

	// Kinds are the cipher kinds of SSL 2.0 (its specification's section C.4)
	// that it takes. Default: RC4 and 3DES, with 128 and 192 bits.
	Kinds []uint32

	// ClientsChoice has the client's order count, for suites and for groups.
	ClientsChoice bool

	// Groups are those of ECDHE that it takes, in its order. Default: X25519,
	// P-256, P-384.
	Groups []tls.CurveID

	// PrimeBits is the length of the prime of DHE: 512, 768, 1024, 1536 or 2048,
	// the default. Export suites have 512 in any case (RFC 2246 appendix C).
	PrimeBits int

	// Deflate has it take DEFLATE (RFC 3749), where offered, before no compression.
	Deflate bool

	// NoRenegotiationInfo, NoExtendedMasterSecret: these extensions go unanswered
	// (RFC 5746, RFC 7627).
	NoRenegotiationInfo, NoExtendedMasterSecret bool

	// EncryptThenMAC answers that extension for suites with CBC (RFC 7366).
	EncryptThenMAC bool

	// NoSessionID has it send an empty session ID, as servers without a cache do.
	NoSessionID bool

	// IgnoresFallback has TLS_FALLBACK_SCSV go unheeded (RFC 7507).
	IgnoresFallback bool

	// RecordBytes has handshake messages that follow each other sent as one stream,
	// in records of so many bytes. Default: a record for each message.
	RecordBytes int

	// AsksForCertificate adds a CertificateRequest. Who has none is welcome too.
	AsksForCertificate bool

	// Refusal is how it turns down a ClientHello.
	Refusal Refusal

	// The wounds, and their healed kinds. Each zero value is healthy.
	Tickets       Tickets
	Heartbeat     Heartbeat
	EarlyCCS      EarlyCCS
	Premaster     Premaster
	Renegotiation Renegotiation
}

// Refusal is how a server turns down a ClientHello.
type Refusal int

const (
	RefuseFittingly        Refusal = iota // with the alert that the RFCs name for the reason
	RefuseHandshakeFailure                // with the alert handshake_failure, whatever the reason
	RefuseProtocolVersion                 // with the alert protocol_version, whatever the reason
	RefuseByClosing                       // without a word
	RefuseByReset                         // with a reset
	RefuseBySilence                       // not at all: the connection stays open, and silent
)

// Tickets is whether a server gives session tickets (RFC 5077).
type Tickets int

const (
	NoTickets     Tickets = iota // nor takes any
	TicketsHealed                // a session that is resumed has the client's session ID
	TicketsBleed                 // CVE-2016-9244: its session ID always has 32 bytes, the client's and then memory
)

// Heartbeat is whether a server answers to heartbeats (RFC 6520).
type Heartbeat int

const (
	NoHeartbeat     Heartbeat = iota // nor negotiates any
	HeartbeatHealed                  // those that claim more than they bring are dropped in silence
	HeartbeatBleeds                  // CVE-2014-0160: they are answered with what they claim, from memory
)

// EarlyCCS is what a server does with a ChangeCipherSpec before the keys are agreed on.
type EarlyCCS int

const (
	EarlyCCSRefused EarlyCCS = iota // with the alert unexpected_message
	EarlyCCSTaken                   // CVE-2014-0224: it turns to keys made from an empty master secret
)

// Premaster is what a server lets on about the padding of an encrypted premaster
// secret (RFC 5246 section 7.4.7.1; "Return Of Bleichenbacher's Oracle Threat", 2018).
type Premaster int

const (
	PremasterUniform   Premaster = iota // nothing: all that is wrong comes out at Finished
	PremasterStrong                     // decrypt_error unless it begins with 00 02, and bad_record_mac at Finished
	PremasterWeak                       // the same unless all of it is as it should be
	PremasterByReset                    // a reset unless it begins with 00 02
	PremasterBySilence                  // silence unless it begins with 00 02
	PremasterByClosing                  // closes without an alert unless it begins with 00 02
)

// Renegotiation is what a server does with a ClientHello inside a session.
type Renegotiation int

const (
	RenegotiationRefused Renegotiation = iota // with the warning no_renegotiation; the session goes on
	RenegotiationFatal                        // with the alert handshake_failure, and closes
	RenegotiationCloses                       // closes without an alert
	RenegotiationIgnored                      // not at all; the session goes on
	RenegotiationTaken                        // shakes hands again, at the client's wish
)

// StartLegacy starts a Legacy as Start does a Server.
func (l *Lab) StartLegacy(g Legacy) (addr string, err error) {
	s, err := g.Make(l)
	if err != nil {
		return "", err
	}
	return l.Start(s)
}

// Make is the Server that talks like g. It is an error to ask for a suite, group
// or prime that Legacy does not know.
func (g Legacy) Make(l *Lab) (Server, error) {
	if err := g.check(); err != nil {
		return Server{}, err
	}
	s := g.Server
	if s.Key == nil {
		s.Key = legacyKey
	}
	leaf := s.Leaf
	s.Leaf = func(template *x509.Certificate) {
		template.KeyUsage |= x509.KeyUsageKeyEncipherment // for RSA key exchange
		if leaf != nil {
			leaf(template)
		}
	}
	identity, err := l.identity(s)
	if err != nil {
		return Server{}, fmt.Errorf("make the server's certificate: %w", err)
	}
	before, err := s.preface()
	if err != nil {
		return Server{}, err
	}
	r, err := g.responder(identity)
	if err != nil {
		return Server{}, err
	}
	s.Accept = before.then(r.talk)
	return s, nil
}

// legacyKey is made once: RSA keys take long to find.
func legacyKey() (crypto.Signer, error) { return onceLegacyKey() }

var onceLegacyKey = sync.OnceValues(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// legacyDefaults are forward secret, for RSA and elliptic keys.
var legacyDefaults = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384,
}

func (g Legacy) check() error {
	lists := [][]uint16{g.Suites}
	for _, list := range g.SuitesOf {
		lists = append(lists, list)
	}
	for _, id := range slices.Concat(lists...) {
		if _, known := legacySuites[id]; !known {
			return fmt.Errorf("cipher suite %#04x is not one that Legacy knows", id)
		}
	}
	if _, known := primes[cmp.Or(g.PrimeBits, defaultPrimeBits)]; !known {
		return fmt.Errorf("no prime of %d bits", g.PrimeBits)
	}
	if g.RecordBytes > maxRecordPayload {
		return fmt.Errorf("a record cannot have %d bytes", g.RecordBytes)
	}
	for _, group := range g.Groups {
		if newShare(group) == nil {
			return fmt.Errorf("group %d is not one that Legacy knows", group)
		}
	}
	return nil
}

// responder is a Legacy at work, for all of its connections.
type responder struct {
	Legacy
	chain    [][]byte
	key      crypto.Signer
	export   *rsa.PrivateKey // the temporary key of RSA_EXPORT suites
	sessions sessions
}

func (g Legacy) responder(identity tls.Certificate) (*responder, error) {
	if g.Versions == nil {
		g.Versions = []uint16{versionTLS10, versionTLS11, versionTLS12}
	}
	if g.Suites == nil {
		g.Suites = legacyDefaults
	}
	if g.Kinds == nil {
		g.Kinds = []uint32{kindRC4, kind3DES}
	}
	if g.Groups == nil {
		g.Groups = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	}
	g.PrimeBits = cmp.Or(g.PrimeBits, defaultPrimeBits)
	key, ok := identity.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T cannot sign", identity.PrivateKey)
	}
	export, err := exportKey()
	if err != nil {
		return nil, fmt.Errorf("make a key for export: %w", err)
	}
	return &responder{Legacy: g, chain: identity.Certificate, key: key, export: export}, nil
}

// exportKey has 512 bits, the limit of RFC 2246 appendix C. It is made
// once and kept, as it was by the servers that FREAK was found on.
var exportKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 512) })

// suitesOf is what r takes with a version, in its order.
func (r *responder) suitesOf(version uint16) []uint16 {
	if list, named := r.SuitesOf[version]; named {
		return list
	}
	return r.Suites
}

func (r *responder) talk(_ context.Context, c net.Conn) {
	s := &legacySession{responder: r, wire: newWire(c)}
	s.serve()
}
