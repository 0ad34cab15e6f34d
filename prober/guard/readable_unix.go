//go:build unix

package guard

import (
	"net"
	"syscall"
)

// readable looks at a socket without taking from it. A read with a deadline
// that is over would not do: the runtime answers it without asking the socket.
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
