package legacy

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"tls_exporter/prober/tlstest/internal/wire"
)

// sessionCache holds sessions by ticket or session ID.
type sessionCache struct {
	mu       sync.Mutex
	sessions map[string]cachedSession
}

type cachedSession struct {
	version        uint16
	suite          uint16
	master         []byte
	extendedMaster bool
	offered        string // what ComparesHello compares
}

const (
	maxSessions    = 1024
	ticketSize     = 194 // bytes; the ClientHello with a ticket of testssl.sh expects this length
	ticketLifetime = 300 // seconds
)

// put stores a session. It empties a full cache first.
func (c *sessionCache) put(key []byte, session cachedSession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions == nil || len(c.sessions) >= maxSessions {
		c.sessions = make(map[string]cachedSession)
	}
	c.sessions[string(key)] = session
}

func (c *sessionCache) get(key []byte) (session cachedSession, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	session, ok = c.sessions[string(key)]
	return session, ok
}

// cache stores the session under a ticket or session ID, unless that is empty.
func (s *session) cache(key []byte) {
	if len(key) > 0 {
		s.sessions.put(key, cachedSession{s.version, s.suite.id, s.master, s.extendedMaster, s.hello.compared()})
	}
}

// resumable returns the session that the client wants to resume, if it is
// cached and fits the ClientHello.
func (s *session) resumable() (session cachedSession, ok bool) {
	if s.established {
		return cachedSession{}, false
	}
	key := s.hello.sessionID
	if ticket := s.hello.extensions[extensionSessionTicket]; s.Tickets != NoTickets && len(ticket) > 0 {
		key = ticket
	}
	session, ok = s.sessions.get(key)
	fits := session.version == s.version && slices.Contains(s.hello.suites, session.suite) && session.extendedMaster == s.supportsExtendedMaster()
	if s.ComparesHello && session.offered != s.hello.compared() {
		return cachedSession{}, false
	}
	return session, ok && fits
}

// compared is the suites, groups and signature algorithms of a ClientHello.
func (h *clientHello) compared() string {
	return fmt.Sprintf("%x %x %x", h.suites, h.extensions[extensionGroups], h.extensions[extensionSignatureAlgorithms])
}

// resume completes an abbreviated handshake (RFC 5246 section 7.3, RFC 5077
// section 3.1).
func (s *session) resume(session cachedSession) error {
	s.suite, s.master = knownSuites[session.suite], session.master
	s.sessionID = s.hello.sessionID
	if spare := sessionIDBytes - len(s.sessionID); s.Tickets == TicketsVulnerable && len(s.sessionID) > 0 {
		s.sessionID = append(s.sessionID, leakedMemory(spare)...)
	}
	if err := s.sendMessages(s.serverHello()); err != nil {
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

// sendTicket sends a NewSessionTicket (RFC 5077 section 3.3) if the ServerHello
// announced one.
func (s *session) sendTicket() error {
	if !s.usesTickets() {
		return nil
	}
	ticket := make([]byte, ticketSize)
	rand.Read(ticket)
	s.cache(ticket)
	body := binary.BigEndian.AppendUint32(nil, ticketLifetime)
	return s.sendMessages(wire.Message(wire.MessageNewSessionTicket, wire.AppendVector(body, 2, ticket)))
}
