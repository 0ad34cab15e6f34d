// Package connect opens connections to targets: resolve, dial, proxy, PROXY protocol
// header, STARTTLS. The next byte to send on such a connection is a ClientHello.
package connect

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/option"
	"tls_exporter/prober/records"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/starttls"
	"tls_exporter/prober/target"
)

// Options are the settings for connections to targets.
type Options struct {
	// IPProtocol is the address family that may be dialled.
	IPProtocol resolve.Family `yaml:"ip_protocol"`
	// Resolver is the DNS server to ask, host:port; empty: the system's resolver.
	Resolver target.HostPort `yaml:"resolver"`
	// ResolverTrusted says that nobody can change the resolver's answers on their way:
	// the AD bit in them counts. That of a resolver on loopback always does.
	ResolverTrusted bool `yaml:"resolver_trusted"`
	// SourceAddress is the address to connect from; empty: the system chooses.
	SourceAddress target.IPAddress `yaml:"source_address"`
	// ProxyURL is the proxy to every target; empty: none.
	ProxyURL ProxyURL `yaml:"proxy_url"`
	// ProxyURLFile is a file with the URL of the proxy, instead of ProxyURL; empty: none.
	ProxyURLFile string `yaml:"proxy_url_file"`
	// ProxyFromEnvironment uses the proxy of HTTPS_PROXY, except for the hosts of
	// NO_PROXY.
	ProxyFromEnvironment bool `yaml:"proxy_from_environment"`
	// ProxyProtocol is the version of the header that is sent first; empty: no header.
	ProxyProtocol ProxyProtocol `yaml:"proxy_protocol"`
	// StartTLSName is the client's name in STARTTLS dialogues, where the protocol
	// has one; empty: a reserved name (RFC 6761 section 6.4).
	StartTLSName target.ServerName `yaml:"starttls_name"`
}

// Validate returns an error for options that contradict each other. Its message
// begins with the option's key.
func (o *Options) Validate() error {
	switch own := o.ProxyURL != (ProxyURL{}); {
	case own && o.ProxyURLFile != "":
		return errors.New("proxy_url_file: proxy_url names a proxy already; keep one of the two")
	case own && o.ProxyFromEnvironment:
		return errors.New("proxy_from_environment: proxy_url names a proxy already; keep one of the two")
	case o.ProxyURLFile != "" && o.ProxyFromEnvironment:
		return errors.New("proxy_from_environment: proxy_url_file names a proxy already; keep one of the two")
	}
	if source, err := netip.ParseAddr(string(o.SourceAddress)); err == nil && !o.IPProtocol.Allows(source) {
		return fmt.Errorf("source_address %s is not of the family %s", strconv.Quote(string(o.SourceAddress)), o.IPProtocol)
	}
	return nil
}

// Load returns the options with the content of the file that they name, instead of its
// name. An error begins with the key of the option, and has neither the name of the file
// nor its content.
func (o Options) Load() (Options, error) {
	if o.ProxyURLFile == "" {
		return o, nil
	}
	content, err := option.ReadSecretFile(o.ProxyURLFile)
	if err == nil {
		err = o.ProxyURL.UnmarshalText(bytes.TrimSpace(content))
	}
	if err != nil {
		return o, fmt.Errorf("proxy_url_file: %w", err)
	}
	o.ProxyURLFile = ""
	return o, nil
}

// family is IPProtocol, limited to the family of SourceAddress: from there, no
// address of the other family can be dialled. A proxy can dial both families.
func (o *Options) family() resolve.Family {
	source, err := netip.ParseAddr(string(o.SourceAddress))
	if err != nil || o.IPProtocol != resolve.AnyIP || o.ProxyURL != (ProxyURL{}) || o.ProxyFromEnvironment {
		return o.IPProtocol
	}
	return resolve.FamilyOf(source)
}

// Route resolves targets and opens connections to them. It is safe for concurrent
// use.
type Route struct {
	options  Options
	family   resolve.Family // of the addresses that may be dialled
	resolver *resolve.Resolver
	records  *records.Client
	guard    *guard.Guard
	proxyFor proxyFor
	trusted  *x509.CertPool // for an https proxy
	source   net.Addr       // nil: the system chooses
	all      bool           // every address of a name is needed
}

// New makes a route. The options must be valid (Validate) and loaded (Load). Trusted are the roots for
// the certificate of an https proxy; nil: the system's. With all, every address of a
// name is needed: a name fails if the query for one of the families fails. New fails
// where the environment's proxy is not valid.
func New(o Options, g *guard.Guard, trusted *x509.CertPool, all bool) (*Route, error) {
	proxyFor, err := newProxyFor(&o)
	if err != nil {
		return nil, err
	}
	r := &Route{options: o, family: o.family(), guard: g, proxyFor: proxyFor, trusted: trusted, all: all}
	r.records = records.New(g, string(o.Resolver), o.ResolverTrusted)
	r.resolver = resolve.New(g, string(o.Resolver), r.family, all)
	if source, err := netip.ParseAddr(string(o.SourceAddress)); err == nil {
		r.source = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
	}
	return r, nil
}

// Records is a client of the same DNS servers, for records other than addresses.
func (r *Route) Records() *records.Client { return r.records }

// Roots are the trusted roots; nil: those of the system.
func (r *Route) Roots() *x509.CertPool { return r.trusted }

// Location is the addresses of a target.
type Location struct {
	Resolved []netip.Addr     // the addresses of the name, at most resolve.MaxAddresses; nil: it was not resolved
	Addrs    []netip.AddrPort // the addresses to dial, in this order; empty: a Unix socket, or the proxy resolves
}

// Locate finds the addresses to dial, and resolves the target's name if it has to. It
// reports whether it succeeded; if not, the trace has the failure.
func (r *Route) Locate(ctx context.Context, trace *failure.Trace, t *target.Target) (Location, bool) {
	if t.Path != "" || r.proxyResolves(r.proxy(t), t) {
		return Location{}, true
	}
	var location Location
	var resolved []netip.Addr
	if !t.Literal() {
		var ok bool
		if resolved, ok = failure.Step(trace, failure.PhaseResolve, func() ([]netip.Addr, error) { return r.resolver.Resolve(ctx, t.Host) }); !ok {
			return location, false
		}
		location.Resolved = resolved[:min(len(resolved), resolve.MaxAddresses)]
	}
	var err error
	if location.Addrs, err = r.candidates(t, resolved); err != nil {
		trace.Fail(failure.PhaseResolve, err)
	}
	return location, err == nil
}

// candidates is the addresses to dial, in this order: the address that the caller
// set, the target's own where it is an address, or those of its name, alternating
// between the families (RFC 8305 section 4).
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
	var allowed []netip.AddrPort
	for _, addr := range interleave(addrs) {
		if r.family.Allows(addr) {
			allowed = append(allowed, netip.AddrPortFrom(addr, port))
		}
	}
	if len(allowed) == 0 {
		return nil, resolve.NoAddress(t.Host, r.family)
	}
	return allowed, nil
}

// Conn is a connection to a target. Where opening it failed, Conn (the embedded
// field) is nil, and the other fields have what was learned until then.
type Conn struct {
	net.Conn
	Connected bool           // the port, or the Unix socket, accepted the connection
	Remote    netip.AddrPort // the address that accepted; invalid: none did, or it is not known
	Proxy     string         // the URL of the proxy, without its password; empty: no proxy
}

// Open connects to the first of addrs that answers, through the target's proxy if it
// has one, sends the PROXY protocol header and holds the STARTTLS dialogue, where
// there are such. The next byte to send is a ClientHello. The connection ends with
// ctx, which needs a deadline. Open reports whether it succeeded; if not, the trace
// has the failure.
func (r *Route) Open(ctx context.Context, trace *failure.Trace, t *target.Target, addrs []netip.AddrPort) (*Conn, bool) {
	conn := new(Conn)
	ok := r.connect(ctx, trace, conn, t, addrs)
	if ok && t.Scheme.StartTLS() {
		ok = r.startTLS(trace, conn, t)
	}
	return conn, ok
}

// startTLS holds the dialogue before TLS.
func (r *Route) startTLS(trace *failure.Trace, conn *Conn, t *target.Target) bool {
	started, ok := failure.Step(trace, failure.PhaseStartTLS, func() (net.Conn, error) {
		return starttls.Start(conn.Conn, t, string(r.options.StartTLSName))
	})
	if !ok {
		conn.Conn.Close()
	}
	conn.Conn = started
	return ok
}

// connect opens what the target's protocol runs over: a connection, through the
// proxy if there is one, after the PROXY protocol header. It fills conn instead of
// returning values: thousands of probes may wait here, and each frame of the stack
// is multiplied by them.
func (r *Route) connect(ctx context.Context, trace *failure.Trace, conn *Conn, t *target.Target, addrs []netip.AddrPort) bool {
	var ok bool
	if via := r.proxy(t); via != nil {
		ok = r.connectThroughProxy(ctx, trace, conn, via, t, addrs)
	} else {
		ok = r.connectDirectly(ctx, trace, conn, t, addrs)
	}
	return ok && r.writeProxyHeader(trace, conn)
}

func (r *Route) connectDirectly(ctx context.Context, trace *failure.Trace, conn *Conn, t *target.Target, addrs []netip.AddrPort) bool {
	opened, ok := failure.Step(trace, failure.PhaseConnect, func() (net.Conn, error) { return r.dial(ctx, t, addrs) })
	if ok {
		conn.Conn, conn.Connected, conn.Remote = opened, true, addrPort(opened.RemoteAddr())
	}
	return ok
}

// writeProxyHeader sends the PROXY protocol header, if the options have one. With
// a proxy the source is unknown: the server sees a connection from the proxy.
func (r *Route) writeProxyHeader(trace *failure.Trace, conn *Conn) bool {
	var source netip.AddrPort
	if conn.Proxy == "" {
		source = addrPort(conn.LocalAddr())
	}
	err := r.options.ProxyProtocol.writeHeader(conn, source, conn.Remote)
	if err != nil {
		trace.Fail(failure.PhaseConnect, err)
		conn.Conn.Close()
	}
	return err == nil
}

// addrPort is the address of one end of a TCP connection; invalid for another kind of
// connection.
func addrPort(addr net.Addr) netip.AddrPort {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// dial opens a connection to the target's Unix socket, or to the first of the
// addresses that answers. It fails with the errors of all addresses.
func (r *Route) dial(ctx context.Context, t *target.Target, addrs []netip.AddrPort) (net.Conn, error) {
	var conn net.Conn
	var err error
	switch {
	case t.Path != "":
		conn, err = r.guard.Dial(ctx, "unix", t.Path, nil, nil)
	case len(addrs) == 1:
		conn, err = r.dialAddress(ctx, t, addrs[0])
	default:
		conn, err = r.race(ctx, t, addrs)
	}
	if err != nil {
		return nil, err
	}
	return guard.Bind(ctx, conn)
}

func (r *Route) dialAddress(ctx context.Context, t *target.Target, addr netip.AddrPort) (net.Conn, error) {
	return r.guard.Dial(ctx, "tcp", addr.String(), r.source, r.guard.ForTarget(t))
}
