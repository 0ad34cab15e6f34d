package json

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/target"
	"tls_exporter/report/reporttest"
)

func TestWrite(t *testing.T) {
	for _, s := range reporttest.Situations() {
		t.Run(s.Name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, s.Result, Options{Module: "default"}); err != nil {
				t.Fatal(err)
			}
			reporttest.Golden(t, s.Name+".json", b.Bytes())
		})
	}
}

// A line has the same object as the indented form.
func TestWriteLine(t *testing.T) {
	for _, s := range reporttest.Situations() {
		var line, indented, compact bytes.Buffer
		o := Options{Module: "scan", Labels: map[string]string{"team": "web"}}
		if err := errors.Join(WriteLine(&line, s.Result, o), Write(&indented, s.Result, o), json.Compact(&compact, indented.Bytes())); err != nil {
			t.Fatal(err)
		}
		if compact.WriteByte('\n'); line.String() != compact.String() || strings.Count(line.String(), "\n") != 1 {
			t.Errorf("%s: got %s, want %s", s.Name, line.String(), compact.String())
		}
	}
}

// What was not learned is left out.
func TestSparseResults(t *testing.T) {
	for name, r := range reporttest.Sparse() {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, r, Options{}); err != nil {
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
	if err := Write(&b, r, Options{}); err != nil {
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
	r := &prober.Result{Target: target.Target{Scheme: "https", Host: "example.com", Port: 443}, Session: &handshake.Session{}}
	if err := WriteLine(&b, r, Options{}); err != nil {
		t.Fatal(err)
	}
	want := `{"schema_version":1,"target":"https://example.com:443","success":true,"status":"unknown","verdict":"no handshake","reasons":["no_handshake"],"issues":[],"session":{"completed":false}}` + "\n"
	if got := b.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestErrorsOfTheWriterAreReturned(t *testing.T) {
	for _, write := range []func(io.Writer, *prober.Result, Options) error{Write, WriteLine} {
		if err := write(reporttest.Full{}, reporttest.Healthy(), Options{}); !errors.Is(err, reporttest.ErrFull) {
			t.Errorf("got %v", err)
		}
	}
}
