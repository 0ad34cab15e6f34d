//go:build unix

package guard

import (
	"net"
	"syscall"
)

// readable reports whether a socket has bytes to read, and leaves them there. A read
// with a deadline in the past would not do: the runtime fails it without a look at
// the socket.
func readable(conn net.Conn) bool {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	var n int
	err = raw.Read(func(fd uintptr) (done bool) {
		n, _, _ = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK) // the runtime's sockets do not block
		return true
	})
	return err == nil && n > 0
}
