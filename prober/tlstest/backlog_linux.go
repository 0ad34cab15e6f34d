package tlstest

import (
	"net"
	"syscall"
)

// shrinkBacklog leaves a listener room for one connection that nobody accepts.
// Linux drops what comes after that unanswered (listen(2), tcp(7) under
// tcp_abort_on_overflow).
func shrinkBacklog(listener net.Listener) error {
	raw, err := listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	if err := raw.Control(func(fd uintptr) { failure = syscall.Listen(int(fd), 0) }); err != nil {
		return err
	}
	return failure
}
