// Package acme is the part of the test lab that tells when to renew a certificate: an HTTP
// server with the directory of an ACME server (RFC 8555) and its renewal information (RFC
// 9773), with every fault that such servers have.
//
//	server, err := acme.Start(lab)
//	server.Set(acme.Any, acme.Info{Start: start, End: end})
package acme

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"tls_exporter/prober/tlstest"
)

// Server is an ACME server. Its methods are safe for concurrent use.
type Server struct {
	URL string // without a path

	mu        sync.Mutex
	infos     map[string]Info // by certID
	directory *Page           // nil: the usual one
	requests  map[string]int  // by path
}

// Info is what the CA says about a certificate.
type Info struct {
	Start, End  time.Time
	Explanation string // URL; empty: none
	RetryAfter  string // the header; empty: none
	Page        *Page  // sent instead; nil: a RenewalInfo object
}

// Page is any answer.
type Page struct {
	Status   int    // 0: 200
	Type     string // of the content; empty: application/json
	Content  string
	Location string // of a redirect; empty: none
	Retry    string // Retry-After; empty: none
}

// Any stands for every certificate without an Info of its own.
const Any = ""

// Start starts an ACME server, which does not know any certificate. It ends with the lab.
func Start(lab *tlstest.Lab) (*Server, error) {
	s := newServer()
	addr, err := lab.Start(tlstest.Server{Accept: s.serve})
	s.URL = "http://" + addr
	return s, err
}

// StartTLS is Start with https. The certificate is of the lab.
func StartTLS(lab *tlstest.Lab) (*Server, error) {
	s := newServer()
	addr, err := lab.Start(tlstest.Server{Inside: s.serve})
	s.URL = "https://" + addr
	return s, err
}

func newServer() *Server {
	return &Server{infos: make(map[string]Info), requests: make(map[string]int)}
}

// The paths of a Server.
const (
	directoryPath = "/directory"
	renewalPath   = "/renewal-info"
)

// Directory is the URL of the directory.
func (s *Server) Directory() string { return s.URL + directoryPath }

// Set sets what the CA says about a certificate, or about Any.
func (s *Server) Set(certID string, info Info) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.infos[certID] = info
}

// SetDirectory sets what is sent instead of the directory.
func (s *Server) SetDirectory(page Page) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.directory = &page
}

// Requests returns how often the directory and renewal information were requested.
func (s *Server) Requests() (directory, renewal int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for path, n := range s.requests {
		if path == directoryPath {
			directory += n
		} else {
			renewal += n
		}
	}
	return directory, renewal
}

// serve answers one request. A client that does not send one gets nothing.
func (s *Server) serve(_ context.Context, c net.Conn) {
	request, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	page := s.page(request.URL.Path)
	response := &http.Response{
		StatusCode: cmp.Or(page.Status, http.StatusOK), ProtoMajor: 1, ProtoMinor: 1, Close: true, Request: request,
		Header: http.Header{"Content-Type": {cmp.Or(page.Type, "application/json")}}, Body: io.NopCloser(strings.NewReader(page.Content)), ContentLength: int64(len(page.Content)),
	}
	for name, value := range map[string]string{"Location": page.Location, "Retry-After": page.Retry} {
		if value != "" {
			response.Header.Set(name, value)
		}
	}
	response.Write(c) // the client may have gone
}

// page is the answer to a request.
func (s *Server) page(path string) Page {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[path]++
	if path == directoryPath {
		if s.directory != nil {
			return *s.directory
		}
		return object(map[string]any{
			"newNonce": s.URL + "/new-nonce", "newAccount": s.URL + "/new-account", "newOrder": s.URL + "/new-order", "renewalInfo": s.URL + renewalPath,
			"meta": map[string]any{"website": "https://lab.test"},
		})
	}
	certID, ok := strings.CutPrefix(path, renewalPath+"/")
	info, known := s.infos[certID]
	if !known {
		info, known = s.infos[Any]
	}
	if !ok || !known {
		return Problem(http.StatusNotFound, "urn:ietf:params:acme:error:malformed", "Certificate not found")
	}
	return info.page()
}

func (i Info) page() Page {
	if i.Page != nil {
		return *i.Page
	}
	content := map[string]any{"suggestedWindow": map[string]string{"start": i.Start.Format(time.RFC3339), "end": i.End.Format(time.RFC3339)}}
	if i.Explanation != "" {
		content["explanationURL"] = i.Explanation
	}
	page := object(content)
	page.Retry = i.RetryAfter
	return page
}

// Problem is a problem document (RFC 9457), as ACME servers send it with an error.
func Problem(status int, kind, detail string) Page {
	page := object(map[string]any{"type": kind, "detail": detail, "status": status})
	page.Status, page.Type = status, "application/problem+json"
	return page
}

func object(content map[string]any) Page {
	encoded, err := json.Marshal(content)
	if err != nil {
		panic(err) // of strings and numbers
	}
	return Page{Content: string(encoded)}
}
