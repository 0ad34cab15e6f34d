package guard

import (
	"net"
	"net/netip"
	"strings"
	"sync"
)

// Listeners are the addresses on which the exporter itself listens. Nobody may
// have them probed. The zero value is none; it is safe for concurrent use.
type Listeners struct {
	mutex sync.RWMutex
	addrs []netip.AddrPort // without an address: on all of this machine's
}

// Add notes addresses, as net.Listen takes them and as listeners name them. A
// host name may be any address of this machine. A port that the system has yet to
// choose, and an address of another network than TCP, are ignored.
func (l *Listeners) Add(addresses ...string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
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
		l.addrs = append(l.addrs, netip.AddrPortFrom(addr.Unmap().WithZone(""), uint16(port)))
	}
}

// at reports whether the exporter listens at addr. The addresses of a machine
// change, so it is asked for them each time; if it fails to answer, addr may be
// one of them.
func (l *Listeners) at(addr netip.AddrPort) bool {
	l.mutex.RLock()
	defer l.mutex.RUnlock()
	for _, own := range l.addrs {
		if own == addr || own.Port() == addr.Port() && !own.Addr().IsValid() && isLocal(addr.Addr()) {
			return true
		}
	}
	return false
}
