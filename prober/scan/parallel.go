package scan

import (
	"context"
	"errors"
	"sync"
	"time"

	"tls_exporter/prober/failure"
)

// wait waits for the pause. It is false if ctx ends before.
func wait(ctx context.Context, pause time.Duration) bool {
	if pause <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Parallel runs the tasks at the same time and waits for all of them. A panic of a
// task is an error.
func Parallel(tasks ...func()) error {
	errs := make([]error, len(tasks))
	var group sync.WaitGroup
	for i, task := range tasks {
		group.Go(func() { errs[i] = failure.Contain(task) })
	}
	group.Wait()
	return errors.Join(errs...)
}
