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

// Options configures the check resumption, which finds how a server resumes sessions.
type Options struct {
	// Every is how old the finding may become; 0: an hour. It is made again before
	// that.
	Every option.Duration `yaml:"every" key:"-"`
}

// MaxAge is how old a finding may become.
func (o Options) MaxAge() time.Duration { return cmp.Or(time.Duration(o.Every), check.DefaultMaxAge) }

// Finding is the finding of the check resumption.
type Finding struct {
	Methods  []Answer      // those with an answer
	Duration time.Duration // of a handshake that resumed a session, from the ClientHello to Finished, by the newest method that worked; 0: none did
}

// Answer tells whether the server resumes sessions by one method.
type Answer struct {
	Method    string
	Supported bool
}

// The methods of resumption.
const (
	// SessionID is for TLS 1.2 and below: the server stores the session (RFC 5246 section 7.3).
	SessionID = "session_id"
	// Ticket is for TLS 1.2 and below: the client stores the session (RFC 5077).
	Ticket = "ticket"
	// PSK is for TLS 1.3 (RFC 8446 section 2.2).
	PSK = "psk"
	// EarlyData is 0-RTT in TLS 1.3: the tickets that the server resumes allow early
	// data (RFC 8446 section 4.6.1). None is sent, and a server may still reject it.
	EarlyData = "early_data"
)

// Size is how many bytes the finding takes.
func (r Finding) Size() int { return 24*len(r.Methods) + 8 }

// Find makes sessions and tries to resume them. A method is not supported if the server
// refuses the versions that it needs.
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

// scanner makes one finding.
type scanner struct {
	*endpoint.Endpoint
	*scan.Client
	found *Finding
}

// report adds an answer for each of the methods.
func (s *scanner) report(supported bool, methods ...string) {
	for _, method := range methods {
		s.found.Methods = append(s.found.Methods, Answer{method, supported})
	}
}

// handshake makes a session and closes the connection. In TLS 1.3 the session comes after
// the handshake, into the cache; nil: nobody needs it.
func (s *scanner) handshake(ctx context.Context, cache *handshake.OneSession, adjust func(*tls.Config)) (*handshake.Recorded, error) {
	limited, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	t, err := s.Endpoint.Handshake(limited, adjust)
	if err == nil {
		if cache != nil && t.ConnectionState().Version == tls.VersionTLS13 {
			t.AwaitSession(cache)
		}
		t.Finish()
	}
	return t, err
}

// refused tells whether the server refuses a version and those below it, with the
// usual suites and with the others. Then there is no session to resume.
func (s *scanner) refused(ctx context.Context, v hello.Version) bool {
	for _, o := range append([]hello.Offer{{Version: v}}, hello.FurtherOffers(v)...) {
		message, err := s.Marshal(o)
		if err != nil {
			return false
		}
		flight, err := s.Offer(ctx, message, hello.UntilHello)
		answer := scan.AnswerOf(flight, err)
		if answer == scan.Accepted && v == hello.TLS13 && flight.Hello.Version < v {
			return true
		}
		if answer != scan.Refused || !scan.IsHandshakeFailure(err) {
			return answer == scan.Refused
		}
	}
	return true
}

// bySessionID sends the session ID of a ServerHello back, in the same hello as before. A
// server that resumes the session answers with the same ID, and sends no certificate (RFC
// 5246 section 7.3).
func (s *scanner) bySessionID(ctx context.Context) error {
	t, err := s.handshake(ctx, nil, func(c *tls.Config) { c.MaxVersion, c.SessionTicketsDisabled = tls.VersionTLS12, true })
	if err != nil {
		if s.refused(ctx, hello.TLS12) {
			s.report(false, SessionID)
		}
		return err
	}
	first, err := t.ServerHello()
	if err != nil {
		return err
	}
	if len(first.SessionID) == 0 {
		s.report(false, SessionID)
		return nil
	}
	again, err := t.ClientHello()
	if err != nil {
		return err
	}
	again.SessionID = first.SessionID
	message, err := again.Marshal()
	if err != nil {
		return err
	}
	flight, err := s.Offer(ctx, message, hello.UntilDone)
	if scan.AnswerOf(flight, err) == scan.Accepted {
		s.report(bytes.Equal(flight.Hello.SessionID, first.SessionID) && !flight.Done, SessionID)
		return nil
	}
	return err
}

// byTicket resumes a session of TLS 1.2 or below.
func (s *scanner) byTicket(ctx context.Context) error {
	cache := new(handshake.OneSession)
	adjust := func(c *tls.Config) { c.MaxVersion, c.ClientSessionCache = tls.VersionTLS12, cache }
	if _, err := s.handshake(ctx, cache, adjust); err != nil {
		if s.refused(ctx, hello.TLS12) {
			s.report(false, Ticket)
		}
		return err
	}
	if cache.State == nil {
		s.report(false, Ticket)
		return nil
	}
	_, err := s.resume(ctx, adjust, Ticket)
	return err
}

// byPSK resumes a session of TLS 1.3. A server may send a ticket at any time after the
// handshake, until its close_notify. Without a ticket and without a close_notify,
// nothing is known.
func (s *scanner) byPSK(ctx context.Context) error {
	cache := new(handshake.OneSession)
	adjust := func(c *tls.Config) {
		c.MinVersion, c.MaxVersion, c.ClientSessionCache = tls.VersionTLS13, tls.VersionTLS13, cache
	}
	t, err := s.handshake(ctx, cache, adjust)
	if err != nil {
		if s.refused(ctx, hello.TLS13) {
			s.report(false, PSK, EarlyData)
		}
		return err
	}
	after, err := t.AfterHandshake()
	if cache.State == nil {
		if after.CloseNotify {
			s.report(false, PSK, EarlyData)
		}
		return err
	}
	resumed, err := s.resume(ctx, adjust, PSK)
	if err != nil {
		return err
	}
	if !resumed || after.Tickets > 0 {
		s.report(resumed && after.EarlyData > 0, EarlyData)
	}
	return nil
}

// resume makes a handshake with a cached session, and reports whether the server
// resumed that.
func (s *scanner) resume(ctx context.Context, adjust func(*tls.Config), method string) (bool, error) {
	t, err := s.handshake(ctx, nil, adjust)
	if err != nil {
		return false, err
	}
	resumed := t.ConnectionState().DidResume
	if resumed {
		s.found.Duration = t.Duration()
	}
	s.report(resumed, method)
	return resumed, nil
}
