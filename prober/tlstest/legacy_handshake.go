package tlstest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Alerts that raw.go has no use for (RFC 5246 section 7.2, RFC 7507 section 3).
const (
	warning                    = 1
	alertCloseNotify           = 0
	alertUnexpectedMessage     = 10
	alertBadRecordMAC          = 20
	alertRecordOverflow        = 22
	alertIllegalParameter      = 47
	alertDecodeError           = 50
	alertDecryptError          = 51
	alertProtocolVersion       = 70
	alertInternalError         = 80
	alertInappropriateFallback = 86
	alertNoRenegotiation       = 100
)

// alertEnding ends a connection with a fatal alert.
type alertEnding byte

func (a alertEnding) Error() string { return fmt.Sprintf("ended with alert %d", byte(a)) }

// Other ways to end a connection.
var (
	errClose   = errors.New("closed without a word")
	errReset   = errors.New("reset")
	errSilence = errors.New("left unanswered")
)

// legacySession is one connection to a responder.
type legacySession struct {
	*responder
	*wire

	pending []byte // of handshake messages

	// What the ClientHello came to.
	hello      *clientHello
	suite      legacySuite
	group      tls.CurveID
	deflate    bool
	random     []byte
	sessionID  []byte
	master     []byte
	ems        bool // extended master secret
	transcript []byte
	ephemeral  share
	asked      bool // for a certificate

	established                bool // hands were shaken once
	clientVerify, serverVerify []byte
}

// serve talks until either side has had enough.
func (s *legacySession) serve() {
	s.SetDeadline(time.Now().Add(patience))
	s.end(s.converse())
}

func (s *legacySession) end(err error) {
	var alerting alertEnding
	switch {
	case errors.As(err, &alerting):
		s.writeRecords(recordAlert, []byte{fatal, byte(alerting)})
		part(s.Conn)
	case errors.Is(err, errReset):
		reset(s.Conn)
	case errors.Is(err, errSilence):
		io.Copy(io.Discard, io.LimitReader(s.Conn, earful))
	case errors.Is(err, errBadRecord):
		s.end(alertEnding(alertBadRecordMAC))
	default:
		part(s.Conn)
	}
}

func (s *legacySession) converse() error {
	hello, err := s.firstHello()
	if err != nil {
		return err
	}
	if err := s.choose(hello); err != nil {
		if hello.ssl2 && slices.Contains(s.Versions, versionSSL20) {
			return s.serverHelloV2(hello)
		}
		return s.refusal(err)
	}
	if s.version == versionTLS13 {
		return s.serverHelloTLS13()
	}
	if err := s.shakeHands(); err != nil {
		return err
	}
	return s.listen()
}

// firstHello reads a ClientHello in either framing.
func (s *legacySession) firstHello() (*clientHello, error) {
	header := make([]byte, recordHeader)
	if _, err := io.ReadFull(s.Conn, header); err != nil {
		return nil, err
	}
	if header[0]&0x80 != 0 && header[2] == messageClientHelloV2 {
		length := int(binary.BigEndian.Uint16(header)) & maxClientHelloV2
		message := make([]byte, max(length, recordHeader-sizeOfRecordHeaderV2))
		already := copy(message, header[sizeOfRecordHeaderV2:])
		if _, err := io.ReadFull(s.Conn, message[already:]); err != nil {
			return nil, err
		}
		return decoded(parseClientHelloV2(message))
	}
	if header[0] != recordHandshake {
		return nil, errClose
	}
	_, payload, err := s.readRest(header)
	if err != nil {
		return nil, err
	}
	s.pending = payload
	message, err := s.next()
	if err != nil {
		return nil, err
	}
	if message[0] != messageClientHello {
		return nil, alertEnding(alertUnexpectedMessage)
	}
	return decoded(parseClientHello(message))
}

func decoded(hello *clientHello, err error) (*clientHello, error) {
	if err != nil {
		return nil, alertEnding(alertDecodeError)
	}
	return hello, nil
}

// refusal is how the server turns down a hello, of which err is the fitting alert.
func (s *legacySession) refusal(err error) error {
	switch s.Refusal {
	case RefuseHandshakeFailure:
		return alertEnding(alertHandshakeFailure)
	case RefuseProtocolVersion:
		return alertEnding(alertProtocolVersion)
	case RefuseByClosing:
		return errClose
	case RefuseByReset:
		return errReset
	case RefuseBySilence:
		return errSilence
	default:
		return err
	}
}

// choose settles on a version, a suite, a group and a compression.
func (s *legacySession) choose(hello *clientHello) error {
	version, newest := s.chooseVersion(hello)
	if version == 0 {
		return alertEnding(alertProtocolVersion)
	}
	if s.established && version != s.version {
		return alertEnding(alertProtocolVersion)
	}
	s.hello, s.version = hello, version
	if version < newest && slices.Contains(hello.suites, suiteFallback) && !s.IgnoresFallback {
		return alertEnding(alertInappropriateFallback)
	}
	if !slices.Contains(hello.compressions, compressionNull) {
		return alertEnding(alertIllegalParameter)
	}
	s.group = s.chooseGroup(hello)
	ours, theirs := s.suitesOf(version), hello.suites
	if s.ClientsChoice {
		ours, theirs = theirs, ours
	}
	at := slices.IndexFunc(ours, func(id uint16) bool { return slices.Contains(theirs, id) && s.able(id) })
	if at < 0 {
		return alertEnding(alertHandshakeFailure)
	}
	s.suite = legacySuites[ours[at]]
	s.deflate = s.Deflate && version < versionTLS13 && slices.Contains(hello.compressions, deflate)
	s.transcript = bytes.Clone(hello.raw)
	s.random = make([]byte, randomBytes)
	rand.Read(s.random)
	return nil
}

// chooseVersion is 0 if there is none in common. Newest is the server's own.
func (s *legacySession) chooseVersion(hello *clientHello) (version, newest uint16) {
	for _, v := range s.Versions {
		newest = max(newest, v)
		switch {
		case v == versionSSL20: // has no part in this: serverHelloV2
		case v == versionTLS13:
			if slices.Contains(hello.versions, v) {
				version = max(version, v)
			}
		case v <= hello.version:
			version = max(version, v)
		}
	}
	return version, newest
}

// chooseGroup is 0 if there is none in common. A client that names none takes any
// (RFC 8422 section 4).
func (s *legacySession) chooseGroup(hello *clientHello) tls.CurveID {
	if !hello.has(extensionGroups) {
		return s.Groups[0]
	}
	takes := func(group tls.CurveID) bool { return slices.Contains(hello.groups, uint16(group)) }
	if !s.ClientsChoice {
		if at := slices.IndexFunc(s.Groups, takes); at >= 0 {
			return s.Groups[at]
		}
		return 0
	}
	for _, group := range hello.groups {
		if slices.Contains(s.Groups, tls.CurveID(group)) {
			return tls.CurveID(group)
		}
	}
	return 0
}

// able says whether the server's key, the version and the group allow for a suite.
func (s *legacySession) able(id uint16) bool {
	suite, known := legacySuites[id]
	if !known || !suite.in(s.version) || suite.exchange.elliptic() && s.group == 0 {
		return false
	}
	switch _, elliptic := s.key.(*ecdsa.PrivateKey); suite.exchange {
	case exchangeDHAnon, exchangeDHAnonExport, exchangeECDHAnon, exchangeTLS13:
		return true
	case exchangeECDHEECDSA:
		return elliptic
	default:
		_, isRSA := s.key.(*rsa.PrivateKey)
		return isRSA
	}
}

// shakeHands goes from the ServerHello to the last Finished (RFC 5246 section 7.3).
func (s *legacySession) shakeHands() error {
	if session, known := s.resumable(); known {
		return s.resume(session)
	}
	if err := s.sendFlight(); err != nil {
		return err
	}
	if err := s.receiveKeys(); err != nil {
		return err
	}
	if err := s.receiveFinished(); err != nil {
		return err
	}
	if err := s.sendTicket(); err != nil {
		return err
	}
	s.remember(s.sessionID)
	s.established = true
	return s.sendFinished()
}

// sendFlight is from ServerHello to ServerHelloDone.
func (s *legacySession) sendFlight() error {
	if s.sessionID = nil; !s.NoSessionID {
		s.sessionID = make([]byte, sessionIDBytes)
		rand.Read(s.sessionID)
	}
	flight := s.serverHello()
	if !s.suite.exchange.anonymous() {
		flight = append(flight, certificateMessage(s.chain)...)
	}
	exchange, err := s.serverKeyExchange()
	if err != nil {
		return err
	}
	flight = append(flight, exchange...)
	if s.asked = s.AsksForCertificate && !s.suite.exchange.anonymous(); s.asked {
		flight = append(flight, certificateRequest(s.version)...)
	}
	flight = append(flight, handshakeMessage(messageServerHelloDone, nil)...)
	return s.say(flight)
}

// say sends handshake messages, in records as RecordBytes has it.
func (s *legacySession) say(messages []byte) error {
	s.transcript = append(s.transcript, messages...)
	if s.RecordBytes > 0 {
		return s.writePieces(recordHandshake, pieces(messages, s.RecordBytes))
	}
	var records [][]byte
	for r := (&reader{rest: messages}); len(r.rest) > 0; {
		whole := r.rest
		r.take(1) // its kind
		length := len(handshakeHeader(0, 0)) + len(r.vector(3))
		records = append(records, pieces(whole[:length], maxRecordPayload)...)
	}
	return s.writePieces(recordHandshake, records)
}

func (s *legacySession) serverHello() []byte {
	body := binary.BigEndian.AppendUint16(nil, s.version)
	body = append(body, s.random...)
	body = appendVector(body, 1, s.sessionID)
	body = binary.BigEndian.AppendUint16(body, s.suite.id)
	if s.deflate {
		body = append(body, deflate)
	} else {
		body = append(body, compressionNull)
	}
	if extensions := s.extensions(); len(extensions) > 0 {
		body = appendVector(body, 2, extensions)
	}
	return handshakeMessage(messageServerHello, body)
}

// extensions are answers alone: none goes to who did not ask.
func (s *legacySession) extensions() []byte {
	var b []byte
	if s.hello.secureRenegotiation() && !s.NoRenegotiationInfo {
		verify := append(bytes.Clone(s.clientVerify), s.serverVerify...)
		b = appendExtension(b, extensionRenegotiationInfo, appendVector(nil, 1, verify))
	}
	if s.version == versionSSL30 {
		return b
	}
	if s.hello.has(extensionPointFormats) && s.suite.exchange.elliptic() {
		b = appendExtension(b, extensionPointFormats, []byte{1, 0}) // uncompressed
	}
	if s.givesTicket() {
		b = appendExtension(b, extensionSessionTicket, nil)
	}
	if s.ems = s.hello.has(extensionExtendedMaster) && !s.NoExtendedMasterSecret; s.ems {
		b = appendExtension(b, extensionExtendedMaster, nil)
	}
	if s.heartbeats() {
		b = appendExtension(b, extensionHeartbeat, []byte{heartbeatPeerAllowedToSend})
	}
	if s.macsLast() {
		b = appendExtension(b, extensionEncryptThenMAC, nil)
	}
	return b
}

func (s *legacySession) givesTicket() bool {
	return s.Tickets != NoTickets && s.hello.has(extensionSessionTicket)
}

func (s *legacySession) heartbeats() bool {
	return s.Heartbeat != NoHeartbeat && s.hello != nil && s.hello.has(extensionHeartbeat)
}

func (s *legacySession) macsLast() bool {
	return s.EncryptThenMAC && s.suite.cbc && s.hello.has(extensionEncryptThenMAC)
}

func certificateMessage(chain [][]byte) []byte {
	var list []byte
	for _, certificate := range chain {
		list = appendVector(list, 3, certificate)
	}
	return handshakeMessage(messageCertificate, appendVector(nil, 3, list))
}

// certificateRequest asks for a certificate of anyone, with a key of RSA or ECDSA.
func certificateRequest(version uint16) []byte {
	const rsaSign, ecdsaSign = 1, 64
	body := appendVector(nil, 1, []byte{rsaSign, ecdsaSign})
	if version >= versionTLS12 {
		body = appendVector(body, 2, []byte{4, 1, 4, 3}) // SHA-256 with RSA and with ECDSA
	}
	return handshakeMessage(messageCertificateRequest, appendVector(body, 2, nil))
}

// serverKeyExchange is empty for suites that have none.
func (s *legacySession) serverKeyExchange() ([]byte, error) {
	var params []byte
	s.ephemeral = nil
	switch x := s.suite.exchange; {
	case x == exchangeRSA:
		return nil, nil
	case x == exchangeRSAExport:
		params = rsaParams(&s.export.PublicKey)
	case x.elliptic():
		s.ephemeral = newShare(s.group)
		params = ecdhParams(s.group, s.ephemeral)
	default:
		bits := s.PrimeBits
		if x.export() {
			bits = 512
		}
		half, err := newDHShare(bits)
		if err != nil {
			return nil, alertEnding(alertInternalError)
		}
		s.ephemeral, params = half, dhParams(half)
	}
	if s.suite.exchange.anonymous() {
		return handshakeMessage(messageServerKeyExchange, params), nil
	}
	randoms := append(bytes.Clone(s.hello.random), s.random...)
	signature, err := signParams(s.version, s.key, randoms, params)
	if err != nil {
		return nil, alertEnding(alertInternalError)
	}
	return handshakeMessage(messageServerKeyExchange, append(params, signature...)), nil
}

// receiveKeys takes the client's messages up to ClientKeyExchange, and makes the
// master secret.
func (s *legacySession) receiveKeys() error {
	message, err := s.next()
	if err != nil {
		return err
	}
	if message[0] == messageCertificate && s.asked {
		s.transcript = append(s.transcript, message...)
		if message, err = s.next(); err != nil {
			return err
		}
	}
	if message[0] != messageClientKeyExchange {
		return alertEnding(alertUnexpectedMessage)
	}
	s.transcript = append(s.transcript, message...)
	secret, err := s.agree(message[len(handshakeHeader(0, 0)):])
	if err != nil {
		return err
	}
	label, seed := "master secret", append(bytes.Clone(s.hello.random), s.random...)
	if s.ems {
		label, seed = "extended master secret", s.transcriptHash() // RFC 7627 section 4
	}
	s.master = s.prf(secret, label, seed, 48)
	return nil
}

// agree makes the premaster secret from a ClientKeyExchange.
func (s *legacySession) agree(body []byte) ([]byte, error) {
	r := &reader{rest: body}
	switch x := s.suite.exchange; {
	case x.encryptsPremaster() && s.version == versionSSL30:
		return s.premaster(body) // RFC 6101 section 5.6.7.1 has it without a length
	case x.encryptsPremaster():
		encrypted := r.vector(2)
		if r.failed {
			return nil, alertEnding(alertDecodeError)
		}
		return s.premaster(encrypted)
	default:
		size := 2
		if x.elliptic() {
			size = 1
		}
		secret, err := s.ephemeral.agree(r.vector(size))
		if r.failed || err != nil {
			return nil, alertEnding(alertIllegalParameter)
		}
		return secret, nil
	}
}

func (s *legacySession) prf(secret []byte, label string, seed []byte, size int) []byte {
	return prf(s.version, s.suite.prf(), secret, label, seed, size)
}

func (s *legacySession) transcriptHash() []byte {
	if s.version >= versionTLS12 {
		return digest(s.suite.prf(), s.transcript)
	}
	return append(digest(crypto.MD5, s.transcript), digest(crypto.SHA1, s.transcript)...)
}

// keys makes the protection of both directions (RFC 5246 section 6.3).
func (s *legacySession) keys(master []byte) (in, out *protection, err error) {
	b := s.suite.bulk
	if b.mode == modeNotDone || s.deflate || s.version == versionSSL30 {
		return &protection{}, nil, nil
	}
	mac, iv := s.suite.mac.Size(), 0
	switch {
	case b.mode == modeGCM:
		mac, iv = 0, 4 // RFC 5288 section 3
	case b.mode == modeCBC && s.version == versionTLS10:
		iv = b.size
	}
	seed := append(bytes.Clone(s.random), s.hello.random...)
	r := &reader{rest: s.prf(master, "key expansion", seed, 2*(mac+b.key+iv))}
	macs := [2][]byte{r.take(mac), r.take(mac)}
	keys := [2][]byte{r.take(b.key), r.take(b.key)}
	ivs := [2][]byte{r.take(iv), r.take(iv)}
	if in, err = protect(s.suite, s.version, s.macsLast(), macs[0], keys[0], ivs[0]); err != nil {
		return nil, nil, err
	}
	out, err = protect(s.suite, s.version, s.macsLast(), macs[1], keys[1], ivs[1])
	return in, out, err
}

// receiveFinished takes everything from ClientKeyExchange to the client's Finished.
func (s *legacySession) receiveFinished() error {
	if err := s.receiveCCS(); err != nil {
		return err
	}
	in, _, err := s.keys(s.master)
	if err != nil {
		return alertEnding(alertInternalError)
	}
	s.in = in
	message, err := s.next()
	if err != nil {
		return err
	}
	want := s.prf(s.master, "client finished", s.transcriptHash(), 12)
	if message[0] != messageFinished || !hmac.Equal(message[len(handshakeHeader(0, 0)):], want) {
		return alertEnding(alertDecryptError)
	}
	s.transcript = append(s.transcript, message...)
	s.clientVerify = want
	return nil
}

// receiveCCS waits for ChangeCipherSpec. What comes before it, a CertificateVerify,
// is believed.
func (s *legacySession) receiveCCS() error {
	for {
		kind, payload, err := s.readRecord()
		switch {
		case err != nil:
			return err
		case kind == recordChangeCipherSpec && len(s.pending) == 0:
			return nil
		case kind == recordHandshake && s.asked && len(s.pending)+len(payload) <= maxHandshakeMessage:
			s.pending = append(s.pending, payload...)
			message, whole := s.wholeMessage()
			if whole && message[0] != messageCertificateVerify {
				return alertEnding(alertUnexpectedMessage)
			}
			s.transcript = append(s.transcript, message...)
		case kind == recordAlert:
			return errClose
		default:
			return alertEnding(alertUnexpectedMessage)
		}
	}
}

func (s *legacySession) sendFinished() error {
	if err := s.writeRecords(recordChangeCipherSpec, []byte{1}); err != nil {
		return err
	}
	_, out, err := s.keys(s.master)
	if err != nil {
		return alertEnding(alertInternalError)
	}
	s.out = out
	s.serverVerify = s.prf(s.master, "server finished", s.transcriptHash(), 12)
	return s.say(handshakeMessage(messageFinished, s.serverVerify))
}

// next is the next handshake message, with its header. What else arrives in the
// meantime is dealt with here.
func (s *legacySession) next() ([]byte, error) {
	for {
		if message, whole := s.wholeMessage(); whole {
			return message, nil
		}
		kind, payload, err := s.readRecord()
		if err != nil {
			return nil, err
		}
		switch kind {
		case recordHandshake:
			if len(s.pending)+len(payload) > maxHandshakeMessage {
				return nil, alertEnding(alertIllegalParameter)
			}
			s.pending = append(s.pending, payload...)
		case recordHeartbeat:
			err = s.beat(payload)
		case recordChangeCipherSpec:
			err = s.earlyCCS()
		case recordAlert:
			err = s.heardAlert(payload)
		case recordApplicationData:
			if !s.established {
				err = alertEnding(alertUnexpectedMessage)
			}
		default:
			err = alertEnding(alertUnexpectedMessage)
		}
		if err != nil {
			return nil, err
		}
	}
}

func (s *legacySession) wholeMessage() (message []byte, whole bool) {
	header := len(handshakeHeader(0, 0))
	if len(s.pending) < header {
		return nil, false
	}
	r := &reader{rest: s.pending[1:]}
	length := header + r.number(3)
	if len(s.pending) < length {
		return nil, false
	}
	message, s.pending = s.pending[:length:length], s.pending[length:]
	return message, true
}

// heardAlert ends the conversation, but not at a warning.
func (s *legacySession) heardAlert(payload []byte) error {
	if len(payload) == 2 && payload[0] == warning && payload[1] != alertCloseNotify {
		return nil
	}
	if s.established {
		s.writeRecords(recordAlert, []byte{warning, alertCloseNotify})
	}
	return errClose
}

// earlyCCS is a ChangeCipherSpec before there are keys. OpenSSL up to 1.0.1g made
// keys from the empty master secret that it had (CVE-2014-0224).
func (s *legacySession) earlyCCS() error {
	if s.EarlyCCS != EarlyCCSTaken || s.hello == nil || s.established {
		return alertEnding(alertUnexpectedMessage)
	}
	in, _, err := s.keys(nil)
	if err != nil {
		return alertEnding(alertInternalError)
	}
	s.in = in
	return nil
}

// beat answers a heartbeat (RFC 6520 section 4).
func (s *legacySession) beat(payload []byte) error {
	const request, response, fixed, minPadding = 1, 2, 3, 16
	if !s.heartbeats() {
		return alertEnding(alertUnexpectedMessage)
	}
	if len(payload) < fixed || payload[0] != request {
		return nil
	}
	claimed := int(binary.BigEndian.Uint16(payload[1:]))
	content := payload[fixed:]
	if claimed+minPadding > len(content) {
		if s.Heartbeat != HeartbeatBleeds {
			return nil
		}
		content = append(content[:len(content):len(content)], memory(claimed)...)
	}
	answer := appendVector([]byte{response}, 2, content[:claimed])
	return s.writeRecords(recordHeartbeat, append(answer, noise(minPadding)...))
}

// memory is what wounded servers give away: made up, nobody's, and never the same.
func memory(size int) []byte {
	words := fmt.Sprintf("token=%s; memory=of-the-lab\r\n", rand.Text())
	return append([]byte(words), noise(size)...)[:size]
}

// listen is the time after the handshake.
func (s *legacySession) listen() error {
	for heard := 0; heard < earful; {
		message, err := s.next()
		if err != nil {
			return err
		}
		heard += len(message)
		if message[0] != messageClientHello {
			return alertEnding(alertUnexpectedMessage)
		}
		if err := s.renegotiate(message); err != nil {
			return err
		}
	}
	return errClose
}

func (s *legacySession) renegotiate(message []byte) error {
	switch s.Renegotiation {
	case RenegotiationFatal:
		return alertEnding(alertHandshakeFailure)
	case RenegotiationCloses:
		return errClose
	case RenegotiationIgnored:
		return nil
	case RenegotiationRefused:
		return s.writeRecords(recordAlert, []byte{warning, alertNoRenegotiation})
	}
	hello, err := decoded(parseClientHello(message))
	if err != nil {
		return err
	}
	if !s.NoRenegotiationInfo && !bytes.Equal(hello.extensions[extensionRenegotiationInfo], appendVector(nil, 1, s.clientVerify)) {
		return alertEnding(alertHandshakeFailure) // RFC 5746 section 3.7
	}
	if err := s.choose(hello); err != nil {
		return s.refusal(err)
	}
	return s.shakeHands()
}

// sessions are those that clients can come back to, by ticket or session ID.
type sessions struct {
	mu    sync.Mutex
	known map[string]resumable
}

type resumable struct {
	version uint16
	suite   uint16
	master  []byte
	ems     bool
}

const (
	maxSessions = 1024
	ticketBytes = 194 // the length that testssl.sh's own hello with a ticket is written for
	ticketLife  = 300 // seconds
)

// remember keeps the session under a name that is not empty.
func (s *legacySession) remember(name []byte) {
	if len(name) == 0 {
		return
	}
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	if s.sessions.known == nil || len(s.sessions.known) >= maxSessions {
		s.sessions.known = make(map[string]resumable)
	}
	s.sessions.known[string(name)] = resumable{s.version, s.suite.id, s.master, s.ems}
}

// resumable is the session that the client wants to come back to, if it can.
func (s *legacySession) resumable() (resumable, bool) {
	if s.established {
		return resumable{}, false
	}
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	name := s.hello.sessionID
	if ticket := s.hello.extensions[extensionSessionTicket]; s.Tickets != NoTickets && len(ticket) > 0 {
		name = ticket
	}
	session, known := s.sessions.known[string(name)]
	ems := s.hello.has(extensionExtendedMaster) && !s.NoExtendedMasterSecret
	fits := session.version == s.version && slices.Contains(s.hello.suites, session.suite) && session.ems == ems
	return session, known && fits
}

// resume takes a session up again (RFC 5246 section 7.3, RFC 5077 section 3.1).
func (s *legacySession) resume(session resumable) error {
	s.suite, s.master = legacySuites[session.suite], session.master
	s.sessionID = s.hello.sessionID
	if spare := sessionIDBytes - len(s.sessionID); s.Tickets == TicketsBleed && len(s.sessionID) > 0 {
		s.sessionID = append(s.sessionID, memory(spare)...)
	}
	if err := s.say(s.serverHello()); err != nil {
		return err
	}
	if err := s.sendTicket(); err != nil {
		return err
	}
	if err := s.sendFinished(); err != nil {
		return err
	}
	if err := s.receiveFinished(); err != nil {
		return err
	}
	s.established = true
	return nil
}

// sendTicket sends a NewSessionTicket (RFC 5077 section 3.3) where one was promised.
func (s *legacySession) sendTicket() error {
	if !s.givesTicket() {
		return nil
	}
	ticket := make([]byte, ticketBytes)
	rand.Read(ticket)
	s.remember(ticket)
	body := binary.BigEndian.AppendUint32(nil, ticketLife)
	return s.say(handshakeMessage(messageNewSessionTicket, appendVector(body, 2, ticket)))
}
