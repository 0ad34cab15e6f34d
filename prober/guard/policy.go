package guard

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// Policy says which targets may be probed. The zero value allows all but the
// built-in deny list.
type Policy struct {
	// ConfiguredOnly denies targets that the configuration does not list.
	ConfiguredOnly bool `yaml:"configured_only"`
	// Allow limits the network to the destinations that a rule matches, unless all
	// its rules are about Unix sockets or the built-in deny list. Unix sockets that
	// the configuration does not list need a rule.
	Allow []Rule `yaml:"allow"`
	// Deny has precedence over Allow.
	Deny []Rule `yaml:"deny"`
	// NAT64Prefixes are those of the network. The well-known prefix is known without.
	NAT64Prefixes []NAT64Prefix `yaml:"nat64_prefixes"`
	// FileDirectories are those below which files with certificates are read. Without any,
	// no such file is.
	FileDirectories []Directory `yaml:"file_directories"`
}

// Rule matches the destinations, or the Unix sockets, that all its fields match.
// An empty field matches everything.
type Rule struct {
	CIDR CIDR        `yaml:"cidr"`
	Host HostPattern `yaml:"host"`
	Port Ports       `yaml:"port"`
	Unix PathPattern `yaml:"unix"`
}

// Validate returns an error for a rule that is empty, or that has both unix and
// another field.
func (p *Policy) Validate() error {
	for _, list := range []struct {
		name  string
		rules []Rule
	}{{"allow", p.Allow}, {"deny", p.Deny}} {
		for i, rule := range list.rules {
			switch {
			case rule == Rule{}:
				return fmt.Errorf("%s: [%d] is empty; write one or more of cidr, host and port, or unix", list.name, i)
			case rule.Unix != "" && rule != Rule{Unix: rule.Unix}:
				return fmt.Errorf("%s: [%d] has unix, which excludes cidr, host and port", list.name, i)
			}
		}
	}
	return nil
}

// limitsNetwork reports whether Allow excludes the rest of the network. A rule within
// the built-in deny list makes an exception to that list and excludes nothing.
func (p *Policy) limitsNetwork() bool {
	return slices.ContainsFunc(p.Allow, func(r Rule) bool {
		exception := slices.ContainsFunc(denials, func(d denial) bool { return r.CIDR.within(d.block) })
		return r.Unix == "" && !exception
	})
}

// LimitsAddresses reports whether any rule has a block of addresses, so that names
// must be resolved.
func (p *Policy) LimitsAddresses() bool {
	return slices.ContainsFunc(slices.Concat(p.Allow, p.Deny), func(r Rule) bool { return r.CIDR != CIDR{} })
}

// matches reports whether the rule matches a destination. Within tells whether the
// destination is in a block.
func (r *Rule) matches(d target.Destination, within func(CIDR) bool) bool {
	if r.Unix != "" || r.Port != (Ports{}) && !r.Port.contain(d.Port) || r.Host != "" && !r.Host.matches(d.Host) {
		return false
	}
	return r.CIDR == CIDR{} || within(r.CIDR)
}

// allows reports whether the rule, one of Allow, allows a destination. A rule with a
// name alone allows the addresses that the name resolves to, but not an address that
// a caller gives for the name.
func (r *Rule) allows(d target.Destination, means *meaning) bool {
	return r.matches(d, means.isIn) && (r.Host == "" || r.CIDR != CIDR{} || !d.Overridden)
}

// CIDR is a block of addresses; the zero value: none.
type CIDR struct{ netip.Prefix }

func (c CIDR) within(block netip.Prefix) bool {
	return c != CIDR{} && block.Bits() <= c.Bits() && block.Contains(c.Addr())
}

// UnmarshalText accepts a prefix or one address.
func (c *CIDR) UnmarshalText(value []byte) error {
	if addr, err := netip.ParseAddr(string(value)); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		c.Prefix = netip.PrefixFrom(addr, addr.BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(string(value))
	switch {
	case err != nil:
		return fmt.Errorf("%s is not a block of addresses; write 10.0.0.0/8, fd00::/8 or one address", text.Quote(string(value)))
	case prefix.Addr().Is4In6():
		return fmt.Errorf("%s is IPv4 within IPv6; write it as IPv4", text.Quote(string(value)))
	case prefix != prefix.Masked():
		return fmt.Errorf("%s has bits set beyond its prefix length; write %s", text.Quote(string(value)), prefix.Masked())
	}
	c.Prefix = prefix
	return nil
}

// HostPattern is a DNS name, or *. and a name, which matches all names below it.
type HostPattern string

// UnmarshalText accepts a name in U-labels or A-labels.
func (h *HostPattern) UnmarshalText(value []byte) error {
	name, below := strings.CutPrefix(string(value), "*.")
	host, err := target.ParseHost(name)
	if err != nil {
		return err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return fmt.Errorf("%s is an address; write it as cidr", text.Quote(name))
	}
	*h = HostPattern(strings.TrimSuffix(host, "."))
	if below {
		*h = "*." + *h
	}
	return nil
}

func (h HostPattern) matches(host string) bool {
	host = strings.TrimSuffix(host, ".")
	if suffix, below := strings.CutPrefix(string(h), "*"); below {
		return strings.HasSuffix(host, suffix)
	}
	return host == string(h)
}

// Ports is a range of ports; the zero value is none.
type Ports struct{ first, last uint16 }

// UnmarshalText accepts a port or a range, as in 443 or 8000-8999.
func (p *Ports) UnmarshalText(value []byte) error {
	from, to, isRange := strings.Cut(string(value), "-")
	if !isRange {
		to = from
	}
	first, err := target.ParsePort(from)
	if err != nil {
		return err
	}
	last, err := target.ParsePort(to)
	if err != nil {
		return err
	}
	if last < first {
		return fmt.Errorf("the range %s ends before it begins", text.Quote(string(value)))
	}
	*p = Ports{first, last}
	return nil
}

func (p Ports) contain(port uint16) bool { return p.first <= port && port <= p.last }

func (p Ports) String() string {
	if p.first == p.last {
		return strconv.Itoa(int(p.first))
	}
	return fmt.Sprintf("%d-%d", p.first, p.last)
}

// PathPattern is a pattern of path.Match for the paths of Unix sockets.
type PathPattern string

// UnmarshalText accepts an absolute path that is a pattern of path.Match.
func (p *PathPattern) UnmarshalText(value []byte) error {
	pattern := string(value)
	if _, err := path.Match(pattern, "/"); err != nil || !strings.HasPrefix(pattern, "/") {
		return errors.New("is not an absolute path or pattern of sockets, as in /run/app/*.sock")
	}
	*p = PathPattern(pattern)
	return nil
}

// matches cleans the path first: /run/app/../docker.sock is not below /run/app.
func (p PathPattern) matches(socket string) bool {
	if p == "" {
		return false
	}
	matched, err := path.Match(string(p), path.Clean(socket))
	return err == nil && matched
}
