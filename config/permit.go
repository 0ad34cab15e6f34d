package config

import (
	"cmp"
	"fmt"
	"net/netip"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
)

// Permit returns an error that wraps failure.ErrDenied if a request may not probe the
// target with the module. Addresses of names are checked later, at the connection.
func (c *Config) Permit(module string, t target.Target) error {
	configured := c.Lists(module, t)
	if c.guard.Policy().ConfiguredOnly && !configured {
		return fmt.Errorf("%w: only listed targets may be probed, exactly as they are listed", failure.ErrDenied)
	}
	if t.Scheme == target.Unix && !configured && !c.guard.AllowsSocket(t.Path) {
		return fmt.Errorf("%w: a Unix socket has to be listed in the configuration, or allowed by a rule with its path", failure.ErrDenied)
	}
	return c.guard.CheckTarget(&t)
}

// Lists tells whether the files list the target with this module, and the request
// changes nothing about it.
func (c *Config) Lists(module string, t target.Target) bool {
	_, listed := c.Listed(module, t)
	return listed
}

// Contains tells whether the files list an endpoint.
func (c *Config) Contains(e Endpoint) bool {
	_, listed := c.listed[e]
	return listed
}

// Listed returns the endpoint that a request is about, and whether the files list it.
func (c *Config) Listed(module string, t target.Target) (Endpoint, bool) {
	e := c.endpoint(module, t)
	return e, c.Contains(e)
}

// Endpoint is a module and a target. Requests for the same probe have equal endpoints,
// also if one of them writes the server name or the address that is the default.
type Endpoint struct {
	module string
	target target.Target
}

func (c *Config) endpoint(module string, t target.Target) Endpoint {
	if named := t.ServerName; named != "" {
		t.ServerName = ""
		if named != cmp.Or(string(c.modules[module].ServerName), t.Name()) {
			t.ServerName = named
		}
	}
	if t.Address.IsValid() {
		t.Address = netip.AddrPortFrom(t.Address.Addr(), cmp.Or(t.Address.Port(), t.Port))
		if t.Address == netip.AddrPortFrom(t.IP(), t.Port) {
			t.Address = netip.AddrPort{}
		}
	}
	return Endpoint{module, t}
}
