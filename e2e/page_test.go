//go:build e2e && linux

package e2e

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Phases that have a duration.
const (
	direct   = "resolve connect server_hello key_exchange verify"
	upgraded = "resolve connect starttls server_hello key_exchange verify"
	fromFile = "read verify"
)

// row is a probe of a daemon, and its expected result.
type row struct {
	what    string
	target  string // with {:ports}, as in a configuration of the site
	module  string // of the site's targets.yml; empty: default
	phases  string // those that have a duration; a failed probe ends with the one that failed
	outcome string // the TLS version, or the reason of the failure
}

// modules is the beginning of every site's targets.yml. A Unix socket, or a file, can be
// probed only if it is allowed.
const modules = `
probe_policy: {allow: [{unix: "{dir}/*.sock"}], file_directories: ["{dir}"]}
modules:
  default: {ca_file: "{ca}"}
  impatient: {ca_file: "{ca}", timeout: 2s}
`

// see probes the targets of rows with the real exporter, and compares the pages with the
// rows. More are modules in addition to the default ones.
func (s *site) see(more string, rows []row) {
	s.Helper()
	s.write("targets.yml", modules+more)
	s.run(exporter, "--config.file={dir}/targets.yml", "--web.listen-address=127.0.0.1:{:exporter}")
	targets := make([]string, len(rows))
	for i, r := range rows {
		targets[i] = s.fill(r.target)
	}
	s.await()
	for i, r := range rows {
		s.Run(r.what, func(t *testing.T) {
			p := s.probe(t, targets[i], r.module)
			if !p.shows(r, s.name) {
				t.Errorf("want %s: %s, and the page is\n%s", r.phases, r.outcome, p)
			}
			t.Logf("%-32s %s: %s", targets[i], p.phases(), p.outcome())
		})
	}
}

// page is the metrics of a probe.
type page string

func (s *site) probe(t *testing.T, target, module string) page {
	t.Helper()
	query := url.Values{"target": {target}, "debug": {"true"}}
	if module != "" {
		query.Set("module", module)
	}
	response, err := http.Get(s.fill("http://127.0.0.1:{:exporter}/probe?") + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v: %s", response.Status, err, body)
	}
	return page(body)
}

// shows compares a page with a row. A probe that gets as far as the certificates has the
// chain of the daemon.
func (p page) shows(r row, name string) bool {
	var chain []string
	if strings.HasSuffix(r.phases, "verify") {
		chain = []string{"0 " + name + " by Lab Intermediate", "1 Lab Intermediate by Lab Root"}
	}
	return p.phases() == r.phases && p.outcome() == r.outcome && slices.Equal(p.chain(), chain)
}

// phases is the phases that have a duration, in the order of a probe.
func (p page) phases() string {
	var phases []string
	for _, phase := range strings.Fields("read resolve connect proxy starttls server_hello key_exchange verify") {
		if slices.ContainsFunc(p.series("tls_probe_phase_duration_seconds"), func(s series) bool { return s["phase"] == phase }) {
			phases = append(phases, phase)
		}
	}
	return strings.Join(phases, " ")
}

// outcome is the negotiated version and ALPN of a good probe, or the reason of a failure in
// the last phase.
func (p page) outcome() string {
	failure, failed := p.one("tls_probe_failure_info")
	session, _ := p.one("tls_session_info")
	switch good := strings.Contains(string(p), "\ntls_probe_success 1\n"); {
	case good == failed:
		return "neither success nor failure"
	case good:
		return strings.TrimSpace(session["version"] + " " + session["alpn"])
	case !strings.HasSuffix(p.phases(), failure["phase"]):
		return failure["reason"] + " in " + failure["phase"]
	}
	return failure["reason"]
}

// chain is the subject and issuer of each certificate.
func (p page) chain() []string {
	certificates := p.series("tls_certificate_info")
	chain := make([]string, len(certificates))
	for i, c := range certificates {
		chain[i] = c["position"] + " " + c["subject_cn"] + " by " + c["issuer_cn"]
	}
	return chain
}

// series is the labels of a series.
type series map[string]string

// one is the only series of a metric; false: there is none, or there are several.
func (p page) one(name string) (series, bool) {
	all := p.series(name)
	if len(all) != 1 {
		return nil, false
	}
	return all[0], true
}

var label = regexp.MustCompile(`(\w+)="(.*?)"`)

func (p page) series(name string) []series {
	var all []series
	for line := range strings.Lines(string(p)) {
		if !strings.HasPrefix(line, name+"{") {
			continue
		}
		one := make(series)
		for _, pair := range label.FindAllStringSubmatch(line, -1) {
			one[pair[1]] = pair[2]
		}
		all = append(all, one)
	}
	return all
}
