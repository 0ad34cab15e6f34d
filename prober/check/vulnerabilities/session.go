package vulnerabilities

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// insideSession asks the two questions that need a completed handshake. Both share a
// session with one of sessionSuites. If the server accepts none of these, there are no
// answers.
func (s *scanner) insideSession(ctx context.Context) {
	if s.Done() {
		return
	}
	limited, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	connect := func(cache *handshake.OneSession) (*handshake.Recorded, error) {
		return s.Endpoint.Handshake(limited, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.CipherSuites, c.ClientSessionCache = tls.VersionTLS10, tls.VersionTLS12, sessionSuites(), cache
			c.NextProtos = slices.DeleteFunc(slices.Clone(c.NextProtos), func(name string) bool { return name == "h2" }) // HTTP/2 prohibits renegotiation (RFC 9113 section 9.2.1)
		})
	}
	cache := new(handshake.OneSession)
	t, err := connect(cache)
	if err != nil {
		return
	}
	s.clientRenegotiation(t, func() (*handshake.Recorded, error) { return connect(new(handshake.OneSession)) })
	t.Abort()
	s.ticketbleed(ctx, t, cache.State)
}

// clientRenegotiation starts a second handshake inside the session, with the hello of the
// first. A server that answers with a ServerHello renegotiates as often as a client likes
// (CVE-2011-1473). Other servers send an alert, close the connection, or do nothing until
// the close_notify, which comes only after they had the time to answer. A closed connection is
// an answer only if the server does not close sessions by itself.
func (s *scanner) clientRenegotiation(t *handshake.Recorded, connect func() (*handshake.Recorded, error)) {
	session, err := newSession12(t)
	if err != nil {
		return
	}
	message, err := s.secondHello(t)
	if err != nil {
		return
	}
	if _, err := t.Raw().Write(session.seal(hello.TypeHandshake, message)); err != nil {
		return
	}
	answers := s.answersOf(t.Raw(), session.seal(hello.TypeAlert, []byte{1, byte(hello.CloseNotify)}), renegotiationPatience)
	session.in = io.MultiReader(bytes.NewReader(session.after), io.LimitReader(answers, maxSessionBytes))
	answer, err := session.next()
	ended := err != nil && scan.Ended(err) || err == nil && answer.Type == hello.TypeAlert && hello.AlertDescription(answer.Payload[1]) == hello.CloseNotify
	if ended && !answers.said && endsByItself(connect) {
		return
	}
	switch {
	case ended && answers.said:
		s.report(ClientRenegotiation, false, "it did not answer when the client started a renegotiation")
	case err != nil && scan.Ended(err):
		s.report(ClientRenegotiation, false, "it closed the connection when the client started a renegotiation")
	case err != nil:
	case answer.Type == hello.TypeAlert:
		s.report(ClientRenegotiation, false, "it refused to renegotiate, with the alert "+hello.AlertDescription(answer.Payload[1]).String())
	default:
		s.report(ClientRenegotiation, true, "it renegotiated when the client started that")
	}
}

// renegotiationPatience is how long a server has to answer, which takes it a signature.
const renegotiationPatience = 3 * time.Second

// secondHello is the ClientHello of a session for another handshake inside it. If the
// server supports RFC 5746, it has the client's Finished (RFC 5929 section 3).
func (s *scanner) secondHello(t *handshake.Recorded) ([]byte, error) {
	h, err := t.ClientHello()
	if err != nil {
		return nil, err
	}
	h.SessionID = nil
	h.CipherSuites = slices.DeleteFunc(h.CipherSuites, func(id hello.CipherSuite) bool { return id == hello.EmptyRenegotiationInfoSCSV })
	info := hello.RenegotiationInfo(t.ConnectionState().TLSUnique)
	alpn := hello.ALPN().Type // NSS accepts it in the first handshake alone
	h.Extensions = slices.DeleteFunc(h.Extensions, func(e hello.Extension) bool { return e.Type == info.Type || e.Type == alpn })
	if _, secure := s.serverHello.RenegotiationInfo(); secure {
		h.Extensions = append(h.Extensions, info)
	}
	return h.MarshalMessage()
}

// endsByItself tells whether the server ends a session in which nothing is sent, or
// starts none.
func endsByItself(connect func() (*handshake.Recorded, error)) bool {
	t, err := connect()
	if err != nil {
		return true
	}
	defer t.Abort()
	if t.Raw().SetReadDeadline(time.Now().Add(sessionPatience+4*t.Duration())) != nil {
		return true
	}
	buffer := make([]byte, handshake.FinalReadSize)
	for range handshake.MaxFinalReads {
		if _, err := t.Read(buffer); err != nil {
			return !errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
	return true
}

// sessionPatience, plus four times the duration of the handshake, is how long a session
// without data has to last. Otherwise the server ends sessions by itself.
const sessionPatience = 200 * time.Millisecond

// next returns the first record that answers a ClientHello: an alert or a ServerHello.
// Application data and HelloRequest are skipped.
func (s *session12) next() (hello.Record, error) {
	const helloRequest, serverHello = 0, 2
	for range maxReactions {
		record, err := hello.ReadRecord(s.in)
		if err != nil {
			return record, err
		}
		if record.Payload, err = s.open(record); err != nil {
			return record, err
		}
		switch {
		case record.Type == hello.TypeAlert && len(record.Payload) == 2:
			return record, nil
		case record.Type == hello.TypeHandshake && len(record.Payload) > 0 && record.Payload[0] == serverHello:
			return record, nil
		case record.Type == hello.TypeHandshake && len(record.Payload) > 0 && record.Payload[0] == helloRequest:
		case record.Type == hello.TypeApplicationData:
		default:
			return record, fmt.Errorf("%w: a record of type %d after the handshake", hello.ErrMalformed, record.Type)
		}
	}
	return hello.Record{}, errTooManyRecords
}

// ticketbleed resumes a session with its first hello, a ticket and a session ID of one
// byte. A server that accepts the ticket has to answer with the same ID (RFC 5077 section
// 3.4). A vulnerable one answers with 32 bytes, of which 31 are memory (CVE-2016-9244; the
// method of filippo.io/Ticketbleed with a shorter ID). Only their number is looked at.
func (s *scanner) ticketbleed(ctx context.Context, t *handshake.Recorded, session *tls.ClientSessionState) {
	if session == nil {
		return
	}
	ticket, _, err := session.ResumptionState()
	if err != nil || len(ticket) == 0 {
		return
	}
	id := []byte{0xA5}
	h, err := t.ClientHello()
	if err != nil {
		return
	}
	extension := hello.SessionTicket(ticket)
	h.SessionID = id
	h.Extensions = append(slices.DeleteFunc(h.Extensions, func(e hello.Extension) bool { return e.Type == extension.Type }), extension)
	message, err := h.Marshal()
	if err != nil {
		return
	}
	resumed, answer := s.open(ctx, message, hello.UntilHello)
	resumed.Close()
	if answer != scan.Accepted {
		return
	}
	switch answered := resumed.Flight.Hello.SessionID; {
	case bytes.Equal(answered, id):
		s.report(Ticketbleed, false, "it answered a ticket with the same session ID")
	case bytes.HasPrefix(answered, id):
		s.report(Ticketbleed, true, fmt.Sprintf("it answered a session ID of 1 byte with one of %d bytes", len(answered)))
	}
}
