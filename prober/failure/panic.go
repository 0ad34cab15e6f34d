package failure

import (
	"fmt"
	"runtime/debug"
)

// Contain runs do, and turns a panic, which a stranger's bytes may cause, into
// an error with the reason internal.
func Contain(do func()) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &PanicError{cause, debug.Stack()}
		}
	}()
	do()
	return nil
}

// PanicError is a panic that was contained.
type PanicError struct {
	Cause any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Cause, e.Stack) }
