// Package vulnerabilities tests a server for known vulnerabilities, each by a method
// that does it no harm.
package vulnerabilities

import (
	"cmp"
	"context"
	"errors"
	"net"
	"time"

	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/scan"
)

// Options looks for old wounds, each by a method that does the
// server no harm.
type Options struct {
	// Every is how old the finding may become; 0: a day.
	Every option.Duration `yaml:"every"`
}

// MaxAge is how old a finding may become.
func (o Options) MaxAge() time.Duration {
	return cmp.Or(time.Duration(o.Every), 24*time.Hour)
}

// Key is what else the finding depends on.
func (o Options) Key() string { return "" }

// Finding is the finding of the check vulnerabilities: those questions
// that were answered.
type Finding struct {
	Answers []Answer // in the order of VulnerabilityNames
}

// Answer is whether the server has one wound.
type Answer struct {
	Name       Name
	Vulnerable bool
	Saw        string // what the server did, for people
}

// Size is how many bytes the finding takes.
func (v Finding) Size() int {
	size := 0
	for _, a := range v.Answers {
		size += 48 + len(a.Saw)
	}
	return size
}

// Name is a weakness by the name that people know it by.
type Name string

// The vulnerabilities, and what each says of a server. All but DROWN and POODLE
// are of SSL 3.0 to TLS 1.2: a server that takes none of these has none of them.
const (
	// Heartbleed: heartbeats are answered with memory (CVE-2014-0160).
	Heartbleed Name = "heartbleed"
	// CCSInjection: ChangeCipherSpec is taken before there are keys (CVE-2014-0224).
	CCSInjection Name = "ccs_injection"
	// Ticketbleed: session IDs are filled up from memory (CVE-2016-9244).
	Ticketbleed Name = "ticketbleed"
	// ROBOT: answers tell whether an encrypted secret is padded well (Böck,
	// Somorovsky and Young, Return Of Bleichenbacher's Oracle Threat, 2018).
	ROBOT Name = "robot"
	// InsecureRenegotiation: RFC 5746 is not known (CVE-2009-3555).
	InsecureRenegotiation Name = "insecure_renegotiation"
	// ClientRenegotiation: hands are shaken again at a client's wish, which costs
	// the server more than the client (CVE-2011-1473).
	ClientRenegotiation Name = "client_renegotiation"
	// Compression: TLS compresses, which CRIME listens to (CVE-2012-4929).
	Compression Name = "compression"
	// NoFallbackSCSV: TLS_FALLBACK_SCSV is not heeded (RFC 7507).
	NoFallbackSCSV Name = "no_fallback_scsv"
	// NoExtendedMasterSecret: RFC 7627 is not known, so sessions are not bound to
	// their handshake (triple handshake, CVE-2014-1295).
	NoExtendedMasterSecret Name = "no_extended_master_secret"
	// POODLE: SSL 3.0 is taken with a suite of CBC (CVE-2014-3566).
	POODLE Name = "poodle"
	// DROWN: SSL 2.0 is taken (CVE-2016-0800). This is about the server alone, and
	// not about others that have the same key.
	DROWN Name = "drown"
	// FREAK: RSA keys of 512 bits for export are taken (CVE-2015-0204).
	FREAK Name = "freak"
	// Logjam: DHE for export is taken, or a prime of 1024 bits or fewer is sent, which
	// is within reach of a state (CVE-2015-4000, weakdh.org).
	Logjam Name = "logjam"
	// Sweet32: ciphers with blocks of 64 bits are taken (CVE-2016-2183).
	Sweet32 Name = "sweet32"
	// RC4: it is taken (RFC 7465, CVE-2015-2808).
	RC4 Name = "rc4"
)

// Names is all of them.
var Names = []Name{
	Heartbleed, CCSInjection, Ticketbleed, ROBOT, InsecureRenegotiation, ClientRenegotiation, Compression,
	NoFallbackSCSV, NoExtendedMasterSecret, POODLE, DROWN, FREAK, Logjam, Sweet32, RC4,
}

// Find asks one question after the other, each over a connection of
// its own, the ones that servers dislike most at the end. What follows from one
// ordinary hello is asked with that.
func (o Options) Find(ctx context.Context, e *endpoint.Endpoint) (*Finding, error) {
	s := newScanner(e)
	if err := s.firstHello(ctx); err != nil {
		return nil, err
	}
	s.poodle(ctx)
	s.drown(ctx)
	if s.answered == nil {
		s.noneOfTLS13()
		return s.finding()
	}
	s.plain()
	s.weakSuites(ctx)
	s.fallback(ctx)
	s.earlyCCS(ctx)
	s.insideSession(ctx)
	s.robot(ctx)
	return s.finding()
}

// scanner is one look for all vulnerabilities.
type scanner struct {
	*endpoint.Endpoint
	*scan.Client
	answers  map[Name]Answer
	highest  hello.Version      // that is offered
	answered *hello.ServerHello // to the greeting; nil: the server takes nothing up to TLS 1.2
	control  []byte             // a hello that the server answered with one
	ssl3     scan.Answer        // to SSL 3.0
	prime    int                // the shortest that came with DHE, in bits; 0: none came
	silent   int                // questions in a row that were not answered
	abrupt   bool               // it hangs up on some
}

func newScanner(e *endpoint.Endpoint) *scanner {
	return &scanner{Endpoint: e, Client: e.Scan(), answers: make(map[Name]Answer)}
}

// maxUnanswered is how many questions in a row may go unanswered before no more are
// asked: the server has had enough of us, or is gone.
const maxUnanswered = 2

func (s *scanner) tell(v Name, vulnerable bool, saw string) {
	s.answers[v] = Answer{v, vulnerable, saw}
}

func (s *scanner) finding() (*Finding, error) {
	found := new(Finding)
	for _, v := range Names {
		if a, told := s.answers[v]; told {
			found.Answers = append(found.Answers, a)
		}
	}
	if len(found.Answers) == 0 {
		return nil, scan.ErrNoAnswer
	}
	return found, nil
}

// noneOfTLS13 says that a server is not vulnerable which takes only TLS 1.3.
func (s *scanner) noneOfTLS13() {
	if s.ssl3 != scan.Refused {
		return
	}
	for _, v := range Names {
		if v != DROWN && v != POODLE {
			s.tell(v, false, "it takes no version of TLS that has this")
		}
	}
}

// firstHello says hello as a client of TLS 1.2 does that knows all there is. It asks
// servers that choke on the version as a client of TLS 1.0, and those that want
// what nobody uses with that. It fails if nothing was answered.
func (s *scanner) firstHello(ctx context.Context) error {
	var err error
	for _, o := range []hello.Offer{
		{Version: hello.TLS12},
		{Version: hello.TLS10},
		{Version: hello.TLS12, Ciphers: hello.RareSuites(hello.TLS12)},
	} {
		o.Compression, o.Heartbeat, o.SessionTicket = []uint8{compressionDeflate, compressionNull}, true, []byte{}
		t, a := s.open(ctx, o, hello.UntilDone)
		if a == scan.Accepted {
			s.highest, s.answered, s.control = o.Version, t.flight.Hello, t.sent
			s.heartbleed(t)
		}
		t.close()
		if a == scan.Accepted {
			return nil
		}
		if a == scan.Unanswered {
			err = cmp.Or(err, t.err, scan.ErrNoAnswer)
		}
	}
	return err
}

// The compression methods of RFC 3749.
const compressionNull, compressionDeflate = 0, 1

// exchange is a connection on which a raw hello was answered, and there is time for more.
type exchange struct {
	net.Conn // nil: there is none
	flight   *hello.Flight
	sent     []byte
	err      error
	cancel   context.CancelFunc
}

func (t *exchange) close() {
	if t.Conn != nil {
		t.Conn.Close()
	}
	if t.cancel != nil {
		t.cancel()
	}
}

// open says hello over a connection of its own, and says how that was answered:
// saidYes, saidNo or saidNothing. Hanging up is a no if the server answers another
// hello after it, and hangs up on this one again. The talk is the caller's to close.
func (s *scanner) open(ctx context.Context, o hello.Offer, until hello.Until) (*exchange, scan.Answer) {
	o.ServerName = s.ServerName
	message, err := o.Hello().Marshal()
	if err != nil {
		return &exchange{flight: new(hello.Flight), err: err}, scan.Unanswered
	}
	return s.openWith(ctx, message, until)
}

func (s *scanner) openWith(ctx context.Context, message []byte, until hello.Until) (*exchange, scan.Answer) {
	if s.silent >= maxUnanswered {
		return &exchange{flight: new(hello.Flight), sent: message, err: scan.ErrNoAnswer}, scan.Unanswered
	}
	t, a := s.try(ctx, message, until)
	if a == scan.Inconclusive && !s.abrupt {
		s.abrupt = true
		t.close()
		t, a = s.try(ctx, message, until)
	}
	if a == scan.Inconclusive {
		t.close()
		if !s.serves(ctx) || !scan.Wait(ctx, scan.LongSettleDelay) {
			a = scan.Unanswered
		} else if t, a = s.try(ctx, message, until); a == scan.Inconclusive {
			a = scan.Refused
		}
	}
	if s.silent++; a != scan.Unanswered {
		s.silent = 0
	}
	return t, a
}

// try opens one connection. Some servers hang up on who calls before they have
// seen his last connection end: once one has hung up, it gets time for that.
func (s *scanner) try(ctx context.Context, message []byte, until hello.Until) (*exchange, scan.Answer) {
	if s.abrupt {
		scan.Wait(ctx, 2*scan.SettleDelay)
	}
	t := &exchange{sent: message}
	limited, cancel := context.WithTimeout(ctx, s.Patience)
	t.cancel = cancel
	t.Conn, t.flight, t.err = s.Converse(limited, message, until)
	if alert, ok := errors.AsType[*hello.AlertError](t.err); ok && alert.Description == hello.InappropriateFallback {
		return t, scan.Refused
	}
	return t, scan.AnswerOf(t.flight, t.err)
}

// ask is an open of which only the answer is wanted.
func (s *scanner) ask(ctx context.Context, o hello.Offer, until hello.Until) (*exchange, scan.Answer) {
	t, a := s.open(ctx, o, until)
	t.close()
	return t, a
}

// serves tells whether the server still answers what it answered before, or
// TLS 1.3 if nothing is known.
func (s *scanner) serves(ctx context.Context) bool {
	message := s.control
	if message == nil {
		var err error
		if message, err = s.Marshal(hello.Offer{Version: hello.TLS13}); err != nil {
			return false
		}
	}
	t, a := s.try(ctx, message, hello.UntilHello)
	t.close()
	return a == scan.Accepted
}

// alerted is the alert that ends a talk, among what comes before it; nil and an
// error: none did.
func alerted(t *exchange) (*hello.Alert, error) {
	for range maxReactions {
		record, err := hello.ReadRecord(t)
		if err != nil {
			return nil, err
		}
		if record.Type == hello.TypeAlert && len(record.Payload) == 2 {
			return &hello.Alert{Fatal: record.Payload[0] == 2, Description: hello.AlertDescription(record.Payload[1])}, nil
		}
	}
	return nil, errTalkativeServer
}

// maxReactions bounds the records that are read in reaction to something odd.
const maxReactions = 8

var errTalkativeServer = errors.New("the server says more than there is to say")

// closeNotify is a close_notify in plain, which ends a handshake that goes on
// nowhere: a server need not be waited for that has nothing to say.
func closeNotify(v hello.Version) []byte {
	const warning = 1
	return hello.AppendRecord(nil, hello.TypeAlert, v, []byte{warning, byte(hello.CloseNotify)})
}
