package report

import (
	"slices"
	"strings"

	"tls_exporter/prober"
)

// screenWidth is how wide the page of a scan is: it has a terminal's screen to
// fit into.
const screenWidth = 80

// inShort tells whether a page keeps the evidence of the probe short, so that a
// scan is one screen. One that fails has its evidence in full.
func inShort(r *prober.Result) bool { return scanned(r) && r.Success() && r.Session != nil }

// short writes the connection and the chain of a good endpoint in a line each.
func (p *page) short(r *prober.Result) {
	var times []string
	for _, phase := range r.Phases {
		times = append(times, string(phase.Phase)+" "+lasted(phase.Duration))
	}
	rows := [][]cell{{text("phases"), text(strings.Join(times, ", "))}}
	if r.Remote.IsValid() {
		rows = append(rows, []cell{text("address"), text(r.Remote.String())})
	}
	p.block(title("connection"), append(rows, []cell{text("session"), text(settled(r.Session))})...)
	if c := r.Chain; c != nil {
		p.block(chainTitle(c), oneLineEach(c)...)
	}
}

// settled is a session in a line.
func settled(s *prober.Session) string {
	words := []string{s.VersionName(), s.CipherName(), group(s), clean(s.ALPN)}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), ", ")
}

func oneLineEach(c *prober.Chain) [][]cell {
	var rows [][]cell
	for i, row := range certificates(c, 0) {
		if i%2 == 0 { // the first of a certificate's two lines
			rows = append(rows, row)
		}
	}
	return rows
}

// takes writes what the server takes.
func (p *page) takes(r *prober.Result) {
	if r.Versions != nil {
		p.block(about(r, "versions", "+ taken, - refused, ? no answer"), versionRow(r.Versions))
	}
	if r.Ciphers != nil {
		p.block(about(r, "ciphers", order(r.Ciphers.Preference)), suiteRows(r.Ciphers)...)
	}
	p.block(title("besides"), besidesRows(r)...)
	p.block(about(r, "policy", ""), policyRows(r.Compliance)...)
	p.block(about(r, "vulnerabilities", ""), woundRows(r.Vulnerabilities)...)
}

// about is the title of a check's block: its name, what helps to read it, and
// when the finding was made.
func about(r *prober.Result, check, help string) cell {
	words := check
	if help != "" {
		words += ": " + help
	}
	if when := found(r, check); when != "" {
		words += ", " + when
	}
	return title(words)
}

func versionRow(v *prober.Versions) []cell {
	var row []cell
	for _, state := range versionStates(v) {
		mark, look := "- ", dim
		switch {
		case state.Status == Bad.String():
			mark, look = "+ ", red
		case state.Status == Unknown.String():
			mark, look = "? ", yellow
		case state.Status == Good.String():
			mark, look = "+ ", green
		}
		row = append(row, cell{mark + state.Version, look})
	}
	return row
}

// suiteRows is a row for each suite. A version that takes what the one before it
// takes has one row, if the suites are as strong there, or all of them weak.
func suiteRows(c *prober.Ciphers) [][]cell {
	var rows [][]cell
	var before []prober.TakenSuite
	for _, taken := range byVersion(c) {
		version := taken[0].Version.String()
		switch {
		case slices.EqualFunc(taken, before, sameStrength):
			rows = append(rows, []cell{text(version), {"the same", dim}})
		case slices.EqualFunc(taken, before, sameSuite) && !slices.ContainsFunc(taken, isNotWeak):
			rows = append(rows, []cell{text(version), {"weak", red}, {"the same, all weak in " + version, red}})
		default:
			for i, row := range strengths(taken) {
				if i > 0 {
					version = ""
				}
				rows = append(rows, append([]cell{text(version)}, row...))
			}
		}
		before = taken
	}
	return rows
}

func sameSuite(a, b prober.TakenSuite) bool { return a.Number == b.Number }

func sameStrength(a, b prober.TakenSuite) bool {
	return sameSuite(a, b) && a.Strength() == b.Strength()
}

func isNotWeak(s prober.TakenSuite) bool { return !isWeak(s) }

func strengths(taken []prober.TakenSuite) [][]cell {
	rows := make([][]cell, len(taken))
	for i, s := range taken {
		word, look := cell{string(s.Strength()), plain}, plain
		switch {
		case isWeak(s):
			word.style, look = red, red
		case isStrong(s):
			word.style = green
		}
		rows[i] = []cell{word, {s.Name(), look}}
	}
	return rows
}

func besidesRows(r *prober.Result) [][]cell {
	var rows [][]cell
	for _, f := range besides(r) {
		rows = append(rows, []cell{text(f.Name), text(f.Value)})
	}
	return rows
}

// policyRows has the policies that are kept in one row.
func policyRows(c *prober.Compliance) [][]cell {
	var rows [][]cell
	var kept []string
	for _, state := range policyStates(c) {
		if state.Status == Good.String() {
			kept = append(kept, state.Policy)
		} else {
			rows = append(rows, []cell{{"!", yellow}, {state.Policy + " " + sentence(prober.Reason(state.Verdict), state.Broken), yellow}})
		}
	}
	if len(kept) > 0 {
		rows = append(rows, []cell{{"+", green}, text(strings.Join(kept, ", "))})
	}
	return rows
}

// woundRows has what the server suffers from, and in one row what it does not.
func woundRows(v *prober.Vulnerabilities) [][]cell {
	var rows [][]cell
	if there := wounds(v, Bad); len(there) > 0 {
		rows = append(rows, []cell{{"x", red}, {"VULNERABLE to " + strings.Join(there, ", "), red}})
	}
	if not := wounds(v, Good); len(not) > 0 {
		rows = append(rows, []cell{{"+", green}, text("not vulnerable to " + strings.Join(not, ", "))})
	}
	if unknown := wounds(v, Unknown); len(unknown) > 0 {
		rows = append(rows, []cell{{"?", yellow}, text("not learned: " + strings.Join(unknown, ", "))})
	}
	return rows
}
