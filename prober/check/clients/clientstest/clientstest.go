// Package clientstest compares simulated clients with what a real server answers to their
// ClientHellos.
package clientstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"tls_exporter/prober/check/clients"
	"tls_exporter/prober/hello"
)

// patience is how long one answer may take, connecting included.
const patience = 20 * time.Second

// Tally is how many clients of the table a finding is about.
type Tally struct {
	Supported, Unsupported, Unsettled int
	NoCipher, NoGroup                 int // of the supported ones, those whose suite or group is not settled
}

func (t Tally) String() string {
	return fmt.Sprintf("%d yes, %d no, %d ?, %d without suite, %d without group", t.Supported, t.Unsupported, t.Unsettled, t.NoCipher, t.NoGroup)
}

// Settled logs the tally, and fails if it is not settled for more than two clients whether
// they can connect.
func (t Tally) Settled(tb testing.TB) {
	tb.Helper()
	const most = 2
	tb.Logf("clients: %s", t)
	if t.Unsettled > most {
		tb.Errorf("%d clients are not settled", t.Unsettled)
	}
}

// Compare sends the ClientHello of every client of the table to the server at addr. What
// the finding says about the client has to be what the server answers.
func Compare(t testing.TB, addr string, found *clients.Finding) (tally Tally) {
	t.Helper()
	for i := range clients.Table {
		c := &clients.Table[i]
		got := Ask(t, addr, c)
		at := slices.IndexFunc(found.Sessions, func(s clients.Session) bool { return s.Client == c.Name })
		if at < 0 {
			tally.Unsettled++
			continue
		}
		s := found.Sessions[at]
		if s.Supported != got.Supported {
			t.Errorf("%s: supported is %v, %s; the server: %v, %s", c.Name, s.Supported, s.Reason, got.Supported, got.Reason)
			continue
		}
		if !s.Supported {
			tally.Unsupported++
			if got.Reason != "" && s.Reason != got.Reason {
				t.Errorf("%s: %s, the server: %s", c.Name, s.Reason, got.Reason)
			}
			continue
		}
		tally.Supported++
		if s.Version != got.Version || s.Cipher != got.Cipher && s.Cipher != 0 || s.Group != got.Group && s.Group != 0 {
			t.Errorf("%s: %s, %s, %s; the server: %s, %s, %s", c.Name, s.Version, s.Cipher, s.Group, got.Version, got.Cipher, got.Group)
		}
		if s.Cipher == 0 {
			tally.NoCipher++
		}
		if s.Group == 0 && got.Group != 0 {
			tally.NoGroup++
		}
	}
	return tally
}

// Offer is what the client offers.
func Offer(c *clients.Client) hello.Offer {
	o := hello.Offer{Version: c.Max, Ciphers: c.Suites, Groups: c.Groups, Schemes: c.Schemes}
	if c.Max == hello.TLS13 {
		o.KeyShares = hello.KeySharesFor(c.Shares)
		for v := c.Max; v >= c.Min; v-- {
			o.Versions = append(o.Versions, v)
		}
		o.Version = 0
	}
	return o
}

// Ask sends the ClientHello of a client and tells what the server answers, as far as it
// shows before the client's next message. The reason is empty if the server refuses.
func Ask(t testing.TB, addr string, c *clients.Client) clients.Session {
	t.Helper()
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	o := Offer(c)
	o.ServerName = hello.SNI(host)
	message, err := o.Hello().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(message); err != nil {
		t.Fatal(err)
	}
	flight, err := hello.ReadFlight(conn, hello.UntilDone)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		t.Fatalf("%s: %v", c.Name, err)
	}
	return answered(c, flight)
}

// answered is what the client makes of a flight.
func answered(c *clients.Client, flight *hello.Flight) clients.Session {
	s := clients.Session{Client: c.Name}
	if flight.Hello == nil || flight.Alert != nil {
		return s
	}
	s.Version, s.Cipher, s.Group = flight.Hello.Version, flight.Hello.CipherSuite, flight.Hello.Group
	if s.Version < c.Min {
		s.Reason = clients.NoCommonVersion
		return s
	}
	if s.Version < hello.TLS13 {
		s.Reason = objection(c, flight)
	}
	if x := flight.KeyExchange; x != nil {
		s.Group = x.Group
	}
	s.Supported = s.Reason == ""
	return s
}

// acceptsCurve tells whether the key of the certificate is on one of the client's curves, if
// it is an ECDSA key (RFC 8422 section 5.3).
func acceptsCurve(c *clients.Client, chain [][]byte) bool {
	if len(chain) == 0 {
		return true
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return true
	}
	key, isECDSA := leaf.PublicKey.(*ecdsa.PublicKey)
	curves := map[elliptic.Curve]hello.Group{elliptic.P256(): hello.SecP256r1, elliptic.P384(): hello.SecP384r1, elliptic.P521(): hello.SecP521r1}
	return !isECDSA || slices.Contains(c.Groups, curves[key.Curve])
}

// objection is why the client rejects a flight of TLS 1.2 and below; empty: it does not.
func objection(c *clients.Client, flight *hello.Flight) clients.Reason {
	_, secure := flight.Hello.RenegotiationInfo()
	x := flight.KeyExchange
	switch {
	case !acceptsCurve(c, flight.Certificates):
		return clients.NoCommonGroup
	case c.StrictOpenSSL && !secure:
		return clients.NoSecureRenegotiation
	case x == nil:
		return ""
	case c.StrictOpenSSL && flight.Hello.Version < hello.TLS12:
		return clients.WeakSignature
	case x.DHBits > 0 && x.DHBits < c.MinDHBits:
		return clients.DHTooSmall
	case c.MaxDHBits > 0 && x.DHBits > c.MaxDHBits:
		return clients.DHTooLarge
	}
	return ""
}
