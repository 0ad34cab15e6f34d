package connect

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
)

// attemptDelay is how long an attempt has before the next address is tried in
// parallel: the Connection Attempt Delay of RFC 8305 section 5.
const attemptDelay = 250 * time.Millisecond

// interleave alternates between the two families (RFC 8305 section 4). It begins with
// the family of the first address, and keeps the order within each family.
func interleave(addrs []netip.Addr) []netip.Addr {
	var first, second []netip.Addr
	for _, addr := range addrs {
		if addr.Is4() == addrs[0].Is4() {
			first = append(first, addr)
		} else {
			second = append(second, addr)
		}
	}
	if len(second) == 0 {
		return first
	}
	all := make([]netip.Addr, 0, len(addrs))
	for len(first) > 0 || len(second) > 0 {
		if len(first) > 0 {
			all, first = append(all, first[0]), first[1:]
		}
		if len(second) > 0 {
			all, second = append(all, second[0]), second[1:]
		}
	}
	return all
}

// race is Happy Eyeballs (RFC 8305): the next address is tried when the last attempt
// fails, or in parallel after attemptDelay. race returns the first connection, or the
// errors of all attempts, once every attempt that it started has ended.
func (r *Route) race(ctx context.Context, t *target.Target, addrs []netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	type attempt struct {
		conn net.Conn
		err  error
	}
	results := make(chan attempt, len(addrs))
	started, running := 0, 0
	start := func() {
		addr := addrs[started]
		started, running = started+1, running+1
		go func() {
			conn, err := failure.Try(func() (net.Conn, error) { return r.dialAddress(ctx, t, addr) })
			results <- attempt{conn, err}
		}()
	}

	start()
	next := time.NewTimer(attemptDelay)
	defer next.Stop()
	var winner net.Conn
	var failures []error
	for running > 0 {
		select {
		case <-next.C:
			if started < len(addrs) && winner == nil {
				start()
				next.Reset(attemptDelay)
			}
		case result := <-results:
			running--
			switch {
			case result.err != nil && winner == nil:
				failures = append(failures, result.err)
				if started < len(addrs) && ctx.Err() == nil {
					start()
					next.Reset(attemptDelay)
				}
			case result.err == nil && winner == nil:
				winner = result.conn
				cancel()
			case result.err == nil:
				result.conn.Close()
			}
		}
	}
	if winner != nil {
		return winner, nil
	}
	return nil, errors.Join(failures...)
}
