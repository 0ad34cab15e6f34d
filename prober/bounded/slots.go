package bounded

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Slots limits how many of something there are at the same time. It is safe for
// concurrent use, and its zero value is ready to use.
type Slots struct {
	once sync.Once
	free *semaphore.Weighted
}

// Take waits for n of the slots, in turn. There are as many as the first caller says, and
// at least n. The caller calls leave to give them back. The error wraps ErrFull.
func (s *Slots) Take(ctx context.Context, n, slots int) (leave func(), err error) {
	s.once.Do(func() { s.free = semaphore.NewWeighted(int64(slots)) })
	if err := s.free.Acquire(ctx, int64(n)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFull, err)
	}
	return func() { s.free.Release(int64(n)) }, nil
}
