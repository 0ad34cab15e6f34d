package config

import (
	"fmt"
	"path/filepath"
	"testing"
)

// A reload drops the findings that no module uses any more, and no others.
func TestReloadKeepsFindings(t *testing.T) {
	const file = "modules: {default: {%s}, other: {server_name: a.test, versions: {}}}"
	const found = 3
	loader := new(Loader)
	t.Cleanup(loader.Close)
	keys := func(module string) map[[16]byte]bool {
		c, err := loader.parse(new(reading), filepath.Join(t.TempDir(), "targets.yml"), fmt.Appendf(nil, file, module))
		if err != nil {
			t.Fatal(err)
		}
		return c.cacheKeys()
	}
	for _, test := range []struct {
		module string
		left   int
	}{
		{"versions: {}, ciphers: {}", found},
		{"versions: {}, ciphers: {}, expect: {issuer: CA}, resumption: {}", found},
		{"versions: {every: 5m}, ciphers: {every: 5m}", found},
		{"versions: {}, ciphers: {pace: 1s}", found - 1},
		{"ciphers: {}", found - 1},
		{"versions: {}, ciphers: {}, source_address: 127.0.0.1", found - 2},
		{"versions: {}, ciphers: {}, timeout: 6s", found - 2},
		{"versions: {}, ciphers: {}, alpn: [h2]", found - 2},
	} {
		before, after, left := keys("versions: {}, ciphers: {}"), keys(test.module), 0
		for key := range before {
			if after[key] {
				left++
			}
		}
		if len(before) != found || left != test.left {
			t.Errorf("%s: of %d findings %d are left, want %d", test.module, len(before), left, test.left)
		}
	}
}
