package tlstest

import (
	"net"
	"syscall"
)

// shrinkBacklog reduces a listener's backlog to one connection. Linux drops
// further connection requests without an answer (listen(2), tcp(7) under
// tcp_abort_on_overflow).
func shrinkBacklog(listener net.Listener) error {
	raw, err := listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	var controlErr error
	if err := raw.Control(func(fd uintptr) { controlErr = syscall.Listen(int(fd), 0) }); err != nil {
		return err
	}
	return controlErr
}
