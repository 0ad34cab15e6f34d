// Package nagios writes results as the output of a plugin of Nagios, Icinga or any other
// monitor of that kind (Monitoring Plugins Development Guidelines, "Plugin Output for
// Nagios" and "Performance data").
package nagios

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"tls_exporter/prober"
	"tls_exporter/prober/text"
	"tls_exporter/report"
	"tls_exporter/report/part"
)

// Service is what the line says of one target. It is small: a check of many targets keeps
// all of them.
type Service struct {
	Status   part.Status
	name     string // of the target
	verdict  string
	perfdata []datum
}

// datum is one value of the performance data, such as days=58.3;20:;7:
type datum struct{ label, value string }

// Of is the service of a result. A module is named if it is not empty.
func Of(r *prober.Result, module string, limits report.Limits) Service {
	facts := report.New(r, limits)
	s := Service{Status: facts.Status, name: facts.Target, verdict: facts.Verdict}
	if module != "" {
		s.name += " (module " + module + ")"
	}
	if remaining := report.RemainingOf(r.Chain); remaining.Dated {
		s.perfdata = append(s.perfdata, datum{"days", days(remaining, limits)})
	}
	if r.Session != nil && r.Session.Completed {
		s.perfdata = append(s.perfdata, datum{"handshake", floor(r.Session.Duration.Seconds(), 6) + "s;;;0"})
	}
	return s
}

// days is the days left, and the limits as ranges: "20:" is 20 and more, and anything
// else makes the status worse ("Threshold and Ranges"). "20" would mean 0 to 20.
func days(r report.Remaining, limits report.Limits) string {
	value := floor(r.Days, 2)
	warning, hasWarning := r.WarningDays(limits)
	critical, hasCritical := r.CriticalDays(limits)
	if hasWarning || hasCritical {
		value += ";"
	}
	if hasWarning {
		value += rounded(warning) + ":"
	}
	if hasCritical {
		value += ";" + rounded(critical) + ":"
	}
	return value
}

// floor writes a number with at most so many decimals, rounded down: what is below a
// limit is not shown as the limit.
func floor(x float64, decimals int) string {
	scale := math.Pow10(decimals)
	return strconv.FormatFloat(math.Floor(x*scale)/scale, 'f', -1, 64)
}

// rounded writes a limit with at most two decimals.
func rounded(x float64) string { return strconv.FormatFloat(math.Round(x*100)/100, 'f', -1, 64) }

// Bounds on the text before the performance data. Nagios reads 8 kB in all, and the
// notifications that show the text are often shorter.
const (
	maxSentence = 300  // about one target, in characters
	maxText     = 1500 // about all targets, in characters
)

// Write writes one line: the worst status, then the targets, the worst first, and the
// performance data of all. Of several targets it names those that are not OK, as far as
// they have room.
func Write(w io.Writer, services ...Service) error {
	ordered := slices.Clone(services)
	slices.SortStableFunc(ordered, func(a, b Service) int { return part.Compare(a.Status, b.Status) })
	var tally part.Tally
	for _, s := range ordered {
		tally.Add(s.Status)
	}
	return line(w, tally.Worst(), about(ordered, &tally), perfdata(services))
}

// Fail writes the line of a check that could not run.
func Fail(w io.Writer, err error) error { return line(w, part.Unknown, err.Error(), "") }

func line(w io.Writer, status part.Status, about, perfdata string) error {
	output := "TLS " + word(status) + " - " + plain(about)
	if perfdata != "" {
		output += " | " + perfdata
	}
	_, err := io.WriteString(w, output+"\n")
	return err
}

// word is the status as Nagios calls it.
func word(s part.Status) string {
	switch s {
	case part.Good:
		return "OK"
	case part.Bad:
		return "CRITICAL"
	}
	return strings.ToUpper(s.String())
}

func about(ordered []Service, tally *part.Tally) string {
	if len(ordered) == 1 {
		return ordered[0].sentence()
	}
	words := strconv.Itoa(len(ordered)) + " targets: " + tally.Words(word)
	for i, s := range ordered {
		if s.Status == part.Good {
			break
		}
		if len(words)+maxSentence > maxText {
			return fmt.Sprintf("%s; and %d more", words, tally.Total()-tally.Count(part.Good)-i)
		}
		words += "; " + s.sentence()
	}
	return words
}

func (s Service) sentence() string { return text.Line(s.name+" "+s.verdict, maxSentence) }

// plain makes a text safe in the first line: without line breaks and without the bar that
// ends the text. Pages of Nagios may show it as HTML.
func plain(s string) string { return notInText.Replace(text.Line(s, maxText)) }

var notInText = strings.NewReplacer("|", "/", "<", "(", ">", ")")

// perfdata is the performance data of all services. With several, each label begins with
// the target: RRDtool tells labels apart by their first 19 characters.
func perfdata(services []Service) string {
	var all []string
	seen := make(map[string]int)
	for _, s := range services {
		prefix := ""
		if len(services) > 1 {
			prefix = notInLabel.Replace(text.Line(short(s.name), maxSentence))
			if seen[prefix]++; seen[prefix] > 1 {
				prefix = fmt.Sprintf("%s#%d", prefix, seen[prefix])
			}
		}
		for _, d := range s.perfdata {
			all = append(all, label(prefix, d.label)+"="+d.value)
		}
	}
	return strings.Join(all, " ")
}

// label is a label, in quotes if it needs them.
func label(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return "'" + prefix + " " + name + "'"
}

// notInLabel are the characters that a label cannot have, or that end the line.
var notInLabel = strings.NewReplacer("'", "_", "=", "_", "|", "_")

// short is a target without the default scheme and port.
func short(target string) string {
	rest, https := strings.CutPrefix(target, "https://")
	if !https {
		return target
	}
	return cmp.Or(strings.TrimSuffix(rest, ":443"), rest)
}
