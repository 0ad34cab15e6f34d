package prober

import (
	"net"
	"net/netip"
	"strings"
	"sync"
)

// Process is what outlives every configuration that it loads: where the exporter
// itself listens. The zero value listens nowhere.
type Process struct {
	mutex     sync.RWMutex
	listening []netip.AddrPort // without an address: on all of this machine's
}

// Listens notes addresses that the exporter listens on, as net.Listen takes them
// and as listeners name them: from then on nobody may have them probed. One by
// name may be any of this machine's. A port that the system has yet to choose,
// or what is no TCP, is passed over.
func (p *Process) Listens(addresses ...string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, written := range addresses {
		host, service, err := net.SplitHostPort(written)
		if err != nil || strings.Contains(written, "/") {
			continue
		}
		port, err := net.LookupPort("tcp", service)
		if err != nil || port == 0 {
			continue
		}
		addr, err := netip.ParseAddr(host)
		if err != nil || addr.IsUnspecified() {
			addr = netip.Addr{}
		}
		p.listening = append(p.listening, netip.AddrPortFrom(addr.Unmap().WithZone(""), uint16(port)))
	}
}

// listensAt tells whether the exporter listens at addr. Addresses of a machine
// come and go, so it is asked for them anew; if it will not say, any may be one.
func (p *Process) listensAt(addr netip.AddrPort) bool {
	p.mutex.RLock()
	defer p.mutex.RUnlock()
	for _, own := range p.listening {
		if own == addr || own.Port() == addr.Port() && !own.Addr().IsValid() && isLocal(addr.Addr()) {
			return true
		}
	}
	return false
}
