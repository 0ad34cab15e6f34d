// Package resolve finds the addresses of a name, with the configuration of the system
// or with one DNS server.
package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/nameserver"
)

// NoAddress returns the failure of a host that exists, but has no address of the
// family. The host may be an address of the other family.
func NoAddress(host string, family Family) error {
	if family == AnyIP {
		return failure.New(failure.ReasonNoAddress, "%s exists and has no address", host)
	}
	return failure.New(failure.ReasonNoAddress, "%s has no address of the family %s", host, family)
}

// MaxAddresses bounds how many addresses of one name are used.
const MaxAddresses = 32

// lookup finds the addresses of a name, of one family or of both, in the order in
// which they are to be tried.
type lookup func(ctx context.Context, family Family, host string) ([]netip.Addr, error)

// Resolver finds the addresses of names. It is safe for concurrent use.
type Resolver struct {
	family Family
	lookup lookup
}

// New returns a resolver that queries the DNS server at address (host:port); empty:
// the servers of the system. With strict, an error in one family is an error, even if
// the other has addresses.
func New(g *guard.Guard, address string, family Family, strict bool) *Resolver {
	if address == "" {
		return &Resolver{family, systemLookup(g, strict)}
	}
	return &Resolver{family, (&oneServer{nameserver.Server{Address: address, Guard: g}, strict}).lookup}
}

// Resolve returns the addresses of a name, of the resolver's family, each once. Errors
// are a *net.DNSError or have a reason: no_address, local_resources.
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

// systemLookup uses Go's resolver, which sorts addresses by RFC 6724. It cannot
// distinguish a name that does not exist from one without any address.
func systemLookup(g *guard.Guard, strict bool) lookup {
	return func(ctx context.Context, family Family, host string) ([]netip.Addr, error) {
		r := g.NewResolver(strict)
		addrs, err := r.LookupNetIP(ctx, family.network(), host)
		if err = r.Explain(err); failure.IsLocal(err) {
			return nil, err
		}
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
