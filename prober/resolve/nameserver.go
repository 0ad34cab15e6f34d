package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/miekg/dns"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/nameserver"
)

// oneServer finds addresses with one DNS server.
type oneServer struct {
	nameserver.Server
	strict bool
}

// lookup queries A and AAAA records in parallel. IPv6 comes first, each family in the
// server's order; the race of RFC 8305 alternates them. Unless strict, an error in one
// family is ignored if the other has addresses, as clients do. A timeout is not
// ignored: it leaves no time to connect.
func (s *oneServer) lookup(ctx context.Context, family Family, host string) ([]netip.Addr, error) {
	kinds := family.records()
	found := make([][]netip.Addr, len(kinds))
	failed := make([]error, len(kinds))
	var group sync.WaitGroup
	for i, kind := range kinds {
		group.Go(func() {
			if err := failure.Contain(func() { found[i], failed[i] = s.addresses(ctx, host, kind) }); err != nil {
				failed[i] = err
			}
		})
	}
	group.Wait()
	var missing, unknown error
	for _, err := range failed {
		if notFound(err) {
			missing = err
		} else if err != nil {
			unknown = err
		}
	}
	addrs := slices.Concat(found...)
	switch {
	case unknown != nil && missing == nil && (s.strict || len(addrs) == 0 || timedOut(unknown)):
		return nil, unknown
	case len(addrs) > 0:
		return addrs, nil
	case missing != nil: // a name that does not exist has no records of any type (RFC 8020)
		return nil, missing
	}
	return nil, NoAddress(host, family)
}

// records returns the DNS record types with addresses of the family.
func (f Family) records() []uint16 {
	switch f {
	case IPv4:
		return []uint16{dns.TypeA}
	case IPv6:
		return []uint16{dns.TypeAAAA}
	}
	return []uint16{dns.TypeAAAA, dns.TypeA}
}

// addresses queries the records of one type. A name that exists without such records
// has no addresses and no error. Errors are a *net.DNSError.
func (s *oneServer) addresses(ctx context.Context, host string, kind uint16) ([]netip.Addr, error) {
	question := new(dns.Msg).SetQuestion(dns.Fqdn(host), kind)
	question.SetEdns0(nameserver.MaxDatagram, false)
	answer, err := s.Lookup(ctx, question)
	switch {
	case err != nil:
		return nil, err
	case !answer.Exists:
		return nil, &net.DNSError{Err: "no such host", Name: host, Server: s.Address, IsNotFound: true}
	}
	var addrs []netip.Addr
	for _, record := range answer.Records {
		if addr, ok := addressOf(record); ok {
			addrs = append(addrs, addr)
		}
	}
	return addrs, nil
}

func addressOf(record dns.RR) (netip.Addr, bool) {
	switch r := record.(type) {
	case *dns.A:
		return netip.AddrFromSlice(r.A)
	case *dns.AAAA:
		return netip.AddrFromSlice(r.AAAA)
	}
	return netip.Addr{}, false
}

func notFound(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

func timedOut(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsTimeout
}
