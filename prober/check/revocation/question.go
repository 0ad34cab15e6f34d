package revocation

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/url"
	"strings"
	"time"

	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/crl"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/fetch"
	"tls_exporter/prober/identity"
	"tls_exporter/prober/text"
)

// question asks one source about one certificate.
type question struct {
	*Options
	from         *fetch.Client
	source       certstatus.Source
	cert, issuer *x509.Certificate
}

// maxURLs is how many URLs of a certificate are tried, in their order. Certificates have
// one, seldom two.
const maxURLs = 4

// answer tries the URLs of the certificate until one proves something. A panic, which the
// content may cause, is an answer that is unavailable.
func (q *question) answer(ctx context.Context) Answer {
	best, err := failure.Try(func() (Answer, error) { return q.bestOf(ctx, q.urls()), nil })
	if err != nil {
		best = q.unavailable("", err)
	}
	return best
}

// urls are those that the certificate names for the source.
func (q *question) urls() []string {
	if q.source == certstatus.OCSP {
		return q.cert.OCSPServer
	}
	return q.cert.CRLDistributionPoints
}

// crlDistributionPoints is the extension of RFC 5280 section 4.2.1.13.
const crlDistributionPoints = "2.5.29.31"

func (q *question) bestOf(ctx context.Context, urls []string) Answer {
	if len(urls) == 0 {
		none := Answer{Answer: certstatus.Answer{Source: q.source, Status: certstatus.NotOffered}}
		if q.source == certstatus.CRL && has(q.cert, crlDistributionPoints) {
			none = q.unavailable("", failure.New(failure.ReasonBadURL, "the certificate names a CRL without a URL"))
		}
		return none
	}
	var best Answer
	for i, url := range urls[:min(len(urls), maxURLs)] {
		a := q.ask(ctx, url)
		if i == 0 || weight(&a) > weight(&best) {
			best = a
		}
		if a.Status == certstatus.Good || a.Status == certstatus.Revoked {
			break
		}
	}
	return best
}

// weight orders the answers of several URLs by how much they tell.
func weight(a *Answer) int {
	switch a.Status {
	case certstatus.Revoked:
		return 6
	case certstatus.Good:
		return 5
	case certstatus.Unknown:
		return 4
	case certstatus.Expired:
		return 3
	case certstatus.Invalid:
		return 2
	}
	if a.Reason == failure.ReasonBadURL {
		return 0
	}
	return 1
}

// ask judges what is kept of one URL, or downloaded.
func (q *question) ask(ctx context.Context, url string) Answer {
	request := q.crlRequest(url)
	if q.source == certstatus.OCSP {
		request = q.ocspRequest(url)
	}
	got := q.from.Get(ctx, request)
	if got.Value == nil {
		return q.unavailable(url, got.Failure)
	}
	a := Answer{Answer: q.judge(got.Value, url), URL: url, Checked: got.At}
	if got.Failure != nil {
		a.Refresh = text.Line(got.Failure.Error(), maxDetail)
	}
	return a
}

// maxDetail bounds a sentence about a failure, in characters.
const maxDetail = 300

// unavailable is the answer without a value: invalid where the CA sent something that is
// none.
func (q *question) unavailable(url string, err error) Answer {
	a := Answer{Answer: certstatus.Answer{Source: q.source, Status: certstatus.Unavailable, Reason: failure.Of(err), Detail: text.Line(err.Error(), maxDetail)}, URL: url}
	if a.Reason == failure.ReasonBadContent {
		a.Status, a.Reason = certstatus.Invalid, ""
	}
	return a
}

func (q *question) judge(v fetch.Value, url string) certstatus.Answer {
	now := time.Now()
	if response, ok := v.(*ocspResponse); ok {
		return certstatus.JudgeOCSP(response.der, q.cert, q.issuer, now)
	}
	return v.(*list).Judge(q.cert, q.issuer, url, now)
}

// issuerKind identifies the issuer, by which what is downloaded is judged.
func (q *question) issuerKind() string {
	id := identity.Of(string(q.source), q.issuer.Raw)
	return string(id[:])
}

// list is a CRL.
type list struct{ *crl.List }

// Until is when the CA promised another one.
func (l *list) Until() time.Time { return l.NextUpdate }

// crlTimeout is how long the download of a CRL may take: 100 MB at 7 Mbit/s.
const crlTimeout = 2 * time.Minute

func (q *question) crlRequest(url string) *fetch.Request {
	return &fetch.Request{
		URL: url, Accept: "application/pkix-crl", MaxBytes: q.maxBytes(), Kind: q.issuerKind(), MaxAge: q.maxAge(), Timeout: crlTimeout,
		Parse: func(content io.Reader, _ fetch.Header) (fetch.Value, error) {
			read, err := crl.Read(content, q.issuer)
			if err != nil {
				return nil, err
			}
			return &list{read}, nil
		},
	}
}

// ocspResponse is an OCSP response that is readable, about the certificate, and signed by
// who may.
type ocspResponse struct {
	der   []byte
	until time.Time
}

// Size is fetch.Value's.
func (r *ocspResponse) Size() int { return 100 + len(r.der) }

// Until is when newer information will be there.
func (r *ocspResponse) Until() time.Time { return r.until }

// maxGET is the length of the longest URL of a request by GET, in bytes (RFC 5019 section
// 5; RFC 6960 appendix A.1).
const maxGET = 255

func (q *question) ocspRequest(responder string) *fetch.Request {
	der := certstatus.RequestOCSP(q.cert, q.issuer)
	r := &fetch.Request{
		URL: responder, Body: der, ContentType: "application/ocsp-request", Accept: "application/ocsp-response",
		MaxBytes: certstatus.MaxResponse, Kind: q.issuerKind(), MaxAge: q.maxAge(), Parse: q.readOCSP,
	}
	get := strings.TrimSuffix(responder, "/") + "/" + url.QueryEscape(base64.StdEncoding.EncodeToString(der))
	if len(get) <= maxGET && !strings.ContainsAny(responder, "?#") {
		r.URL, r.Body, r.ContentType = get, nil, ""
	}
	return r
}

// readOCSP reads a response. One that proves nothing is an error, so that it does not
// replace one that does.
func (q *question) readOCSP(content io.Reader, _ fetch.Header) (fetch.Value, error) {
	der, err := io.ReadAll(content)
	if err != nil {
		return nil, err
	}
	a := certstatus.JudgeOCSP(der, q.cert, q.issuer, time.Now())
	if a.Status == certstatus.Invalid {
		return nil, failure.New(failure.ReasonBadContent, "%s", a.Detail)
	}
	return &ocspResponse{der, a.NextUpdate}, nil
}
