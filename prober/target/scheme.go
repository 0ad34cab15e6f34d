package target

import (
	"errors"
	"fmt"
	"strings"

	"tls_exporter/prober/text"
)

// Scheme says how TLS starts on a connection to a target.
type Scheme string

// scheme has the default port of a Scheme (IANA service names) and how TLS starts.
type scheme struct {
	name  Scheme
	port  uint16
	start start
	alpn  []string // offered if the module names no protocol
}

type start int

const (
	implicitTLS start = iota
	startTLS
)

// schemes is in the order of the documentation.
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
	// Two databases also accept TLS from the first byte, on the port of their
	// STARTTLS dialogue, from clients that offer their ALPN protocol. As schemes,
	// both can be used with one module.
	{name: "postgress", port: 5432, alpn: []string{"postgresql"}}, // PostgreSQL 17, SSL Session Encryption
	{name: "mssqls", port: 1433, alpn: []string{"tds/8.0"}},       // MS-TDS 8.0

	{name: "smtp", port: 25, start: startTLS},
	{name: "submission", port: 587, start: startTLS},
	{name: "imap", port: 143, start: startTLS},
	{name: "pop3", port: 110, start: startTLS},
	{name: "ftp", port: 21, start: startTLS},
	{name: "ldap", port: 389, start: startTLS},
	{name: "postgres", port: 5432, start: startTLS},
	{name: "mysql", port: 3306, start: startTLS},
	{name: "nntp", port: 119, start: startTLS},
	{name: "sieve", port: 4190, start: startTLS},
	{name: "lmtp", port: 24, start: startTLS},
	{name: "xmpp-client", port: 5222, start: startTLS},
	{name: "xmpp-server", port: 5269, start: startTLS},
	{name: "irc", port: 6667, start: startTLS},
	{name: "rdp", port: 3389, start: startTLS},
	{name: "mssql", port: 1433, start: startTLS},
}

func (s Scheme) find() *scheme {
	for i := range schemes {
		if schemes[i].name == s {
			return &schemes[i]
		}
	}
	return new(scheme)
}

// Known reports whether the scheme is one of Schemes.
func (s Scheme) Known() bool { return s.find().name != "" }

// Port returns the default port of the scheme, 0 for an unknown scheme.
func (s Scheme) Port() uint16 { return s.find().port }

// StartTLS reports whether a cleartext dialogue (STARTTLS) comes before TLS.
func (s Scheme) StartTLS() bool { return s.find().start == startTLS }

// ALPN returns the protocols that clients of the scheme offer, in order of
// preference; nil: none.
func (s Scheme) ALPN() []string { return s.find().alpn }

// Schemes returns all schemes but unix and file, in the order of the documentation.
func Schemes() []Scheme {
	all := make([]Scheme, len(schemes))
	for i := range schemes {
		all[i] = schemes[i].name
	}
	return all
}

func schemeNames() string {
	all := []string{string(Unix), string(File)}
	for _, s := range schemes {
		all = append(all, string(s.name))
	}
	return text.List(all)
}

// Unix is TLS from the first byte over a Unix socket.
const Unix Scheme = "unix"

func cutScheme(s string) (Scheme, string, error) {
	word, rest, found := strings.Cut(s, "://")
	if !found {
		return "https", s, hintAtFile(s)
	}
	scheme := Scheme(strings.ToLower(word))
	if scheme == "http" {
		return "", "", errors.New("http is not TLS; write https:// or leave the scheme out")
	}
	if scheme == "quic" || scheme == "h3" {
		return "", "", fmt.Errorf("%s runs over QUIC, which this version cannot probe; write https:// to probe the host over TCP", scheme)
	}
	if !scheme.Known() && scheme != Unix && scheme != File {
		return "", "", fmt.Errorf("unknown scheme %s; known are %s", text.Quote(word), schemeNames())
	}
	return scheme, rest, nil
}
