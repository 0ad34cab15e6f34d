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

// What is offered is what a server reads.
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

// same compares hellos; an empty part is as good as none.
func same(t *testing.T, got, want *ClientHello) {
	t.Helper()
	equal := got.RecordVersion == want.RecordVersion && got.LegacyVersion == want.LegacyVersion && got.Random == want.Random &&
		bytes.Equal(got.SessionID, want.SessionID) && slices.Equal(got.CipherSuites, want.CipherSuites) && bytes.Equal(got.CompressionMethods, want.CompressionMethods) &&
		slices.EqualFunc(got.Extensions, want.Extensions, func(a, b Extension) bool { return a.Type == b.Type && bytes.Equal(a.Data, b.Data) })
	if !equal {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// What can be read is written the same again; only an empty list of extensions
// is left away.
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
	f.Add(settled(TLS12, 0xC02F))
	f.Add(settled(TLS12, 0x1301, Extension{extSupportedVersions, []byte{3, 4}}, Extension{extKeyShare, []byte{0, 29, 0, 1, 7}}))
	f.Add(settled(TLS12, 0xC02F, ALPN("h2"), RenegotiationInfo(nil), Heartbeat(1), Cookie([]byte{1})))
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

// An answer means the same in whatever pieces it comes, nothing beyond it is
// read, and what is understood stands also when the end is missing.
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
		whole := bytes.NewReader(answer)
		flight, err := ReadFlight(whole, until)
		pieces, pieceErr := ReadFlight(iotest.OneByteReader(bytes.NewReader(answer)), until)
		if !reflect.DeepEqual(flight, pieces) || fmt.Sprint(err) != fmt.Sprint(pieceErr) {
			t.Fatalf("%s and %v, in pieces %s and %v", tell(flight), err, tell(pieces), pieceErr)
		}
		if err != nil {
			return
		}
		if flight.Hello == nil && flight.Alert == nil && flight.SSL2 == nil && flight.SSL2Error == 0 {
			t.Error("neither an answer nor an error")
		}
		used := len(answer) - whole.Len()
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
