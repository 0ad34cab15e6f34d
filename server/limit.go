package server

import (
	"errors"
	"net/netip"
	"sync"
)

// DefaultMaxConcurrent is how many probes may run at once where nobody says
// otherwise. One that waits for a silent server takes some 40 kB, with the
// connection of who asked and the room that the garbage collector leaves itself,
// and one that reads all that a hostile server may send about 1 MB, which makes
// 40 MB and 1 GB of this many.
const DefaultMaxConcurrent = 1000

// errTooMany is said to who asks for more at once than there is room for.
var errTooMany = errors.New("too many probes are running; ask again, or give the exporter a higher --probe.max-concurrent")

// limit bounds how many probes run at once, and shares them out: a client may
// have no more of them than are left for the others, and nor may a target. So
// one alone gets half, two that want all a third each, and whoever comes last
// still finds room. A server that hangs cannot take all of it either, however
// many ask for it.
type limit struct {
	mutex sync.Mutex
	free  int
	held  map[holder]int // by those with a probe in flight
}

// holder is who places are shared out to: a client, or a target.
type holder struct {
	client netip.Prefix
	target string
}

func newLimit(most int) *limit { return &limit{free: most, held: make(map[holder]int)} }

// enter takes a place for a client and a target. If there is none for the one or
// the other, leave is nil.
func (l *limit) enter(client netip.Prefix, target string) (leave func()) {
	both := [...]holder{{client: client}, {target: target}}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, h := range both {
		if l.held[h] >= l.free {
			return nil
		}
	}
	l.free--
	for _, h := range both {
		l.held[h]++
	}
	return func() { l.release(both[:]) }
}

func (l *limit) release(both []holder) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.free++
	for _, h := range both {
		if l.held[h]--; l.held[h] == 0 {
			delete(l.held, h)
		}
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
