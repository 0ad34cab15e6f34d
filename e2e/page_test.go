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

// The ways that a probe walks, by the phases that have a duration.
const (
	direct   = "resolve connect server_hello key_exchange verify"
	upgraded = "resolve connect starttls server_hello key_exchange verify"
)

// row is something to see at a daemon.
type row struct {
	what    string
	target  string // as the configuration of a site, with {:ports}
	module  string // of the site's targets.yml; empty: default
	walked  string // a failed probe ends in the phase that fails
	outcome string // the TLS version, or the reason of the failure
}

// modules is what every site's targets.yml begins with. Sockets have to be
// allowed, or anybody who may ask for a probe could open any of them.
const modules = `
probe_policy: {allow: [{unix: "{dir}/*.sock"}]}
modules:
  default: {ca_file: "{ca}"}
  impatient: {ca_file: "{ca}", timeout: 2s}
`

// see probes the targets of rows with the real exporter, and compares the pages
// with what the rows say. more are modules that the site has beside the usual.
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
				t.Errorf("want %s: %s, and the page is\n%s", r.walked, r.outcome, p)
			}
			t.Logf("%-32s %s: %s", targets[i], p.walked(), p.outcome())
		})
	}
}

// page is what Prometheus scrapes.
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

// shows compares a page with a row. One that comes as far as the certificates
// has the daemon's chain.
func (p page) shows(r row, name string) bool {
	var chain []string
	if strings.HasSuffix(r.walked, "verify") {
		chain = []string{"0 " + name + " by Lab Intermediate", "1 Lab Intermediate by Lab Root"}
	}
	return p.walked() == r.walked && p.outcome() == r.outcome && slices.Equal(p.chain(), chain)
}

// walked is the phases that have a duration, in the order of the line.
func (p page) walked() string {
	var walked []string
	for _, phase := range strings.Fields("resolve connect proxy starttls server_hello key_exchange verify") {
		if slices.ContainsFunc(p.series("tls_probe_phase_duration_seconds"), func(s series) bool { return s["phase"] == phase }) {
			walked = append(walked, phase)
		}
	}
	return strings.Join(walked, " ")
}

// outcome is the version and ALPN that a good probe settled, or the reason why
// another failed in the last phase that it walked.
func (p page) outcome() string {
	failure, failed := p.one("tls_probe_failure_info")
	session, _ := p.one("tls_session_info")
	switch good := strings.Contains(string(p), "\ntls_probe_success 1\n"); {
	case good == failed:
		return "neither success nor failure"
	case good:
		return strings.TrimSpace(session["version"] + " " + session["alpn"])
	case !strings.HasSuffix(p.walked(), failure["phase"]):
		return failure["reason"] + " in " + failure["phase"]
	}
	return failure["reason"]
}

// chain is who each certificate is for, and by whom.
func (p page) chain() []string {
	certificates := p.series("tls_certificate_info")
	chain := make([]string, len(certificates))
	for i, c := range certificates {
		chain[i] = c["position"] + " " + c["subject_cn"] + " by " + c["issuer_cn"]
	}
	return chain
}

// series is the labels of one.
type series map[string]string

// one is the only series of a name.
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
