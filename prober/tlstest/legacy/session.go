package legacy

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"time"

	"tls_exporter/prober/tlstest/internal/wire"
)

// alertError ends a connection with a fatal alert.
type alertError byte

func (a alertError) Error() string { return fmt.Sprintf("fatal alert %d", byte(a)) }

// Other ways to end a connection.
var (
	errClose   = errors.New("closed without an alert")
	errReset   = errors.New("reset")
	errSilence = errors.New("left unanswered")
)

// session is one connection to a responder.
type session struct {
	*responder
	*recordConn

	pending []byte // unread bytes of handshake messages

	// What was negotiated for hello.
	hello                *clientHello
	suite                cipherSuite
	group                tls.CurveID
	prime                *big.Int // of DHE; nil: no such suite may be selected
	deflate              bool
	random               []byte
	sessionID            []byte
	master               []byte
	extendedMaster       bool // extended master secret
	transcript           []byte
	ephemeral            share
	certificateRequested bool

	established                bool // a handshake was completed
	clientVerify, serverVerify []byte
}

// run serves the connection until either side ends it.
func (s *session) run() {
	s.SetDeadline(time.Now().Add(wire.Timeout))
	s.end(s.respond())
}

// end ends the connection as err says.
func (s *session) end(err error) {
	var alert alertError
	switch {
	case errors.As(err, &alert):
		s.writeRecords(wire.RecordAlert, []byte{wire.Fatal, byte(alert)})
		wire.Finish(s.Conn)
	case errors.Is(err, errReset):
		wire.Reset(s.Conn)
	case errors.Is(err, errSilence):
		wire.Drain(s.Conn)
	case errors.Is(err, errBadRecord):
		s.end(alertError(wire.AlertBadRecordMAC))
	default:
		wire.Finish(s.Conn)
	}
}

func (s *session) respond() error {
	hello, err := s.readClientHello()
	if err != nil {
		return err
	}
	if err := s.negotiate(hello); err != nil {
		if hello.ssl2 && slices.Contains(s.Versions, wire.VersionSSL20) {
			return s.sendServerHelloV2(hello)
		}
		return s.refusal(err)
	}
	if s.version == tls.VersionTLS13 {
		return s.sendServerHelloTLS13()
	}
	if err := s.handshake(); err != nil {
		return err
	}
	return s.readUntilClose()
}

// readClientHello reads the first ClientHello, in a TLS record or in the SSL 2.0
// format.
func (s *session) readClientHello() (*clientHello, error) {
	header := make([]byte, wire.RecordHeaderSize)
	if _, err := io.ReadFull(s.Conn, header); err != nil {
		return nil, err
	}
	if header[0]&0x80 != 0 && header[2] == messageClientHelloV2 {
		return s.readClientHelloV2(header)
	}
	if header[0] != wire.RecordHandshake {
		return nil, errClose
	}
	_, payload, err := s.readPayload(header)
	if err != nil {
		return nil, err
	}
	s.pending = payload
	return s.nextClientHello()
}

// nextClientHello reads a message that must be a ClientHello.
func (s *session) nextClientHello() (*clientHello, error) {
	message, err := s.nextMessage()
	if err != nil {
		return nil, err
	}
	if message[0] != wire.MessageClientHello {
		return nil, alertError(wire.AlertUnexpectedMessage)
	}
	return decoded(parseClientHello(message))
}

// decoded turns a parse error into the alert decode_error.
func decoded(hello *clientHello, err error) (*clientHello, error) {
	if err != nil {
		return nil, alertError(wire.AlertDecodeError)
	}
	return hello, nil
}

// nextMessage returns the next handshake message with its header. It handles
// the records of other types that precede it.
func (s *session) nextMessage() ([]byte, error) {
	for {
		message, rest, ok := wire.SplitMessage(s.pending)
		if s.pending = rest; ok {
			return message, nil
		}
		kind, payload, err := s.readRecord()
		if err != nil {
			return nil, err
		}
		switch kind {
		case wire.RecordHandshake:
			if len(s.pending)+len(payload) > maxHandshakeMessage {
				return nil, alertError(wire.AlertIllegalParameter)
			}
			s.pending = append(s.pending, payload...)
		case wire.RecordHeartbeat:
			err = s.answerHeartbeat(payload)
		case wire.RecordChangeCipherSpec:
			err = s.handleEarlyCCS()
		case wire.RecordAlert:
			err = s.handleAlert(payload)
		case wire.RecordApplicationData:
			if !s.established {
				err = alertError(wire.AlertUnexpectedMessage)
			}
		default:
			err = alertError(wire.AlertUnexpectedMessage)
		}
		if err != nil {
			return nil, err
		}
	}
}

// handleAlert ends the connection, except after a warning other than
// close_notify.
func (s *session) handleAlert(payload []byte) error {
	if len(payload) == 2 && payload[0] == wire.Warning && payload[1] != wire.AlertCloseNotify {
		return nil
	}
	if s.established {
		s.writeRecords(wire.RecordAlert, []byte{wire.Warning, wire.AlertCloseNotify})
	}
	return errClose
}

// handleEarlyCCS handles a ChangeCipherSpec before the key exchange. OpenSSL up
// to 1.0.1g derived keys from the empty master secret (CVE-2014-0224).
func (s *session) handleEarlyCCS() error {
	if s.EarlyCCS != EarlyCCSAccepted || s.hello == nil || s.established {
		return alertError(wire.AlertUnexpectedMessage)
	}
	in, _, err := s.keys(nil)
	if err != nil {
		return alertError(wire.AlertInternalError)
	}
	s.in = in
	return nil
}

// answerHeartbeat answers a heartbeat (RFC 6520 section 4).
func (s *session) answerHeartbeat(payload []byte) error {
	const request, response, fixed, minPadding = 1, 2, 3, 16
	if !s.usesHeartbeat() {
		return alertError(wire.AlertUnexpectedMessage)
	}
	if len(payload) < fixed || payload[0] != request {
		return nil
	}
	claimed := int(binary.BigEndian.Uint16(payload[1:]))
	content := payload[fixed:]
	if claimed+minPadding > len(content) {
		if s.Heartbeat != HeartbeatVulnerable {
			return nil
		}
		content = append(content[:len(content):len(content)], leakedMemory(claimed)...)
	}
	answer := wire.AppendVector([]byte{response}, 2, content[:claimed])
	return s.writeRecords(wire.RecordHeartbeat, append(answer, wire.Filler(minPadding)...))
}

// leakedMemory is what vulnerable servers disclose. It is made up, and different
// each time.
func leakedMemory(size int) []byte {
	text := fmt.Sprintf("token=%s; memory=of-the-lab\r\n", rand.Text())
	return append([]byte(text), wire.Filler(size)...)[:size]
}

// readUntilClose serves the session after the handshake.
func (s *session) readUntilClose() error {
	for n := 0; n < wire.MaxInput; {
		message, err := s.nextMessage()
		if err != nil {
			return err
		}
		n += len(message)
		if message[0] != wire.MessageClientHello {
			return alertError(wire.AlertUnexpectedMessage)
		}
		if err := s.renegotiate(message); err != nil {
			return err
		}
	}
	return errClose
}

func (s *session) renegotiate(message []byte) error {
	switch s.Renegotiation {
	case RenegotiationFatal:
		return alertError(wire.AlertHandshakeFailure)
	case RenegotiationClosed:
		return errClose
	case RenegotiationIgnored:
		return nil
	case RenegotiationRefused:
		return s.writeRecords(wire.RecordAlert, []byte{wire.Warning, wire.AlertNoRenegotiation})
	}
	hello, err := decoded(parseClientHello(message))
	if err != nil {
		return err
	}
	if s.RefusesSecondALPN && hello.has(extensionALPN) {
		return alertError(wire.AlertIllegalParameter)
	}
	if !s.NoRenegotiationInfo && !bytes.Equal(hello.extensions[extensionRenegotiationInfo], wire.AppendVector(nil, 1, s.clientVerify)) {
		return alertError(wire.AlertHandshakeFailure) // RFC 5746 section 3.7
	}
	if err := s.negotiate(hello); err != nil {
		return s.refusal(err)
	}
	return s.handshake()
}
