package server

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"tls_exporter/prober/tlstest"
)

// Two hundred scrapes of one target at once, and as many after them, cause one scan:
// each scrape has one connection, and the scan a few.
func TestOneScanForAll(t *testing.T) {
	const scrapes = 200
	lab := newLab(t)
	server := serve(t, lab, tlstest.Server{})
	target, stats, err := lab.StartRelay(server, tlstest.ConnectionPolicy{})
	if err != nil {
		t.Fatal(err)
	}
	e := newTestExporter(t, labConfig(t, lab, "", "scan: {versions: {}}"))
	ask := func() {
		w := get(e, "/probe?module=scan&target="+target)
		if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, `tls_version_supported{version="TLS 1.3"} 1`) || !strings.Contains(body, `tls_version_supported{version="SSL 3.0"} 0`) {
			t.Errorf("%d %s", w.Code, body)
		}
	}
	for range 2 {
		var group sync.WaitGroup
		for range scrapes {
			group.Go(ask)
		}
		group.Wait()
	}
	scan := stats.Total() - 2*scrapes
	t.Logf("%d scrapes, and %d connections of the scan", 2*scrapes, scan)
	if scan < 6 || scan > 12 {
		t.Errorf("%d connections besides those of %d scrapes, want those of one scan", scan, 2*scrapes)
	}
}
