package keys

import (
	"bytes"
	"testing"

	"tls_exporter/prober/hello"
)

// TestCCM compares AES-CCM with an example of NIST SP 800-38C with a nonce of 12 bytes
// (appendix C.3), and with the output of the OpenSSL library for the tag of 16 bytes.
func TestCCM(t *testing.T) {
	key := unhex(t, "404142434445464748494a4b4c4d4e4f")
	nonce, additional := unhex(t, "101112131415161718191a1b"), unhex(t, "000102030405060708090a0b0c0d0e0f10111213")
	plain := unhex(t, "202122232425262728292a2b2c2d2e2f3031323334353637")
	for tag, want := range map[int]string{
		8:  "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951",
		16: "e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5c87ae488918de93f17dd3e4934347f44",
	} {
		aead, err := newCCM(tag)(key)
		if err != nil {
			t.Fatal(err)
		}
		sealed := aead.Seal(nil, nonce, plain, additional)
		if !bytes.Equal(sealed, unhex(t, want)) {
			t.Errorf("tag of %d bytes: sealed %x, want %s", tag, sealed, want)
		}
		opened, err := aead.Open(nil, nonce, sealed, additional)
		if err != nil || !bytes.Equal(opened, plain) {
			t.Errorf("tag of %d bytes: opened %x, %v", tag, opened, err)
		}
		for i := range sealed {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1
			if _, err := aead.Open(nil, nonce, changed, additional); err == nil {
				t.Errorf("tag of %d bytes: byte %d is not authenticated", tag, i)
			}
		}
		if _, err := aead.Open(nil, nonce, sealed[:tag-1], additional); err == nil {
			t.Error("a message shorter than its tag is accepted")
		}
	}
}

// TestRecordsWithCCM checks that records are protected with both suites, and that Find
// does not return them: crypto/tls does not offer them.
func TestRecordsWithCCM(t *testing.T) {
	for _, id := range []uint16{0x1304, 0x1305} {
		suite := FindAny(id)
		if suite == nil || Find(id) != nil {
			t.Fatalf("FindAny returns %v for %#04x, Find %v", suite, id, Find(id))
		}
		secret := make([]byte, 32)
		out, err1 := suite.NewKeys(secret)
		in, err2 := suite.NewKeys(secret)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		for _, content := range []string{"", "one", "longer than one block of AES"} {
			record, err := hello.ReadRecord(bytes.NewReader(out.Seal(nil, hello.TypeHandshake, []byte(content))))
			if err != nil {
				t.Fatal(err)
			}
			kind, opened, ok := in.Open(record)
			if !ok || kind != hello.TypeHandshake || string(opened) != content {
				t.Errorf("%#04x: opened %q of type %d, %v", id, opened, kind, ok)
			}
		}
	}
}
