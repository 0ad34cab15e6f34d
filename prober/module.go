package prober

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"tls_exporter/prober/hello"
)

// Module is how to probe. Each optional check is a pointer: nil is off.
// DefaultModule has the values that hold where a file says nothing.
type Module struct {
	// Timeout bounds the whole probe.
	Timeout Duration `yaml:"timeout"`
	// ServerName is the SNI and the name to verify; empty: the target's host.
	ServerName ServerName `yaml:"server_name"`
	// CAFile holds the roots to trust, in PEM; empty: the system's.
	CAFile string `yaml:"ca_file"`
	// SystemRoots trusts the system's roots beside those of CAFile.
	SystemRoots bool `yaml:"system_roots"`
	// ClientCertificate is shown to servers that ask for one; nil: none is.
	ClientCertificate *ClientCertificate `yaml:"client_certificate"`
	// IPProtocol is which address family may be dialled.
	IPProtocol IPProtocol `yaml:"ip_protocol"`
	// Addresses is how many of a name's addresses are probed.
	Addresses Addresses `yaml:"addresses"`
	// Resolver is the DNS server to ask, host:port; empty: as the system does.
	Resolver HostPort `yaml:"resolver"`
	// SourceAddress is the address to connect from; empty: the system chooses.
	SourceAddress IPAddress `yaml:"source_address"`
	// ProxyURL is the proxy on the way to every target; empty: none.
	ProxyURL ProxyURL `yaml:"proxy_url"`
	// ProxyFromEnvironment takes the proxy that HTTPS_PROXY and NO_PROXY name.
	ProxyFromEnvironment bool `yaml:"proxy_from_environment"`
	// ProxyProtocol is the header that a connection begins with; empty: none.
	ProxyProtocol ProxyProtocol `yaml:"proxy_protocol"`
	// MinVersion and MaxVersion bound what is offered; 0: all that crypto/tls has.
	MinVersion Version `yaml:"min_version"`
	MaxVersion Version `yaml:"max_version"`
	// ALPN is what is offered, in order of preference; nil: the scheme's own.
	ALPN []Protocol `yaml:"alpn"`
	// StartTLSName is who we say we are in a dialogue before TLS, where it asks;
	// empty: a name that is nobody's.
	StartTLSName ServerName `yaml:"starttls_name"`

	// Expect is what the endpoint has to be like beyond a good chain.
	Expect *ExpectOptions `yaml:"expect"`

	// Versions asks which versions of SSL and TLS the server takes.
	Versions *VersionsOptions `yaml:"versions"`
	// Ciphers asks which cipher suites, groups and signature schemes it takes.
	Ciphers *CiphersOptions `yaml:"ciphers"`
	// Policy holds what these two found against published policies.
	Policy *PolicyOptions `yaml:"policy"`
	// Vulnerabilities looks for old wounds.
	Vulnerabilities *VulnerabilitiesOptions `yaml:"vulnerabilities"`
	// Resumption asks how a session can be taken up again.
	Resumption *ResumptionOptions `yaml:"resumption"`
}

// DefaultModule is the module that /probe uses when none is named and the
// configuration has no other of the name default.
func DefaultModule() Module {
	return Module{Timeout: Duration(10 * time.Second), IPProtocol: AnyIP, Addresses: OneAddress}
}

// Scan turns on, with their defaults, all checks of what the server takes.
func (m *Module) Scan() {
	turnOn(&m.Versions)
	turnOn(&m.Ciphers)
	turnOn(&m.Policy)
	turnOn(&m.Vulnerabilities)
	turnOn(&m.Resumption)
}

func turnOn[Options any](check **Options) {
	if *check == nil {
		*check = new(Options)
	}
}

// ClientCertificate is a certificate and its key, both in PEM.
type ClientCertificate struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// load reads the pair. An error names the key of the file that is wrong, and not
// the file: where a private key lies is nobody's business who reads a log.
func (c *ClientCertificate) load() (*tls.Certificate, error) {
	if c == nil {
		return nil, nil
	}
	if c.CertFile == "" || c.KeyFile == "" {
		return nil, errors.New("client_certificate: needs both cert_file and key_file")
	}
	cert, err := readUnnamed(c.CertFile)
	if err != nil {
		return nil, fmt.Errorf("client_certificate: cert_file: %w", err)
	}
	key, err := readUnnamed(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("client_certificate: key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("client_certificate: cert_file and key_file: %w", err)
	}
	return &pair, nil
}

// readUnnamed reads a file; its name is not in an error.
func readUnnamed(name string) ([]byte, error) {
	content, err := os.ReadFile(name)
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	return content, err
}

// Duration is a time.Duration that is written as 5s, 1m30s or 500ms.
type Duration time.Duration

// UnmarshalText takes a duration greater than nothing.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%s is not a duration; write 500ms, 5s or 1m30s", quote(string(text)))
	}
	if parsed <= 0 {
		return fmt.Errorf("%s: a duration has to be more than 0s", quote(string(text)))
	}
	*d = Duration(parsed)
	return nil
}

// Count is a number of things: 1 or more.
type Count int

// UnmarshalText takes a number greater than nothing.
func (c *Count) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 {
		return fmt.Errorf("%s is not a number of 1 or more", quote(string(text)))
	}
	*c = Count(n)
	return nil
}

// Version is a TLS version as the wire has it; 0 is none in particular.
type Version uint16

// UnmarshalText takes TLS 1.0, TLS 1.1, TLS 1.2 or TLS 1.3; 1.3 and Prometheus's
// TLS13 will do as well.
func (v *Version) UnmarshalText(text []byte) error {
	digits := strings.NewReplacer("TLS", "", " ", "", ".", "").Replace(strings.ToUpper(string(text)))
	for known := uint16(tls.VersionTLS10); known <= tls.VersionTLS13; known++ {
		if digits == strconv.Itoa(10+int(known-tls.VersionTLS10)) {
			*v = Version(known)
			return nil
		}
	}
	return fmt.Errorf("%s is not a TLS version; write TLS 1.0, TLS 1.1, TLS 1.2 or TLS 1.3", quote(string(text)))
}

func (v Version) String() string { return tls.VersionName(uint16(v)) }

// ServerName is a DNS name or an IP address in its one spelling.
type ServerName string

// UnmarshalText takes what ParseServerName takes.
func (n *ServerName) UnmarshalText(text []byte) error {
	name, err := ParseServerName(string(text))
	*n = ServerName(name)
	return err
}

// HostPort is the address of a server: a host or an IP address, and a port.
type HostPort string

// UnmarshalText takes host:port, an IPv6 address in brackets.
func (h *HostPort) UnmarshalText(text []byte) error {
	host, port, err := net.SplitHostPort(string(text))
	if err != nil {
		return fmt.Errorf("%s is not host:port, as in 127.0.0.1:53 or [::1]:53", quote(string(text)))
	}
	if _, err := parsePort(port); err != nil {
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

// IPAddress is an IP address in its one spelling; empty is none.
type IPAddress string

// UnmarshalText takes an IPv4 or IPv6 address.
func (a *IPAddress) UnmarshalText(text []byte) error {
	addr, err := netip.ParseAddr(string(text))
	if err != nil {
		return fmt.Errorf("%s is not an IP address", quote(string(text)))
	}
	*a = IPAddress(addr.Unmap().String())
	return nil
}

// Secret is a word that is used and never shown: whatever prints or marshals it
// gets <secret>. The word is behind a pointer because fmt does not ask for a
// String in fields that are not exported.
type Secret struct{ word *string }

// NewSecret keeps a word; the empty one is none.
func NewSecret(word string) Secret {
	if word == "" {
		return Secret{}
	}
	return Secret{&word}
}

func (s Secret) String() string { return "<secret>" }

// MarshalText is String, for JSON, YAML and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s Secret) reveal() string {
	if s.word == nil {
		return ""
	}
	return *s.word
}

// Protocol is an ALPN protocol name (RFC 7301): 1 to 255 bytes.
type Protocol string

// UnmarshalText takes a name of the length that the RFC allows.
func (p *Protocol) UnmarshalText(text []byte) error {
	if len(text) == 0 || len(text) > 255 {
		return errors.New("an ALPN protocol name has 1 to 255 bytes, as in h2 or http/1.1")
	}
	*p = Protocol(text)
	return nil
}

// Pin is the SHA-256 digest of a public key (RFC 7469 section 2.4), in
// hexadecimal as the metrics show it.
type Pin string

// UnmarshalText takes sha256/ and the digest, in base64 as HPKP and curl write
// it or in hexadecimal as tls_certificate_info does.
func (p *Pin) UnmarshalText(text []byte) error {
	digest, ok := strings.CutPrefix(string(text), "sha256/")
	raw, err := hex.DecodeString(digest)
	if err != nil {
		raw, err = base64.StdEncoding.DecodeString(digest)
	}
	if !ok || err != nil || len(raw) != 32 {
		return fmt.Errorf("%s is not a pin; write sha256/ and the digest of the public key in base64 or hexadecimal", quote(string(text)))
	}
	*p = Pin(hex.EncodeToString(raw))
	return nil
}

// AlertName is a TLS alert by its registered name, or none.
type AlertName string

// UnmarshalText takes a name of IANA's TLS Alerts registry.
func (a *AlertName) UnmarshalText(text []byte) error {
	for _, name := range alerts {
		if name == string(text) {
			*a = AlertName(name)
			return nil
		}
	}
	return fmt.Errorf("%s is not a TLS alert; write its registered name, as in certificate_required", quote(string(text)))
}

// ownGroups are those that crypto/tls has.
var ownGroups = []tls.CurveID{
	tls.CurveP256, tls.CurveP384, tls.CurveP521, tls.X25519, tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024,
}

// Group is a named group by its registered name.
type Group string

// UnmarshalText takes the name of a group that crypto/tls has.
func (g *Group) UnmarshalText(text []byte) error {
	known := make([]string, 0, len(ownGroups))
	for _, group := range ownGroups {
		name := hello.Group(group).String()
		if name == string(text) {
			*g = Group(name)
			return nil
		}
		known = append(known, name)
	}
	return fmt.Errorf("%s is not a group; known are %s", quote(string(text)), sorted(known))
}

// family is IPProtocol, or what SourceAddress leaves of it: no address of the
// other family can be dialled from there, unless it is a proxy that dials.
func (m *Module) family() IPProtocol {
	source, err := netip.ParseAddr(string(m.SourceAddress))
	if err != nil || m.IPProtocol != AnyIP || m.ProxyURL != (ProxyURL{}) || m.ProxyFromEnvironment {
		return m.IPProtocol
	}
	return familyOf(source)
}

// validate finds what no single field can know.
func (m *Module) validate() error {
	if m.MinVersion != 0 && m.MaxVersion != 0 && m.MinVersion > m.MaxVersion {
		return fmt.Errorf("min_version %s is above max_version %s", m.MinVersion, m.MaxVersion)
	}
	if m.Expect != nil && m.Expect.MinVersion != 0 && m.MaxVersion != 0 && m.Expect.MinVersion > m.MaxVersion {
		return fmt.Errorf("expect: min_version %s is above what is offered at all, max_version %s", m.Expect.MinVersion, m.MaxVersion)
	}
	if m.Policy != nil && (m.Versions == nil || m.Ciphers == nil) {
		return errors.New("policy: judges what versions and ciphers found; write versions: {} and ciphers: {} beside it")
	}
	if err := m.Policy.validate(); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	if m.ProxyURL != (ProxyURL{}) && m.ProxyFromEnvironment {
		return errors.New("proxy_from_environment: proxy_url names a proxy already; keep one of the two")
	}
	if source, err := netip.ParseAddr(string(m.SourceAddress)); err == nil && !m.IPProtocol.allows(source) {
		return fmt.Errorf("source_address %s is not of the family %s", strconv.Quote(string(m.SourceAddress)), m.IPProtocol)
	}
	return nil
}
