package fetch

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// Requests are written, and responses read, on a connection of the route. The clients of
// net/http keep goroutines and connections of their own.

// Bounds on one download.
const (
	maxRedirects = 3        // that are followed
	maxInterim   = 5        // interim responses (1xx) before the response
	maxHeader    = 16 << 10 // of a response, with its interim responses, in bytes
)

// validators tell the server which content is known (RFC 9110 section 8.8).
type validators struct{ etag, modified string }

// maxValidator bounds each of them, in bytes.
const maxValidator = 512

// result is how a download went.
type result struct {
	value      Value
	unchanged  Header // of a response that says that the content has not changed; nil: another
	known      validators
	failure    error
	answered   bool          // the server answered, if only by closing the connection, so that more may be asked of it
	retryAfter time.Duration // how long the server asked to wait; 0: it did not
}

// download sends the request, and follows redirects: each goes through the route, and so
// through the access policy. One from https has to lead to https. A request with a body is
// only sent on where the status keeps its method (RFC 9110 section 15.4).
func (c *Client) download(ctx context.Context, u *url.URL, q *Request, known validators, reserve reserve) (r result) {
	for range maxRedirects + 1 {
		next, failed := c.ask(ctx, u, q, known, reserve, &r)
		if failed != nil {
			return result{failure: failed, answered: r.answered, retryAfter: r.retryAfter}
		}
		if next == nil {
			return r
		}
		u = next
	}
	return result{failure: failure.New(failure.ReasonHTTPProtocol, "more than %d redirects", maxRedirects), answered: true}
}

// ask sends the request to one server, and reads its response into r. It returns where the
// response leads; nil: nowhere else.
func (c *Client) ask(ctx context.Context, u *url.URL, q *Request, known validators, reserve reserve, r *result) (*url.URL, error) {
	conn, err := c.open(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", label(u), err)
	}
	defer conn.Close() // and not the body, whose Close reads to its end
	response, err := exchange(conn, u, q, known)
	r.answered = r.answered || err == nil || failure.Of(err) != failure.ReasonTimeout
	if err != nil {
		return nil, fmt.Errorf("%s: %w", label(u), err)
	}
	next, err := read(ctx, response, u, q, known, reserve, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", label(u), err)
	}
	return next, nil
}

// open connects to the server of a URL.
func (c *Client) open(ctx context.Context, u *url.URL) (net.Conn, error) {
	destination, err := destinationOf(u)
	if err != nil {
		return nil, err
	}
	trace := new(failure.Trace)
	at, ok := c.route.Locate(ctx, trace, destination)
	if !ok {
		return nil, trace.Failure
	}
	conn, ok := c.route.Open(ctx, trace, destination, at.Addrs)
	if !ok {
		return nil, trace.Failure
	}
	if u.Scheme == "http" {
		return conn.Conn, nil
	}
	return c.secure(ctx, conn.Conn, destination)
}

// secure performs the handshake of https.
func (c *Client) secure(ctx context.Context, conn net.Conn, t *target.Target) (net.Conn, error) {
	secure := tls.Client(conn, &tls.Config{ServerName: t.Name(), RootCAs: c.trusted, NextProtos: []string{"http/1.1"}})
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
			err = failure.With(failure.ReasonHTTPSUntrusted, err)
		}
		return nil, err
	}
	return secure, nil
}

// exchange writes the request and reads the header of the response. The error is of the
// connection, or has a reason.
func exchange(conn net.Conn, u *url.URL, q *Request, known validators) (*http.Response, error) {
	request := &http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Close: true, Header: http.Header{
		"User-Agent": {"tls_exporter"}, "Accept-Encoding": {"identity"},
	}}
	if q.Body != nil {
		request.Method, request.Body, request.ContentLength = http.MethodPost, io.NopCloser(bytes.NewReader(q.Body)), int64(len(q.Body))
	}
	for name, value := range map[string]string{"Accept": q.Accept, "Content-Type": q.ContentType, "If-None-Match": known.etag, "If-Modified-Since": known.modified} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	header := &io.LimitedReader{R: conn, N: maxHeader}
	in := bufio.NewReader(header)
	for range maxInterim + 1 {
		response, err := http.ReadResponse(in, request)
		switch {
		case err != nil && header.N <= 0:
			return nil, failure.New(failure.ReasonTooLarge, "the header of the response has more than %d bytes", maxHeader)
		case err != nil && isConnection(err):
			return nil, err
		case err != nil:
			return nil, failure.New(failure.ReasonHTTPProtocol, "the response is not HTTP: %s", text.Quote(err.Error()))
		case response.StatusCode >= 200:
			header.N = math.MaxInt64 // read bounds the content
			return response, nil
		}
	}
	return nil, failure.New(failure.ReasonHTTPProtocol, "more than %d interim responses", maxInterim)
}

// isConnection tells whether the connection ended, rather than that what it brought cannot
// be read.
func isConnection(err error) bool {
	_, ofNet := errors.AsType[net.Error](err)
	return ofNet || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// read reads a response. It returns where that leads; nil: nowhere else.
func read(ctx context.Context, response *http.Response, u *url.URL, q *Request, known validators, reserve reserve, r *result) (*url.URL, error) {
	switch status := response.StatusCode; {
	case status == http.StatusOK:
		return nil, readContent(ctx, response, q, reserve, r)
	case status == http.StatusNotModified && known != validators{}:
		r.unchanged, r.known = response.Header, known
		return nil, nil
	case isRedirect(status, q):
		return follow(u, response.Header.Get("Location"))
	default:
		r.retryAfter = retryAfter(response.Header)
		return nil, failure.With(failure.ReasonHTTPStatus, statusError(response))
	}
}

// isRedirect tells whether the request is to be sent to another URL.
func isRedirect(status int, q *Request) bool {
	switch status {
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		return q.Body == nil
	}
	return false
}

func follow(from *url.URL, location string) (*url.URL, error) {
	relative, err := url.Parse(location)
	if err != nil || location == "" {
		return nil, failure.New(failure.ReasonHTTPProtocol, "a redirect without a valid Location")
	}
	to, err := parseURL(from.ResolveReference(relative).String())
	if err == nil && from.Scheme == "https" && to.Scheme != "https" {
		err = failure.New(failure.ReasonHTTPProtocol, "a redirect from https to %s", to.Scheme)
	}
	return to, err
}

// readContent has the content parsed. Compressed content was not asked for: what it
// expands to is not bounded by its size.
func readContent(ctx context.Context, response *http.Response, q *Request, reserve reserve, r *result) error {
	if coding := response.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return failure.New(failure.ReasonHTTPProtocol, "the content is compressed (%s)", text.Quote(coding))
	}
	if response.ContentLength > q.MaxBytes {
		return tooLarge(q.MaxBytes)
	}
	in := &content{ctx: ctx, in: response.Body, limit: q.MaxBytes, reserve: reserve}
	defer in.release()
	value, err := failure.Try(func() (Value, error) { return q.Parse(in, response.Header) })
	if err == nil {
		err = in.drained()
	}
	switch {
	case isConnection(in.failure): // Parse may have made another error of it
		return in.failure
	case in.failure != nil:
		return failure.WithDefault(failure.ReasonHTTPProtocol, in.failure)
	case err != nil:
		return failure.WithDefault(failure.ReasonBadContent, err)
	}
	r.value, r.known = value, validators{validator(response.Header.Get("ETag")), validator(response.Header.Get("Last-Modified"))}
	return nil
}

// validator is a value that is sent back; empty if it is too long for that.
func validator(value string) string {
	if len(value) > maxValidator {
		return ""
	}
	return value
}

// maxRetryAfter is the longest pause that a server can ask for.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads the seconds of a Retry-After (RFC 9110 section 10.2.3); 0: there are
// none.
func retryAfter(header Header) time.Duration {
	seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}
