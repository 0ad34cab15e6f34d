package grafana_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/server"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/promql/parser"
)

// Every query is valid PromQL and uses only metrics and labels of the exporter, and
// its legend uses only labels of the result.
func TestQueries(t *testing.T) {
	eachPanel(t, func(t *testing.T, d *dashboard, p panel) {
		for _, q := range p.Targets {
			labels, problems := check(q.Expr)
			for _, problem := range problems {
				t.Errorf("%s: %s\nin %s", q.RefID, problem, q.Expr)
			}
			for _, match := range legendLabel.FindAllStringSubmatch(q.LegendFormat, -1) {
				if !labels[match[1]] {
					t.Errorf("%s: the legend %q uses the label %s, but there are only %v", q.RefID, q.LegendFormat, match[1], sorted(labels))
				}
			}
			if _, err := interpolate(q.Expr, d.samples()); err != nil {
				t.Errorf("%s: %v", q.RefID, err)
			}
		}
	})
}

// The queries of annotations too. They have two places, and their texts use only labels
// of the result.
func TestAnnotations(t *testing.T) {
	found := 0
	for uid, d := range dashboards(t) {
		for _, a := range d.Annotations.List {
			found++
			labels, problems := check(a.Expr)
			for _, problem := range problems {
				t.Errorf("%s: %s: %s\nin %s", uid, a.Name, problem, a.Expr)
			}
			if a.Target.Expr != a.Expr || a.Target.RefID == "" || !a.Target.Range {
				t.Errorf("%s: %s has the queries %q and %+v", uid, a.Name, a.Expr, a.Target)
			}
			used := strings.Split(a.TagKeys, ",")
			for _, match := range legendLabel.FindAllStringSubmatch(a.TitleFormat+a.TextFormat, -1) {
				used = append(used, match[1])
			}
			for _, label := range used {
				if !labels[label] {
					t.Errorf("%s: %s uses the label %s, but there are only %v", uid, a.Name, label, sorted(labels))
				}
			}
		}
	}
	if found == 0 {
		t.Error("no dashboard has annotations")
	}
}

var legendLabel = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

func TestVariables(t *testing.T) {
	for uid, d := range dashboards(t) {
		for _, v := range d.Templating.List {
			if v.Type != "query" {
				continue
			}
			selector, label, err := labelValues(v.values())
			if err != nil {
				t.Errorf("%s: %v", uid, err)
				continue
			}
			labels, problems := check(selector)
			if len(problems) > 0 || !labels[label] {
				t.Errorf("%s: variable %s uses %s of %s: %v", uid, v.Name, label, selector, problems)
			}
			if _, err := interpolate(selector, d.samples()); err != nil {
				t.Errorf("%s: variable %s: %v", uid, v.Name, err)
			}
		}
	}
}

var labelValuesCall = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// labelValues splits a label_values query of Grafana.
func labelValues(query string) (selector, label string, err error) {
	match := labelValuesCall.FindStringSubmatch(query)
	if match == nil {
		return "", "", fmt.Errorf("%q is not a label_values query", query)
	}
	return match[1], match[2], nil
}

// samples returns values for the variables of Grafana and of the dashboard.
func (d *dashboard) samples() map[string]string {
	values := map[string]string{"__range": "1h", "__interval": "1m", "__rate_interval": "4m"}
	for _, v := range d.Templating.List {
		values[v.Name] = "sample"
	}
	return values
}

var grafanaVariable = regexp.MustCompile(`\$([A-Za-z_]\w*)|\$\{(\w+)(?::\w+)?\}`)

// interpolate replaces variables with values, as Grafana does.
func interpolate(expr string, values map[string]string) (string, error) {
	var unknown error
	expr = grafanaVariable.ReplaceAllStringFunc(expr, func(written string) string {
		match := grafanaVariable.FindStringSubmatch(written)
		name := match[1] + match[2]
		value, ok := values[name]
		if !ok {
			unknown = fmt.Errorf("there is no variable %s", name)
		}
		return value
	})
	return expr, unknown
}

// check returns the labels that the result of a query may have, and the metrics and
// labels in the query that do not exist.
func check(expr string) (labels map[string]bool, problems []string) {
	written, err := interpolate(expr, map[string]string{
		"__range": "1h", "__interval": "1m", "__rate_interval": "4m", "job": "sample", "instance": "sample",
	})
	if err != nil {
		return nil, []string{err.Error()}
	}
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(written)
	if err != nil {
		return nil, []string{err.Error()}
	}
	c := checker{metrics: promised()}
	labels = c.labels(tree)
	return labels, c.problems
}

// promised returns the metrics that Prometheus has of this exporter, with their
// labels: those of the exporter, those of the client library, those that Prometheus makes
// itself, and one that rules.yml records of every target.
var promised = sync.OnceValue(func() map[string][]string {
	metrics := map[string][]string{"up": nil, "ALERTS": {"alertname", "alertstate", "severity"}, "instance:tls_up:last6m": nil}
	for _, m := range server.Contract() {
		metrics[m.Name] = m.Labels // of a histogram: the native one
		if m.Type == "histogram" {
			metrics[m.Name+"_bucket"] = append([]string{"le"}, m.Labels...)
			metrics[m.Name+"_sum"], metrics[m.Name+"_count"] = m.Labels, m.Labels
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := registry.Gather()
	if err != nil {
		panic(err)
	}
	for _, family := range families {
		var labels []string
		for _, pair := range family.Metric[0].Label {
			labels = append(labels, pair.GetName())
		}
		if family.GetType() == dto.MetricType_SUMMARY {
			metrics[family.GetName()+"_sum"], metrics[family.GetName()+"_count"] = labels, labels
			labels = append([]string{"quantile"}, labels...)
		}
		metrics[family.GetName()] = labels
	}
	return metrics
})

// checker walks a query from its leaves. It collects the labels of each expression,
// and the use of labels that cannot exist.
type checker struct {
	metrics  map[string][]string
	problems []string
}

func (c *checker) complain(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// need reports labels that an expression does not have.
func (c *checker) need(where string, have map[string]bool, wanted ...string) {
	for _, label := range wanted {
		if !have[label] {
			c.complain("%s asks for the label %s, but there are only %v", where, label, sorted(have))
		}
	}
}

func (c *checker) labels(e parser.Expr) map[string]bool {
	switch e := e.(type) {
	case *parser.VectorSelector:
		return c.selector(e)
	case *parser.MatrixSelector:
		return c.labels(e.VectorSelector)
	case *parser.SubqueryExpr:
		return c.labels(e.Expr)
	case *parser.ParenExpr:
		return c.labels(e.Expr)
	case *parser.UnaryExpr:
		return c.labels(e.Expr)
	case *parser.AggregateExpr:
		return c.aggregation(e)
	case *parser.Call:
		return c.call(e)
	case *parser.BinaryExpr:
		return c.operation(e)
	}
	return nil // a number or a string
}

func (c *checker) selector(e *parser.VectorSelector) map[string]bool {
	promised, ok := c.metrics[e.Name]
	if !ok {
		c.complain("there is no metric %q", e.Name)
	}
	have := labelSet(append([]string{"job", "instance"}, promised...)...)
	for _, m := range e.LabelMatchers {
		if m.Name != "__name__" {
			c.need(e.Name, have, m.Name)
		}
	}
	return have
}

func (c *checker) aggregation(e *parser.AggregateExpr) map[string]bool {
	have := c.labels(e.Expr)
	c.need(e.Op.String(), have, e.Grouping...)
	switch {
	case e.Op == parser.TOPK || e.Op == parser.BOTTOMK:
		return have
	case e.Without:
		return without(have, e.Grouping...)
	}
	return labelSet(e.Grouping...)
}

func (c *checker) call(e *parser.Call) map[string]bool {
	var have map[string]bool
	for _, arg := range e.Args {
		if arg.Type() == parser.ValueTypeVector || arg.Type() == parser.ValueTypeMatrix {
			have = c.labels(arg)
		}
	}
	word := func(i int) string { return e.Args[i].(*parser.StringLiteral).Val }
	switch e.Func.Name {
	case "label_replace":
		if word(3) != "" { // else the label is set, whatever there is
			c.need("label_replace", have, word(3))
		}
		have = maps.Clone(have)
		if have == nil {
			have = make(map[string]bool)
		}
		have[word(1)] = true
	case "histogram_quantile":
		have = without(have, "le")
	}
	return have
}

func (c *checker) operation(e *parser.BinaryExpr) map[string]bool {
	left, right := c.labels(e.LHS), c.labels(e.RHS)
	m := e.VectorMatching
	if m == nil { // one side is a number
		return union(left, right)
	}
	if m.On {
		c.need(e.Op.String(), left, m.MatchingLabels...)
		c.need(e.Op.String(), right, m.MatchingLabels...)
	}
	switch {
	case e.Op == parser.LOR:
		return union(left, right)
	case e.Op.IsSetOperator():
		return left
	case m.Card == parser.CardManyToOne:
		c.need("group_left", right, m.Include...)
		return union(left, labelSet(m.Include...))
	case m.Card == parser.CardOneToMany:
		c.need("group_right", left, m.Include...)
		return union(right, labelSet(m.Include...))
	case m.On:
		return labelSet(m.MatchingLabels...)
	}
	return without(left, m.MatchingLabels...)
}

func labelSet(names ...string) map[string]bool {
	set := make(map[string]bool)
	for _, name := range names {
		set[name] = true
	}
	return set
}

func union(a, b map[string]bool) map[string]bool {
	both := labelSet()
	maps.Copy(both, a)
	maps.Copy(both, b)
	return both
}

func without(set map[string]bool, names ...string) map[string]bool {
	rest := labelSet()
	maps.Copy(rest, set)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// The checker itself: queries that it has to accept, and queries that it has to reject.
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		expr string
		says string // the beginning of the complaint; empty: there is none
	}{
		{`count(tls_probe_success{job=~"$job"} == 0) or vector(0)`, ``},
		{`sum by (job, le) (rate(tls_exporter_probe_duration_seconds_bucket[$__rate_interval]))`, ``},
		{`histogram_quantile(0.5, sum(rate(tls_exporter_probe_duration_seconds[$__rate_interval])))`, ``},
		{`go_gc_duration_seconds{quantile="1"} + on (instance) group_left () process_open_fds`, ``},
		{`label_replace(tls_probe_failure_info, "why", "$1", "reason", "(.*)")`, ``},
		{`max by (why) (label_replace(vector(0), "why", "none", "", ""))`, ``},

		{`tls_probe_sucess`, `there is no metric "tls_probe_sucess"`},
		{`{job="tls"}`, `there is no metric ""`},
		{`tls_probe_success{phase="verify"}`, `tls_probe_success asks for the label phase`},
		{`count by (reason) (tls_chain_problem)`, `count asks for the label reason`},
		{`sum without (reason) (tls_chain_problem)`, `sum asks for the label reason`},
		{`tls_chain_problem * on (reason) tls_probe_failure_info`, `* asks for the label reason`},
		{`sum(tls_chain_problem) or on (job) up`, `or asks for the label job`},
		{`tls_chain_problem * on (job, instance) group_left (version) tls_probe_failure_info`, `group_left asks for the label version`},
		{`label_replace(up, "why", "$1", "reason", "(.*)")`, `label_replace asks for the label reason`},
		{`max by (le) (histogram_quantile(0.5, tls_exporter_probe_duration_seconds_bucket))`, `max asks for the label le`},
		{`max by (reason) (max(tls_probe_failure_info) == 1)`, `max asks for the label reason`},
		{`up{job="$cluster"}`, `there is no variable cluster`},
		{`sum(up`, `1:`},
	} {
		_, problems := check(test.expr)
		switch {
		case test.says == "" && len(problems) > 0:
			t.Errorf("%s: %v", test.expr, problems)
		case test.says != "" && (len(problems) == 0 || !strings.HasPrefix(problems[0], test.says)):
			t.Errorf("%s: %q, want a complaint that begins with %q", test.expr, problems, test.says)
		}
	}
}

// Both dashboards show the same vulnerabilities in red: those that give secrets away,
// for which there is a critical alert.
func TestSecretsAreRed(t *testing.T) {
	var secrets []string
	for _, name := range vulnerabilities.Names {
		if name.ExposesSecrets() {
			secrets = append(secrets, string(name))
		}
	}
	slices.Sort(secrets)
	found := map[string]bool{}
	eachPanel(t, func(t *testing.T, d *dashboard, p panel) {
		for _, q := range p.Targets {
			for _, match := range secretsMatcher.FindAllStringSubmatch(q.Expr, -1) {
				if got := strings.Split(match[1], "|"); !slices.Equal(slices.Sorted(slices.Values(got)), secrets) {
					t.Errorf("%s: %s has %v, want %v", q.RefID, p.Title, got, secrets)
				}
				found[p.Title] = true
			}
		}
	})
	if want := []string{"Vulnerabilities", "Vulnerable"}; !slices.Equal(slices.Sorted(maps.Keys(found)), want) {
		t.Errorf("the panels that tell them apart are %v, want %v", slices.Sorted(maps.Keys(found)), want)
	}
}

var secretsMatcher = regexp.MustCompile(`vulnerability[=!]~"([^"$]+)"`)
