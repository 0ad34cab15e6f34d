package target

import (
	"cmp"
	"fmt"
	"net/netip"
)

// Destination is where a connection goes, as far as that is known.
type Destination struct {
	Host       string     // the name that was asked for
	Addr       netip.Addr // invalid: not known yet
	Port       uint16
	Overridden bool // the caller set the address, which need not be one of Host
}

// Destination is where a probe of the target goes, as far as the target says.
func (t *Target) Destination() Destination {
	d := Destination{Host: t.Host, Addr: t.IP(), Port: t.Port, Overridden: t.Address.IsValid()}
	if d.Overridden {
		d.Addr, d.Port = t.Address.Addr(), cmp.Or(t.Address.Port(), t.Port)
	}
	return d
}

// At is the destination at the address that it turned out to have.
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

// Server is what a probe connects to, whatever it says there and under which
// name: host:port, with the address for the host where the caller set it, or a
// path.
func (t *Target) Server() string {
	if t.Path != "" {
		return t.Path
	}
	if d := t.Destination(); d.Overridden {
		return netip.AddrPortFrom(d.Addr, d.Port).String()
	}
	return t.HostPort()
}
