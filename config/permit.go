package config

import (
	"cmp"
	"fmt"
	"net/netip"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
)

// Permit says why a request may not have this target probed by this module; nil:
// it may, as far as can be told without resolving a name.
func (c *Config) Permit(module string, t target.Target) error {
	configured := c.lists(module, t)
	if c.guard.Policy().ConfiguredOnly && !configured {
		return fmt.Errorf("%w: only what the configuration lists may be probed, as it is listed", failure.ErrDenied)
	}
	if t.Path != "" && !configured && !c.guard.AllowsSocket(t.Path) {
		return fmt.Errorf("%w: a Unix socket has to be listed in the configuration, or allowed by a rule with its path", failure.ErrDenied)
	}
	return c.guard.CheckTarget(&t)
}

// lists tells whether the file has this target under this module, and the
// request changes nothing about it.
func (c *Config) lists(module string, t target.Target) bool {
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

// listing is a target of the file and the module that it is probed by.
type listing struct {
	module string
	target target.Target
}
