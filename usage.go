package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"

	"tls_exporter/prober/text"
)

// hasEffect is the commands on which the flags before the command have an effect. Those
// that are not here have one on all.
var hasEffect = map[string][]string{
	"config.file": {"serve", "probe"},
	"log.level":   {"serve", "demo"},
	"log.format":  {"serve", "demo"},
}

// usageTemplate is --help: of a command, or of the program with the flags of its default
// command.
const usageTemplate = `{{$command := .Context.SelectedCommand}}{{if $command -}}
usage: {{.App.Name}} {{$command.Name}} [<flags>]{{range $command.Args}} {{if not .Required}}[{{end}}<{{.Name}}>{{if .Value|IsCumulative}}...{{end}}{{if not .Required}}]{{end}}{{end}}

{{$command.Help|Wrap 0}}
{{- else -}}
usage: {{.App.Name}} [<command>] [<flags>]

{{.App.Help|Wrap 0}}
Commands:
{{commands .App|FormatTwoColumns}}
{{- end}}
Flags{{if not $command}} of {{(default .App).Name}}, the default command{{end}}:
{{flags .App $command|FlagsToTwoColumns|FormatTwoColumns}}
{{- if $command}}{{if $command.Args}}
Arguments:
{{$command.Args|ArgsToTwoColumns|FormatTwoColumns}}{{end}}
{{- else}}
{{.App.Name}} <command> --help shows the flags of another command.
{{end}}`

var usageFuncs = template.FuncMap{
	"default": defaultCommand,
	"flags": func(app *kingpin.ApplicationModel, command *kingpin.CmdModel) []*kingpin.FlagModel {
		return flagsOf(app, cmp.Or(command, defaultCommand(app)))
	},
	"commands": func(app *kingpin.ApplicationModel) (rows [][2]string) {
		for _, command := range app.Commands {
			rows = append(rows, [2]string{command.Name, command.Help})
		}
		return rows
	},
}

func defaultCommand(app *kingpin.ApplicationModel) *kingpin.CmdModel {
	return app.Commands[slices.IndexFunc(app.Commands, func(c *kingpin.CmdModel) bool { return c.Default })]
}

// flagsOf is the flags that have an effect on a command.
func flagsOf(app *kingpin.ApplicationModel, command *kingpin.CmdModel) []*kingpin.FlagModel {
	general := slices.DeleteFunc(slices.Clone(app.Flags), func(f *kingpin.FlagModel) bool { return !effective(f.Name, command.Name) })
	return slices.Concat(general, command.Flags)
}

func effective(flag, command string) bool {
	commands, limited := hasEffect[flag]
	return !limited || slices.Contains(commands, command)
}

// refuseWithoutEffect returns an error for a flag that has no effect on the command.
func refuseWithoutEffect(context *kingpin.ParseContext) error {
	command := context.SelectedCommand.Model().Name
	for _, element := range context.Elements {
		if flag, ok := element.Clause.(*kingpin.FlagClause); ok && !effective(flag.Model().Name, command) {
			return fmt.Errorf("--%s has no effect on %s: leave it out", flag.Model().Name, command)
		}
	}
	return nil
}

// parse parses the command line. An error is one sentence that names the flag or the
// argument, its value, and what would be right; its command is empty if none was written.
func parse(app *kingpin.Application, args []string) (command string, err error) {
	if err := checkSwitches(app, args); err != nil {
		return "", err
	}
	command, err = app.Parse(args)
	if err == nil {
		return command, nil
	}
	context, _ := app.ParseContext(args) // its error is err, unless a value is wrong
	l := line{app: app.Model(), context: context, args: args}
	l.command = defaultCommand(l.app)
	if selected := context.SelectedCommand; selected != nil && slices.Contains(args, selected.Model().Name) {
		l.command, l.written = selected.Model(), true
		command = l.command.Name
	}
	return command, l.mistake(err)
}

// line is a command line with a mistake.
type line struct {
	app     *kingpin.ApplicationModel
	context *kingpin.ParseContext
	args    []string
	command *kingpin.CmdModel // the default one, unless it is written
	written bool
}

// checkSwitches returns an error for a flag like --scan=true: the parser would read
// "true" as the next argument, which is a target of probe.
func checkSwitches(app *kingpin.Application, args []string) error {
	known := allFlags(app.Model())
	for _, arg := range args {
		name, value, found := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		switch {
		case arg == "--":
			return nil
		case !found || !strings.HasPrefix(arg, "--"):
			continue
		}
		name = strings.TrimPrefix(name, "no-")
		if slices.ContainsFunc(known, func(f *kingpin.FlagModel) bool { return f.Name == name && f.IsBoolFlag() }) {
			return fmt.Errorf("%s: takes no value; write --%s, or --no-%s", strings.TrimSuffix(arg, value)+printable(value), name, name)
		}
	}
	return nil
}

// mistake is an error of the parser in our words. The parser has no types for its errors.
// One that is unknown here stays as it is.
func (l line) mistake(err error) error {
	flags, said := flagsOf(l.app, l.command), err.Error()
	quoted := func() string { _, rest, _ := strings.Cut(said, "'"); return strings.Trim(rest, "'") }
	switch {
	case strings.HasPrefix(said, "unknown long flag "), strings.HasPrefix(said, "unknown short flag "):
		return l.unknownFlag(quoted())
	case strings.HasPrefix(said, "expected argument for flag "):
		name := strings.TrimLeft(quoted(), "-")
		at := slices.IndexFunc(flags, func(f *kingpin.FlagModel) bool { return f.Name == name })
		if at < 0 {
			return err
		}
		return fmt.Errorf("--%s needs a value: --%s=%s", name, name, flags[at].FormatPlaceHolder())
	case strings.HasPrefix(said, "unexpected "):
		return l.unexpected(l.context.Peek().Value)
	case strings.HasPrefix(said, "required argument "):
		return fmt.Errorf("%s needs an argument: %s %s %s", l.command.Name, l.app.Name, l.command.Name, l.command.ArgSummary())
	case strings.HasSuffix(said, " cannot be repeated"):
		return fmt.Errorf("--%s is given more than once", strings.TrimSuffix(quoted(), "' cannot be repeated"))
	}
	return wrongValue(l.context, err)
}

// unknownFlag is the error for a flag that the command does not have.
func (l line) unknownFlag(flag string) error {
	if !strings.HasPrefix(flag, "--") { // the parser reads -scan as -s -c -a -n
		if at := slices.IndexFunc(l.args, func(arg string) bool { return strings.HasPrefix(arg, flag) }); at >= 0 {
			flag, _, _ = strings.Cut(l.args[at], "=")
		}
	}
	name, who := strings.TrimLeft(flag, "-"), "there is"
	if l.written {
		who = l.command.Name + " has"
	}
	own := names(flagsOf(l.app, l.command))
	for _, other := range l.app.Commands {
		if slices.Contains(names(other.Flags), name) && !slices.Contains(own, name) {
			return fmt.Errorf("--%s is a flag of %s: write %s %s --%s", name, other.Name, l.app.Name, other.Name, name)
		}
	}
	if near := nearest(name, own); near != "" {
		return fmt.Errorf("%s no flag %s (did you mean --%s?)", who, printable(flag), near)
	}
	for _, other := range l.app.Commands {
		if near := nearest(name, names(other.Flags)); near != "" && !l.written {
			return fmt.Errorf("%s no flag %s (did you mean %s %s --%s?)", who, printable(flag), l.app.Name, other.Name, near)
		}
	}
	return fmt.Errorf("%s no flag %s", who, printable(flag))
}

// unexpected is the error for an argument where a command, or nothing, was expected.
func (l line) unexpected(word string) error {
	if l.written {
		return fmt.Errorf("%s takes no argument like %s", l.command.Name, text.Quote(word))
	}
	var commands []string
	for _, c := range l.app.Commands {
		commands = append(commands, c.Name)
	}
	if near := nearest(word, commands); near != "" {
		return fmt.Errorf("there is no command %s (did you mean %s?)", text.Quote(word), near)
	}
	if _, err := os.Stat(word); err == nil {
		return fmt.Errorf("there is no command %s (did you mean --config.file=%s?)", text.Quote(word), printable(word))
	}
	if strings.ContainsAny(word, ".:") {
		return fmt.Errorf("there is no command %s (did you mean %s probe %s?)", text.Quote(word), l.app.Name, printable(word))
	}
	return fmt.Errorf("there is no command %s; there are %s", text.Quote(word), strings.Join(commands, ", "))
}

// wrongValue names the flag, or the argument, whose value caused err.
func wrongValue(context *kingpin.ParseContext, err error) error {
	for _, element := range context.Elements {
		flag, ok := element.Clause.(*kingpin.FlagClause)
		if !ok || element.Value == nil {
			continue
		}
		// Setting a value again is harmless: the command will not run.
		if model := flag.Model(); model.Value.Set(*element.Value) != nil {
			return fmt.Errorf("--%s=%s: %s", model.Name, printable(*element.Value), wanted(model.Value, err))
		}
	}
	return err
}

// wanted is what would be right for a value, by its type.
func wanted(value kingpin.Value, err error) string {
	switch value.(type) {
	case *promslog.Level:
		return "must be one of " + strings.Join(promslog.LevelFlagOptions, ", ")
	case *promslog.Format:
		return "must be one of " + strings.Join(promslog.FormatFlagOptions, ", ")
	}
	if getter, ok := value.(kingpin.Getter); ok {
		switch getter.Get().(type) {
		case time.Duration:
			return "must be a number with a unit, such as 5s or 1m30s"
		case float64:
			return "must be a number, such as 20"
		case int:
			return "must be a whole number"
		}
	}
	if _, choice, found := strings.Cut(err.Error(), "enum value must be one of "); found {
		choice, _, _ = strings.Cut(choice, ", got")
		return "must be one of " + strings.ReplaceAll(choice, ",", ", ")
	}
	return err.Error()
}

func allFlags(app *kingpin.ApplicationModel) []*kingpin.FlagModel {
	all := slices.Clone(app.Flags)
	for _, command := range app.Commands {
		all = append(all, command.Flags...)
	}
	return all
}

func names(flags []*kingpin.FlagModel) []string {
	var all []string
	for _, flag := range flags {
		if !flag.Hidden {
			all = append(all, flag.Name)
		}
	}
	return all
}

// nearest is the word that somebody who wrote this probably meant; empty: none.
func nearest(written string, words []string) string {
	best, least := "", max(1, len(written)/3)+1
	for _, word := range words {
		if d := distance(written, word); d < least {
			best, least = word, d
		}
	}
	if best != "" {
		return best
	}
	begin := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return !strings.HasPrefix(word, written) })
	if written != "" && len(begin) == 1 {
		return begin[0]
	}
	return ""
}

// distance is the least number of bytes to insert, remove, replace or swap with the next
// one that makes b of a (optimal string alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, replaced)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// printable is what was written, on one line, shortened.
func printable(written string) string { return text.Printable(written, 200) }
