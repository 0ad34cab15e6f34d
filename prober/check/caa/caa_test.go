package caa_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/check/caa"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// organization changes the name of a CA.
func organization(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.Subject.Organization = []string{name} }
}

// authority is a CA with the organisations of a public one, and a file with its root.
func authority(t *testing.T, issuing, above string) (intermediate *tlstest.CA, rootFile string) {
	t.Helper()
	root, err := tlstest.NewRoot("root", organization(above))
	if err != nil {
		t.Fatal(err)
	}
	if intermediate, err = root.Intermediate("intermediate", organization(issuing)); err != nil {
		t.Fatal(err)
	}
	rootFile = filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(rootFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return intermediate, rootFile
}

// show is what the check found in a probe, or why it failed.
func show(r *prober.Result) string {
	for _, done := range r.Outcomes {
		if done.Name == "caa" && done.Failure != nil {
			return string(done.Failure.Reason)
		}
	}
	found := r.CAA.Finding
	if found == nil {
		return "nothing"
	}
	words := []string{string(found.Verdict), found.Name}
	if found.From != "" {
		words = append(words, "from "+found.From)
	}
	for _, record := range found.Records {
		words = append(words, strings.TrimSpace(record.Tag+" "+record.Value))
	}
	if found.More > 0 {
		words = append(words, fmt.Sprintf("and %d more", found.More))
	}
	return strings.Join(words, ", ")
}

// The verdict about each place that records can come from.
func TestFind(t *testing.T) {
	lab := labtest.Lab(t)
	issuer, roots := authority(t, "Let's Encrypt", "Internet Security Research Group")
	here := labtest.Addresses("127.0.0.1")
	caaRecords := func(values ...string) tlstest.Name {
		return tlstest.Name{Addresses: here, Records: labtest.Records(t, values...)}
	}
	var many []string
	for i := range caa.MaxRecords + 3 {
		many = append(many, fmt.Sprintf(`CAA 0 issue "ca%d.test"`, i))
	}
	resolver := labtest.DNS(t, lab, tlstest.Zone{
		"here.test":          caaRecords(`CAA 0 issue "letsencrypt.org"`),
		"none.example":       {Addresses: here},
		"parent.test":        caaRecords(`CAA 0 issue "ca.test"`, `CAA 0 iodef "mailto:a@parent.test"`),
		"www.parent.test":    {Addresses: here},
		"a.b.c.parent.test":  {Addresses: here}, // c.parent.test does not exist
		"own.parent.test":    caaRecords(`CAA 0 issue "letsencrypt.org"`),
		"nobody.test":        caaRecords(`CAA 0 issue ";"`),
		"critical.test":      caaRecords(`CAA 128 tbs "x"`, `CAA 0 issue "letsencrypt.org"`),
		"wild.test":          caaRecords(`CAA 0 issue "letsencrypt.org"`, `CAA 0 issuewild "ca.test"`),
		"www.wild.test":      {Addresses: here},
		"own.wild.test":      caaRecords(`CAA 0 issue "letsencrypt.org"`),
		"alias.parent.test":  {Alias: "target.other.test"}, // the records are those of the alias' target, then of its own parents
		"target.other.test":  {Addresses: here},
		"other.test":         caaRecords(`CAA 0 issue "letsencrypt.org"`),
		"direct.parent.test": {Alias: "here.test"},
		"broken.test":        {RCode: 2},
		"www.broken.test":    {Addresses: here},
		"many.test":          caaRecords(many...),
		"twice.test":         caaRecords(`CAA 0 issue "ca.test"`, `CAA 0 ISSUE "ca.test"`),
		"printable.test":     caaRecords(`CAA 0 issue "ca.test; a=\226\128\174\010"`, `CAA 0 iodef "`+strings.Repeat("x", 250)+`"`),
		"private.test":       caaRecords(`CAA 0 issue "ca.example.com"`),
	})
	for _, test := range []struct {
		name   string
		target string
		leaf   string // the name in the certificate; empty: that of the target
		want   string
	}{
		{"records of the name", "here.test", "", "issuer_listed, here.test, from here.test, issue letsencrypt.org"},
		{"no records up to the top", "none.example", "", "no_record, none.example"},
		{"inherited from the parent", "www.parent.test", "", "issuer_not_listed, www.parent.test, from parent.test, issue ca.test, iodef mailto:a@parent.test"},
		{"inherited past a name that does not exist", "a.b.c.parent.test", "", "issuer_not_listed, a.b.c.parent.test, from parent.test, issue ca.test, iodef mailto:a@parent.test"},
		{"records of the name instead of the parent's", "own.parent.test", "", "issuer_listed, own.parent.test, from own.parent.test, issue letsencrypt.org"},
		{"nobody may", "nobody.test", "", "nobody_listed, nobody.test, from nobody.test, issue ;"},
		{"an unknown critical property", "critical.test", "", "unknown_critical, critical.test, from critical.test, tbs x, issue letsencrypt.org"},
		{"a wildcard certificate", "www.wild.test", "*.wild.test", "issuer_not_listed, *.wild.test, from wild.test, issue letsencrypt.org, issuewild ca.test"},
		{"no wildcard, the same records", "www.wild.test", "", "issuer_listed, www.wild.test, from wild.test, issue letsencrypt.org, issuewild ca.test"},
		{"a wildcard certificate does not need the records of one name below", "own.wild.test", "*.wild.test", "issuer_not_listed, *.wild.test, from wild.test, issue letsencrypt.org, issuewild ca.test"},
		{"an alias: the parents of its own name", "alias.parent.test", "", "issuer_not_listed, alias.parent.test, from parent.test, issue ca.test, iodef mailto:a@parent.test"},
		{"an alias to a name with records", "direct.parent.test", "", "issuer_listed, direct.parent.test, from direct.parent.test, issue letsencrypt.org"},
		{"the parent cannot be asked about", "www.broken.test", "", "dns_failure"},
		{"more records than are shown", "many.test", "", "issuer_not_listed, many.test, from many.test, issue ca0.test, issue ca1.test, issue ca2.test, issue ca3.test, issue ca4.test, issue ca5.test, " +
			"issue ca6.test, issue ca7.test, issue ca8.test, issue ca9.test, issue ca10.test, issue ca11.test, issue ca12.test, issue ca13.test, issue ca14.test, issue ca15.test, and 3 more"},
		{"the same record twice", "twice.test", "", "issuer_not_listed, twice.test, from twice.test, issue ca.test"},
		{"values that are not fit to show", "printable.test", "", "nobody_listed, printable.test, from printable.test, issue ca.test; a=��, iodef " + strings.Repeat("x", caa.MaxValue) + "…"},
		{"a certificate for another name", "here.test", "there.test", "not_covered, here.test, from here.test, issue letsencrypt.org"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			module := probetest.Module(t, lab)
			module.CAFile, module.Resolver = roots, resolver
			module.CAA.Enable()
			r := probe(t, lab, module, issuer, test.target, test.leaf)
			if got := show(r); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// probe probes a server with a certificate for a name.
func probe(t *testing.T, lab *tlstest.Lab, module prober.Module, issuer *tlstest.CA, name, leaf string) *prober.Result {
	t.Helper()
	if leaf == "" {
		leaf = name
	}
	addr := labtest.Serve(t, lab, tlstest.Server{Issuer: issuer, Leaf: func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{leaf}, nil }})
	_, port, _ := strings.Cut(addr, ":")
	return probetest.New(t, module).Probe(t.Context(), probetest.Target(t, name+":"+port))
}

// What is known of the issuer decides: a public CA by its chain, a private one by the
// options, and nobody without a trusted path.
func TestIssuers(t *testing.T) {
	lab := labtest.Lab(t)
	public, publicRoots := authority(t, "Let's Encrypt", "Internet Security Research Group")
	private, privateRoots := authority(t, "Example Corporation", "Example Corporation")
	here := labtest.Addresses("127.0.0.1")
	resolver := labtest.DNS(t, lab, tlstest.Zone{
		"public.test":  {Addresses: here, Records: labtest.Records(t, `CAA 0 issue "letsencrypt.org"`)},
		"private.test": {Addresses: here, Records: labtest.Records(t, `CAA 0 issue "ca.example.com"`)},
		"free.example": {Addresses: here},
	})
	for _, test := range []struct {
		name, target string
		issuer       *tlstest.CA
		roots        string
		domains      []caa.Domain
		want         caa.Verdict
	}{
		{"a public CA that is named", "public.test", public, publicRoots, nil, caa.IssuerListed},
		{"a public CA that is not named", "private.test", public, publicRoots, nil, caa.IssuerNotListed},
		{"a public CA with another domain", "private.test", public, publicRoots, []caa.Domain{"ca.example.com"}, caa.IssuerListed},
		{"a CA that is not known", "private.test", private, privateRoots, nil, caa.IssuerUnknown},
		{"a private CA", "private.test", private, privateRoots, []caa.Domain{"ca.example.com"}, caa.IssuerListed},
		{"a private CA that is not named", "public.test", private, privateRoots, []caa.Domain{"ca.example.com"}, caa.IssuerNotListed},
		{"a CA with a famous name that is not trusted", "private.test", public, privateRoots, nil, caa.IssuerUnknown},
		{"not trusted, and there are no records", "free.example", public, privateRoots, nil, caa.NoRecord},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			module := probetest.Module(t, lab)
			module.CAFile, module.Resolver = test.roots, resolver
			module.CAA.Enable().IssuerDomains = test.domains
			r := probe(t, lab, module, test.issuer, test.target, "")
			if r.CAA.Finding == nil || r.CAA.Finding.Verdict != test.want {
				t.Errorf("got %s, want %s", show(r), test.want)
			}
		})
	}
}

// Without a name there is nothing to ask for, and a name with too many labels is not asked
// about: no answer is not the answer that there are no records.
func TestNames(t *testing.T) {
	lab := labtest.Lab(t)
	module := probetest.Module(t, lab)
	module.Resolver = labtest.DNS(t, lab, tlstest.Zone{})
	module.CAA.Enable()
	p := probetest.New(t, module)
	if r := p.Probe(t.Context(), probetest.Target(t, labtest.Serve(t, lab, tlstest.Server{}))); show(r) != "no_name, " {
		t.Error(show(r))
	}
	if r := p.Probe(t.Context(), probetest.Target(t, strings.Repeat("a.", 20)+"test")); show(r) != string(failure.ReasonInternal) {
		t.Error(show(r))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := p.Probe(ctx, probetest.Target(t, "a.test")); r.CAA.Finding != nil {
		t.Error(show(r))
	}
}

func TestOptions(t *testing.T) {
	var d caa.Domain
	for _, value := range []string{"", ";", "ca.test; a=b", "ca test", "https://ca.test", "ca.test;"} {
		if err := d.UnmarshalText([]byte(value)); err == nil {
			t.Errorf("%q is accepted as %q", value, d)
		}
	}
	if err := d.UnmarshalText([]byte("CA.test")); err != nil || d != "ca.test" {
		t.Errorf("%q, %v", d, err)
	}
	if err := (&caa.Options{IssuerDomains: []caa.Domain{}}).Validate(); err == nil {
		t.Error("an empty list is accepted")
	}
}
