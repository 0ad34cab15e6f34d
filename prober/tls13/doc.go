// Package tls13 is a TLS 1.3 client made for probing.
//
// # Scope
//
// It performs the handshake that most servers perform with a client that has no
// certificate (RFC 8446): a ServerHello at once, with a key share of X25519MLKEM768 or
// X25519, and no CertificateRequest. It makes the offer of crypto/tls, byte for byte
// but for what is random, and requires of the answer what crypto/tls requires. For a
// probe it costs a fraction of crypto/tls in CPU and memory (docs/scaling.md).
//
// # Non-goals
//
// It sends and receives no application data. It does not verify the certificate chain:
// package chain does, after the handshake. It knows no HelloRetryRequest, no client
// certificate, no pre-shared key, no 0-RTT, no other version of TLS and no other
// group. All of these are ErrUnsupported: package handshake then uses crypto/tls over
// another connection.
//
// # Threat model
//
// What the handshake protects is a close_notify, and nothing else: no secret is ever
// sent. What has to hold is that the result is true. The server must have proved that
// it has the key of its certificate (CertificateVerify), and that both sides saw the
// same handshake (Finished). Everything that a server sends is hostile until then: each
// message is bounded in size, the records without content in number, and the caller
// bounds the bytes and the time of the whole handshake. Cryptography is that of the
// standard library and golang.org/x/crypto.
//
// # States
//
//	ClientHello sent
//	  | ServerHello                -- alert --> AlertError, or what crypto/tls says
//	  v keys of the handshake      -- anything else --> ErrUnsupported
//	EncryptedExtensions
//	  | Certificate                -- CertificateRequest --> ErrUnsupported
//	  v
//	CertificateVerify              -- wrong signature --> SignatureError
//	  v
//	Finished                       -- wrong verify_data --> ErrFinished
//	  v
//	Finished and close_notify sent
//
// A connection that ends, a timeout, an alert, a record that does not open and a proof
// that fails are reported as they are, and never as ErrUnsupported: a second attempt
// must not hide them.
//
// # What is used again
//
//   - The ClientHello is made once for a configuration. Random, session ID, key shares,
//     server name and ALPN are new in each handshake.
//   - The X25519 key share is new in each handshake.
//   - The ML-KEM key is offered for up to one second, always with another X25519 key, so
//     no key share is sent twice (RFC 9846 section 4.3.8). RFC 9954 section 2 permits
//     the reuse of such keys; the comment at kemLifetime has the reasons.
//   - Buffers are pooled between handshakes. Buffers of more than 32 kB are not.
//   - Certificates may be cached by ParseCertificate, which the caller sets.
//
// # Tests
//
//   - client_test.go compares every outcome with that of crypto/tls, on servers that
//     deviate in one thing (package tls13test) and on healthy servers of every kind.
//   - handshake_test.go compares the ClientHellos, and tests the fallback.
//   - keys/keys_test.go has the vectors of RFC 8448.
//   - shares_test.go tests that key shares are fresh.
//   - FuzzClient feeds arbitrary answers, in the clear and under keys.
//   - mutation_test.go removes the checks of this package one by one, and expects that
//     some test fails for each.
package tls13
