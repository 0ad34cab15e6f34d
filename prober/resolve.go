package prober

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// errNoAddress is a name that exists without an address that may be dialled.
var errNoAddress = errors.New("no address")

// maxAddresses bounds how many addresses of one name are looked at.
const maxAddresses = 32

// newResolver asks the DNS server at address (host:port) alone, or those of the
// system when address is empty. It is Go's own resolver, for the C library's
// cannot be stopped and would go on long after a probe's deadline.
func newResolver(address string) *net.Resolver {
	return &net.Resolver{
		PreferGo:     true,
		StrictErrors: address != "",
		Dial: func(ctx context.Context, network, system string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, cmp.Or(address, system))
			if err == nil {
				// net waits out a timeout of its own while it reads, whatever
				// becomes of the context. The conn stays as it is: net asks
				// for its type.
				context.AfterFunc(ctx, func() { conn.SetDeadline(longAgo) })
			}
			return conn, err
		},
	}
}

// resolve returns the addresses of the target's name that the module may use,
// in the order in which they are to be tried (RFC 6724).
func (p *Prober) resolve(ctx context.Context, t Target) ([]netip.Addr, error) {
	family := p.module.IPProtocol
	addrs, err := p.lookup(ctx, family, t.Host)
	if isNXDOMAIN(err) && family != AnyIP && p.exists(ctx, t.Host) {
		return nil, fmt.Errorf("%s has %w of the family %s", t.Host, errNoAddress, family)
	}
	if _, unsuitable := errors.AsType[*net.AddrError](err); unsuitable {
		return nil, fmt.Errorf("%s has %w of the family %s", t.Host, errNoAddress, family)
	}
	if err != nil {
		return nil, err
	}
	if len(addrs) > maxAddresses {
		addrs = addrs[:maxAddresses]
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, nil
}

// exists tells whether a name without an address of one family has one of the
// other: the standard resolver says "no such host" in both cases.
func (p *Prober) exists(ctx context.Context, host string) bool {
	_, err := p.lookup(ctx, AnyIP, host)
	return err == nil
}

func (p *Prober) lookup(ctx context.Context, family IPProtocol, host string) ([]netip.Addr, error) {
	addrs, err := p.resolver.LookupNetIP(ctx, family.network(), host)
	if dns, ok := errors.AsType[*net.DNSError](err); ok && p.module.Resolver != "" {
		dns.Server = string(p.module.Resolver) // not the system's, which net believes it asked
	}
	return addrs, err
}

// IPProtocol is which address family may be dialled.
type IPProtocol string

// The families. AnyIP races them (RFC 8305, happy eyeballs).
const (
	AnyIP IPProtocol = "any"
	IPv4  IPProtocol = "ip4"
	IPv6  IPProtocol = "ip6"
)

// UnmarshalText takes any, ip4 or ip6.
func (f *IPProtocol) UnmarshalText(text []byte) error {
	switch word := IPProtocol(text); word {
	case AnyIP, IPv4, IPv6:
		*f = word
		return nil
	}
	return fmt.Errorf("%s is not an IP protocol; write any, ip4 or ip6", quote(string(text)))
}

func (f IPProtocol) network() string {
	if f == AnyIP {
		return "ip"
	}
	return string(f)
}

func (f IPProtocol) allows(addr netip.Addr) bool {
	return f == AnyIP || (f == IPv4) == addr.Is4()
}
