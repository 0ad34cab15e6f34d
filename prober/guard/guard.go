// Package guard makes every connection of the prober, and opens every file that is a
// target. It checks the dialled address, or the path, against the access policy.
package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"slices"
	"sync/atomic"
	"syscall"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// Guard makes every connection of a probe, if the access policy allows the address.
// The address is checked after names are resolved, so that no name can lead to an
// address that the policy denies.
type Guard struct {
	// Control, if not nil, is called before each connection that the policy allows,
	// like ControlContext of a net.Dialer.
	Control func(ctx context.Context, network, address string, raw syscall.RawConn) error

	policy    Policy
	listeners *Listeners // denied
	template  net.Dialer // of every connection
}

// New returns a guard for a policy. It also denies connections to listeners.
func New(policy Policy, listeners *Listeners) *Guard {
	// A probe is too short for keep-alives.
	return &Guard{policy: policy, listeners: listeners, template: net.Dialer{KeepAlive: -1}}
}

// Resolver is Go's own resolver for one lookup, with the system's servers, hosts file
// and search domains, over connections of a guard. The C library's resolver cannot be
// stopped and would run past a probe's deadline.
type Resolver struct {
	net.Resolver
	guard *Guard
	fault atomic.Pointer[error] // why there was no connection to a server; nil: there was always one
}

// NewResolver returns a resolver. With strict, an error in one address family is an
// error, even if the other has addresses.
func (g *Guard) NewResolver(strict bool) *Resolver {
	r := &Resolver{guard: g}
	r.PreferGo, r.StrictErrors, r.Dial = true, strict, r.dial
	return r
}

func (r *Resolver) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := r.guard.Dial(ctx, network, address, nil, r.guard.ForConfigured(address))
	switch {
	case err == nil:
		// net reads with a timeout of its own and ignores the end of the context. The
		// conn is not wrapped: net checks its type.
		context.AfterFunc(ctx, func() { conn.SetDeadline(longAgo) })
	case failure.IsLocal(err):
		r.fault.Store(&err)
	}
	return conn, err
}

// Explain returns the error of the lookup. If this machine lacked what a connection to
// the DNS needs, that is the reason, whatever the lookup says: net keeps only the text
// of such an error, and goes on to the next search domain, which does not have the name.
func (r *Resolver) Explain(err error) error {
	if fault := r.fault.Load(); fault != nil && err != nil {
		return failure.With(failure.ReasonLocalResources, errors.Join(err, *fault))
	}
	return err
}

// Policy returns the policy of the guard.
func (g *Guard) Policy() *Policy { return &g.policy }

// CheckTarget returns why the target may not be probed; nil: it may, as far as is
// known without resolving its name. The error wraps failure.ErrDenied.
func (g *Guard) CheckTarget(t *target.Target) error {
	switch {
	case t.IsFile():
		return g.checkFile(t.Path)
	case t.Path != "":
		return g.checkSocket(t.Path)
	}
	return g.check(t.Destination())
}

func (g *Guard) checkSocket(socket string) error {
	if slices.ContainsFunc(g.policy.Deny, func(r Rule) bool { return r.Unix.matches(socket) }) {
		return fmt.Errorf("%w: a rule under deny matches this Unix socket", failure.ErrDenied)
	}
	return nil
}

// check returns why a connection to this destination is denied.
func (g *Guard) check(d target.Destination) error {
	means := meaningOf(d.Addr, g.policy.NAT64Prefixes)
	if slices.ContainsFunc(g.policy.Deny, func(r Rule) bool { return r.matches(d, means.mayBeIn) }) {
		return fmt.Errorf("%w: a rule under deny matches %s", failure.ErrDenied, d)
	}
	if err := g.deniedByDefault(d, &means); err != nil {
		return err
	}
	if g.policy.limitsNetwork() && !slices.ContainsFunc(g.policy.Allow, func(r Rule) bool { return r.allows(d, &means) }) {
		return fmt.Errorf("%w: no rule under allow matches %s", failure.ErrDenied, d)
	}
	return nil
}

// Permit returns why a connection to addr is denied; nil: it is allowed.
type Permit func(addr netip.AddrPort) error

// ForTarget applies the whole policy to each address of a target.
func (g *Guard) ForTarget(t *target.Target) Permit {
	d := t.Destination()
	return func(addr netip.AddrPort) error { return g.check(d.At(addr)) }
}

// ForConfigured is for the proxies and DNS servers that the configuration names.
// Rules are for targets and do not apply to them. An address in the configuration is
// always allowed. A name may resolve to any address, so the built-in deny list
// applies to it.
func (g *Guard) ForConfigured(address string) Permit {
	if _, err := netip.ParseAddrPort(address); err == nil {
		return func(netip.AddrPort) error { return nil }
	}
	withoutRules := &Guard{listeners: g.listeners}
	return func(addr netip.AddrPort) error {
		means := meaningOf(addr.Addr(), g.policy.NAT64Prefixes)
		return withoutRules.deniedByDefault(target.Destination{Addr: addr.Addr(), Port: addr.Port()}, &means)
	}
}

// Dial is the only function of the prober that opens connections. It checks the
// address that the socket is about to connect to: the one that is given or, for a
// name, each one that it resolves to. A Unix socket has no address; its path is
// checked. The other parameters are as for net.Dialer.
func (g *Guard) Dial(ctx context.Context, network, address string, source net.Addr, permit Permit) (net.Conn, error) {
	addr, err := netip.ParseAddrPort(address)
	if err == nil {
		if err := permit(addr); err != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(addr), Err: err}
		}
		if source == nil && g.Control == nil {
			return g.template.DialContext(ctx, network, address)
		}
	}
	dialer := g.template
	dialer.LocalAddr, dialer.ControlContext = source, g.Control
	if err != nil {
		dialer.ControlContext = g.control(permit)
		resolver := g.NewResolver(false)
		dialer.Resolver = &resolver.Resolver
		conn, err := dialer.DialContext(ctx, network, address)
		if _, unresolved := errors.AsType[*net.DNSError](err); unresolved {
			err = resolver.Explain(err)
		}
		return conn, err
	}
	return dialer.DialContext(ctx, network, address)
}

// control checks each address that a dialer is about to connect to.
func (g *Guard) control(permit Permit) func(context.Context, string, string, syscall.RawConn) error {
	return func(ctx context.Context, network, address string, raw syscall.RawConn) error {
		if err := g.checkAddress(network, address, permit); err != nil {
			return err
		}
		if g.Control != nil {
			return g.Control(ctx, network, address, raw)
		}
		return nil
	}
}

func (g *Guard) checkAddress(network, address string, permit Permit) error {
	if network == "unix" {
		return g.checkSocket(address)
	}
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s is not an address", failure.ErrDenied, text.Quote(address))
	}
	return permit(addr)
}

// AllowsSocket reports whether a rule under allow matches this path, which must be
// clean: without dots or doubled slashes.
func (g *Guard) AllowsSocket(socket string) bool {
	return slices.ContainsFunc(g.policy.Allow, func(r Rule) bool { return r.Unix.matches(socket) }) && path.Clean(socket) == socket
}
