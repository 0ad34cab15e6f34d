// Package target parses targets, [scheme://]host[:port], and the names and
// addresses in them.
package target

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"tls_exporter/prober/text"
)

// Target is an endpoint: how the TLS conversation starts, where, and under
// which name.
type Target struct {
	Scheme Scheme
	Host   string // DNS name in A-labels (a trailing dot is kept: it turns off search domains), or an IP address
	Port   uint16
	Path   string // of a Unix socket, which has neither Host nor Port

	// ServerName, if set, is the SNI and the name to verify instead of Host.
	ServerName string
	// Address, if valid, is dialled instead of what Host resolves to; port 0
	// means Port.
	Address netip.AddrPort
}

// maxTargetLength bounds what ParseTarget looks at: the longest scheme, the
// longest DNS name in its longest spelling (RFC 5890 U-labels), and a port.
const maxTargetLength = 1024

// Parse reads `[scheme://]host[:port]`. The scheme defaults to https, the
// port to the scheme's own. Host is a DNS name (an IDN in either spelling), an
// IPv4 or an IPv6 address, the latter in brackets where a port follows. A lone
// trailing slash is ignored; user info, path, query and fragment are refused,
// for a TLS endpoint has none. A Unix socket is `unix://` and an absolute path,
// which is taken as it stands.
func Parse(s string) (Target, error) {
	t, err := parseTarget(s)
	switch {
	case err == nil:
		return t, nil
	case strings.Contains(s, "@"): // what stands before it may be a password
		return Target{}, fmt.Errorf("target: %w", err)
	}
	return Target{}, fmt.Errorf("target %s: %w", text.Quote(s), err)
}

func parseTarget(s string) (Target, error) {
	if s == "" {
		return Target{}, errors.New("is empty; write [scheme://]host[:port], as in example.com or smtp://mail.example.com:25")
	}
	if len(s) > maxTargetLength {
		return Target{}, fmt.Errorf("is longer than %d bytes", maxTargetLength)
	}
	scheme, rest, err := cutScheme(s)
	if err != nil {
		return Target{}, err
	}
	if scheme == Unix {
		return parseSocket(rest)
	}
	if strings.Contains(rest, "@") {
		return Target{}, errors.New("user info (the part before @) has no place in a target; write [scheme://]host[:port]")
	}
	rest = strings.TrimSuffix(rest, "/")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return Target{}, fmt.Errorf("a TLS endpoint has no path, query or fragment; leave out %s", text.Quote(rest[i:]))
	}
	host, port, err := splitHostPort(rest)
	if err != nil {
		return Target{}, err
	}
	t := Target{Scheme: scheme, Port: scheme.Port()}
	if port != "" {
		if t.Port, err = ParsePort(port); err != nil {
			return Target{}, err
		}
	}
	t.Host, err = ParseHost(host)
	return t, err
}

// maxSocketPath is the longest path that a socket may have: unix(7) has 108
// bytes for it, with a zero at its end.
const maxSocketPath = 107

func parseSocket(path string) (Target, error) {
	switch {
	case !strings.HasPrefix(path, "/"):
		return Target{}, errors.New("the path of a Unix socket begins with a slash, as in unix:///run/x.sock")
	case len(path) > maxSocketPath:
		return Target{}, fmt.Errorf("the path of a Unix socket has at most %d bytes", maxSocketPath)
	case !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) }):
		return Target{}, errors.New("the path holds what cannot be printed")
	}
	return Target{Scheme: Unix, Path: path}, nil
}

// splitHostPort is net.SplitHostPort for an optional port, which also takes an
// IPv6 address without brackets as a host.
func splitHostPort(s string) (host, port string, err error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Is6() {
		return s, "", nil
	}
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		return "[" + strings.TrimSuffix(inner, "]") + "]", "", nil
	}
	if !strings.Contains(s, ":") {
		return s, "", nil
	}
	host, port, err = net.SplitHostPort(s)
	if err != nil {
		if strings.Count(s, ":") > 1 && !strings.HasPrefix(s, "[") {
			return "", "", errors.New("too many colons; an IPv6 address stands in brackets before a port, as in [2001:db8::1]:443")
		}
		return "", "", errors.New("cannot be split into host and port; write host:port or [IPv6 address]:port")
	}
	if port == "" {
		return "", "", errors.New("nothing stands after the colon; write a port or leave the colon out")
	}
	if strings.HasPrefix(s, "[") {
		host = "[" + host + "]"
	}
	return host, port, nil
}

// ParseAddress reads an IP address with an optional port, as in 192.0.2.7,
// 192.0.2.7:8443, 2001:db8::1 or [2001:db8::1]:8443.
func ParseAddress(s string) (netip.AddrPort, error) {
	if len(s) <= maxTargetLength {
		if addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
			return netip.AddrPortFrom(addr.Unmap(), 0), nil
		}
		if ap, err := netip.ParseAddrPort(s); err == nil && ap.Port() != 0 {
			return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("address %s: is not an IP address with an optional port, as in 192.0.2.7, 192.0.2.7:8443 or [2001:db8::1]:8443", text.Quote(s))
}

// At is the target with address, which ParseAddress has to take, to be dialled
// instead of what its host resolves to.
func (t Target) At(address string) (Target, error) {
	if t.Path != "" {
		return t, errors.New("a Unix socket has no address that could be another")
	}
	var err error
	t.Address, err = ParseAddress(address)
	return t, err
}

// String is the target's one spelling: scheme://host:port, or unix:// and a path.
func (t Target) String() string {
	if t.Path != "" {
		return string(t.Scheme) + "://" + t.Path
	}
	return string(t.Scheme) + "://" + t.HostPort()
}

// HostPort is host:port, with an IPv6 address in brackets.
func (t *Target) HostPort() string { return net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port))) }

// IP is the host as an address; invalid where the host is a name.
func (t Target) IP() netip.Addr {
	addr, _ := netip.ParseAddr(t.Host)
	return addr
}

// Literal reports whether there is nothing to resolve.
func (t *Target) Literal() bool { return t.Address.IsValid() || t.IP().IsValid() }

// Name is what the leaf has to be for: the override, or the host without the
// root's dot and without a zone, neither of which a certificate knows. It is
// empty for a Unix socket without an override, which could have any.
func (t *Target) Name() string {
	if t.ServerName != "" {
		return t.ServerName
	}
	if addr := t.IP(); addr.IsValid() {
		return addr.WithZone("").String()
	}
	return strings.TrimSuffix(t.Host, ".")
}
