// Package tls13 is a TLS 1.3 client (RFC 8446) for probes.
//
// # Scope
//
// It performs the handshake of most servers with a client that has no certificate: the
// server answers with a ServerHello, with a key share of X25519MLKEM768 or X25519, and
// sends no CertificateRequest. The ClientHello is that of crypto/tls, byte for byte
// except for random values. An answer that crypto/tls rejects is rejected, or left to
// crypto/tls, with one exception: the chain may have certificates that crypto/x509 cannot
// parse, as long as the key of the leaf can be read. A probe needs less CPU and memory
// than with crypto/tls (docs/scaling.md).
//
// # Non-goals
//
// It sends and receives no application data. It does not verify the certificate chain,
// which package chain does after the handshake. It does not support HelloRetryRequest,
// client certificates, pre-shared keys, 0-RTT, other versions of TLS, other groups, chains
// of more than 20 certificates, and extensions of a server other than server_name, ALPN,
// supported_groups, status_request and signed_certificate_timestamp. For these it returns
// ErrUnsupported, and package handshake then uses crypto/tls on a new connection. With
// tls_client: crypto_tls in the configuration of a module, this package is not used at all.
//
// # Threat model
//
// The handshake protects nothing but a close_notify: no secret is ever sent. The result
// has to be true, however. The server must have proved that it has the private key of its
// certificate (CertificateVerify), and that both sides saw the same handshake (Finished).
// Until then all that it sends may come from an attacker. The sizes of records and
// messages, and the number of records without a message, are limited. The caller limits
// the bytes and the time of the whole handshake. The cryptographic functions are those of
// the standard library and of golang.org/x/crypto.
//
// # States
//
//	ClientHello sent
//	  |
//	  | ServerHello        alert, or not TLS -> error of crypto/tls
//	  v                    other answer -> ErrUnsupported
//	handshake keys         record fails authentication -> AlertError
//	  |                    alert -> AlertError, or io.EOF for close_notify
//	  | EncryptedExtensions
//	  | Certificate        CertificateRequest -> ErrUnsupported
//	  | CertificateVerify  wrong signature -> SignatureError
//	  | Finished           wrong verify_data -> ErrFinished
//	  v                    message that is malformed, or out of order -> ErrUnsupported
//	Finished and close_notify sent
//
// A closed connection, a timeout, an alert that ends the handshake, a record that fails
// authentication, a wrong signature and a wrong Finished are never ErrUnsupported. Each
// may be different on the next connection, so a second attempt must not hide it.
//
// # Reuse
//
//   - The ClientHello is captured from crypto/tls once for each Client. Random, session
//     ID, key shares, server name and ALPN are set in each handshake.
//   - The X25519 key is new in each handshake.
//   - The ML-KEM key is reused for up to one second, always with another X25519 key, so
//     that no key share is sent twice (RFC 9846 section 4.3.8). RFC 9954 section 2
//     permits this; the comment at mlkemLifetime has the reasons.
//   - Buffers are pooled. A handshake whose buffers grew beyond 32 kB drops them.
//   - ParseCertificate, which the caller sets, may cache certificates.
//
// # Tests
//
//   - TestHandshake compares the result with that of crypto/tls, for servers with every
//     supported key, cipher suite and group.
//   - TestDeviations compares the outcome with that of crypto/tls, for servers that
//     deviate from RFC 8446 in one way each (package tls13test): result, error text, and
//     the alert that the server gets.
//   - TestTimeout and TestShortReads do so for slow and interrupted connections.
//   - TestClientHello compares the ClientHello with that of crypto/tls.
//   - TestKeySharesAreNew checks what is reused.
//   - FuzzClient sends arbitrary answers, without protection and with it.
//   - FuzzDifferential sends one flight with arbitrary changes to both clients, and compares
//     the outcome. The changes are those of tls13test.Program.
//   - Package keys has the test vectors of RFC 8448.
//   - Package handshake tests the fallback to crypto/tls, and that no failure is hidden.
//   - TestMutationTable checks that the mutations of TestMutations fit the code.
//
// TestMutations removes the checks one by one. A test fails without each, so each is
// needed. It takes two to three minutes on two cores, so it runs on request only:
//
//	TLS13_MUTATIONS=1 go test ./prober/tls13 -run TestMutations -v -timeout 30m
package tls13
