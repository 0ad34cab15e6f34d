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
	if t.Path != "" && !configured && !c.guard.AllowsSocket(t.Path) {
		return fmt.Errorf("%w: a Unix socket has to be listed in the configuration, or allowed by a rule with its path", failure.ErrDenied)
	}
	return c.guard.CheckTarget(&t)
}

// Lists tells whether the file lists the target with this module, and the request
// changes nothing about it.
func (c *Config) Lists(module string, t target.Target) bool {
	asked := t
	asked.ServerName, asked.Address = "", netip.AddrPort{}
	if t.Address.IsValid() && (t.Address.Addr() != t.IP() || cmp.Or(t.Address.Port(), t.Port) != t.Port) {
		return false
	}
	if m, known := c.modules[module]; t.ServerName != "" && (!known || t.ServerName != cmp.Or(string(m.ServerName), asked.Name())) {
		return false
	}
	_, listed := c.listed[listing{module, asked}]
	return listed
}

// listing is a target of the file, and its module.
type listing struct {
	module string
	target target.Target
}
