package handshake

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
	"tls_exporter/prober/tls13/wide"
)

// A handshake may fail with a server that answers another ClientHello: an older or wider
// one. A look sends such hellos, one after another, and shows what the server selects and
// the certificates that it sends.

// noLookAlerts are alerts whose cause another ClientHello does not change.
var noLookAlerts = []failure.Reason{
	failure.AlertPrefix + "unrecognized_name", failure.AlertPrefix + "ech_required", failure.AlertPrefix + "certificate_required", failure.AlertPrefix + "access_denied",
}

// lookReasons are the other reasons for a look. Old servers close the connection instead
// of sending an alert.
var lookReasons = []failure.Reason{
	failure.ReasonNoCommonVersion, failure.ReasonClosed, failure.ReasonReset, failure.ReasonBadMessage, failure.ReasonBadCertificate,
}

// needsLook reports whether another ClientHello may show what the handshake did not.
func (h *Outcome) needsLook() bool {
	if h.Failure == nil || len(h.Certificates) > 0 {
		return false
	}
	reason := h.Failure.Reason
	return slices.Contains(lookReasons, reason) || reason.IsAlert() && !slices.Contains(noLookAlerts, reason)
}

// blamesServer reports whether a reason is for a verdict of a look: the server rejected
// the ClientHello. In the other cases this client rejected the server's answer, or the
// server rejected something else in the hello.
func blamesServer(reason failure.Reason) bool {
	switch reason {
	case failure.ReasonBadMessage, failure.ReasonBadCertificate, failure.AlertPrefix + "no_application_protocol":
		return false
	}
	return true
}

// sighting is what a server answered to one shape.
type sighting struct {
	shape        shape
	session      *Session
	certificates []*certificate.Parsed
	completed    bool   // shapeTLS12: the handshake
	done         bool   // no other shape would show more
	note         string // what else was found; empty: nothing
}

// answer is how a server answered a shape.
type answer int

const (
	unanswered answer = iota // no answer in time, or no connection
	refused
	accepted
)

// look is one look at a server.
type look struct {
	client  *Client
	peer    *Peer
	scanner *scan.Client
	failed  failure.Reason // of the handshake
	over    bool           // no connection can be made any more
}

// remembered is what the last look at a server found.
type remembered struct {
	failed   failure.Reason // of the handshake before it
	shape    shape          // that the server answers; shapeNone: it answers none
	next     int            // counts the looks without an answer
	selected [3]uint16      // version, cipher suite and group
	verdict  failure.Reason // empty: that of the handshake stays
}

// maxLooks is the size of the map of looks, in bytes.
const maxLooks = 2 << 20

// look looks at the server, and adds what it finds to h: what the server selects, its
// certificates, and why a current client fails. If the server answers no shape, h stays
// as it is. A server that was looked at before, after the same failure, is asked first
// with the shape that it answered then.
func (h *Outcome) look(ctx context.Context, c *Client, peer *Peer) {
	l := &look{client: c, peer: peer, scanner: c.Scan(peer.Connect, peer.Target), failed: h.Failure.Reason}
	key := serverOf(peer)
	known, _ := c.looks.Get(key)
	if known.failed != l.failed {
		known = remembered{}
	}
	seen := l.search(ctx, &known)
	if seen == nil {
		c.looks.Put(key, remembered{failed: l.failed, next: known.next + 1}, key.size())
		return
	}
	now := remembered{failed: l.failed, shape: seen.shape, verdict: known.verdict, selected: [3]uint16{seen.session.Version, seen.session.CipherSuite, uint16(seen.session.Group)}}
	if known.shape != now.shape || known.selected != now.selected {
		chain := seen.drop()
		now.verdict = l.verdict(ctx, seen)
		h.restore(ctx, c, seen, chain)
	}
	c.looks.Put(key, now, key.size())
	h.Selected, h.Certificates = seen.session, seen.certificates
	if seen.shape.namesServer() {
		h.Selected.ServerName = l.scanner.ServerName
	}
	h.explain(now.verdict, seen)
}

// search asks with one shape after the other until the answer has all there is to see;
// nil: the server answered none. After a look without an answer, the next ones ask with
// two shapes only, each time with another one beside the first.
func (l *look) search(ctx context.Context, known *remembered) *sighting {
	list := shapes
	switch {
	case known.shape != shapeNone:
		list = append([]shape{known.shape}, slices.DeleteFunc(slices.Clone(shapes), func(s shape) bool { return s == known.shape })...)
	case known.failed != "":
		list = []shape{shapes[0], shapeTLS13, shapes[2+known.next%(len(shapes)-2)]}
	}
	var best *sighting
	for _, s := range list {
		chosen13 := best != nil && best.session.Version == tls.VersionTLS13
		if l.over || s == shapeTLS13 && !chosen13 && known.shape != shapeTLS13 || s == shapeTLS12 && !l.client.options.offersBoth() {
			continue
		}
		seen, _ := l.ask(ctx, s, false)
		if seen != nil && seen.done {
			return seen
		}
		if best == nil {
			best = seen
		}
	}
	return best
}

// ask sends one shape. The server has a third of the time that is left.
func (l *look) ask(ctx context.Context, s shape, narrow bool) (*sighting, answer) {
	left := l.client.timeout
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	ctx, cancel := context.WithTimeout(ctx, left/3)
	defer cancel()
	switch s {
	case shapeTLS13:
		return l.askTLS13(ctx, narrow)
	case shapeTLS12:
		return l.askCryptoTLS(ctx, tls.VersionTLS12)
	}
	message, err := s.message(l.scanner.ServerName, narrow)
	if err != nil {
		return nil, unanswered
	}
	until := hello.UntilDone
	if s == shapeSSL2 {
		until = hello.UntilHello
	}
	x := l.scanner.Open(ctx, message, until)
	defer x.Close()
	l.over = l.over || x.Conn == nil
	switch scan.AnswerOf(x.Flight, x.Err) {
	case scan.Unanswered:
		return nil, unanswered
	case scan.Accepted:
		if !registered(x.Flight) {
			return nil, refused
		}
		if seen := l.sighting(s, x.Flight); !narrow || own(seen.session) { // old servers select what was not offered
			return seen, accepted
		}
	}
	return nil, refused
}

// sighting returns what an answer in plaintext shows.
func (l *look) sighting(s shape, f *hello.Flight) *sighting {
	seen := &sighting{shape: s}
	seen.session, seen.certificates = l.client.observed(f)
	seen.done = len(seen.certificates) > 0
	return seen
}

// askTLS13 performs a handshake with package wide.
func (l *look) askTLS13(ctx context.Context, narrow bool) (*sighting, answer) {
	conn, err := l.peer.Connect(ctx)
	if err != nil {
		l.over = true
		return nil, unanswered
	}
	defer conn.Close()
	offer := wide.Offer{ServerName: l.scanner.ServerName}
	if narrow {
		offer.Ciphers, offer.Groups, offer.Schemes, offer.Extra = ownSuites, ownGroups, ownSchemes, []hello.Extension{ownCertificateSchemes}
	}
	wire := l.client.watch(ctx, conn)
	defer wire.release()
	state, err := wide.Handshake(wire, offer)
	if state == nil || len(state.Certificates) == 0 {
		if errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil {
			return nil, unanswered
		}
		return nil, refused
	}
	seen := &sighting{shape: shapeTLS13, done: true, session: &Session{
		Version: tls.VersionTLS13, CipherSuite: uint16(state.CipherSuite), Group: tls.CurveID(state.Group),
		HelloRetryRequest: state.HelloRetryRequest, ClientCertificateRequested: state.ClientCertificateRequested,
	}}
	if err != nil {
		seen.note = err.Error()
	}
	seen.certificates = l.client.certificates(state.Certificates)
	return seen, accepted
}

// askCryptoTLS makes the offer of the module, with versions up to highest; 0: all of
// them. It is accepted if the handshake is completed.
func (l *look) askCryptoTLS(ctx context.Context, highest uint16) (*sighting, answer) {
	conn, err := l.peer.Connect(ctx)
	if err != nil {
		l.over = true
		return nil, unanswered
	}
	defer conn.Close()
	config := l.client.Config(l.peer.Target)
	if highest != 0 {
		config.MaxVersion = highest
	}
	h := l.client.perform(ctx, conn, config)
	defer h.Release()
	seen := &sighting{shape: shapeTLS12, session: h.Session, certificates: h.Certificates, completed: h.Failure == nil, done: len(h.Certificates) > 0}
	switch {
	case h.Failure == nil:
		return seen, accepted
	case h.Failure.Reason == failure.ReasonTimeout:
		return nil, unanswered
	case h.Session != nil && seen.done:
		return seen, refused
	}
	return nil, refused
}

// verdict is why a current client fails, if the answers tell. Each claim is that one
// offer is refused and another accepted, so both are made: a server that fails now and
// then must not be taken for one that refuses.
func (l *look) verdict(ctx context.Context, seen *sighting) failure.Reason {
	if !blamesServer(l.failed) {
		return ""
	}
	asking := *l.client // about answers alone: certificates take memory
	asking.parse = func([][]byte) []*certificate.Parsed { return nil }
	l.client = &asking
	accepts := func(s shape, narrow bool) func() answer {
		return func() answer { _, got := l.ask(ctx, s, narrow); return got }
	}
	ownOffer := func() answer { _, got := l.askCryptoTLS(ctx, 0); return got }
	narrow := seen.shape
	switch seen.shape {
	case shapeSSL2:
		narrow = shapeAll
	case shapeTLS12:
		if seen.completed && l.confirm(accepts(shapeTLS12, false), ownOffer) {
			return failure.ReasonTLS13Intolerant
		}
		return ""
	}
	if l.confirm(accepts(seen.shape, false), accepts(narrow, true)) {
		return failure.ReasonLegacyOnly
	}
	if seen.shape == shapeAll && seen.session.Version < tls.VersionTLS13 && l.client.options.offersBoth() &&
		l.confirm(accepts(shapeTLS12, false), ownOffer) {
		return failure.ReasonTLS13Intolerant
	}
	return ""
}

// confirm reports whether one offer is accepted and another one refused, each three
// times. No order that repeats after one to five connections has the same answers: a load
// balancer with a broken server and good ones is not taken for one that refuses.
func (l *look) confirm(good, bad func() answer) bool {
	for _, want := range []answer{refused, refused, accepted, accepted, refused, accepted} {
		ask := bad
		if want == accepted {
			ask = good
		}
		if ask() != want {
			return false
		}
	}
	return true
}

// explain replaces the reason of the failure with the verdict of a look.
func (h *Outcome) explain(verdict failure.Reason, seen *sighting) {
	var err error
	switch verdict {
	case failure.ReasonLegacyOnly:
		err = &legacyError{seen.session, seen.note, h.Failure.Err}
	case failure.ReasonTLS13Intolerant:
		err = fmt.Errorf("the server fails if TLS 1.3 is offered, and completes the handshake with TLS 1.2 at most, by %s; with TLS 1.3: %w", selection(seen.session), h.Failure.Err)
	default:
		return
	}
	h.Failure = failure.For(h.Failure.Phase, failure.With(verdict, err))
}

// selection names what a server selected.
func selection(s *Session) string {
	text := s.VersionName()
	if s.CipherSuite != 0 {
		text += " with " + s.CipherName()
	}
	if s.Group != 0 {
		text += " and " + s.GroupName()
	}
	return text
}

// legacyError means that the server accepts only what many clients do not offer.
type legacyError struct {
	selected *Session
	note     string
	err      error // of the handshake
}

func (e *legacyError) Error() string {
	text := "the server would select " + selection(e.selected)
	if own(e.selected) {
		text += ", but only with signature algorithms that Go, Chrome and other clients do not offer"
	} else {
		text += ", which Go, Chrome and other clients do not offer"
	}
	if e.note != "" {
		text += " (" + e.note + ")"
	}
	return text + "; the handshake failed: " + e.err.Error()
}

func (e *legacyError) Unwrap() error { return e.err }

// drop returns the certificates in DER, and drops them otherwise: they take many times more
// memory, and the servers that decide how long a verdict takes decide how many wait for one.
func (s *sighting) drop() [][]byte {
	chain := make([][]byte, len(s.certificates))
	for i, cert := range s.certificates {
		chain[i] = cert.X509.Raw
	}
	s.certificates = nil
	return chain
}

// restore reads the certificates again, as soon as there is room for them.
func (h *Outcome) restore(ctx context.Context, c *Client, seen *sighting, chain [][]byte) {
	size := 0
	for _, der := range chain {
		size += len(der)
	}
	held, err := c.room.Hold(ctx, size)
	if err == nil {
		seen.certificates = c.certificates(chain)
	}
	h.held = append(h.held, &held)
}
