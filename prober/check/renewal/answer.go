package renewal

import (
	"encoding/json"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/fetch"
)

// The bounds on what a CA sends, in bytes.
const (
	maxDirectory   = 64 << 10
	maxInfo        = 16 << 10
	maxExplanation = 1 << 10
)

// directory is what is kept of the directory of an ACME server (RFC 8555 section 7.1.1).
type directory struct {
	renewalInfo string // the URL of the resource; empty: the CA does not offer it
}

func (d *directory) Size() int        { return 64 + len(d.renewalInfo) }
func (d *directory) Until() time.Time { return time.Time{} }

// parseDirectory reads a directory. One without newNonce and newOrder, which each has, is
// something else.
func parseDirectory(content io.Reader, _ fetch.Header) (fetch.Value, error) {
	var d struct {
		NewNonce    string `json:"newNonce"`
		NewOrder    string `json:"newOrder"`
		RenewalInfo string `json:"renewalInfo"`
	}
	if err := parseJSON(content, &d); err != nil {
		return nil, failure.New(failure.ReasonBadContent, "the answer is not a directory of an ACME server: %w", err)
	}
	if d.RenewalInfo == "" && (d.NewNonce == "" || d.NewOrder == "") {
		return nil, failure.New(failure.ReasonBadContent, "the answer is not a directory of an ACME server: it has no newNonce and newOrder")
	}
	return &directory{d.RenewalInfo}, nil
}

// info is a RenewalInfo object (RFC 9773 section 4.2).
type info struct {
	start, end  time.Time // of the suggested window
	explanation string    // a URL of http or https; empty: none, or one that is not fit to be shown
	until       time.Time // when to ask again
}

func (i *info) Size() int        { return 160 + len(i.explanation) }
func (i *info) Until() time.Time { return i.until }

// Renewed is the info after the CA answered that it has not changed.
func (i *info) Renewed(header fetch.Header) fetch.Value {
	renewed := *i
	renewed.until = until(header, time.Now())
	return &renewed
}

// parseInfo reads a RenewalInfo object. One whose window does not end after its start is
// to be treated as no answer (RFC 9773 section 4.2).
func parseInfo(content io.Reader, header fetch.Header) (fetch.Value, error) {
	var answer struct {
		Window struct {
			Start time.Time `json:"start"`
			End   time.Time `json:"end"`
		} `json:"suggestedWindow"`
		Explanation string `json:"explanationURL"`
	}
	if err := parseJSON(content, &answer); err != nil {
		return nil, failure.New(failure.ReasonBadContent, "the answer is not a RenewalInfo object: %w", err)
	}
	switch window := answer.Window; {
	case window.Start.IsZero() || window.End.IsZero():
		return nil, failure.New(failure.ReasonBadContent, "the answer is not a RenewalInfo object: it has no suggestedWindow with start and end")
	case !window.End.After(window.Start):
		return nil, failure.New(failure.ReasonBadContent, "the suggestedWindow does not end after its start: %s to %s", window.Start.Format(time.RFC3339), window.End.Format(time.RFC3339))
	}
	return &info{answer.Window.Start.UTC(), answer.Window.End.UTC(), explanation(answer.Explanation), until(header, time.Now())}, nil
}

// parseJSON reads one JSON value and nothing after it.
func parseJSON(content io.Reader, into any) error {
	all, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	return json.Unmarshal(all, into)
}

// explanation returns a URL that can be shown as a link: of http or https, in ASCII, and
// without credentials. It is never followed.
func explanation(s string) string {
	if len(s) > maxExplanation || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || len(u.String()) > maxExplanation {
		return ""
	}
	return u.String()
}

// The bounds on the time after which a CA is asked again (RFC 9773 section 4.3.2), and its
// default (section 4.3.3).
const (
	minWait     = time.Minute
	maxWait     = 24 * time.Hour
	defaultWait = 6 * time.Hour
)

// retryAfter returns how long to wait before the CA is asked again: Retry-After in seconds
// or as a date (RFC 9110 section 10.2.3), within the bounds.
func retryAfter(header fetch.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	wait := defaultWait
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := time.Parse(httpDate, value); err == nil {
		wait = at.Sub(now)
	}
	return max(minWait, min(wait, maxWait))
}

// until returns the end of an answer of now, so that it is asked for again when the CA
// wants it: that time is both the shortest and the longest to wait (RFC 9773 section 4.3).
func until(header fetch.Header, now time.Time) time.Time {
	return now.Add(time.Duration(float64(retryAfter(header, now)) / fetch.RefreshAt))
}

// httpDate is the form of a date in HTTP (RFC 9110 section 5.6.7).
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"
