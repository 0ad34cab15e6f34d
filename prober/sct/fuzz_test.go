package sct

import (
	"bytes"
	"crypto/x509/pkix"
	"math/big"
	"testing"

	"tls_exporter/prober/tlstest"
)

// What is parsed has every byte of what was sent, in its place.
func FuzzParseList(f *testing.F) {
	one := unhex(f, fields(example))
	f.Add(append([]byte{0, byte(len(one) + 2), 0, byte(len(one))}, one...))
	f.Add([]byte{0, 3, 0, 1, 0})
	f.Fuzz(func(t *testing.T, list []byte) {
		all, err := ParseList(list)
		if err != nil {
			return
		}
		size := 2
		for _, serialized := range all {
			size += 2 + len(serialized)
			s, err := Parse(serialized)
			if err != nil {
				continue
			}
			b := newBuilder(len(serialized))
			b.AddUint8(0)
			b.AddBytes(s.LogID[:])
			b.AddUint64(uint64(s.Timestamp.UnixMilli()))
			b.AddUint16LengthPrefixed(func(b *builder) { b.AddBytes(s.extensions) })
			b.AddUint16(s.algorithm)
			b.AddUint16LengthPrefixed(func(b *builder) { b.AddBytes(s.signature) })
			if again := b.BytesOrPanic(); !bytes.Equal(again, serialized) {
				t.Errorf("%x is parsed as %x", serialized, again)
			}
			if _, err := s.Timestamp.MarshalText(); err != nil || s.Index < -1 || s.Index >= 1<<40 {
				t.Errorf("%x has the time %s (%v) and the index %d", serialized, s.Timestamp, err, s.Index)
			}
		}
		if size != len(list) || len(all) == 0 {
			t.Errorf("%x has %d SCTs with %d bytes", list, len(all), size)
		}
	})
}

// A TBSCertificate becomes no larger without the list, and has no other to take out.
func FuzzPrecertificateEntry(f *testing.F) {
	f.Add(unhex(f, "3029 020101 a324 3022 3007 0603551d0e 0400 3010 060a2b06010401d679020402 04020000 3005 0603551d0f"))
	f.Fuzz(func(t *testing.T, tbs []byte) {
		stripped, err := withoutSCTs(tbs)
		if err != nil {
			return
		}
		again, err := withoutSCTs(stripped)
		if len(stripped) > len(tbs) || err == nil && !bytes.Equal(again, stripped) {
			t.Errorf("%x becomes %x, and that %x", tbs, stripped, again)
		}
	})
}

// An OCSP response has as many SCTs as one of its extensions.
func FuzzInOCSP(f *testing.F) {
	f.Add(unhex(f, "3003 0a0103"), int64(1))
	ca, err := tlstest.NewRoot("Root")
	if err != nil {
		f.Fatal(err)
	}
	list := tlstest.SCTExtension(tlstest.SCTList(unhex(f, fields(example))), true)
	response, err := ca.RespondOCSP(ca.Certificate, tlstest.OCSP{Serial: big.NewInt(7), Extensions: []pkix.Extension{list}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(response, int64(7))
	f.Fuzz(func(t *testing.T, response []byte, serial int64) {
		all, err := InOCSP(response, big.NewInt(serial))
		if err != nil && all != nil {
			t.Errorf("%d SCTs with the error %v", len(all), err)
		}
		size := 0
		for _, one := range all {
			size += len(one)
		}
		if size > len(response) {
			t.Errorf("%d bytes of %d", size, len(response))
		}
	})
}
