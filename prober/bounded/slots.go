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

// maxSlots is how many there are.
const maxSlots = 160

// Take waits for n slots, at most all of them, in turn. The caller calls leave to give
// them back. The error wraps ErrFull.
func (s *Slots) Take(ctx context.Context, n int) (leave func(), err error) {
	s.once.Do(func() { s.free = semaphore.NewWeighted(maxSlots) })
	if err := s.free.Acquire(ctx, int64(n)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFull, err)
	}
	return func() { s.free.Release(int64(n)) }, nil
}
