package collector

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"tls_exporter/collector/collectortest"
	"tls_exporter/prober"
	"tls_exporter/prober/certfile"
	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/target"
)

var at = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// examples set findings with every metric: one in the test file of each check.
var examples []func(*prober.Checks)

// full is a result with every metric, also those of failures.
func full() *prober.Result {
	leaf := &chain.Certificate{
		NotBefore: at.Add(-80 * day), NotAfter: at.Add(-20 * day),
		SubjectCN: "www.example.com", IssuerCN: "Example CA", SerialNumber: "2a", FingerprintSHA256: strings.Repeat("aa", 32), SPKISHA256: strings.Repeat("bb", 32),
		KeyAlgorithm: "ECDSA", KeyBits: 256, SignatureAlgorithm: "ECDSA-SHA256", DNSNames: "example.com,www.example.com",
	}
	ca := &chain.Certificate{
		NotBefore: at.Add(-100 * day), NotAfter: at.Add(100 * day),
		SubjectCN: "Example CA\nwith \"quotes\" and \\", IssuerCN: "Example Root", SerialNumber: "2b", FingerprintSHA256: "cc", SPKISHA256: "dd",
		KeyAlgorithm: "unknown", SignatureAlgorithm: "unknown",
	}
	r := &prober.Result{
		Target:    target.Target{Scheme: "https", Host: "www.example.com", Port: 443},
		Start:     at,
		Duration:  62 * time.Millisecond,
		Phases:    []failure.PhaseTime{{Phase: "resolve", Duration: time.Millisecond}, {Phase: "connect", Duration: 20 * time.Millisecond}, {Phase: "server_hello", Duration: 25 * time.Millisecond}, {Phase: "key_exchange", Duration: 5 * time.Millisecond}, {Phase: "verify", Duration: 11 * time.Millisecond}},
		Failure:   &failure.Failure{Phase: "verify", Reason: "expired", Err: errors.New("the leaf has expired")},
		Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.7")},
		Proxy:     "http://<secret>@proxy.example.com:3128",
		Connected: true,
		Remote:    netip.MustParseAddrPort("192.0.2.7:443"),
		Session: &handshake.Session{
			Completed: true, Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, Group: tls.X25519MLKEM768, ALPN: "h2",
			Remote: netip.MustParseAddrPort("192.0.2.7:443"), Duration: 30 * time.Millisecond,
		},
		Chain: &chain.Chain{
			At: at, Name: "www.example.com", Certificates: []*chain.Certificate{leaf, ca},
			Problems: []chain.Found{{Problem: chain.ProblemExpired}, {Problem: chain.ProblemWrongOrder}},
			Path:     []*chain.Certificate{leaf, ca}, NotAfter: at.Add(-20 * day),
		},
		Staple:   &certstatus.Answer{Source: certstatus.Staple, Status: certstatus.Good, ThisUpdate: at.Add(-day), NextUpdate: at.Add(3 * day)},
		Pool:     pool(leaf),
		File:     &prober.File{Format: certfile.PEM, Total: 2, Modified: at.Add(-30 * day), KeyMatches: new(bool)},
		Outcomes: []check.Outcome{{Name: "expect", Duration: time.Millisecond, Time: at}, {Name: "other", Time: at, Failure: &failure.Failure{Reason: "timeout"}}},
	}
	for _, example := range examples {
		example(&r.Checks)
	}
	return r
}

// pool has a good address, one with an expired certificate, and one that did not
// answer.
func pool(leaf *chain.Certificate) *prober.Pool {
	fresh := &chain.Certificate{NotBefore: at.Add(-day), NotAfter: at.Add(89 * day), FingerprintSHA256: "ee"}
	return &prober.Pool{Total: 40, Members: []*prober.Member{
		{
			Address: netip.MustParseAddrPort("192.0.2.7:443"),
			Failure: &failure.Failure{Phase: "verify", Reason: "expired"},
			Session: &handshake.Session{Completed: true, Duration: 30 * time.Millisecond},
			Chain:   &chain.Chain{At: at, Certificates: []*chain.Certificate{leaf}},
		},
		{
			Address: netip.MustParseAddrPort("192.0.2.8:443"),
			Session: &handshake.Session{Completed: true, Duration: 20 * time.Millisecond},
			Chain:   &chain.Chain{At: at, Certificates: []*chain.Certificate{fresh}, Valid: true},
		},
		{Address: netip.MustParseAddrPort("[2001:db8::7]:443"), Failure: &failure.Failure{Phase: "connect", Reason: "timeout"}},
	}}
}

// nothing is a result in which the name did not resolve.
func nothing() *prober.Result {
	return &prober.Result{
		Target:   target.Target{Scheme: "https", Host: "www.example.com", Port: 443},
		Start:    at,
		Duration: 2 * time.Millisecond,
		Phases:   []failure.PhaseTime{{Phase: "resolve", Duration: 2 * time.Millisecond}},
		Failure:  &failure.Failure{Phase: "resolve", Reason: "nxdomain", Err: errors.New("no such host")},
	}
}

// The golden files show each changed metric as a diff.
func TestPage(t *testing.T) {
	for name, result := range map[string]*prober.Result{"full": full(), "nothing": nothing()} {
		t.Run(name, func(t *testing.T) {
			collectortest.Golden(t, "testdata/"+name+".prom", page(t, result))
		})
	}
	t.Run("several", func(t *testing.T) { collectortest.Golden(t, "testdata/several.prom", page(t, full(), nothing())) })
}

func page(t *testing.T, results ...*prober.Result) string {
	t.Helper()
	var text bytes.Buffer
	if err := Text(&text, results...); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// Of all metrics, the linter complains about those that docs/metrics.md lists, and about
// each of them.
func TestPageLint(t *testing.T) {
	var want []string
	for _, c := range collectortest.Complaints {
		want = append(want, c.Metric)
	}
	if got := collectortest.Lint(t, strings.NewReader(page(t, full()))); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("the linter complains about %v, and the documented complaints are about %v", got, want)
	}
}

// A gatherer has to sort families and labels, and no series may occur twice.
func TestGatherIsSorted(t *testing.T) {
	families, err := gatherer{full()}.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(families, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) }) {
		t.Error("families are not sorted by name")
	}
	for _, family := range families {
		seen := make(map[string]bool)
		for _, metric := range family.Metric {
			if !slices.IsSortedFunc(metric.Label, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) }) {
				t.Errorf("%s: labels are not sorted: %v", family.GetName(), metric.Label)
			}
			if key := metric.String(); seen[key] {
				t.Errorf("%s: a series occurs twice: %v", family.GetName(), metric.Label)
			} else {
				seen[key] = true
			}
		}
	}
}

// Every part of a Result is shown: the page differs without it.
func TestEveryPartIsShown(t *testing.T) {
	// The scrape adds the target, its module and the time. The session has the address
	// that answered. The proxy is the same for all targets of a module. What a server
	// would select was not negotiated.
	silent := []string{"Target", "Module", "Start", "Addresses", "Remote", "Proxy", "Selected"}
	whole := page(t, full())
	result := reflect.TypeFor[prober.Result]()
	for i := range result.NumField() {
		name := result.Field(i).Name
		without := full()
		reflect.ValueOf(without).Elem().Field(i).SetZero()
		if changed := page(t, without) != whole; changed == slices.Contains(silent, name) {
			t.Errorf("without %s the page changes: %v", name, changed)
		}
	}
	checks := reflect.TypeFor[prober.Checks]()
	for i := range checks.NumField() {
		without := full()
		reflect.ValueOf(&without.Checks).Elem().Field(i).SetZero()
		if page(t, without) == whole {
			t.Errorf("the page does not change without the finding of %s", checks.Field(i).Name)
		}
	}
}

// What was not learned is absent, and not 0.
func TestUnknownIsAbsent(t *testing.T) {
	text := page(t, nothing())
	for _, absent := range []string{"tls_chain_", "tls_certificate_", "tls_revocation_", "tls_must_staple", "tls_negotiated_version", "tls_handshake_duration", "tls_session_info", "tls_check", "tls_expectation", "tls_address",
		"tls_version_", "tls_cipher_", "tls_group_", "tls_signature_scheme_", "tls_dh_", "tls_server_cipher_", "tls_policy_", "tls_vulnerable", "tls_resum"} {
		if strings.Contains(text, absent) {
			t.Errorf("%s is there:\n%s", absent, text)
		}
	}
	rejected := nothing()
	rejected.Selected = full().Session
	if text := page(t, rejected); strings.Contains(text, "tls_session_info") || strings.Contains(text, "tls_negotiated_version") || !strings.Contains(text, "tls_handshake_completed 0") {
		t.Errorf("what a server would select is shown as negotiated:\n%s", text)
	}
	untrusted := full()
	untrusted.Chain.Path, untrusted.Chain.NotAfter = nil, time.Time{}
	if strings.Contains(page(t, untrusted), "tls_chain_days_remaining") {
		t.Error("a chain without a trusted path has an expiry")
	}
	for _, series := range []string{"tls_address_handshake_duration_seconds", "tls_address_certificate_days_remaining"} {
		if strings.Contains(page(t, full()), series+`{ip="2001:db8::7"}`) {
			t.Errorf("%s of an address that did not answer", series)
		}
	}
	down := full()
	down.Pool.Members = down.Pool.Members[2:]
	if strings.Contains(page(t, down), "tls_addresses_distinct_certificates") {
		t.Error("no address sent a certificate, and there is a count of them")
	}
	nameless := full()
	nameless.Chain.Name = ""
	if strings.Contains(page(t, nameless), `problem="name_mismatch"`) {
		t.Error("without a name there is name_mismatch")
	}
	behind := nothing()
	behind.Failure = &failure.Failure{Phase: "proxy", Reason: "refused"}
	if strings.Contains(page(t, behind), "tls_tcp_connected") {
		t.Error("after a failure of the proxy there is tls_tcp_connected")
	}
}

// What could not be asked is absent, and not 0: the fault is the exporter's, or that of
// its DNS or its proxy.
func TestUnaskedIsAbsent(t *testing.T) {
	verdicts := []string{"tls_tcp_connected ", "tls_handshake_completed ", "tls_chain_valid ", "tls_addresses_failing ", "tls_address_success{"}
	for _, test := range []struct {
		phase  failure.Phase
		reason failure.Reason
		asked  bool
	}{
		{"resolve", failure.ReasonDNSFailure, false},
		{"resolve", failure.ReasonTimeout, false},
		{"resolve", failure.ReasonLocalResources, false},
		{"connect", failure.ReasonLocalResources, false},
		{"connect", failure.ReasonInternal, false},
		{"connect", failure.ReasonDenied, false},
		{"proxy", "refused", false},
		{"resolve", failure.ReasonNXDOMAIN, true},
		{"connect", failure.ReasonTimeout, true},
		{"connect", failure.ReasonRefused, true},
	} {
		r := nothing()
		r.Failure = &failure.Failure{Phase: test.phase, Reason: test.reason}
		r.Pool = &prober.Pool{Total: 1, Members: []*prober.Member{{Address: netip.MustParseAddrPort("192.0.2.7:443"), Failure: r.Failure}}}
		text := page(t, r)
		if !strings.Contains(text, "\ntls_probe_success 0\n") || !strings.Contains(text, "\ntls_probe_failure_info{") {
			t.Errorf("%s in %s: the probe did not fail:\n%s", test.reason, test.phase, text)
		}
		for _, name := range verdicts {
			if got, want := strings.Contains(text, "\n"+name), test.asked && name != "tls_chain_valid "; got != want {
				t.Errorf("%s in %s: %s is there: %t", test.reason, test.phase, name, got)
			}
		}
	}
	lost := full() // the handshake began, and then this machine had no memory
	lost.Session.Completed, lost.Failure = false, &failure.Failure{Phase: "key_exchange", Reason: failure.ReasonLocalResources}
	if text := page(t, lost); !strings.Contains(text, "\ntls_tcp_connected 1\n") || strings.Contains(text, "\ntls_handshake_completed ") {
		t.Error("the port answered, and whether the handshake would have been completed is not known")
	}
	partly := full()
	partly.Pool.Members[2].Failure = &failure.Failure{Phase: "connect", Reason: failure.ReasonLocalResources}
	if text := page(t, partly); !strings.Contains(text, "\ntls_addresses_failing 1\n") || strings.Contains(text, `tls_address_success{ip="2001:db8::7"}`) {
		t.Error("an address that could not be asked is said to fail")
	}
}

// The contract lists exactly the metrics of the page.
func TestContract(t *testing.T) {
	families, err := gatherer{full()}.Gather()
	if err != nil {
		t.Fatal(err)
	}
	labels := make(map[string][]string)
	for _, family := range families {
		labels[family.GetName()] = nil
		for _, pair := range family.Metric[0].Label {
			labels[family.GetName()] = append(labels[family.GetName()], pair.GetName())
		}
	}
	for _, m := range Contract() {
		got, there := labels[m.Name]
		if want := slices.Sorted(slices.Values(m.Labels)); !there || !slices.Equal(got, want) {
			t.Errorf("%s has the labels %v, the contract says %v (there: %v)", m.Name, got, want, there)
		}
		delete(labels, m.Name)
	}
	if len(labels) > 0 {
		t.Errorf("not in the contract: %v", labels)
	}
}
