package tlstest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// StartPool starts servers on the same port of different addresses of loopback,
// as the addresses behind one name have it: those given, in their order. Their
// Address is of no account.
func (l *Lab) StartPool(addrs []netip.Addr, servers ...Server) (port uint16, err error) {
	for range portTries {
		if port, err = l.tryPool(addrs, servers); !errors.Is(err, errTaken) {
			return port, err
		}
	}
	return 0, err
}

var errTaken = errors.New("is taken")

// tryPool takes the port that the first server gets. Where another address has
// that port no more, those that stand already go on until the lab closes.
func (l *Lab) tryPool(addrs []netip.Addr, servers []Server) (uint16, error) {
	var port uint16
	for i, server := range servers {
		server.Address = net.JoinHostPort(addrs[i].String(), strconv.Itoa(int(port)))
		started, err := l.Start(server)
		if err != nil {
			return 0, err
		}
		got, err := netip.ParseAddrPort(started)
		if err != nil {
			return 0, err
		}
		if i > 0 && got.Port() != port {
			return 0, fmt.Errorf("port %d of %s %w", port, addrs[i], errTaken)
		}
		port = got.Port()
	}
	return port, nil
}
