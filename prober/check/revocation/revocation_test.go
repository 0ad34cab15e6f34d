package revocation_test

import (
	"crypto/x509"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/revocation"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/responder"
)

// world is a lab whose CAs have responders.
type world struct {
	*tlstest.Lab
	*responder.Responder // of the intermediate
	root                 *responder.Responder
}

func newWorld(t testing.TB) *world {
	t.Helper()
	lab := labtest.Lab(t)
	w := &world{Lab: lab, Responder: responderOf(t, lab, lab.Intermediate), root: responderOf(t, lab, lab.Root)}
	return w
}

func responderOf(t testing.TB, lab *tlstest.Lab, ca *tlstest.CA) *responder.Responder {
	t.Helper()
	r, err := responder.Start(lab, ca)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// module turns the check on.
func (w *world) module(t testing.TB, change func(*revocation.Options)) prober.Module {
	m := probetest.Module(t, w.Lab)
	if o := m.Revocation.Enable(); change != nil {
		change(o)
	}
	return m
}

// settled probes until no download is running.
func settled(t testing.TB, p *prober.Prober, addr string) *prober.Result {
	t.Helper()
	for {
		r := p.Probe(t.Context(), probetest.Target(t, addr))
		if !pending(r) || t.Context().Err() != nil {
			return r
		}
		runtime.Gosched()
	}
}

func pending(r *prober.Result) bool {
	if r.Revocation.Finding == nil {
		return false
	}
	for _, cert := range r.Revocation.Finding.Certificates {
		for _, a := range cert.Answers {
			if a.Reason == failure.ReasonPending {
				return true
			}
		}
	}
	return false
}

// words are the answers about the leaf, and about those above it that name a source.
func words(r *prober.Result) string {
	if r.Revocation.Finding == nil {
		return "none"
	}
	var all []string
	for _, cert := range r.Revocation.Finding.Certificates {
		for _, a := range cert.Answers {
			if cert.Position > 0 && a.Status == certstatus.NotOffered {
				continue
			}
			word := fmt.Sprintf("%d %s %s", cert.Position, a.Source, a.Status)
			if a.Reason != "" {
				word += " (" + string(a.Reason) + ")"
			}
			all = append(all, word)
		}
	}
	return strings.Join(all, ", ")
}

// Each state of the CA's servers is an answer. None is good but what is proven.
func TestStates(t *testing.T) {
	w := newWorld(t)
	w.Responder.Slow = time.Millisecond
	for _, test := range []struct {
		ocsp, crl responder.State // empty: the certificate names none
		revoked   bool
		want      string // the answers about the leaf
		problem   bool   // revoked
	}{
		{"good", "good", false, "ocsp good, crl good", false},
		{"good", "good", true, "ocsp revoked, crl revoked", true},
		{"", "", false, "ocsp not_offered, crl not_offered", false},
		{"unknown", "", false, "ocsp unknown, crl not_offered", false},
		{"expired", "expired", false, "ocsp expired, crl expired", false},
		{"expired", "expired", true, "ocsp revoked, crl revoked", true},
		{"future", "future", false, "ocsp invalid, crl invalid", false},
		{"wrong_signer", "wrong_signer", false, "ocsp invalid, crl invalid", false},
		{"wrong_signer", "wrong_signer", true, "ocsp invalid, crl invalid", false},
		{"critical", "critical", false, "ocsp invalid, crl invalid", false},
		{"404", "404", false, "ocsp unavailable (http_status), crl unavailable (http_status)", false},
		{"html", "html", false, "ocsp invalid, crl invalid", false},
		{"slow", "slow", false, "ocsp good, crl good", false},
		{"endless", "endless", false, "ocsp unavailable (too_large), crl invalid", false},
		{"truncated", "truncated", false, "ocsp invalid, crl invalid", false},
		{"empty", "empty", false, "ocsp invalid, crl invalid", false},
		{"closed", "closed", false, "ocsp unavailable (closed), crl unavailable (closed)", false},
		{"elsewhere", "elsewhere", false, "ocsp unavailable (http_status), crl unavailable (http_status)", false},
		{"delegated", "", false, "ocsp good, crl not_offered", false},
		{"delegate_without_usage", "", false, "ocsp invalid, crl not_offered", false},
		{"delegate_expired", "", false, "ocsp invalid, crl not_offered", false},
		{"try_later", "", false, "ocsp invalid, crl not_offered", false},
		{"other_certificate", "", false, "ocsp invalid, crl not_offered", false},
		{"no_next_update", "no_next_update", false, "ocsp good, crl invalid", false},
		{"", "shard", false, "ocsp not_offered, crl good", false},
		{"", "shard", true, "ocsp not_offered, crl revoked", true},
		{"", "other_shard", true, "ocsp not_offered, crl invalid", false},
		{"", "only_cas", false, "ocsp not_offered, crl invalid", false},
		{"", "some_reasons", false, "ocsp not_offered, crl unknown", false},
		{"", "delta", false, "ocsp not_offered, crl invalid", false},
		{"", "indirect", false, "ocsp not_offered, crl invalid", false},
		{"", "pem", false, "ocsp not_offered, crl invalid", false},
		{"", "other_issuer", false, "ocsp not_offered, crl invalid", false},
		{"404", "good", true, "ocsp unavailable (http_status), crl revoked", true},
	} {
		t.Run(fmt.Sprintf("ocsp %s, crl %s, revoked %t", test.ocsp, test.crl, test.revoked), func(t *testing.T) {
			t.Parallel()
			names := w.Names(string(test.ocsp), string(test.crl))
			if test.revoked {
				names = w.Revoked(string(test.ocsp), string(test.crl))
			}
			p := probetest.New(t, w.module(t, nil))
			r := settled(t, p, labtest.Serve(t, w.Lab, tlstest.Server{Leaf: names}))
			want := "0 " + strings.Replace(test.want, ", ", ", 0 ", 1)
			if got := words(r); got != want {
				t.Errorf("%s, want %s: %+v", got, want, r.Revocation.Finding.Certificates)
			}
			if r.Success() == test.problem || r.Chain.Valid == test.problem || r.Chain.Has(chain.ProblemRevoked) != test.problem {
				t.Errorf("failure %v, problems %v", r.Failure, r.Chain.Problems)
			}
			if test.problem && (r.Failure.Phase != failure.PhaseVerify || r.Failure.Reason != "revoked" || !strings.Contains(r.Failure.Error(), "keyCompromise")) {
				t.Errorf("failure is %+v", r.Failure)
			}
		})
	}
}

// An intermediate is asked about too, at the CA above it. Its revocation is a problem of the
// chain, at its position.
func TestIntermediate(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name   string
		change func(*x509.Certificate)
		want   string
		valid  bool
	}{
		{"good", w.root.Names("good", "good"), "0 ocsp good, 0 crl good, 1 ocsp good, 1 crl good", true},
		{"revoked", w.root.Revoked("", "good"), "0 ocsp good, 0 crl good, 1 crl revoked", false},
		{"by the responder of another CA", w.Names("good", "good"), "0 ocsp good, 0 crl good, 1 ocsp invalid, 1 crl invalid", true},
	} {
		ca, err := w.Root.Intermediate("Intermediate", test.change)
		if err != nil {
			t.Fatal(err)
		}
		own := responderOf(t, w.Lab, ca)
		r := settled(t, probetest.New(t, w.module(t, nil)), labtest.Serve(t, w.Lab, tlstest.Server{Issuer: ca, Leaf: own.Names("good", "good")}))
		if got := words(r); got != test.want || r.Chain.Valid != test.valid || r.Success() != test.valid {
			t.Errorf("%s: %s, %v", test.name, got, r.Failure)
		}
		if found := r.Chain.Problems; !test.valid && (len(found) != 1 || found[0].Problem != chain.ProblemRevoked || found[0].Position != 1) {
			t.Errorf("%s: problems %+v", test.name, found)
		}
	}
}

// Two hundred targets of one CA cause one download of its CRL, and one OCSP request for each
// certificate. A verdict that the chain is good, which is kept, is void once a certificate is
// revoked.
func TestOneDownloadForAll(t *testing.T) {
	w := newWorld(t)
	const targets, certificates = 200, 4
	var addrs []string
	for i := range certificates {
		addrs = append(addrs, labtest.Serve(t, w.Lab, tlstest.Server{Leaf: func(c *x509.Certificate) {
			w.Names(fmt.Sprintf("good%d", i), "good")(c)
		}}))
		w.Set(w.OCSP(fmt.Sprintf("good%d", i)), responder.Good)
	}
	p := probetest.New(t, w.module(t, nil))
	for range 2 {
		var group sync.WaitGroup
		for i := range targets {
			group.Go(func() {
				r := settled(t, p, addrs[i%certificates])
				if got := words(r); got != "0 ocsp good, 0 crl good" || !r.Success() {
					t.Errorf("target %d: %s, %v", i, got, r.Failure)
				}
			})
		}
		group.Wait()
	}
	if n := w.Requests(w.CRL("good")); n != 1 {
		t.Errorf("%d downloads of the CRL", n)
	}
	for i := range certificates {
		if n := w.Requests(w.OCSP(fmt.Sprintf("good%d", i))); n != 1 {
			t.Errorf("%d OCSP requests about certificate %d", n, i)
		}
	}
}

// A responder that is gone is not asked by the next scrape.
func TestDeadResponder(t *testing.T) {
	w := newWorld(t)
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused.Close()
	for _, test := range []struct {
		name   string
		names  func(*x509.Certificate)
		reason failure.Reason
	}{
		{"refused", func(c *x509.Certificate) { c.OCSPServer = []string{"http://" + refused.Addr().String()} }, failure.ReasonRefused},
		{"silent", w.Names("silent", ""), failure.ReasonPending},
	} {
		m := w.module(t, nil)
		m.Timeout = option.Duration(600 * time.Millisecond)
		p := probetest.New(t, m)
		addr := labtest.Serve(t, w.Lab, tlstest.Server{Leaf: test.names})
		for range 5 {
			r := p.Probe(t.Context(), probetest.Target(t, addr))
			if got := words(r); got != fmt.Sprintf("0 ocsp unavailable (%s), 0 crl not_offered", test.reason) || !r.Success() {
				t.Errorf("%s: %s, %v", test.name, got, r.Failure)
			}
		}
	}
	if n := w.Requests(w.OCSP("silent")); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// Only the URLs in certificates of a trusted path are followed: a server must not make the
// exporter send requests.
func TestUntrustedURLsAreNotFollowed(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name   string
		server tlstest.Server
		reason failure.Reason
	}{
		{"self-signed", tlstest.Server{SelfSigned: true, Leaf: w.Names("good", "good")}, "self_signed"},
		{"of another CA", tlstest.Server{Issuer: mustRoot(t), Leaf: w.Names("good", "good")}, "unknown_authority"},
	} {
		r := probetest.New(t, w.module(t, nil)).Probe(t.Context(), probetest.Target(t, labtest.Serve(t, w.Lab, test.server)))
		if words(r) != "none" || len(r.Outcomes) != 1 || r.Outcomes[0].Failure == nil || r.Outcomes[0].Failure.Reason != test.reason {
			t.Errorf("%s: %s, %+v", test.name, words(r), r.Outcomes)
		}
	}
	extra := func(leaf *x509.Certificate) []*x509.Certificate {
		stray, err := mustRoot(t).Issue(&x509.Certificate{NotBefore: labtest.Now, NotAfter: labtest.Now.Add(labtest.Day), OCSPServer: []string{w.OCSP("good")}}, w.Root.Key)
		if err != nil {
			t.Fatal(err)
		}
		return []*x509.Certificate{leaf, w.Intermediate.Certificate, stray}
	}
	r := settled(t, probetest.New(t, w.module(t, nil)), labtest.Serve(t, w.Lab, tlstest.Server{Chain: extra}))
	if words(r) != "0 ocsp not_offered, 0 crl not_offered" {
		t.Errorf("a stray certificate: %s", words(r))
	}
	if n := w.Requests(w.OCSP("good")) + w.Requests(w.CRL("good")); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func mustRoot(t testing.TB) *tlstest.CA {
	t.Helper()
	ca, err := tlstest.NewRoot("Somebody")
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// The access policy holds for the servers of CAs, and what it denies is no fault of the
// endpoint.
func TestPolicy(t *testing.T) {
	w := newWorld(t)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(w.URL, "http://"))
	var ports guard.Ports
	if err := ports.UnmarshalText([]byte(port)); err != nil {
		t.Fatal(err)
	}
	process := prober.NewProcess()
	t.Cleanup(process.Close)
	process.Guard = guard.New(guard.Policy{Deny: []guard.Rule{{Port: ports}}}, new(guard.Listeners))
	p, err := prober.New(w.module(t, nil), process)
	if err != nil {
		t.Fatal(err)
	}
	r := settled(t, p, labtest.Serve(t, w.Lab, tlstest.Server{Leaf: w.Names("good", "good")}))
	if words(r) != "0 ocsp unavailable (denied), 0 crl unavailable (denied)" || !r.Success() || w.Requests(w.OCSP("good")) != 0 {
		t.Errorf("%s, %v", words(r), r.Failure)
	}
}

// The module's proxy leads to the servers of CAs too.
func TestProxy(t *testing.T) {
	w := newWorld(t)
	var asked []string
	var mutex sync.Mutex
	proxy := tlstest.HTTPProxy{Hosts: map[string]string{"ca.example:80": strings.TrimPrefix(w.URL, "http://")}, Asked: func(to, _, _ string) {
		mutex.Lock()
		defer mutex.Unlock()
		asked = append(asked, to)
	}}
	m := w.module(t, nil)
	m.ProxyURL = probetest.ProxyURL(t, "http://"+labtest.Serve(t, w.Lab, tlstest.Server{Accept: proxy.Serve}))
	r := settled(t, probetest.New(t, m), labtest.Serve(t, w.Lab, tlstest.Server{Leaf: func(c *x509.Certificate) {
		c.CRLDistributionPoints = []string{"http://ca.example/crl/good"}
	}}))
	if words(r) != "0 ocsp not_offered, 0 crl good" || !slices.Contains(asked, "ca.example:80") {
		t.Errorf("%s; the proxy was asked for %q", words(r), asked)
	}
}

// With require, not knowing is a failure of the probe: each certificate but the root has to be
// proven good by a source, or be exempt.
func TestRequire(t *testing.T) {
	w := newWorld(t)
	good, err := w.Root.Intermediate("Good", w.root.Names("good", ""))
	if err != nil {
		t.Fatal(err)
	}
	silentCA, err := w.Root.Intermediate("Silent", w.root.Names("", "404"))
	if err != nil {
		t.Fatal(err)
	}
	of := func(ca *tlstest.CA, ocsp, crl string) func(*x509.Certificate) {
		return responderOf(t, w.Lab, ca).Names(ocsp, crl)
	}
	short := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = labtest.Now, labtest.Now.Add(6*labtest.Day) }
	noURL := func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"ldap://ldap.example/cn=CA"} }
	for _, test := range []struct {
		name   string
		server tlstest.Server
		reason failure.Reason // empty: the probe succeeds
	}{
		{"all good", tlstest.Server{Issuer: good, Leaf: of(good, "good", "good")}, ""},
		{"one source is good", tlstest.Server{Issuer: good, Leaf: of(good, "404", "good")}, ""},
		{"no source is good", tlstest.Server{Issuer: good, Leaf: of(good, "404", "expired")}, failure.ReasonRevocationUnknown},
		{"unknown", tlstest.Server{Issuer: good, Leaf: of(good, "unknown", "")}, failure.ReasonRevocationUnknown},
		{"no source", tlstest.Server{Issuer: good}, failure.ReasonRevocationUnknown},
		{"no source that can be asked", tlstest.Server{Issuer: good, Leaf: noURL}, failure.ReasonRevocationUnknown},
		{"short-lived", tlstest.Server{Issuer: good, Leaf: short}, ""},
		{"the intermediate is not known", tlstest.Server{Issuer: silentCA, Leaf: of(silentCA, "good", "good")}, failure.ReasonRevocationUnknown},
		{"self-signed", tlstest.Server{SelfSigned: true}, "self_signed"},
	} {
		for _, require := range []bool{false, true} {
			m := w.module(t, func(o *revocation.Options) { o.Require = require })
			r := settled(t, probetest.New(t, m), labtest.Serve(t, w.Lab, test.server))
			want := test.reason
			if want == failure.ReasonRevocationUnknown && !require {
				want = ""
			}
			switch {
			case want == "" && !r.Success():
				t.Errorf("%s, require %t: %v (%s)", test.name, require, r.Failure, words(r))
			case want != "" && (r.Success() || r.Failure.Reason != want || r.Failure.Phase != failure.PhaseVerify):
				t.Errorf("%s, require %t: %+v (%s)", test.name, require, r.Failure, words(r))
			case want == failure.ReasonRevocationUnknown && !r.Chain.Valid:
				t.Errorf("%s: the chain is not valid", test.name)
			}
		}
	}
}

// Several URLs are tried in their order. Those that are not followed are told, and are not
// taken for none.
func TestURLs(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name string
		ocsp []string
		crls []string
		want string
	}{
		{"the second works", []string{w.OCSP("404"), w.OCSP("good")}, []string{w.CRL("closed"), w.CRL("good")}, "0 ocsp good, 0 crl good"},
		{"ldap alone", nil, []string{"ldap://ldap.example/cn=CA?certificateRevocationList"}, "0 ocsp not_offered, 0 crl unavailable (bad_url)"},
		{"ldap and http", nil, []string{"ldap://ldap.example/cn=CA", w.CRL("good")}, "0 ocsp not_offered, 0 crl good"},
		{"ldap and one that fails", nil, []string{w.CRL("404"), "ldap://ldap.example/cn=CA"}, "0 ocsp not_offered, 0 crl unavailable (http_status)"},
		{"what tells most", []string{w.OCSP("404"), w.OCSP("unknown"), w.OCSP("html")}, []string{w.CRL("html"), w.CRL("expired"), w.CRL("404")}, "0 ocsp unknown, 0 crl expired"},
		{"the fifth is not tried", []string{w.OCSP("404"), w.OCSP("html"), w.OCSP("empty"), w.OCSP("closed"), w.OCSP("fifth")}, nil, "0 ocsp invalid, 0 crl not_offered"},
	} {
		r := settled(t, probetest.New(t, w.module(t, nil)), labtest.Serve(t, w.Lab, tlstest.Server{Leaf: func(c *x509.Certificate) {
			c.OCSPServer, c.CRLDistributionPoints = test.ocsp, test.crls
		}}))
		if got := words(r); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if n := w.Requests(w.OCSP("fifth")); n != 0 {
		t.Errorf("the fifth URL has %d requests", n)
	}
}

// A source that is not asked has no answer.
func TestSources(t *testing.T) {
	w := newWorld(t)
	m := w.module(t, func(o *revocation.Options) { o.Sources = []revocation.Source{"crl"} })
	r := settled(t, probetest.New(t, m), labtest.Serve(t, w.Lab, tlstest.Server{Leaf: w.Names("good", "good")}))
	if words(r) != "0 crl good" || w.Requests(w.OCSP("good")) != 0 {
		t.Error(words(r))
	}
	for _, bad := range [][]revocation.Source{{}, {"crl", "crl"}} {
		m := w.module(t, func(o *revocation.Options) { o.Sources = bad })
		if _, err := prober.New(m, prober.NewProcess()); err == nil || !strings.HasPrefix(err.Error(), "revocation: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	var s revocation.Source
	if err := s.UnmarshalText([]byte("staple")); err == nil || !strings.Contains(err.Error(), "known are ocsp, crl") {
		t.Error(err)
	}
}

// A CRL above max_bytes is not read to its end, and its reason is told.
func TestMaxBytes(t *testing.T) {
	w := newWorld(t)
	w.Responder.HugeEntries = 200_000 // 7 MB
	for limit, want := range map[int]string{1 << 20: "0 crl unavailable (too_large)", 10 << 20: "0 crl good"} {
		m := w.module(t, func(o *revocation.Options) {
			o.Sources, o.MaxBytes = []revocation.Source{"crl"}, option.Count(limit)
		})
		r := settled(t, probetest.New(t, m), labtest.Serve(t, w.Lab, tlstest.Server{Leaf: w.Names("", "huge")}))
		if got := words(r); got != want {
			t.Errorf("at most %d bytes: %s", limit, got)
		}
	}
}

// What is kept survives a reload, and is judged anew: the answer of the responder that is
// gone by now stays in use.
func TestReload(t *testing.T) {
	w := newWorld(t)
	process := prober.NewProcess()
	t.Cleanup(process.Close)
	addr := labtest.Serve(t, w.Lab, tlstest.Server{Leaf: w.Names("good", "good")})
	m := w.module(t, nil)
	for _, max := range []time.Duration{0, time.Hour} { // another max_age asks nobody else
		m.Revocation.Options = &revocation.Options{MaxAge: option.Duration(max)}
		p, err := prober.New(m, process)
		if err != nil {
			t.Fatal(err)
		}
		if r := settled(t, p, addr); words(r) != "0 ocsp good, 0 crl good" {
			t.Error(words(r))
		}
	}
	if a, b := w.Requests(w.OCSP("good")), w.Requests(w.CRL("good")); a != 1 || b != 1 {
		t.Errorf("%d and %d requests", a, b)
	}
	if process.Downloads.Bytes() == 0 || process.Downloads.Counts().Success.Load() != 2 {
		t.Errorf("%d bytes are kept", process.Downloads.Bytes())
	}
}

// A certificate with a long URL is asked about with POST.
func TestPOST(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"short", strings.Repeat("long", 40)} {
		w.Set(w.OCSP(name), responder.Good)
		r := settled(t, probetest.New(t, w.module(t, nil)), labtest.Serve(t, w.Lab, tlstest.Server{Leaf: w.Names(name, "")}))
		if got := words(r); !strings.HasPrefix(got, "0 ocsp good") {
			t.Errorf("%s: %s", name, got)
		}
		url := r.Revocation.Finding.Certificates[0].Answers[0].URL
		if url != w.OCSP(name) {
			t.Errorf("asked at %s", url)
		}
	}
}
