// Package prometheus_test checks the files of this directory and the runbook
// against each other and against the exporter's metrics. promtool and amtool check
// them too, if they are installed.
package prometheus_test

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"gopkg.in/yaml.v3"

	"tls_exporter/prober"
	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/policy"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
	"tls_exporter/report"
	"tls_exporter/report/part"
	"tls_exporter/report/reporttest"
	"tls_exporter/server"
)

// rule is an alert or a recording rule.
type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) (alerts, records map[string]rule) {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []rule }
	}
	load(t, "rules.yml", &file)
	alerts, records = map[string]rule{}, map[string]rule{}
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			if r.Alert != "" {
				if _, twice := alerts[r.Alert]; twice {
					t.Errorf("two alerts are called %s", r.Alert)
				}
				alerts[r.Alert] = r
			} else {
				records[r.Record] = r
			}
		}
	}
	if len(alerts) == 0 || len(records) == 0 {
		t.Fatalf("rules.yml has %d alerts and %d recording rules", len(alerts), len(records))
	}
	return alerts, records
}

func load(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Every alert has a severity, names its target, and says what to do.
func TestAlertsSayWhatToDo(t *testing.T) {
	alerts, _ := rules(t)
	sections := runbook(t)
	for name, a := range alerts {
		if !slices.Contains([]string{"info", "warning", "critical"}, a.Labels["severity"]) {
			t.Errorf("%s has the severity %q", name, a.Labels["severity"])
		}
		for _, annotation := range []string{"summary", "description", "runbook_url"} {
			if a.Annotations[annotation] == "" {
				t.Errorf("%s has no %s", name, annotation)
			}
		}
		subject := "$labels.instance"
		if strings.HasPrefix(a.Expr, "job:") {
			subject = "$labels.job"
		}
		if about := a.Annotations["summary"]; !strings.Contains(about, subject) && !strings.HasPrefix(a.Expr, "absent(") {
			t.Errorf("the summary of %s does not name the target: %s", name, about)
		}
		anchor, ours := strings.CutPrefix(a.Annotations["runbook_url"], "docs/runbook.md#")
		if !ours || anchor != strings.ToLower(name) || sections[anchor] == "" {
			t.Errorf("%s links to %q, and the runbook has no such section", name, a.Annotations["runbook_url"])
		}
	}
}

// The documented command makes all links to the runbook absolute.
func TestRunbookLinksCanBeAbsolute(t *testing.T) {
	documented := regexp.MustCompile(`sed -i '([^']*)' rules\.yml`)
	var script string
	for _, page := range []string{"rules.yml", "../README.md"} {
		match := documented.FindStringSubmatch(read(t, page))
		if match == nil || script != "" && match[1] != script {
			t.Fatalf("%s does not have the command that replaces the links: %q", page, match)
		}
		script = match[1]
	}
	sed, err := exec.LookPath("sed")
	if err != nil {
		t.Skip("sed is not installed here")
	}
	replaced, err := exec.CommandContext(t.Context(), sed, script, "rules.yml").Output()
	if err != nil {
		t.Fatal(err)
	}
	if string(replaced) == read(t, "rules.yml") || strings.Contains(string(replaced), "docs/runbook.md#") {
		t.Errorf("%s does not replace all links", script)
	}
	for _, link := range regexp.MustCompile(`(?m)^ +runbook_url: (.*)$`).FindAllStringSubmatch(string(replaced), -1) {
		if at, err := url.Parse(link[1]); err != nil || at.Scheme != "https" || at.Host == "" || at.Fragment == "" {
			t.Errorf("%s is not absolute", link[1])
		}
	}
}

// Every alert, problem, phase and finding has a section, and every section is about one
// of them.
func TestRunbook(t *testing.T) {
	alerts, _ := rules(t)
	sections := runbook(t)
	wanted := map[string]string{
		"handshake": "the handshake phases",
		"alert_":    "TLS alerts as reasons",
		"anywhere":  "reasons of any phase",
		"downloads": "reasons of downloads from CAs",
		// What the pages and reports name besides.
		"ct_violated":     "a finding",
		"bad_staple":      "a finding",
		"expires_soon":    "a finding",
		"no_handshake":    "a finding",
		"old_version":     "a finding",
		"dane_mismatch":   "a finding",
		"policy_violated": "a finding",

		"caa_forbids_issuer":    "a finding",
		"https_record_mismatch": "a finding",
		"ech_not_accepted":      "a finding",

		"renewal_overdue": "a finding",
		"weak_cipher":     "a finding",
		"vulnerabilities": "findings",
	}
	for name := range alerts {
		wanted[strings.ToLower(name)] = name
	}
	for _, problem := range chain.Problems {
		wanted[string(problem)] = "a problem of a chain"
	}
	for _, phase := range failure.Phases {
		if phase != failure.PhaseServerHello && phase != failure.PhaseKeyExchange {
			wanted[string(phase)] = "a phase"
		}
	}
	for anchor, what := range wanted {
		if sections[anchor] == "" {
			t.Errorf("the runbook has no section %s (%s)", anchor, what)
		}
	}
	for anchor := range sections {
		if wanted[anchor] == "" {
			t.Errorf("the runbook's section %s is about no alert, problem, phase or finding", anchor)
		}
	}
	for _, alert := range alerts {
		section := sections[strings.ToLower(alert.Alert)]
		for _, part := range []string{"**Means.**", "**Users see.**", "**First.**", "**Likely", "**Do.**", "**Silence.**"} {
			if strings.Count(section, part) != 1 {
				t.Errorf("the runbook's section on %s has %q %d times", alert.Alert, part, strings.Count(section, part))
			}
		}
		_, commands, _ := strings.Cut(section, "```sh\n")
		commands, _, _ = strings.Cut(commands, "```")
		if n := strings.Count(commands, "\n"); n != 3 {
			t.Errorf("the runbook's section on %s has %d commands, want 3", alert.Alert, n)
		}
	}
	text := read(t, "../docs/runbook.md")
	for _, reason := range prober.Vocabulary() {
		if !strings.HasPrefix(string(reason), "alert_") && !strings.Contains(text, "`"+string(reason)+"`") && sections[string(reason)] == "" {
			t.Errorf("the runbook does not explain the reason %s", reason)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(text, -1) {
		if sections[link[1]] == "" && !strings.Contains(strings.ToLower(text), "\n# "+strings.ReplaceAll(link[1], "-", " ")+"\n") {
			t.Errorf("the runbook links to #%s, which it does not have", link[1])
		}
	}
}

// runbook returns the sections of the second level by their anchors, as GitHub
// makes them.
func runbook(t *testing.T) map[string]string {
	t.Helper()
	sections := map[string]string{}
	for _, part := range regexp.MustCompile(`(?m)^#{1,2} `).Split(read(t, "../docs/runbook.md"), -1) {
		heading, body, _ := strings.Cut(part, "\n")
		anchor := strings.ToLower(strings.ReplaceAll(heading, " ", "-"))
		if slices.Contains([]string{"", "runbook", "alerts", "chain-problems", "reasons", "findings"}, anchor) {
			continue // the title and the chapters
		}
		if sections[anchor] != "" {
			t.Errorf("the runbook has two sections %s", anchor)
		}
		sections[anchor] = body
	}
	return sections
}

// Every alert has a case in which it fires and one in which it is silent.
func TestEveryAlertIsTested(t *testing.T) {
	alerts, _ := rules(t)
	var file struct {
		Tests []struct {
			Cases []struct {
				Alertname string
				Alerts    []struct{} `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	load(t, "rules_test.yml", &file)
	firing, silent := map[string]bool{}, map[string]bool{}
	for _, group := range file.Tests {
		for _, c := range group.Cases {
			if _, known := alerts[c.Alertname]; !known {
				t.Errorf("rules_test.yml tests %s, which is not an alert", c.Alertname)
			}
			if len(c.Alerts) > 0 {
				firing[c.Alertname] = true
			} else {
				silent[c.Alertname] = true
			}
		}
	}
	for name := range alerts {
		if !firing[name] || !silent[name] {
			t.Errorf("%s: has a firing case: %t, has a silent case: %t", name, firing[name], silent[name])
		}
	}
}

// The rules use only metrics and labels that the exporter has, and match only
// values that these labels can have.
func TestRulesKeepToTheContract(t *testing.T) {
	alerts, records := rules(t)
	promised := map[string][]string{"up": nil}
	for _, m := range server.Contract() {
		promised[m.Name] = m.Labels
	}
	used := map[string]bool{}
	for _, r := range slices.Concat(slices.Collect(maps.Values(alerts)), slices.Collect(maps.Values(records))) {
		for where, expr := range queries(t, r) {
			for _, s := range selectors(t, where, expr) {
				used[s.Name] = true
				_, ours := records[s.Name]
				known, ok := promised[s.Name]
				if !ours && !ok {
					t.Errorf("%s uses %s, which is neither a metric of the exporter nor recorded", where, s.Name)
				}
				for _, m := range s.LabelMatchers {
					if ok && !slices.Contains(append(known, model.MetricNameLabel, "job", "instance"), m.Name) {
						t.Errorf("%s matches %s by the label %s, which it does not have", where, s.Name, m.Name)
					}
					switch m.Name {
					case "problem":
						checkWords(t, where, m.Value, chain.Problems)
					case "phase":
						checkWords(t, where, m.Value, failure.Phases)
					case "policy":
						checkWords(t, where, m.Value, policy.Names)
					case "reason":
						checkWords(t, where, m.Value, prober.Vocabulary())
					case "vulnerability":
						checkWords(t, where, m.Value, vulnerabilities.Names)
					case "version":
						checkWords(t, where, m.Value, versions())
					case "strength":
						checkWords(t, where, m.Value, []hello.Strength{hello.Weak, hello.Acceptable, hello.Strong})
					}
				}
			}
		}
	}
	for name := range records {
		if !used[name] {
			t.Errorf("%s is recorded, and no rule uses it", name)
		}
	}
}

// queries returns the expressions of a rule: its own, and those in its annotations.
func queries(t *testing.T, r rule) map[string]string {
	t.Helper()
	name := r.Alert + r.Record
	all := map[string]string{name: r.Expr}
	for annotation, text := range r.Annotations {
		asked := annotationQuery.FindAllStringSubmatch(text, -1)
		if len(asked) != strings.Count(text, "| query") {
			t.Errorf("a query in the %s of %s does not have the form of the others", annotation, name)
		}
		for i, match := range asked {
			all[fmt.Sprintf("query %d in the %s of %s", i+1, annotation, name)] = strings.ReplaceAll(match[1], "%q", `"sample"`)
		}
	}
	return all
}

var annotationQuery = regexp.MustCompile(`printf "([^"]*)" \$labels\.job(?: \$labels\.instance)? \| query`)

func selectors(t *testing.T, where, expr string) []*parser.VectorSelector {
	t.Helper()
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	var found []*parser.VectorSelector
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			found = append(found, s)
		}
		return nil
	})
	return found
}

func versions() []string {
	var names []string
	for _, v := range hello.Versions {
		names = append(names, v.String())
	}
	return names
}

func checkWords[W ~string](t *testing.T, where, alternatives string, vocabulary []W) {
	t.Helper()
	for word := range strings.SplitSeq(alternatives, "|") {
		if !slices.Contains(vocabulary, W(word)) {
			t.Errorf("%s uses the value %s, which does not exist", where, word)
		}
	}
}

// Every rule that looks at the reasons of the exporter's own faults lists all of them, and
// a failure with any other reason is one of the endpoint.
func TestRulesKnowTheExportersOwnFaults(t *testing.T) {
	var blind []string
	for _, reason := range prober.Vocabulary() {
		if (&failure.Failure{Phase: failure.PhaseConnect, Reason: reason}).Blind() {
			blind = append(blind, string(reason))
		}
	}
	slices.Sort(blind)
	alerts, records := rules(t)
	found := 0
	for _, r := range slices.Concat(slices.Collect(maps.Values(alerts)), slices.Collect(maps.Values(records))) {
		for _, list := range regexp.MustCompile(`tls_(?:probe|address)_failure_info\{[^}]*reason[=!]~"([^"]*internal[^"]*)"`).FindAllStringSubmatch(r.Expr, -1) {
			found++
			words := slices.DeleteFunc(strings.Split(list[1], "|"), func(word string) bool { return word == "stale_certificate" || word == "unsupported_algorithm" })
			if slices.Sort(words); !slices.Equal(words, blind) {
				t.Errorf("%s%s lists %v, the exporter's own faults are %v", r.Alert, r.Record, words, blind)
			}
		}
	}
	if found != 5 {
		t.Errorf("found %d lists of the exporter's own faults, want 5", found)
	}
}

// severityOf is the severity of the alert on what makes the status of an endpoint.
var severityOf = map[part.Status]string{part.Bad: "critical", part.Unknown: "warning", part.Warning: "warning", part.Good: "info"}

// Each problem of a chain has exactly one alert, as severe as the status of an endpoint
// with this problem.
func TestEveryProblemHasAnAlert(t *testing.T) {
	alerts, _ := rules(t)
	for _, problem := range chain.Problems {
		severities := severitiesOn(t, alerts, "problem", string(problem))
		if want := severityOf[report.Judge(reporttest.WithProblem(problem), report.Limits{})]; !slices.Equal(severities, []string{want}) {
			t.Errorf("%s has alerts with the severities %v, want one that is %s", problem, severities, want)
		}
	}
}

// Each status of a stapled response that the report warns of has one warning, and no other
// has.
func TestEveryBadStapleHasAnAlert(t *testing.T) {
	alerts, _ := rules(t)
	about := make(map[string]rule)
	for name, a := range alerts {
		if len(severitiesOn(t, map[string]rule{name: a}, "source", string(certstatus.Staple))) > 0 {
			about[name] = a
		}
	}
	for _, status := range certstatus.Statuses {
		r := reporttest.Healthy()
		r.Staple = &certstatus.Answer{Source: certstatus.Staple, Status: status}
		var want []string
		if judged := report.Judge(r, report.Limits{}); judged != part.Good {
			want = []string{severityOf[judged]}
		}
		if got := severitiesOn(t, about, "status", string(status)); !slices.Equal(got, want) {
			t.Errorf("%s has alerts with the severities %v, want %v", status, got, want)
		}
	}
}

// A check that has no finding has one alert. Those that only judge what others found have
// none.
func TestEveryCheckHasAnAlert(t *testing.T) {
	alerts, _ := rules(t)
	checks := reflect.TypeFor[prober.Checks]()
	for i := range checks.NumField() {
		name := checks.Field(i).Tag.Get("yaml")
		var found []string
		for _, alert := range []string{"TLSCheckFailing", "TLSScanFailing"} {
			if len(severitiesOn(t, map[string]rule{alert: alerts[alert]}, "check", name)) > 0 {
				found = append(found, alert)
			}
		}
		want := 1
		if name == "grade" || name == "clients" {
			want = 0
		}
		if len(found) != want {
			t.Errorf("%s has the alerts %v, want %d", name, found, want)
		}
	}
}

// severitiesOn is the severities of the alerts with a selector whose label matches.
func severitiesOn(t *testing.T, alerts map[string]rule, label, value string) []string {
	var severities []string
	for _, a := range alerts {
		for _, s := range selectors(t, a.Alert, a.Expr) {
			for _, m := range s.LabelMatchers {
				if m.Name == label && m.Matches(value) {
					severities = append(severities, a.Labels["severity"])
				}
			}
		}
	}
	return severities
}

// An endpoint that makes the exporter's reports worse than good has an alert of the same
// severity.
func TestAlertsAgreeWithReports(t *testing.T) {
	alerts, _ := rules(t)
	old := reporttest.Healthy()
	old.Session.Version = tls.VersionTLS11
	for name, r := range map[string]*prober.Result{
		"TLSOldProtocol":             old,
		"TLSOldVersionTaken":         reporttest.Accepting(hello.TLS10, hello.TLS12, hello.TLS13),
		"TLSWeakCipherTaken":         reporttest.AcceptingWeakSuite(),
		"TLSDANEMismatch":            reporttest.DANEMismatch("https"),
		"TLSMailDANEMismatch":        reporttest.DANEMismatch("smtp"),
		"TLSPolicyBroken":            reporttest.Violating("pci_dss"),
		"TLSCAAForbidsIssuer":        reporttest.DNSRecordsBroken(),
		"TLSHTTPSRecordMismatch":     reporttest.DNSRecordsBroken(),
		"TLSECHNotAccepted":          reporttest.DNSRecordsBroken(),
		"TLSRenewalOverdue":          reporttest.RenewalOverdue(),
		"TLSCertificateExpired":      reporttest.WithProblem(chain.ProblemExpired),
		"TLSCertificateExpiringSoon": reporttest.Lasting(90*24*time.Hour, 25*24*time.Hour),

		"TLSCertificateTransparencyViolated": reporttest.Unlogged(),
	} {
		if got, want := alerts[name].Labels["severity"], severityOf[report.Judge(r, report.Limits{})]; got != want {
			t.Errorf("%s is %q, and the status of the endpoint asks for %q", name, got, want)
		}
	}
}

// Each vulnerability has exactly one alert. It is critical if the vulnerability gives
// secrets away, as in the exporter's reports.
func TestEveryVulnerabilityHasAnAlert(t *testing.T) {
	alerts, _ := rules(t)
	for _, name := range vulnerabilities.Names {
		severities := severitiesOn(t, alerts, "vulnerability", string(name))
		want := "warning"
		if name.ExposesSecrets() {
			want = "critical"
		}
		if !slices.Equal(severities, []string{want}) {
			t.Errorf("%s has alerts with the severities %v, want one that is %s", name, severities, want)
		}
	}
}

// Aggregations and joins over tls_certificate_info ignore all labels that vary with
// the certificate. A label that is added to the metric has to be added there.
func TestCertificateLabelsAreIgnored(t *testing.T) {
	alerts, records := rules(t)
	var varying []string
	for _, m := range server.Contract() {
		if m.Name == "tls_certificate_info" {
			varying = slices.DeleteFunc(slices.Clone(m.Labels), func(label string) bool { return label == "position" })
		}
	}
	lists := regexp.MustCompile(`(?:without|ignoring) \(([^)]*serial_number[^)]*)\)`)
	found := 0
	for _, r := range []rule{alerts["TLSCertificateChanged"], records["instance:tls_certificate_info:subject"]} {
		for _, list := range lists.FindAllStringSubmatch(r.Expr, -1) {
			found++
			listed := strings.Split(list[1], ", ")
			for _, label := range varying {
				if !slices.Contains(listed, label) {
					t.Errorf("%s%s does not ignore %s", r.Alert, r.Record, label)
				}
			}
		}
	}
	if found != 3 {
		t.Errorf("found %d lists of the certificate's labels, want 3", found)
	}
}

// The example for Alertmanager names only alerts that exist.
func TestAlertmanagerKnowsTheAlerts(t *testing.T) {
	alerts, _ := rules(t)
	text := read(t, "alertmanager.yml")
	for _, match := range regexp.MustCompile(`alertname(=~?)"([^"]*)"`).FindAllStringSubmatch(text, -1) {
		for alternative := range strings.SplitSeq(match[2], "|") {
			pattern := regexp.MustCompile("^(?:" + alternative + ")$")
			if !slices.ContainsFunc(slices.Collect(maps.Keys(alerts)), pattern.MatchString) {
				t.Errorf("alertmanager.yml names %s, which is not an alert", alternative)
			}
		}
	}
}

// commented returns the example with the jobs from its comments. Those are indented
// by an even number of spaces, and prose by one.
func commented(t *testing.T) string {
	t.Helper()
	return regexp.MustCompile(`(?m)^#(- |(?:  )+[^ ])`).ReplaceAllString(read(t, "prometheus.yml"), "$1")
}

func TestScrapeJobs(t *testing.T) {
	var config struct {
		Jobs []struct {
			Name    string `yaml:"job_name"`
			Path    string `yaml:"metrics_path"`
			HTTPSD  []any  `yaml:"http_sd_configs"`
			Relabel []struct {
				Target string `yaml:"target_label"`
			} `yaml:"relabel_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(commented(t)), &config); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, job := range config.Jobs {
		names = append(names, job.Name)
		relabelled := map[string]bool{}
		for _, r := range job.Relabel {
			relabelled[r.Target] = true
		}
		if job.Path == "/probe" && !(relabelled["__param_target"] && relabelled["instance"] && relabelled["__address__"]) {
			t.Errorf("%s does not set the parameter target, the label instance and the address of the exporter", job.Name)
		}
	}
	if want := []string{"tls", "tls_exporter", "tls_files", "tls_ingresses", "tls_services"}; !slices.Equal(names, want) {
		t.Errorf("the jobs are %v, want %v", names, want)
	}
	if n := strings.Count(read(t, "prometheus.yml"), ":10443/targets\n"); n != 1 || len(config.Jobs[0].HTTPSD) != 1 {
		t.Errorf("the job of three lines is missing")
	}
}

// promtool and amtool accept these files.
func TestTools(t *testing.T) {
	for _, command := range []string{
		"promtool check rules rules.yml",
		"promtool test rules rules_test.yml",
		"promtool check config prometheus.yml",
		"amtool check-config alertmanager.yml",
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			if said, err := run(t, command); err != nil {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
	for _, page := range []string{"../README.md", "../docs/scaling.md"} {
		t.Run("promtool check config with the jobs of "+page, func(t *testing.T) {
			t.Parallel()
			blocks := regexp.MustCompile("(?s)```yaml\n(scrape_configs:.*?)```").FindAllStringSubmatch(read(t, page), -1)
			if len(blocks) != 1 {
				t.Fatalf("%d scrape configurations", len(blocks))
			}
			path := filepath.Join(t.TempDir(), "prometheus.yml")
			if err := os.WriteFile(path, []byte(blocks[0][1]), 0o600); err != nil {
				t.Fatal(err)
			}
			if said, err := run(t, "promtool check config "+path); err != nil {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
	t.Run("promtool check config with the jobs in comments", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		full := filepath.Join(dir, "prometheus.yml")
		for path, content := range map[string]string{full: commented(t), filepath.Join(dir, "rules.yml"): read(t, "rules.yml")} {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		said, err := run(t, "promtool check config "+full)
		if strings.Contains(said, "kubernetes_sd_configs not found") {
			t.Skip("this promtool was built without Kubernetes, as Debian's is")
		}
		if err != nil {
			t.Errorf("%v\n%s", err, said)
		}
	})
}

// run runs a tool, or skips the test if it is not installed.
func run(t *testing.T, command string) (said string, err error) {
	t.Helper()
	words := strings.Fields(command)
	path, err := exec.LookPath(words[0])
	if err != nil {
		t.Skipf("%s is not installed here; Debian has it in prometheus and prometheus-alertmanager", words[0])
	}
	output, err := exec.CommandContext(t.Context(), path, words[1:]...).CombinedOutput()
	return string(output), err
}
