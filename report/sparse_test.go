package report

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/hello"
)

// What a probe may leave open is left out, and is no reason to stumble.
func TestSparseResultsAreShown(t *testing.T) {
	bare := &prober.Chain{At: now, Certificates: []*prober.Certificate{{X509: new(x509.Certificate), KeyAlgorithm: "unknown", SignatureAlgorithm: "unknown"}}}
	results := map[string]*prober.Result{
		"nothing at all":              {},
		"failure without a story":     {Failure: &prober.Failure{Phase: prober.PhaseConnect, Reason: prober.ReasonRefused}},
		"failure of an unknown kind":  {Failure: &prober.Failure{Reason: "gremlins", Err: errors.New("in the wire")}},
		"bad chain that is not there": {Failure: &prober.Failure{Phase: prober.PhaseVerify, Reason: "expired"}},
		"expectation not there":       {Failure: &prober.Failure{Phase: prober.PhaseExpect, Reason: "pin"}},
		"session without a version":   {Session: &prober.Session{}},
		"certificate of no lifetime":  {Chain: bare},
		"scan of no answers": {Versions: &prober.Versions{}, Ciphers: &prober.Ciphers{}, Compliance: &prober.Compliance{},
			Vulnerabilities: &prober.Vulnerabilities{}, Resumption: &prober.Resumption{}},
		"suite without a name": {Ciphers: &prober.Ciphers{Suites: []prober.TakenSuite{{Version: hello.TLS12, Number: 0xfffe}}}},
		"broken for no reason": {Compliance: &prober.Compliance{Verdicts: []prober.PolicyVerdict{{}}}},
		"phase of no time":     {Phases: took(prober.PhaseConnect, 0.0)},
	}
	for name, r := range results {
		t.Run(name, func(t *testing.T) {
			var page, object bytes.Buffer
			if err := Text(&page, r, Options{}); err != nil {
				t.Fatal(err)
			}
			fits(t, page.String())
			if err := JSON(&object, []*prober.Result{r}); err != nil {
				t.Fatal(err)
			}
			if !json.Valid(object.Bytes()) {
				t.Errorf("not JSON: %s", object.String())
			}
		})
	}
}

func TestWhatWasNotLearnedIsAbsent(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, []*prober.Result{{Target: prober.Target{Scheme: "https", Host: "example.com", Port: 443}, Session: &prober.Session{}}}); err != nil {
		t.Fatal(err)
	}
	want := `{"target":"https://example.com:443","success":true,"session":{"completed":false}}`
	var got bytes.Buffer
	if err := json.Compact(&got, b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if got.String() != want {
		t.Errorf("got %s, want %s", got.String(), want)
	}
}

func TestErrorsOfTheWriterAreReturned(t *testing.T) {
	if err := Text(full{}, healthy(), Options{}); !errors.Is(err, errFull) {
		t.Errorf("Text returned %v", err)
	}
	if err := JSON(full{}, []*prober.Result{healthy()}); !errors.Is(err, errFull) {
		t.Errorf("JSON returned %v", err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
