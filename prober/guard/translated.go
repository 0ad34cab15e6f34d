package guard

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"tls_exporter/prober/text"
)

// NAT64Prefix is a prefix by which a network translates IPv6 to IPv4: RFC 6052 section
// 2.2 says where the IPv4 address is.
type NAT64Prefix struct{ netip.Prefix }

// nat64Lengths are the lengths of such a prefix (RFC 6052 section 2.2).
var nat64Lengths = []int{32, 40, 48, 56, 64, 96}

// UnmarshalText accepts an IPv6 prefix of one of the six lengths. RFC 6052 section 2.2
// wants bits 64 to 71 to be zero, also those of a prefix that includes them.
func (p *NAT64Prefix) UnmarshalText(value []byte) error {
	prefix, err := netip.ParsePrefix(string(value))
	switch {
	case err != nil || !prefix.Addr().Is6() || prefix.Addr().Is4In6():
		return fmt.Errorf("%s is not a prefix of IPv6 addresses; write 2001:db8:64::/96", text.Quote(string(value)))
	case !slices.Contains(nat64Lengths, prefix.Bits()):
		return fmt.Errorf("%s: a NAT64 prefix has 32, 40, 48, 56, 64 or 96 bits (RFC 6052)", text.Quote(string(value)))
	case prefix != prefix.Masked():
		return fmt.Errorf("%s has bits set beyond its prefix length; write %s", text.Quote(string(value)), prefix.Masked())
	case prefix.Addr().As16()[8] != 0:
		return errors.New("bits 64 to 71 of a NAT64 prefix have to be zero (RFC 6052)")
	}
	p.Prefix = prefix
	return nil
}

// ipv4 is the IPv4 address in an address of the prefix. It skips bits 64 to 71.
func (p NAT64Prefix) ipv4(addr netip.Addr) netip.Addr {
	bytes := addr.As16()
	at := p.Bits() / 8
	var found [4]byte
	for i := range found {
		if at == 8 {
			at++
		}
		found[i], at = bytes[at], at+1
	}
	return netip.AddrFrom4(found)
}

// wellKnown is the prefix that is the same in all networks (RFC 6052 section 2.1).
var wellKnown = NAT64Prefix{netip.MustParsePrefix("64:ff9b::/96")}

// meaning is an address, and the IPv4 addresses that a connection to it may reach.
type meaning struct {
	addr       netip.Addr   // without a zone, which no block has; invalid: not known yet
	translated []netip.Addr // by a NAT64 prefix that is known
	possible   []netip.Addr // by other mechanisms, which the network may or may not have
}

// meaningOf finds what addr stands for, in a network with these prefixes.
func meaningOf(addr netip.Addr, prefixes []NAT64Prefix) meaning {
	m := meaning{addr: addr.Unmap().WithZone("")}
	if !m.addr.Is6() {
		return m
	}
	for _, prefix := range append([]NAT64Prefix{wellKnown}, prefixes...) {
		if prefix.Contains(m.addr) {
			m.translated = append(m.translated, prefix.ipv4(m.addr))
		}
	}
	if m.translated == nil {
		m.possible = transitional(m.addr)
	}
	return m
}

// all is the address and everything that it may stand for.
func (m *meaning) all() []netip.Addr {
	if !m.addr.IsValid() {
		return nil
	}
	return slices.Concat([]netip.Addr{m.addr}, m.translated, m.possible)
}

// mayBeIn reports whether the address may stand for one of a block, for rules that deny.
func (m *meaning) mayBeIn(block CIDR) bool { return slices.ContainsFunc(m.all(), block.Contains) }

// isIn reports whether the address is surely one of a block, for rules that allow. An
// address that is not known yet may be.
func (m *meaning) isIn(block CIDR) bool {
	outside := func(addr netip.Addr) bool { return !block.Contains(addr) }
	return !m.addr.IsValid() || block.Contains(m.addr) || m.translated != nil && !slices.ContainsFunc(m.translated, outside)
}

// localNAT64 is for translation within a network, which chooses one or more prefixes in
// it (RFC 8215 section 3): where the IPv4 address is depends on their length.
var localNAT64 = netip.MustParsePrefix("64:ff9b:1::/48")

// tunnels are the formats in which an IPv6 address has an IPv4 address, at these bytes.
var tunnels = []struct {
	block    netip.Prefix
	at       int
	inverted bool // all bits are
}{
	{netip.MustParsePrefix("2002::/16"), 2, false},        // 6to4: RFC 3056 section 2
	{netip.MustParsePrefix("2001::/32"), 4, false},        // Teredo, its server: RFC 4380 section 4
	{netip.MustParsePrefix("2001::/32"), 12, true},        // Teredo, its client: RFC 4380 section 4
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12, false}, // SIIT, IPv4-translated: RFC 2765 section 2.1
	{netip.MustParsePrefix("::/96"), 12, false},           // IPv4-compatible: RFC 4291 section 2.5.5.1
}

// transitional returns the IPv4 addresses that an IPv6 address may stand for where the
// network has a mechanism of the transition to IPv6. They are those of every format that
// fits, and of every length of a prefix: no one of them is sure. An IPv4 address of
// 0.0.0.0/8 is none, because no packet goes there (RFC 1122 section 3.2.1.3). Without
// that, the zeros before a short number, as in ::1, would be one.
func transitional(addr netip.Addr) []netip.Addr {
	var found []netip.Addr
	add := func(ipv4 netip.Addr) {
		if ipv4.As4()[0] != 0 && !slices.Contains(found, ipv4) {
			found = append(found, ipv4)
		}
	}
	if localNAT64.Contains(addr) {
		for _, length := range []int{48, 56, 64, 96} {
			add(NAT64Prefix{netip.PrefixFrom(addr, length)}.ipv4(addr))
		}
	}
	bytes := addr.As16()
	for _, t := range tunnels {
		if t.block.Contains(addr) {
			add(ipv4At(bytes, t.at, t.inverted))
		}
	}
	// ISATAP: the second half of an address in any network (RFC 5214 section 6.1).
	if bytes[8]&^2 == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe {
		add(ipv4At(bytes, 12, false))
	}
	return found
}

func ipv4At(bytes [16]byte, at int, inverted bool) netip.Addr {
	found := [4]byte(bytes[at:])
	if inverted {
		for i := range found {
			found[i] = ^found[i]
		}
	}
	return netip.AddrFrom4(found)
}
