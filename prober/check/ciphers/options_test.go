package ciphers

import (
	"testing"
	"time"

	"tls_exporter/prober/check"
	"tls_exporter/prober/option"
)

// A scan with a pace has enough time for it.
func TestPatience(t *testing.T) {
	if patience := (Options{Connections: 100, Pace: option.Duration(time.Second)}).Patience(); patience < 100*time.Second+check.ScanTimeout {
		t.Errorf("a scan that takes 100 s may take %s", patience)
	}
}
