package main

import (
	"crypto/x509"
	"net"
	"net/netip"
	"strconv"
	"time"

	"tls_exporter/prober/tlstest"
)

// road is an endpoint that takes a module of its own to get to.
type road struct {
	name, says string
	start      func(*tlstest.Lab) (target string, way demoModule, err error)
}

var roads = []road{
	{"pool-one-stale", "The name has two addresses, and one of them was forgotten when the certificate was replaced 20 days ago.", startPool},
	{"behind-proxy", "Nothing is wrong: the endpoint can only be reached, and its name only be resolved, by an HTTP proxy that wants a password.", startBehindProxy},
	{"proxy-protocol", "Nothing is wrong: the server hangs up on who does not begin with a PROXY protocol header.", startAnnounced},
}

func startPool(lab *tlstest.Lab) (string, demoModule, error) {
	const name = "pool.lab.test"
	addrs := []netip.Addr{netip.MustParseAddr("127.0.0.1"), secondAddress()}
	port, err := lab.StartPool(addrs, tlstest.Server{Leaf: certified(name, 20, 70)}, tlstest.Server{Leaf: certified(name, 80, 10)})
	if err != nil {
		return "", demoModule{}, err
	}
	resolver, err := lab.StartDNS(tlstest.Zone{name: {Addresses: addrs}})
	return net.JoinHostPort(name, strconv.Itoa(int(port))), demoModule{Addresses: "all", Resolver: resolver}, err
}

// secondAddress is another address of loopback than 127.0.0.1: macOS has no
// 127.0.0.2, and some containers have no ::1.
func secondAddress() netip.Addr {
	listener, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		return netip.IPv6Loopback()
	}
	listener.Close()
	return netip.MustParseAddr("127.0.0.2")
}

func startBehindProxy(lab *tlstest.Lab) (string, demoModule, error) {
	const name = "inside.lab.test"
	inside, err := lab.Start(tlstest.Server{Leaf: certified(name, 30, 60)})
	if err != nil {
		return "", demoModule{}, err
	}
	proxy := tlstest.HTTPProxy{User: "demo", Password: "secret", Hosts: map[string]string{name + ":443": inside}}
	addr, err := lab.Start(tlstest.Server{Accept: proxy.Talk})
	return name, demoModule{ProxyURL: "http://demo:secret@" + addr}, err
}

func startAnnounced(lab *tlstest.Lab) (string, demoModule, error) {
	addr, err := lab.Start(tlstest.Server{Announced: func(tlstest.Announcement) {}})
	return addr, demoModule{ProxyProtocol: "v2"}, err
}

// certified makes a certificate for a name, so many days old and with so many
// left.
func certified(name string, age, left int) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		today := time.Now()
		c.DNSNames, c.NotBefore, c.NotAfter = []string{name}, today.AddDate(0, 0, -age), today.AddDate(0, 0, left)
	}
}
