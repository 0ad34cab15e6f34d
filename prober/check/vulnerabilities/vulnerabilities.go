// Package vulnerabilities tests a server for known vulnerabilities, by methods that do
// not harm it.
package vulnerabilities

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"time"

	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/scan"
)

// Options configures the check vulnerabilities, which tests for known vulnerabilities by
// methods that do not harm the server.
type Options struct {
	// Every is how old the finding may become; 0: a day. It is made again before that.
	Every option.Duration `yaml:"every" key:"-"`
}

// MaxAge is how old a finding may become.
func (o Options) MaxAge() time.Duration {
	return cmp.Or(time.Duration(o.Every), 24*time.Hour)
}

// Finding is the finding of the check vulnerabilities. A vulnerability without an answer
// is absent from it.
type Finding struct {
	Answers []Answer // in the order of Names
}

// Answer tells whether the server has one vulnerability.
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

// Name is the usual name of a vulnerability.
type Name string

// The vulnerabilities, and what each means for a server. All but DROWN and POODLE are
// about SSL 3.0 to TLS 1.2. A server that accepts none of these versions has none of them.
const (
	// Heartbleed: answers to heartbeats contain memory (CVE-2014-0160).
	Heartbleed Name = "heartbleed"
	// CCSInjection: ChangeCipherSpec is accepted before there are keys (CVE-2014-0224).
	CCSInjection Name = "ccs_injection"
	// Ticketbleed: session IDs are padded with memory (CVE-2016-9244).
	Ticketbleed Name = "ticketbleed"
	// ROBOT: answers show whether an encrypted secret is padded correctly (Böck,
	// Somorovsky and Young, Return Of Bleichenbacher's Oracle Threat, 2018).
	ROBOT Name = "robot"
	// InsecureRenegotiation: the server does not support RFC 5746 (CVE-2009-3555).
	InsecureRenegotiation Name = "insecure_renegotiation"
	// ClientRenegotiation: clients may start a renegotiation, which costs the server
	// more than the client (CVE-2011-1473).
	ClientRenegotiation Name = "client_renegotiation"
	// Compression: TLS compression is accepted, which the CRIME attack needs
	// (CVE-2012-4929).
	Compression Name = "compression"
	// NoFallbackSCSV: TLS_FALLBACK_SCSV is ignored (RFC 7507).
	NoFallbackSCSV Name = "no_fallback_scsv"
	// NoExtendedMasterSecret: the server does not support RFC 7627, so sessions are not
	// bound to their handshake (triple handshake attack, CVE-2014-1295).
	NoExtendedMasterSecret Name = "no_extended_master_secret"
	// POODLE: SSL 3.0 is accepted with a suite of CBC (CVE-2014-3566).
	POODLE Name = "poodle"
	// DROWN: SSL 2.0 is accepted (CVE-2016-0800). Other servers with the same key are
	// not tested.
	DROWN Name = "drown"
	// FREAK: export suites with RSA keys of 512 bits are accepted (CVE-2015-0204).
	FREAK Name = "freak"
	// Logjam: DHE export suites are accepted, or a prime of at most 1024 bits is sent,
	// which a state may break (CVE-2015-4000, weakdh.org). Anonymous suites count, and what
	// clients get that list no group of RFC 7919. Suites with a PSK do not.
	Logjam Name = "logjam"
	// Sweet32: ciphers with blocks of 64 bits are accepted (CVE-2016-2183).
	Sweet32 Name = "sweet32"
	// RC4: suites with RC4 are accepted (RFC 7465, CVE-2015-2808).
	RC4 Name = "rc4"
)

// Names is the vocabulary of vulnerabilities, in the order in which they are reported.
var Names = []Name{
	Heartbleed, CCSInjection, Ticketbleed, ROBOT, InsecureRenegotiation, ClientRenegotiation, Compression,
	NoFallbackSCSV, NoExtendedMasterSecret, POODLE, DROWN, FREAK, Logjam, Sweet32, RC4,
}

// secrets is the vulnerabilities that give secrets away to anyone who can reach the
// server, or has recorded its traffic: memory, keys or sessions.
var secrets = []Name{Heartbleed, CCSInjection, Ticketbleed, ROBOT, DROWN}

// ExposesSecrets tells whether the vulnerability gives secrets away. All others need an
// attacker between client and server, or much time.
func (n Name) ExposesSecrets() bool { return slices.Contains(secrets, n) }

// Find asks one question after the other, most of them over connections of their own.
// Those that make some servers ban a client come last. Several are answered by the
// ServerHello that answers the first hello.
func (o Options) Find(ctx context.Context, e *endpoint.Endpoint) (*Finding, error) {
	s := newScanner(e)
	if err := s.firstHello(ctx); err != nil {
		return nil, err
	}
	s.poodle(ctx)
	s.drown(ctx)
	if s.serverHello == nil {
		s.reportTLS13Only()
		return s.finding()
	}
	s.inspectServerHello()
	s.weakSuites(ctx)
	s.fallback(ctx)
	s.earlyCCS(ctx)
	s.insideSession(ctx)
	s.robot(ctx)
	return s.finding()
}

// scanner makes one finding.
type scanner struct {
	*endpoint.Endpoint
	*scan.Survey
	answers      map[Name]Answer
	highest      hello.Version      // of the first hello that was accepted
	firstMessage []byte             // that hello
	serverHello  *hello.ServerHello // the answer to it; nil: the server accepts no version up to TLS 1.2
	ssl3         scan.Answer        // to SSL 3.0
	prime        int                // the shortest that came with DHE, in bits; 0: none came
	unanswered   int                // questions in a row without an answer
}

func newScanner(e *endpoint.Endpoint) *scanner {
	s := &scanner{Endpoint: e, Survey: scan.NewSurvey(e.Scan(), maxConnections-sessions, 0), answers: make(map[Name]Answer)}
	s.Candidate, _ = s.Marshal(hello.Offer{Version: hello.TLS13}) // for servers that accept nothing else
	return s
}

// maxConnections bounds the connections of one finding, those of sessions included. Servers
// of the lab that close the connection to refuse, serve one client at a time and lose
// connections take some sixty. docs/scanning.md has this bound.
const maxConnections, sessions = 150, 2

// maxUnanswered is how many questions in a row may have no answer. Then no more are
// asked: the server accepts no more connections, or is down.
const maxUnanswered = 2

// report sets the answer for one vulnerability.
func (s *scanner) report(v Name, vulnerable bool, saw string) {
	s.answers[v] = Answer{v, vulnerable, saw}
}

// finding is the answers, or an error if there are none.
func (s *scanner) finding() (*Finding, error) {
	found := new(Finding)
	for _, v := range Names {
		if a, ok := s.answers[v]; ok {
			found.Answers = append(found.Answers, a)
		}
	}
	if len(found.Answers) == 0 {
		return nil, scan.ErrNoAnswer
	}
	return found, nil
}

// reportTLS13Only reports that a server is not vulnerable that accepts only TLS 1.3.
func (s *scanner) reportTLS13Only() {
	if s.ssl3 != scan.Refused {
		return
	}
	for _, v := range Names {
		if v != DROWN && v != POODLE {
			s.report(v, false, "it accepts no version of TLS with this vulnerability")
		}
	}
}

// firstHello sends a hello of TLS 1.2 with the usual suites and all extensions that the
// check needs. If that is not accepted it tries TLS 1.0, for servers that fail on newer
// versions, and then, unless the version was refused, the further offers. It fails if
// nothing was answered.
func (s *scanner) firstHello(ctx context.Context) error {
	var err error
	refused := false
	for i, o := range append([]hello.Offer{{Version: hello.TLS12}, {Version: hello.TLS10}}, hello.FurtherOffers(hello.TLS12)...) {
		if refused && i > 1 {
			break
		}
		o.Compression, o.Heartbeat, o.SessionTicket = []uint8{compressionDeflate, compressionNull}, true, []byte{}
		x, answer := s.offer(ctx, o, hello.UntilDone)
		if answer == scan.Accepted {
			s.highest, s.serverHello, s.firstMessage = o.Version, x.Flight.Hello, s.KnownGood()
			s.heartbleed(x)
		}
		x.Close()
		refused = refused || i == 0 && refusesVersion(x)
		switch answer {
		case scan.Accepted:
			return nil
		case scan.Unanswered:
			err = cmp.Or(err, x.Err, scan.ErrNoAnswer)
		}
	}
	return err
}

// The compression methods of RFC 3749.
const compressionNull, compressionDeflate = 0, 1

// open sends a hello over a new connection. The answer is Accepted, Refused or
// Unanswered. After several questions in a row without an answer no more are asked. The
// caller closes the exchange.
func (s *scanner) open(ctx context.Context, message []byte, until hello.Until) (*scan.Exchange, scan.Answer) {
	x, answer := s.Survey.Open(ctx, message, until)
	switch answer {
	case scan.Closed:
		answer = scan.Refused
	case scan.Inconclusive:
		answer = scan.Unanswered
	}
	if s.unanswered++; answer != scan.Unanswered {
		s.unanswered = 0
	}
	if s.unanswered == maxUnanswered {
		s.End()
	}
	return x, answer
}

// offer is open for an offer.
func (s *scanner) offer(ctx context.Context, o hello.Offer, until hello.Until) (*scan.Exchange, scan.Answer) {
	message, err := s.Marshal(o)
	if err != nil {
		return &scan.Exchange{Flight: new(hello.Flight), Err: err}, scan.Unanswered
	}
	return s.open(ctx, message, until)
}

// ask is offer without more to send.
func (s *scanner) ask(ctx context.Context, o hello.Offer, until hello.Until) (*scan.Exchange, scan.Answer) {
	x, answer := s.offer(ctx, o, until)
	x.Close()
	flight, answer := scan.ByKinds(o, x.Flight, answer, func(o hello.Offer) (*hello.Flight, scan.Answer) {
		message, err := s.Marshal(o)
		if err != nil {
			return x.Flight, scan.Unanswered
		}
		return s.AskOnce(ctx, message, until)
	})
	if x.Flight = flight; answer == scan.Inconclusive {
		answer = scan.Unanswered
	}
	return x, answer
}

// nextAlert skips records until an alert comes. Without one it fails.
func nextAlert(x *scan.Exchange) (*hello.Alert, error) {
	for range maxReactions {
		record, err := hello.ReadRecord(x)
		if err != nil {
			return nil, err
		}
		if record.Type == hello.TypeAlert && len(record.Payload) == 2 {
			return &hello.Alert{Fatal: record.Payload[0] == 2, Description: hello.AlertDescription(record.Payload[1])}, nil
		}
	}
	return nil, errTooManyRecords
}

// answerReader reads what the server answers to something. If that is silence it sends a
// close_notify, and reads on: a server without an answer closes the connection then. Some
// act on a close_notify before they answer what came with it, so that is not sent together.
type answerReader struct {
	conn        net.Conn
	closeNotify []byte        // a close_notify in its record
	after       time.Duration // for how long the server may be silent, also after the close_notify
	said        bool          // the close_notify was sent
}

// Read sends the close_notify at most once.
func (r *answerReader) Read(b []byte) (int, error) {
	if err := r.conn.SetReadDeadline(time.Now().Add(r.after)); err != nil {
		return 0, err
	}
	n, err := r.conn.Read(b)
	if n > 0 || r.said || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	r.said = true
	if _, err := r.conn.Write(r.closeNotify); err != nil {
		return 0, err
	}
	return r.Read(b)
}

// answersOf reads what the server answers on a connection, for at most that long before
// and after a close_notify.
func (s *scanner) answersOf(conn net.Conn, closeNotify []byte, after time.Duration) *answerReader {
	return &answerReader{conn: conn, closeNotify: closeNotify, after: min(after, s.Patience/3)}
}

// silence is how long a server is given before the close_notify, for a reaction that takes it
// little work.
const silence = time.Second

// maxReactions bounds the records that are read as a reaction to something invalid.
const maxReactions = 8

var errTooManyRecords = errors.New("the server sent too many records")

// closeNotify is an unencrypted close_notify. It ends a handshake that is not continued.
func closeNotify(v hello.Version) []byte {
	const warning = 1
	return hello.AppendRecord(nil, hello.TypeAlert, v, []byte{warning, byte(hello.CloseNotify)})
}
