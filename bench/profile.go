package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

// profileSeconds is the length of the CPU profile.
const profileSeconds = 30

// profiles writes profiles of the exporter under load to a folder: cpu.pprof, from which
// default.pgo is copied, and allocs.pprof.
func (b *bench) profiles(ctx context.Context, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	working, done := context.WithCancel(ctx)
	worked := make(chan error, 1)
	go func() {
		var err error
		for err == nil && working.Err() == nil {
			for _, chain := range []string{chainP256, chainRSA} {
				err = errors.Join(err, b.exporter.scrape(ctx, b.targets(chain, 200), "default", 0, 200, b.plan.workers))
			}
		}
		worked <- err
	}()
	err := b.exporter.save(ctx, fmt.Sprintf("/debug/pprof/profile?seconds=%d", profileSeconds), filepath.Join(folder, "cpu.pprof"))
	done()
	return errors.Join(err, <-worked, b.exporter.save(ctx, "/debug/pprof/allocs", filepath.Join(folder, "allocs.pprof")))
}

func (e *exporter) save(ctx context.Context, path, file string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.address+path, nil)
	if err != nil {
		return err
	}
	content, err := e.fetch(request)
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}
