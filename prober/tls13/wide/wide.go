// Package wide is a TLS 1.3 client (RFC 8446) with the groups, cipher suites and
// signature schemes that crypto/tls does not have: FFDHE (RFC 7919), X448, brainpool
// curves (RFC 8734), ML-KEM without a curve, and AES-CCM. It shows the certificates of
// servers that accept nothing else, which TLS 1.3 encrypts.
//
// It is for servers with which the handshake of a probe has failed. It sends a
// close_notify and no other application data, and needs no secrecy: its arithmetic does
// not run in constant time.
package wide

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"net"
	"slices"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
)

// Suites are the cipher suites that this package has: those of RFC 8446 appendix B.4.
var Suites = []hello.CipherSuite{0x1301, 0x1302, 0x1303, 0x1304, 0x1305}

// Offer is what the ClientHello offers. It has no ALPN.
type Offer struct {
	ServerName string                  // sent as SNI; empty: none
	Ciphers    []hello.CipherSuite     // nil: Suites; others than these are ignored
	Groups     []hello.Group           // nil: Groups; others than these are ignored
	Schemes    []hello.SignatureScheme // nil: hello.Schemes
	Extra      []hello.Extension       // after all others
	Share      hello.Group             // the group that gets a key share; 0, or one that is not offered: none does
}

// State is what was negotiated and received. Fields of later messages are zero if the
// handshake ended before them.
type State struct {
	CipherSuite                hello.CipherSuite
	Group                      hello.Group
	HelloRetryRequest          bool
	ClientCertificateRequested bool
	Certificates               [][]byte // DER, as sent, at most 20
	Scheme                     hello.SignatureScheme
	Proof                      Proof
}

// Proof is whether the server has proved that it has the private key of its leaf (RFC
// 8446 section 4.4.3).
type Proof int

// The proofs. Unproved is also for keys and schemes that this package cannot verify.
const (
	Unproved Proof = iota
	Proved
	Refuted
)

// The errors of a handshake that ends early, beside those of the connection and of
// package hello. A hello.AlertError is an alert of the server.
var (
	ErrSignature  = errors.New("the server's CertificateVerify has an invalid signature") // RFC 8446 section 4.4.3
	ErrFinished   = errors.New("the server's Finished does not match the handshake")      // section 4.4.4
	errSelection  = errors.New("the server selected something that was not offered")
	errRecord     = errors.New("a record of the server fails authentication") // section 5.2
	errUnexpected = errors.New("the server sent an unexpected message")
)

// alerts are what the server is told about errors.
var alerts = []struct {
	reason error
	alert  hello.AlertDescription
}{
	{ErrSignature, hello.DecryptError}, {ErrFinished, hello.DecryptError}, {errRecord, hello.BadRecordMAC},
	{errUnexpected, hello.UnexpectedMessage}, {hello.ErrMalformed, hello.DecodeError},
}

// Handshake performs a handshake over conn, whose deadline the caller sets, and sends a
// close_notify. The state is nil until a ServerHello is accepted. With an error, it is
// what was learned before.
func Handshake(conn net.Conn, o Offer) (*State, error) {
	h := &handshake{conn: conn, in: newReader(conn)}
	if err := h.exchange(o); err != nil {
		return nil, err
	}
	err := h.receive()
	return &h.state, err
}

// handshake is one handshake.
type handshake struct {
	conn  net.Conn
	in    *reader
	first *hello.ClientHello
	sent  []byte // the ClientHello that was sent last, without its record
	share Share  // nil: none was sent

	suite        *keys.Suite
	transcript   hash.Hash
	clientSecret []byte // handshake traffic secrets (RFC 8446 section 7.1)
	serverSecret []byte
	masterSecret []byte
	state        State
}

// exchange sends the ClientHello, and once more if the server requests that, and derives
// the keys of the handshake.
func (h *handshake) exchange(o Offer) error {
	if err := h.sendFirst(o); err != nil {
		return err
	}
	answer, message, err := h.readServerHello()
	if err != nil {
		return err
	}
	h.suite = keys.FindAny(uint16(answer.CipherSuite))
	h.transcript = h.suite.Hash()
	if answer.Retry {
		if err := h.retry(answer, message); err != nil {
			return err
		}
		suite := answer.CipherSuite
		if answer, message, err = h.readServerHello(); err != nil {
			return err
		}
		if answer.Retry || answer.CipherSuite != suite { // RFC 8446 section 4.1.4
			return errUnexpected
		}
		h.state.HelloRetryRequest = true
	}
	if h.share == nil || answer.Group != h.share.Group() {
		return errSelection
	}
	shared, err := h.share.Agree(answer.KeyShare)
	if err != nil {
		return err
	}
	h.state.CipherSuite, h.state.Group = answer.CipherSuite, answer.Group
	h.transcript.Write(h.sent)
	h.transcript.Write(message)
	return h.deriveKeys(shared)
}

// sendFirst sends the first ClientHello.
func (h *handshake) sendFirst(o Offer) error {
	offered := hello.Offer{
		Versions: []hello.Version{hello.TLS13}, Ciphers: among(o.Ciphers, Suites), Groups: among(o.Groups, Groups),
		Schemes: o.Schemes, ServerName: o.ServerName, Extra: o.Extra,
	}
	if slices.Contains(offered.Groups, o.Share) {
		var err error
		if h.share, err = NewShare(o.Share); err != nil {
			return err
		}
		offered.KeyShares = []hello.KeyShare{{Group: o.Share, Data: h.share.Public()}}
	}
	h.first = offered.Hello()
	return h.send(h.first)
}

// among returns those of list that are in all; nil: all.
func among[T comparable](list, all []T) []T {
	if list == nil {
		return all
	}
	return slices.DeleteFunc(slices.Clone(list), func(one T) bool { return !slices.Contains(all, one) })
}

func (h *handshake) send(m *hello.ClientHello) (err error) {
	if h.sent, err = m.MarshalMessage(); err != nil {
		return err
	}
	records, err := m.Marshal()
	if err == nil {
		_, err = h.conn.Write(records)
	}
	return err
}

// readServerHello reads a ServerHello, or a HelloRetryRequest, that selects TLS 1.3 and a
// suite that was offered.
func (h *handshake) readServerHello() (*hello.ServerHello, []byte, error) {
	message, err := h.in.message()
	if err != nil {
		return nil, nil, err
	}
	answer, err := hello.ParseServerHello(message)
	if err != nil {
		return nil, nil, err
	}
	if answer.Version != hello.TLS13 || !slices.Contains(h.first.CipherSuites, answer.CipherSuite) || keys.FindAny(uint16(answer.CipherSuite)) == nil {
		return nil, nil, errSelection
	}
	if !h.in.atBoundary() { // RFC 8446 section 5.1
		return nil, nil, errUnexpected
	}
	return answer, message, nil
}

// retry answers a HelloRetryRequest (RFC 8446 section 4.1.4) with the same ClientHello
// and a key share of the group that the server selects.
func (h *handshake) retry(request *hello.ServerHello, message []byte) (err error) {
	if request.Group == 0 || h.share != nil && request.Group == h.share.Group() || !slices.Contains(h.groups(), request.Group) {
		return errSelection
	}
	if h.share, err = NewShare(request.Group); err != nil {
		return err
	}
	digest := h.suite.Hash()
	digest.Write(h.sent)
	const messageHash = 254 // stands for the first ClientHello: RFC 8446 section 4.4.1
	h.transcript.Write([]byte{messageHash, 0, 0, byte(digest.Size())})
	h.transcript.Write(digest.Sum(nil))
	h.transcript.Write(message)

	second := *h.first
	second.RecordVersion = hello.TLS12
	second.Extensions = slices.Clone(second.Extensions)
	shares := hello.KeyShares(hello.KeyShare{Group: request.Group, Data: h.share.Public()})
	for i, e := range second.Extensions {
		if e.Type == shares.Type {
			second.Extensions[i] = shares
		}
	}
	if cookie := request.Cookie(); cookie != nil {
		second.Extensions = append(second.Extensions, hello.Cookie(cookie))
	}
	return h.send(&second)
}

// groups returns the groups that were offered.
func (h *handshake) groups() []hello.Group {
	const supportedGroups = 10
	data, _ := h.first.Extension(supportedGroups)
	var all []hello.Group
	for i := 2; i+1 < len(data); i += 2 {
		all = append(all, hello.Group(binary.BigEndian.Uint16(data[i:])))
	}
	return all
}

// deriveKeys derives the keys of the handshake and the master secret (RFC 8446 section
// 7.1).
func (h *handshake) deriveKeys(shared []byte) error {
	secret, err := h.suite.HandshakeSecret(shared)
	if err != nil {
		return err
	}
	var err1, err2, err3, err4 error
	h.clientSecret, err1 = h.suite.Derive(secret, "c hs traffic", h.transcript)
	h.serverSecret, err2 = h.suite.Derive(secret, "s hs traffic", h.transcript)
	h.masterSecret, err3 = h.suite.MasterSecret(secret)
	h.in.keys, err4 = h.suite.NewKeys(h.serverSecret)
	return errors.Join(err1, err2, err3, err4)
}

// receive reads the protected messages of the server (RFC 8446 section 2), and ends the
// handshake.
func (h *handshake) receive() error {
	for _, step := range []func() error{h.readEncryptedExtensions, h.readCertificate, h.readCertificateVerify, h.readFinished} {
		if err := step(); err != nil {
			h.abort(err)
			return err
		}
	}
	return h.finish()
}

// next reads a message of a type.
func (h *handshake) next(kind byte) ([]byte, error) {
	message, err := h.in.message()
	if err == nil && message[0] != kind {
		err = fmt.Errorf("a message of type %d instead of %d: %w", message[0], kind, errUnexpected)
	}
	return message, err
}

// readEncryptedExtensions skips the message: nothing that it answers was offered.
func (h *handshake) readEncryptedExtensions() error {
	message, err := h.next(hello.MsgEncryptedExtensions)
	h.transcript.Write(message)
	return err
}

const msgCertificateRequest = 13

// readCertificate reads the chain, and before it the request for a client certificate,
// if there is one.
func (h *handshake) readCertificate() error {
	message, err := h.in.message()
	if err == nil && message[0] == msgCertificateRequest {
		h.state.ClientCertificateRequested = true
		h.transcript.Write(message)
		message, err = h.in.message()
	}
	if err != nil {
		return err
	}
	h.transcript.Write(message)
	entries, err := hello.ParseCertificate13(message)
	for _, entry := range entries {
		h.state.Certificates = append(h.state.Certificates, bytes.Clone(entry.DER))
	}
	return err
}

// readCertificateVerify verifies that the server has the private key of its leaf (RFC
// 8446 section 4.4.3), if that key is of a kind that this package can verify.
func (h *handshake) readCertificateVerify() error {
	message, err := h.next(hello.MsgCertificateVerify)
	if err != nil {
		return err
	}
	verify, err := hello.ParseCertificateVerify(message)
	if err != nil {
		return err
	}
	h.state.Scheme = verify.Scheme
	if len(h.state.Certificates) > 0 {
		h.state.Proof, err = verifySignature(h.state.Certificates[0], verify.Scheme, h.transcript.Sum(nil), verify.Signature)
	}
	h.transcript.Write(message)
	return err
}

// readFinished verifies that both sides saw the same handshake (RFC 8446 section 4.4.4).
func (h *handshake) readFinished() error {
	message, err := h.next(hello.MsgFinished)
	if err != nil {
		return err
	}
	got, err := hello.ParseFinished(message)
	if err != nil {
		return err
	}
	want, err := h.suite.Finished(h.serverSecret, h.transcript)
	if err == nil && !hmac.Equal(got, want) {
		err = ErrFinished
	}
	h.transcript.Write(message)
	return err
}

// finish sends an empty Certificate if one was requested, the client's Finished, and a
// close_notify with the keys of application data (RFC 8446 sections 4.4.2, 4.4.4 and 6.1).
func (h *handshake) finish() error {
	application, err1 := h.suite.Derive(h.masterSecret, "c ap traffic", h.transcript)
	handshakeKeys, err2 := h.suite.NewKeys(h.clientSecret)
	applicationKeys, err3 := h.suite.NewKeys(application)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	records := changeCipherSpec()
	if h.state.ClientCertificateRequested {
		none := []byte{hello.MsgCertificate, 0, 0, 4, 0, 0, 0, 0}
		h.transcript.Write(none)
		records = handshakeKeys.Seal(records, hello.TypeHandshake, none)
	}
	verify, err := h.suite.Finished(h.clientSecret, h.transcript)
	if err != nil {
		return err
	}
	records = handshakeKeys.Seal(records, hello.TypeHandshake, hello.AppendFinished(nil, verify))
	records = applicationKeys.Seal(records, hello.TypeAlert, []byte{1, byte(hello.CloseNotify)})
	h.conn.Write(records) // everything is known by now
	return nil
}

// changeCipherSpec returns the record that comes before the first protected one, for
// middleboxes that know only TLS 1.2 (RFC 8446 appendix D.4).
func changeCipherSpec() []byte {
	return hello.AppendRecord(nil, hello.TypeChangeCipherSpec, hello.TLS12, []byte{1})
}

// abort sends the alert that belongs to an error of this client.
func (h *handshake) abort(reason error) {
	for _, known := range alerts {
		if errors.Is(reason, known.reason) {
			if keys, err := h.suite.NewKeys(h.clientSecret); err == nil {
				h.conn.Write(keys.Seal(changeCipherSpec(), hello.TypeAlert, []byte{2, byte(known.alert)}))
			}
			return
		}
	}
}
