package fetch

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
)

// What a server says about an error is quoted, if it is a problem document.
func TestProblemDocuments(t *testing.T) {
	const problem = "application/problem+json; charset=utf-8"
	for _, test := range []struct {
		name, media, content string
		want                 string
	}{
		{"a detail", problem, `{"type": "urn:x", "title": "gone", "detail": "Certificate not found"}`, `the server answered 404 Not Found: "Certificate not found"`},
		{"a title alone", problem, `{"title": "gone"}`, `the server answered 404 Not Found: "gone"`},
		{"a detail of several lines", problem, `{"detail": "a\nb\u202e"}`, `the server answered 404 Not Found: "a\ufffdb\ufffd"`},
		{"a long detail", problem, `{"detail": "` + strings.Repeat("x", 1000) + `"}`, `the server answered 404 Not Found: "` + strings.Repeat("x", 80) + `"...`},
		{"a larger document", problem, `{"detail": "` + strings.Repeat("x", maxProblem) + `"}`, `the server answered 404 Not Found`},
		{"no JSON", problem, `<html>`, `the server answered 404 Not Found`},
		{"another type", "text/html", `{"detail": "x"}`, `the server answered 404 Not Found`},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", test.media)
			w.WriteHeader(http.StatusNotFound)
			w.Write([]byte(test.content))
		}))
		a := get(t, newClient(t, guard.Policy{}, nil), request(server.URL))
		server.Close()
		if status, ok := errors.AsType[*StatusError](a.Failure); !ok || status.Code != 404 || failure.Of(a.Failure) != failure.ReasonHTTPStatus || !strings.HasSuffix(a.Failure.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.name, a.Failure, test.want)
		}
	}
}
