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

// ProxyURL is the URL of a proxy. The zero value is no proxy. No format prints user
// and password.
type ProxyURL struct {
	Scheme         string // http or https: CONNECT; socks5: the exporter resolves; socks5h: the proxy resolves
	Address        target.HostPort
	User, Password option.Secret // without a user, no credentials are sent
}

// proxyPorts are the schemes of a proxy's URL, and their default ports as in net/http
// and curl.
var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// UnmarshalText accepts scheme://[user:password@]host[:port]. Its errors quote nothing
// of the value, because it may contain a password.
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

// Secret marks a value that may hold a password.
func (*ProxyURL) Secret() {}

// String is the URL, with <secret> in place of user and password.
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

// proxyFor returns the proxy for a target; nil: none.
type proxyFor func(*target.Target) *ProxyURL

// newProxyFor chooses the proxy of the options, that of the environment (HTTPS_PROXY,
// except for the hosts of NO_PROXY), or none.
func newProxyFor(o *Options) (proxyFor, error) {
	environment := httpproxy.FromEnvironment()
	switch {
	case o.ProxyURL != (ProxyURL{}):
		u := o.ProxyURL
		return func(*target.Target) *ProxyURL { return &u }, nil
	case !o.ProxyFromEnvironment || environment.HTTPSProxy == "":
		return func(*target.Target) *ProxyURL { return nil }, nil
	}
	value := environment.HTTPSProxy
	if !strings.Contains(value, "://") {
		value = "http://" + value // as curl and net/http read it
	}
	var u ProxyURL
	if err := u.UnmarshalText([]byte(value)); err != nil {
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

// proxy is the proxy for a target; nil: none. Unix sockets are reached without one.
func (r *Route) proxy(t *target.Target) *ProxyURL {
	if t.Path != "" {
		return nil
	}
	return r.proxyFor(t)
}

// proxyResolves tells whether the proxy resolves the target's name: it can, and no
// option and no rule of the access policy needs the addresses here.
func (r *Route) proxyResolves(via *ProxyURL, t *target.Target) bool {
	return via != nil && via.resolves() && !t.Literal() &&
		r.options.Resolver == "" && r.options.IPProtocol == resolve.AnyIP && !r.all && !r.guard.Policy().LimitsAddresses()
}

// connectThroughProxy connects to the target through a proxy. If the proxy cannot be
// reached, the failure is in the phase proxy: it says nothing about the target's port.
func (r *Route) connectThroughProxy(ctx context.Context, trace *failure.Trace, opened *Conn, via *ProxyURL, t *target.Target, addrs []netip.AddrPort) bool {
	opened.Proxy = via.String()
	if err := r.admitProxied(t, addrs); err != nil {
		_, ok := failure.Step(trace, failure.PhaseConnect, func() (net.Conn, error) { return nil, err })
		return ok
	}
	conn, ok := failure.Step(trace, failure.PhaseConnect, func() (net.Conn, error) {
		conn, err := r.guard.Dial(ctx, "tcp", string(via.Address), r.source, r.guard.ForConfigured(string(via.Address)))
		if err != nil {
			return nil, fmt.Errorf("proxy %s: %w", via, err)
		}
		return guard.Bind(ctx, conn)
	})
	if !ok {
		trace.Reassign(failure.PhaseProxy)
		return false
	}
	destination := t.HostPort()
	if len(addrs) > 0 {
		destination = addrs[0].String()
	}
	tunnel, ok := failure.Step(trace, failure.PhaseProxy, func() (net.Conn, error) { return r.tunnel(ctx, conn, via, destination) })
	if !ok {
		conn.Close()
		return false
	}
	opened.Conn, opened.Connected = tunnel, true
	if len(addrs) > 0 {
		opened.Remote = addrs[0]
	}
	return true
}

// admitProxied applies the access policy to a target to which the proxy connects, so
// that the guard does not see the connection. The policy applies to the address that
// is sent to the proxy, or to the name where no rule is about addresses.
func (r *Route) admitProxied(t *target.Target, addrs []netip.AddrPort) error {
	if len(addrs) == 0 {
		return r.guard.CheckTarget(t)
	}
	return r.guard.ForTarget(t)(addrs[0])
}

// tunnel has the proxy at the other end of conn connect to host:port. It returns what
// then leads there: conn, or TLS over it.
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

// proxyTLS is the configuration of TLS with the proxy itself. It verifies the
// certificate, because the proxy receives the password.
func (r *Route) proxyTLS(via *ProxyURL) *tls.Config {
	host, _, _ := net.SplitHostPort(string(via.Address))
	return &tls.Config{ServerName: strings.TrimSuffix(host, "."), RootCAs: r.trusted, NextProtos: []string{"http/1.1"}}
}
