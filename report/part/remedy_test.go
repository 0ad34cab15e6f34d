package part

import (
	"strings"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/failure"
)

func TestRemedyForEveryReason(t *testing.T) {
	for _, reason := range prober.Vocabulary() {
		if remedy := Remedy(reason); remedy == "" {
			t.Errorf("%s has no remedy", reason)
		}
	}
}

func TestRemedyForEveryVulnerability(t *testing.T) {
	for _, name := range vulnerabilities.Names {
		if Remedy(failure.Reason(name)) == "" {
			t.Errorf("%s has no remedy", name)
		}
	}
}

func TestRemediesAreShortSentences(t *testing.T) {
	reasons := make(map[string]failure.Reason)
	for reason := range remedies {
		remedy := Remedy(reason)
		if !strings.HasSuffix(remedy, ".") || len(remedy) > 200 {
			t.Errorf("%s: not one or two sentences of at most 200 bytes: %q", reason, remedy)
		}
		if other, again := reasons[remedy]; again {
			t.Errorf("%s and %s have the same remedy", reason, other)
		}
		reasons[remedy] = reason
	}
}

func TestNoRemedyForAnUnknownWord(t *testing.T) {
	if remedy := Remedy("gremlins"); remedy != "" {
		t.Errorf("got %q", remedy)
	}
}
