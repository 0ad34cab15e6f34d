package prober

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
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

// ParseTarget reads `[scheme://]host[:port]`. The scheme defaults to https, the
// port to the scheme's own. Host is a DNS name (an IDN in either spelling), an
// IPv4 or an IPv6 address, the latter in brackets where a port follows. A lone
// trailing slash is ignored; user info, path, query and fragment are refused,
// for a TLS endpoint has none. A Unix socket is `unix://` and an absolute path,
// which is taken as it stands.
func ParseTarget(s string) (Target, error) {
	t, err := parseTarget(s)
	switch {
	case err == nil:
		return t, nil
	case strings.Contains(s, "@"): // what stands before it may be a password
		return Target{}, fmt.Errorf("target: %w", err)
	}
	return Target{}, fmt.Errorf("target %s: %w", quote(s), err)
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
	if scheme == schemeUnix {
		return parseSocket(rest)
	}
	if strings.Contains(rest, "@") {
		return Target{}, errors.New("user info (the part before @) has no place in a target; write [scheme://]host[:port]")
	}
	rest = strings.TrimSuffix(rest, "/")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return Target{}, fmt.Errorf("a TLS endpoint has no path, query or fragment; leave out %s", quote(rest[i:]))
	}
	host, port, err := splitHostPort(rest)
	if err != nil {
		return Target{}, err
	}
	t := Target{Scheme: scheme, Port: scheme.Port()}
	if port != "" {
		if t.Port, err = parsePort(port); err != nil {
			return Target{}, err
		}
	}
	t.Host, err = ParseHost(host)
	return t, err
}

// schemeUnix is TLS from the first byte over a Unix socket.
const schemeUnix Scheme = "unix"

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
	return Target{Scheme: schemeUnix, Path: path}, nil
}

func cutScheme(s string) (Scheme, string, error) {
	word, rest, found := strings.Cut(s, "://")
	if !found {
		return "https", s, nil
	}
	scheme := Scheme(strings.ToLower(word))
	if scheme == "http" {
		return "", "", errors.New("http is not TLS; write https:// or leave the scheme out")
	}
	if !scheme.Known() && scheme != schemeUnix {
		return "", "", fmt.Errorf("unknown scheme %s; known are %s", quote(word), schemeNames())
	}
	return scheme, rest, nil
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

func parsePort(s string) (uint16, error) {
	port, err := strconv.ParseUint(s, 10, 16)
	if err != nil || port == 0 || strings.HasPrefix(s, "+") {
		return 0, fmt.Errorf("port %s is not a number from 1 to 65535", quote(s))
	}
	return uint16(port), nil
}

// ParseHost reads a DNS name or an IP address and returns its one spelling:
// A-labels in lower case (RFC 5890), addresses as RFC 5952 has them.
func ParseHost(s string) (string, error) {
	if s == "" {
		return "", errors.New("the host is missing")
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		return parseBracketed(strings.TrimSuffix(inner, "]"))
	}
	if addr, err := parseIP(s); err == nil {
		return addr.String(), nil
	}
	return parseDNSName(s)
}

// parseBracketed reads what stands between brackets: only an IPv6 address may,
// its zone with a plain or an escaped percent sign (RFC 6874).
func parseBracketed(s string) (string, error) {
	addr, err := parseIP(strings.Replace(s, "%25", "%", 1))
	if err != nil || !strings.Contains(s, ":") {
		return "", fmt.Errorf("%s in brackets is not an IPv6 address", quote(s))
	}
	return addr.String(), nil
}

// parseIP reads an address whose zone, if it has one, looks like the name of a
// network interface.
func parseIP(s string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return addr, err
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	if strings.Trim(addr.Zone(), letters) != "" || addr.Zone() == "25" {
		return addr, errors.New("a zone is the name of a network interface")
	}
	return addr.Unmap(), nil
}

// names maps an IDN as browsers do (UTS 46, non-transitional). STD 3 is not
// asked for, because names with an underscore exist; dnsLabel asks for the rest.
var names = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.StrictDomainName(false), idna.VerifyDNSLength(false))

// parseDNSName follows RFC 1035 section 2.3.4 for lengths and RFC 1123 section
// 2.1 for letters, with the underscore that the world added.
func parseDNSName(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("%s is not a host name: it is not UTF-8", quote(s))
	}
	name, err := names.ToASCII(s)
	if err != nil {
		return "", fmt.Errorf("%s is not a host name: %w", quote(s), err)
	}
	bare := strings.TrimSuffix(name, ".")
	if len(bare) > 253 {
		return "", errors.New("a host name has at most 253 bytes (RFC 1035)")
	}
	labels := strings.Split(bare, ".")
	for _, label := range labels {
		if err := dnsLabel(label); err != nil {
			return "", fmt.Errorf("%s is not a host name: %w", quote(s), err)
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return "", fmt.Errorf("%s is neither an IPv4 address nor a host name: no top-level domain is a number", quote(s))
	}
	return name, nil
}

func dnsLabel(label string) error {
	switch {
	case label == "":
		return errors.New("it has an empty label")
	case len(label) > 63:
		return fmt.Errorf("the label %s has more than 63 bytes (RFC 1035)", quote(label))
	case label[0] == '-' || label[len(label)-1] == '-':
		return fmt.Errorf("the label %s begins or ends with a hyphen", quote(label))
	}
	for _, c := range []byte(label) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return fmt.Errorf("it holds %s", quote(string(rune(c))))
		}
	}
	return nil
}

// ParseServerName reads the name that is sent as SNI and verified: a DNS name,
// or an IP address, which is verified but not sent (RFC 6066 section 3).
func ParseServerName(s string) (string, error) {
	name, err := ParseHost(s)
	if err != nil {
		return "", fmt.Errorf("server name %s: %w", quote(s), err)
	}
	return strings.TrimSuffix(name, "."), nil
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
	return netip.AddrPort{}, fmt.Errorf("address %s: is not an IP address with an optional port, as in 192.0.2.7, 192.0.2.7:8443 or [2001:db8::1]:8443", quote(s))
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
	return string(t.Scheme) + "://" + t.hostPort()
}

func (t Target) hostPort() string { return net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port))) }

// FarEnd is what a probe connects to, whatever is said there and under which
// name: host:port, with the address for the host where it is set, or a path.
func (t Target) FarEnd() string {
	if t.Path != "" {
		return t.Path
	}
	end := t.farEnd()
	if end.elsewhere {
		return netip.AddrPortFrom(end.addr, end.port).String()
	}
	return t.hostPort()
}

// IP is the host as an address; invalid where the host is a name.
func (t Target) IP() netip.Addr {
	addr, _ := netip.ParseAddr(t.Host)
	return addr
}

// literal tells whether there is nothing to resolve.
func (t Target) literal() bool { return t.Address.IsValid() || t.IP().IsValid() }

// name is what the leaf has to be for: the override, or the host without the
// root's dot and without a zone, neither of which a certificate knows. It is
// empty for a Unix socket without an override, which could have any.
func (t Target) name() string {
	if t.ServerName != "" {
		return t.ServerName
	}
	if addr := t.IP(); addr.IsValid() {
		return addr.WithZone("").String()
	}
	return strings.TrimSuffix(t.Host, ".")
}

// Scheme says how the TLS conversation with a target starts.
type Scheme string

// scheme is what is known of one: its port (IANA service names), how the
// conversation starts, and what that follows.
type scheme struct {
	name     Scheme
	port     uint16
	start    start
	dialogue dialogue // what is said in the clear before TLS; nil but for startTLS
	alpn     []string // what is offered where the module says nothing
	spec     string   // what the dialogue, or its absence on the same port, follows
}

type start int

const (
	implicitTLS start = iota
	startTLS
	overQUIC
)

// schemes in the order in which people are told of them.
var schemes = []scheme{
	{name: "https", port: 443, alpn: []string{"h2", "http/1.1"}},
	{name: "tls", port: 443},
	{name: "smtps", port: 465},
	{name: "imaps", port: 993},
	{name: "pop3s", port: 995},
	{name: "ftps", port: 990},
	{name: "ldaps", port: 636},
	{name: "nntps", port: 563},
	{name: "xmpps-client", port: 5223},
	{name: "ircs", port: 6697},
	{name: "mqtts", port: 8883},
	{name: "amqps", port: 5671},
	{name: "rediss", port: 6379},
	{name: "dot", port: 853},
	// Two databases take TLS from the first byte on the port of their dialogue,
	// from clients that say so by ALPN. Which of the two ways a conversation
	// starts is what a scheme is for, and so one module serves both.
	{name: "postgress", port: 5432, alpn: []string{"postgresql"}, spec: "PostgreSQL 17, SSL Session Encryption"},
	{name: "mssqls", port: 1433, alpn: []string{"tds/8.0"}, spec: "MS-TDS 8.0"},

	{name: "smtp", port: 25, start: startTLS, dialogue: smtp, spec: "RFC 3207"},
	{name: "submission", port: 587, start: startTLS, dialogue: smtp, spec: "RFC 3207"},
	{name: "imap", port: 143, start: startTLS, dialogue: imap, spec: "RFC 9051"},
	{name: "pop3", port: 110, start: startTLS, dialogue: pop3, spec: "RFC 2595"},
	{name: "ftp", port: 21, start: startTLS, dialogue: ftp, spec: "RFC 4217"},
	{name: "ldap", port: 389, start: startTLS, dialogue: ldap, spec: "RFC 4511"},
	{name: "postgres", port: 5432, start: startTLS, dialogue: postgres, spec: "PostgreSQL, SSLRequest"},
	{name: "mysql", port: 3306, start: startTLS, dialogue: mysql, spec: "MySQL and MariaDB, SSLRequest"},
	{name: "nntp", port: 119, start: startTLS, dialogue: nntp, spec: "RFC 4642"},
	{name: "sieve", port: 4190, start: startTLS, dialogue: sieve, spec: "RFC 5804"},
	{name: "lmtp", port: 24, start: startTLS, dialogue: lmtp, spec: "RFC 2033"},
	{name: "xmpp-client", port: 5222, start: startTLS, dialogue: xmppClient, spec: "RFC 6120"},
	{name: "xmpp-server", port: 5269, start: startTLS, dialogue: xmppServer, spec: "RFC 6120"},
	{name: "irc", port: 6667, start: startTLS, dialogue: irc, spec: "IRCv3 tls"},
	{name: "rdp", port: 3389, start: startTLS, dialogue: rdp, spec: "MS-RDPBCGR"},
	{name: "mssql", port: 1433, start: startTLS, dialogue: mssql, spec: "MS-TDS"},
	{name: "quic", port: 443, start: overQUIC},
	{name: "h3", port: 443, start: overQUIC},
}

func (s Scheme) find() *scheme {
	for i := range schemes {
		if schemes[i].name == s {
			return &schemes[i]
		}
	}
	return new(scheme)
}

// Known tells whether the scheme is one of those that ParseTarget takes.
func (s Scheme) Known() bool { return s.find().name != "" }

// Port is the scheme's own port, 0 for an unknown scheme.
func (s Scheme) Port() uint16 { return s.find().port }

func schemeNames() string {
	all := []string{string(schemeUnix)}
	for _, s := range schemes {
		all = append(all, string(s.name))
	}
	return sorted(all)
}

// maxQuoted keeps what a stranger sent short in a sentence about it.
const maxQuoted = 80

func sorted(words []string) string {
	slices.Sort(words)
	return strings.Join(words, ", ")
}

func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.QuoteToASCII(s[:maxQuoted]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
