package bounded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Room limits how many large answers are in memory at the same time. Most servers answer a
// ClientHello with less than SmallAnswer, and need none of it. It is safe for concurrent
// use, and its zero value is ready to use.
type Room struct {
	once          sync.Once
	medium, large chan struct{} // a value for each that is in memory
}

// The sizes of answers, in bytes, and how many larger ones there may be at a time. What is
// made of an answer takes up to some ten times its size in memory.
const (
	SmallAnswer  = 10 << 10
	mediumAnswer = 40 << 10
	maxMedium    = 32
	MaxLarge     = 8
)

// ErrFull is the error of a reader that found no room before its context ended.
var ErrFull = errors.New("too many servers send large answers at the same time")

// ErrTooLarge is the error about an answer above the limit of its reader.
var ErrTooLarge = errors.New("the server sent too many bytes")

// Reader reads one answer. It waits for room before it reads beyond SmallAnswer.
type Reader struct {
	in    io.Reader
	ctx   context.Context
	room  *Room
	limit int
	read  int
	held  []chan struct{}
}

// Reader returns a reader of at most limit bytes of in. The caller calls Release once
// nothing of the answer is in memory any more.
func (r *Room) Reader(ctx context.Context, in io.Reader, limit int) Reader {
	r.once.Do(func() { r.medium, r.large = make(chan struct{}, maxMedium), make(chan struct{}, MaxLarge) })
	return Reader{in: in, ctx: ctx, room: r, limit: limit}
}

// Hold waits for the room that an answer of size bytes needs which was read before. The
// caller calls Release of the reader, also after an error, which wraps ErrFull.
func (r *Room) Hold(ctx context.Context, size int) (Reader, error) {
	held := r.Reader(ctx, nil, size)
	for held.read < size {
		end, err := held.next()
		if err != nil {
			return held, err
		}
		held.read = end
	}
	return held, nil
}

// Read reads from the connection. The error wraps ErrTooLarge or ErrFull, or is one of the
// connection.
func (r *Reader) Read(b []byte) (int, error) {
	end, err := r.next()
	if err != nil {
		return 0, err
	}
	n, err := r.in.Read(b[:min(len(b), end-r.read)])
	r.read += n
	return n, err
}

// next returns up to which byte may be read now.
func (r *Reader) next() (end int, err error) {
	switch {
	case r.read >= r.limit:
		return 0, fmt.Errorf("%w: more than %d", ErrTooLarge, r.limit)
	case r.read < SmallAnswer:
		return min(r.limit, SmallAnswer), nil
	case r.read < mediumAnswer:
		return min(r.limit, mediumAnswer), r.take(0, r.room.medium)
	}
	return r.limit, r.take(1, r.room.large)
}

// take takes one of the places, unless the reader has it already: it is the one at index.
func (r *Reader) take(index int, places chan struct{}) error {
	if len(r.held) > index {
		return nil
	}
	select {
	case places <- struct{}{}: // also after the end of the context
		r.held = append(r.held, places)
		return nil
	default:
	}
	select {
	case places <- struct{}{}:
		r.held = append(r.held, places)
		return nil
	case <-r.ctx.Done():
		return fmt.Errorf("%w: %w", ErrFull, r.ctx.Err())
	}
}

// Release gives the room back. Afterwards the reader must not be used.
func (r *Reader) Release() {
	for _, places := range r.held {
		<-places
	}
	r.held = nil
}
