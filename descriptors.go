package main

import (
	"context"
	"fmt"
	"log/slog"
	"sort"
	"syscall"

	"tls_exporter/server"
)

// What the exporter has open, in file descriptors.
const (
	// baseDescriptors is what it has open without probes: its log, its sockets, the
	// poller, files that are being loaded, Prometheus's connection for /metrics.
	baseDescriptors = 32
	// probeDescriptors is what a probe has open: the connection of its client, and two
	// sockets. Those are the queries for A and AAAA, then the attempts to connect over IPv6
	// and IPv4. Where many addresses of a name do not answer, or are all probed, there are
	// more, up to resolve.MaxAddresses.
	probeDescriptors = 3
	// scanDescriptors is what the scan of a server has open, a connection for each
	// version; check.Cache makes at most maxScans at the same time.
	scanDescriptors, maxScans = 6, 50
	// reservedDescriptors is how many of the limit, and at most which share of it, probes
	// leave to connections of clients where the limit is too low for all probes.
	reservedDescriptors, reservedShare = 64, 4
)

// neededDescriptors is what the exporter has open with this many probes of requests in
// flight, and those of a run over all targets beside them.
func neededDescriptors(probes int) uint64 {
	return baseDescriptors + probeDescriptors*uint64(probes+server.InRun(probes)) + scanDescriptors*uint64(min(probes, maxScans))
}

// checkDescriptors warns if this many probes in flight may open more files than the
// limit of the process allows. Go has raised the soft limit to the hard one already
// (syscall/rlimit.go). It returns what keeps the last descriptors for answers, as Control
// of config.Loader; nil: there are enough for all.
//
// Without that, probes that hang would hold all of them, and a scrape would not even
// learn why it has no answer.
func checkDescriptors(limit uint64, probes int, logger *slog.Logger) func(context.Context, string, string, syscall.RawConn) error {
	if limit == 0 || limit >= neededDescriptors(probes) {
		return nil
	}
	fits := sort.Search(probes, func(n int) bool { return neededDescriptors(n+1) > limit })
	logger.Warn("The limit of open files is too low for --probe.max-concurrent: under load, probes will fail with local_resources. Raise the limit (ulimit -n, LimitNOFILE=), or lower the flag",
		"limit", limit, "needed", neededDescriptors(probes), "max_concurrent", probes, "max_concurrent_that_fits", max(1, fits))
	end := limit - min(reservedDescriptors, limit/reservedShare)
	return func(_ context.Context, _, _ string, raw syscall.RawConn) error {
		var socket uintptr
		if err := raw.Control(func(fd uintptr) { socket = fd }); err != nil {
			return err
		}
		if uint64(socket) < end { // a new descriptor is the lowest that is free (POSIX, open)
			return nil
		}
		return fmt.Errorf("of %d descriptors, the last %d are kept for answers: %w", limit, limit-end, syscall.EMFILE)
	}
}
