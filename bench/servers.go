package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"tls_exporter/prober/tlstest"
)

// The chains of the servers, each at its own port.
const (
	chainP256  = "P-256"
	chainRSA   = "RSA-2048"
	chainWorst = "worst"
)

// endpoint is an address of 127.0.0.0/8, which is all local. Each endpoint has its own
// certificate, and all share one port, so 100,000 of them need one listening socket.
func endpoint(i int) netip.Addr {
	i++ // without 127.0.0.0
	return netip.AddrFrom4([4]byte{127, byte(i >> 16), byte(i >> 8), byte(i)})
}

// serve is the role of the servers. It writes a line with its ports and roots, and ends
// when its input ends.
func serve(in io.Reader, out io.Writer) error {
	root, err := tlstest.NewRoot("bench root")
	if err != nil {
		return err
	}
	p256, err := chainOfP256(root)
	if err != nil {
		return err
	}
	rsa2048, err := chainOfRSA(root)
	if err != nil {
		return err
	}
	worst, err := newWorst()
	if err != nil {
		return err
	}
	lab, err := tlstest.New()
	if err != nil {
		return err
	}
	defer lab.Close()
	resolver, err := lab.StartDNS(poolZone())
	if err != nil {
		return err
	}
	var ports [4]int
	for i, handle := range []func(net.Conn){p256.handle, rsa2048.handle, silent, worst.handle} {
		if ports[i], err = accept(handle); err != nil {
			return err
		}
	}
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate.Raw})
	fmt.Fprintf(out, "%d %d %d %d %s %q\n", ports[0], ports[1], ports[2], ports[3], resolver, roots)
	_, err = io.Copy(io.Discard, in)
	return err
}

// accept calls handle for every connection to a new port, until the process ends.
func accept(handle func(net.Conn)) (port int, err error) {
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		return 0, err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// silent reads and never sends anything.
func silent(conn net.Conn) { io.Copy(io.Discard, conn) }

// chain issues a certificate for each endpoint at its first connection.
type chain struct {
	issuer *tlstest.CA
	above  [][]byte // sent after the leaf
	newKey func() (crypto.Signer, error)
	config *tls.Config
	known  sync.Map // netip.Addr to *tls.Certificate
}

func chainOfP256(root *tlstest.CA) (*chain, error) {
	issuer, err := root.Intermediate("bench intermediate P-256")
	if err != nil {
		return nil, err
	}
	return newChain(issuer, [][]byte{issuer.Certificate.Raw}, func() (crypto.Signer, error) {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}), nil
}

// chainOfRSA has one key for all leaves, because creating 200 keys takes longer than the
// measurement.
func chainOfRSA(root *tlstest.CA) (*chain, error) {
	keys := make([]*rsa.PrivateKey, 3)
	for i := range keys {
		var err error
		if keys[i], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			return nil, err
		}
	}
	issuer := root
	var above [][]byte
	for i, name := range []string{"bench upper intermediate RSA", "bench lower intermediate RSA"} {
		cert, err := issuer.Issue(&x509.Certificate{
			Subject: pkix.Name{Organization: []string{"tls_exporter bench"}, CommonName: name}, IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(4, 0, 0),
		}, keys[i])
		if err != nil {
			return nil, err
		}
		issuer = &tlstest.CA{Certificate: cert, Key: keys[i]}
		above = append([][]byte{cert.Raw}, above...)
	}
	return newChain(issuer, above, func() (crypto.Signer, error) { return keys[2], nil }), nil
}

func newChain(issuer *tlstest.CA, above [][]byte, newKey func() (crypto.Signer, error)) *chain {
	c := &chain{issuer: issuer, above: above, newKey: newKey}
	c.config = &tls.Config{
		MinVersion:             tls.VersionTLS13,
		CurvePreferences:       []tls.CurveID{tls.X25519MLKEM768},
		SessionTicketsDisabled: true,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.certificate(hello.Conn.LocalAddr())
		},
	}
	return c
}

// handle performs the handshake and waits until the client closes the connection.
func (c *chain) handle(conn net.Conn) {
	server := tls.Server(conn, c.config)
	if server.Handshake() == nil {
		io.Copy(io.Discard, server)
	}
}

func (c *chain) certificate(at net.Addr) (*tls.Certificate, error) {
	addr := at.(*net.TCPAddr).AddrPort().Addr().Unmap()
	if known, ok := c.known.Load(addr); ok {
		return known.(*tls.Certificate), nil
	}
	key, err := c.newKey()
	if err != nil {
		return nil, err
	}
	leaf, err := c.issuer.Issue(leafFor(addr), key)
	if err != nil {
		return nil, err
	}
	known, _ := c.known.LoadOrStore(addr, &tls.Certificate{Certificate: append([][]byte{leaf.Raw}, c.above...), PrivateKey: key, Leaf: leaf})
	return known.(*tls.Certificate), nil
}

// leafFor is similar to what public CAs issue: two names, a pointer to the issuer, 90
// days.
func leafFor(addr netip.Addr) *x509.Certificate {
	name := strings.ReplaceAll(addr.String(), ".", "-") + ".bench.test"
	begin := time.Now().AddDate(0, 0, -30).Truncate(time.Second)
	return &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(randomSerial()),
		Subject:               pkix.Name{CommonName: name},
		DNSNames:              []string{name, "www." + name},
		IPAddresses:           []net.IP{addr.AsSlice()},
		NotBefore:             begin,
		NotAfter:              begin.AddDate(0, 0, 90),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		IssuingCertificateURL: []string{"http://ca.bench.test/issuer.crt"},
	}
}

// randomSerial is as long as the serial numbers of public CAs.
func randomSerial() []byte {
	serial := make([]byte, 16)
	rand.Read(serial)
	serial[0] &= 0x7f
	return serial
}

// servers is the process of that role.
type servers struct {
	process
	ports    map[string]int
	silent   netip.AddrPort
	resolver string // address of a DNS server with the names of poolZone
	roots    string // PEM
}

func startServers() (*servers, error) {
	p, err := startRole(roleServers)
	if err != nil {
		return nil, err
	}
	s := &servers{process: p, ports: make(map[string]int)}
	var p256, rsa2048, silent, worst int
	line, err := p.out.ReadString('\n')
	if err != nil {
		return s, err
	}
	if _, err := fmt.Sscanf(line, "%d %d %d %d %s %q\n", &p256, &rsa2048, &silent, &worst, &s.resolver, &s.roots); err != nil {
		return s, fmt.Errorf("the servers answered %q: %w", line, err)
	}
	s.ports[chainP256], s.ports[chainRSA], s.ports[chainWorst] = p256, rsa2048, worst
	s.silent = netip.AddrPortFrom(endpoint(0), uint16(silent))
	return s, nil
}

// targets are the first n endpoints with a chain.
func (b *bench) targets(chain string, n int) []netip.AddrPort {
	all := make([]netip.AddrPort, n)
	for i := range all {
		all[i] = netip.AddrPortFrom(endpoint(i), uint16(b.servers.ports[chain]))
	}
	return all
}
