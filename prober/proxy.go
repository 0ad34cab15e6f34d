package prober

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/proxy"
)

// ProxyURL is a proxy: what it speaks, where it is, and who to be there. The
// zero value is none. However it is printed, user and password are not.
type ProxyURL struct {
	Scheme         string // http or https: CONNECT; socks5, where the exporter resolves, or socks5h, where the proxy does
	Address        HostPort
	User, Password Secret // the first is empty where none is asked for
}

// proxyPorts are the schemes of a proxy's URL and the ports that go without
// saying, as net/http and curl have them.
var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// UnmarshalText takes scheme://[user:password@]host[:port]. What is wrong is
// said without repeating any of it, for there may be a password in it.
func (u *ProxyURL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
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
	var address HostPort
	if err := address.UnmarshalText([]byte(net.JoinHostPort(parsed.Hostname(), cmp.Or(parsed.Port(), port)))); err != nil {
		return errors.New("a proxy's URL names a host and, after a colon, a port from 1 to 65535")
	}
	user := parsed.User.Username()
	password, _ := parsed.User.Password()
	if max(len(user), len(password)) > 255 && strings.HasPrefix(parsed.Scheme, "socks") {
		return errors.New("SOCKS has room for 255 bytes of a user and as many of a password (RFC 1929)")
	}
	*u = ProxyURL{Scheme: parsed.Scheme, Address: address, User: NewSecret(user), Password: NewSecret(password)}
	return nil
}

// String is the URL, with <secret> for user and password.
func (u ProxyURL) String() string {
	if u == (ProxyURL{}) {
		return ""
	}
	user := ""
	if u.User.reveal() != "" {
		user = u.User.String() + "@"
	}
	return u.Scheme + "://" + user + string(u.Address)
}

// resolves tells whether the proxy finds the target's addresses.
func (u ProxyURL) resolves() bool { return u.Scheme != "socks5" }

// choice says which proxy is on the way to a target; nil: none.
type choice func(*Target) *ProxyURL

// newChoice is the module's proxy for every target, or that of the environment
// (HTTPS_PROXY, and NO_PROXY for those that are spared it), or none.
func newChoice(m *Module) (choice, error) {
	environment := httpproxy.FromEnvironment()
	switch {
	case m.ProxyURL != (ProxyURL{}):
		u := m.ProxyURL
		return func(*Target) *ProxyURL { return &u }, nil
	case !m.ProxyFromEnvironment || environment.HTTPSProxy == "":
		return func(*Target) *ProxyURL { return nil }, nil
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
	return func(t *Target) *ProxyURL {
		if chosen, err := choose(&url.URL{Scheme: "https", Host: t.hostPort()}); err != nil || chosen == nil {
			return nil
		}
		return &u
	}, nil
}

// via is the proxy on the way to a target; nil: none. No proxy carries what
// goes to a socket of this machine, or what is no TCP.
func (p *Prober) via(t *Target) *ProxyURL {
	if t.Path != "" || t.Scheme.find().start == overQUIC {
		return nil
	}
	return p.choice(t)
}

// leaveToProxy tells whether the proxy is to find the target's addresses: where
// it can, and the module asks for nothing that takes knowing them here.
func (p *Prober) leaveToProxy(via *ProxyURL, t *Target) bool {
	return via != nil && via.resolves() && !t.literal() &&
		p.module.Resolver == "" && p.module.IPProtocol == AnyIP && p.module.Addresses != AllAddresses && !p.guard.policy.limitsAddresses()
}

var (
	errProxyRefused  = errors.New("the proxy says no")
	errProxyProtocol = errors.New("the proxy does not answer as one")
)

// proxied opens the way to the target through a proxy. That the proxy cannot be
// reached is its own failure, and says nothing of the target's port.
func (p *Prober) proxied(ctx context.Context, r *Result, via *ProxyURL, addrs []netip.AddrPort) (net.Conn, bool) {
	r.Proxy = via.String()
	if err := p.admitProxied(&r.Target, addrs); err != nil {
		return step(r, PhaseConnect, func() (net.Conn, error) { return nil, err })
	}
	conn, ok := step(r, PhaseConnect, func() (net.Conn, error) {
		conn, err := p.guard.dial(ctx, "tcp", string(via.Address), p.source, p.guard.ofOwner(string(via.Address)))
		if err != nil {
			return nil, fmt.Errorf("proxy %s: %w", via, err)
		}
		return bound(ctx, conn)
	})
	if !ok {
		r.blame(PhaseProxy)
		return nil, false
	}
	place := r.Target.hostPort()
	if len(addrs) > 0 {
		place = addrs[0].String()
	}
	tunnel, ok := step(r, PhaseProxy, func() (net.Conn, error) { return p.tunnel(ctx, conn, via, place) })
	if !ok {
		conn.Close()
		return nil, false
	}
	r.Connected = true
	if len(addrs) > 0 {
		r.Remote = addrs[0]
	}
	return tunnel, true
}

// admitProxied is the guard's word on a target to which the proxy, and not the
// guard, will connect: on the address that the proxy is to be told, or on the
// name, where no rule is about addresses.
func (p *Prober) admitProxied(t *Target, addrs []netip.AddrPort) error {
	if len(addrs) == 0 {
		return p.guard.admit(t)
	}
	return p.guard.ofTarget(t)(addrs[0])
}

// tunnel has the proxy at the other end of conn connect to a place, host:port.
func (p *Prober) tunnel(ctx context.Context, conn net.Conn, via *ProxyURL, place string) (net.Conn, error) {
	var err error
	switch via.Scheme {
	case "https":
		secure := tls.Client(conn, p.proxyTLS(via))
		if err = secure.HandshakeContext(ctx); err == nil {
			conn, err = secure, connectHTTP(secure, via, place)
		}
	case "http":
		err = connectHTTP(conn, via, place)
	default:
		err = connectSOCKS(ctx, conn, via, place)
	}
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", via, err)
	}
	return conn, nil
}

// proxyTLS is how TLS is spoken with the proxy itself. It gets the password, so
// here the certificate is verified before a word is said: against the roots that
// the module trusts.
func (p *Prober) proxyTLS(via *ProxyURL) *tls.Config {
	host, _, _ := net.SplitHostPort(string(via.Address))
	return &tls.Config{ServerName: strings.TrimSuffix(host, "."), RootCAs: p.roots.pool, NextProtos: []string{"http/1.1"}}
}

// connectHTTP asks an HTTP proxy to connect (RFC 9110 section 9.3.6).
func connectHTTP(conn net.Conn, via *ProxyURL, place string) error {
	request := "CONNECT " + place + " HTTP/1.1\r\nHost: " + place + "\r\n"
	if user := via.User.reveal(); user != "" {
		credentials := base64.StdEncoding.EncodeToString([]byte(user + ":" + via.Password.reveal()))
		request += "Proxy-Authorization: Basic " + credentials + "\r\n" // RFC 7617
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return err
	}
	return readConnected(conn)
}

// maxProxyHeader bounds what is read of a proxy's answer. Servers allow
// themselves 8 to 16 kB for a header.
const maxProxyHeader = 16 << 10

var errProxyHeader = fmt.Errorf("%w: the proxy's header has more than %d bytes", errTooLarge, maxProxyHeader)

// readConnected reads the answer to CONNECT and no byte more: after a 2xx
// whatever follows the header is the target's, also in the same packet.
// Interim answers (1xx) are passed over (RFC 9110 section 15.2).
func readConnected(conn io.Reader) error {
	left := maxProxyHeader
	for {
		header, err := readHeader(conn, left)
		if err != nil {
			return err
		}
		left -= len(header)
		status, _, _ := bytes.Cut(header, []byte("\n"))
		words := bytes.SplitN(bytes.TrimSpace(status), []byte(" "), 3)
		if len(words) < 2 || len(words[1]) != 3 || len(bytes.Trim(words[1], "0123456789")) > 0 {
			return fmt.Errorf("%w: %s", errProxyProtocol, quote(string(status)))
		}
		switch words[1][0] {
		case '1':
		case '2':
			return nil
		default:
			return fmt.Errorf("%w: %s", errProxyRefused, quote(string(bytes.Join(words[1:], []byte(" ")))))
		}
	}
}

// readHeader reads to the empty line that ends a header, byte by byte. What does
// not begin like HTTP is not waited for to end.
func readHeader(conn io.Reader, limit int) ([]byte, error) {
	const begin = "HTTP/1."
	var header []byte
	next := make([]byte, 1)
	for {
		if len(header) >= limit {
			return nil, errProxyHeader
		}
		if _, err := io.ReadFull(conn, next); err != nil {
			return nil, err
		}
		header = append(header, next[0])
		if n := min(len(header), len(begin)); string(header[:n]) != begin[:n] {
			return nil, fmt.Errorf("%w: it begins with %s", errProxyProtocol, quote(string(header)))
		}
		// A line may end in LF alone (RFC 9112 section 2.2).
		if bytes.HasSuffix(header, []byte("\n\r\n")) || bytes.HasSuffix(header, []byte("\n\n")) {
			return header, nil
		}
	}
}

// connectSOCKS asks a SOCKS 5 proxy to connect (RFC 1928).
func connectSOCKS(ctx context.Context, conn net.Conn, via *ProxyURL, place string) error {
	var who *proxy.Auth
	if user := via.User.reveal(); user != "" {
		who = &proxy.Auth{User: user, Password: via.Password.reveal()}
	}
	dialer, err := proxy.SOCKS5("tcp", string(via.Address), who, dialled{conn})
	if err != nil {
		return err
	}
	_, err = dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", place)
	if err == nil {
		return nil
	}
	reason := err
	if op, ok := errors.AsType[*net.OpError](err); ok {
		reason = op.Err
	}
	switch {
	case says(socksRefusals...)(reason):
		return fmt.Errorf("%w: %s", errProxyRefused, strings.TrimPrefix(reason.Error(), socksRefusals[0]))
	case says(socksNonsense...)(reason):
		return fmt.Errorf("%w: %w", errProxyProtocol, reason)
	}
	return reason
}

// What x/net/proxy says of a proxy's answers and leaves without a type. A test
// holds each of them against a proxy that causes it.
var (
	socksRefusals = []string{"unknown error ", "no acceptable authentication methods", "username/password authentication failed"}
	socksNonsense = []string{"unexpected protocol version", "non-zero reserved field", "unknown address type",
		"invalid username/password version", "unsupported authentication method"}
)

// dialled is a dialer that has dialled already.
type dialled struct{ conn net.Conn }

func (d dialled) Dial(string, string) (net.Conn, error) { return d.conn, nil }

func (d dialled) DialContext(context.Context, string, string) (net.Conn, error) { return d.conn, nil }
