package hello

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"testing/iotest"
)

// FuzzOffer checks that a parsed offer is the one that was marshalled.
func FuzzOffer(f *testing.F) {
	f.Add(uint8(5), []byte{0x13, 1, 0xc0, 0x2f}, "example.com", "h2", []byte("session"), true)
	f.Add(uint8(1), []byte{0, 5}, "", "", []byte(nil), false)
	f.Fuzz(func(t *testing.T, version uint8, ciphers []byte, name, protocol string, session []byte, flag bool) {
		o := Offer{Version: Versions[1+int(version)%(len(Versions)-1)], ServerName: name, SessionID: session, Fallback: flag, Heartbeat: !flag}
		for ; len(ciphers) > 1; ciphers = ciphers[2:] {
			o.Ciphers = append(o.Ciphers, CipherSuite(ciphers[0])<<8|CipherSuite(ciphers[1]))
		}
		if protocol != "" {
			o.ALPN = []string{protocol}
		}
		h := o.Hello()
		records, err := h.Marshal()
		if err != nil {
			return
		}
		got, _ := reassembled(t, records)
		got.RecordVersion = h.RecordVersion
		same(t, got, h)
	})
}

// same compares ClientHellos. Empty and nil are equal.
func same(t *testing.T, got, want *ClientHello) {
	t.Helper()
	equal := got.RecordVersion == want.RecordVersion && got.LegacyVersion == want.LegacyVersion && got.Random == want.Random &&
		bytes.Equal(got.SessionID, want.SessionID) && slices.Equal(got.CipherSuites, want.CipherSuites) && bytes.Equal(got.CompressionMethods, want.CompressionMethods) &&
		slices.EqualFunc(got.Extensions, want.Extensions, func(a, b Extension) bool { return a.Type == b.Type && bytes.Equal(a.Data, b.Data) })
	if !equal {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// FuzzParseClientHello checks that a parsed message is marshalled to the same bytes,
// but for an empty list of extensions, which is omitted.
func FuzzParseClientHello(f *testing.F) {
	for _, a := range answers {
		message, err := a.offer.Hello().MarshalMessage()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		h, err := ParseClientHello(message)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
				t.Error(err)
			}
			return
		}
		again, err := h.MarshalMessage()
		if err != nil || !bytes.Equal(again, message) && len(h.Extensions) > 0 {
			t.Errorf("%x, want %x; %v", again, message, err)
		}
	})
}

func FuzzParseServerHello(f *testing.F) {
	f.Add(serverHello(TLS12, 0xC02F))
	f.Add(serverHello(TLS12, 0x1301, Extension{extSupportedVersions, []byte{3, 4}}, Extension{extKeyShare, []byte{0, 29, 0, 1, 7}}))
	f.Add(serverHello(TLS12, 0xC02F, ALPN("h2"), RenegotiationInfo(nil), Heartbeat(1), Cookie([]byte{1})))
	f.Fuzz(func(t *testing.T, message []byte) {
		h, err := ParseServerHello(message)
		if err != nil {
			return
		}
		h.RenegotiationInfo()
		h.Heartbeat()
		h.Cookie()
		again, err := h.MarshalMessage()
		if err != nil || !bytes.Equal(again, message) && len(h.Extensions) > 0 {
			t.Errorf("%x, want %x; %v", again, message, err)
		}
	})
}

// FuzzReadFlight checks that the sizes of reads make no difference, and that nothing is
// read beyond an answer.
func FuzzReadFlight(f *testing.F) {
	for _, a := range answers {
		f.Add(a.raw(f), true)
	}
	f.Add(ssl2Answer(ssl2ErrorMessage, 0, 1), false)
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n"), false)
	f.Fuzz(func(t *testing.T, answer []byte, done bool) {
		until := UntilHello
		if done {
			until = UntilDone
		}
		reader := bytes.NewReader(answer)
		flight, err := ReadFlight(reader, until)
		pieces, pieceErr := ReadFlight(iotest.OneByteReader(bytes.NewReader(answer)), until)
		if !reflect.DeepEqual(flight, pieces) || fmt.Sprint(err) != fmt.Sprint(pieceErr) {
			t.Fatalf("%s and %v, in pieces %s and %v", summary(flight), err, summary(pieces), pieceErr)
		}
		if err != nil {
			return
		}
		if flight.Hello == nil && flight.Alert == nil && flight.SSL2 == nil && flight.SSL2Error == 0 {
			t.Error("neither an answer nor an error")
		}
		used := len(answer) - reader.Len()
		if exact, err := ReadFlight(bytes.NewReader(answer[:used]), until); err != nil || !reflect.DeepEqual(exact, flight) {
			t.Errorf("the %d bytes that were read are not enough: %v", used, err)
		}
	})
}

func FuzzParseSSL2(f *testing.F) {
	f.Add(MarshalSSL2(SSL2Ciphers, make([]byte, 16)))
	f.Add(MarshalSSL2(nil, nil))
	f.Fuzz(func(t *testing.T, record []byte) {
		h, err := ParseSSL2(record)
		if err != nil || h.Version != SSL20 || len(h.SessionID) > 0 {
			return
		}
		if again := MarshalSSL2(h.Ciphers, h.Challenge); !bytes.Equal(again, record) {
			t.Errorf("%x, want %x", again, record)
		}
	})
}

// FuzzParse13 checks the messages that TLS 1.3 encrypts: a message is of one type, and
// the results are within it.
func FuzzParse13(f *testing.F) {
	body := func(kind byte, content ...byte) []byte {
		return append([]byte{kind, 0, 0, byte(len(content))}, content...)
	}
	f.Add(body(MsgEncryptedExtensions, 0, 0))
	f.Add(body(MsgEncryptedExtensions, 0, 11, 0, 16, 0, 5, 0, 3, 2, 'h', '2', 0, 0))
	f.Add(body(MsgCertificate, 0, 0, 0, 6, 0, 0, 1, 7, 0, 0))
	f.Add(body(MsgCertificate, 0, 0, 0, 20, 0, 0, 1, 7, 0, 14, 0, 5, 0, 5, 1, 0, 0, 1, 9, 0, 18, 0, 1, 0))
	f.Add(body(MsgCertificate, 0, 0, 0, 15, 0, 0, 1, 7, 0, 9, 0, 18, 0, 5, 0, 3, 0, 1, 5))
	f.Add(body(MsgCertificateVerify, 4, 3, 0, 2, 1, 2))
	f.Add(AppendFinished(nil, make([]byte, 32)))
	f.Fuzz(func(t *testing.T, message []byte) {
		parsed := 0
		if e, err := ParseEncryptedExtensions(message); err == nil {
			parsed++
			if len(e.ALPN) > 255 {
				t.Errorf("a protocol of %d bytes", len(e.ALPN))
			}
		}
		if chain, err := ParseCertificate13(message); err == nil {
			parsed++
			total := 0
			for _, entry := range chain {
				total += len(entry.DER) + len(entry.Status) + len(entry.SCTs)
				if len(entry.DER) == 0 {
					t.Error("an empty certificate")
				}
			}
			if len(chain) > maxCertificates || total > len(message) {
				t.Errorf("%d certificates, of %d bytes in %d", len(chain), total, len(message))
			}
		}
		if v, err := ParseCertificateVerify(message); err == nil {
			parsed++
			if want := body(MsgCertificateVerify, byte(v.Scheme>>8), byte(v.Scheme)); message[0] != want[0] || len(v.Signature)+len(want)+2 != len(message) {
				t.Errorf("%x is %+v", message, v)
			}
		}
		if data, err := ParseFinished(message); err == nil {
			parsed++
			if again := AppendFinished(nil, data); !bytes.Equal(again, message) {
				t.Errorf("%x, want %x", again, message)
			}
		}
		if parsed > 1 {
			t.Errorf("%x is parsed as messages of several types", message)
		}
	})
}

// FuzzAppendRenewed checks that a renewed message is that of an offer with the new
// fields.
func FuzzAppendRenewed(f *testing.F) {
	f.Add("example.com", "h2", []byte("share"), true)
	f.Add("", "", []byte(nil), false)
	f.Fuzz(func(t *testing.T, name, protocol string, share []byte, named bool) {
		o := Offer{Versions: []Version{TLS13, TLS12}, KeyShares: []KeyShare{{X25519, base25519}}, ALPN: []string{"x"}}
		if named {
			o.ServerName = "localhost"
		}
		h := o.Hello()
		r := &Renewal{ServerName: name, KeyShares: AppendKeyShare(nil, X25519, share[:len(share)/2], share[len(share)/2:])}
		o.KeyShares[0].Data, o.ALPN = share, nil
		if protocol != "" {
			r.Protocols, o.ALPN = []string{protocol}, []string{protocol}
		}
		if o.ServerName != "" {
			o.ServerName = name
		}
		copy(r.SessionID[:], "another session, and as long too")
		o.SessionID = r.SessionID[:]
		if len(share) > 1<<14 || len(name) > 1<<14 || len(protocol) > 255 {
			return
		}
		want := o.Hello()
		want.Random = r.Random
		want.Extensions = slices.DeleteFunc(want.Extensions, func(e Extension) bool { return e.Type == extPadding })
		message, err := want.MarshalMessage()
		if err != nil {
			t.Fatal(err)
		}
		h.Extensions = slices.DeleteFunc(h.Extensions, func(e Extension) bool { return e.Type == extPadding })
		if got := h.AppendRenewed([]byte("before"), r); !bytes.Equal(got, append([]byte("before"), message...)) {
			t.Errorf("%x, want %x", got, message)
		}
		if groups := h.KeyShareGroups(); !slices.Equal(groups, []Group{X25519}) {
			t.Errorf("shares for %v", groups)
		}
	})
}
