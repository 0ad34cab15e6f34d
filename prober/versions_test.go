package prober

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"tls_exporter/prober/tlstest"
)

// said writes a finding of versions as the question "taken, or refused?".
func (v *Versions) said() string {
	var said []string
	for _, a := range v.Answers {
		sign := "-"
		if a.Taken {
			sign = "+"
		}
		said = append(said, sign+strings.TrimPrefix(a.Version.String(), "TLS "))
	}
	return strings.Join(said, " ")
}

func TestVersions(t *testing.T) {
	lab := newLab(t)
	for _, test := range []struct {
		name     string
		min, max uint16
		want     string
	}{
		{"all that Go has", tls.VersionTLS10, tls.VersionTLS13, "-SSL 2.0 -SSL 3.0 +1.0 +1.1 +1.2 +1.3"},
		{"today's", tls.VersionTLS12, tls.VersionTLS13, "-SSL 2.0 -SSL 3.0 -1.0 -1.1 +1.2 +1.3"},
		{"the newest", tls.VersionTLS13, tls.VersionTLS13, "-SSL 2.0 -SSL 3.0 -1.0 -1.1 -1.2 +1.3"},
		{"old ones", tls.VersionTLS10, tls.VersionTLS11, "-SSL 2.0 -SSL 3.0 +1.0 +1.1 -1.2 -1.3"},
	} {
		for _, scheme := range []string{"", "smtp"} {
			t.Run(fmt.Sprint(test.name, " ", scheme), func(t *testing.T) {
				addr, err := lab.Start(tlstest.Server{StartTLS: scheme, Config: func(c *tls.Config) { c.MinVersion, c.MaxVersion = test.min, test.max }})
				if err != nil {
					t.Fatal(err)
				}
				if scheme != "" {
					addr = scheme + "://" + addr
				}
				m := labModule(t, lab)
				m.Versions = new(VersionsOptions)
				r := newProber(t, m).Probe(t.Context(), target(t, addr))
				if r.Versions == nil || r.Versions.said() != test.want {
					t.Errorf("got %+v, checks %+v; want %s", r.Versions, r.Checks, test.want)
				}
			})
		}
	}
}
