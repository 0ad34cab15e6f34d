// Package connect opens the route to a target, up to where the next byte to send is a
// ClientHello: resolve, dial, proxy, PROXY protocol header, STARTTLS.
package connect

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/starttls"
	"tls_exporter/prober/target"
)

// Options say how targets are reached.
type Options struct {
	// IPProtocol is the address family that may be dialled.
	IPProtocol resolve.Family `yaml:"ip_protocol"`
	// Resolver is the DNS server to ask, host:port; empty: as the system does.
	Resolver target.HostPort `yaml:"resolver"`
	// SourceAddress is the address to connect from; empty: the system chooses.
	SourceAddress target.IPAddress `yaml:"source_address"`
	// ProxyURL is the proxy to every target; empty: none.
	ProxyURL ProxyURL `yaml:"proxy_url"`
	// ProxyFromEnvironment uses the proxy that HTTPS_PROXY and NO_PROXY name.
	ProxyFromEnvironment bool `yaml:"proxy_from_environment"`
	// ProxyProtocol is the header that a connection begins with; empty: none.
	ProxyProtocol ProxyProtocol `yaml:"proxy_protocol"`
	// StartTLSName is the client's name in a dialogue before TLS, where the
	// protocol asks for one; empty: a reserved name (RFC 6761 section 6.4).
	StartTLSName target.ServerName `yaml:"starttls_name"`
}

// Validate finds options that contradict each other. An error begins with the
// option's key.
func (o *Options) Validate() error {
	if o.ProxyURL != (ProxyURL{}) && o.ProxyFromEnvironment {
		return errors.New("proxy_from_environment: proxy_url names a proxy already; keep one of the two")
	}
	if source, err := netip.ParseAddr(string(o.SourceAddress)); err == nil && !o.IPProtocol.Allows(source) {
		return fmt.Errorf("source_address %s is not of the family %s", strconv.Quote(string(o.SourceAddress)), o.IPProtocol)
	}
	return nil
}

// family is IPProtocol, or what SourceAddress leaves of it: no address of the
// other family can be dialled from there, unless a proxy dials.
func (o *Options) family() resolve.Family {
	source, err := netip.ParseAddr(string(o.SourceAddress))
	if err != nil || o.IPProtocol != resolve.AnyIP || o.ProxyURL != (ProxyURL{}) || o.ProxyFromEnvironment {
		return o.IPProtocol
	}
	return resolve.FamilyOf(source)
}

// Route opens connections to targets, up to where the next byte is a
// ClientHello. It is safe for concurrent use.
type Route struct {
	options  Options
	family   resolve.Family // of the addresses that may be dialled
	resolver *resolve.Resolver
	guard    *guard.Guard
	proxyFor proxyFor
	trusted  *x509.CertPool // for an https proxy
	source   net.Addr       // where connections come from; nil: the system chooses
	every    bool           // every address of a name is wanted
}

// New makes a route for options that are valid. Trusted are the roots for
// the certificate of an https proxy. With every, all addresses of a name are
// wanted, and a name that resolves in part fails.
func New(o Options, g *guard.Guard, trusted *x509.CertPool, every bool) (*Route, error) {
	proxyFor, err := newProxyFor(&o)
	if err != nil {
		return nil, err
	}
	r := &Route{options: o, family: o.family(), guard: g, proxyFor: proxyFor, trusted: trusted, every: every}
	r.resolver = resolve.New(g, string(o.Resolver), r.family, every)
	if source, err := netip.ParseAddr(string(o.SourceAddress)); err == nil {
		r.source = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
	}
	return r, nil
}

// Location is where a target may be dialled.
type Location struct {
	Resolved []netip.Addr     // what the name resolved to, at most MaxAddresses; nil: it was not resolved
	Addrs    []netip.AddrPort // in the order to try; empty: a Unix socket, or the proxy resolves
}

// Locate finds where the target may be dialled. It reports whether it succeeded;
// the trace has the failure.
func (r *Route) Locate(ctx context.Context, trace *failure.Trace, t *target.Target) (Location, bool) {
	if t.Path != "" || r.leaveToProxy(r.proxy(t), t) {
		return Location{}, true
	}
	var at Location
	var resolved []netip.Addr
	if !t.Literal() {
		var ok bool
		if resolved, ok = failure.Step(trace, failure.PhaseResolve, func() ([]netip.Addr, error) { return r.resolver.Resolve(ctx, t.Host) }); !ok {
			return at, false
		}
		at.Resolved = resolved[:min(len(resolved), resolve.MaxAddresses)]
	}
	var err error
	if at.Addrs, err = r.candidates(t, resolved); err != nil {
		trace.Fail(failure.PhaseResolve, err)
	}
	return at, err == nil
}

// candidates is where a probe may connect, in the order to try: the address
// that the caller set, the address that the target is, or what its name
// resolved to, alternating between the families (RFC 8305 section 4).
func (r *Route) candidates(t *target.Target, resolved []netip.Addr) ([]netip.AddrPort, error) {
	addrs, port := resolved, t.Port
	if t.Address.IsValid() {
		addrs = []netip.Addr{t.Address.Addr()}
		if t.Address.Port() != 0 {
			port = t.Address.Port()
		}
	} else if ip := t.IP(); ip.IsValid() {
		addrs = []netip.Addr{ip}
	}
	var all []netip.AddrPort
	for _, addr := range interleave(addrs) {
		if r.family.Allows(addr) {
			all = append(all, netip.AddrPortFrom(addr, port))
		}
	}
	if len(all) == 0 {
		return nil, resolve.NoAddress(t.Host, r.family)
	}
	return all, nil
}

// Conn is a connection to a target, and what opening it showed. That is there
// also where opening failed. It is passed by reference, to keep the stack of a probe
// that waits within 8 kB (docs/scaling.md).
type Conn struct {
	net.Conn                 // nil: opening failed
	Connected bool           // the port, or the Unix socket, answered
	Remote    netip.AddrPort // the address that answered; invalid: none did, or it has none that is known
	Proxy     string         // on the way to the target, without its password; empty: none
}

// Open connects to the target at the first of addrs that answers, through its
// proxy and with PROXY protocol header and STARTTLS, where there are such: the
// next byte to send is a ClientHello. The connection ends with ctx. Open reports
// whether it succeeded; the trace has the failure.
func (r *Route) Open(ctx context.Context, trace *failure.Trace, t *target.Target, addrs []netip.AddrPort) (*Conn, bool) {
	conn, ok := r.reach(ctx, trace, t, addrs)
	if !ok || !t.Scheme.StartsInClear() {
		return conn, ok
	}
	started, ok := failure.Step(trace, failure.PhaseStartTLS, func() (net.Conn, error) {
		return starttls.Start(conn.Conn, t, string(r.options.StartTLSName))
	})
	if !ok {
		conn.Conn.Close()
	}
	conn.Conn = started
	return conn, ok
}

// reach connects to the target, through its proxy if it has one.
func (r *Route) reach(ctx context.Context, trace *failure.Trace, t *target.Target, addrs []netip.AddrPort) (*Conn, bool) {
	var conn *Conn
	var ok bool
	if via := r.proxy(t); via != nil {
		conn, ok = r.tunnelled(ctx, trace, via, t, addrs)
	} else {
		conn, ok = r.direct(ctx, trace, t, addrs)
	}
	if !ok {
		return conn, false
	}
	if header := r.proxyHeader(conn); header != nil {
		if _, err := conn.Write(header); err != nil {
			trace.Fail(failure.PhaseConnect, err)
			conn.Conn.Close()
			return conn, false
		}
	}
	return conn, true
}

func (r *Route) direct(ctx context.Context, trace *failure.Trace, t *target.Target, addrs []netip.AddrPort) (*Conn, bool) {
	opened, ok := failure.Step(trace, failure.PhaseConnect, func() (net.Conn, error) { return r.connect(ctx, t, addrs) })
	if !ok {
		return new(Conn), false
	}
	return &Conn{Conn: opened, Connected: true, Remote: addrPort(opened.RemoteAddr())}, true
}

// proxyHeader is the PROXY protocol header that a connection begins with; nil:
// none. The source of a connection to a proxy is not the one that the server sees.
func (r *Route) proxyHeader(conn *Conn) []byte {
	var source netip.AddrPort
	if conn.Proxy == "" {
		source = addrPort(conn.LocalAddr())
	}
	return r.options.ProxyProtocol.header(source, conn.Remote)
}

// addrPort is one end of a TCP connection; invalid for another kind of address.
func addrPort(end net.Addr) netip.AddrPort {
	if addr, ok := end.(*net.TCPAddr); ok {
		ap := addr.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// connect opens a connection to the target's socket, or to the first of the
// addresses to answer. It fails with the errors of all.
func (r *Route) connect(ctx context.Context, t *target.Target, addrs []netip.AddrPort) (net.Conn, error) {
	if t.Scheme.OverQUIC() {
		return nil, failure.New(failure.ReasonInternal, "%s runs over QUIC, which is not supported by this version of tls_exporter", t.Scheme)
	}
	var conn net.Conn
	var err error
	switch {
	case t.Path != "":
		conn, err = r.guard.Dial(ctx, "unix", t.Path, nil, nil)
	case len(addrs) == 1:
		conn, err = r.dial(ctx, t, addrs[0])
	default:
		conn, err = r.race(ctx, t, addrs)
	}
	if err != nil {
		return nil, err
	}
	return guard.Bind(ctx, conn)
}

func (r *Route) dial(ctx context.Context, t *target.Target, addr netip.AddrPort) (net.Conn, error) {
	return r.guard.Dial(ctx, "tcp", addr.String(), r.source, r.guard.OfTarget(t))
}
