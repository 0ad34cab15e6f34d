package failure

import (
	"fmt"
	"runtime/debug"
)

// Contain runs do. It returns a panic, which the bytes of a server may cause, as a
// PanicError, whose reason is internal.
func Contain(do func()) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &PanicError{cause, debug.Stack()}
		}
	}()
	do()
	return nil
}

// PanicError is a recovered panic: its value and the stack where it happened.
type PanicError struct {
	Cause any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Cause, e.Stack) }
