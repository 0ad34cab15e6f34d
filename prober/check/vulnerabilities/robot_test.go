package vulnerabilities

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"runtime"
	"slices"
	"testing"
	"time"

	"tls_exporter/prober/hello"
)

// TestPublicKeyMemory reads the key of a certificate with 100,000 empty names, which take
// 100 times their size in memory if all are read.
func TestPublicKeyMemory(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	names, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: slices.Repeat([]byte{0x86, 0}, 100_000)})
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: names}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	flight := &hello.Flight{Hello: &hello.ServerHello{CipherSuite: 0x002f}, Certificates: [][]byte{der}} // TLS_RSA_WITH_AES_128_CBC_SHA
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found := publicKey(flight)
	runtime.ReadMemStats(&after)
	if found == nil || !found.Equal(key.Public()) {
		t.Errorf("the key is %v", found)
	}
	if took, most := after.TotalAlloc-before.TotalAlloc, uint64(8*len(der)); took > most {
		t.Errorf("reading the key of a certificate of %d bytes allocates %d, want at most %d", len(der), took, most)
	}
}
