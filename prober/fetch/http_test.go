package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tls_exporter/prober/connect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// words is content that was read.
type words string

func (w words) Size() int        { return len(w) }
func (w words) Until() time.Time { return time.Time{} }

var errNotWords = errors.New("not words")

// readWords accepts content that begins with "words".
func readWords(in io.Reader, _ Header) (Value, error) {
	all, err := io.ReadAll(in)
	if err == nil && !bytes.HasPrefix(all, []byte("words")) {
		err = errNotWords
	}
	return words(all), err
}

// limit is the size of the largest content, in bytes. It needs a reservation.
const limit = smallContent + 1000

func request(url string) *Request {
	return &Request{URL: url, MaxBytes: limit, Kind: "words", Parse: readWords, Accept: "text/words"}
}

func newClient(t *testing.T, policy guard.Policy, change func(*connect.Options)) *Client {
	t.Helper()
	store := NewStore()
	t.Cleanup(store.Close)
	return clientOf(t, store, policy, change)
}

func clientOf(t *testing.T, store *Store, policy guard.Policy, change func(*connect.Options)) *Client {
	t.Helper()
	o := connect.Options{IPProtocol: resolve.AnyIP, ProxyProtocol: "v1"}
	if change != nil {
		change(&o)
	}
	c, err := New(store, o, guard.New(policy, new(guard.Listeners)), nil, [16]byte{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// raw starts a server that sends bytes to each connection, and then holds it until the
// client closes it.
func raw(t *testing.T, lab *tlstest.Lab, write func(w io.Writer) error) string {
	return "http://" + labtest.Serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		buffer := make([]byte, 4096)
		c.Read(buffer)
		if write(c) == nil {
			io.Copy(io.Discard, c)
		}
	}})
}

func saying(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// endless sends a beginning, and then the rest again and again.
func endless(begin, rest string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, begin)
		for chunk := strings.Repeat(rest, 1000); err == nil; {
			_, err = io.WriteString(w, chunk)
		}
		return err
	}
}

var errClose = errors.New("close the connection")

func closing(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		io.WriteString(w, s)
		return errClose
	}
}

// Every answer of a server is a value, or a failure with a reason.
func TestAnswers(t *testing.T) {
	lab := labtest.Lab(t)
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	io.CopyN(zip, strings.NewReader(strings.Repeat("words ", 10<<20)), 60<<20)
	zip.Close()
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, test := range []struct {
		name   string
		answer func(io.Writer) error
		reason failure.Reason // empty: a value
	}{
		{"words", saying(ok + "Content-Length: 5\r\n\r\nwords"), ""},
		{"until the end of the connection", closing("HTTP/1.0 200 OK\r\n\r\nwords"), ""},
		{"in chunks", saying(ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nwor\r\n2\r\nds\r\n0\r\n\r\n"), ""},
		{"after early hints", saying("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok + "Content-Length: 5\r\n\r\nwords"), ""},
		{"of the largest size", saying(ok + fmt.Sprintf("Content-Length: %d\r\n\r\n", limit) + strings.Repeat("words ", 1<<20)[:limit]), ""},

		{"404", saying("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nwords"), failure.ReasonHTTPStatus},
		{"204", saying("HTTP/1.1 204 No Content\r\n\r\n"), failure.ReasonHTTPStatus},
		{"206", saying("HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\nwords"), failure.ReasonHTTPStatus},
		{"304 that was not asked for", saying("HTTP/1.1 304 Not Modified\r\n\r\n"), failure.ReasonHTTPStatus},
		{"HTML", saying(ok + "Content-Length: 6\r\n\r\n<html>"), failure.ReasonBadContent},
		{"nothing", saying(ok + "Content-Length: 0\r\n\r\n"), failure.ReasonBadContent},
		{"one byte too many", saying(ok + fmt.Sprintf("Content-Length: %d\r\n\r\n", limit+1) + strings.Repeat("words ", 1<<20)[:limit+1]), failure.ReasonTooLarge},
		{"one byte too many, of unknown length", closing(ok + "\r\n" + strings.Repeat("words ", 1<<20)[:limit+1]), failure.ReasonTooLarge},
		{"an endless content", endless(ok+"\r\nwords", "words"), failure.ReasonTooLarge},
		{"endless chunks", endless(ok+"Transfer-Encoding: chunked\r\n\r\n", "5\r\nwords\r\n"), failure.ReasonTooLarge},
		{"endless chunks of a byte", endless(ok+"Transfer-Encoding: chunked\r\n\r\n5\r\nwords\r\n", "1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\nw\r\n"), failure.ReasonHTTPProtocol},
		{"an endless header", endless(ok, "X-Words: words\r\n"), failure.ReasonTooLarge},
		{"an endless line", endless(ok+"X-Words: ", "words"), failure.ReasonTooLarge},
		{"endless interim responses", endless("", "HTTP/1.1 103 Early Hints\r\n\r\n"), failure.ReasonHTTPProtocol},
		{"a content that ends early", closing(ok + "Content-Length: 50\r\n\r\nwords"), failure.ReasonClosed},
		{"chunks that end early", closing(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nwords\r\n"), failure.ReasonClosed},
		{"a header that ends early", closing(ok + "Content-Le"), failure.ReasonHTTPProtocol},
		{"closed", closing(""), failure.ReasonClosed},
		{"not HTTP", saying("220 mail.example.com ESMTP\r\n"), failure.ReasonHTTPProtocol},
		{"TLS", saying("\x15\x03\x01\x00\x02\x02\x50\r\n"), failure.ReasonHTTPProtocol},
		{"compressed", func(w io.Writer) error {
			_, err := io.WriteString(w, ok+fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", bomb.Len())+bomb.String())
			return err
		}, failure.ReasonHTTPProtocol},
		{"a redirect to nowhere", saying("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), failure.ReasonHTTPProtocol},
		{"a redirect to a file", saying("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"), failure.ReasonBadURL},
		{"a redirect with credentials", saying("HTTP/1.1 302 Found\r\nLocation: http://user:secret@127.0.0.1/\r\n\r\n"), failure.ReasonBadURL},
		{"a redirect to a denied address", saying("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\n\r\n"), failure.ReasonDenied},
		{"a redirect loop", saying("HTTP/1.1 301 Moved\r\nLocation: /again\r\n\r\n"), failure.ReasonHTTPProtocol},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := get(t, newClient(t, guard.Policy{}, nil), request(raw(t, lab, test.answer)))
			switch {
			case test.reason == "" && (a.Failure != nil || !strings.HasPrefix(string(a.Value.(words)), "words")):
				t.Error(a.Failure)
			case test.reason != "" && (failure.Of(a.Failure) != test.reason || a.Value != nil):
				t.Errorf("%v (%s), want %s", a.Failure, failure.Of(a.Failure), test.reason)
			case a.Failure != nil && (strings.Contains(a.Failure.Error(), "secret") || len(a.Failure.Error()) > 500):
				t.Errorf("the message is %s", a.Failure)
			}
		})
	}
}

// get waits until the download has ended, however busy the machine is.
func get(t *testing.T, c *Client, q *Request) Answer {
	t.Helper()
	for {
		a := c.Get(within(t, time.Minute), q)
		if a.Failure == nil || failure.Of(a.Failure) != failure.ReasonPending || t.Context().Err() != nil {
			return a
		}
		runtime.Gosched()
	}
}

// A URL is followed if it is http or https, without credentials.
func TestURLs(t *testing.T) {
	for _, test := range []struct{ url, canonical string }{
		{"http://crl.example.com/a.crl", "http://crl.example.com/a.crl"},
		{"HTTP://CRL.example.com:80/a.crl#x", "http://crl.example.com/a.crl"},
		{"https://bücher.example:443/?a=b", "https://xn--bcher-kva.example/?a=b"},
		{"https://a.example:8443", "https://a.example:8443"},
		{"http://[2001:DB8::1]/x", "http://[2001:db8::1]/x"},
		{"http://[2001:DB8::1]:81/x", "http://[2001:db8::1]:81/x"},
		{"http://192.0.2.7/x", "http://192.0.2.7/x"},

		{"ldap://ldap.example.com/cn=CA", ""},
		{"file:///etc/passwd", ""},
		{"ftp://a.example/x", ""},
		{"//a.example/x", ""},
		{"a.example/x", ""},
		{"http:opaque", ""},
		{"http:///x", ""},
		{"http://user@a.example/x", ""},
		{"http://user:secret@a.example/x", ""},
		{"http://a.example:0/x", ""},
		{"http://a.example:99999/x", ""},
		{"http://a b.example/x", ""},
		{"http://a.example/\r\nX: y", ""},
		{"http://1.2.3/x", ""},
		{"http://a.example/" + strings.Repeat("x", maxURL), ""},
		{"", ""},
	} {
		u, err := parseURL(test.url)
		switch {
		case err == nil && u.String() != test.canonical:
			t.Errorf("%q is %q", test.url, u)
		case err != nil && (test.canonical != "" || failure.Of(err) != failure.ReasonBadURL || strings.Contains(err.Error(), "secret")):
			t.Errorf("%q: %v", test.url, err)
		}
	}
}

// counting is a server that counts its requests.
func counting(t *testing.T, handle http.HandlerFunc) (url string, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

// What is sent: a request that closes its connection, with the validators of the value
// that is kept.
func TestRequests(t *testing.T) {
	url, requests := counting(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got := fmt.Sprint(r.Method, " ", r.URL, " ", string(body), " ", r.ContentLength, r.Close, r.Header["Accept"], r.Header["Accept-Encoding"], r.Header["User-Agent"], r.Header["Content-Type"])
		want := "GET /a%20b?c  0 true [text/words] [identity] [tls_exporter] []"
		if r.Method == "POST" {
			want = "POST /post question 8 true [text/words] [identity] [tls_exporter] [text/plain]"
		}
		if got != want {
			t.Errorf("the request is %s, want %s", got, want)
		}
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", "Mon, 02 Nov 2026 08:00:00 GMT")
		if r.Header.Get("If-None-Match") == `"1"` && r.Header.Get("If-Modified-Since") == "Mon, 02 Nov 2026 08:00:00 GMT" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, "words")
	})
	client := newClient(t, guard.Policy{}, nil)
	post := request(url + "/post")
	post.Body, post.ContentType = []byte("question"), "text/plain"
	for _, q := range []*Request{request(url + "/a%20b?c"), post} {
		if a := get(t, client, q); a.Failure != nil || a.Value != words("words") {
			t.Errorf("%v %v", a.Value, a.Failure)
		}
	}
	u, _ := parseURL(url + "/a%20b?c")
	r := client.download(within(t, time.Minute), u, request(url), validators{`"1"`, "Mon, 02 Nov 2026 08:00:00 GMT"}, nil)
	if r.failure != nil || r.unchanged == nil || r.known.etag != `"1"` || requests.Load() != 3 {
		t.Errorf("%+v", r)
	}
}

// Redirects are followed: three, from https to https alone, and with a body only where the
// status keeps the method.
func TestRedirects(t *testing.T) {
	lab := labtest.Lab(t)
	url, _ := counting(t, func(w http.ResponseWriter, r *http.Request) {
		var status, more int
		if n, _ := fmt.Sscanf(r.URL.Path, "/%d/%d", &status, &more); n == 2 && more > 0 {
			http.Redirect(w, r, fmt.Sprintf("/%d/%d", status, more-1), status)
			return
		}
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, "words "+r.Method+" "+string(body))
	})
	for _, test := range []struct {
		path, body, want string
	}{
		{"/301/1", "", "words GET "},
		{"/302/1", "", "words GET "},
		{"/303/1", "", "words GET "},
		{"/307/1", "", "words GET "},
		{"/308/3", "", "words GET "},
		{"/308/4", "", ""},
		{"/307/1", "x", "words POST x"},
		{"/308/1", "x", "words POST x"},
		{"/301/1", "x", ""},
		{"/302/1", "x", ""},
		{"/303/1", "x", ""},
		{"/300/1", "", ""},
	} {
		q := request(url + test.path)
		if test.body != "" {
			q.Body = []byte(test.body)
		}
		a := get(t, newClient(t, guard.Policy{}, nil), q)
		if got, _ := a.Value.(words); string(got) != test.want || (a.Failure == nil) != (test.want != "") {
			t.Errorf("%s with %q: %q, %v", test.path, test.body, got, a.Failure)
		}
	}
	downgrade := labtest.Serve(t, lab, tlstest.Server{Inside: func(_ context.Context, c net.Conn) {
		c.Read(make([]byte, 4096))
		io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: "+url+"\r\n\r\n")
	}})
	client := newClient(t, guard.Policy{}, nil)
	client.trusted = rootsOf(lab)
	if a := get(t, client, request("https://"+downgrade)); failure.Of(a.Failure) != failure.ReasonHTTPProtocol {
		t.Errorf("from https to http: %v", a.Failure)
	}
}

// The certificate of an https server has to be valid for the module's roots.
func TestHTTPS(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{Inside: func(_ context.Context, c net.Conn) {
		c.Read(make([]byte, 4096))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwords")
	}})
	client := newClient(t, guard.Policy{}, nil)
	if a := get(t, client, request("https://"+addr)); failure.Of(a.Failure) != failure.ReasonHTTPSUntrusted {
		t.Errorf("with other roots: %v", a.Failure)
	}
	client = newClient(t, guard.Policy{}, nil)
	client.trusted = rootsOf(lab)
	if a := get(t, client, request("https://"+addr)); a.Value != words("words") {
		t.Errorf("with the lab's root: %v", a.Failure)
	}
}

// 200 askers cause one request. Clients with another proxy or another policy do not share
// what is kept; those with the same do, as after a reload.
func TestSharing(t *testing.T) {
	url, requests := counting(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "words") })
	lab := labtest.Lab(t)
	var proxy connect.ProxyURL
	if err := proxy.UnmarshalText([]byte("http://" + labtest.Serve(t, lab, tlstest.Server{Accept: tlstest.HTTPProxy{}.Serve}))); err != nil {
		t.Fatal(err)
	}
	store := NewStore()
	t.Cleanup(store.Close)
	for _, test := range []struct {
		name   string
		client *Client
		want   int64 // requests so far
	}{
		{"the first", clientOf(t, store, guard.Policy{}, nil), 1},
		{"after a reload", clientOf(t, store, guard.Policy{}, nil), 1},
		{"another STARTTLS name", clientOf(t, store, guard.Policy{}, func(o *connect.Options) { o.StartTLSName = "a.example" }), 1},
		{"a proxy", clientOf(t, store, guard.Policy{}, func(o *connect.Options) { o.ProxyURL = proxy }), 2},
		{"another policy", clientOf(t, store, guard.Policy{Deny: []guard.Rule{{Host: "a.example"}}}, nil), 3},
	} {
		var group sync.WaitGroup
		for range 200 {
			group.Go(func() {
				if a := get(t, test.client, request(url)); a.Value != words("words") {
					t.Errorf("%s: %v", test.name, a.Failure)
				}
			})
		}
		group.Wait()
		if got := requests.Load(); got != test.want {
			t.Errorf("%s: %d requests, want %d", test.name, got, test.want)
		}
	}
}

// The policy applies to the host of a URL as to a target. Nothing is sent to one that it
// denies, and nobody is asked while nothing listens.
func TestNothingIsSent(t *testing.T) {
	lab := labtest.Lab(t)
	url, requests := counting(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "words") })
	var loopback guard.CIDR
	if err := loopback.UnmarshalText([]byte("127.0.0.0/8")); err != nil {
		t.Fatal(err)
	}
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused.Close()
	for _, test := range []struct {
		name   string
		url    string
		policy guard.Policy
		change func(*connect.Options)
		reason failure.Reason
	}{
		{"denied", url, guard.Policy{Deny: []guard.Rule{{CIDR: loopback}}}, nil, failure.ReasonDenied},
		{"not allowed", url, guard.Policy{Allow: []guard.Rule{{Host: "a.example"}}}, nil, failure.ReasonDenied},
		{"refused", "http://" + refused.Addr().String(), guard.Policy{}, nil, failure.ReasonRefused},
		{"no such name", "http://nothing.example", guard.Policy{}, func(o *connect.Options) { o.Resolver = labtest.DNS(t, lab, nil) }, failure.ReasonNXDOMAIN},
		{"no resolver", "http://nothing.example", guard.Policy{}, func(o *connect.Options) { o.Resolver = target.HostPort(refused.Addr().String()) }, failure.ReasonDNSFailure},
	} {
		client := newClient(t, test.policy, test.change)
		for range 3 {
			if a := get(t, client, request(test.url)); failure.Of(a.Failure) != test.reason {
				t.Errorf("%s: %v (%s)", test.name, a.Failure, failure.Of(a.Failure))
			}
		}
		if n := client.store.Counts().Failure.Load(); n != 1 || requests.Load() != 0 {
			t.Errorf("%s: tried %d times, %d requests", test.name, n, requests.Load())
		}
	}
}

func rootsOf(lab *tlstest.Lab) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(lab.Root.Certificate)
	return pool
}
