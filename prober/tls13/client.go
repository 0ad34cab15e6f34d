package tls13

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"hash"
	"net"
	"slices"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
)

// Client performs TLS 1.3 handshakes (RFC 8446) with servers that send a ServerHello
// at once, and no CertificateRequest. It sends the ClientHello that crypto/tls sends,
// and accepts no answer that crypto/tls rejects, except for what ParseChain reads. It is
// safe for concurrent use.
type Client struct {
	// ParseChain reads the certificates of a chain, each in DER. It must not retain chain,
	// which is overwritten later. If it is nil, certificate.ParseChain is used.
	ParseChain func(chain [][]byte) []*certificate.Parsed

	config   *tls.Config
	template *hello.ClientHello
	shares   keyShareSource
}

// New returns a client that offers what crypto/tls offers with config. The error is
// ErrUnsupported if that is not TLS 1.3 with the key shares of this package.
func New(config *tls.Config) (*Client, error) {
	template, err := captureHello(config)
	if err != nil {
		return nil, err
	}
	groups := template.KeyShareGroups()
	if groups == nil || slices.ContainsFunc(groups, func(g hello.Group) bool { return !slices.Contains(sharedGroups, g) }) {
		return nil, ErrUnsupported
	}
	return &Client{config: config, template: template, shares: keyShareSource{groups: groups}}, nil
}

// State is the negotiated state of a connection, as tls.ConnectionState is. Fields of
// later messages are zero if the handshake failed before them.
type State struct {
	CipherSuite  uint16      // number of the TLS Cipher Suites registry
	Group        hello.Group // of the key exchange
	ALPN         string      // one of the offered protocols; empty: none was selected
	ServerName   string      // sent as SNI; empty for an IP address
	Certificates []*certificate.Parsed
	Staple       []byte   // the OCSP response for the leaf, DER (RFC 8446 section 4.4.2.1); nil: none
	SCTs         [][]byte // of the extension of the leaf (RFC 6962 section 3.3.1); nil: none
}

// Handshake performs a handshake over conn and then sends a close_notify. It sends
// name as the server name, and offers protocols by ALPN (RFC 7301). The caller sets the
// deadline of conn, and closes it.
//
// The state is nil until a ServerHello is accepted. It is not nil if a later step
// fails. The error is one of:
//
//   - ErrUnsupported: the caller should use crypto/tls over a new connection;
//   - an AlertError, a SignatureError or ErrFinished;
//   - an error of conn, io.EOF if the server closed the connection;
//   - the error of crypto/tls for an answer that is not a ServerHello.
//
// A closed connection, a timeout, an alert that ends the handshake, a record that fails
// authentication, a wrong signature and a wrong Finished are never ErrUnsupported. Each
// may be different on the next connection, so that a second attempt would hide it.
func (c *Client) Handshake(conn net.Conn, name string, protocols []string) (*State, error) {
	hs := &handshake{client: c, conn: conn, name: name, protocols: protocols}
	hs.records.in = conn
	defer hs.records.release()
	err := hs.run()
	if hs.negotiated == nil {
		return nil, err
	}
	return &hs.state, err
}

// handshake is the state of one handshake.
type handshake struct {
	client    *Client
	conn      net.Conn
	name      string
	protocols []string
	offer     hello.Renewal // without the key shares
	shares    *keyShares

	records recordReader
	*negotiated
}

// negotiated is what follows from a ServerHello. It is allocated when that arrives,
// because many handshakes may wait for one at the same time.
type negotiated struct {
	suite        *keys.Suite
	transcript   hash.Hash
	clientSecret []byte // handshake traffic secrets (RFC 8446 section 7.1)
	serverSecret []byte
	masterSecret []byte
	state        State
}

func (hs *handshake) run() error {
	steps := []func() error{hs.sendClientHello, hs.readServerHello, hs.readEncryptedExtensions, hs.readCertificate, hs.readCertificateVerify, hs.readFinished}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return hs.sendFinished()
}

func (hs *handshake) sendClientHello() error {
	hs.offer = hello.Renewal{ServerName: hello.SNI(hs.name), Protocols: hs.protocols}
	rand.Read(hs.offer.Random[:])
	rand.Read(hs.offer.SessionID[:])
	var err error
	if hs.shares, err = hs.client.shares.generate(); err != nil {
		return ErrUnsupported // crypto/ecdh has no X25519 if only FIPS 140 algorithms are allowed
	}
	hs.records.acquire()
	defer hs.records.release()
	record, err := hs.clientHello()
	if err == nil {
		_, err = hs.conn.Write(record)
	}
	return err
}

// clientHello returns the ClientHello in its record. It is made twice: to be sent, and
// for the transcript. Holding it meanwhile would cost memory for each silent server.
func (hs *handshake) clientHello() ([]byte, error) {
	template, buffers := hs.client.template, hs.records.buffers
	buffers.shares = hs.shares.append(buffers.shares[:0])
	offer := hs.offer
	offer.KeyShares = buffers.shares
	b := hello.AppendRecordHeader(buffers.hello[:0], hello.TypeHandshake, template.RecordVersion, 0)
	b = template.AppendRenewed(b, &offer)
	length := len(b) - recordHeader
	if b == nil || length > maxRecord {
		return nil, ErrUnsupported // crypto/tls reports what does not fit
	}
	b[recordHeader-2], b[recordHeader-1] = byte(length>>8), byte(length)
	buffers.hello = b
	return b, nil
}

// readServerHello reads the answer and derives the keys of all later messages.
func (hs *handshake) readServerHello() error {
	if err := hs.records.readFirstHeader(); err != nil {
		return err
	}
	switch kind := hs.records.first[0]; {
	case kind == hello.TypeAlert:
		return hs.readAlert()
	case kind != hello.TypeHandshake || hs.records.first[1] >= maxFirstMajor:
		return hs.errorOfCryptoTLS()
	}
	message, err := hs.records.readMessage()
	if err != nil {
		return err
	}
	h, err := hello.ParseServerHello(message)
	if err != nil || !hs.supported(h) {
		return ErrUnsupported
	}
	shared, ok := hs.shares.sharedSecret(h.Group, h.KeyShare)
	if !ok || !hs.records.atBoundary() {
		return ErrUnsupported
	}
	sent, err := hs.clientHello()
	if err != nil {
		return err
	}
	suite := keys.Find(uint16(h.CipherSuite))
	hs.negotiated = &negotiated{suite: suite, transcript: suite.Hash()}
	hs.state = State{CipherSuite: suite.ID, Group: h.Group, ServerName: hs.offer.ServerName}
	hs.transcript.Write(sent[recordHeader:])
	hs.transcript.Write(message)
	return hs.deriveKeys(shared)
}

// supported reports whether a ServerHello selects TLS 1.3 and what was offered, and has
// supported_versions and one more extension: key_share, or sharedSecret fails (RFC 8446
// section 4.1.3). It fails for a HelloRetryRequest too, which has no key.
func (hs *handshake) supported(h *hello.ServerHello) bool {
	return h.Version == hello.TLS13 && h.LegacyVersion == hello.TLS12 && h.Compression == 0 && len(h.Extensions) == 2 &&
		hs.echoed(h.SessionID) && keys.Find(uint16(h.CipherSuite)) != nil && slices.Contains(hs.client.template.CipherSuites, h.CipherSuite)
}

// echoed reports whether a session ID is that of the ClientHello.
func (hs *handshake) echoed(session []byte) bool {
	return bytes.Equal(session, hs.offer.SessionID[:len(hs.client.template.SessionID)])
}

// deriveKeys derives the keys of the handshake and the master secret (RFC 8446 section
// 7.1).
func (hs *handshake) deriveKeys(shared []byte) error {
	handshake, err := hs.suite.HandshakeSecret(shared)
	if err != nil {
		return err
	}
	var err1, err2, err3, err4 error
	hs.clientSecret, err1 = hs.suite.Derive(handshake, "c hs traffic", hs.transcript)
	hs.serverSecret, err2 = hs.suite.Derive(handshake, "s hs traffic", hs.transcript)
	hs.masterSecret, err3 = hs.suite.MasterSecret(handshake)
	hs.records.keys, err4 = hs.suite.NewKeys(hs.serverSecret)
	return errors.Join(err1, err2, err3, err4)
}

// readMessage reads a protected message. The functions of package hello that parse it
// reject another type, also a CertificateRequest.
func (hs *handshake) readMessage() ([]byte, error) {
	message, err := hs.records.readMessage()
	if errors.Is(err, errBadRecord) {
		err = hs.abort(hello.BadRecordMAC, err)
	}
	return message, err
}

// readEncryptedExtensions reads which protocol the server selected (RFC 8446 section
// 4.3.1).
func (hs *handshake) readEncryptedExtensions() error {
	message, err := hs.readMessage()
	if err != nil {
		return err
	}
	e, err := hello.ParseEncryptedExtensions(message)
	if err != nil || e.Other || e.ALPN != "" && !slices.Contains(hs.offer.Protocols, e.ALPN) {
		return ErrUnsupported
	}
	hs.state.ALPN = e.ALPN
	hs.transcript.Write(message)
	return nil
}

// parse calls ParseChain. Without it, it returns nil for a chain that crypto/x509 rejects.
func (c *Client) parse(chain [][]byte) []*certificate.Parsed {
	if c.ParseChain != nil {
		return c.ParseChain(chain)
	}
	parsed := certificate.ParseChain(chain, nil)
	if slices.ContainsFunc(parsed, func(p *certificate.Parsed) bool { return p.Err != nil }) {
		return nil
	}
	return parsed
}

// maxRSABits is the size of the largest accepted RSA key, in bits. Signatures of larger
// keys are expensive to verify. crypto/tls has its own limit (tlsmaxrsasize in go.mod).
const maxRSABits = 8192

// readCertificate reads and parses the certificate chain (RFC 8446 section 4.4.2). It goes
// on with certificates that crypto/x509 rejects, if the key of the leaf can be read.
func (hs *handshake) readCertificate() error {
	message, err := hs.readMessage()
	if err != nil {
		return err
	}
	entries, err := hello.ParseCertificate13(message)
	if err != nil || len(entries) == 0 {
		return ErrUnsupported
	}
	chain := make([][]byte, len(entries))
	for i, entry := range entries {
		chain[i] = entry.DER
	}
	if hs.state.Certificates = hs.client.parse(chain); hs.state.Certificates == nil {
		return ErrUnsupported
	}
	for _, parsed := range hs.state.Certificates {
		if !parsed.Readable() {
			return ErrUnsupported
		}
		if key, ok := parsed.X509.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSABits {
			return ErrUnsupported
		}
	}
	leaf := entries[0]
	hs.state.Staple, hs.state.SCTs = bytes.Clone(leaf.Status), hello.SCTs(bytes.Clone(leaf.SCTs))
	hs.transcript.Write(message)
	return nil
}

// readCertificateVerify verifies that the server has the private key of its leaf
// certificate (RFC 8446 section 4.4.3).
func (hs *handshake) readCertificateVerify() error {
	if !knownKey(hs.state.Certificates[0].X509.PublicKey) {
		return ErrUnsupported
	}
	message, err := hs.readMessage()
	if err != nil {
		return err
	}
	verify, err := hello.ParseCertificateVerify(message)
	if err != nil {
		return ErrUnsupported
	}
	scheme := schemeFor(verify.Scheme)
	if scheme == nil || !scheme.fits(hs.state.Certificates[0].X509.PublicKey) {
		return ErrUnsupported
	}
	signed := append(slices.Clone(signatureContext), hs.transcript.Sum(nil)...)
	if err := scheme.verify(hs.state.Certificates[0].X509.PublicKey, signed, verify.Signature); err != nil {
		return hs.abort(hello.DecryptError, &SignatureError{err})
	}
	hs.transcript.Write(message)
	return nil
}

// readFinished verifies that both sides saw the same handshake (RFC 8446 section
// 4.4.4).
func (hs *handshake) readFinished() error {
	message, err := hs.readMessage()
	if err != nil {
		return err
	}
	got, err := hello.ParseFinished(message)
	if err != nil || !hs.records.atBoundary() {
		return ErrUnsupported
	}
	want, err := hs.suite.Finished(hs.serverSecret, hs.transcript)
	if err != nil {
		return err
	}
	if !hmac.Equal(got, want) {
		return hs.abort(hello.DecryptError, ErrFinished)
	}
	hs.transcript.Write(message)
	return nil
}

// sendFinished sends the client's Finished and, with the keys of application data, a
// close_notify (RFC 8446 section 6.1), in one write.
func (hs *handshake) sendFinished() error {
	verify, err1 := hs.suite.Finished(hs.clientSecret, hs.transcript)
	application, err2 := hs.suite.Derive(hs.masterSecret, "c ap traffic", hs.transcript)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	handshakeKeys, err1 := hs.suite.NewKeys(hs.clientSecret)
	applicationKeys, err2 := hs.suite.NewKeys(application)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	records := handshakeKeys.Seal(changeCipherSpec(), hello.TypeHandshake, hello.AppendFinished(nil, verify))
	records = applicationKeys.Seal(records, hello.TypeAlert, []byte{alertLevelWarning, byte(hello.CloseNotify)})
	_, err := hs.conn.Write(records)
	return err
}

// changeCipherSpec returns the record that is sent before the first protected one, for
// middleboxes that know only TLS 1.2 (RFC 8446 appendix D.4).
func changeCipherSpec() []byte {
	return hello.AppendRecord(make([]byte, 0, 128), hello.TypeChangeCipherSpec, hello.TLS12, []byte{1})
}

// The levels of an alert. In TLS 1.3 the description alone has a meaning (RFC 8446
// section 6).
const (
	alertLevelWarning = 1
	alertLevelFatal   = 2
)

// abort sends a fatal alert to the server, and returns the reason.
func (hs *handshake) abort(alert hello.AlertDescription, reason error) error {
	if keys, err := hs.suite.NewKeys(hs.clientSecret); err == nil {
		hs.conn.Write(keys.Seal(changeCipherSpec(), hello.TypeAlert, []byte{alertLevelFatal, byte(alert)}))
	}
	return reason
}

// readAlert reads an alert that came instead of a ServerHello. A warning does not end
// the handshake, and is left to crypto/tls.
func (hs *handshake) readAlert() error {
	record, err := hs.records.readRecord()
	if err != nil {
		return err
	}
	if alert := record.Payload; len(alert) != 2 || alert[0] != alertLevelFatal && hello.AlertDescription(alert[1]) != hello.CloseNotify {
		return ErrUnsupported
	}
	return hs.errorOfCryptoTLS()
}
