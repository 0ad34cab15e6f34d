// Package fetch downloads what checks need from the servers of CAs: CRLs, OCSP responses,
// renewal information. All probers of a process share what was downloaded.
package fetch

import (
	"context"
	"crypto/x509"
	"io"
	"time"

	"tls_exporter/prober/connect"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/identity"
)

// Client downloads as one module reaches its targets: through its proxy, with its
// resolver, from its source address, and to the addresses that the access policy allows.
// It is safe for concurrent use.
type Client struct {
	route    *connect.Route
	trusted  *x509.CertPool
	identity [16]byte // of all that an answer depends on, besides the request
	store    *Store
}

// New makes the client of a module. The options are those of its route, valid and loaded.
// Trusted are the roots for https, and trust identifies them. Rules of the policy apply to
// the host of a URL as to that of a target. No PROXY protocol header is sent, which is for
// targets.
func New(store *Store, o connect.Options, g *guard.Guard, trusted *x509.CertPool, trust [16]byte) (*Client, error) {
	o.ProxyProtocol, o.StartTLSName = "", ""
	route, err := connect.New(o, g, trusted, false)
	if err != nil {
		return nil, err
	}
	return &Client{route: route, trusted: trusted, identity: identity.Of(o, trust, g.Policy()), store: store}, nil
}

// Request says what to download, and how to read it. Requests that are equal, but for the
// fields with the tag `key:"-"`, share one answer.
type Request struct {
	URL         string // http or https, without credentials
	Body        []byte // sent with POST; nil: GET
	ContentType string // of Body
	Accept      string // the media type to ask for
	MaxBytes    int64  // of the content
	Kind        string // names Parse: what other functions make of the same content is kept apart

	// Parse reads the content, in a goroutine of the Store. It must read all of it, and
	// keep no reference to the reader. What it makes must not grow with MaxBytes more than
	// the caller accepts. An error without a reason has ReasonBadContent.
	Parse func(content io.Reader, header Header) (Value, error) `key:"-"`
	// MaxAge is how old a value may become before it is asked for again; 0:
	// DefaultMaxAge. A value with an earlier end is asked for earlier. If that fails, the
	// old value stays in use until its end.
	MaxAge time.Duration `key:"-"`
	// Timeout is how long the download may take; 0: DefaultTimeout.
	Timeout time.Duration `key:"-"`
}

// The defaults of a Request.
const (
	DefaultMaxAge  = time.Hour
	DefaultTimeout = 30 * time.Second
)

// Header is the header of an HTTP response, as textproto.MIMEHeader has it.
type Header interface {
	Get(name string) string
}

// Value is what was made of the content of a response. It never changes, and many probes
// use it at the same time.
type Value interface {
	// Size is how many bytes it takes in memory.
	Size() int
	// Until is when it has to be replaced; zero: it has no end of its own.
	Until() time.Time
}

// Renewable is a Value whose end depends on the header of the response.
type Renewable interface {
	Value
	// Renewed is the value after the server answered that it has not changed (RFC 9110
	// section 15.4.5).
	Renewed(Header) Value
}

// Answer is what is known about a request.
type Answer struct {
	Value   Value     // nil: there is none. It may be past its end: who uses it has to look
	At      time.Time // when it was downloaded, or the server said that it has not changed
	Failure error     // of the last download, with a reason of package failure; nil: it succeeded
}

// Get returns what is kept, and downloads what is not. It waits for the first download of
// a request alone, and no longer than a share of what is left of ctx, which needs a
// deadline: a third, and maxWait at most. The download goes on without it. A download
// that failed is tried again after a pause that grows from a minute to an hour, and nobody
// waits for that.
func (c *Client) Get(ctx context.Context, q *Request) Answer {
	u, err := parseURL(q.URL)
	if err != nil {
		return Answer{Failure: err}
	}
	asked := *q
	asked.URL = u.String()
	return c.store.get(ctx, &job{
		key: identity.Of(c.identity, asked), host: identity.Of(c.identity, u.Scheme, u.Host), maxAge: q.MaxAge, timeout: q.Timeout,
		download: func(ctx context.Context, known validators, reserve reserve) result {
			return c.download(ctx, u, &asked, known, reserve)
		},
	})
}
