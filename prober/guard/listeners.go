package guard

import (
	"net"
	"net/netip"
	"strings"
	"sync"
)

// Listeners are the addresses on which the exporter itself listens, which may not be
// probed. The zero value has none. It is safe for concurrent use.
type Listeners struct {
	mutex sync.RWMutex
	addrs []netip.AddrPort // an invalid address: all addresses of this machine
}

// Add adds addresses in the form of net.Listen and of net.Listener. A host name
// stands for all addresses of this machine. Port 0 and addresses of Unix sockets are
// ignored.
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

// contain reports whether the exporter listens at addr.
func (l *Listeners) contain(addr netip.AddrPort) bool {
	l.mutex.RLock()
	defer l.mutex.RUnlock()
	for _, own := range l.addrs {
		if own == addr || own.Port() == addr.Port() && !own.Addr().IsValid() && isLocal(addr.Addr()) {
			return true
		}
	}
	return false
}
