package web

import (
	"encoding/pem"
	"mime"
	"net/http/httptest"
	"strings"
	"testing"

	"tls_exporter/prober/target"
	"tls_exporter/report/reporttest"
)

// The certificates are a file of PEM, and on the page.
func TestDownload(t *testing.T) {
	pages, _ := newPages(t)
	r := reporttest.Healthy()
	r.Chain.DER = [][]byte{{1, 2, 3}, {4, 5, 6}}
	w, page := httptest.NewRecorder(), httptest.NewRecorder()
	if !pages.Download(w, r.Target, r) {
		t.Fatal("there is no file")
	}
	rest := w.Body.Bytes()
	for _, want := range r.Chain.DER {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" || string(block.Bytes) != string(want) {
			t.Fatalf("the file has %s", w.Body)
		}
	}
	if len(rest) > 0 || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v and %q after the certificates", w.Header(), rest)
	}
	pages.Show(page, "default", r.Target, r)
	if !strings.Contains(page.Body.String(), strings.TrimSpace(w.Body.String())) || !strings.Contains(page.Body.String(), `href="certificates.pem?target=`) {
		t.Error("the page does not have them")
	}
	r.Chain.DER = nil
	none := httptest.NewRecorder()
	if pages.Download(none, r.Target, r) || none.Body.Len() > 0 {
		t.Errorf("a file without certificates: %s", none.Body)
	}
}

func TestFileName(t *testing.T) {
	for _, test := range []struct {
		target target.Target
		want   string
	}{
		{target.Target{Host: "www.example.com"}, "www.example.com"},
		{target.Target{Host: "2001:db8::1"}, "2001_db8__1"},
		{target.Target{Path: "/run/tls.sock"}, "run_tls.sock"},
		{target.Target{Path: "/../\"; filename=x\r\n\u202e"}, "filename_x"},
		{target.Target{Path: "/..."}, "chain"},
		{target.Target{Host: strings.Repeat("a", 300)}, strings.Repeat("a", maxFileName)},
	} {
		if got := fileName(test.target); got != test.want {
			t.Errorf("%v is %s, want %s", test.target, got, test.want)
		}
		pages, _ := newPages(t)
		r, w := reporttest.Healthy(), httptest.NewRecorder()
		r.Chain.DER = [][]byte{{1}}
		pages.Download(w, test.target, r)
		if _, parameters, err := mime.ParseMediaType(w.Header().Get("Content-Disposition")); err != nil || parameters["filename"] != test.want+".pem" {
			t.Errorf("%s: %v", w.Header(), err)
		}
	}
}
