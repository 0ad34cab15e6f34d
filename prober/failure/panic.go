package failure

import (
	"bytes"
	"fmt"
	"runtime/debug"
)

// Contain runs do. It returns a panic, which the bytes of a server may cause, as a
// PanicError, whose reason is internal.
func Contain(do func()) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = newPanicError(cause)
		}
	}()
	do()
	return nil
}

// Try is Contain for a function with a result. After a panic the result is zero.
func Try[T any](do func() (T, error)) (value T, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			var none T
			value, err = none, newPanicError(cause)
		}
	}()
	return do()
}

// PanicError is a recovered panic: its value and the stack where it happened.
type PanicError struct {
	Cause any
	Stack []byte
}

// maxStack bounds a stack, in bytes: a cached failure keeps it.
const maxStack = 8 << 10

func newPanicError(cause any) *PanicError {
	stack := debug.Stack()
	return &PanicError{cause, bytes.Clone(stack[:min(len(stack), maxStack)])}
}

// Recovered returns what a deferred function recovered as a failure of a phase.
func Recovered(phase Phase, cause any) *Failure { return For(phase, newPanicError(cause)) }

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Cause, e.Stack) }
