package prober

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"time"

	"tls_exporter/prober/hello"
)

// ResumptionOptions asks how a session can be taken up again.
type ResumptionOptions struct {
	// Every is how old the finding may become; 0: scanAge.
	Every Duration `yaml:"every"`
}

// MaxAge is how old a finding may become.
func (o ResumptionOptions) MaxAge() time.Duration { return cmp.Or(time.Duration(o.Every), scanAge) }

// Key is what else the finding depends on.
func (o ResumptionOptions) Key() string { return "" }

// Resumption is the finding of the check resumption.
type Resumption struct {
	Methods  []ResumptionAnswer // those that were answered
	Duration time.Duration      // of the handshake that took a session up again, from the ClientHello to Finished, with the newest method that did; 0: none did
}

// ResumptionAnswer is whether the server takes a session up again by one method.
type ResumptionAnswer struct {
	Method    string
	Supported bool
}

// The methods of resumption.
const (
	// ResumeBySessionID: TLS 1.2 and below, where the server keeps the session (RFC 5246 section 7.3).
	ResumeBySessionID = "session_id"
	// ResumeByTicket: TLS 1.2 and below, where the client does (RFC 5077).
	ResumeByTicket = "ticket"
	// ResumeByPSK: TLS 1.3 (RFC 8446 section 2.2).
	ResumeByPSK = "psk"
	// EarlyData: tickets that the server takes back allow for data before the
	// handshake, 0-RTT (RFC 8446 section 4.6.1). None is sent: a server may still
	// turn it down.
	EarlyData = "early_data"
)

// Size is how many bytes the finding takes.
func (r Resumption) Size() int { return 24*len(r.Methods) + 8 }

// Find takes up sessions that it has just begun. A method that needs
// versions which the server refuses is not supported.
func (o ResumptionOptions) Find(ctx context.Context, e *endpoint) (*Resumption, error) {
	s := &resumptionScan{endpoint: e, scanClient: e.Scan(), found: new(Resumption)}
	var errs [3]error
	errs[0] = s.bySessionID(ctx)
	errs[1] = s.byTicket(ctx)
	errs[2] = s.byPSK(ctx)
	if len(s.found.Methods) == 0 {
		return nil, cmp.Or(errs[2], errs[1], errs[0], errSilent)
	}
	return s.found, nil
}

type resumptionScan struct {
	*endpoint
	*scanClient
	found *Resumption
}

func (s *resumptionScan) tell(supported bool, methods ...string) {
	for _, method := range methods {
		s.found.Methods = append(s.found.Methods, ResumptionAnswer{method, supported})
	}
}

// begin shakes hands with a server and parts from it.
func (s *resumptionScan) begin(ctx context.Context, adjust func(*tls.Config)) (*overheard, error) {
	limited, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	t, err := s.endpoint.Handshake(limited, adjust)
	if err == nil {
		t.finish()
	}
	return t, err
}

// refused tells whether the server says no to a version and those below it, with
// the usual suites and with the others, and so has nothing of it to take up again.
func (s *resumptionScan) refused(ctx context.Context, v hello.Version) bool {
	for _, suites := range [][]hello.CipherSuite{nil, hello.RareSuites(v)} {
		message, err := s.Marshal(hello.Offer{Version: v, Ciphers: suites})
		if err != nil {
			return false
		}
		flight, err := s.Offer(ctx, message, hello.UntilHello)
		a := answerOf(flight, err)
		if a == saidYes && v == hello.TLS13 && flight.Hello.Version < v {
			return true
		}
		if a != saidNo || !isHandshakeFailure(err) {
			return a == saidNo
		}
	}
	return true
}

// bySessionID asks with a raw hello for the session that was stored under the ID
// of a ServerHello: a server that takes it up says the same ID.
func (s *resumptionScan) bySessionID(ctx context.Context) error {
	t, err := s.begin(ctx, func(c *tls.Config) { c.MaxVersion, c.SessionTicketsDisabled = tls.VersionTLS12, true })
	if err != nil {
		if s.refused(ctx, hello.TLS12) {
			s.tell(false, ResumeBySessionID)
		}
		return err
	}
	first, err := t.serverHello()
	if err != nil {
		return err
	}
	if len(first.SessionID) == 0 {
		s.tell(false, ResumeBySessionID)
		return nil
	}
	message, err := hello.Offer{Version: first.Version, Ciphers: []hello.CipherSuite{first.CipherSuite},
		SessionID: first.SessionID, ServerName: s.ServerName, ALPN: s.Protocols()}.Hello().Marshal()
	if err != nil {
		return err
	}
	flight, err := s.Offer(ctx, message, hello.UntilHello)
	if answerOf(flight, err) == saidYes {
		s.tell(bytes.Equal(flight.Hello.SessionID, first.SessionID), ResumeBySessionID)
	}
	return err
}

// byTicket takes a session of TLS 1.2 or below up again.
func (s *resumptionScan) byTicket(ctx context.Context) error {
	cache := new(oneSession)
	adjust := func(c *tls.Config) { c.MaxVersion, c.ClientSessionCache = tls.VersionTLS12, cache }
	if _, err := s.begin(ctx, adjust); err != nil {
		if s.refused(ctx, hello.TLS12) {
			s.tell(false, ResumeByTicket)
		}
		return err
	}
	if cache.state == nil {
		s.tell(false, ResumeByTicket)
		return nil
	}
	_, err := s.again(ctx, adjust, ResumeByTicket)
	return err
}

// byPSK takes a session of TLS 1.3 up again. Servers send the tickets for it when
// they like; one that has said goodbye sends no more. One that has neither sent a
// ticket nor said goodbye may have been about to.
func (s *resumptionScan) byPSK(ctx context.Context) error {
	cache := new(oneSession)
	adjust := func(c *tls.Config) {
		c.MinVersion, c.MaxVersion, c.ClientSessionCache = tls.VersionTLS13, tls.VersionTLS13, cache
	}
	t, err := s.begin(ctx, adjust)
	if err != nil {
		if s.refused(ctx, hello.TLS13) {
			s.tell(false, ResumeByPSK, EarlyData)
		}
		return err
	}
	after, err := t.after13()
	if cache.state == nil {
		if after.goodbye {
			s.tell(false, ResumeByPSK, EarlyData)
		}
		return err
	}
	resumed, again := s.again(ctx, adjust, ResumeByPSK)
	if again != nil {
		return again
	}
	if !resumed || after.tickets > 0 {
		s.tell(resumed && after.earlyData > 0, EarlyData)
	}
	return err
}

// again shakes hands as before, with a session to take up, and tells whether the
// server did.
func (s *resumptionScan) again(ctx context.Context, adjust func(*tls.Config), method string) (bool, error) {
	t, err := s.begin(ctx, adjust)
	if err != nil {
		return false, err
	}
	resumed := t.ConnectionState().DidResume
	if resumed {
		s.found.Duration = t.took()
	}
	s.tell(resumed, method)
	return resumed, nil
}
