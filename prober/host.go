package prober

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// ServerName is a DNS name or an IP address in its one spelling.
type ServerName string

// UnmarshalText takes what ParseServerName takes.
func (n *ServerName) UnmarshalText(text []byte) error {
	name, err := ParseServerName(string(text))
	*n = ServerName(name)
	return err
}

// HostPort is the address of a server: a host or an IP address, and a port.
type HostPort string

// UnmarshalText takes host:port, an IPv6 address in brackets.
func (h *HostPort) UnmarshalText(text []byte) error {
	host, port, err := net.SplitHostPort(string(text))
	if err != nil {
		return fmt.Errorf("%s is not host:port, as in 127.0.0.1:53 or [::1]:53", Quote(string(text)))
	}
	if _, err := parsePort(port); err != nil {
		return err
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if host, err = ParseHost(host); err != nil {
		return err
	}
	*h = HostPort(net.JoinHostPort(host, port))
	return nil
}

// IPAddress is an IP address in its one spelling; empty is none.
type IPAddress string

// UnmarshalText takes an IPv4 or IPv6 address.
func (a *IPAddress) UnmarshalText(text []byte) error {
	addr, err := netip.ParseAddr(string(text))
	if err != nil {
		return fmt.Errorf("%s is not an IP address", Quote(string(text)))
	}
	*a = IPAddress(addr.Unmap().String())
	return nil
}
