package vulnerabilities

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// insideSession is for what can only be asked once hands are shaken: both
// questions share a session, of a suite whose records we can write ourselves.
// Where the server takes none such, nothing is said.
func (s *scanner) insideSession(ctx context.Context) {
	if s.silent >= maxUnanswered {
		return
	}
	limited, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	cache := new(handshake.OneSession)
	begin := func() (*handshake.Recorded, error) {
		return s.Endpoint.Handshake(limited, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.CipherSuites, c.ClientSessionCache = tls.VersionTLS10, tls.VersionTLS12, sessionSuites(), cache
			c.NextProtos = slices.DeleteFunc(slices.Clone(c.NextProtos), func(name string) bool { return name == "h2" }) // which forbids it (RFC 9113 section 9.2.1)
		})
	}
	t, err := begin()
	if err != nil {
		return
	}
	s.clientRenegotiation(t, begin)
	t.Abort()
	s.ticketbleed(ctx, t, cache.State)
}

// clientRenegotiation begins a second handshake inside the first. A server that
// answers with its hello shakes hands as often as a client likes (CVE-2011-1473);
// one that does not says so, hangs up, or is silent until our goodbye. Hanging up
// is an answer only of a server that does not do so by itself.
func (s *scanner) clientRenegotiation(t *handshake.Recorded, begin func() (*handshake.Recorded, error)) {
	session, err := newSession12(t)
	if err != nil {
		return
	}
	offer := hello.Offer{Version: session.version, ServerName: s.ServerName, NoRenegotiationInfo: true}
	if _, secure := s.answered.RenegotiationInfo(); secure {
		offer.Extra = append(offer.Extra, hello.RenegotiationInfo(t.ConnectionState().TLSUnique)) // the client's Finished (RFC 5929 section 3)
	}
	message, err := offer.Hello().MarshalMessage()
	if err != nil {
		return
	}
	records := session.seal(hello.TypeHandshake, message)
	records = append(records, session.seal(hello.TypeAlert, []byte{1, byte(hello.CloseNotify)})...)
	if _, err := t.Raw().Write(records); err != nil {
		return
	}
	answer, err := session.next()
	ended := err != nil && scan.Ended(err) || err == nil && answer.Type == hello.TypeAlert && hello.AlertDescription(answer.Payload[1]) == hello.CloseNotify
	if ended && endsByItself(begin) {
		return
	}
	switch {
	case err != nil && scan.Ended(err):
		s.tell(ClientRenegotiation, false, "it hung up on a client that wanted to shake hands again")
	case err != nil:
	case answer.Type == hello.TypeAlert:
		s.tell(ClientRenegotiation, false, "it refused to shake hands again: "+hello.AlertDescription(answer.Payload[1]).String())
	default:
		s.tell(ClientRenegotiation, true, "it shook hands again at a client's wish")
	}
}

// endsByItself tells whether a server ends a session in which nothing is asked of
// it, or begins none.
func endsByItself(begin func() (*handshake.Recorded, error)) bool {
	t, err := begin()
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

// sessionPatience, and four times what the handshake took, is how long a session
// has to last for its server to be one that does not end sessions by itself.
const sessionPatience = 200 * time.Millisecond

// next is the first record that is an answer to a hello: an alert, or a
// ServerHello. Data, and a wish of its own to shake hands, are none.
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
	return hello.Record{}, errTalkativeServer
}

// ticketbleed comes back with a ticket and a session ID of one byte. RFC 5077
// section 3.4 has a server that takes the ticket say the same ID; a wounded one
// says 32 bytes, of which 31 are memory (CVE-2016-9244; the method of
// filippo.io/Ticketbleed with a shorter ID). They are counted and dropped.
func (s *scanner) ticketbleed(ctx context.Context, t *handshake.Recorded, session *tls.ClientSessionState) {
	if session == nil {
		return
	}
	ticket, _, err := session.ResumptionState()
	if err != nil || len(ticket) == 0 {
		return
	}
	id := []byte{0xA5}
	state := t.ConnectionState()
	back, a := s.ask(ctx, hello.Offer{Version: hello.Version(state.Version), Ciphers: []hello.CipherSuite{hello.CipherSuite(state.CipherSuite)}, SessionID: id, SessionTicket: ticket}, hello.UntilHello)
	if a != scan.Accepted {
		return
	}
	switch said := back.flight.Hello.SessionID; {
	case bytes.Equal(said, id):
		s.tell(Ticketbleed, false, "it took a ticket back and left the session ID as it was")
	case bytes.HasPrefix(said, id):
		s.tell(Ticketbleed, true, fmt.Sprintf("it made a session ID of 1 byte one of %d", len(said)))
	}
}
