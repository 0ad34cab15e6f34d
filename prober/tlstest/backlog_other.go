//go:build !linux

package tlstest

import (
	"errors"
	"net"
)

func shrinkBacklog(net.Listener) error {
	return errors.New("a server that hangs needs Linux")
}
