// Package records asks the DNS for records other than addresses, and tells whether they
// are authentic.
package records

import "net/netip"

// Answer is the records of one type that a name has.
type Answer[R any] struct {
	// Records are in the order of the answer, at most MaxRecords.
	Records []R
	// Name has the records: the name that was asked for, or the one that its aliases
	// (CNAME) end at, in lower case, without a final dot.
	Name string
	// Exists is false if that name does not exist (NXDOMAIN). A name that exists may have
	// no records of the type.
	Exists bool
	// Authenticated says that a validating resolver proved the answer with DNSSEC, also
	// that there are no records, and that nobody can change what the resolver says: Trusted.
	Authenticated bool
	// Trusted says that the path to the resolver is trusted.
	Trusted bool
}

// MaxRecords bounds the records of an answer. One with more is the failure too_large.
const MaxRecords = 64

// TLSA says which certificate or key a service has (RFC 6698 section 2.1). Nothing is
// checked but that the three numbers are there.
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// MX is a mail server of a domain (RFC 5321 section 5.1).
type MX struct {
	Preference uint16
	Host       string // in lower case, without a final dot; empty: the domain accepts no mail (RFC 7505)
}

// CAA says which CAs may issue certificates (RFC 8659 section 4.1).
type CAA struct {
	Flags uint8 // the highest bit: critical
	Tag   string
	Value string // bytes, as published
}

// SVCB is a record SVCB or HTTPS (RFC 9460 section 2).
type SVCB struct {
	Priority uint16 // 0: an alias
	Target   string // in lower case, without a final dot; empty: the name of the record itself, or, of an alias, that there is no service
	// The parameters. What is not there is nil.
	ALPN          []string
	NoDefaultALPN bool
	Port          uint16       // 0: the default one
	Hints         []netip.Addr // ipv4hint, then ipv6hint
	ECH           []byte       // an ECHConfigList
	Mandatory     []uint16     // numbers of the parameters that a client has to understand
	Other         []uint16     // numbers of the parameters that are none of the above
}
