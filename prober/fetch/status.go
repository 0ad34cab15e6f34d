package fetch

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"

	"tls_exporter/prober/text"
)

// StatusError is an answer with another status than 200.
type StatusError struct {
	Code   int
	Detail string // what the server says about it (RFC 9457), printable and bounded; empty: nothing
}

func (e *StatusError) Error() string {
	message := fmt.Sprintf("the server answered %d %s", e.Code, http.StatusText(e.Code))
	if e.Detail != "" {
		message += ": " + text.Quote(e.Detail)
	}
	return message
}

// maxProblem bounds how much of a problem document is read, and of its detail, in bytes.
const (
	maxProblem = 4 << 10
	maxDetail  = 256
)

// statusError reads the problem document of a response, if it has one (RFC 9457 section
// 3.1).
func statusError(response *http.Response) *StatusError {
	e := &StatusError{Code: response.StatusCode}
	if media, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || media != "application/problem+json" {
		return e
	}
	var problem struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxProblem))
	if err != nil || json.Unmarshal(content, &problem) != nil {
		return e
	}
	if problem.Detail == "" {
		problem.Detail = problem.Title
	}
	e.Detail = text.Printable(problem.Detail, maxDetail)
	return e
}
