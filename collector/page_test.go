package collector

import (
	"bytes"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/common/expfmt"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
)

// The page is byte for byte what the library writes, for all formats, values and
// labels.
func TestPageIsTheLibrarys(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, accept := range []string{
		"", "text/plain; version=0.0.4", "text/plain; version=1.0.0; escaping=allow-utf-8", "application/openmetrics-text; version=0.0.1",
		"application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0; escaping=allow-utf-8",
		"application/openmetrics-text; version=2.0.0", "application/json",
	} {
		request := httptest.NewRequest(http.MethodGet, "/probe", nil)
		request.Header.Set("Accept", accept)
		results := []*prober.Result{full(), nothing()}
		for range 200 {
			results = append(results, randomResult(random))
		}
		for _, result := range results {
			w := httptest.NewRecorder()
			WritePage(w, request, result)
			format := expfmt.NegotiateAccept(request.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
			if got := w.Header().Get("Content-Type"); got != string(format) {
				t.Fatalf("asked for %q it is %q, not %q", accept, got, format)
			}
			if want := byLibrary(t, format, result); w.Body.String() != want {
				t.Fatalf("asked for %q:\n%s\nand the library writes\n%s", accept, w.Body, want)
			}
		}
	}
}

func byLibrary(t *testing.T, format expfmt.Format, result *prober.Result) string {
	t.Helper()
	var page bytes.Buffer
	encoder := expfmt.NewEncoder(&page, format)
	families, err := gatherer{result}.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			t.Fatal(err)
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return page.String()
}

// randomResult is a result with random times and names.
func randomResult(random *rand.Rand) *prober.Result {
	r := full()
	names := []string{"", "plain", `back\slash`, "new\nline", `"quoted"`, "ümläut", `\n"` + "\n", "{}=,# ", "a\x00b"}
	name := func() string { return names[random.IntN(len(names))] + names[random.IntN(len(names))] }
	for i := range r.Chain.Certificates {
		cert := *r.Chain.Certificates[i]
		cert.SubjectCN, cert.IssuerCN, cert.DNSNames = name(), name(), name()
		r.Chain.Certificates[i] = &cert
	}
	r.Session.ALPN = name()
	for i := range r.Phases {
		r.Phases[i].Duration >>= random.IntN(64)
	}
	r.Duration = 0
	if random.IntN(2) == 0 {
		r.Failure = &failure.Failure{Phase: failure.Phase(name()), Reason: failure.Reason(name())}
	}
	return r
}

func TestPageValues(t *testing.T) {
	for _, test := range []struct {
		value       float64
		text, float string
	}{
		{0, "0", "0.0"}, {math.Copysign(0, -1), "0", "0.0"}, {1, "1", "1.0"}, {-1, "-1", "-1.0"}, {1.5, "1.5", "1.5"}, {123456, "123456", "123456.0"},
		{1e21, "1e+21", "1e+21"}, {math.Inf(1), "+Inf", "+Inf"}, {math.Inf(-1), "-Inf", "-Inf"}, {math.NaN(), "NaN", "NaN"},
	} {
		if got := string(plainText.appendValue(nil, test.value)); got != test.text {
			t.Errorf("as text %v is %s, not %s", test.value, got, test.text)
		}
		if got := string(openMetrics.appendValue(nil, test.value)); got != test.float {
			t.Errorf("as OpenMetrics %v is %s, not %s", test.value, got, test.float)
		}
	}
}
