package fetch

import (
	"context"
	"errors"
	"io"

	"tls_exporter/prober/failure"
)

// reserve waits until a large content may be read, and returns a function that ends that.
type reserve func(ctx context.Context) (leave func(), err error)

// smallContent is how many bytes may be read without a reservation.
const smallContent = 1 << 20

// content reads the content of a response, up to a limit. It waits for a reservation
// before it reads more than smallContent.
type content struct {
	ctx     context.Context
	in      io.Reader
	limit   int64
	read    int64
	reserve reserve
	leave   func() // nil: nothing is reserved
	failure error  // of reading; nil: none yet
}

// Read is io.Reader's. Its errors but io.EOF are kept in failure.
func (c *content) Read(b []byte) (int, error) {
	if c.failure != nil {
		return 0, c.failure
	}
	if err := c.ready(); err != nil {
		c.failure = err
		return 0, err
	}
	n, err := c.in.Read(b[:min(int64(len(b)), c.end()-c.read)])
	c.read += int64(n)
	if c.read > c.limit {
		c.failure = tooLarge(c.limit)
		return 0, c.failure
	}
	if err != nil && err != io.EOF {
		c.failure = err
	}
	return n, err
}

// end is up to which byte may be read now: one byte over the limit tells that there are
// more.
func (c *content) end() int64 {
	if c.leave == nil {
		return min(c.limit+1, smallContent)
	}
	return c.limit + 1
}

// ready waits for the reservation, once it is needed.
func (c *content) ready() error {
	if c.read < smallContent || c.leave != nil {
		return nil
	}
	leave, err := c.reserve(c.ctx)
	if err != nil {
		return failure.With(failure.ReasonLocalResources, err)
	}
	c.leave = leave
	return nil
}

func (c *content) release() {
	if c.leave != nil {
		c.leave()
	}
}

// drained requires that nothing is left: a parser that stops early has not seen all.
func (c *content) drained() error {
	var next [1]byte
	switch n, err := c.Read(next[:]); {
	case n > 0:
		return failure.New(failure.ReasonBadContent, "bytes follow what was expected")
	case err == nil || errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

func tooLarge(limit int64) error {
	return failure.New(failure.ReasonTooLarge, "the content has more than %d bytes", limit)
}
