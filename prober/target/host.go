package target

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"tls_exporter/prober/text"
)

// ServerName is a DNS name or an IP address in canonical form.
type ServerName string

// UnmarshalText accepts what ParseServerName accepts.
func (n *ServerName) UnmarshalText(value []byte) error {
	name, err := ParseServerName(string(value))
	*n = ServerName(name)
	return err
}

// HostPort is the address of a server: a host or an IP address, and a port.
type HostPort string

// UnmarshalText accepts host:port, with an IPv6 address in brackets.
func (h *HostPort) UnmarshalText(value []byte) error {
	host, port, err := net.SplitHostPort(string(value))
	if err != nil {
		return fmt.Errorf("%s is not host:port, as in 127.0.0.1:53 or [::1]:53", text.Quote(string(value)))
	}
	if _, err := ParsePort(port); err != nil {
		return err
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if host, err = ParseHost(host); err != nil {
		return err
	}
	*h = HostPort(net.JoinHostPort(host, port))
	return nil
}

// IPAddress is an IP address in canonical form; empty: none.
type IPAddress string

// UnmarshalText accepts an IPv4 or IPv6 address.
func (a *IPAddress) UnmarshalText(value []byte) error {
	addr, err := netip.ParseAddr(string(value))
	if err != nil {
		return fmt.Errorf("%s is not an IP address", text.Quote(string(value)))
	}
	*a = IPAddress(addr.Unmap().String())
	return nil
}

// ParsePort reads a port number from 1 to 65535, in decimal.
func ParsePort(s string) (uint16, error) {
	port, err := strconv.ParseUint(s, 10, 16)
	if err != nil || port == 0 || strings.HasPrefix(s, "+") {
		return 0, fmt.Errorf("port %s is not a number from 1 to 65535", text.Quote(s))
	}
	return uint16(port), nil
}

// ParseHost reads a DNS name or an IP address and returns its canonical form:
// A-labels in lower case (RFC 5890), addresses as RFC 5952 writes them.
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

// parseBracketed reads the text between brackets, which must be an IPv6 address.
// A zone follows a plain or an escaped percent sign (RFC 6874).
func parseBracketed(s string) (string, error) {
	addr, err := parseIP(strings.Replace(s, "%25", "%", 1))
	if err != nil || !strings.Contains(s, ":") {
		return "", fmt.Errorf("%s in brackets is not an IPv6 address", text.Quote(s))
	}
	return addr.String(), nil
}

// parseIP reads an address. Its zone, if any, must look like the name of a network
// interface.
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

// idnaProfile maps an IDN as browsers do (UTS 46, non-transitional). The rules of
// STD 3 are off, because names with an underscore exist; dnsLabel checks the other
// characters.
var idnaProfile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.StrictDomainName(false), idna.VerifyDNSLength(false))

// parseDNSName follows RFC 1035 section 2.3.4 for lengths and RFC 1123 section
// 2.1 for characters. It also accepts underscores, which are widely used.
func parseDNSName(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("%s is not a host name: it is not UTF-8", text.Quote(s))
	}
	name, err := idnaProfile.ToASCII(s)
	if err != nil {
		return "", fmt.Errorf("%s is not a host name: %w", text.Quote(s), err)
	}
	bare := strings.TrimSuffix(name, ".")
	if len(bare) > 253 {
		return "", errors.New("a host name has at most 253 bytes (RFC 1035)")
	}
	labels := strings.Split(bare, ".")
	for _, label := range labels {
		if err := dnsLabel(label); err != nil {
			return "", fmt.Errorf("%s is not a host name: %w", text.Quote(s), err)
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return "", fmt.Errorf("%s is neither an IPv4 address nor a host name: no top-level domain is a number", text.Quote(s))
	}
	return name, nil
}

func dnsLabel(label string) error {
	switch {
	case label == "":
		return errors.New("it has an empty label")
	case len(label) > 63:
		return fmt.Errorf("the label %s has more than 63 bytes (RFC 1035)", text.Quote(label))
	case label[0] == '-' || label[len(label)-1] == '-':
		return fmt.Errorf("the label %s begins or ends with a hyphen", text.Quote(label))
	}
	for _, c := range []byte(label) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return fmt.Errorf("it contains %s", text.Quote(string(rune(c))))
		}
	}
	return nil
}

// ParseServerName reads the name that is sent as SNI and that the certificate must
// match: a DNS name, or an IP address, which is never sent (RFC 6066 section 3).
// It drops a trailing dot.
func ParseServerName(s string) (string, error) {
	name, err := ParseHost(s)
	if err != nil {
		return "", fmt.Errorf("server name %s: %w", text.Quote(s), err)
	}
	return strings.TrimSuffix(name, "."), nil
}
