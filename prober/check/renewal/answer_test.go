package renewal

import (
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/fetch"
)

// After how long a CA is asked again.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              6 * time.Hour,
		"soon":                          6 * time.Hour,
		"-5":                            6 * time.Hour,
		"21600":                         6 * time.Hour,
		"7200":                          2 * time.Hour,
		"0":                             time.Minute,
		"59":                            time.Minute,
		"86401":                         24 * time.Hour,
		"4294967295":                    24 * time.Hour,
		"99999999999":                   6 * time.Hour,
		"Fri, 20 Nov 2026 15:00:00 GMT": 3 * time.Hour,
		"Fri, 20 Nov 2026 11:00:00 GMT": time.Minute,
		"Sun, 20 Nov 2033 15:00:00 GMT": 24 * time.Hour,
	} {
		header := textproto.MIMEHeader{"Retry-After": {value}}
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
		// A value is asked for again at a share of its time.
		if got := time.Duration(float64(until(header, now).Sub(now)) * fetch.RefreshAt); got != want {
			t.Errorf("%q: asked again after %s, want %s", value, got, want)
		}
	}
}

// An answer that has not changed is asked for again when its new header says.
func TestRenewed(t *testing.T) {
	old := &info{start: time.Unix(1, 0), end: time.Unix(2, 0), explanation: "https://ca.test/", until: time.Unix(3, 0)}
	before := time.Now()
	renewed := old.Renewed(textproto.MIMEHeader{"Retry-After": {"3600"}}).(*info)
	if renewed.start != old.start || renewed.end != old.end || renewed.explanation != old.explanation || renewed.until.Before(before.Add(time.Hour)) || !old.until.Equal(time.Unix(3, 0)) {
		t.Errorf("%+v became %+v", old, renewed)
	}
}

// FuzzParseInfo checks that what is kept of any answer is a window and a link that can be
// shown, and that the answer is asked for again within the bounds.
func FuzzParseInfo(f *testing.F) {
	for _, seed := range []string{
		`{"suggestedWindow": {"start": "2025-01-02T04:00:00Z", "end": "2025-01-03T04:00:00Z"}, "explanationURL": "https://acme.example.com/docs/ari"}`,
		`{"suggestedWindow": {"start": "0000-01-01T00:00:00Z", "end": "9999-12-31T23:59:59.999999999+23:59"}}`,
		`{"suggestedWindow": {"start": null, "end": 5}}`, `{"explanationURL": "javascript:alert(1)"}`, `[[[[`, ``,
	} {
		f.Add(seed, "21600")
	}
	f.Fuzz(func(t *testing.T, content, retry string) {
		before := time.Now()
		value, err := parseInfo(strings.NewReader(content), textproto.MIMEHeader{"Retry-After": {retry}})
		if err != nil {
			if failure.Of(err) != failure.ReasonBadContent {
				t.Errorf("error is %v", err)
			}
			return
		}
		i := value.(*info)
		if !i.end.After(i.start) || len(i.explanation) > maxExplanation {
			t.Errorf("%+v", i)
		}
		if wait := i.until.Sub(before); wait < minWait || wait > 2*maxWait {
			t.Errorf("asked again after %s", wait)
		}
		if u, err := url.Parse(i.explanation); i.explanation != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || strings.ContainsAny(i.explanation, " \"<>\n\\")) {
			t.Errorf("the explanation is %q", i.explanation)
		}
	})
}

// FuzzParseDirectory checks that any content is a directory or an error with a reason.
func FuzzParseDirectory(f *testing.F) {
	for _, seed := range []string{`{"newNonce": "a", "newOrder": "b", "renewalInfo": "https://ca.test/ari"}`, `{"renewalInfo": 5}`, `{}`, `<html>`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		value, err := parseDirectory(strings.NewReader(content), textproto.MIMEHeader{})
		if (err == nil) != (value != nil) || err != nil && failure.Of(err) != failure.ReasonBadContent {
			t.Errorf("%v, %v", value, err)
		}
	})
}
