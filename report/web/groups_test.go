package web

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/report/reporttest"
)

// configured is pages with targets that have labels: "a.test team=web env=prod".
func configured(t testing.TB, targets ...string) (*Pages, func(path string) string) {
	t.Helper()
	pages, mux := newPages(t)
	loaded := pages.options.Config()
	for _, written := range targets {
		words := strings.Fields(written)
		labels := make(map[string]string)
		for _, pair := range words[1:] {
			name, value, _ := strings.Cut(pair, "=")
			labels[name] = value
		}
		loaded.Targets = append(loaded.Targets, config.ConfiguredTarget{Target: parsed(t, words[0]), Written: words[0], Module: config.DefaultModuleName, Labels: labels})
	}
	return pages, func(path string) string {
		t.Helper()
		return get(t, mux, path).Body.String()
	}
}

// probedAs adds a result to the history.
func probedAs(t testing.TB, pages *Pages, name string, r *prober.Result) {
	t.Helper()
	target := parsed(t, name)
	pages.options.History.Add(config.DefaultModuleName, target, probed(target, r))
}

var (
	headingOrRow = regexp.MustCompile(`(?s)<span class="heading">(.*?)</span></th>|<th scope="row"><a href="[^"]*">([^<]*)</a>`)
	tag          = regexp.MustCompile(`<[^>]*>`)
)

// groupsOf are the headings and the rows of a list, in their order.
func groupsOf(page string) []string {
	var all []string
	for _, match := range headingOrRow.FindAllStringSubmatch(page, -1) {
		if match[2] != "" {
			all = append(all, match[2])
			continue
		}
		all = append(all, "# "+strings.Join(strings.Fields(tag.ReplaceAllString(match[1], " ")), " "))
	}
	return all
}

func TestGroups(t *testing.T) {
	pages, page := configured(t, "a.test team=web", "b.test team=mail env=prod", "c.test team=web", "d.test", "e.test team=mail", "f.test team=web", "f.test team=mail")
	probedAs(t, pages, "a.test", reporttest.Healthy())
	probedAs(t, pages, "b.test", reporttest.Healthy())
	probedAs(t, pages, "c.test", reporttest.ExpiredMisnamedUntrusted())
	probedAs(t, pages, "d.test", reporttest.DNSFailure())
	probedAs(t, pages, "e.test", reporttest.Healthy())
	probedAs(t, pages, "f.test", reporttest.Healthy())
	probedAs(t, pages, "g.test", reporttest.Healthy())
	for _, test := range []struct {
		name, query string
		want        []string
	}{
		{"the worst first, and a target that is listed twice in both", "?group=team",
			[]string{"# team web 1 bad 2 good", "c.test", "a.test", "f.test", "# team not set 1 unknown 1 good", "d.test", "g.test", "# team mail 3 good", "b.test", "e.test", "f.test"}},
		{"sorted within each", "?group=team&sort=-target",
			[]string{"# team web 1 bad 2 good", "f.test", "c.test", "a.test", "# team not set 1 unknown 1 good", "g.test", "d.test", "# team mail 3 good", "f.test", "e.test", "b.test"}},
		{"only the good", "?group=team&status=good&sort=target",
			[]string{"# team mail 3 good", "b.test", "e.test", "f.test", "# team web 2 good", "a.test", "f.test", "# team not set 1 good", "g.test"}},
		{"filtered", "?group=env&q=team%3Dmail&sort=target", []string{"# env prod 1 good", "b.test", "# env not set 2 good", "e.test", "f.test"}},
		{"by a label that no target has", "?group=nonsense&sort=target", []string{"a.test", "b.test", "c.test", "d.test", "e.test", "f.test", "g.test"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := groupsOf(page("/" + test.query)); !slices.Equal(got, test.want) {
				t.Errorf("the list is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
	list := page("/?group=team")
	for _, says := range []string{"<option>env</option><option selected>team</option>", "7 of 7 endpoints", `href="./?status=bad&amp;group=team"`, `href="./?group=team&amp;sort=target"`, "team=mail team=web"} {
		if !strings.Contains(list, says) {
			t.Errorf("the page does not say %s:\n%s", says, list)
		}
	}
}

func TestListWithoutLabels(t *testing.T) {
	_, page := configured(t, "a.test")
	if list := page("/?group=team"); strings.Contains(list, "<select") || len(groupsOf(list)) != 1 {
		t.Errorf("the list can be grouped:\n%s", list)
	}
}

// A group that begins on one page continues on the next one, with the counts of both.
func TestGroupsOnPages(t *testing.T) {
	var targets []string
	for i := range pageSize + 50 {
		targets = append(targets, fmt.Sprintf("h%03d.test team=web", i))
	}
	_, page := configured(t, append(targets, "other.test team=zoo")...)
	first, second := groupsOf(page("/?group=team")), groupsOf(page("/?group=team&page=2"))
	if len(first) != 1+pageSize || first[0] != "# team web 150 not probed yet" {
		t.Errorf("the first page is %v", first)
	}
	if len(second) != 1+50+2 || second[0] != "# team web continued 150 not probed yet" || second[51] != "# team zoo 1 not probed yet" {
		t.Errorf("the second page is %v", second)
	}
}

// Values of labels are text, whatever they contain.
func TestGroupsHostile(t *testing.T) {
	pages, page := configured(t, "a.test", "b.test")
	for i, value := range []string{"<script>alert(1)</script>", strings.Repeat("a", 1<<16)} {
		pages.options.Config().Targets[i].Labels["team"] = value
	}
	list := page("/?group=team&q=" + url.QueryEscape(`"><script>`))
	list += page("/?group=team")
	if strings.Contains(list, "<script>") || !strings.Contains(list, "&lt;script&gt;") || len(list) > 32<<10 {
		t.Errorf("the list has %d bytes:\n%s", len(list), list)
	}
}

// BenchmarkGroups measures the list of ten thousand endpoints in a hundred groups.
func BenchmarkGroups(b *testing.B) {
	pages, mux := newPages(b)
	loaded := pages.options.Config()
	for i := range 10_000 {
		name := fmt.Sprintf("h%d.example.com", i)
		loaded.Targets = append(loaded.Targets, config.ConfiguredTarget{Target: parsed(b, name), Written: name, Module: "default", Labels: map[string]string{"team": fmt.Sprint(i % 100)}})
		probedAs(b, pages, name, reporttest.Healthy())
	}
	b.ResetTimer()
	for b.Loop() {
		mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/?group=team", nil))
	}
}
