package resolve

import (
	"fmt"
	"net/netip"

	"tls_exporter/prober/text"
)

// Family says which address families may be dialled.
type Family string

// The families. AnyIP is both, in a race (RFC 8305, Happy Eyeballs).
const (
	AnyIP Family = "any"
	IPv4  Family = "ip4"
	IPv6  Family = "ip6"
)

// UnmarshalText accepts any, ip4 or ip6.
func (f *Family) UnmarshalText(value []byte) error {
	switch word := Family(value); word {
	case AnyIP, IPv4, IPv6:
		*f = word
		return nil
	}
	return fmt.Errorf("%s is not an IP protocol; write any, ip4 or ip6", text.Quote(string(value)))
}

// FamilyOf returns the family of an address.
func FamilyOf(addr netip.Addr) Family {
	if addr.Is4() {
		return IPv4
	}
	return IPv6
}

// network is the family as net.Resolver names it.
func (f Family) network() string {
	if f == AnyIP {
		return "ip"
	}
	return string(f)
}

// Allows reports whether an address of the family may be dialled.
func (f Family) Allows(addr netip.Addr) bool { return f == AnyIP || f == FamilyOf(addr) }
