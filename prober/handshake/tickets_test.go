package handshake

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"testing"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
)

// seal returns a protected record with a sequence number.
func seal(t testing.TB, suite uint16, secret []byte, sequence uint64, kind uint8, content []byte) []byte {
	t.Helper()
	traffic, err := keys.Find(suite).NewKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	for range sequence {
		traffic.Seal(nil, kind, nil)
	}
	return traffic.Seal(nil, 0, append(bytes.Clone(content), kind, 0)) // one byte of padding
}

// newTicket returns a NewSessionTicket, which permits 16384 bytes of early data or none.
func newTicket(early bool) []byte {
	body := []byte{0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 1, 'T', 0, 0}
	if early {
		body = append(body[:len(body)-2], 0, 8, 0, 42, 0, 4, 0, 0, 0x40, 0)
	}
	return append([]byte{4, 0, 0, byte(len(body))}, body...)
}

// TestAfterHandshake checks what is read of the messages after the handshake. A server of
// crypto/tls does not send all of them.
func TestAfterHandshake(t *testing.T) {
	for _, suite := range []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256} {
		secret := make([]byte, 32)
		if suite == tls.TLS_AES_256_GCM_SHA384 {
			secret = make([]byte, 48)
		}
		rand.Read(secret)
		sealed := func(sequence uint64, kind uint8, content []byte) []byte {
			return seal(t, suite, secret, sequence, kind, content)
		}
		other := seal(t, suite, bytes.Repeat([]byte{1}, len(secret)), 0, hello.TypeHandshake, newTicket(true))
		plain, early := newTicket(false), newTicket(true)
		for _, test := range []struct {
			name     string
			received [][]byte
			want     After
		}{
			{"nothing", nil, After{}},
			{"a record of other keys", [][]byte{other}, After{}},
			{"two tickets in one record", [][]byte{other, sealed(0, hello.TypeHandshake, append(plain, plain...))}, After{Tickets: 2}},
			{"early data", [][]byte{sealed(0, hello.TypeHandshake, early), sealed(1, hello.TypeHandshake, plain)}, After{Tickets: 2, EarlyData: 16384}},
			{"a fragmented ticket", [][]byte{sealed(0, hello.TypeHandshake, early[:7]), sealed(1, hello.TypeHandshake, early[7:])}, After{Tickets: 1, EarlyData: 16384}},
			{"close_notify", [][]byte{sealed(0, hello.TypeAlert, []byte{1, 0})}, After{CloseNotify: true}},
			{"another alert", [][]byte{sealed(0, hello.TypeAlert, []byte{2, 80})}, After{}},
			{"application data, then close_notify", [][]byte{sealed(0, hello.TypeApplicationData, []byte("220 ready")), sealed(1, hello.TypeAlert, []byte{1, 0})}, After{CloseNotify: true}},
			{"a truncated record", [][]byte{sealed(0, hello.TypeHandshake, early)[:20]}, After{}},
		} {
			got, err := readAfter(suite, secret, bytes.Join(test.received, nil))
			if err != nil || got != test.want {
				t.Errorf("%s, %s: %+v, %v; want %+v", tls.CipherSuiteName(suite), test.name, got, err, test.want)
			}
		}
	}
}

// FuzzAfterHandshake checks that arbitrary bytes from a server are no error, as records
// and as the content of one.
func FuzzAfterHandshake(f *testing.F) {
	secret := make([]byte, 32)
	f.Add(seal(f, tls.TLS_AES_128_GCM_SHA256, secret, 0, hello.TypeHandshake, newTicket(true)))
	f.Fuzz(func(t *testing.T, received []byte) {
		if got, err := readAfter(tls.TLS_AES_128_GCM_SHA256, secret, received); err != nil || got.EarlyData > 0 && got.Tickets == 0 {
			t.Errorf("%+v, %v", got, err)
		}
		protected := seal(t, tls.TLS_AES_128_GCM_SHA256, secret, 0, hello.TypeHandshake, received[:min(len(received), 1<<14)])
		if got, err := readAfter(tls.TLS_AES_128_GCM_SHA256, secret, protected); err != nil || got.CloseNotify {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestSecretLog checks that a secret is found by its label.
func TestSecretLog(t *testing.T) {
	var log secretLog
	for _, line := range []string{"CLIENT_RANDOM 01 02\n", "SERVER_TRAFFIC_SECRET_0 03 04\n", "CLIENT_RANDOM nothing\n"} {
		if n, err := log.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	random, secret, ok := log.find("SERVER_TRAFFIC_SECRET_0")
	if hex.EncodeToString(random) != "03" || hex.EncodeToString(secret) != "04" || !ok {
		t.Errorf("%x %x %v", random, secret, ok)
	}
	if _, _, ok := log.find("EXPORTER_SECRET"); ok {
		t.Error("a secret was found for a label that is not in the log")
	}
}
