package json

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/target"
	"tls_exporter/report"
	"tls_exporter/report/reporttest"
)

func TestWrite(t *testing.T) {
	for _, s := range reporttest.Situations() {
		t.Run(s.Name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, []*prober.Result{s.Result}, report.Limits{}); err != nil {
				t.Fatal(err)
			}
			reporttest.Golden(t, s.Name+".json", b.Bytes())
		})
	}
}

func TestSeveralResultsAreOneLineEach(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, []*prober.Result{reporttest.NotTLS(), reporttest.DNSFailure(), reporttest.TimeoutInConnect()}, report.Limits{}); err != nil {
		t.Fatal(err)
	}
	reporttest.Golden(t, "several.json", b.Bytes())
	if lines := strings.Count(b.String(), "\n"); lines != 3 {
		t.Errorf("%d lines, want 3", lines)
	}
}

// What was not learned is left out.
func TestSparseResults(t *testing.T) {
	for name, r := range reporttest.Sparse() {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, []*prober.Result{r}, report.Limits{}); err != nil {
				t.Fatal(err)
			}
			if !json.Valid(b.Bytes()) {
				t.Errorf("not JSON: %s", b.String())
			}
		})
	}
}

// The dates of a certificate that cannot be read are absent, also of an address of a pool.
func TestUnreadableDates(t *testing.T) {
	undated := &chain.Certificate{FingerprintSHA256: "5e", Undated: true}
	c := &chain.Chain{At: reporttest.Now, Certificates: []*chain.Certificate{undated}}
	r := reporttest.Healthy()
	r.Chain, r.Pool = c, &prober.Pool{Total: 1, Members: []*prober.Member{{Chain: c}}}
	var b bytes.Buffer
	if err := Write(&b, []*prober.Result{r}, report.Limits{}); err != nil {
		t.Fatal(err)
	}
	for _, absent := range []string{"days_remaining", "not_after", "not_before", "lifetime_remaining_ratio"} {
		if strings.Contains(b.String(), absent) {
			t.Errorf("%s is in %s", absent, b.String())
		}
	}
}

func TestWhatWasNotLearnedIsAbsent(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, []*prober.Result{{Target: target.Target{Scheme: "https", Host: "example.com", Port: 443}, Session: &handshake.Session{}}}, report.Limits{}); err != nil {
		t.Fatal(err)
	}
	want := `{"target":"https://example.com:443","success":true,"status":"unknown","reasons":["no_handshake"],"session":{"completed":false}}`
	var got bytes.Buffer
	if err := json.Compact(&got, b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if got.String() != want {
		t.Errorf("got %s, want %s", got.String(), want)
	}
}

func TestErrorsOfTheWriterAreReturned(t *testing.T) {
	if err := Write(reporttest.Full{}, []*prober.Result{reporttest.Healthy()}, report.Limits{}); !errors.Is(err, reporttest.ErrFull) {
		t.Errorf("got %v", err)
	}
}
