package prober

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"slices"
	"time"

	"tls_exporter/prober/hello"
)

// client13 shakes hands in TLS 1.3 (RFC 8446) as most servers do with a client
// that has nothing to show: a ServerHello at once, no request for a certificate.
// It makes the offer that crypto/tls makes and asks of the answer what crypto/tls
// asks, for less (docs/scaling.md). Whatever is not as usual it leaves to
// crypto/tls: errBeyond. What it does not leave is what may be another thing on
// another connection, an end, a silence, an alert, a proof that fails: a second
// try must not cover that up.
type client13 struct {
	prober *Prober
	target *Target
	wire   *watchedConn
	offer  hello.Renewal // without the key shares
	shares *shares

	records records13
	*agreed13
}

// agreed13 is what comes of a ServerHello. While that is awaited there is none, for
// many may wait at once.
type agreed13 struct {
	suite        *suite13
	transcript   hash.Hash
	client       []byte // the traffic secrets of the handshake
	server       []byte
	master       []byte
	session      *Session
	certificates []*x509.Certificate
}

// shake13 shakes hands over conn; false: crypto/tls has to, over another
// connection. The caller's deadline stands on conn.
func (p *Prober) shake13(conn net.Conn, t *Target) (*handshake, bool) {
	c := &client13{prober: p, target: t, wire: &watchedConn{Conn: conn}}
	c.records.in = c.wire
	defer c.records.end()
	start := time.Now()
	err := c.shake()
	h := c.wire.steps(start, time.Now())
	if c.agreed13 != nil {
		h.session, h.certificates = c.session, c.certificates
	}
	h.conclude(err)
	return h, !errors.Is(err, errBeyond)
}

func (c *client13) shake() error {
	steps := []func() error{c.greet, c.serverHello, c.encryptedExtensions, c.certificate, c.certificateVerify, c.finished}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return c.part()
}

// greet sends the ClientHello.
func (c *client13) greet() error {
	c.offer = hello.Renewal{ServerName: sni(c.target.name()), Protocols: c.prober.module.protocols(c.target)}
	rand.Read(c.offer.Random[:])
	rand.Read(c.offer.SessionID[:])
	var err error
	if c.shares, err = c.prober.usual.source.fresh(); err != nil {
		return errBeyond // crypto/ecdh has no X25519 where FIPS 140 alone is allowed
	}
	c.records.borrow()
	defer c.records.end()
	record, err := c.hello()
	if err == nil {
		_, err = c.wire.Write(record)
	}
	return err
}

// hello is the ClientHello in its record. It is made anew for the transcript, and
// not held while a server is silent.
func (c *client13) hello() ([]byte, error) {
	template, s := c.prober.usual.template, c.records.scratch
	s.shares = c.shares.append(s.shares[:0])
	offer := c.offer
	offer.KeyShares = s.shares
	b := hello.AppendRecordHeader(s.hello[:0], hello.TypeHandshake, template.RecordVersion, 0)
	b = template.AppendRenewed(b, &offer)
	length := len(b) - recordHeader
	if b == nil || length > maxRecord {
		return nil, errBeyond // crypto/tls says what does not fit
	}
	b[recordHeader-2], b[recordHeader-1] = byte(length>>8), byte(length)
	s.hello = b
	return b, nil
}

// serverHello takes the answer, from which come the keys of all that follows.
func (c *client13) serverHello() error {
	if err := c.records.begin(); err != nil {
		return err
	}
	switch kind := c.records.first[0]; {
	case kind == hello.TypeAlert:
		return c.turnedAway()
	case kind != hello.TypeHandshake:
		return c.explain()
	}
	message, err := c.records.message()
	if err != nil {
		return err
	}
	h, err := hello.ParseServerHello(message)
	if err != nil || !c.usual(h) {
		return errBeyond
	}
	shared, ok := c.shares.agree(h.Group, h.KeyShare)
	if !ok || !c.records.clean() {
		return errBeyond
	}
	sent, err := c.hello()
	if err != nil {
		return err
	}
	suite := suite13For(uint16(h.CipherSuite))
	c.agreed13 = &agreed13{suite: suite, transcript: suite.hash()}
	c.session = &Session{Version: tls.VersionTLS13, CipherSuite: suite.id, Group: tls.CurveID(h.Group), ServerName: c.offer.ServerName}
	c.transcript.Write(sent[recordHeader:])
	c.transcript.Write(message)
	return c.schedule(shared)
}

// usual tells whether a ServerHello settles what was offered, in TLS 1.3 and with
// nothing else in it (RFC 8446 section 4.1.3).
func (c *client13) usual(h *hello.ServerHello) bool {
	return h.Version == hello.TLS13 && h.LegacyVersion == hello.TLS12 && !h.Retry && h.Compression == 0 && len(h.Extensions) == 2 && h.KeyShare != nil &&
		c.echoed(h.SessionID) && suite13For(uint16(h.CipherSuite)) != nil && slices.Contains(c.prober.usual.template.CipherSuites, h.CipherSuite)
}

func (c *client13) echoed(session []byte) bool {
	return bytes.Equal(session, c.offer.SessionID[:len(c.prober.usual.template.SessionID)])
}

// schedule derives what protects the handshake, and the master secret.
func (c *client13) schedule(shared []byte) error {
	handshake, err := c.suite.handshakeSecret(shared)
	if err != nil {
		return err
	}
	var err1, err2, err3, err4 error
	c.client, err1 = c.suite.derive(handshake, "c hs traffic", c.transcript)
	c.server, err2 = c.suite.derive(handshake, "s hs traffic", c.transcript)
	c.master, err3 = c.suite.masterSecret(handshake)
	c.records.keys, err4 = c.suite.newKeys(c.server)
	return errors.Join(err1, err2, err3, err4)
}

// next is the next message; one of another kind than wanted is left to crypto/tls,
// a request for a certificate too.
func (c *client13) next(want uint8) ([]byte, error) {
	message, err := c.records.message()
	if err == nil && message[0] != want {
		err = errBeyond
	}
	if isOp(err, "local error") {
		err = c.refuse(hello.BadRecordMAC, err)
	}
	return message, err
}

func (c *client13) encryptedExtensions() error {
	message, err := c.next(hello.MsgEncryptedExtensions)
	if err != nil {
		return err
	}
	e, err := hello.ParseEncryptedExtensions(message)
	if err != nil || e.Other || e.ALPN != "" && !slices.Contains(c.offer.Protocols, e.ALPN) {
		return errBeyond
	}
	c.session.ALPN = e.ALPN
	c.transcript.Write(message)
	return nil
}

// maxRSABits is the largest RSA key that a signature is verified with here.
const maxRSABits = 8192

func (c *client13) certificate() error {
	message, err := c.next(hello.MsgCertificate)
	if err != nil {
		return err
	}
	entries, err := hello.ParseCertificate13(message)
	if err != nil || len(entries) == 0 {
		return errBeyond
	}
	chain := make([]*x509.Certificate, len(entries))
	for i, entry := range entries {
		if chain[i], err = c.prober.verdicts.parse(entry.DER); err != nil {
			return errBeyond
		}
		if key, ok := chain[i].PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSABits {
			return errBeyond
		}
	}
	c.certificates = chain
	c.transcript.Write(message)
	return nil
}

// certificateVerify asks for the proof that the server has the key of its leaf
// (RFC 8446 section 4.4.3).
func (c *client13) certificateVerify() error {
	message, err := c.next(hello.MsgCertificateVerify)
	if err != nil {
		return err
	}
	proof, err := hello.ParseCertificateVerify(message)
	if err != nil {
		return errBeyond
	}
	scheme := scheme13For(proof.Scheme)
	if scheme == nil || !scheme.fits(c.certificates[0].PublicKey) {
		return errBeyond
	}
	signed := append(slices.Clone(signedPrefix), c.transcript.Sum(nil)...)
	if err := scheme.verify(c.certificates[0].PublicKey, signed, proof.Signature); err != nil {
		return c.refuse(hello.DecryptError, fmt.Errorf("tls: invalid signature by the server certificate: %w", err))
	}
	c.transcript.Write(message)
	return nil
}

// finished asks for the proof that both sides saw the same handshake (RFC 8446
// section 4.4.4).
func (c *client13) finished() error {
	message, err := c.next(hello.MsgFinished)
	if err != nil {
		return err
	}
	got, err := hello.ParseFinished(message)
	if err != nil || !c.records.clean() {
		return errBeyond
	}
	want, err := c.suite.finished(c.server, c.transcript)
	if err != nil {
		return err
	}
	if !hmac.Equal(got, want) {
		return c.refuse(hello.DecryptError, errors.New("tls: invalid server finished hash"))
	}
	c.transcript.Write(message)
	return nil
}

// part ends the handshake and the conversation in one go: our Finished, and a
// close_notify (RFC 8446 section 6.1) under the keys of application data.
func (c *client13) part() error {
	verify, err1 := c.suite.finished(c.client, c.transcript)
	application, err2 := c.suite.derive(c.master, "c ap traffic", c.transcript)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	first, err1 := c.suite.newKeys(c.client)
	then, err2 := c.suite.newKeys(application)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	last := first.seal(changeCipherSpec(), hello.TypeHandshake, hello.AppendFinished(nil, verify))
	last = then.seal(last, hello.TypeAlert, []byte{alertLevelWarning, byte(hello.CloseNotify)})
	_, err := c.wire.Write(last)
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

// refuse tells the server why its handshake is not taken, and returns that.
func (c *client13) refuse(alert hello.AlertDescription, why error) error {
	if keys, err := c.suite.newKeys(c.client); err == nil {
		c.wire.Write(keys.seal(changeCipherSpec(), hello.TypeAlert, []byte{alertLevelFatal, byte(alert)}))
	}
	return why
}

// localError is what crypto/tls says of a server that it sends an alert.
func localError(d hello.AlertDescription) error {
	return &net.OpError{Op: "local error", Err: tls.AlertError(d)}
}

// remoteAlert is what crypto/tls makes of a server's alert in TLS 1.3; nil: it
// means nothing.
func remoteAlert(d hello.AlertDescription) error {
	switch d {
	case hello.CloseNotify:
		return io.EOF
	case hello.UserCanceled: // as an old Java says it instead: RFC 8446 section 6.1 has it followed by a close_notify
		return nil
	}
	return &net.OpError{Op: "remote error", Err: tls.AlertError(d)}
}

// turnedAway takes an alert in the place of a ServerHello.
func (c *client13) turnedAway() error {
	record, err := c.records.record()
	if err != nil {
		return err
	}
	if alert := record.Payload; len(alert) != 2 || alert[0] != alertLevelFatal && hello.AlertDescription(alert[1]) != hello.CloseNotify {
		return errBeyond
	}
	return c.explain()
}

// explain has crypto/tls say what is wrong with an answer that is no ServerHello,
// over the same connection and in its own words.
func (c *client13) explain() error {
	said := &replay{Conn: c.wire, said: bytes.Clone(c.records.scratch.read)}
	if err := tls.Client(said, c.prober.configFor(c.target)).Handshake(); err != nil {
		return err
	}
	return errBeyond
}

// replay says once more what a server said to a hello, to who sends another one.
type replay struct {
	net.Conn
	said  []byte
	asked bool
}

func (r *replay) Write(b []byte) (int, error) {
	if !r.asked {
		r.asked = true
		return len(b), nil
	}
	return r.Conn.Write(b)
}

func (r *replay) Read(b []byte) (int, error) {
	if len(r.said) > 0 {
		n := copy(b, r.said)
		r.said = r.said[n:]
		return n, nil
	}
	return r.Conn.Read(b)
}
