package records

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/nameserver"
)

// Client asks the DNS servers of a module. It is safe for concurrent use. The context of
// each question needs a deadline. Errors have a reason: timeout, dns_failure, dnssec_bogus,
// too_large, local_resources.
type Client struct {
	guard    *guard.Guard
	resolver string // host:port; empty: those of the system
	vouched  bool   // the owner trusts the path to each
	system   func() (servers []string, wait time.Duration, err error)
}

// New returns a client of the DNS server at resolver, host:port; empty: of the servers of
// the system. Trusted says that nobody can change answers on the way from them.
func New(g *guard.Guard, resolver string, trusted bool) *Client {
	system := func() ([]string, time.Duration, error) { return nameserver.System("/etc/resolv.conf") }
	return &Client{g, resolver, trusted, system}
}

// ask sends a question to one server after the other, until one has an answer or says that
// DNSSEC is broken. It reports whether the path to that one is trusted.
func (c *Client) ask(ctx context.Context, q question) (answer *nameserver.Answer, trusted bool, err error) {
	servers, wait, err := c.servers()
	for i, address := range servers {
		if i == len(servers)-1 {
			wait = forever
		}
		answer, err = askWithin(ctx, wait, &nameserver.Server{Address: address, Guard: c.guard}, q)
		trusted = c.vouched || validatesHere(address)
		if err == nil || ctx.Err() != nil || failure.Of(err) == failure.ReasonDNSSECBogus {
			break
		}
	}
	return answer, trusted, err
}

// forever is a wait that only the context of a question ends.
const forever = time.Duration(math.MaxInt64)

// servers are those to ask, in this order, and how long to wait for each but the last.
func (c *Client) servers() ([]string, time.Duration, error) {
	if c.resolver != "" {
		return []string{c.resolver}, forever, nil
	}
	servers, wait, err := c.system()
	if err != nil {
		return nil, 0, failure.With(failure.ReasonLocalResources, err)
	}
	return servers, wait, nil
}

// askWithin asks one server. If that fails and does not say why, the same question without
// validation tells whether DNSSEC is the reason.
func askWithin(ctx context.Context, wait time.Duration, s *nameserver.Server, q question) (*nameserver.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	answer, err := q.lookup(ctx, s, true)
	bogus := errors.Is(err, nameserver.ErrBogus)
	if errors.Is(err, nameserver.ErrFailure) {
		_, unvalidated := q.lookup(ctx, s, false)
		bogus = unvalidated == nil
	}
	if bogus {
		return nil, failure.With(failure.ReasonDNSSECBogus, fmt.Errorf("the resolver has an answer that DNSSEC does not prove: %w", err))
	}
	return answer, err
}

// dockerDNS is the server of Docker in each container (its networks have an embedded one).
// It asks servers on other machines, and passes on their AD bit.
var dockerDNS = netip.AddrFrom4([4]byte{127, 0, 0, 11})

// validatesHere tells whether the server is on this machine, so that nobody can change its
// answers.
func validatesHere(address string) bool {
	server, err := netip.ParseAddrPort(address)
	addr := server.Addr().Unmap()
	return err == nil && addr.IsLoopback() && addr != dockerDNS
}
