// Package httpsrecord finds what the HTTPS records of a name tell clients (RFC 9460), and
// whether the servers do what the records say: the protocols that they advertise, and
// Encrypted Client Hello (ECH, RFC 9849).
package httpsrecord

import (
	"cmp"
	"context"
	"net/netip"
	"time"

	"tls_exporter/prober/check"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/option"
)

// Options configures the check https_record.
type Options struct {
	// Every is how old the finding may become; 0: an hour. It is made again before
	// that.
	Every option.Duration `yaml:"every" key:"-"`
}

// MaxAge is how old a finding may become.
func (o Options) MaxAge() time.Duration { return cmp.Or(time.Duration(o.Every), check.DefaultMaxAge) }

// Finding is the finding of the check https_record.
type Finding struct {
	Name     string     // that was asked for; empty: none, see State
	State    State      // what the lookup ended with
	Aliases  []string   // the names that the alias mode leads to, in this order
	Records  []Record   // in the order in which clients try them, at most MaxRecords
	More     int        // how many records are left out
	Services []Service  // the servers that usable records lead to, as far as they were tested
	ECH      *ECHResult // nil: no usable record has a configuration for ECH, or that is not known
}

// State is what a lookup of HTTPS records ended with.
type State string

// The states.
const (
	NotHTTPS  State = "not_https"  // the target is not of the scheme https, and HTTPS records are not about it
	NoName    State = "no_name"    // the target has no DNS name
	None      State = "none"       // there are no records
	Found     State = "found"      // there are records with services
	AliasOnly State = "alias_only" // the alias leads to a name without records: clients connect to its addresses
	NoService State = "no_service" // an alias to the root says that there is no service (RFC 9460 section 2.5.1)
	AliasLoop State = "alias_loop" // aliases without end, or too many: clients ignore the records
)

// Looked reports whether it is known which records there are.
func (f *Finding) Looked() bool { return f.State != NotHTTPS && f.State != NoName }

// ALPNMatch reports whether the servers select each protocol that the records advertise for
// TCP, and whether that is known. One protocol that is not selected is enough for no; for
// yes, there have to be answers about all of them.
func (f *Finding) ALPNMatch() (match, known bool) {
	answers := make(map[Answer]int)
	for _, service := range f.Services {
		for _, p := range service.Protocols {
			answers[p.Answer]++
		}
	}
	if answers[NotSelected] > 0 {
		return false, true
	}
	known = answers[Selected] > 0 && answers[NoAnswer] == 0
	return known, known
}

// Size is how many bytes the finding takes.
func (f Finding) Size() int {
	size := 200 + len(f.Name)
	for _, alias := range f.Aliases {
		size += 16 + len(alias)
	}
	for _, r := range f.Records {
		size += 160 + len(r.Target) + len(r.ALPN) + len(r.Unusable)
	}
	for _, s := range f.Services {
		size += 64 + len(s.Host) + 80*len(s.Protocols)
	}
	if f.ECH != nil {
		size += 96 + len(f.ECH.PublicName) + len(f.ECH.Detail)
	}
	return size
}

// Find looks the records up, and tests the servers that they lead to.
func (o Options) Find(ctx context.Context, e *endpoint.Endpoint) (*Finding, error) {
	found := new(Finding)
	name := e.Target.Name()
	if _, err := netip.ParseAddr(name); name == "" || err == nil {
		found.State = NoName
		return found, nil
	}
	if e.Target.Scheme != "https" {
		found.State = NotHTTPS
		return found, nil
	}
	found.Name = queryName(name, e.Target.Port)
	services, err := found.lookUp(ctx, e)
	if err != nil {
		return nil, err
	}
	found.test(ctx, e, services)
	return found, nil
}
