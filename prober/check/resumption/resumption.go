// Package resumption finds how a session with a server can be resumed.
package resumption

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"time"

	"tls_exporter/prober/check"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/scan"
)

// Options asks how a session can be taken up again.
type Options struct {
	// Every is how old the finding may become; 0: scanAge.
	Every option.Duration `yaml:"every"`
}

// MaxAge is how old a finding may become.
func (o Options) MaxAge() time.Duration { return cmp.Or(time.Duration(o.Every), check.DefaultMaxAge) }

// Key is what else the finding depends on.
func (o Options) Key() string { return "" }

// Finding is the finding of the check resumption.
type Finding struct {
	Methods  []Answer      // those that were answered
	Duration time.Duration // of the handshake that took a session up again, from the ClientHello to Finished, with the newest method that did; 0: none did
}

// Answer is whether the server takes a session up again by one method.
type Answer struct {
	Method    string
	Supported bool
}

// The methods of resumption.
const (
	// ResumeBySessionID: TLS 1.2 and below, where the server keeps the session (RFC 5246 section 7.3).
	SessionID = "session_id"
	// ResumeByTicket: TLS 1.2 and below, where the client does (RFC 5077).
	Ticket = "ticket"
	// ResumeByPSK: TLS 1.3 (RFC 8446 section 2.2).
	PSK = "psk"
	// EarlyData: tickets that the server takes back allow for data before the
	// handshake, 0-RTT (RFC 8446 section 4.6.1). None is sent: a server may still
	// turn it down.
	EarlyData = "early_data"
)

// Size is how many bytes the finding takes.
func (r Finding) Size() int { return 24*len(r.Methods) + 8 }

// Find takes up sessions that it has just begun. A method that needs
// versions which the server refuses is not supported.
func (o Options) Find(ctx context.Context, e *endpoint.Endpoint) (*Finding, error) {
	s := &scanner{Endpoint: e, Client: e.Scan(), found: new(Finding)}
	var errs [3]error
	errs[0] = s.bySessionID(ctx)
	errs[1] = s.byTicket(ctx)
	errs[2] = s.byPSK(ctx)
	if len(s.found.Methods) == 0 {
		return nil, cmp.Or(errs[2], errs[1], errs[0], scan.ErrNoAnswer)
	}
	return s.found, nil
}

type scanner struct {
	*endpoint.Endpoint
	*scan.Client
	found *Finding
}

func (s *scanner) tell(supported bool, methods ...string) {
	for _, method := range methods {
		s.found.Methods = append(s.found.Methods, Answer{method, supported})
	}
}

// begin shakes hands with a server and parts from it.
func (s *scanner) begin(ctx context.Context, adjust func(*tls.Config)) (*handshake.Recorded, error) {
	limited, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	t, err := s.Endpoint.Handshake(limited, adjust)
	if err == nil {
		t.Finish()
	}
	return t, err
}

// refused tells whether the server says no to a version and those below it, with
// the usual suites and with the others, and so has nothing of it to take up again.
func (s *scanner) refused(ctx context.Context, v hello.Version) bool {
	for _, suites := range [][]hello.CipherSuite{nil, hello.RareSuites(v)} {
		message, err := s.Marshal(hello.Offer{Version: v, Ciphers: suites})
		if err != nil {
			return false
		}
		flight, err := s.Offer(ctx, message, hello.UntilHello)
		a := scan.AnswerOf(flight, err)
		if a == scan.Accepted && v == hello.TLS13 && flight.Hello.Version < v {
			return true
		}
		if a != scan.Refused || !scan.IsHandshakeFailure(err) {
			return a == scan.Refused
		}
	}
	return true
}

// bySessionID asks with a raw hello for the session that was stored under the ID
// of a ServerHello: a server that takes it up says the same ID.
func (s *scanner) bySessionID(ctx context.Context) error {
	t, err := s.begin(ctx, func(c *tls.Config) { c.MaxVersion, c.SessionTicketsDisabled = tls.VersionTLS12, true })
	if err != nil {
		if s.refused(ctx, hello.TLS12) {
			s.tell(false, SessionID)
		}
		return err
	}
	first, err := t.ServerHello()
	if err != nil {
		return err
	}
	if len(first.SessionID) == 0 {
		s.tell(false, SessionID)
		return nil
	}
	message, err := hello.Offer{Version: first.Version, Ciphers: []hello.CipherSuite{first.CipherSuite},
		SessionID: first.SessionID, ServerName: s.ServerName, ALPN: s.Protocols()}.Hello().Marshal()
	if err != nil {
		return err
	}
	flight, err := s.Offer(ctx, message, hello.UntilHello)
	if scan.AnswerOf(flight, err) == scan.Accepted {
		s.tell(bytes.Equal(flight.Hello.SessionID, first.SessionID), SessionID)
	}
	return err
}

// byTicket takes a session of TLS 1.2 or below up again.
func (s *scanner) byTicket(ctx context.Context) error {
	cache := new(handshake.OneSession)
	adjust := func(c *tls.Config) { c.MaxVersion, c.ClientSessionCache = tls.VersionTLS12, cache }
	if _, err := s.begin(ctx, adjust); err != nil {
		if s.refused(ctx, hello.TLS12) {
			s.tell(false, Ticket)
		}
		return err
	}
	if cache.State == nil {
		s.tell(false, Ticket)
		return nil
	}
	_, err := s.again(ctx, adjust, Ticket)
	return err
}

// byPSK takes a session of TLS 1.3 up again. Servers send the tickets for it when
// they like; one that has said goodbye sends no more. One that has neither sent a
// ticket nor said goodbye may have been about to.
func (s *scanner) byPSK(ctx context.Context) error {
	cache := new(handshake.OneSession)
	adjust := func(c *tls.Config) {
		c.MinVersion, c.MaxVersion, c.ClientSessionCache = tls.VersionTLS13, tls.VersionTLS13, cache
	}
	t, err := s.begin(ctx, adjust)
	if err != nil {
		if s.refused(ctx, hello.TLS13) {
			s.tell(false, PSK, EarlyData)
		}
		return err
	}
	after, err := t.AfterHandshake()
	if cache.State == nil {
		if after.CloseNotify {
			s.tell(false, PSK, EarlyData)
		}
		return err
	}
	resumed, again := s.again(ctx, adjust, PSK)
	if again != nil {
		return again
	}
	if !resumed || after.Tickets > 0 {
		s.tell(resumed && after.EarlyData > 0, EarlyData)
	}
	return err
}

// again shakes hands as before, with a session to take up, and tells whether the
// server did.
func (s *scanner) again(ctx context.Context, adjust func(*tls.Config), method string) (bool, error) {
	t, err := s.begin(ctx, adjust)
	if err != nil {
		return false, err
	}
	resumed := t.ConnectionState().DidResume
	if resumed {
		s.found.Duration = t.Duration()
	}
	s.tell(resumed, method)
	return resumed, nil
}
