package tlstest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// StartPool starts servers on the same port of different loopback addresses,
// like the addresses behind one name. Server i gets addrs[i]. Of its Address
// only the port of the first server counts, as in Server.
func (l *Lab) StartPool(addrs []netip.Addr, servers ...Server) (port uint16, err error) {
	if first := servers[0].Address; first != "" {
		at, err := netip.ParseAddrPort(first)
		if err != nil {
			return 0, err
		}
		port = at.Port()
	}
	for range portTries {
		if port, err = l.tryPool(addrs, servers, port); !errors.Is(err, errPortInUse) {
			return port, err
		}
	}
	return 0, err
}

var errPortInUse = errors.New("is in use")

// tryPool uses the port that the first server gets if it asks for port. If another
// address does not have that port free, the servers already started run until the lab
// closes.
func (l *Lab) tryPool(addrs []netip.Addr, servers []Server, port uint16) (uint16, error) {
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
			return 0, fmt.Errorf("port %d of %s %w", port, addrs[i], errPortInUse)
		}
		port = got.Port()
	}
	return port, nil
}
