package prober

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"slices"
	"time"
)

// Result is what one probe learned. A nil or zero part was not learned: it
// never means that all was well.
type Result struct {
	Target   Target
	Start    time.Time
	Duration time.Duration

	Phases  []PhaseTime // in the order in which they ran; one not reached is absent
	Failure *Failure    // why the endpoint is not as it should be; nil: it is

	Addresses []netip.Addr   // what the name resolved to, in the order in which they are tried
	Proxy     string         // on the way to the target, without its password; empty: none
	Connected bool           // the port, or the Unix socket, answered
	Remote    netip.AddrPort // the address that answered; invalid: none did, or it has none that is known
	Session   *Session       // what the handshake settled, as far as it came
	Chain     *Chain         // the certificates that were sent, and the judgement on them

	Pool *Pool // every address behind the name, where the module asks for all of them

	Checks []Check // one for each check of the module that ran
	Expect *Expect // the module's expectations, one by one

	Versions        *Versions        // of SSL and TLS that the server takes
	Ciphers         *Ciphers         // suites, groups and signature schemes that it takes
	Compliance      *Compliance      // how that stands with published policies
	Vulnerabilities *Vulnerabilities // old wounds
	Resumption      *Resumption      // of sessions
}

// Phase is a step of the line that every probe walks.
type Phase string

// The phases, in their order.
const (
	PhaseResolve     Phase = "resolve"
	PhaseConnect     Phase = "connect"
	PhaseProxy       Phase = "proxy"
	PhaseStartTLS    Phase = "starttls"
	PhaseServerHello Phase = "server_hello" // ClientHello sent to first ServerHello byte
	PhaseKeyExchange Phase = "key_exchange" // from there to the handshake's end
	PhaseVerify      Phase = "verify"
	PhaseExpect      Phase = "expect" // names a failure only; it takes no time of its own
)

// Phases is the whole vocabulary, in the order of the line.
var Phases = []Phase{PhaseResolve, PhaseConnect, PhaseProxy, PhaseStartTLS, PhaseServerHello, PhaseKeyExchange, PhaseVerify, PhaseExpect}

// beforeTLS tells whether the phase ends before the first byte of TLS is sent.
func (p Phase) beforeTLS() bool {
	return slices.Contains([]Phase{PhaseResolve, PhaseConnect, PhaseProxy, PhaseStartTLS}, p)
}

// PhaseTime is how long one phase took, also when it failed.
type PhaseTime struct {
	Phase    Phase
	Duration time.Duration
}

// Failure is where and why a probe, or a check, did not end well.
type Failure struct {
	Phase   Phase // empty for a check
	Reason  Reason
	Err     error          // for people: the whole story; never a label
	Address netip.AddrPort // of a pool's failure: which address; else invalid
}

// Session is what client and server settled. Fields that the handshake did not
// come to are zero.
type Session struct {
	Completed                  bool // both sides finished, and the server did not turn us away after it
	Version                    uint16
	CipherSuite                uint16
	Group                      tls.CurveID    // 0: no (EC)DHE, as with RSA key exchange
	ALPN                       string         // printable
	Remote                     netip.AddrPort // the address that answered; invalid where none is known
	ServerName                 string         // sent as SNI; empty for an IP address
	HelloRetryRequest          bool
	ClientCertificateRequested bool
	Duration                   time.Duration // handshake latency: server_hello and key_exchange
}

// Chain is the certificates that the server sent and what a modern verifier
// makes of them at the moment At.
type Chain struct {
	At           time.Time
	Name         string         // what the leaf was to be for: a DNS name or an IP address; empty: nobody said
	Certificates []*Certificate // as sent; 0 is the leaf
	Valid        bool
	Problems     []Found             // gravest first, each problem once
	Path         []*x509.Certificate // the trusted path that lasts longest, leaf to root; nil: there is none
	NotAfter     time.Time           // when that path ends; zero without one
}

// Found is one problem of a chain and where it stands.
type Found struct {
	Problem  Problem
	Position int    // which certificate, as sent; -1: none of them in particular
	Detail   string // one sentence for people
}

// Has tells whether p is among the chain's problems.
func (c *Chain) Has(p Problem) bool {
	for _, f := range c.Problems {
		if f.Problem == p {
			return true
		}
	}
	return false
}

// Pool is every address behind a name, each probed by itself.
type Pool struct {
	Total   int       // how many the name has; more than there are members where they are too many to probe
	Members []*Member // by address
	Shown   int       // the one of them that the rest of the Result is about
}

// Member is one address of a pool.
type Member struct {
	Address netip.AddrPort
	Failure *Failure // why it is not as it should be; nil: it is
	Session *Session // as in a Result
	Chain   *Chain   // as in a Result
}

// Check is how one check of the module fared.
type Check struct {
	Name     string
	Duration time.Duration
	Time     time.Time // when its finding was made
	Failure  *Failure  // nil: it has a finding
}

// Success tells whether the endpoint was reached, shook hands, has a good
// chain and met every expectation.
func (r *Result) Success() bool { return r.Failure == nil }

// Reachable tells whether the port answered, and whether that is known: a proxy
// that fails says nothing of it, nor does a connection that was not to be made.
func (r *Result) Reachable() (answered, known bool) {
	return r.Connected, r.Connected || r.Failure == nil || r.Failure.Phase != PhaseProxy && r.Failure.Reason != ReasonDenied
}
