package httpsrecord

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/records"
	"tls_exporter/prober/text"
)

// Record is a record as people see it: its texts are printable and bounded.
type Record struct {
	Priority uint16 // 0: an alias
	Target   string // the name of the server; of an alias, the name that it leads to
	ALPN     string // the protocols of the parameter alpn, joined by commas
	Port     uint16 // 0: an alias
	ECH      bool   // has a configuration for ECH
	Unusable string // why clients ignore the record; empty: they do not
}

// The bounds on what is shown and tested.
const (
	// MaxRecords is how many records are shown.
	MaxRecords = 8
	// maxAliases is how many aliases are followed. RFC 9460 section 3 leaves the bound to
	// the client.
	maxAliases = 8
	// maxText bounds a text, in bytes. A DNS name has 253 characters.
	maxText = 253
)

// queryName is the name that has the records of an origin: its own for the port 443, else
// one with the port (RFC 9460 section 9.1).
func queryName(name string, port uint16) string {
	if port == defaultPort {
		return name
	}
	return "_" + strconv.Itoa(int(port)) + "._https." + name
}

const defaultPort = 443

// service is a server that a usable record leads to.
type service struct {
	host string // of the target's own host: empty
	port uint16
	alpn []string // that it advertises, with the default
	ech  []byte   // an ECHConfigList; nil: none
}

// lookUp finds the records, following aliases, and returns the servers that the usable
// ones lead to, in the order in which clients try them.
func (f *Finding) lookUp(ctx context.Context, e *endpoint.Endpoint) ([]service, error) {
	asked := f.Name
	for range maxAliases {
		answer, err := ask(ctx, e, asked)
		if err != nil {
			return nil, err
		}
		set := answer.Records
		slices.SortStableFunc(set, func(a, b records.SVCB) int {
			return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Target, b.Target))
		})
		switch {
		case len(set) == 0 && len(f.Aliases) == 0:
			f.State = None
			return nil, nil
		case len(set) == 0:
			f.State = AliasOnly
			return nil, nil
		case set[0].Priority != 0:
			f.State = Found
			return f.services(set, answer.Name, e), nil
		case set[0].Target == "":
			f.State = NoService
			return nil, nil
		}
		// Records of the service mode beside an alias are ignored (RFC 9460 section
		// 2.4.1). Of several aliases a client takes any.
		asked = set[0].Target
		f.show(Record{Target: asked})
		f.Aliases = append(f.Aliases, text.Printable(asked, maxText))
	}
	f.State = AliasLoop
	return nil, nil
}

// ask asks for the records of one name, within the time that an answer may take.
func ask(ctx context.Context, e *endpoint.Endpoint, name string) (*records.Answer[records.SVCB], error) {
	ctx, cancel := context.WithTimeout(ctx, e.Scan().Patience)
	defer cancel()
	return e.Records().HTTPS(ctx, name)
}

// services shows the records of a name in the service mode, and returns the servers of
// those that clients use.
func (f *Finding) services(set []records.SVCB, owner string, e *endpoint.Endpoint) []service {
	var all []service
	for _, r := range set {
		s := service{host: cmp.Or(r.Target, owner), port: cmp.Or(r.Port, e.Target.Port), alpn: r.ALPN, ech: r.ECH}
		unusable := unusable(&r)
		f.show(Record{r.Priority, s.host, strings.Join(r.ALPN, ","), s.port, r.ECH != nil, unusable})
		if unusable != "" {
			continue
		}
		if !r.NoDefaultALPN {
			s.alpn = append(slices.Clone(s.alpn), http1) // RFC 9460 section 9
		}
		if len(f.Aliases) == 0 && (s.host == owner || s.host == e.Target.Name()) {
			s.host = "" // the probe has connected to it
		}
		all = append(all, s)
	}
	return all
}

// show adds what people see of a record, once.
func (f *Finding) show(r Record) {
	r.Target, r.ALPN = strings.Clone(text.Printable(r.Target, maxText)), strings.Clone(text.Printable(r.ALPN, maxText))
	switch {
	case slices.Contains(f.Records, r):
	case len(f.Records) == MaxRecords:
		f.More++
	default:
		f.Records = append(f.Records, r)
	}
}

// The numbers of the parameters that are understood here (RFC 9460 section 14.3.2).
const (
	keyMandatory     = 0
	keyALPN          = 1
	keyNoDefaultALPN = 2
	keyPort          = 3
	keyIPv4Hint      = 4
	keyECH           = 5
	keyIPv6Hint      = 6
)

// unusable is why clients ignore a record; empty: they do not. A record may list parameters
// that a client has to understand, and all of them have to be there (RFC 9460 section 8).
func unusable(r *records.SVCB) string {
	for _, key := range r.Mandatory {
		switch {
		case key == keyMandatory || !has(r, key):
			return "the parameter mandatory lists key" + strconv.Itoa(int(key)) + ", which the record does not have"
		case key > keyIPv6Hint:
			return "it requires the parameter key" + strconv.Itoa(int(key)) + ", which is not known here"
		}
	}
	if r.NoDefaultALPN && r.ALPN == nil {
		return "it has no-default-alpn without alpn" // RFC 9460 section 7.1.1
	}
	return ""
}

// has reports whether a record has a parameter.
func has(r *records.SVCB, key uint16) bool {
	switch key {
	case keyALPN:
		return r.ALPN != nil
	case keyNoDefaultALPN:
		return r.NoDefaultALPN
	case keyPort:
		return r.Port != 0
	case keyIPv4Hint:
		return slices.ContainsFunc(r.Hints, func(a netip.Addr) bool { return a.Is4() })
	case keyIPv6Hint:
		return slices.ContainsFunc(r.Hints, func(a netip.Addr) bool { return !a.Is4() })
	case keyECH:
		return r.ECH != nil
	}
	return slices.Contains(r.Other, key)
}
