// Package target parses targets, [scheme://]host[:port] or the path of a file, and the
// names and addresses in them.
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

// Target is an endpoint: how TLS starts there, its host and port or its path, and
// the name that its certificate must match. Or it is a file with certificates.
type Target struct {
	Scheme Scheme
	Host   string // DNS name in A-labels, or an IP address. A trailing dot is kept: it turns off search domains
	Port   uint16
	Path   string // of a Unix socket or a file, which have neither Host nor Port

	// ServerName, if set, replaces Host as the SNI and as the name to verify.
	ServerName string
	// Address, if valid, is dialled instead of the addresses of Host. Its port 0
	// stands for Port.
	Address netip.AddrPort
}

// maxTargetLength bounds what Parse reads, in bytes: the longest scheme, the longest
// DNS name in its longest form (RFC 5890 U-labels), and a port.
const maxTargetLength = 1024

// Parse reads `[scheme://]host[:port]`. The scheme defaults to https, the
// port to the scheme's own. Host is a DNS name (an IDN in U-labels or A-labels), an
// IPv4 address, or an IPv6 address, in brackets if a port follows. A trailing slash
// is ignored. User info, path, query and fragment are errors, because a TLS
// endpoint has none. A Unix socket is `unix://` and an absolute path, a file with
// certificates `file://` and an absolute path; neither is unescaped. The error does not
// quote a target with user info.
func Parse(s string) (Target, error) {
	t, err := parseTarget(s)
	switch {
	case err == nil:
		return t, nil
	case strings.Contains(s, "@"): // the part before it may be a password
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
	switch {
	case err != nil:
		return Target{}, err
	case scheme == Unix:
		return parseSocket(rest)
	case scheme == File:
		return parseFile(rest)
	}
	if strings.Contains(rest, "@") {
		return Target{}, errors.New("a target has no user info (the part before @); write [scheme://]host[:port]")
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

// maxSocketPath is the longest path of a socket, in bytes: unix(7) has room for 108,
// with a zero byte at the end.
const maxSocketPath = 107

func parseSocket(path string) (Target, error) {
	switch {
	case !strings.HasPrefix(path, "/"):
		return Target{}, errors.New("the path of a Unix socket begins with a slash, as in unix:///run/x.sock")
	case len(path) > maxSocketPath:
		return Target{}, fmt.Errorf("the path of a Unix socket has at most %d bytes", maxSocketPath)
	case !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) }):
		return Target{}, errors.New("the path contains characters that are not printable")
	}
	return Target{Scheme: Unix, Path: path}, nil
}

// splitHostPort is net.SplitHostPort with an optional port. It also accepts an IPv6
// address without brackets as a host.
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
			return "", "", errors.New("too many colons; write an IPv6 address with a port in brackets, as in [2001:db8::1]:443")
		}
		return "", "", errors.New("cannot be split into host and port; write host:port or [IPv6 address]:port")
	}
	if port == "" {
		return "", "", errors.New("the port after the colon is missing; write a port or leave the colon out")
	}
	if strings.HasPrefix(s, "[") {
		host = "[" + host + "]"
	}
	return host, port, nil
}

// parseAddress reads an IP address with an optional port, as in 192.0.2.7,
// 192.0.2.7:8443, 2001:db8::1 or [2001:db8::1]:8443.
func parseAddress(s string) (netip.AddrPort, error) {
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

// At returns a copy of the target for which address is dialled instead of the
// addresses of its host. It fails if parseAddress does, and for a target with a path.
func (t Target) At(address string) (Target, error) {
	switch {
	case t.IsFile():
		return t, errors.New("a file has no IP address to replace")
	case t.Path != "":
		return t, errors.New("a Unix socket has no IP address to replace")
	}
	var err error
	t.Address, err = parseAddress(address)
	return t, err
}

// FormatAddress is the inverse of parseAddress: the port is omitted where it is 0.
func FormatAddress(address netip.AddrPort) string {
	if address.Port() == 0 {
		return address.Addr().String()
	}
	return address.String()
}

// String returns the target in canonical form: scheme://host:port, or unix:// or file://
// and a path.
func (t Target) String() string {
	if t.Path != "" {
		return string(t.Scheme) + "://" + t.Path
	}
	return string(t.Scheme) + "://" + t.HostPort()
}

// HostPort returns host:port, with an IPv6 address in brackets.
func (t *Target) HostPort() string { return net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port))) }

// IP returns the host as an address; invalid if the host is a name.
func (t Target) IP() netip.Addr {
	addr, _ := netip.ParseAddr(t.Host)
	return addr
}

// Literal reports whether the target has an address, so that no name is resolved.
func (t *Target) Literal() bool { return t.Address.IsValid() || t.IP().IsValid() }

// Name returns the name that the leaf must match: ServerName, or the host without
// a trailing dot and without a zone, which certificates do not contain. It is empty
// for a Unix socket or a file without a ServerName: any leaf will do.
func (t *Target) Name() string {
	if t.ServerName != "" {
		return t.ServerName
	}
	if addr := t.IP(); addr.IsValid() {
		return addr.WithZone("").String()
	}
	return strings.TrimSuffix(t.Host, ".")
}
