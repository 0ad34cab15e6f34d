package sct

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// unhex reads bytes as they are written here: in hexadecimal, with spaces.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// example is an SCT of RFC 6962 section 3.2, field by field.
const example = `
00                                                                Version: v1
000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f  LogID
00000199ff00aa7b                                                  timestamp: 2025-10-20T00:24:17.787Z
0008 00 0005 00000004d2                                           extensions: leaf_index 1234
04 03                                                             sha256, ecdsa
0003 aabbcc                                                       signature`

// fields is an example without its comments.
func fields(s string) string {
	var all []string
	for line := range strings.Lines(s) {
		columns, _, _ := strings.Cut(line, "  ")
		all = append(all, columns)
	}
	return strings.Join(all, " ")
}

// The structures of RFC 6962 sections 3.2 and 3.3, byte for byte.
func TestStructures(t *testing.T) {
	serialized := unhex(t, fields(example))
	s, err := Parse(serialized)
	if err != nil {
		t.Fatal(err)
	}
	if s.LogID != LogID(serialized[1:33]) || s.Timestamp.Format("2006-01-02T15:04:05.000") != "2025-10-20T00:24:17.787" ||
		s.Index != 1234 || s.algorithm != 0x0403 || !bytes.Equal(s.signature, []byte{0xaa, 0xbb, 0xcc}) {
		t.Errorf("the SCT is %+v", s)
	}
	tbs := unhex(t, `30 29 020101 a3 24 30 22
		30 07 0603 551d0e 0400
		30 10 060a 2b06010401d679020402 0402 0000
		30 05 0603 551d0f`)
	issuer := []byte("a key")
	hash := sha256.Sum256(issuer)
	precert, err := PrecertificateEntry(tbs, issuer)
	if err != nil {
		t.Fatal(err)
	}
	list := [][]byte{serialized, {0}}
	for _, test := range []struct {
		name string
		got  []byte
		want string
	}{
		{"x509_entry", s.signed(CertificateEntry([]byte("cert"))), `
			00                 Version: v1
			00                 SignatureType: certificate_timestamp
			00000199ff00aa7b   timestamp
			0000               LogEntryType: x509_entry
			000004 63657274    ASN.1Cert
			0008 00 0005 00000004d2   extensions`},
		{"precert_entry", s.signed(precert), `
			00                 Version: v1
			00                 SignatureType: certificate_timestamp
			00000199ff00aa7b   timestamp
			0001               LogEntryType: precert_entry
			` + hex.EncodeToString(hash[:]) + `   issuer_key_hash
			000019 30 17 020101 a3 12 30 10 30 07 0603 551d0e 0400 30 05 0603 551d0f   TBSCertificate
			0008 00 0005 00000004d2   extensions`},
	} {
		if want := unhex(t, fieldsOf(test.want)); !bytes.Equal(test.got, want) {
			t.Errorf("%s is\n%x, want\n%x", test.name, test.got, want)
		}
	}
	encoded := unhex(t, "003f 003a")
	encoded = append(append(encoded, serialized...), unhex(t, "0001 00")...)
	got, err := ParseList(encoded)
	if err != nil || len(got) != 2 || !bytes.Equal(got[0], list[0]) || !bytes.Equal(got[1], list[1]) {
		t.Errorf("the list is %x, %v", got, err)
	}
}

// fieldsOf is fields of an example that is indented.
func fieldsOf(s string) string {
	var all []string
	for line := range strings.Lines(s) {
		columns, _, _ := strings.Cut(strings.TrimSpace(line), "   ")
		all = append(all, columns)
	}
	return strings.Join(all, " ")
}

// What is cut short, longer than its lengths say, or of another version is no SCT, and no
// list of them.
func TestMalformed(t *testing.T) {
	whole := unhex(t, fields(example))
	for n := range whole {
		if s, err := Parse(whole[:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes are %+v, %v", n, s, err)
		}
	}
	late := bytes.Clone(whole)
	late[33] = 1
	for name, broken := range map[string][]byte{"a byte too many": append(bytes.Clone(whole), 0), "a time after the year 9999": late} {
		if s, err := Parse(broken); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	second := bytes.Clone(whole)
	second[0] = 1
	if _, err := Parse(second); !errors.Is(err, ErrVersion) {
		t.Errorf("version 2: %v", err)
	}
	for _, list := range []string{"", "00", "0000", "0002 0000", "0003 0001", "0003 0002 00", "0003 0001 00 00", "0004 0001 00"} {
		if got, err := ParseList(unhex(t, list)); !errors.Is(err, ErrMalformed) {
			t.Errorf("the list %s is %x, %v", list, got, err)
		}
	}
	for _, wrapped := range []string{"", "0403 0001", "0405 0003 0001 00 00", "0305 0003 0001 00"} {
		if got, err := ParseWrappedList(unhex(t, wrapped)); !errors.Is(err, ErrMalformed) {
			t.Errorf("the extension %s is %x, %v", wrapped, got, err)
		}
	}
	for _, tbs := range []string{"", "3000", "3003 020101", "3005 a303 3001 00", "3007 a302 3000 020101", "3006 a304 3002 3000"} {
		if got, err := PrecertificateEntry(unhex(t, tbs), nil); !errors.Is(err, ErrMalformed) {
			t.Errorf("the TBSCertificate %s is %x, %v", tbs, got.encoded, err)
		}
	}
}

// The index of an entry is read only if it has five bytes, and other extensions are skipped.
func TestLeafIndex(t *testing.T) {
	for extensions, want := range map[string]int64{
		"": -1, "00 0005 0000000001": 1, "00 0005 ffffffffff": 1<<40 - 1, "07 0001 aa 00 0005 0000000002": 2,
		"00 0004 00000001": -1, "00 0006 000000000001": -1, "00 0005 00": -1, "07": -1,
	} {
		if got := leafIndex(unhex(t, extensions)); got != want {
			t.Errorf("%s is the index %d, want %d", extensions, got, want)
		}
	}
}
