package httpsrecord

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"tls_exporter/prober/check"
	"tls_exporter/prober/tlstest"
)

var _ check.Sized = Finding{}

// The records for the port 443 are at the name itself (RFC 9460 section 9.1).
func TestQueryName(t *testing.T) {
	for port, want := range map[uint16]string{443: "a.test", 8443: "_8443._https.a.test", 80: "_80._https.a.test"} {
		if got := queryName("a.test", port); got != want {
			t.Errorf("%d: %s, want %s", port, got, want)
		}
	}
}

// cryptoTLS is what crypto/tls says about a list before it sends anything.
func cryptoTLS(list []byte) error {
	client, server := net.Pipe()
	server.Close() // a list that it accepts fails here
	return tls.Client(client, &tls.Config{ServerName: "a.test", MinVersion: tls.VersionTLS13, EncryptedClientHelloConfigList: list}).Handshake()
}

// No list is accepted that crypto/tls rejects as malformed. It is more lenient about bytes
// after the end of a configuration.
func FuzzPublicName(f *testing.F) {
	key, err := tlstest.NewECHKey("public.test")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tlstest.ECHConfigList(key.Config))
	f.Add(tlstest.ECHConfigList(key.Config, key.Config))
	f.Add(tlstest.ECHConfigList([]byte{0xfe, 0x0a, 0, 1, 0}, key.Config))
	f.Add(tlstest.ECHConfigList())
	f.Add(key.Config)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, list []byte) {
		name, ok := publicName(list)
		if len(name) > len(list) || !ok && name != "" {
			t.Fatalf("%x: %q, %t", list, name, ok)
		}
		err := cryptoTLS(list)
		if len(list) > 0 && ok && strings.HasPrefix(err.Error(), "tls: malformed ECHConfig") {
			t.Fatalf("%x is read, and crypto/tls says %v", list, err)
		}
	})
}
