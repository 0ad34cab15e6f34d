package text

import (
	"fmt"
	"slices"
	"strings"

	"tls_exporter/prober"
	"tls_exporter/report"
	"tls_exporter/report/part"
	"tls_exporter/report/scan"
)

// short writes the connection and the chain of a good endpoint in a line each,
// so that a scan is one screen.
func (p *page) short(facts *report.Report, r *prober.Result) {
	var times []string
	for _, phase := range facts.Phases {
		times = append(times, string(phase.Name)+" "+part.Duration(phase.Duration))
	}
	rows := [][]cell{{value("phases"), value(strings.Join(times, ", "))}}
	if r.Remote.IsValid() {
		rows = append(rows, []cell{value("address"), value(r.Remote.String())})
	}
	p.block(title("connection"), append(rows, []cell{value("session"), value(facts.Session)})...)
	if c := facts.Chain; c != nil {
		var rows [][]cell
		for _, cert := range c.Certificates {
			rows = append(rows, certificate(cert))
		}
		p.block(chainTitle(c), rows...)
	}
}

// scan writes what the server accepts.
func (p *page) scan(s *scan.Report) {
	if s.Versions != nil {
		p.block(about(s, "versions", "+ accepted, - refused, ? no answer"), versions(s.Versions))
	}
	if s.Ciphers != nil {
		p.block(about(s, "ciphers", s.Ciphers.Order), suites(s.Ciphers)...)
	}
	p.block(title("other findings"), append(rows(s.Other), clients(s.Clients)...)...)
	p.block(about(s, "policy", ""), policies(s.Policies)...)
	p.block(about(s, "vulnerabilities", ""), vulnerabilities(s)...)
}

// about is the title of a check's block: its name, an explanation, and how old
// the finding is.
func about(s *scan.Report, check, explanation string) cell {
	words := check
	if explanation != "" {
		words += ": " + explanation
	}
	if age := s.Age(check); age != "" {
		words += ", " + age
	}
	return title(words)
}

func versions(all []scan.Version) []cell {
	var row []cell
	for _, v := range all {
		mark, style := "+ ", colour(v.Status)
		switch {
		case v.Refused:
			mark, style = "- ", dim
		case v.Status == part.Unknown:
			mark = "? "
		}
		row = append(row, cell{mark + v.Name, style})
	}
	return row
}

// suites is a row for each suite. A version that accepts the same suites as the
// one before it has one row, if they are as strong there, or all of them weak.
func suites(c *scan.Ciphers) [][]cell {
	var rows [][]cell
	var before []scan.Suite
	for _, accepted := range byVersion(c) {
		version := accepted[0].Version
		switch {
		case slices.EqualFunc(accepted, before, sameStrength):
			rows = append(rows, []cell{value(version), {"the same", dim}})
		case slices.EqualFunc(accepted, before, sameSuite) && !slices.ContainsFunc(accepted, isNotWeak):
			rows = append(rows, []cell{value(version), {"weak", yellow}, {"the same, all weak in " + version, yellow}})
		default:
			for i, row := range strengths(accepted) {
				if i > 0 {
					version = ""
				}
				rows = append(rows, append([]cell{value(version)}, row...))
			}
		}
		before = accepted
	}
	return rows
}

// byVersion is the suites of each version.
func byVersion(c *scan.Ciphers) [][]scan.Suite {
	var groups [][]scan.Suite
	for i, s := range c.Suites {
		if i == 0 || s.Version != c.Suites[i-1].Version {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], s)
	}
	return groups
}

func sameSuite(a, b scan.Suite) bool { return a.Name == b.Name }

func sameStrength(a, b scan.Suite) bool { return sameSuite(a, b) && a.Strength == b.Strength }

func isNotWeak(s scan.Suite) bool { return s.Status != part.Warning }

func strengths(all []scan.Suite) [][]cell {
	rows := make([][]cell, len(all))
	for i, s := range all {
		word, name := cell{s.Strength, plain}, cell{s.Name, plain}
		switch {
		case s.Status == part.Warning:
			word.style, name.style = yellow, yellow
		case s.Strength == "strong":
			word.style = green
		}
		rows[i] = []cell{word, name}
	}
	return rows
}

// policies has those that the endpoint complies with in one row.
func policies(all []scan.Policy) [][]cell {
	var rows [][]cell
	var compliant []string
	for _, p := range all {
		if p.Status == part.Good {
			compliant = append(compliant, p.Name)
		} else {
			rows = append(rows, []cell{{"!", yellow}, {p.Name + " " + part.Sentence(p.Verdict, p.Violations), yellow}})
		}
	}
	if len(compliant) > 0 {
		rows = append(rows, []cell{{"+", green}, value(strings.Join(compliant, ", "))})
	}
	return rows
}

// clients counts those that connect, by version, and names the others. The pages and JSON
// have the sessions.
func clients(all []scan.Client) [][]cell {
	if len(all) == 0 {
		return nil
	}
	connect, others := make(map[string]int), make(map[string][]string) // by version, and by answer
	var versions, answers []string
	for _, c := range all {
		if c.Status == part.Good {
			if connect[c.Version]++; connect[c.Version] == 1 {
				versions = append(versions, c.Version)
			}
			continue
		}
		if others[c.Answer] = append(others[c.Answer], c.Name); len(others[c.Answer]) == 1 {
			answers = append(answers, c.Answer)
		}
	}
	slices.Sort(versions)
	good := 0
	for i, version := range versions {
		good += connect[version]
		versions[i] = fmt.Sprintf("%d with %s", connect[version], version)
	}
	slices.Reverse(versions)
	words := fmt.Sprintf("%d of %d connect: %s", good, len(all), strings.Join(versions, ", "))
	rows := [][]cell{{value("clients"), value(strings.TrimSuffix(words, ": "))}}
	for _, answer := range answers {
		rows = append(rows, []cell{value(""), value(answer + ": " + strings.Join(others[answer], ", "))})
	}
	return rows
}

// vulnerabilities is a row for each answer.
func vulnerabilities(s *scan.Report) [][]cell {
	var rows [][]cell
	if has := s.VulnerabilitiesWith(part.Bad); len(has) > 0 {
		rows = append(rows, []cell{{"x", red}, {"VULNERABLE to " + strings.Join(has, ", "), red}})
	}
	if has := s.VulnerabilitiesWith(part.Warning); len(has) > 0 {
		rows = append(rows, []cell{{"!", yellow}, {"vulnerable to " + strings.Join(has, ", "), yellow}})
	}
	if not := s.VulnerabilitiesWith(part.Good); len(not) > 0 {
		rows = append(rows, []cell{{"+", green}, value("not vulnerable to " + strings.Join(not, ", "))})
	}
	if unknown := s.VulnerabilitiesWith(part.Unknown); len(unknown) > 0 {
		rows = append(rows, []cell{{"?", yellow}, value("not known: " + strings.Join(unknown, ", "))})
	}
	return rows
}
