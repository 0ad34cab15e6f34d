package prober

import (
	"context"
	"reflect"

	"tls_exporter/prober/check"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/check/policy"
	"tls_exporter/prober/check/resumption"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/check/vulnerabilities"
)

// Checks is the table of checks, a line each: what a module asks of a server beside
// the handshake, and what a probe found. To add a check, see docs/contributing.md.
type Checks struct {
	// Versions asks which versions of SSL and TLS the server accepts.
	Versions check.Cached[versions.Options, versions.Finding] `yaml:"versions"`
	// Ciphers asks which cipher suites, groups and signature schemes it accepts.
	Ciphers check.Cached[ciphers.Options, ciphers.Finding] `yaml:"ciphers"`
	// Resumption asks how a session can be resumed.
	Resumption check.Cached[resumption.Options, resumption.Finding] `yaml:"resumption"`
	// Vulnerabilities looks for known vulnerabilities.
	Vulnerabilities check.Cached[vulnerabilities.Options, vulnerabilities.Finding] `yaml:"vulnerabilities"`
	// Policy holds what versions and ciphers found against published policies.
	Policy check.Slot[policy.Options, policy.Finding] `yaml:"policy"`
	// Expect is what the endpoint has to be like beyond a good chain.
	Expect check.Slot[expect.Options, expect.Finding] `yaml:"expect"`
}

// Scan turns on, with their defaults, all checks of what the server accepts.
func (c *Checks) Scan() {
	c.Versions.Enable()
	c.Ciphers.Enable()
	c.Resumption.Enable()
	c.Vulnerabilities.Enable()
	c.Policy.Enable()
}

// run runs the checks that the result has options for, in parallel, and then those
// that judge what the others found.
func (r *Result) run(ctx context.Context, run *check.Run) {
	for _, entry := range table {
		entry.slot(&r.Checks).Ask(ctx, run, entry.name)
	}
	r.Outcomes = run.Wait()
	r.Policy.Judge(run, "policy", func(o *policy.Options) (*policy.Finding, error) { return o.Judge(r.policyFacts()) })
	r.Expect.Judge(run, "expect", func(o *expect.Options) (*expect.Finding, error) { return o.Judge(r.expectFacts()) })
	r.Outcomes = run.Wait()
}

// cachedCheck is a Cached of any check.
type cachedCheck interface {
	Ask(ctx context.Context, run *check.Run, name string)
	CacheKey(name, routeKey string) ([16]byte, bool)
}

// tableEntry is a line of the table whose finding is cached: its key in targets.yml
// and its field.
type tableEntry struct {
	name  string
	field int
}

func (e tableEntry) slot(c *Checks) cachedCheck {
	return reflect.ValueOf(c).Elem().Field(e.field).Addr().Interface().(cachedCheck)
}

// table is those lines, read off Checks so that each check stands there alone.
var table = func() (entries []tableEntry) {
	checks := reflect.TypeFor[Checks]()
	for i := range checks.NumField() {
		if field := checks.Field(i); reflect.PointerTo(field.Type).Implements(reflect.TypeFor[cachedCheck]()) {
			entries = append(entries, tableEntry{field.Tag.Get("yaml"), i})
		}
	}
	return entries
}()

// cacheKeys are those of the checks that are on.
func (c *Checks) cacheKeys(routeKey string) [][16]byte {
	var all [][16]byte
	for _, entry := range table {
		if key, on := entry.slot(c).CacheKey(entry.name, routeKey); on {
			all = append(all, key)
		}
	}
	return all
}
