package server

import (
	"errors"
	"net/netip"
	"sync"
)

// DefaultMaxConcurrent is the default limit of probes in flight. A probe that waits for
// a silent server needs about 40 kB, with the client's connection and the room that
// the garbage collector leaves. This many need 40 MB. Against servers that send the worst
// certificates the whole exporter takes 300 MB (go run ./bench -only worst, with 1000
// probes).
const DefaultMaxConcurrent = 1000

// errTooMany is the answer to a request above a limit.
var errTooMany = errors.New("too many probes are running; try again later, or raise --probe.max-concurrent")

// limit limits the probes in flight, of all and of each client and each target. A
// client, or a target, gets a slot only while it has fewer than are free. So one alone
// gets half of them, two get a third each, and there is always a slot for another one.
// Neither a greedy client nor a server that hangs can occupy all slots.
type limit struct {
	most  int
	mutex sync.Mutex
	free  int
	held  map[holder]int // slots of those with a probe in flight
}

// holder is a client or a target.
type holder struct {
	client netip.Prefix
	target string
}

func newLimit(most int) *limit { return &limit{most: most, free: most, held: make(map[holder]int)} }

// enter takes a slot for a client and a target. If one of the two may not have another
// slot, leave is nil.
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

// networkBits is the length of the prefix that identifies an IPv6 client: it chooses
// the rest of the address itself (RFC 4291 section 2.5.4).
const networkBits = 64

// clientOf is the client of a connection; the zero Prefix if it has no IP address.
// Headers such as X-Forwarded-For do not count: a client can set them.
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
