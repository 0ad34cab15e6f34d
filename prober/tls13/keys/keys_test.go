package keys

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"testing"

	"tls_exporter/prober/hello"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestKeySchedule compares the key schedule with the example in RFC 8448 section 3.
func TestKeySchedule(t *testing.T) {
	suite := suites[0]
	handshake, err := suite.HandshakeSecret(unhex(t, "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d"))
	if err != nil {
		t.Fatal(err)
	}
	master, err := suite.MasterSecret(handshake)
	if err != nil {
		t.Fatal(err)
	}
	transcript := unhex(t, "860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8")
	expand := func(secret []byte, label string, context []byte, size int) []byte {
		out, err := suite.expandLabel(secret, label, context, size)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	server, client := expand(handshake, "s hs traffic", transcript, 32), expand(handshake, "c hs traffic", transcript, 32)
	keys, err := suite.NewKeys(client)
	if err != nil {
		t.Fatal(err)
	}
	data := unhex(t, "a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61")
	finished := keys.Seal(nil, hello.TypeHandshake, hello.AppendFinished(nil, data))
	for _, test := range []struct {
		name string
		got  []byte
		want string
	}{
		{"handshake secret", handshake, "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac"},
		{"master secret", master, "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919"},
		{"server's traffic secret", server, "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"},
		{"client's traffic secret", client, "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"},
		{"server's key", expand(server, "key", nil, 16), "3fce516009c21727d0f2e4e86ee403bc"},
		{"server's iv", expand(server, "iv", nil, 12), "5d313eb2671276ee13000b30"},
		{"client's Finished", finished, "170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1caeacab6867d726c40546"},
	} {
		if !bytes.Equal(test.got, unhex(t, test.want)) {
			t.Errorf("%s is %x, want %s", test.name, test.got, test.want)
		}
	}
}

// TestSealedOpens checks that sealed records open in their order.
func TestSealedOpens(t *testing.T) {
	for _, suite := range suites {
		secret := make([]byte, suite.size)
		rand.Read(secret)
		keys := func() *Traffic {
			k, err := suite.NewKeys(secret)
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
		seal, open := keys(), keys()
		wire := seal.Seal(seal.Seal(nil, hello.TypeHandshake, []byte("first")), hello.TypeAlert, []byte{1, 0})
		records := bytes.NewReader(wire)
		first, err1 := hello.ReadRecord(records)
		second, err2 := hello.ReadRecord(records)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if _, _, ok := open.Open(hello.Record{Type: second.Type, Version: second.Version, Payload: bytes.Clone(second.Payload)}); ok {
			t.Error("the second record opened before the first")
		}
		if kind, content, ok := open.Open(first); !ok || kind != hello.TypeHandshake || string(content) != "first" {
			t.Errorf("the first record is %d %q", kind, content)
		}
		if kind, content, ok := open.Open(second); !ok || kind != hello.TypeAlert || !bytes.Equal(content, []byte{1, 0}) {
			t.Errorf("the second record is %d %q", kind, content)
		}
	}
}

// TestOuterType checks that a record opens only with the content type application_data,
// even if the tag covers another one (RFC 8446 section 5.2).
func TestOuterType(t *testing.T) {
	for _, suite := range suites {
		keys, err := suite.NewKeys(make([]byte, suite.size))
		if err != nil {
			t.Fatal(err)
		}
		for kind, want := range map[uint8]bool{hello.TypeApplicationData: true, hello.TypeHandshake: false} {
			plain := []byte{1, hello.TypeHandshake}
			header := hello.AppendRecordHeader(nil, kind, hello.TLS12, len(plain)+keys.aead.Overhead())
			record := hello.Record{Type: kind, Version: hello.TLS12, Payload: keys.aead.Seal(nil, keys.nonce(), plain, header)}
			if _, _, ok := keys.Open(record); ok != want {
				t.Errorf("a record of type %d opens: %v", kind, ok)
			}
			keys.sequence = 0
		}
	}
}

// TestOverhead checks that every suite has the overhead that Overhead is.
func TestOverhead(t *testing.T) {
	for _, suite := range suites {
		keys, err := suite.NewKeys(make([]byte, suite.size))
		if err != nil || keys.aead.Overhead() != Overhead {
			t.Errorf("suite 0x%04x: %v", suite.ID, err)
		}
	}
}
