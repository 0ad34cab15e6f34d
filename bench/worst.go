package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"tls_exporter/prober/tlstest"
)

// worst is servers whose certificates take many times their size in memory. Each endpoint
// has certificates of its own, of one of the kinds in turn, and each server waits before it
// sends the end of its answer, so that many answers are in memory at once.
type worst struct {
	key   crypto.Signer
	kinds []worstKind
}

// worstKind is a chain, and the versions that its server speaks. The serial number of the
// certificates in it is marker.
type worstKind struct {
	chain  [][]byte
	config *tls.Config
}

// marker is replaced by the serial number of an endpoint.
var marker = []byte("marker-of-serial")

// worstSizes are of the flood in a certificate: the largest that clients read, and those
// just below what the exporter reads of any server at once.
var worstSizes = []int{240_000, 60_000, 30_000, 8_000}

func newWorst() (*worst, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	w := &worst{key: key}
	for _, size := range worstSizes {
		for _, names := range [][]byte{
			repeated(size, 0x86, 0), repeated(size, 0x82, 1, 'a'), repeated(size, 0x87, 4, 127, 0, 0, 1), distinct(size),
		} {
			leaf, err := w.flooded(names)
			if err != nil {
				return nil, err
			}
			w.add([][]byte{leaf})
		}
	}
	for _, names := range [][]byte{repeated(200, 0x86, 0), distinct(4_000)} {
		small, err := w.flooded(names)
		if err != nil {
			return nil, err
		}
		w.add(slices.Repeat([][]byte{small}, 20))
	}
	return w, nil
}

// repeated is a name, in DER, again and again.
func repeated(size int, name ...byte) []byte { return slices.Repeat(name, size/len(name)) }

// distinct is DNS names, in DER, that all differ.
func distinct(size int) []byte {
	var names []byte
	for i := 0; len(names) < size; i++ {
		name := fmt.Sprintf("a-name-of-the-usual-length-%d.test", i)
		names = append(append(names, 0x82, byte(len(name))), name...)
	}
	return names
}

// add adds a chain with each way to get it: TLS 1.3, the same after a HelloRetryRequest,
// and TLS 1.2.
func (w *worst) add(chain [][]byte) {
	for _, config := range []*tls.Config{
		{MinVersion: tls.VersionTLS13},
		{MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.CurveP521}},
		{MaxVersion: tls.VersionTLS12},
	} {
		w.kinds = append(w.kinds, worstKind{chain, config})
	}
}

// flooded is a certificate with these alternative names.
func (w *worst) flooded(names []byte) ([]byte, error) {
	names, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: names})
	if err != nil {
		return nil, err
	}
	template := leafFor(endpoint(0))
	template.DNSNames, template.IPAddresses = nil, nil
	template.SerialNumber.SetBytes(marker)
	template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: names}}
	return x509.CreateCertificate(rand.Reader, template, template, w.key.Public(), w.key)
}

// handle performs the handshake as the endpoint of conn.
func (w *worst) handle(conn net.Conn) {
	addr := conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap().As4()
	number := binary.BigEndian.Uint32(addr[:])
	kind := w.kinds[int(number)%len(w.kinds)]
	own := &tls.Certificate{PrivateKey: w.key}
	for i, der := range kind.chain {
		serial := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(number)|1<<62), uint64(i))
		own.Certificate = append(own.Certificate, bytes.Replace(der, marker, serial, 1))
	}
	config := kind.config.Clone()
	config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own, nil }
	tls.Server(&slowEnd{Conn: conn}, config).Handshake()
}

// slowEnd sends the last bytes of every write later.
type slowEnd struct{ net.Conn }

func (c *slowEnd) Write(b []byte) (int, error) {
	const late = 40 // less than the messages after Certificate
	if len(b) > 4<<10 {
		if n, err := c.Conn.Write(b[:len(b)-late]); err != nil {
			return n, err
		}
		time.Sleep(worstDelay)
		n, err := c.Conn.Write(b[len(b)-late:])
		return len(b) - late + n, err
	}
	return c.Conn.Write(b)
}

const (
	worstDelay  = 200 * time.Millisecond
	worstProbes = 200
)

// worstMemory is the most memory that an exporter takes for the worst certificates: of 200
// endpoints at once, of 200 others one after another, and of 200 pools of 32 addresses.
func worstMemory(ctx context.Context, b *bench) (figure, error) {
	exporter, err := b.start(ctx)
	if err != nil {
		return figure{}, err
	}
	defer exporter.stop()
	targets := b.targets(chainWorst, 2*worstProbes)
	var detail string
	for _, part := range []struct {
		name    string
		module  string
		targets []string
		workers int
	}{
		{"at once", "default", names(targets[:worstProbes]), worstProbes},
		{"one after another", "default", names(targets[worstProbes:]), 4},
		{"scans at once", "all", names(targets[:worstProbes]), worstProbes},
		{"pools of 32 addresses at once", "pool", b.pools(worstProbes), worstProbes},
	} {
		err := share(len(part.targets), part.workers, func(i int) error {
			_, err := exporter.get(ctx, "/probe?module="+part.module+"&target="+part.targets[i])
			return err
		})
		if err != nil {
			return figure{}, err
		}
		peak, err := exporter.peak()
		if err != nil {
			return figure{}, err
		}
		detail += fmt.Sprintf("%s: %.0f MB, ", part.name, peak/1e6)
	}
	peak, err := exporter.peak()
	return figure{peak / 1e6, "%.0f MB", detail}, err
}

// poolZone has a name for each pool, with 32 endpoints that no other probe uses.
func poolZone() tlstest.Zone {
	zone := make(tlstest.Zone)
	for i := range worstProbes {
		var addrs []netip.Addr
		for j := range poolSize {
			addrs = append(addrs, endpoint(2*worstProbes+i*poolSize+j))
		}
		zone[poolName(i)] = tlstest.Name{Addresses: addrs}
	}
	return zone
}

const poolSize = 32 // the most addresses of a name that are probed

func poolName(i int) string { return fmt.Sprintf("pool%d.bench.test", i) }

// pools are the first n pools of the worst endpoints.
func (b *bench) pools(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s:%d", poolName(i), b.servers.ports[chainWorst])
	}
	return all
}

func names(targets []netip.AddrPort) []string {
	all := make([]string, len(targets))
	for i, target := range targets {
		all[i] = target.String()
	}
	return all
}
