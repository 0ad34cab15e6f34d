// Package caa finds whether the CAA records of a name allow the issuer of its certificate
// to issue it again (RFC 8659).
//
// A CA asks for these records when it issues. The records of today say nothing about a
// certificate that is older than they are: it stays valid. They say whether the same CA
// may renew it.
package caa

import (
	"context"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/records"
	"tls_exporter/prober/text"
)

// Options configures the check caa.
type Options struct {
	// IssuerDomains are more domains that count as the issuer's, in addition to those that
	// are known of public CAs. A private CA that looks at CAA records has one of its own.
	IssuerDomains []Domain `yaml:"issuer_domains"`
}

// Domain is the domain of a CA in CAA records, in lower case.
type Domain string

// UnmarshalText accepts a domain as RFC 8659 section 4.2 writes it.
func (d *Domain) UnmarshalText(value []byte) error {
	*d = Domain(issuerDomain(string(value)))
	if *d == "" || strings.Contains(string(value), ";") {
		return errors.New(text.Quote(string(value)) + " is not the domain of a CA; write it as in a CAA record, without parameters: ca.example.com")
	}
	return nil
}

// Validate rejects an empty list.
func (o *Options) Validate() error {
	if o != nil && o.IssuerDomains != nil && len(o.IssuerDomains) == 0 {
		return errors.New("issuer_domains: the list is empty; name some domains, or leave the key out")
	}
	return nil
}

// Finding is the finding of the check caa.
type Finding struct {
	Name    string   // that the certificate is for: the target's, or the wildcard that covers it
	From    string   // the name that the records are of; empty: neither Name nor one above it has any
	Records []Record // the first MaxRecords, printable, and each of them once
	More    int      // how many records are left out
	Issuers []string // domains of the issuer; nil: they are not known
	Verdict Verdict
}

// The bounds on the records that are shown.
const (
	// MaxRecords is how many.
	MaxRecords = 16
	// MaxTag and MaxValue are in bytes. A CA with an accounturi takes about 100.
	MaxTag   = 32
	MaxValue = 200
)

// Find looks for the records of the name that the probe was for. The leaf may have other
// names, with other records: they are not judged.
func (o *Options) Find(ctx context.Context, e *endpoint.Endpoint) (*Finding, error) {
	name := e.Target.Name()
	if name == "" || isAddress(name) {
		return &Finding{Verdict: NoName}, nil
	}
	path := e.Path()
	found := &Finding{Name: name, Issuers: o.issuers(path)}
	covered := false
	if path != nil {
		found.Name, covered = coveredBy(path[0].DNSNames, name)
	}
	domain, wildcard := strings.CutPrefix(found.Name, "*.")
	from, set, err := relevant(ctx, domain, e.Records().CAA)
	if err != nil {
		return nil, err
	}
	found.From = from
	found.show(set)
	switch {
	case len(set) > 0 && path == nil:
		found.Verdict = IssuerUnknown
	case path != nil && !covered:
		found.Verdict = NotCovered
	default:
		found.Verdict = judge(set, wildcard, found.Issuers)
	}
	return found, nil
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// coveredBy returns the name of a leaf that covers name, which is the name itself before a
// wildcard. If there is none it returns name, and false.
func coveredBy(names []string, name string) (string, bool) {
	is := func(wanted string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, wanted) })
	}
	if _, parent, ok := strings.Cut(name, "."); ok && !is(name) && is("*."+parent) {
		return "*." + parent, true
	}
	return name, is(name)
}

// issuers are the domains of the CA that issued the leaf of a trusted path; nil: they are
// not known.
func (o *Options) issuers(path []*x509.Certificate) []string {
	if path == nil {
		return nil
	}
	all := domainsOf(path)
	for _, domain := range o.IssuerDomains {
		all = append(all, string(domain))
	}
	return all
}

// maxLabels bounds the labels of a name, and so the questions about it and its parents.
const maxLabels = 20

// relevant returns the records of the name, or of the closest name above it that has
// some, and that name; empty: there are none. The parents of an alias are those of its
// own name, not those of its target (RFC 8659 section 3). If a name cannot be asked
// about, nothing is known: its records would take the place of those above it.
func relevant(ctx context.Context, name string, ask func(context.Context, string) (*records.Answer[records.CAA], error)) (from string, set []Record, err error) {
	if strings.Count(name, ".") >= maxLabels {
		return "", nil, failure.New(failure.ReasonInternal, "%s has more than %d labels", text.Quote(name), maxLabels)
	}
	for more := true; more; _, name, more = strings.Cut(name, ".") {
		answer, err := ask(ctx, name)
		if err != nil {
			return "", nil, err
		}
		for _, r := range answer.Records {
			set = append(set, Record{r.Flags&critical != 0, strings.ToLower(r.Tag), r.Value})
		}
		if set != nil {
			return name, set, nil
		}
	}
	return "", nil, nil
}

// critical is the bit of the flags that RFC 8659 section 4.1 defines.
const critical = 0x80

// show keeps what people see of the records: each once, printable and bounded.
func (f *Finding) show(set []Record) {
	for _, r := range set {
		shown := Record{r.Critical, strings.Clone(text.Printable(r.Tag, MaxTag)), strings.Clone(text.Printable(r.Value, MaxValue))}
		switch {
		case slices.Contains(f.Records, shown):
		case len(f.Records) == MaxRecords:
			f.More++
		default:
			f.Records = append(f.Records, shown)
		}
	}
}
