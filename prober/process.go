package prober

import (
	"net"
	"net/netip"
	"strings"
	"sync"
)

// Process is what outlives every configuration that it loads: where the exporter
// itself listens, and findings that are kept between probes. The zero value
// listens nowhere.
type Process struct {
	mutex     sync.RWMutex
	listening []netip.AddrPort // without an address: on all of this machine's

	once  sync.Once
	holds *keeper
}

func (p *Process) keeper() *keeper {
	p.once.Do(func() { p.holds = newKeeper() })
	return p.holds
}

// Adopt makes c the configuration of its process from now on: findings of what
// none of its modules asks any more are dropped.
func (c *Config) Adopt() {
	asked := make(map[[16]byte]bool)
	for _, prober := range c.Probers {
		for _, asks := range prober.asksAll() {
			asked[asks] = true
		}
	}
	c.guard.process.keeper().retain(asked)
}

// Close ends the making of findings that no probe waits for any more, and returns
// when it has ended. No probe may run by then.
func (p *Process) Close() { p.keeper().close() }

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
