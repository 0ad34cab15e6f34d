package prober

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"tls_exporter/prober/tlstest"
)

// lookForWounds probes an address for vulnerabilities.
func lookForWounds(t *testing.T, lab *tlstest.Lab, addr string) *Result {
	t.Helper()
	m := labModule(t, lab)
	m.Vulnerabilities = new(VulnerabilitiesOptions)
	m.Timeout = Duration(60e9)
	return newProber(t, m).Probe(t.Context(), target(t, addr))
}

// said is the names of the vulnerabilities that were answered with yes, or no.
func (v *Vulnerabilities) said(vulnerable bool) string {
	var names []string
	for _, a := range v.Answers {
		if a.Vulnerable == vulnerable {
			names = append(names, string(a.Vulnerability))
		}
	}
	return strings.Join(names, " ")
}

func everyVulnerability(but ...Vulnerability) string {
	var names []string
	for _, v := range VulnerabilityNames {
		if !slices.Contains(but, v) {
			names = append(names, string(v))
		}
	}
	return strings.Join(names, " ")
}

// diagnoses is what each of the lab's wounds is called here; nothing, where it is
// told by another check.
var diagnoses = map[string]string{
	"heartbleed": "heartbleed", "ccs-injection": "ccs_injection", "ticketbleed": "ticketbleed",
	"robot-strong": "robot", "robot-weak": "robot", "robot-reset": "robot", "robot-close": "robot", "robot-silence": "robot",
	"crime":                  "compression",
	"insecure-renegotiation": "insecure_renegotiation client_renegotiation",
	"client-renegotiation":   "client_renegotiation",
	"no-fallback-protection": "no_fallback_scsv",
	"freak":                  "freak rc4", "logjam-export": "logjam", "logjam-1024": "",
	"drown": "drown", "poodle": "poodle", "sweet32": "sweet32", "rc4": "rc4", "null-cipher": "", "anonymous": "",
}

func TestVulnerabilities(t *testing.T) {
	lab := newLab(t)
	for _, wound := range tlstest.Wounds() {
		want, known := diagnoses[wound.Name]
		if !known {
			t.Errorf("%s has no diagnosis", wound.Name)
		}
		for _, server := range []struct {
			name   string
			legacy tlstest.Legacy
			want   string
		}{{"wounded", wound.Wounded, want}, {"healed", wound.Healed, ""}} {
			t.Run(wound.Name+" "+server.name, func(t *testing.T) {
				addr, err := lab.StartLegacy(server.legacy)
				if err != nil {
					t.Fatal(err)
				}
				r := lookForWounds(t, lab, addr)
				if r.Vulnerabilities == nil {
					t.Fatalf("no finding; checks %+v", r.Checks)
				}
				if got := r.Vulnerabilities.said(true); got != server.want {
					t.Errorf("vulnerable: %q, want %q; %+v", got, server.want, r.Vulnerabilities.Answers)
				}
				t.Logf("not told: %q", everyVulnerabilityBut(r.Vulnerabilities))
			})
		}
	}
}

func everyVulnerabilityBut(v *Vulnerabilities) string {
	var told []Vulnerability
	for _, a := range v.Answers {
		told = append(told, a.Vulnerability)
	}
	return everyVulnerability(told...)
}

func TestHealthyHasNoWounds(t *testing.T) {
	lab := newLab(t)
	for _, test := range []struct {
		name   string
		scheme string
		min    uint16
		max    uint16
	}{
		{"all that Go has", "", tls.VersionTLS10, tls.VersionTLS13},
		{"behind STARTTLS", "smtp", tls.VersionTLS10, tls.VersionTLS13},
		{"TLS 1.2 and 1.3", "", tls.VersionTLS12, tls.VersionTLS13},
		{"TLS 1.3 alone", "", tls.VersionTLS13, tls.VersionTLS13},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := serve(t, lab, tlstest.Server{StartTLS: test.scheme, Config: func(c *tls.Config) { c.MinVersion, c.MaxVersion = test.min, test.max }})
			if test.scheme != "" {
				addr = test.scheme + "://" + addr
			}
			r := lookForWounds(t, lab, addr)
			if r.Vulnerabilities == nil {
				t.Fatalf("no finding; checks %+v", r.Checks)
			}
			if got, want := r.Vulnerabilities.said(false), everyVulnerability(); got != want {
				t.Errorf("not vulnerable: %s\nwant %s\n%+v", got, want, r.Vulnerabilities.Answers)
			}
		})
	}
}
