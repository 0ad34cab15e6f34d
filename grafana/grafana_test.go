// Package grafana_test checks the dashboards against the requirements of Grafana and
// the metrics of the exporter.
package grafana_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/check/grade"
	httpsrecord "tls_exporter/prober/check/https_record"
	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
)

// dashboard is the part of Grafana's dashboard JSON that these tests use.
type dashboard struct {
	file    string
	content []byte

	ID            *int   `json:"id"` // has to be null; Grafana would replace the dashboard with this id
	UID           string `json:"uid"`
	Title         string `json:"title"`
	Description   string `json:"description"`
	SchemaVersion int    `json:"schemaVersion"`
	Tags          []string
	Refresh       string
	Time          struct{ From, To string }
	Links         []struct {
		Type, URL string
		KeepTime  bool
	}
	Templating  struct{ List []variable }
	Annotations struct{ List []annotation }
	Panels      []panel
}

// all returns the panels, those of collapsed rows too, which are inside their rows.
func (d *dashboard) all() []panel {
	var all []panel
	for _, p := range d.Panels {
		all = append(all, p)
		for _, inside := range p.Panels {
			inside.hidden = true
			all = append(all, inside)
		}
	}
	return all
}

// annotation marks moments in all panels over time. Grafana 11 reads the query in one of
// two places, by its minor version.
type annotation struct {
	Name, Expr, TitleFormat, TextFormat, TagKeys string
	Target                                       query
}

type variable struct {
	Type, Name, Label, Description string
	Query                          any // a string, or an object with a query for a variable of values
	Definition                     string
	Datasource                     any
	Multi                          bool
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ X, Y, W, H int }
	Datasource               any
	Collapsed                bool
	Panels                   []panel // of a collapsed row
	hidden                   bool    // until somebody opens its row
	Targets                  []query
	FieldConfig              struct {
		Defaults  fieldConfig
		Overrides []override
	}
	Options struct {
		SortBy []struct{ DisplayName string }
		YAxis  struct{ Unit string }
	}
	Transformations []struct {
		ID      string
		Options struct {
			ExcludeByName map[string]bool
			RenameByName  map[string]string
			IndexByName   map[string]int
		}
	}
}

type fieldConfig struct {
	Unit, NoValue string
	Mappings      []mapping
}

type mapping struct {
	Type    string
	Options json.RawMessage
}

type override struct {
	Matcher    struct{ ID, Options string }
	Properties []struct {
		ID    string
		Value json.RawMessage
	}
}

// property returns the value of one property of an override, or nil.
func (o override) property(id string) json.RawMessage {
	for _, p := range o.Properties {
		if p.ID == id {
			return p.Value
		}
	}
	return nil
}

type query struct {
	RefID, Expr, LegendFormat, Format string
	Instant, Range                    bool
	Datasource                        any
}

func (p panel) isRow() bool { return p.Type == "row" }

// dashboards returns the dashboards of this directory by uid.
func dashboards(t *testing.T) map[string]*dashboard {
	t.Helper()
	files, err := filepath.Glob("*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboards found: %v", err)
	}
	all := make(map[string]*dashboard)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := &dashboard{file: file, content: content}
		if err := json.Unmarshal(content, d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[d.UID] = d
	}
	return all
}

// eachPanel calls do for every panel with a query.
func eachPanel(t *testing.T, do func(*testing.T, *dashboard, panel)) {
	t.Helper()
	for uid, d := range dashboards(t) {
		for _, p := range d.all() {
			if !p.isRow() {
				t.Run(uid+"/"+p.Title, func(t *testing.T) { do(t, d, p) })
			}
		}
	}
}

// Every dashboard can be imported unchanged.
func TestDashboard(t *testing.T) {
	all := dashboards(t)
	for uid, d := range all {
		t.Run(uid, func(t *testing.T) {
			if d.ID != nil {
				t.Errorf("id is %d, want null: the importing Grafana assigns it", *d.ID)
			}
			if d.file != d.UID+".json" {
				t.Errorf("%s has the uid %s", d.file, d.UID)
			}
			if d.Title == "" || d.Description == "" || d.Refresh == "" || d.Time.From == "" || d.Time.To != "now" {
				t.Errorf("title, description, refresh or time range are missing")
			}
			if d.SchemaVersion < 39 {
				t.Errorf("schemaVersion is %d, which is older than Grafana 11", d.SchemaVersion)
			}
			if !slices.Contains(d.Tags, "tls") {
				t.Errorf("tags %v lack tls", d.Tags)
			}
			checkIndented(t, d.content)
			checkKeys(t, json.NewDecoder(bytes.NewReader(d.content)))
			checkDatasources(t, "", parse(t, d.content))
			checkVariables(t, d)
			checkIDs(t, d)
			checkLayout(t, d)
			checkLinks(t, d, all)
		})
	}
}

func parse(t *testing.T, content []byte) any {
	t.Helper()
	var tree any
	if err := json.Unmarshal(content, &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

// checkIndented requires an indentation that diffs well.
func checkIndented(t *testing.T, content []byte) {
	t.Helper()
	var indented bytes.Buffer
	if err := json.Indent(&indented, bytes.TrimSpace(content), "", "  "); err != nil {
		t.Fatal(err)
	}
	if indented.WriteByte('\n'); !bytes.Equal(indented.Bytes(), content) {
		t.Error("the file is not indented by two spaces")
	}
}

// checkKeys requires that no object has a key twice. Go takes the last one.
func checkKeys(t *testing.T, in *json.Decoder) {
	t.Helper()
	next := func() json.Token {
		token, err := in.Token()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	open := next()
	if open != json.Delim('{') && open != json.Delim('[') {
		return
	}
	seen := make(map[json.Token]bool)
	for in.More() {
		if open == json.Delim('{') {
			key := next()
			if seen[key] {
				t.Errorf("the key %s occurs twice in one object", key)
			}
			seen[key] = true
		}
		checkKeys(t, in)
	}
	next()
}

// checkDatasources requires the variable ${datasource} for every data source, because
// a uid is valid in one Grafana only.
func checkDatasources(t *testing.T, path string, tree any) {
	t.Helper()
	switch tree := tree.(type) {
	case []any:
		for i, value := range tree {
			checkDatasources(t, fmt.Sprintf("%s[%d]", path, i), value)
		}
	case map[string]any:
		for key, value := range tree {
			if key == "datasource" {
				checkDatasource(t, path, value)
			}
			checkDatasources(t, path+"."+key, value)
		}
	}
}

func checkDatasource(t *testing.T, where string, value any) {
	t.Helper()
	source, _ := value.(map[string]any)
	if source["type"] != "prometheus" || source["uid"] != "${datasource}" {
		t.Errorf("%s has the data source %v, want ${datasource}", where, value)
	}
}

func checkVariables(t *testing.T, d *dashboard) {
	t.Helper()
	types := make(map[string]string)
	for _, v := range d.Templating.List {
		types[v.Name] = v.Type
		if v.Label == "" || v.Description == "" {
			t.Errorf("variable %s has no label or no description", v.Name)
		}
		if (v.Type == "query" || v.Type == "adhoc") && v.Datasource == nil {
			t.Errorf("variable %s has no data source", v.Name)
		}
		if v.Type == "query" && v.Definition != v.values() {
			t.Errorf("variable %s has the definition %q and the query %q", v.Name, v.Definition, v.values())
		}
	}
	for name, want := range map[string]string{"datasource": "datasource", "job": "query", "instance": "query", "filters": "adhoc"} {
		if types[name] != want {
			t.Errorf("variable %s is of type %q, want %s", name, types[name], want)
		}
	}
	if d.Templating.List[0].Name != "datasource" || d.Templating.List[0].Query != "prometheus" {
		t.Error("the first variable is not the Prometheus data source, on which the others depend")
	}
}

// values returns the query of a variable.
func (v variable) values() string {
	object, _ := v.Query.(map[string]any)
	text, _ := object["query"].(string)
	return text
}

func checkIDs(t *testing.T, d *dashboard) {
	t.Helper()
	titles := make(map[int]string)
	for _, p := range d.all() {
		if other, taken := titles[p.ID]; taken || p.ID == 0 {
			t.Errorf("panels %q and %q have the id %d", other, p.Title, p.ID)
		}
		if slices.Contains(slices.Collect(maps.Values(titles)), p.Title) {
			t.Errorf("two panels have the title %q", p.Title)
		}
		titles[p.ID] = p.Title
	}
}

// gridWidth is the number of columns of Grafana's grid.
const gridWidth = 24

// checkLayout requires that panels do not overlap, and that those of a collapsed row are
// below it, where Grafana shows them when it is opened.
func checkLayout(t *testing.T, d *dashboard) {
	t.Helper()
	checkGrid(t, d.Panels)
	for _, p := range d.Panels {
		if p.Collapsed != (len(p.Panels) > 0) {
			t.Errorf("%q is collapsed: %t, and has %d panels", p.Title, p.Collapsed, len(p.Panels))
		}
		checkGrid(t, p.Panels)
		for _, inside := range p.Panels {
			if inside.GridPos.Y <= p.GridPos.Y {
				t.Errorf("%q is above its row", inside.Title)
			}
		}
	}
}

func checkGrid(t *testing.T, panels []panel) {
	t.Helper()
	taken := make(map[[2]int]string)
	for _, p := range panels {
		g := p.GridPos
		if g.W < 1 || g.H < 1 || g.X < 0 || g.Y < 0 || g.X+g.W > gridWidth {
			t.Errorf("%q is outside the grid: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%q and %q overlap", other, p.Title)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

var (
	exporterURL  = regexp.MustCompile(`"url": "(\$\{exporter[^"]*)"`)
	dashboardURL = regexp.MustCompile(`"url": "(/d/([\w-]+)\?[^"]*)"`)
	carried      = regexp.MustCompile(`\$\{(\w+):queryparam\}`)
	set          = regexp.MustCompile(`[?&]var-(\w+)=`)
)

// inspectURL is the exporter's page of a target.
const inspectURL = "${exporter}/inspect?target=${instance:percentencode}&module=${module:percentencode}"

// checkLinks requires that links lead to existing dashboards, and pass only variables
// with the same meaning on both. Grafana accepts a value from the URL even if the
// variable cannot have it, and then the dashboard is empty. So no link passes all
// variables (includeVars). One dashboard links to the exporter.
func checkLinks(t *testing.T, d *dashboard, all map[string]*dashboard) {
	t.Helper()
	others := 0
	for _, l := range d.Links {
		if l.URL == inspectURL && d.has("exporter") && d.has("module") {
			continue
		}
		others++
		if l.Type != "link" || !l.KeepTime || !strings.HasPrefix(l.URL, "/d/") {
			t.Errorf("link %+v leads to no dashboard, or drops the time range", l)
		}
	}
	if others != len(all)-1 {
		t.Errorf("there are %d links to dashboards, want one to each of the others", others)
	}
	for _, match := range exporterURL.FindAllStringSubmatch(string(d.content), -1) {
		if match[1] != inspectURL {
			t.Errorf("%s is not the page of a target", match[1])
		}
	}
	if bytes.Contains(d.content, []byte(`"includeVars": true`)) {
		t.Error("a link passes all variables")
	}
	for _, match := range dashboardURL.FindAllStringSubmatch(string(d.content), -1) {
		url, to := match[1], all[match[2]]
		if to == nil {
			t.Errorf("%s leads to no dashboard", url)
			continue
		}
		if !strings.Contains(url, "${datasource:queryparam}") {
			t.Errorf("%s drops the data source", url)
		}
		for _, name := range carried.FindAllStringSubmatch(url, -1) {
			if !d.has(name[1]) || !to.has(name[1]) {
				t.Errorf("%s passes %s, which is not on both dashboards", url, name[1])
			}
		}
		for _, name := range set.FindAllStringSubmatch(url, -1) {
			if !to.has(name[1]) {
				t.Errorf("%s sets %s, which %s does not have", url, name[1], to.UID)
			}
		}
	}
}

func (d *dashboard) has(name string) bool {
	return slices.ContainsFunc(d.Templating.List, func(v variable) bool { return v.Name == name })
}

// units are the units of Grafana that the dashboards use. Grafana shows any other
// word as a suffix, so a misspelt unit would go unnoticed.
var units = []string{"none", "short", "s", "d", "percentunit", "bytes", "reqps", "dateTimeFromNow", "dateTimeAsIso"}

func TestPanel(t *testing.T) {
	eachPanel(t, func(t *testing.T, _ *dashboard, p panel) {
		if p.Title == "" || len(p.Description) < 20 {
			t.Error("no title, or no description")
		}
		if p.Datasource == nil || len(p.Targets) == 0 {
			t.Error("no data source or no query")
		}
		refs := make(map[string]bool)
		for _, q := range p.Targets {
			if q.Datasource == nil || q.RefID == "" || refs[q.RefID] || q.Instant == q.Range {
				t.Errorf("query %+v lacks a data source or a unique name, or is not either instant or range", q)
			}
			refs[q.RefID] = true
		}
		checkUnits(t, p)
		if p.Type == "table" {
			checkTable(t, p)
		}
	})
}

// checkUnits requires a unit for every number.
func checkUnits(t *testing.T, p panel) {
	t.Helper()
	known := func(where, unit string) {
		if !slices.Contains(units, unit) {
			t.Errorf("%s has the unit %q", where, unit)
		}
	}
	for _, o := range p.FieldConfig.Overrides {
		if raw := o.property("unit"); raw != nil {
			known(o.Matcher.Options, strings.Trim(string(raw), `"`))
		}
	}
	switch p.Type {
	case "stat", "timeseries", "bargauge", "histogram", "heatmap":
		known(p.Title, p.FieldConfig.Defaults.Unit)
	}
	if p.Type == "heatmap" {
		known("the axis", p.Options.YAxis.Unit)
	}
}

// checkTable requires that every column is named or excluded, that overrides and sort
// order refer to existing columns, that numbers have a unit, and that a table without
// rows has a text.
func checkTable(t *testing.T, p panel) {
	t.Helper()
	names, excluded := p.columns(t)
	headers := slices.Sorted(maps.Values(names))
	overrides := p.FieldConfig.Overrides
	// Grafana also writes the text for a table without rows into empty cells.
	if p.FieldConfig.Defaults.NoValue == "" || len(overrides) == 0 || overrides[0].Matcher.ID != "byRegexp" || overrides[0].property("noValue") == nil {
		t.Fatal("no text for a table without rows, or no separate text for an empty cell")
	}
	units := make(map[string]bool)
	for _, o := range overrides[1:] {
		if o.Matcher.ID != "byName" || !slices.Contains(headers, o.Matcher.Options) {
			t.Errorf("an override is for %q, which is not a column of %q", o.Matcher.Options, headers)
		}
		units[o.Matcher.Options] = o.property("unit") != nil
	}
	for _, by := range p.Options.SortBy {
		if !slices.Contains(headers, by.DisplayName) {
			t.Errorf("sorted by %q, which is not a column of %q", by.DisplayName, headers)
		}
	}
	have := p.fields(t)
	for _, field := range have {
		if names[field] == "" && !excluded[field] {
			t.Errorf("column %q has no name and is not excluded", field)
		}
		if header := names[field]; strings.HasPrefix(field, "Value") && header != "" && !units[header] {
			t.Errorf("column %q has no unit", header)
		}
	}
	for field := range names {
		if !slices.Contains(have, field) {
			t.Errorf("column %q is named, but there are only %q", field, have)
		}
	}
	for field := range excluded {
		if field != "Value" && !slices.Contains(have, field) {
			t.Errorf("column %q is excluded, but there are only %q", field, have)
		}
	}
}

// columns returns the result of the panel's organize transformation: the names of the
// columns, and the excluded fields.
func (p panel) columns(t *testing.T) (names map[string]string, excluded map[string]bool) {
	t.Helper()
	for _, tr := range p.Transformations {
		if tr.ID == "organize" {
			return tr.Options.RenameByName, tr.Options.ExcludeByName
		}
	}
	t.Fatal("no organize transformation")
	return nil, nil
}

// fields returns the columns that Grafana creates from the results of a table's
// queries: the time, every label, and a value for each query.
func (p panel) fields(t *testing.T) []string {
	t.Helper()
	fields := []string{"Time"}
	for _, q := range p.Targets {
		labels, problems := check(q.Expr)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for label := range labels {
			fields = append(fields, label)
		}
		if len(p.Targets) == 1 {
			fields = append(fields, "Value")
		} else {
			fields = append(fields, "Value #"+q.RefID)
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// find returns the panel with a title.
func find(t *testing.T, uid, title string) panel {
	t.Helper()
	for _, p := range dashboards(t)[uid].all() {
		if p.Title == title {
			return p
		}
	}
	t.Fatalf("%s has no panel %q", uid, title)
	return panel{}
}

// The dashboard has the same remedies as the exporter's own report, for every
// reason.
func TestRemedies(t *testing.T) {
	type result struct{ Text string }
	var mappings []mapping
	for _, o := range find(t, "tls-target", "Problems and remedies").FieldConfig.Overrides {
		if o.Matcher.Options == "Remedy" {
			if err := json.Unmarshal(o.property("mappings"), &mappings); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(mappings) != 2 || mappings[0].Type != "value" || mappings[1].Type != "regex" {
		t.Fatalf("the remedies are not a value mapping followed by a regex mapping: %+v", mappings)
	}
	words := make(map[string]result)
	var rest struct {
		Pattern string
		Result  result
	}
	if err := json.Unmarshal(mappings[0].Options, &words); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(mappings[1].Options, &rest); err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile("^(?:" + rest.Pattern + ")$")
	for _, reason := range prober.Vocabulary() {
		shown, ok := words[string(reason)]
		if !ok && pattern.MatchString(string(reason)) {
			shown = rest.Result
		}
		if want := part.Remedy(reason); shown.Text != want {
			t.Errorf("%s has the remedy\n%q, want that of the report,\n%q", reason, shown.Text, want)
		}
	}
	for word, shown := range words {
		if want := part.Remedy(failure.Reason(word)); word != "none" && shown.Text != want {
			t.Errorf("%s has the remedy\n%q, and the report\n%q", word, shown.Text, want)
		}
	}
	if words["none"].Text == "" {
		t.Error("no text for a probe that succeeded")
	}
}

// The durations are stacked in the order of the phases, and none is missing.
func TestPhases(t *testing.T) {
	want := failure.Phases[:slices.Index(failure.Phases, failure.PhaseExpect)] // which takes no time
	var got []failure.Phase
	for _, q := range find(t, "tls-target", "Phase durations").Targets {
		got = append(got, failure.Phase(q.RefID))
		if !strings.Contains(q.Expr, fmt.Sprintf("phase=%q", q.RefID)) {
			t.Errorf("%s has the query %s", q.RefID, q.Expr)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("phases %v, want %v", got, want)
	}
}

// Every grade has a color, and nothing else has.
func TestGrades(t *testing.T) {
	mappings := find(t, "tls-target", "Grade").FieldConfig.Defaults.Mappings
	if len(mappings) == 0 || mappings[0].Type != "value" {
		t.Fatalf("the grades have the mappings %+v", mappings)
	}
	var colors map[string]struct{ Color, Text string }
	if err := json.Unmarshal(mappings[0].Options, &colors); err != nil {
		t.Fatal(err)
	}
	for _, g := range grade.Grades {
		if shown := colors[string(g)]; shown.Color == "" || shown.Text != string(g) {
			t.Errorf("%s is shown as %+v", g, shown)
		}
	}
	if len(colors) != len(grade.Grades) {
		t.Errorf("there are %d grades, want %d", len(colors), len(grade.Grades))
	}
}

// Every word of a vocabulary has a color in its column, and nothing else has.
func TestWords(t *testing.T) {
	for _, test := range []struct {
		panel, column string
		words         []string
	}{
		{"Revocation", "Status", words(certstatus.Statuses)},
		{"Outcome of ECH", "Outcome", words(httpsrecord.Outcomes)},
	} {
		for _, o := range find(t, "tls-target", test.panel).FieldConfig.Overrides {
			if o.Matcher.Options != test.column {
				continue
			}
			var mappings []struct {
				Options map[string]struct{ Color, Text string }
			}
			if err := json.Unmarshal(o.property("mappings"), &mappings); err != nil {
				t.Fatal(err)
			}
			if got := slices.Sorted(maps.Keys(mappings[0].Options)); !slices.Equal(got, test.words) {
				t.Errorf("%s has colors for %q, want %q", test.panel, got, test.words)
			}
			test.words = nil
		}
		if test.words != nil {
			t.Errorf("%s has no column %s", test.panel, test.column)
		}
	}
}

func words[W ~string](vocabulary []W) []string {
	var all []string
	for _, word := range vocabulary {
		all = append(all, string(word))
	}
	slices.Sort(all)
	return all
}
