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

// Policy is who may be probed, in the owner's words. The zero value allows all
// that is not denied to everybody (see denials).
type Policy struct {
	// ConfiguredOnly refuses whatever the file does not list.
	ConfiguredOnly bool `yaml:"configured_only"`
	// Allow, if it says anything of the network at large, is all of the network
	// that may be probed; what it says of Unix sockets is which may be probed
	// unlisted.
	Allow []Rule `yaml:"allow"`
	// Deny is what may not be probed, whatever Allow says.
	Deny []Rule `yaml:"deny"`
}

// Rule is about the Destinationpoints for which all that it says is true. It speaks of
// the network, or of Unix sockets.
type Rule struct {
	CIDR CIDR        `yaml:"cidr"`
	Host HostPattern `yaml:"host"`
	Port Ports       `yaml:"port"`
	Unix PathPattern `yaml:"unix"`
}

// Validate finds a rule that says nothing, or of two things at once.
func (p *Policy) Validate() error {
	for _, list := range []struct {
		name  string
		rules []Rule
	}{{"allow", p.Allow}, {"deny", p.Deny}} {
		for i, rule := range list.rules {
			switch {
			case rule == Rule{}:
				return fmt.Errorf("%s: [%d] says nothing; write one or more of cidr, host and port, or unix", list.name, i)
			case rule.Unix != "" && rule != Rule{Unix: rule.Unix}:
				return fmt.Errorf("%s: [%d] is about unix, which has no cidr, host or port", list.name, i)
			}
		}
	}
	return nil
}

// limitsNetwork reports whether Allow leaves out any of the network. A rule that is
// there to lift what is denied to everybody has nothing to say of the rest.
func (p *Policy) limitsNetwork() bool {
	return slices.ContainsFunc(p.Allow, func(r Rule) bool {
		lifts := slices.ContainsFunc(denials, func(d denial) bool { return r.CIDR.within(d.block) })
		return r.Unix == "" && !lifts
	})
}

// LimitsAddresses reports whether any rule takes knowing an address.
func (p *Policy) LimitsAddresses() bool {
	return slices.ContainsFunc(slices.Concat(p.Allow, p.Deny), func(r Rule) bool { return r.CIDR != CIDR{} })
}

// matches reports whether the rule is about an endpoint; unknown is what to say of
// an address that is not known yet.
func (r *Rule) matches(e target.Destination, unknown bool) bool {
	if r.Unix != "" || r.Port != (Ports{}) && !r.Port.contain(e.Port) || r.Host != "" && !r.Host.matches(e.Host) {
		return false
	}
	switch {
	case r.CIDR == CIDR{}:
		return true
	case !e.Addr.IsValid():
		return unknown
	}
	return slices.ContainsFunc(equivalents(e.Addr), r.CIDR.Contains)
}

// allows reports whether the rule, of Allow, vouches for an endpoint. A name
// vouches for the addresses that it has, and for no other that a caller dials
// under it.
func (r *Rule) allows(e target.Destination) bool {
	return r.matches(e, true) && (r.Host == "" || r.CIDR != CIDR{} || !e.Overridden)
}

// CIDR is a block of addresses.
type CIDR struct{ netip.Prefix }

func (c CIDR) within(block netip.Prefix) bool {
	return c != CIDR{} && block.Bits() <= c.Bits() && block.Contains(c.Addr())
}

// UnmarshalText takes a prefix, or one address.
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
		return fmt.Errorf("%s has bits beyond its length; write %s", text.Quote(string(value)), prefix.Masked())
	}
	c.Prefix = prefix
	return nil
}

// HostPattern is a DNS name, or *. and one: all names below it.
type HostPattern string

// UnmarshalText takes a name in either spelling of an IDN.
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
	if ending, below := strings.CutPrefix(string(h), "*"); below {
		return strings.HasSuffix(host, ending)
	}
	return host == string(h)
}

// Ports is a range of ports; the zero value is none.
type Ports struct{ first, last uint16 }

// UnmarshalText takes 443 or 8000-8999.
func (p *Ports) UnmarshalText(value []byte) error {
	from, to, ranging := strings.Cut(string(value), "-")
	if !ranging {
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

// PathPattern is the path of Unix sockets, in which * is anything but a slash.
type PathPattern string

// UnmarshalText takes an absolute path that path.Match can read.
func (p *PathPattern) UnmarshalText(value []byte) error {
	pattern := string(value)
	if _, err := path.Match(pattern, "/"); err != nil || !strings.HasPrefix(pattern, "/") {
		return errors.New("is not the path of sockets; write /run/app/*.sock")
	}
	*p = PathPattern(pattern)
	return nil
}

// matches takes a path for where it leads: /run/app/../docker.sock is not below
// /run/app.
func (p PathPattern) matches(socket string) bool {
	if p == "" {
		return false
	}
	matched, err := path.Match(string(p), path.Clean(socket))
	return err == nil && matched
}
