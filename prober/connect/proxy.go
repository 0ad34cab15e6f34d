package connect

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/option"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/target"
)

// ProxyURL is a proxy: what it speaks, where it is, and who to be there. The
// zero value is none. However it is printed, user and password are not.
type ProxyURL struct {
	Scheme         string // http or https: CONNECT; socks5, where the exporter resolves, or socks5h, where the proxy does
	Address        target.HostPort
	User, Password option.Secret // the first is empty where none is asked for
}

// proxyPorts are the schemes of a proxy's URL and the ports that go without
// saying, as net/http and curl have them.
var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// UnmarshalText takes scheme://[user:password@]host[:port]. What is wrong is
// said without repeating any of it, for there may be a password in it.
func (u *ProxyURL) UnmarshalText(value []byte) error {
	parsed, err := url.Parse(string(value))
	if err != nil {
		return errors.New("is not a URL; write http://proxy.example.com:3128, with %40 for an @ in a password")
	}
	port, known := proxyPorts[parsed.Scheme]
	if !known {
		return errors.New("a proxy's URL begins with http://, https://, socks5:// or socks5h://")
	}
	if strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.Fragment != "" {
		return errors.New("a proxy's URL has no path, query or fragment")
	}
	var address target.HostPort
	if err := address.UnmarshalText([]byte(net.JoinHostPort(parsed.Hostname(), cmp.Or(parsed.Port(), port)))); err != nil {
		return errors.New("a proxy's URL names a host and, after a colon, a port from 1 to 65535")
	}
	user := parsed.User.Username()
	password, _ := parsed.User.Password()
	if max(len(user), len(password)) > 255 && strings.HasPrefix(parsed.Scheme, "socks") {
		return errors.New("SOCKS has room for 255 bytes of a user and as many of a password (RFC 1929)")
	}
	*u = ProxyURL{Scheme: parsed.Scheme, Address: address, User: option.NewSecret(user), Password: option.NewSecret(password)}
	return nil
}

// String is the URL, with <secret> for user and password.
func (u ProxyURL) String() string {
	if u == (ProxyURL{}) {
		return ""
	}
	user := ""
	if u.User.Reveal() != "" {
		user = u.User.String() + "@"
	}
	return u.Scheme + "://" + user + string(u.Address)
}

// resolves tells whether the proxy finds the target's addresses.
func (u ProxyURL) resolves() bool { return u.Scheme != "socks5" }

// proxyFor is the proxy to a target; nil: none.
type proxyFor func(*target.Target) *ProxyURL

// newProxyFor is the proxy of the options for every target, or that of the
// environment (HTTPS_PROXY, except for hosts in NO_PROXY), or none.
func newProxyFor(o *Options) (proxyFor, error) {
	environment := httpproxy.FromEnvironment()
	switch {
	case o.ProxyURL != (ProxyURL{}):
		u := o.ProxyURL
		return func(*target.Target) *ProxyURL { return &u }, nil
	case !o.ProxyFromEnvironment || environment.HTTPSProxy == "":
		return func(*target.Target) *ProxyURL { return nil }, nil
	}
	written := environment.HTTPSProxy
	if !strings.Contains(written, "://") {
		written = "http://" + written // as curl and net/http read it
	}
	var u ProxyURL
	if err := u.UnmarshalText([]byte(written)); err != nil {
		return nil, fmt.Errorf("proxy_from_environment: HTTPS_PROXY: %w", err)
	}
	choose := environment.ProxyFunc()
	return func(t *target.Target) *ProxyURL {
		if chosen, err := choose(&url.URL{Scheme: "https", Host: t.HostPort()}); err != nil || chosen == nil {
			return nil
		}
		return &u
	}, nil
}

// proxy is the proxy to a target; nil: none. No proxy carries what goes to a Unix
// socket of this machine, or over another transport than TCP.
func (r *Route) proxy(t *target.Target) *ProxyURL {
	if t.Path != "" || t.Scheme.OverQUIC() {
		return nil
	}
	return r.proxyFor(t)
}

// leaveToProxy tells whether the proxy resolves the target: where it can, and no
// option or rule needs the addresses here.
func (r *Route) leaveToProxy(via *ProxyURL, t *target.Target) bool {
	return via != nil && via.resolves() && !t.Literal() &&
		r.options.Resolver == "" && r.options.IPProtocol == resolve.AnyIP && !r.every && !r.guard.Policy().LimitsAddresses()
}

// tunnelled connects to the target through a proxy. A proxy that cannot be
// reached is a failure of its own, and says nothing of the target's port.
func (r *Route) tunnelled(ctx context.Context, trace *failure.Trace, via *ProxyURL, t *target.Target, addrs []netip.AddrPort) (*Conn, bool) {
	opened := &Conn{Proxy: via.String()}
	if err := r.admitProxied(t, addrs); err != nil {
		_, ok := failure.Step(trace, failure.PhaseConnect, func() (net.Conn, error) { return nil, err })
		return opened, ok
	}
	conn, ok := failure.Step(trace, failure.PhaseConnect, func() (net.Conn, error) {
		conn, err := r.guard.Dial(ctx, "tcp", string(via.Address), r.source, r.guard.OfOwner(string(via.Address)))
		if err != nil {
			return nil, fmt.Errorf("proxy %s: %w", via, err)
		}
		return guard.Bind(ctx, conn)
	})
	if !ok {
		trace.Reassign(failure.PhaseProxy)
		return opened, false
	}
	destination := t.HostPort()
	if len(addrs) > 0 {
		destination = addrs[0].String()
	}
	tunnel, ok := failure.Step(trace, failure.PhaseProxy, func() (net.Conn, error) { return r.tunnel(ctx, conn, via, destination) })
	if !ok {
		conn.Close()
		return opened, false
	}
	opened.Conn, opened.Connected = tunnel, true
	if len(addrs) > 0 {
		opened.Remote = addrs[0]
	}
	return opened, true
}

// admitProxied holds the policy against a target to which the proxy, and not the
// guard, connects: against the address that the proxy is told, or against the
// name, where no rule is about addresses.
func (r *Route) admitProxied(t *target.Target, addrs []netip.AddrPort) error {
	if len(addrs) == 0 {
		return r.guard.Admit(t)
	}
	return r.guard.OfTarget(t)(addrs[0])
}

// tunnel has the proxy at the other end of conn connect to host:port.
func (r *Route) tunnel(ctx context.Context, conn net.Conn, via *ProxyURL, destination string) (net.Conn, error) {
	var err error
	switch via.Scheme {
	case "https":
		secure := tls.Client(conn, r.proxyTLS(via))
		if err = secure.HandshakeContext(ctx); err == nil {
			conn, err = secure, connectHTTP(secure, via, destination)
		} else if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
			err = failure.With(failure.ReasonProxyUntrusted, err)
		}
	case "http":
		err = connectHTTP(conn, via, destination)
	default:
		err = connectSOCKS(ctx, conn, via, destination)
	}
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", via, err)
	}
	return conn, nil
}

// proxyTLS is the configuration of TLS with the proxy itself. The proxy gets the
// password, so here the certificate is verified before anything is sent.
func (r *Route) proxyTLS(via *ProxyURL) *tls.Config {
	host, _, _ := net.SplitHostPort(string(via.Address))
	return &tls.Config{ServerName: strings.TrimSuffix(host, "."), RootCAs: r.trusted, NextProtos: []string{"http/1.1"}}
}
