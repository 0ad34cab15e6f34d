// Package guard makes every connection of the prober, and holds the address that is
// dialled against the access policy.
package guard

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path"
	"slices"
	"syscall"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// Guard makes every connection that a probe causes, and decides whether it may
// be made: on the very address that is dialled, after names are resolved. No name
// can therefore lead to an address that the policy denies.
type Guard struct {
	// Control, if not nil, is called before each connection that the policy
	// allows is made, as that of a net.Dialer.
	Control func(ctx context.Context, network, address string, raw syscall.RawConn) error

	policy    Policy
	listeners *Listeners // which nobody may have probed
	template  net.Dialer // what all connections have in common
}

// New makes a guard for a policy; listeners are denied too.
func New(policy Policy, listeners *Listeners) *Guard {
	g := &Guard{policy: policy, listeners: listeners}
	g.template = net.Dialer{KeepAlive: -1, Resolver: g.Resolver(false)} // a probe is too short for keep-alives
	return g
}

// Resolver is Go's own resolver, with the system's servers, its hosts file and
// its search domains, over connections of the guard. The C library's resolver
// cannot be stopped and would run past a probe's deadline. With strict errors, an
// error in one address family is an error, whatever the other says.
func (g *Guard) Resolver(strict bool) *net.Resolver {
	return &net.Resolver{
		PreferGo:     true,
		StrictErrors: strict,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := g.Dial(ctx, network, address, nil, g.ForConfigured(address))
			if err == nil {
				// net reads with a timeout of its own and ignores the end of
				// the context. The conn is not wrapped: net asks for its type.
				context.AfterFunc(ctx, func() { conn.SetDeadline(longAgo) })
			}
			return conn, err
		},
	}
}

// Policy is the policy of the guard.
func (g *Guard) Policy() *Policy { return &g.policy }

// denials is what is denied where no rule allows it by a block of its own:
// where clouds hand out credentials to whoever asks from within, and what is
// no endpoint at all. Private and loopback addresses are not among them, for
// they are what people monitor.
var denials = []denial{
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local, where clouds keep their metadata"}, // RFC 3927
	{netip.MustParsePrefix("fe80::/10"), "link-local"},                                        // RFC 4291 section 2.5.6
	{netip.MustParsePrefix("fd00:ec2::/32"), "where a cloud keeps its metadata"},              // AWS: fd00:ec2::254
	{netip.MustParsePrefix("fd20:ce::254/128"), "where a cloud keeps its metadata"},           // Google
	{netip.MustParsePrefix("168.63.129.16/32"), "where a cloud keeps its metadata"},           // Azure
	{netip.MustParsePrefix("100.100.100.200/32"), "where a cloud keeps its metadata"},         // Alibaba
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},                                       // RFC 5771
	{netip.MustParsePrefix("ff00::/8"), "multicast"},                                          // RFC 4291 section 2.7
	{netip.MustParsePrefix("0.0.0.0/8"), "no address of an endpoint"},                         // RFC 1122 section 3.2.1.3; a kernel takes 0.0.0.0 for itself
	{netip.MustParsePrefix("::/128"), "no address of an endpoint"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
}

type denial struct {
	block netip.Prefix
	what  string
}

// CheckTarget says why the target may not be probed, as far as that can be told
// without resolving its name; nil: nothing is known against it.
func (g *Guard) CheckTarget(t *target.Target) error {
	if t.Path != "" {
		return g.admitSocket(t.Path)
	}
	return g.judge(t.Destination())
}

func (g *Guard) admitSocket(socket string) error {
	if slices.ContainsFunc(g.policy.Deny, func(r Rule) bool { return r.Unix.matches(socket) }) {
		return fmt.Errorf("%w: a rule under deny is about this Unix socket", failure.ErrDenied)
	}
	return nil
}

// judge says why there may be no connection to this end.
func (g *Guard) judge(e target.Destination) error {
	if slices.ContainsFunc(g.policy.Deny, func(r Rule) bool { return r.matches(e, false) }) {
		return fmt.Errorf("%w: a rule under deny is about %s", failure.ErrDenied, e)
	}
	if err := g.deniedByDefault(e); err != nil {
		return err
	}
	if g.policy.limitsNetwork() && !slices.ContainsFunc(g.policy.Allow, func(r Rule) bool { return r.allows(e) }) {
		return fmt.Errorf("%w: no rule under allow is about %s", failure.ErrDenied, e)
	}
	return nil
}

// deniedByDefault is what is denied without a rule that says so. A rule under
// allow lifts it if its block lies within what is denied, and for an address of
// the exporter's own if it names that port: a rule for all addresses, or for a
// name, was not written with these in mind.
func (g *Guard) deniedByDefault(e target.Destination) error {
	for _, addr := range equivalents(e.Addr) {
		for _, d := range denials {
			meant := func(r Rule) bool { return r.CIDR.within(d.block) && r.allows(e) }
			if d.block.Contains(addr) && !slices.ContainsFunc(g.policy.Allow, meant) {
				return fmt.Errorf("%w: %s is %s", failure.ErrDenied, addr, d.what)
			}
		}
		meant := func(r Rule) bool { return r.CIDR != CIDR{} && r.Port == Ports{e.Port, e.Port} && r.allows(e) }
		if g.listeners.at(netip.AddrPortFrom(addr, e.Port)) && !slices.ContainsFunc(g.policy.Allow, meant) {
			return fmt.Errorf("%w: %s is the exporter itself", failure.ErrDenied, e)
		}
	}
	return nil
}

// translated is the block by which networks of IPv6 alone reach IPv4 (RFC 6052
// section 2.1): its last four bytes are the address that is really meant.
var translated = netip.MustParsePrefix("64:ff9b::/96")

// equivalents are the addresses that an address is for a rule: itself without a
// zone, which no block has, and the IPv4 address that it may stand for.
func equivalents(addr netip.Addr) []netip.Addr {
	if !addr.IsValid() {
		return nil
	}
	addr = addr.Unmap().WithZone("")
	if !translated.Contains(addr) {
		return []netip.Addr{addr}
	}
	bytes := addr.As16()
	return []netip.Addr{addr, netip.AddrFrom4([4]byte(bytes[12:]))}
}

func isLocal(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	local, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(local, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Unmap() == addr
	})
}

// Permit says why a connection to addr is denied; nil: it is allowed.
type Permit func(addr netip.AddrPort) error

// ForTarget holds the whole policy against every address of a target.
func (g *Guard) ForTarget(t *target.Target) Permit {
	e := t.Destination()
	return func(addr netip.AddrPort) error { return g.judge(e.At(addr)) }
}

// ForConfigured is for what the owner named and no caller chooses: proxies and DNS
// servers. Rules are about who may be probed, and nobody means to lose a proxy
// by them; nor is an address that the owner wrote down questioned. A name may
// come to lead elsewhere, and what is denied without a rule is denied there too.
func (g *Guard) ForConfigured(address string) Permit {
	if _, err := netip.ParseAddrPort(address); err == nil {
		return func(netip.AddrPort) error { return nil }
	}
	unruled := &Guard{listeners: g.listeners}
	return func(addr netip.AddrPort) error {
		return unruled.deniedByDefault(target.Destination{Addr: addr.Addr(), Port: addr.Port()})
	}
}

// Dial is the one place where the prober opens connections. The verdict is on
// the address that the socket is about to connect to: the one that is given or,
// of a name, each that it leads to. A Unix socket has none; it is judged by its path.
func (g *Guard) Dial(ctx context.Context, network, address string, source net.Addr, judge Permit) (net.Conn, error) {
	addr, err := netip.ParseAddrPort(address)
	if err == nil {
		if err := judge(addr); err != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(addr), Err: err}
		}
		if source == nil && g.Control == nil {
			return g.template.DialContext(ctx, network, address)
		}
	}
	dialer := g.template
	dialer.LocalAddr, dialer.ControlContext = source, g.Control
	if err != nil {
		dialer.ControlContext = g.control(judge)
	}
	return dialer.DialContext(ctx, network, address)
}

// control asks for a verdict on each address that a dialer is about to connect to.
func (g *Guard) control(judge Permit) func(context.Context, string, string, syscall.RawConn) error {
	return func(ctx context.Context, network, address string, raw syscall.RawConn) error {
		if err := g.judgeAddress(network, address, judge); err != nil {
			return err
		}
		if g.Control != nil {
			return g.Control(ctx, network, address, raw)
		}
		return nil
	}
}

func (g *Guard) judgeAddress(network, address string, judge Permit) error {
	if network == "unix" {
		return g.admitSocket(address)
	}
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s is not an address", failure.ErrDenied, text.Quote(address))
	}
	return judge(addr)
}

// AllowsSocket reports whether a rule under allow has this path.
func (g *Guard) AllowsSocket(socket string) bool {
	return slices.ContainsFunc(g.policy.Allow, func(r Rule) bool { return r.Unix.matches(socket) }) && path.Clean(socket) == socket
}
