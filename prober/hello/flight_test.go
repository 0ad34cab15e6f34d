package hello

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"testing"
)

// crypto/tls answers each version's offer as it is offered.
func TestRealServer(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}}
	server.StartTLS()
	defer server.Close()
	for _, v := range []Version{TLS10, TLS11, TLS12, TLS13} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		b, err := Offer{Version: v, ServerName: "example.com"}.Hello().Marshal()
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(b)
		f, err := ReadFlight(conn, UntilDone)
		conn.Close()
		if err != nil || f.Hello == nil || f.Hello.Version != v {
			t.Fatalf("%v: %+v %v", v, f, err)
		}
		t.Logf("%v: %d bytes, %v %v %v retry %v, %+v, %d certs, done %v", v, len(b), f.Hello.Version, f.Hello.CipherSuite, f.Hello.Group, f.Hello.Retry, f.KeyExchange, len(f.Certificates), f.Done)
	}
}
