package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strconv"
	"time"

	"tls_exporter/prober/tlstest"
)

// road is an endpoint that takes another module than the default one to get to,
// or to look at.
type road struct {
	name, says string
	module     string // empty: one of its own, of its name
	start      func(*tlstest.Lab) (target string, way demoModule, err error)
}

// by is the name of its module.
func (r road) by() string { return cmp.Or(r.module, r.name) }

var roads = []road{
	{"pool-one-stale", "The name has two addresses, and one of them was forgotten when the certificate was replaced 20 days ago.", "", startPool},
	{"behind-proxy", "Nothing is wrong: the endpoint can only be reached, and its name only be resolved, by an HTTP proxy that wants a password.", "", startBehindProxy},
	{"proxy-protocol", "Nothing is wrong: the server hangs up on who does not begin with a PROXY protocol header.", "", startAnnounced},
	{"scanned", "Nothing is wrong, and the exporter has looked at all that the server takes.", "scan", startScanned(tlstest.Server{Config: func(c *tls.Config) { c.MinVersion = tls.VersionTLS12 }})},
	{"scanned-old", "The server takes what it took in 2008, SSL 2.0 and RC4 among it.", "scan", startScannedLegacy(tlstest.Legacy{
		Versions: []uint16{0x0002, 0x0300, tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12}, ClientsChoice: true, PrimeBits: 1024,
		Suites: []uint16{
			tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, 0x0033, // DHE_RSA_WITH_AES_128_CBC_SHA
			tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_RC4_128_SHA, 0x0003, // RSA_EXPORT_WITH_RC4_40_MD5
		},
	})},
	{"scanned-bleeding", "The server has Heartbleed (CVE-2014-0160).", "scan", startScannedLegacy(tlstest.Legacy{Heartbeat: tlstest.HeartbeatBleeds})},
}

// scanModule asks for all that a server takes.
func scanModule() demoModule {
	return demoModule{IPProtocol: "ip4", Versions: new(demoCheck), Ciphers: new(demoCheck), Policy: new(demoCheck), Vulnerabilities: new(demoCheck), Resumption: new(demoCheck)}
}

func startScanned(server tlstest.Server) func(*tlstest.Lab) (string, demoModule, error) {
	return func(lab *tlstest.Lab) (string, demoModule, error) {
		addr, err := lab.Start(server)
		return addr, scanModule(), err
	}
}

func startScannedLegacy(server tlstest.Legacy) func(*tlstest.Lab) (string, demoModule, error) {
	return func(lab *tlstest.Lab) (string, demoModule, error) {
		addr, err := lab.StartLegacy(server)
		return addr, scanModule(), err
	}
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
