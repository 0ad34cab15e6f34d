package prober

import (
	"cmp"
	"context"
	"errors"
	"net"
	"time"

	"tls_exporter/prober/hello"
)

// VulnerabilitiesOptions looks for old wounds, each by a method that does the
// server no harm.
type VulnerabilitiesOptions struct {
	// Every is how old the finding may become; 0: a day.
	Every Duration `yaml:"every"`
}

// MaxAge is how old a finding may become.
func (o VulnerabilitiesOptions) MaxAge() time.Duration {
	return cmp.Or(time.Duration(o.Every), 24*time.Hour)
}

// Key is what else the finding depends on.
func (o VulnerabilitiesOptions) Key() string { return "" }

// Vulnerabilities is the finding of the check vulnerabilities: those questions
// that were answered.
type Vulnerabilities struct {
	Answers []VulnerabilityAnswer // in the order of VulnerabilityNames
}

// VulnerabilityAnswer is whether the server has one wound.
type VulnerabilityAnswer struct {
	Vulnerability Vulnerability
	Vulnerable    bool
	Saw           string // what the server did, for people
}

// Size is how many bytes the finding takes.
func (v Vulnerabilities) Size() int {
	size := 0
	for _, a := range v.Answers {
		size += 48 + len(a.Saw)
	}
	return size
}

// Vulnerability is a weakness by the name that people know it by.
type Vulnerability string

// The vulnerabilities, and what each says of a server. All but DROWN and POODLE
// are of SSL 3.0 to TLS 1.2: a server that takes none of these has none of them.
const (
	// Heartbleed: heartbeats are answered with memory (CVE-2014-0160).
	Heartbleed Vulnerability = "heartbleed"
	// CCSInjection: ChangeCipherSpec is taken before there are keys (CVE-2014-0224).
	CCSInjection Vulnerability = "ccs_injection"
	// Ticketbleed: session IDs are filled up from memory (CVE-2016-9244).
	Ticketbleed Vulnerability = "ticketbleed"
	// ROBOT: answers tell whether an encrypted secret is padded well (Böck,
	// Somorovsky and Young, Return Of Bleichenbacher's Oracle Threat, 2018).
	ROBOT Vulnerability = "robot"
	// InsecureRenegotiation: RFC 5746 is not known (CVE-2009-3555).
	InsecureRenegotiation Vulnerability = "insecure_renegotiation"
	// ClientRenegotiation: hands are shaken again at a client's wish, which costs
	// the server more than the client (CVE-2011-1473).
	ClientRenegotiation Vulnerability = "client_renegotiation"
	// Compression: TLS compresses, which CRIME listens to (CVE-2012-4929).
	Compression Vulnerability = "compression"
	// NoFallbackSCSV: TLS_FALLBACK_SCSV is not heeded (RFC 7507).
	NoFallbackSCSV Vulnerability = "no_fallback_scsv"
	// NoExtendedMasterSecret: RFC 7627 is not known, so sessions are not bound to
	// their handshake (triple handshake, CVE-2014-1295).
	NoExtendedMasterSecret Vulnerability = "no_extended_master_secret"
	// POODLE: SSL 3.0 is taken with a suite of CBC (CVE-2014-3566).
	POODLE Vulnerability = "poodle"
	// DROWN: SSL 2.0 is taken (CVE-2016-0800). This is about the server alone, and
	// not about others that have the same key.
	DROWN Vulnerability = "drown"
	// FREAK: RSA keys of 512 bits for export are taken (CVE-2015-0204).
	FREAK Vulnerability = "freak"
	// Logjam: DHE for export is taken, or a prime of 1024 bits or fewer is sent, which
	// is within reach of a state (CVE-2015-4000, weakdh.org).
	Logjam Vulnerability = "logjam"
	// Sweet32: ciphers with blocks of 64 bits are taken (CVE-2016-2183).
	Sweet32 Vulnerability = "sweet32"
	// RC4: it is taken (RFC 7465, CVE-2015-2808).
	RC4 Vulnerability = "rc4"
)

// VulnerabilityNames is all of them.
var VulnerabilityNames = []Vulnerability{
	Heartbleed, CCSInjection, Ticketbleed, ROBOT, InsecureRenegotiation, ClientRenegotiation, Compression,
	NoFallbackSCSV, NoExtendedMasterSecret, POODLE, DROWN, FREAK, Logjam, Sweet32, RC4,
}

// Find asks one question after the other, each over a connection of
// its own, the ones that servers dislike most at the end. What follows from one
// ordinary hello is asked with that.
func (o VulnerabilitiesOptions) Find(ctx context.Context, e *endpoint) (*Vulnerabilities, error) {
	s := newWoundScan(e)
	if err := s.greet(ctx); err != nil {
		return nil, err
	}
	s.poodle(ctx)
	s.drown(ctx)
	if s.greeted == nil {
		s.spare()
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

// woundScan is one look for all vulnerabilities.
type woundScan struct {
	*endpoint
	*scanClient
	answers map[Vulnerability]VulnerabilityAnswer
	highest hello.Version      // that is offered
	greeted *hello.ServerHello // to the greeting; nil: the server takes nothing up to TLS 1.2
	control []byte             // a hello that the server answered with one
	ssl3    answer             // to SSL 3.0
	prime   int                // the shortest that came with DHE, in bits; 0: none came
	silent  int                // questions in a row that were not answered
	abrupt  bool               // it hangs up on some
}

func newWoundScan(e *endpoint) *woundScan {
	return &woundScan{endpoint: e, scanClient: e.Scan(), answers: make(map[Vulnerability]VulnerabilityAnswer)}
}

// maxUnanswered is how many questions in a row may go unanswered before no more are
// asked: the server has had enough of us, or is gone.
const maxUnanswered = 2

func (s *woundScan) tell(v Vulnerability, vulnerable bool, saw string) {
	s.answers[v] = VulnerabilityAnswer{v, vulnerable, saw}
}

func (s *woundScan) finding() (*Vulnerabilities, error) {
	found := new(Vulnerabilities)
	for _, v := range VulnerabilityNames {
		if a, told := s.answers[v]; told {
			found.Answers = append(found.Answers, a)
		}
	}
	if len(found.Answers) == 0 {
		return nil, errSilent
	}
	return found, nil
}

// spare says that a server is not vulnerable which takes only TLS 1.3.
func (s *woundScan) spare() {
	if s.ssl3 != saidNo {
		return
	}
	for _, v := range VulnerabilityNames {
		if v != DROWN && v != POODLE {
			s.tell(v, false, "it takes no version of TLS that has this")
		}
	}
}

// greet says hello as a client of TLS 1.2 does that knows all there is. It asks
// servers that choke on the version as a client of TLS 1.0, and those that want
// what nobody uses with that. It fails if nothing was answered.
func (s *woundScan) greet(ctx context.Context) error {
	var err error
	for _, o := range []hello.Offer{
		{Version: hello.TLS12},
		{Version: hello.TLS10},
		{Version: hello.TLS12, Ciphers: hello.RareSuites(hello.TLS12)},
	} {
		o.Compression, o.Heartbeat, o.SessionTicket = []uint8{compressionDeflate, compressionNull}, true, []byte{}
		t, a := s.open(ctx, o, hello.UntilDone)
		if a == saidYes {
			s.highest, s.greeted, s.control = o.Version, t.flight.Hello, t.sent
			s.heartbleed(t)
		}
		t.close()
		if a == saidYes {
			return nil
		}
		if a == saidNothing {
			err = cmp.Or(err, t.err, errSilent)
		}
	}
	return err
}

// The compression methods of RFC 3749.
const compressionNull, compressionDeflate = 0, 1

// talk is a connection on which a raw hello was answered, and there is time for more.
type talk struct {
	net.Conn // nil: there is none
	flight   *hello.Flight
	sent     []byte
	err      error
	cancel   context.CancelFunc
}

func (t *talk) close() {
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
func (s *woundScan) open(ctx context.Context, o hello.Offer, until hello.Until) (*talk, answer) {
	o.ServerName = s.ServerName
	message, err := o.Hello().Marshal()
	if err != nil {
		return &talk{flight: new(hello.Flight), err: err}, saidNothing
	}
	return s.openWith(ctx, message, until)
}

func (s *woundScan) openWith(ctx context.Context, message []byte, until hello.Until) (*talk, answer) {
	if s.silent >= maxUnanswered {
		return &talk{flight: new(hello.Flight), sent: message, err: errSilent}, saidNothing
	}
	t, a := s.try(ctx, message, until)
	if a == saidNeither && !s.abrupt {
		s.abrupt = true
		t.close()
		t, a = s.try(ctx, message, until)
	}
	if a == saidNeither {
		t.close()
		if !s.serves(ctx) || !wait(ctx, longBreath) {
			a = saidNothing
		} else if t, a = s.try(ctx, message, until); a == saidNeither {
			a = saidNo
		}
	}
	if s.silent++; a != saidNothing {
		s.silent = 0
	}
	return t, a
}

// try opens one connection. Some servers hang up on who calls before they have
// seen his last connection end: once one has hung up, it gets time for that.
func (s *woundScan) try(ctx context.Context, message []byte, until hello.Until) (*talk, answer) {
	if s.abrupt {
		wait(ctx, 2*breath)
	}
	t := &talk{sent: message}
	limited, cancel := context.WithTimeout(ctx, s.Patience)
	t.cancel = cancel
	t.Conn, t.flight, t.err = s.Converse(limited, message, until)
	if alert, ok := errors.AsType[*hello.AlertError](t.err); ok && alert.Description == hello.InappropriateFallback {
		return t, saidNo
	}
	return t, answerOf(t.flight, t.err)
}

// ask is an open of which only the answer is wanted.
func (s *woundScan) ask(ctx context.Context, o hello.Offer, until hello.Until) (*talk, answer) {
	t, a := s.open(ctx, o, until)
	t.close()
	return t, a
}

// serves tells whether the server still answers what it answered before, or
// TLS 1.3 if nothing is known.
func (s *woundScan) serves(ctx context.Context) bool {
	message := s.control
	if message == nil {
		var err error
		if message, err = s.Marshal(hello.Offer{Version: hello.TLS13}); err != nil {
			return false
		}
	}
	t, a := s.try(ctx, message, hello.UntilHello)
	t.close()
	return a == saidYes
}

// alerted is the alert that ends a talk, among what comes before it; nil and an
// error: none did.
func alerted(t *talk) (*hello.Alert, error) {
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

// goodbye is a close_notify in plain, which ends a handshake that goes on
// nowhere: a server need not be waited for that has nothing to say.
func goodbye(v hello.Version) []byte {
	const warning = 1
	return hello.AppendRecord(nil, hello.TypeAlert, v, []byte{warning, byte(hello.CloseNotify)})
}
