package prober

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"slices"
	"syscall"
)

// ErrDenied is what the policy does not let anybody probe.
var ErrDenied = errors.New("the probe policy denies it")

// guard makes every connection that a probe causes, and decides whether it may
// be made: on the very address that is dialled, after names are resolved, so
// that no name can lead where its owner was not meant to send us.
type guard struct {
	policy   Policy
	process  *Process   // which nobody may have probed
	template net.Dialer // what all connections have in common
}

func newGuard(policy Policy, process *Process) *guard {
	g := &guard{policy: policy, process: process}
	g.template = net.Dialer{KeepAlive: -1, Resolver: newSystemResolver(g, false)} // a probe is too short for keep-alives
	return g
}

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

// farEnd is where a connection goes, as far as that is known.
type farEnd struct {
	host      string     // the name that was asked for
	addr      netip.Addr // invalid: not known yet
	port      uint16
	elsewhere bool // the caller set the address, and the name has nothing to do with it
}

// farEnd is where a probe of the target goes, as far as the target says.
func (t *Target) farEnd() farEnd {
	e := farEnd{host: t.Host, addr: t.IP(), port: t.Port, elsewhere: t.Address.IsValid()}
	if e.elsewhere {
		e.addr, e.port = t.Address.Addr(), cmp.Or(t.Address.Port(), t.Port)
	}
	return e
}

// at is the far end, at the address that it turned out to have.
func (e farEnd) at(addr netip.AddrPort) farEnd {
	e.addr, e.port = addr.Addr(), addr.Port()
	return e
}

// admit says why the target may not be probed, as far as that can be told
// without resolving its name; nil: nothing is known against it.
func (g *guard) admit(t *Target) error {
	if t.Path != "" {
		return g.admitSocket(t.Path)
	}
	return g.judge(t.farEnd())
}

func (g *guard) admitSocket(socket string) error {
	if slices.ContainsFunc(g.policy.Deny, func(r Rule) bool { return r.Unix.matches(socket) }) {
		return fmt.Errorf("%w: a rule under deny is about this Unix socket", ErrDenied)
	}
	return nil
}

// judge says why there may be no connection to this end.
func (g *guard) judge(e farEnd) error {
	if slices.ContainsFunc(g.policy.Deny, func(r Rule) bool { return r.matches(e, false) }) {
		return fmt.Errorf("%w: a rule under deny is about %s", ErrDenied, e)
	}
	if err := g.deniedUnasked(e); err != nil {
		return err
	}
	if g.policy.limitsNetwork() && !slices.ContainsFunc(g.policy.Allow, func(r Rule) bool { return r.allows(e) }) {
		return fmt.Errorf("%w: no rule under allow is about %s", ErrDenied, e)
	}
	return nil
}

func (e farEnd) String() string {
	if e.addr.IsValid() {
		return netip.AddrPortFrom(e.addr, e.port).String()
	}
	return fmt.Sprintf("%s port %d", e.host, e.port)
}

// deniedUnasked is what is denied without a rule that says so. A rule under
// allow lifts it if its block lies within what is denied, and for an address of
// the exporter's own if it names that port: a rule for all addresses, or for a
// name, was not written with these in mind.
func (g *guard) deniedUnasked(e farEnd) error {
	for _, addr := range readings(e.addr) {
		for _, d := range denials {
			meant := func(r Rule) bool { return r.CIDR.within(d.block) && r.allows(e) }
			if d.block.Contains(addr) && !slices.ContainsFunc(g.policy.Allow, meant) {
				return fmt.Errorf("%w: %s is %s", ErrDenied, addr, d.what)
			}
		}
		meant := func(r Rule) bool { return r.CIDR != CIDR{} && r.Port == Ports{e.port, e.port} && r.allows(e) }
		if g.process.listensAt(netip.AddrPortFrom(addr, e.port)) && !slices.ContainsFunc(g.policy.Allow, meant) {
			return fmt.Errorf("%w: %s is the exporter itself", ErrDenied, e)
		}
	}
	return nil
}

// translated is the block by which networks of IPv6 alone reach IPv4 (RFC 6052
// section 2.1): its last four bytes are the address that is really meant.
var translated = netip.MustParsePrefix("64:ff9b::/96")

// readings are the addresses that an address is for a rule: itself without a
// zone, which no block has, and the IPv4 address that it may stand for.
func readings(addr netip.Addr) []netip.Addr {
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

// verdict says why a connection to addr may not be made.
type verdict func(addr netip.AddrPort) error

// ofTarget holds the whole policy against every address of a target.
func (g *guard) ofTarget(t *Target) verdict {
	e := t.farEnd()
	return func(addr netip.AddrPort) error { return g.judge(e.at(addr)) }
}

// ofOwner is for what the owner named and no caller chooses: proxies and DNS
// servers. Rules are about who may be probed, and nobody means to lose a proxy
// by them; nor is an address that the owner wrote down questioned. A name may
// come to lead elsewhere, and what is denied without a rule is denied there too.
func (g *guard) ofOwner(address string) verdict {
	if _, err := netip.ParseAddrPort(address); err == nil {
		return func(netip.AddrPort) error { return nil }
	}
	unruled := &guard{process: g.process}
	return func(addr netip.AddrPort) error {
		return unruled.deniedUnasked(farEnd{addr: addr.Addr(), port: addr.Port()})
	}
}

// dial is the one place where the prober opens connections. The verdict is on
// the address that the socket is about to connect to: the one that is given or,
// of a name, each that it leads to. A Unix socket has none; it is judged by its path.
func (g *guard) dial(ctx context.Context, network, address string, source net.Addr, judge verdict) (net.Conn, error) {
	addr, err := netip.ParseAddrPort(address)
	if err == nil {
		if err := judge(addr); err != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(addr), Err: err}
		}
		if source == nil {
			return g.template.DialContext(ctx, network, address)
		}
	}
	dialer := g.template
	dialer.LocalAddr = source
	if err != nil {
		dialer.ControlContext = g.asking(judge)
	}
	return dialer.DialContext(ctx, network, address)
}

// asking asks for a verdict on each address that a dialer is about to connect to.
func (g *guard) asking(judge verdict) func(context.Context, string, string, syscall.RawConn) error {
	return func(ctx context.Context, network, address string, raw syscall.RawConn) error {
		if err := g.judgeDialled(network, address, judge); err != nil {
			return err
		}
		if g.template.ControlContext != nil {
			return g.template.ControlContext(ctx, network, address, raw)
		}
		return nil
	}
}

func (g *guard) judgeDialled(network, address string, judge verdict) error {
	if network == "unix" {
		return g.admitSocket(address)
	}
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s is not an address", ErrDenied, quote(address))
	}
	return judge(addr)
}

// Permit says why a request may not have this target probed by this module; nil:
// it may, as far as can be told without resolving a name.
func (c *Config) Permit(module string, t Target) error {
	configured := c.lists(module, t)
	if c.guard.policy.ConfiguredOnly && !configured {
		return fmt.Errorf("%w: only what the configuration lists may be probed, as it is listed", ErrDenied)
	}
	if t.Path != "" && !configured && !c.guard.allowsSocket(t.Path) {
		return fmt.Errorf("%w: a Unix socket has to be listed in the configuration, or allowed by a rule with its path", ErrDenied)
	}
	return c.guard.admit(&t)
}

func (g *guard) allowsSocket(socket string) bool {
	return slices.ContainsFunc(g.policy.Allow, func(r Rule) bool { return r.Unix.matches(socket) }) && path.Clean(socket) == socket
}

// lists tells whether the file has this target under this module, and the
// request changes nothing about it.
func (c *Config) lists(module string, t Target) bool {
	asked := t
	asked.ServerName, asked.Address = "", netip.AddrPort{}
	if t.Address.IsValid() && (t.Address.Addr() != t.IP() || cmp.Or(t.Address.Port(), t.Port) != t.Port) {
		return false
	}
	if p := c.Probers[module]; t.ServerName != "" && (p == nil || t.ServerName != cmp.Or(string(p.module.ServerName), asked.name())) {
		return false
	}
	_, listed := c.listed[listing{module, asked}]
	return listed
}

// listing is a target of the file and the module that it is probed by.
type listing struct {
	module string
	target Target
}
