package main

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/netip"
	"strconv"
	"time"

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/acme"
	"tls_exporter/prober/tlstest/legacy"
	"tls_exporter/prober/tlstest/responder"
)

// demoScenario is an endpoint that needs a module other than the default one.
type demoScenario struct {
	name, description string
	module            string // empty: a module with the scenario's name
	start             func(lab *tlstest.Lab, address string) (target string, module demoModule, err error)
}

func (s demoScenario) moduleName() string { return cmp.Or(s.module, s.name) }

// demoScenarios are the endpoints that the demo has in addition to those of
// tlstest.Scenarios.
var demoScenarios = []demoScenario{
	{"pool-one-stale", "The name has two addresses. When the certificate was replaced 20 days ago, one of them kept the old one.", "", startPool},
	{"behind-proxy", "No fault: the endpoint is reachable only through an HTTP proxy with a password, which also resolves its name.", "", startBehindProxy},
	{"proxy-protocol", "No fault: the server closes connections that do not begin with a PROXY protocol header.", "", startProxyProtocol},
	{"scanned", "No fault: the module has all checks enabled.", "scan", startScanned(tlstest.Server{Config: func(c *tls.Config) { c.MinVersion = tls.VersionTLS12 }})},
	{"scanned-old", "The server is configured as in 2008, with SSL 2.0 and RC4.", "scan", startScannedLegacy(legacy.Server{
		Versions: []uint16{0x0002, 0x0300, tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12}, ClientPreference: true, PrimeBits: 1024,
		Suites: []uint16{
			tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, 0x0033, // DHE_RSA_WITH_AES_128_CBC_SHA
			tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_RC4_128_SHA, 0x0003, // RSA_EXPORT_WITH_RC4_40_MD5
		},
	})},
	{"scanned-heartbleed", "The server is vulnerable to Heartbleed (CVE-2014-0160).", "scan", startScannedLegacy(legacy.Server{Heartbeat: legacy.HeartbeatVulnerable})},
	{"revoked-by-crl", "The CA has revoked the certificate. Its CRL says so; its OCSP responder is gone.", "revocation", startRevoked},
	{"caa-forbids-issuer", "The domain's CAA records name another CA than the one that issued the certificate.", "", startCAA},
	{"ech-stale", "The HTTPS record has a key for Encrypted Client Hello that the server has no longer.", "", startECH},
	{"unknown-log", "Of the two Certificate Transparency logs that signed the certificate, the module's list of logs has only one.", "", startUnknownLog},
	{"renewal-overdue", "The CA has to revoke the certificate, and asked two days ago for its renewal (ACME Renewal Information). Nobody did it.", "", startRenewalOverdue},
	{"certificate-file", "The certificate in a file expires in nine days.", "", makeFile},
	{"dane-old-key", "The certificate was renewed with a new key, and the TLSA record is still that of the previous one.", "", startOldTLSA},
}

// scanModule has all checks enabled.
func scanModule() demoModule {
	return demoModule{IPProtocol: "ip4", Checks: map[string]demoCheck{"versions": {}, "ciphers": {}, "policy": {}, "grade": {}, "clients": {}, "vulnerabilities": {}, "resumption": {}}}
}

func startScanned(server tlstest.Server) func(*tlstest.Lab, string) (string, demoModule, error) {
	return func(lab *tlstest.Lab, address string) (string, demoModule, error) {
		server.Address = address
		addr, err := lab.Start(server)
		return addr, scanModule(), err
	}
}

func startScannedLegacy(server legacy.Server) func(*tlstest.Lab, string) (string, demoModule, error) {
	return func(lab *tlstest.Lab, address string) (string, demoModule, error) {
		server.Base.Address = address
		addr, err := legacy.Start(lab, server)
		return addr, scanModule(), err
	}
}

// startRevoked starts a server whose certificate is on the CRL of its CA.
func startRevoked(lab *tlstest.Lab, address string) (string, demoModule, error) {
	ca, err := responder.Start(lab, lab.Intermediate)
	if err != nil {
		return "", demoModule{}, err
	}
	addr, err := lab.Start(tlstest.Server{Address: address, Leaf: ca.Revoked(string(responder.NotFound), string(responder.Good))})
	return addr, demoModule{Checks: map[string]demoCheck{"revocation": {}}}, err
}

func startPool(lab *tlstest.Lab, address string) (string, demoModule, error) {
	const name = "pool.lab.test"
	addrs := []netip.Addr{netip.MustParseAddr("127.0.0.1"), secondAddress()}
	port, err := lab.StartPool(addrs, tlstest.Server{Address: address, Leaf: leafFor(name, 20, 70)}, tlstest.Server{Leaf: leafFor(name, 80, 10)})
	if err != nil {
		return "", demoModule{}, err
	}
	resolver, err := lab.StartDNS(tlstest.Zone{name: {Addresses: addrs}})
	return net.JoinHostPort(name, strconv.Itoa(int(port))), demoModule{Addresses: "all", Resolver: resolver}, err
}

// startOldTLSA starts a mail server, and a DNS server with a TLSA record of another key.
func startOldTLSA(lab *tlstest.Lab, address string) (string, demoModule, error) {
	const name = "mail.lab.test"
	addr, err := lab.Start(tlstest.Server{Address: address, StartTLS: "smtp", Leaf: leafFor(name, 30, 60)})
	if err != nil {
		return "", demoModule{}, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", demoModule{}, err
	}
	previous := sha256.Sum256([]byte("the previous key"))
	tlsa := tlstest.Record{Type: 52, Data: append([]byte{3, 1, 1}, previous[:]...)} // DANE-EE, SPKI, SHA2-256 (RFC 6698)
	resolver, err := lab.StartDNS(tlstest.Zone{
		name:                         {Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Authenticated: true},
		"_" + port + "._tcp." + name: {Records: []tlstest.Record{tlsa}, Authenticated: true},
	})
	module := demoModule{Resolver: resolver, Checks: map[string]demoCheck{"dane": {}}}
	return "smtp://" + net.JoinHostPort(name, port), module, err
}

// secondAddress is a loopback address other than 127.0.0.1. macOS has no
// 127.0.0.2, and some containers have no ::1.
func secondAddress() netip.Addr {
	listener, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		return netip.IPv6Loopback()
	}
	listener.Close()
	return netip.MustParseAddr("127.0.0.2")
}

func startBehindProxy(lab *tlstest.Lab, address string) (string, demoModule, error) {
	const name = "inside.lab.test"
	inside, err := lab.Start(tlstest.Server{Leaf: leafFor(name, 30, 60)})
	if err != nil {
		return "", demoModule{}, err
	}
	proxy := tlstest.HTTPProxy{User: "demo", Password: "secret", Hosts: map[string]string{name + ":443": inside}}
	addr, err := lab.Start(tlstest.Server{Address: address, Accept: proxy.Serve})
	return name, demoModule{ProxyURL: "http://demo:secret@" + addr}, err
}

func startProxyProtocol(lab *tlstest.Lab, address string) (string, demoModule, error) {
	addr, err := lab.Start(tlstest.Server{Address: address, ProxyProtocol: func(tlstest.ProxyProtocolHeader) {}})
	return addr, demoModule{ProxyProtocol: "v2"}, err
}

// startCAA starts a server whose CA counts as the owner of ca.lab.test.
func startCAA(lab *tlstest.Lab, address string) (string, demoModule, error) {
	const name = "caa.lab.test"
	module := demoModule{Checks: map[string]demoCheck{"caa": {IssuerDomains: []string{"ca.lab.test"}}}}
	return startNamed(lab, name, tlstest.Server{Address: address, Leaf: leafFor(name, 30, 60)}, module, func(string) tlstest.Zone {
		return tlstest.Zone{"lab.test": {Records: []tlstest.Record{tlstest.CAA("issue", "ca.example.com"), tlstest.CAA("iodef", "mailto:security@lab.test")}}}
	})
}

// startECH starts a server that accepts ECH with another key than that in the DNS.
func startECH(lab *tlstest.Lab, address string) (string, demoModule, error) {
	const name = "ech.lab.test"
	var keys [2]tls.EncryptedClientHelloKey
	for i := range keys {
		var err error
		if keys[i], err = tlstest.NewECHKey("public.lab.test"); err != nil {
			return "", demoModule{}, err
		}
	}
	server := tlstest.Server{Address: address, Config: func(c *tls.Config) { c.EncryptedClientHelloKeys = keys[1:] }, Leaf: func(c *x509.Certificate) {
		leafFor(name, 30, 60)(c)
		c.DNSNames = append(c.DNSNames, "public.lab.test")
	}}
	return startNamed(lab, name, server, demoModule{Checks: map[string]demoCheck{"https_record": {}}}, func(port string) tlstest.Zone {
		record := tlstest.HTTPS(name, []string{"h2", "h3"}, tlstest.ECHConfigList(keys[0].Config))
		return tlstest.Zone{"_" + port + "._https." + name: {Records: []tlstest.Record{record}}}
	})
}

// startNamed starts a server for a name, and a DNS server with the name and with the names
// that zone returns for the port of the server.
func startNamed(lab *tlstest.Lab, name string, server tlstest.Server, module demoModule, zone func(port string) tlstest.Zone) (string, demoModule, error) {
	addr, err := lab.Start(server)
	if err != nil {
		return "", module, err
	}
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return "", module, err
	}
	port := strconv.Itoa(int(at.Port()))
	names := zone(port)
	names[name] = tlstest.Name{Addresses: []netip.Addr{at.Addr()}}
	module.Resolver, err = lab.StartDNS(names)
	return net.JoinHostPort(name, port), module, err
}

func startUnknownLog(lab *tlstest.Lab, address string) (string, demoModule, error) {
	var logs [2]*tlstest.CTLog
	for i := range logs {
		var err error
		if logs[i], err = tlstest.NewCTLog(); err != nil {
			return "", demoModule{}, err
		}
	}
	list, err := tlstest.LogList(time.Now(), map[string][]*tlstest.CTLog{"Lab": logs[:1]})
	if err != nil {
		return "", demoModule{}, err
	}
	addr, err := lab.Start(tlstest.Server{Address: address, Logs: logs[:]})
	const file = "log_list.json"
	return addr, demoModule{Transparency: &demoTransparency{LogListFile: file}, files: map[string][]byte{file: list}}, err
}

func startRenewalOverdue(lab *tlstest.Lab, address string) (string, demoModule, error) {
	ca, err := acme.Start(lab)
	if err != nil {
		return "", demoModule{}, err
	}
	today := time.Now()
	ca.Set(acme.Any, acme.Info{Start: today.AddDate(0, 0, -3), End: today.AddDate(0, 0, -2), Explanation: "https://ca.lab.test/incidents/1"})
	addr, err := lab.Start(tlstest.Server{Address: address})
	return addr, demoModule{Checks: map[string]demoCheck{"renewal": {ARI: &demoARI{ca.Directory()}}}}, err
}

// makeFile makes a file with a certificate that expires soon. Its path is relative to the
// directory of targets.yml.
func makeFile(lab *tlstest.Lab, _ string) (string, demoModule, error) {
	identity, err := lab.Identity(tlstest.Server{Leaf: leafFor("file.lab.test", 81, 9)})
	if err != nil {
		return "", demoModule{}, err
	}
	var content []byte
	for _, der := range identity.Certificate {
		content = append(content, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	const file = "certificate.pem"
	return fileScheme + file, demoModule{files: map[string][]byte{file: content}}, nil
}

// fileScheme begins a target that is a file.
const fileScheme = "file://"

// leafFor sets a certificate's name, its age and the time it has left, in days.
func leafFor(name string, age, left int) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		today := time.Now()
		c.DNSNames, c.NotBefore, c.NotAfter = []string{name}, today.AddDate(0, 0, -age), today.AddDate(0, 0, left)
	}
}

// demoModule is a module in the demo's configuration.
type demoModule struct {
	Timeout       string `yaml:"timeout"`
	CAFile        string `yaml:"ca_file"`
	IPProtocol    string `yaml:"ip_protocol,omitempty"`
	Addresses     string `yaml:"addresses,omitempty"`
	Resolver      string `yaml:"resolver,omitempty"`
	ProxyURL      string `yaml:"proxy_url,omitempty"`
	ProxyProtocol string `yaml:"proxy_protocol,omitempty"`

	Checks map[string]demoCheck `yaml:",inline"` // by name

	Transparency *demoTransparency `yaml:"transparency,omitempty"`

	files map[string][]byte // to be written next to targets.yml, by name
}

// demoTransparency enables the check transparency.
type demoTransparency struct {
	LogListFile string `yaml:"log_list_file"`
}

// demoCheck enables a check, with its defaults where a field is empty.
type demoCheck struct {
	IssuerDomains []string `yaml:"issuer_domains,omitempty"`
	ARI           *demoARI `yaml:"ari,omitempty"`
}

// demoARI is the ACME directory of a CA.
type demoARI struct {
	Directory string `yaml:"directory"`
}
