// Package legacy has servers with protocols, cipher suites and vulnerabilities
// that crypto/tls does not have or no longer has.
//
//	addr, err := legacy.Start(lab, legacy.Server{Versions: []uint16{0x0002}})
//
// The protocols are implemented here from their specifications: SSL 2.0 and 3.0,
// export suites, short Diffie-Hellman primes, compression. [Vulnerabilities]
// lists known vulnerabilities, each with a vulnerable and a fixed server.
//
// The package is for tests and the demo. Its cryptography is not secure.
package legacy

import (
	"bufio"
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

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/internal/wire"
)

// Server is a server with its own implementation of SSL and TLS. The zero value
// is a server of about 2015 without vulnerabilities: TLS 1.0 to 1.2, forward
// secrecy, secure renegotiation, no tickets, no heartbeat.
//
// With TLS 1.0 to 1.2 and a suite with AES, 3DES, DES, RC4 or NULL it completes
// handshakes and then reads until the client closes, as a [tlstest.Server] does.
// With SSL 2.0, SSL 3.0 and the other suites it stops after its ServerHelloDone,
// whose flight is correctly signed. With TLS 1.3 it stops after its ServerHello;
// tlstest.Server completes those handshakes.
type Server struct {
	// Base is the address, the certificate and what precedes TLS. Its Config,
	// Accept and Inside are not used. The default key is RSA with 2048 bits, the
	// same for all such servers of a process. With an ECDSA key, suites that
	// need RSA are rejected.
	Base tlstest.Server

	// Versions are the supported versions, in any order. 0x0002 is SSL 2.0.
	// Default: TLS 1.0, 1.1 and 1.2. The newest version that the client supports
	// too is selected.
	Versions []uint16

	// Suites are the supported cipher suites, in the server's order. Default:
	// forward secrecy with AES. Each suite is selected only in versions that
	// define it.
	Suites []uint16

	// SuitesOf replaces Suites for a version.
	SuitesOf map[uint16][]uint16

	// CipherKinds are the supported cipher kinds of SSL 2.0 (section C.4 of its
	// specification). Default: RC4 with 128 bits and 3DES with 192 bits.
	CipherKinds []uint32

	// ClientPreference selects suites and groups in the client's order.
	ClientPreference bool

	// Groups are the supported groups of ECDHE, in the server's order. Default:
	// X25519, P-256, P-384.
	Groups []tls.CurveID

	// PrimeBits is the length of the prime of DHE: 512, 768, 1024, 1536 or 2048,
	// the default. Export suites always use 512 (RFC 2246 appendix C).
	PrimeBits int

	// FiniteGroups is what the groups of RFC 7919 mean for DHE.
	FiniteGroups FiniteGroups

	// MaxSuites, if not 0, is how many cipher suites of a ClientHello the server
	// reads. It answers more with decode_error, as wolfSSL does with more than 150.
	MaxSuites int

	// Chokes is the alerts with which the server fails on every ClientHello whose
	// newest version is the key.
	Chokes map[uint16]byte

	// FailsWith are suites that the server selects, and then answers with
	// internal_error, for want of a certificate for example.
	FailsWith []uint16

	// ComparesHello makes the server resume a session only for a ClientHello with
	// the same suites, groups and signature algorithms as the first.
	ComparesHello bool

	// ClosesFirst makes the server act on a close_notify before it answers what
	// arrived together with it, as Erlang/OTP does.
	ClosesFirst bool

	// Deflate selects DEFLATE (RFC 3749) if the client offers it.
	Deflate bool

	// NoRenegotiationInfo and NoExtendedMasterSecret disable these extensions
	// (RFC 5746, RFC 7627).
	NoRenegotiationInfo, NoExtendedMasterSecret bool

	// EncryptThenMAC enables that extension for suites with CBC (RFC 7366).
	EncryptThenMAC bool

	// NoSessionID makes the server send an empty session ID, as servers without
	// a session cache do.
	NoSessionID bool

	// IgnoreFallbackSCSV makes the server ignore TLS_FALLBACK_SCSV (RFC 7507).
	IgnoreFallbackSCSV bool

	// RecordSize, if not 0, fragments each flight into records of that many
	// bytes. Default: one record for each message.
	RecordSize int

	// RequestCertificate adds a CertificateRequest. A client certificate is not
	// required.
	RequestCertificate bool

	// Refusal is how the server rejects a ClientHello.
	Refusal Refusal

	// The vulnerabilities, and their fixed variants. The zero values are not
	// vulnerable.
	Tickets       Tickets
	Heartbeat     Heartbeat
	EarlyCCS      EarlyCCS
	RSAOracle     RSAOracle
	Renegotiation Renegotiation

	// RefusesSecondALPN makes the server refuse ALPN in a second handshake, with
	// illegal_parameter, as NSS does.
	RefusesSecondALPN bool
}

// FiniteGroups is what a server does about the groups of RFC 7919 that a client
// lists. A client without the extension supported_groups lists nothing, and gets the
// server's own prime.
type FiniteGroups int

const (
	FiniteGroupsIgnored  FiniteGroups = iota // always the server's own prime, as OpenSSL
	FiniteGroupsFollowed                     // ffdhe2048 if it is listed, the server's own prime if none is
	FiniteGroupsRequired                     // ffdhe2048 if it is listed, and no suite with DHE if not, as Bouncy Castle
	FiniteGroupsUnknown                      // the server's own prime, and no suite with DHE if one is listed
)

// Refusal is how a server rejects a ClientHello.
type Refusal int

const (
	RefuseWithSpecifiedAlert   Refusal = iota // the alert that the RFCs specify for the reason
	RefuseWithHandshakeFailure                // always the alert handshake_failure
	RefuseWithProtocolVersion                 // always the alert protocol_version
	RefuseByClosing                           // closes without an alert
	RefuseByReset                             // resets the connection
	RefuseBySilence                           // sends nothing and leaves the connection open
)

// Tickets is how a server implements session tickets (RFC 5077).
type Tickets int

const (
	NoTickets         Tickets = iota // not supported
	TicketsFixed                     // a resumed session has the client's session ID
	TicketsVulnerable                // CVE-2016-9244: the session ID is filled up to 32 bytes from memory
)

// Heartbeat is how a server implements heartbeats (RFC 6520).
type Heartbeat int

const (
	NoHeartbeat         Heartbeat = iota // not supported
	HeartbeatFixed                       // requests with a wrong payload length are discarded
	HeartbeatVulnerable                  // CVE-2014-0160: they are answered with bytes from memory
)

// EarlyCCS is how a server reacts to a ChangeCipherSpec before the key exchange.
type EarlyCCS int

const (
	EarlyCCSRejected EarlyCCS = iota // with the alert unexpected_message
	EarlyCCSAccepted                 // CVE-2014-0224: it derives keys from an empty master secret
)

// RSAOracle is what a server reveals about the padding of an encrypted premaster
// secret (RFC 5246 section 7.4.7.1; "Return Of Bleichenbacher's Oracle Threat",
// 2018).
type RSAOracle int

const (
	NoRSAOracle        RSAOracle = iota // nothing: every fault leads to bad_record_mac at Finished
	RSAOracleStrong                     // decrypt_error unless it begins with 00 02, else bad_record_mac at Finished
	RSAOracleWeak                       // decrypt_error unless all the padding is correct
	RSAOracleByReset                    // a reset unless it begins with 00 02
	RSAOracleBySilence                  // no answer unless it begins with 00 02
	RSAOracleByClosing                  // closes without an alert unless it begins with 00 02
	RSAOracleAlone                      // as RSAOracleStrong if nothing came with the secret; needs ClosesFirst
)

// Renegotiation is how a server reacts to a ClientHello after the handshake.
type Renegotiation int

const (
	RenegotiationRefused  Renegotiation = iota // with the warning no_renegotiation; the session continues
	RenegotiationFatal                         // with the alert handshake_failure
	RenegotiationClosed                        // closes without an alert
	RenegotiationIgnored                       // no answer; the session continues
	RenegotiationAccepted                      // a new handshake
)

// Start starts a server and returns its address, as [tlstest.Lab.Start] does.
func Start(l *tlstest.Lab, s Server) (addr string, err error) {
	base, err := s.Make(l)
	if err != nil {
		return "", err
	}
	return l.Start(base)
}

// Make returns a tlstest.Server whose Accept speaks the protocol of s. It is an
// error if s has a suite, a group, a prime length or a record size that is not
// supported.
func (s Server) Make(l *tlstest.Lab) (tlstest.Server, error) {
	if err := s.check(); err != nil {
		return tlstest.Server{}, err
	}
	base := s.Base
	if base.Key == nil {
		base.Key = defaultKey
	}
	leaf := base.Leaf
	base.Leaf = func(template *x509.Certificate) {
		template.KeyUsage |= x509.KeyUsageKeyEncipherment // for RSA key exchange
		if leaf != nil {
			leaf(template)
		}
	}
	identity, err := l.Identity(base)
	if err != nil {
		return tlstest.Server{}, err
	}
	r, err := s.responder(identity)
	if err != nil {
		return tlstest.Server{}, err
	}
	base.Accept = r.serve
	return base, nil
}

// defaultKey is made once, because generating RSA keys is slow.
func defaultKey() (crypto.Signer, error) { return onceDefaultKey() }

var onceDefaultKey = sync.OnceValues(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// defaultSuites have forward secrecy, for RSA and ECDSA keys.
var defaultSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384,
}

func (s Server) check() error {
	lists := [][]uint16{s.Suites}
	for _, list := range s.SuitesOf {
		lists = append(lists, list)
	}
	for _, id := range slices.Concat(lists...) {
		if _, known := knownSuites[id]; !known {
			return fmt.Errorf("cipher suite %#04x is not supported", id)
		}
	}
	if _, known := primes[cmp.Or(s.PrimeBits, defaultPrimeBits)]; !known {
		return fmt.Errorf("a prime of %d bits is not supported", s.PrimeBits)
	}
	if s.RecordSize > wire.MaxPlaintext {
		return fmt.Errorf("a record of %d bytes is too long", s.RecordSize)
	}
	for _, group := range s.Groups {
		if newECDHShare(group) == nil {
			return fmt.Errorf("group %d is not supported", group)
		}
	}
	return nil
}

// responder is a Server with its keys and sessions, shared by its connections.
type responder struct {
	Server
	chain    [][]byte
	key      crypto.Signer
	export   *rsa.PrivateKey // the temporary key of RSA_EXPORT suites
	sessions sessionCache
}

func (s Server) responder(identity tls.Certificate) (*responder, error) {
	if s.Versions == nil {
		s.Versions = []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12}
	}
	if s.Suites == nil {
		s.Suites = defaultSuites
	}
	if s.CipherKinds == nil {
		s.CipherKinds = []uint32{kindRC4, kind3DES}
	}
	if s.Groups == nil {
		s.Groups = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	}
	s.PrimeBits = cmp.Or(s.PrimeBits, defaultPrimeBits)
	key, ok := identity.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T cannot sign", identity.PrivateKey)
	}
	export, err := exportKey()
	if err != nil {
		return nil, fmt.Errorf("make the export key: %w", err)
	}
	return &responder{Server: s, chain: identity.Certificate, key: key, export: export}, nil
}

// exportKey has 512 bits, the limit of RFC 2246 appendix C. It is made once and
// reused, as by the servers that FREAK was found on.
var exportKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 512) })

// suitesOf is the list of suites for a version, in the server's order.
func (r *responder) suitesOf(version uint16) []uint16 {
	if list, set := r.SuitesOf[version]; set {
		return list
	}
	return r.Suites
}

func (r *responder) serve(_ context.Context, c net.Conn) {
	if r.ClosesFirst {
		c = &aheadConn{c, bufio.NewReaderSize(c, wire.MaxCiphertext+wire.RecordHeaderSize)}
	}
	s := &session{responder: r, recordConn: newRecordConn(c)}
	s.run()
}
