package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
)

// A client may have as many slots as are left for the others, and so may a target.
func TestLimit(t *testing.T) {
	for _, test := range []struct {
		name     string
		most     int
		requests string // a letter for each client, or target
		got      string // upper case: it got a slot
	}{
		{"one slot", 1, "AAB", "Aab"},
		{"one alone", 8, "AAAAAA", "AAAAaa"},
		{"two", 9, "AAAAAABBBBBB", "AAAAAaBBbbbb"},
		{"two in turn", 9, "ABABABABAB", "ABABABabab"},
		{"the last of three", 8, "AAAABBBC", "AAAABBbC"},
	} {
		for kind, holders := range map[string]func(one rune, i int) (client, target string){
			"clients": func(one rune, i int) (string, string) { return fmt.Sprintf("192.0.2.%d:1", one), fmt.Sprint(i) },
			"targets": func(one rune, i int) (string, string) { return fmt.Sprintf("192.0.2.%d:1", i), string(one) },
		} {
			t.Run(test.name+" of the "+kind, func(t *testing.T) {
				l := newLimit(test.most)
				var got strings.Builder
				var leaves []func()
				for i, one := range test.requests {
					word := string(one)
					client, target := holders(one, i)
					if leave := l.enter(clientOf(client), target); leave != nil {
						leaves = append(leaves, leave)
					} else {
						word = strings.ToLower(word)
					}
					got.WriteString(word)
				}
				if got.String() != test.got {
					t.Errorf("got %s, want %s", &got, test.got)
				}
				for _, leave := range leaves {
					leave()
				}
				if l.free != test.most || len(l.held) != 0 {
					t.Errorf("at the end %d of %d are free, and %v are held", l.free, test.most, l.held)
				}
			})
		}
	}
}

func TestClientOf(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.7:1":              "192.0.2.7/32",
		"[::ffff:192.0.2.7]:1":     "192.0.2.7/32",
		"[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1":         "fe80::/64",
		"@":                        "invalid Prefix",
		"":                         "invalid Prefix",
	} {
		if got := clientOf(remote).String(); got != want {
			t.Errorf("%s is %s, want %s", remote, got, want)
		}
	}
}

// from is a client with this local address.
func from(t *testing.T, addr string) *http.Client {
	transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}).DialContext, DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Probes in flight hold their slots. A request above the share of its client, or of its
// target, gets 503; others are answered. Slots that are released can be used again.
func TestTooMany(t *testing.T) {
	lab := newLab(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	silent := func() string {
		return serve(t, lab, tlstest.Server{Accept: func(ctx context.Context, _ net.Conn) {
			select {
			case arrived <- struct{}{}:
			case <-release: // closed for later connections
			}
			select {
			case <-release:
			case <-ctx.Done():
			}
		}})
	}
	popular, first, second := silent(), silent(), silent()
	e, err := New(Options{
		Load: labConfig(t, lab, ""), Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), MaxConcurrent: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	e.Register(mux)
	mux.Handle("GET /inspect", e.Inspect(plainViewer{}))
	server := httptest.NewServer(mux)
	defer server.Close()
	greedy, other := from(t, "127.0.0.1"), from(t, "127.0.0.2")
	ask := func(client *http.Client, path, target string) int {
		response, err := client.Get(server.URL + path + "?target=" + target)
		if err != nil {
			t.Error(err)
			return 0
		}
		response.Body.Close()
		if after := response.Header.Get("Retry-After"); (after != "") != (response.StatusCode == http.StatusServiceUnavailable) {
			t.Errorf("%d with Retry-After %q", response.StatusCode, after)
		}
		return response.StatusCode
	}

	var waiting sync.WaitGroup
	hold := func(client *http.Client, target string) {
		answered := make(chan struct{})
		waiting.Go(func() {
			defer close(answered)
			if status := ask(client, "/probe", target); status != http.StatusOK {
				t.Errorf("a probe that was held: %d", status)
			}
		})
		select {
		case <-arrived:
		case <-answered:
		}
	}
	rejected := func(who string, client *http.Client, path, target string) {
		if status := ask(client, path, target); status != http.StatusServiceUnavailable {
			t.Errorf("%s, %s: %d", who, path, status)
		}
	}
	hold(greedy, popular)
	hold(greedy, popular)
	rejected("a client above its share", greedy, "/probe", first)
	rejected("a client above its share", greedy, "/inspect", first)
	rejected("another client, for a target above its share", other, "/probe", popular)
	hold(other, first)
	rejected("the other client above its share", other, "/probe", second)
	if got := testutil.ToFloat64(e.self.rejected.WithLabelValues(rejectedTooMany)); got != 4 {
		t.Errorf("%v were counted, want 4", got)
	}
	close(release)
	waiting.Wait()
	if status := ask(greedy, "/probe", "127.0.0.1:1"); status != http.StatusOK {
		t.Errorf("after the others: %d", status)
	}
}

// plainViewer writes the target, or the error.
type plainViewer struct{}

func (plainViewer) Recall(string, target.Target) *prober.Result { return nil }

func (plainViewer) Show(w http.ResponseWriter, _ string, _ target.Target, r *prober.Result) {
	fmt.Fprintln(w, r.Target)
}

func (plainViewer) Download(http.ResponseWriter, target.Target, *prober.Result) bool { return false }

func (plainViewer) Fail(w http.ResponseWriter, _ *http.Request, status int, err error) {
	http.Error(w, err.Error(), status)
}

// A request that the policy denies gets 403 and one sentence. If only the address is
// denied, the probe fails. Both are counted.
func TestPolicy(t *testing.T) {
	lab := newLab(t)
	resolver, err := lab.StartDNS(tlstest.Zone{"metadata.test": {Addresses: []netip.Addr{netip.MustParseAddr("169.254.169.254")}}})
	if err != nil {
		t.Fatal(err)
	}
	e := newTestExporter(t, labConfig(t, lab, "probe_policy: {deny: [{host: '*.corp.test'}, {port: 22}]}\n", "asking: {resolver: '"+resolver+"'}"))
	mux := http.NewServeMux()
	mux.Handle("GET /inspect", e.Inspect(plainViewer{}))
	for target, says := range map[string]string{
		"db.corp.test":               "a rule under deny matches db.corp.test port 443\n",
		"ssh.test:22":                "a rule under deny matches ssh.test port 22\n",
		"169.254.169.254:80":         "169.254.169.254 is link-local, where clouds have their metadata service\n",
		"unix:///run/x.sock":         "a Unix socket has to be listed",
		"a.test&address=169.254.1.1": "link-local",
	} {
		w := get(e, "/probe?target="+target)
		if w.Code != http.StatusForbidden || !strings.HasPrefix(w.Body.String(), "the access policy denies it: ") || !strings.Contains(w.Body.String(), says) || strings.Count(w.Body.String(), "\n") != 1 {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
		w = httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/inspect?target="+target, nil))
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), says) {
			t.Errorf("/inspect of %s: %d %s", target, w.Code, w.Body)
		}
	}
	if got := testutil.ToFloat64(e.self.rejected.WithLabelValues(rejectedPolicy)); got != 10 {
		t.Errorf("%v refusals were counted, want 10", got)
	}
	if body := get(e, "/probe?target=metadata.test&module=asking").Body.String(); !strings.Contains(body, `tls_probe_failure_info{phase="connect",reason="denied"} 1`) {
		t.Errorf("a name that leads to a denied address:\n%s", body)
	}
	if got := testutil.ToFloat64(e.self.rejected.WithLabelValues(rejectedDenied)); got != 1 {
		t.Errorf("%v denials were counted, want 1", got)
	}
}

func TestLongQuery(t *testing.T) {
	e := newTestExporter(t, nil)
	w := get(e, "/probe?target=a.test&server_name="+strings.Repeat("n", maxQuery))
	if w.Code != http.StatusRequestURITooLong || w.Body.String() != "the query is longer than 8192 bytes\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Reloading by request is off unless Lifecycle is set.
func TestLifecycle(t *testing.T) {
	loads := 0
	e, err := New(Options{
		Load:   func() (*config.Config, error) { loads++; return new(config.Loader).Default() },
		Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"POST", "PUT"} {
		if w := get(e, method+" /-/reload"); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "--web.enable-lifecycle") || loads != 1 {
			t.Errorf("%s: %d %s, loaded %d times", method, w.Code, w.Body, loads)
		}
	}
}
