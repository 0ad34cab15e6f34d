package prober

import (
	"context"
	"reflect"

	"tls_exporter/prober/check"
	"tls_exporter/prober/check/caa"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/clients"
	"tls_exporter/prober/check/dane"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/check/grade"
	httpsrecord "tls_exporter/prober/check/https_record"
	"tls_exporter/prober/check/policy"
	"tls_exporter/prober/check/renewal"
	"tls_exporter/prober/check/resumption"
	"tls_exporter/prober/check/revocation"
	"tls_exporter/prober/check/transparency"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/check/vulnerabilities"
)

// Checks is the table of checks, a field each: the options that a module sets and
// what a probe found. The tag is the name of the check. docs/contributing.md says how
// to add one.
type Checks struct {
	// Versions asks which versions of SSL and TLS the server accepts.
	Versions check.Cached[versions.Options, versions.Finding] `yaml:"versions"`
	// Ciphers asks which cipher suites, groups and signature schemes it accepts.
	Ciphers check.Cached[ciphers.Options, ciphers.Finding] `yaml:"ciphers"`
	// Resumption asks by which methods the server resumes sessions.
	Resumption check.Cached[resumption.Options, resumption.Finding] `yaml:"resumption"`
	// Vulnerabilities tests for known vulnerabilities.
	Vulnerabilities check.Cached[vulnerabilities.Options, vulnerabilities.Finding] `yaml:"vulnerabilities"`
	// Renewal asks the CA when the certificate is to be renewed.
	Renewal check.Slot[renewal.Options, renewal.Finding] `yaml:"renewal"`
	// Policy compares what versions and ciphers found with published policies.
	Policy check.Slot[policy.Options, policy.Finding] `yaml:"policy"`
	// Grade grades what versions, ciphers and vulnerabilities found, and the certificate.
	Grade check.Slot[grade.Options, grade.Finding] `yaml:"grade"`
	// Clients computes what known clients negotiate from what versions and ciphers found.
	Clients check.Slot[clients.Options, clients.Finding] `yaml:"clients"`
	// Revocation asks the CAs whether the certificates were revoked.
	Revocation check.Slot[revocation.Options, revocation.Finding] `yaml:"revocation"`
	// DANE compares the certificates with TLSA records.
	DANE check.Slot[dane.Options, dane.Finding] `yaml:"dane"`
	// Transparency verifies the SCTs that come with the certificate, and judges them.
	Transparency check.Slot[transparency.Options, transparency.Finding] `yaml:"transparency"`
	// Expect compares the handshake and the chain with what the module expects.
	Expect check.Slot[expect.Options, expect.Finding] `yaml:"expect"`
	// CAA asks the DNS whether the issuer of the certificate may issue it again.
	CAA check.Slot[caa.Options, caa.Finding] `yaml:"caa"`
	// HTTPSRecord compares the HTTPS records in the DNS with the servers.
	HTTPSRecord check.Cached[httpsrecord.Options, httpsrecord.Finding] `yaml:"https_record"`
}

// Scan enables, with their defaults, the checks that find out what the server accepts.
func (c *Checks) Scan() {
	c.Versions.Enable()
	c.Ciphers.Enable()
	c.Resumption.Enable()
	c.Vulnerabilities.Enable()
	c.Policy.Enable()
	c.Grade.Enable()
	c.Clients.Enable()
}

// slot is a check.Cached of any type.
type slot interface {
	Ask(ctx context.Context, run *check.Run, name string)
	Found() check.Sized
	CacheKey(name string, moduleKey [16]byte) ([16]byte, bool)
}

// cachedCheck is a check whose finding is cached: its name, and its field in Checks.
type cachedCheck struct {
	name  string
	field int
}

func (e cachedCheck) slot(c *Checks) slot {
	return reflect.ValueOf(c).Elem().Field(e.field).Addr().Interface().(slot)
}

// cachedChecks is read from the fields of Checks, so that each check is listed once.
var cachedChecks = func() (entries []cachedCheck) {
	checks := reflect.TypeFor[Checks]()
	for i := range checks.NumField() {
		if field := checks.Field(i); reflect.PointerTo(field.Type).Implements(reflect.TypeFor[slot]()) {
			entries = append(entries, cachedCheck{field.Tag.Get("yaml"), i})
		}
	}
	return entries
}()

// cacheKeys are the keys of the checks that are on and whose findings are cached.
func (c *Checks) cacheKeys(moduleKey [16]byte) [][16]byte {
	var all [][16]byte
	for _, entry := range cachedChecks {
		if key, on := entry.slot(c).CacheKey(entry.name, moduleKey); on {
			all = append(all, key)
		}
	}
	return all
}
