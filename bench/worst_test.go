//go:build e2e

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMain is also the roles in which the benchmark starts itself.
func TestMain(m *testing.M) {
	if os.Getenv("BENCH_ROLE") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestWorstMemory checks that no certificates make the exporter take more memory than what
// README says.
func TestWorstMemory(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "tls_exporter")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-pgo=off", "-o", binary, "tls_exporter").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := newBench(t.Context(), plan{hanging: 100, workers: 2, binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	measured, err := worstMemory(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(measured.detail)
	if measured.value > 200 {
		t.Errorf("the exporter took %s", measured)
	}
}
