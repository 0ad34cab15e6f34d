package collector

import (
	"errors"
	"net/netip"
	"sync"
)

// DefaultMaxConcurrent is how many probes may run at once where nobody says
// otherwise. One that waits for a silent server takes some 120 kB, with the
// connection of who asked and the room that the garbage collector leaves itself,
// and one that reads all that a hostile server may send about 1 MB, which makes
// 120 MB and 1 GB of this many.
const DefaultMaxConcurrent = 1000

// errTooMany is said to who asks for more at once than there is room for.
var errTooMany = errors.New("too many probes are running; ask again, or give the exporter a higher --probe.max-concurrent")

// limit bounds how many probes run at once, and shares them out: a client may
// have no more of them than are left for the others. So one alone gets half, two
// that want all a third each, and whoever comes last still finds room.
type limit struct {
	mutex   sync.Mutex
	free    int
	clients map[netip.Prefix]int // those with a probe in flight, and how many
}

func newLimit(most int) *limit {
	return &limit{free: most, clients: make(map[netip.Prefix]int)}
}

// enter takes a place for a client. If there is none for it, leave is nil.
func (l *limit) enter(client netip.Prefix) (leave func()) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.clients[client] >= l.free {
		return nil
	}
	l.free--
	l.clients[client]++
	return func() { l.leave(client) }
}

func (l *limit) leave(client netip.Prefix) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.free++
	if l.clients[client]--; l.clients[client] == 0 {
		delete(l.clients, client)
	}
}

// networkBits is how much of an IPv6 address tells one client from another: the
// rest is whatever it likes (RFC 4291 section 2.5.4).
const networkBits = 64

// clientOf is who a connection comes from; no prefix at all for what has no IP
// address. What a header says of it is not asked: anybody can write one.
func clientOf(remote string) netip.Prefix {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr := from.Addr().Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = networkBits
	}
	return netip.PrefixFrom(addr, bits).Masked()
}
