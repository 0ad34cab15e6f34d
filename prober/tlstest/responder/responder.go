// Package responder is the part of the test lab that tells which certificates were revoked:
// an HTTP server that answers OCSP requests and has CRLs, in every state that such servers
// are in.
//
//	r, err := responder.Start(lab, lab.Intermediate)
//	lab.Start(tlstest.Server{Leaf: r.Names("expired", "good")})
//
// The first path element of a URL is ocsp or crl. The second one is the name of a State, or
// a name whose state Set has set.
package responder

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"tls_exporter/prober/tlstest"
)

// Responder is the server of a CA. Its methods are safe for concurrent use.
type Responder struct {
	URL string // of the server, without a path
	CA  *tlstest.CA

	// Slow is how long the state Slow takes. Set it before the first request. Default: 10
	// seconds.
	Slow time.Duration

	// HugeEntries is how many entries the state Huge has. Set it before the first request.
	// Default: a million.
	HugeEntries int

	// Validity is the time from now to nextUpdate. Set it before the first request. Default:
	// a week.
	Validity time.Duration

	signers signers

	mu       sync.Mutex
	states   map[string]State // by path
	requests map[string]int   // by path
	revoked  map[string]x509.RevocationListEntry
	crls     map[string]list // by path, until something changes
	number   int64           // of the last CRL
}

// Start starts the responder of a CA. It ends with the lab.
func Start(lab *tlstest.Lab, ca *tlstest.CA) (*Responder, error) {
	signers, err := newSigners(ca)
	if err != nil {
		return nil, fmt.Errorf("make the signers of a responder: %w", err)
	}
	r := &Responder{
		CA: ca, Slow: 10 * time.Second, HugeEntries: 1_000_000, Validity: 7 * day, signers: signers,
		states: make(map[string]State), requests: make(map[string]int), revoked: make(map[string]x509.RevocationListEntry), crls: make(map[string]list),
	}
	addr, err := lab.Start(tlstest.Server{Accept: func(_ context.Context, c net.Conn) { r.serve(c) }})
	if err != nil {
		return nil, err
	}
	r.URL = "http://" + addr
	return r, nil
}

// OCSP is the URL of the OCSP responder of a name.
func (r *Responder) OCSP(name string) string { return r.URL + "/ocsp/" + name }

// CRL is the URL of the CRL of a name.
func (r *Responder) CRL(name string) string { return r.URL + "/crl/" + name }

// Names makes a certificate name the OCSP responder and the CRL of two names; empty: none.
func (r *Responder) Names(ocsp, crl string) func(*x509.Certificate) {
	return func(template *x509.Certificate) {
		if ocsp != "" {
			template.OCSPServer = []string{r.OCSP(ocsp)}
		}
		if crl != "" {
			template.CRLDistributionPoints = []string{r.CRL(crl)}
		}
	}
}

// Revoked is Names for a certificate that the CA has revoked: ten days ago, for reason 1,
// keyCompromise.
func (r *Responder) Revoked(ocsp, crl string) func(*x509.Certificate) {
	return func(template *x509.Certificate) {
		r.Names(ocsp, crl)(template)
		if template.SerialNumber == nil {
			template.SerialNumber, _ = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // crypto/rand returns no error
		}
		r.Revoke(template.SerialNumber, 1)
	}
}

// Revoke revokes a certificate, for a CRLReason of RFC 5280 section 5.3.1.
func (r *Responder) Revoke(serial *big.Int, reason int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.revoked[serial.String()] = x509.RevocationListEntry{SerialNumber: serial, RevocationTime: time.Now().Add(-10 * 24 * time.Hour), ReasonCode: reason}
	clear(r.crls)
}

// Release takes a revocation back.
func (r *Responder) Release(serial *big.Int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.revoked, serial.String())
	clear(r.crls)
}

// Set sets the state of a URL, as OCSP and CRL return it.
func (r *Responder) Set(url string, state State) {
	path := strings.TrimPrefix(url, r.URL)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.states[path] = state
	delete(r.crls, path)
}

// Requests is how many requests there were for a URL, as OCSP and CRL return it.
func (r *Responder) Requests(url string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests[strings.TrimPrefix(url, r.URL)]
}

// state counts a request for a path, and returns the state of the path.
func (r *Responder) state(path string) State {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests[path]++
	if state, ok := r.states[path]; ok {
		return state
	}
	return State(path[strings.LastIndexByte(path, '/')+1:])
}

// entry returns the revocation of a certificate.
func (r *Responder) entry(serial *big.Int) (x509.RevocationListEntry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	entry, revoked := r.revoked[serial.String()]
	return entry, revoked
}

// serve answers the requests of one connection.
func (r *Responder) serve(c net.Conn) {
	server := http.Server{Handler: http.HandlerFunc(r.answer), ReadTimeout: time.Minute}
	server.Serve(&single{conn: c, closed: make(chan struct{})}) // the error is that the connection ended
}

// single is a listener with one connection, which ends with it.
type single struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *single) Accept() (net.Conn, error) {
	c := l.conn
	if l.conn = nil; c != nil {
		return &notifying{Conn: c, closed: sync.OnceFunc(func() { close(l.closed) })}, nil
	}
	<-l.closed
	return nil, io.EOF
}

func (l *single) Close() error   { return nil }
func (l *single) Addr() net.Addr { return &net.TCPAddr{} }

// notifying is a connection that tells when it is closed.
type notifying struct {
	net.Conn
	closed func()
}

func (c *notifying) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

// answer answers one request.
func (r *Responder) answer(w http.ResponseWriter, request *http.Request) {
	elements := strings.SplitN(strings.TrimPrefix(request.URL.EscapedPath(), "/"), "/", 3)
	if len(elements) < 2 {
		http.NotFound(w, request)
		return
	}
	path := "/" + elements[0] + "/" + elements[1]
	state := r.state(path)
	switch {
	case r.fail(w, request, state):
	case elements[0] == "ocsp":
		r.answerOCSP(w, request, state, elements[2:])
	case elements[0] == "crl":
		r.answerCRL(w, request, state, path)
	default:
		http.NotFound(w, request)
	}
}
