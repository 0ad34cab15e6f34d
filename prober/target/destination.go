package target

import (
	"cmp"
	"fmt"
	"net/netip"
)

// Destination is where a connection goes. Its address may not be known yet.
type Destination struct {
	Host       string     // the requested name
	Addr       netip.Addr // invalid: not known yet
	Port       uint16
	Overridden bool // the caller set the address; Host may not resolve to it
}

// Destination returns where a probe of the target connects to. Its address is
// valid only if the target has one.
func (t *Target) Destination() Destination {
	d := Destination{Host: t.Host, Addr: t.IP(), Port: t.Port, Overridden: t.Address.IsValid()}
	if d.Overridden {
		d.Addr, d.Port = t.Address.Addr(), cmp.Or(t.Address.Port(), t.Port)
	}
	return d
}

// At returns the destination with the address that its host resolved to.
func (d Destination) At(addr netip.AddrPort) Destination {
	d.Addr, d.Port = addr.Addr(), addr.Port()
	return d
}

func (d Destination) String() string {
	if d.Addr.IsValid() {
		return netip.AddrPortFrom(d.Addr, d.Port).String()
	}
	return fmt.Sprintf("%s port %d", d.Host, d.Port)
}

// Server identifies what a probe connects to, independent of scheme and server
// name: the path of a Unix socket or a file, the address and port that the caller set,
// or host:port.
func (t *Target) Server() string {
	if t.Path != "" {
		return t.Path
	}
	if d := t.Destination(); d.Overridden {
		return netip.AddrPortFrom(d.Addr, d.Port).String()
	}
	return t.HostPort()
}
