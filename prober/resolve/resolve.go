// Package resolve finds the addresses of a name, by the system's configuration or by
// one DNS server.
package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
)

// NoAddress is the failure of a name, or an address, without an address of the
// family.
func NoAddress(host string, family Family) error {
	if family == AnyIP {
		return failure.New(failure.ReasonNoAddress, "%s exists and has no address", host)
	}
	return failure.New(failure.ReasonNoAddress, "%s has no address of the family %s", host, family)
}

// MaxAddresses bounds how many addresses of one name are used.
const MaxAddresses = 32

// lookup finds the addresses that a name has of one family or of both, in the
// order in which they are to be tried.
type lookup func(ctx context.Context, family Family, host string) ([]netip.Addr, error)

// Resolver finds the addresses of names.
type Resolver struct {
	family Family
	lookup lookup
}

// New asks the DNS server at address (host:port) alone or, when address
// is empty, as the system is configured. A strict resolver does not accept half
// an answer: an error in one family is one, whatever the other says.
func New(g *guard.Guard, address string, family Family, strict bool) *Resolver {
	if address == "" {
		return &Resolver{family, systemLookup(g.Resolver(strict))}
	}
	return &Resolver{family, (&nameserver{address, strict, resend, g}).lookup}
}

// Resolve returns the addresses of a name, of the resolver's family, each once.
func (r *Resolver) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	found, err := r.lookup(ctx, r.family, host)
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	seen := make(map[netip.Addr]bool)
	for _, addr := range found {
		if addr = addr.Unmap(); !seen[addr] {
			seen[addr] = true
			addrs = append(addrs, addr)
		}
	}
	return addrs, nil
}

// systemLookup asks r, whose order is that of RFC 6724. It cannot tell a name
// that does not exist from one without any address.
func systemLookup(r *net.Resolver) lookup {
	return func(ctx context.Context, family Family, host string) ([]netip.Addr, error) {
		addrs, err := r.LookupNetIP(ctx, family.network(), host)
		if _, unsuitable := errors.AsType[*net.AddrError](err); unsuitable {
			return nil, NoAddress(host, family)
		}
		if notFound(err) && family != AnyIP {
			if _, other := r.LookupNetIP(ctx, "ip", host); other == nil {
				return nil, NoAddress(host, family)
			}
		}
		return addrs, err
	}
}
