package json

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// docs/json.md is generated from the types and their comments (-update).
func TestDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("# JSON\n\nGenerated from the types in `report/json/` (`go test ./report/json -update`).\n" + introduction)
	for _, d := range definitions(t) {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n| field | type | | meaning |\n|---|---|---|---|\n", d.name, d.comment)
		for _, f := range d.fields {
			always := ""
			if f.always {
				always = "always"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, f.typeInWords(), always, strings.ReplaceAll(f.comment, "docs/metrics.md", "[metrics.md](metrics.md)"))
		}
	}
	golden(t, "../../docs/json.md", []byte(b.String()))
}

// typeInWords is the type of a field for people.
func (f field) typeInWords() string {
	if f.words != nil {
		return "`" + strings.Join(f.words, "`, `") + "`"
	}
	return typeInWords(f.goType)
}

func typeInWords(of reflect.Type) string {
	switch {
	case of == reflect.TypeFor[time.Time]():
		return "time"
	case of.Kind() == reflect.Pointer:
		return typeInWords(of.Elem())
	case of.Kind() == reflect.Slice:
		return "array of " + typeInWords(of.Elem())
	case of.Kind() == reflect.Map:
		return "object of strings"
	case of.Kind() == reflect.Struct:
		return fmt.Sprintf("[%s](#%s)", nameOf(of), strings.ToLower(nameOf(of)))
	}
	return map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Float64: "number"}[of.Kind()]
}

const introduction = `
The exporter writes the result of a probe as one object, the same on the command line and over HTTP:

` + "```sh" + `
tls_exporter probe --json example.com
curl 'http://localhost:10443/api/v1/probe?target=example.com'
` + "```" + `

- **A field is absent when its question was not asked or not answered.** A false, a zero or an empty array was observed. No value is null.
- **Each object has a ` + "`schema_version`" + `**, which is 1. Within a version fields are added, and none is removed, renamed, or gets another type or meaning. Arrays keep their order. Clients should ignore fields and words that they do not know: reasons, phases, names of checks and of vulnerabilities may get new ones. Where a table below lists the words of a field, it has no others. ` + "`verdict`, `detail`, `remedy`, `message`, `saw` and `also`" + ` are for people, and their text may change.
- **Several targets are several objects**, one after the other, never an array. ` + "`--format=json`" + ` indents them; ` + "`--format=ndjson`" + ` writes each in one line.
- Durations are seconds, days are days of 24 hours, times are RFC 3339 in UTC.
- What comes from servers is bounded: texts end with an ellipsis after 300 characters, and ` + "`names_omitted` and `addresses_omitted`" + ` count what was left out.

The [JSON Schema](../report/json/schema.json) (2020-12) is also served at ` + "`/api/v1/schema`" + `. The exporter's tests compare its output with it.

## Examples

What is wrong, and what to do:

` + "```sh" + `
tls_exporter probe --json example.com | jq -r '.issues[] | "\(.status): \(.reason): \(.remedy)"'
` + "```" + `

Only the warnings:

` + "```sh" + `
tls_exporter probe --json example.com | jq '.issues[] | select(.status == "warning")'
` + "```" + `

The targets that expire first, of those that were probed:

` + "```sh" + `
curl -s http://localhost:10443/api/v1/targets | jq -r '[.targets[] | select(.last.days_remaining)] | sort_by(.last.days_remaining)[:10][] | "\(.last.days_remaining | floor) \(.written)"'
` + "```" + `

## HTTP

| path | answer |
|---|---|
| ` + "`/api/v1/probe?target=`" + ` | probes, and answers with a [result](#result). It has the parameters of ` + "`/probe`: `target`, `module`, `server_name`, `address`" + `. It probes each time, so ` + "`interval`" + ` has no effect, and it takes as long as the ` + "`timeout`" + ` of the module |
| ` + "`/api/v1/targets`" + ` | the [targets](#targets) of targets.yml, each in a line with its last probe in short. It probes nothing. ` + "`status=`" + ` selects one of ` + "`bad`, `unknown`, `warning`, `good` and `not_probed`" + ` |
| ` + "`/api/v1/schema`" + ` | the JSON Schema |

A request that cannot be answered gets an [error](#error):

| status | why |
|---|---|
| 400, 414 | a parameter is missing, unknown or invalid; the query is longer than 8 kB |
| 403 | the [access policy](access-policy.md) denies the target |
| 404 | there is no such path |
| 503 | too many probes are running; ` + "`Retry-After`" + ` says when to try again |

A failed probe is no error: its status is 200, and the result says why it failed.

- ` + "`/api/v1/probe`" + ` makes the exporter connect to other machines, as ` + "`/probe`" + ` does. The same [access policy](access-policy.md), the same limits and the same metrics apply to it, and ` + "`--web.config.file`" + ` protects it.
- Answers have no CORS header, so a page of another site cannot read them in somebody's browser. They have ` + "`Cache-Control: no-store` and `X-Content-Type-Options: nosniff`" + `.
- The last probes are in memory, those of the 20,000 endpoints that were probed last. After a restart they are unknown until the next scrape. The command ` + "`probe`" + ` is another process, and is not among them.

## Objects

A field is in every object of its kind if its table says *always*.
`
