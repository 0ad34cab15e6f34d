package tls13

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"hash"
	"net"
	"slices"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
)

// Client performs TLS 1.3 handshakes (RFC 8446) as most servers do with a client
// that has no certificate: a ServerHello at once, and no CertificateRequest. It
// makes the offer that crypto/tls makes and requires of the answer what crypto/tls
// requires. It is safe for concurrent use.
type Client struct {
	// ParseCertificate parses a certificate and keeps no byte of der; nil:
	// x509.ParseCertificate.
	ParseCertificate func(der []byte) (*x509.Certificate, error)

	config   *tls.Config
	template *hello.ClientHello
	shares   shareSource
}

// New makes a client that offers what crypto/tls offers with config. It fails with
// ErrUnsupported where that is not TLS 1.3 with the key shares of this package.
func New(config *tls.Config) (*Client, error) {
	template, err := captureHello(config)
	if err != nil {
		return nil, err
	}
	groups := template.KeyShareGroups()
	if groups == nil || slices.ContainsFunc(groups, func(g hello.Group) bool { return !slices.Contains(sharedGroups, g) }) {
		return nil, ErrUnsupported
	}
	return &Client{config: config, template: template, shares: shareSource{groups: groups}}, nil
}

// State is what a handshake agreed on. Fields that the handshake did not reach are
// zero.
type State struct {
	CipherSuite  uint16
	Group        hello.Group
	ALPN         string // raw, one of those that were offered
	ServerName   string // sent as SNI; empty for an IP address
	Certificates []*x509.Certificate
}

// Handshake performs a handshake over conn with a server of that name, offers
// protocols by ALPN, and ends the conversation with a close_notify. The state is
// nil unless a ServerHello was accepted, and there also with a later error.
//
// An error is ErrUnsupported where the caller should use crypto/tls over another
// connection; an AlertError, a SignatureError or ErrFinished; an error of conn; or
// what crypto/tls says of an answer that is no ServerHello. What may be another
// thing on another connection, an end, a timeout, an alert, a proof that fails, is
// never ErrUnsupported: a second attempt must not hide it.
//
// The deadline is that of conn, which stays open.
func (c *Client) Handshake(conn net.Conn, name string, protocols []string) (*State, error) {
	h := &handshake{client: c, conn: conn, name: name, protocols: protocols}
	h.records.in = conn
	defer h.records.end()
	err := h.run()
	if h.agreed == nil {
		return nil, err
	}
	return &h.state, err
}

// handshake is one handshake.
type handshake struct {
	client    *Client
	conn      net.Conn
	name      string
	protocols []string
	offer     hello.Renewal // without the key shares
	shares    *shares

	records records
	*agreed
}

// agreed is what follows from a ServerHello. It is allocated when that came: many
// handshakes may wait at the same time.
type agreed struct {
	suite      *keys.Suite
	transcript hash.Hash
	clientKey  []byte // the traffic secrets of the handshake
	serverKey  []byte
	master     []byte
	state      State
}

func (c *handshake) run() error {
	steps := []func() error{c.sendClientHello, c.serverHello, c.encryptedExtensions, c.certificate, c.certificateVerify, c.finished}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return c.finish()
}

func (c *handshake) sendClientHello() error {
	c.offer = hello.Renewal{ServerName: hello.SNI(c.name), Protocols: c.protocols}
	rand.Read(c.offer.Random[:])
	rand.Read(c.offer.SessionID[:])
	var err error
	if c.shares, err = c.client.shares.fresh(); err != nil {
		return ErrUnsupported // crypto/ecdh has no X25519 where FIPS 140 alone is allowed
	}
	c.records.borrow()
	defer c.records.end()
	record, err := c.hello()
	if err == nil {
		_, err = c.conn.Write(record)
	}
	return err
}

// hello is the ClientHello in its record. It is made again for the transcript, and
// not held while a server is silent.
func (c *handshake) hello() ([]byte, error) {
	template, s := c.client.template, c.records.scratch
	s.shares = c.shares.append(s.shares[:0])
	offer := c.offer
	offer.KeyShares = s.shares
	b := hello.AppendRecordHeader(s.hello[:0], hello.TypeHandshake, template.RecordVersion, 0)
	b = template.AppendRenewed(b, &offer)
	length := len(b) - recordHeader
	if b == nil || length > maxRecord {
		return nil, ErrUnsupported // crypto/tls says what does not fit
	}
	b[recordHeader-2], b[recordHeader-1] = byte(length>>8), byte(length)
	s.hello = b
	return b, nil
}

// serverHello takes the answer, from which come the keys of all that follows.
func (c *handshake) serverHello() error {
	if err := c.records.begin(); err != nil {
		return err
	}
	switch kind := c.records.first[0]; {
	case kind == hello.TypeAlert:
		return c.alerted()
	case kind != hello.TypeHandshake:
		return c.explain()
	}
	message, err := c.records.message()
	if err != nil {
		return err
	}
	h, err := hello.ParseServerHello(message)
	if err != nil || !c.supported(h) {
		return ErrUnsupported
	}
	shared, ok := c.shares.agree(h.Group, h.KeyShare)
	if !ok || !c.records.clean() {
		return ErrUnsupported
	}
	sent, err := c.hello()
	if err != nil {
		return err
	}
	suite := keys.Find(uint16(h.CipherSuite))
	c.agreed = &agreed{suite: suite, transcript: suite.Hash()}
	c.state = State{CipherSuite: suite.ID, Group: h.Group, ServerName: c.offer.ServerName}
	c.transcript.Write(sent[recordHeader:])
	c.transcript.Write(message)
	return c.schedule(shared)
}

// supported tells whether a ServerHello selects what was offered, in TLS 1.3 and
// with no other extension (RFC 8446 section 4.1.3).
func (c *handshake) supported(h *hello.ServerHello) bool {
	return h.Version == hello.TLS13 && h.LegacyVersion == hello.TLS12 && !h.Retry && h.Compression == 0 && len(h.Extensions) == 2 && h.KeyShare != nil &&
		c.echoed(h.SessionID) && keys.Find(uint16(h.CipherSuite)) != nil && slices.Contains(c.client.template.CipherSuites, h.CipherSuite)
}

func (c *handshake) echoed(session []byte) bool {
	return bytes.Equal(session, c.offer.SessionID[:len(c.client.template.SessionID)])
}

// schedule derives what protects the handshake, and the master secret.
func (c *handshake) schedule(shared []byte) error {
	handshake, err := c.suite.HandshakeSecret(shared)
	if err != nil {
		return err
	}
	var err1, err2, err3, err4 error
	c.clientKey, err1 = c.suite.Derive(handshake, "c hs traffic", c.transcript)
	c.serverKey, err2 = c.suite.Derive(handshake, "s hs traffic", c.transcript)
	c.master, err3 = c.suite.MasterSecret(handshake)
	c.records.keys, err4 = c.suite.NewKeys(c.serverKey)
	return errors.Join(err1, err2, err3, err4)
}

// next is the next message; one of another kind than wanted is left to crypto/tls,
// a request for a certificate too.
func (c *handshake) next(want uint8) ([]byte, error) {
	message, err := c.records.message()
	if err == nil && message[0] != want {
		err = ErrUnsupported
	}
	if errors.Is(err, errBadRecord) {
		err = c.refuse(hello.BadRecordMAC, err)
	}
	return message, err
}

func (c *handshake) encryptedExtensions() error {
	message, err := c.next(hello.MsgEncryptedExtensions)
	if err != nil {
		return err
	}
	e, err := hello.ParseEncryptedExtensions(message)
	if err != nil || e.Other || e.ALPN != "" && !slices.Contains(c.offer.Protocols, e.ALPN) {
		return ErrUnsupported
	}
	c.state.ALPN = e.ALPN
	c.transcript.Write(message)
	return nil
}

// parse is ParseCertificate or its default.
func (c *Client) parse(der []byte) (*x509.Certificate, error) {
	if c.ParseCertificate != nil {
		return c.ParseCertificate(der)
	}
	return x509.ParseCertificate(bytes.Clone(der))
}

// maxRSABits is the largest RSA key that a signature is verified with here.
const maxRSABits = 8192

func (c *handshake) certificate() error {
	message, err := c.next(hello.MsgCertificate)
	if err != nil {
		return err
	}
	entries, err := hello.ParseCertificate13(message)
	if err != nil || len(entries) == 0 {
		return ErrUnsupported
	}
	chain := make([]*x509.Certificate, len(entries))
	for i, entry := range entries {
		if chain[i], err = c.client.parse(entry.DER); err != nil {
			return ErrUnsupported
		}
		if key, ok := chain[i].PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSABits {
			return ErrUnsupported
		}
	}
	c.state.Certificates = chain
	c.transcript.Write(message)
	return nil
}

// certificateVerify asks for the proof that the server has the key of its leaf
// (RFC 8446 section 4.4.3).
func (c *handshake) certificateVerify() error {
	message, err := c.next(hello.MsgCertificateVerify)
	if err != nil {
		return err
	}
	proof, err := hello.ParseCertificateVerify(message)
	if err != nil {
		return ErrUnsupported
	}
	scheme := schemeFor(proof.Scheme)
	if scheme == nil || !scheme.fits(c.state.Certificates[0].PublicKey) {
		return ErrUnsupported
	}
	signed := append(slices.Clone(signedPrefix), c.transcript.Sum(nil)...)
	if err := scheme.verify(c.state.Certificates[0].PublicKey, signed, proof.Signature); err != nil {
		return c.refuse(hello.DecryptError, &SignatureError{err})
	}
	c.transcript.Write(message)
	return nil
}

// finished asks for the proof that both sides saw the same handshake (RFC 8446
// section 4.4.4).
func (c *handshake) finished() error {
	message, err := c.next(hello.MsgFinished)
	if err != nil {
		return err
	}
	got, err := hello.ParseFinished(message)
	if err != nil || !c.records.clean() {
		return ErrUnsupported
	}
	want, err := c.suite.Finished(c.serverKey, c.transcript)
	if err != nil {
		return err
	}
	if !hmac.Equal(got, want) {
		return c.refuse(hello.DecryptError, ErrFinished)
	}
	c.transcript.Write(message)
	return nil
}

// finish ends the handshake and the conversation in one write: our Finished, and a
// close_notify (RFC 8446 section 6.1) under the keys of application data.
func (c *handshake) finish() error {
	verify, err1 := c.suite.Finished(c.clientKey, c.transcript)
	application, err2 := c.suite.Derive(c.master, "c ap traffic", c.transcript)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	first, err1 := c.suite.NewKeys(c.clientKey)
	then, err2 := c.suite.NewKeys(application)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	last := first.Seal(changeCipherSpec(), hello.TypeHandshake, hello.AppendFinished(nil, verify))
	last = then.Seal(last, hello.TypeAlert, []byte{alertLevelWarning, byte(hello.CloseNotify)})
	_, err := c.conn.Write(last)
	return err
}

// changeCipherSpec goes before the first protected record, for what lies between
// and knows TLS 1.2 alone (RFC 8446 appendix D.4).
func changeCipherSpec() []byte {
	return hello.AppendRecord(make([]byte, 0, 128), hello.TypeChangeCipherSpec, hello.TLS12, []byte{1})
}

// The levels of an alert. TLS 1.3 goes by the description alone (RFC 8446 section 6).
const (
	alertLevelWarning = 1
	alertLevelFatal   = 2
)

// refuse sends the server an alert and returns why.
func (c *handshake) refuse(alert hello.AlertDescription, why error) error {
	if keys, err := c.suite.NewKeys(c.clientKey); err == nil {
		c.conn.Write(keys.Seal(changeCipherSpec(), hello.TypeAlert, []byte{alertLevelFatal, byte(alert)}))
	}
	return why
}

// alerted reads an alert in the place of a ServerHello.
func (c *handshake) alerted() error {
	record, err := c.records.record()
	if err != nil {
		return err
	}
	if alert := record.Payload; len(alert) != 2 || alert[0] != alertLevelFatal && hello.AlertDescription(alert[1]) != hello.CloseNotify {
		return ErrUnsupported
	}
	return c.explain()
}
