package hello

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// types returns the numbers of the extensions.
func (h *ClientHello) types() []uint16 {
	var list []uint16
	for _, e := range h.Extensions {
		list = append(list, e.Type)
	}
	return list
}

func TestOffer(t *testing.T) {
	one := []CipherSuite{0x2F}
	for _, row := range []struct {
		name             string
		offer            Offer
		record, legacy   Version
		ciphers          []CipherSuite
		extensions, lack []uint16
	}{
		{"the default", Offer{}, TLS10, TLS12, UsualSuites(TLS13),
			[]uint16{extSupportedGroups, extSignatureAlgorithms, extPSKKeyExchangeModes, extKeyShare, extSupportedVersions},
			[]uint16{extServerName, extRenegotiationInfo, extExtendedMasterSecret, extEncryptThenMAC, extSessionTicket, extHeartbeat, extALPN}},
		{"TLS 1.2", Offer{Version: TLS12, Ciphers: one, ServerName: "example.com", ALPN: []string{"h2"}, Heartbeat: true, SessionTicket: []byte{}}, TLS10, TLS12, one,
			[]uint16{extServerName, extExtendedMasterSecret, extEncryptThenMAC, extRenegotiationInfo, extECPointFormats, extSessionTicket, extHeartbeat, extALPN, extSupportedGroups, extSignatureAlgorithms},
			[]uint16{extSupportedVersions, extKeyShare, extPSKKeyExchangeModes}},
		{"without later extensions", Offer{Version: TLS12, Ciphers: one, NoRenegotiationInfo: true, NoExtendedMasterSecret: true, NoEncryptThenMAC: true}, TLS10, TLS12, one,
			[]uint16{extECPointFormats}, []uint16{extExtendedMasterSecret, extEncryptThenMAC, extRenegotiationInfo}},
		{"TLS 1.0", Offer{Version: TLS10, Ciphers: one}, TLS10, TLS10, one, []uint16{extRenegotiationInfo, extSupportedGroups}, []uint16{extSignatureAlgorithms, extSupportedVersions}},
		{"a fallback", Offer{Version: TLS11, Ciphers: one, Fallback: true}, TLS10, TLS11, []CipherSuite{0x2F, FallbackSCSV}, nil, nil},
		{"SSL 3.0", Offer{Version: SSL30, Ciphers: one, ServerName: "example.com"}, SSL30, SSL30, []CipherSuite{0x2F, EmptyRenegotiationInfoSCSV}, nil, nil},
		{"SSL 3.0 without renegotiation info", Offer{Version: SSL30, Ciphers: one, NoRenegotiationInfo: true}, SSL30, SSL30, one, nil, nil},
		{"two versions", Offer{Versions: []Version{TLS13, TLS12}}, TLS10, TLS12, slices.Concat(UsualSuites(TLS13), UsualSuites(TLS12)),
			[]uint16{extSupportedVersions, extKeyShare, extRenegotiationInfo}, nil},
		{"an extra extension", Offer{Ciphers: one, Extra: []Extension{StatusRequest()}}, TLS10, TLS12, one, []uint16{extStatusRequest}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := row.offer.Hello()
			if h.RecordVersion != row.record || h.LegacyVersion != row.legacy || !slices.Equal(h.CipherSuites, row.ciphers) {
				t.Errorf("%v %v %v", h.RecordVersion, h.LegacyVersion, h.CipherSuites)
			}
			types := h.types()
			for _, want := range row.extensions {
				if !slices.Contains(types, want) {
					t.Errorf("extension %d is missing", want)
				}
			}
			for _, not := range row.lack {
				if slices.Contains(types, not) {
					t.Errorf("extension %d is not wanted", not)
				}
			}
			if row.legacy == SSL30 && len(types) > 0 {
				t.Errorf("SSL 3.0 with %v", types)
			}
			if n := len(h.Extensions); n > 0 && len(h.Extensions[n-1].Data) == 0 {
				t.Error("the last extension is empty")
			}
			if again := row.offer.Hello(); again.Random == h.Random {
				t.Error("two offers have the same random")
			}
		})
	}
}

// No offer has a length that F5 does not answer.
func TestPadding(t *testing.T) {
	for n := range 600 {
		h := Offer{Version: TLS12, Ciphers: []CipherSuite{0x2F}, Schemes: Schemes[:1], Groups: []Group{X25519}, Extra: []Extension{Cookie(make([]byte, n))}}.Hello()
		message, err := h.MarshalMessage()
		if err != nil || len(message) != h.length() || len(message) >= paddedFrom && len(message) < paddedTo {
			t.Fatalf("%d bytes, of which %d are extra; length says %d; %v", len(message), n, h.length(), err)
		}
	}
}

func TestMarshal(t *testing.T) {
	long := Offer{Extra: []Extension{Cookie(make([]byte, 40000))}}.Hello()
	records, err := long.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if parsed, sizes := reassembled(t, records); len(sizes) != 3 || sizes[0] != maxFragment || parsed.Random != long.Random {
		t.Errorf("records of %v bytes", sizes)
	}
	for name, h := range map[string]*ClientHello{
		"a session of 256 bytes":       Offer{SessionID: make([]byte, 256)}.Hello(),
		"a name of 65536 bytes":        Offer{ServerName: strings.Repeat("x", 65536)}.Hello(),
		"a protocol of 256 bytes":      Offer{ALPN: []string{strings.Repeat("x", 256)}}.Hello(),
		"70000 bytes of extensions":    Offer{Extra: []Extension{Padding(35000), Padding(35000)}}.Hello(),
		"40000 cipher suites":          Offer{Ciphers: make([]CipherSuite, 40000)}.Hello(),
		"200 versions":                 Offer{Versions: make([]Version, 200), Version: TLS13}.Hello(),
		"256 methods of compression":   Offer{Compression: make([]uint8, 256)}.Hello(),
		"a key share of 65536 bytes":   Offer{KeyShares: []KeyShare{{X25519, make([]byte, 65536)}}}.Hello(),
		"a renegotiation of 256 bytes": Offer{Extra: []Extension{RenegotiationInfo(make([]byte, 256))}}.Hello(),
	} {
		if _, err := h.Marshal(); err == nil {
			t.Errorf("%s fit", name)
		}
	}
}

// reassembled returns the ClientHello in records, and the length of each payload.
func reassembled(t *testing.T, records []byte) (*ClientHello, []int) {
	t.Helper()
	var message []byte
	var sizes []int
	for r := bytes.NewReader(records); r.Len() > 0; {
		record, err := ReadRecord(r)
		if err != nil || record.Type != TypeHandshake {
			t.Fatalf("%v %v", record.Type, err)
		}
		message = append(message, record.Payload...)
		sizes = append(sizes, len(record.Payload))
	}
	h, err := ParseClientHello(message)
	if err != nil {
		t.Fatal(err)
	}
	return h, sizes
}

// The extensions have the format of their RFCs.
func TestExtensions(t *testing.T) {
	for _, row := range []struct {
		got  Extension
		want string
	}{
		{ServerName("ab.de"), "\x00\x08\x00\x00\x05ab.de"},
		{SupportedVersions(TLS13, TLS12), "\x04\x03\x04\x03\x03"},
		{SupportedGroups(X25519, FFDHE2048), "\x00\x04\x00\x1d\x01\x00"},
		{KeyShares(), "\x00\x00"},
		{KeyShares(KeyShare{X25519, []byte("k")}), "\x00\x05\x00\x1d\x00\x01k"},
		{SignatureAlgorithms(0x0804), "\x00\x02\x08\x04"},
		{ALPN("h2"), "\x00\x03\x02h2"},
		{RenegotiationInfo(nil), "\x00"},
		{ExtendedMasterSecret(), ""}, {EncryptThenMAC(), ""}, {SessionTicket([]byte("t")), "t"},
		{StatusRequest(), "\x01\x00\x00\x00\x00"}, {Heartbeat(PeerNotAllowedToSend), "\x02"},
		{ECPointFormats(), "\x01\x00"}, {ECPointFormats(1, 2), "\x03\x00\x01\x02"}, {PSKKeyExchangeModes(), "\x01\x01"},
		{Cookie([]byte("c")), "\x00\x01c"}, {Padding(2), "\x00\x00"},
	} {
		if string(row.got.Data) != row.want {
			t.Errorf("extension %d: %q, want %q", row.got.Type, row.got.Data, row.want)
		}
	}
}

func TestServerHelloExtensions(t *testing.T) {
	plain, full := new(ServerHello), &ServerHello{Extensions: []Extension{
		RenegotiationInfo([]byte("r")), ExtendedMasterSecret(), EncryptThenMAC(), SessionTicket(nil), Heartbeat(PeerAllowedToSend), Cookie([]byte("c")), {Type: extStatusRequest}}}
	for h, want := range map[*ServerHello]bool{plain: false, full: true} {
		info, reneg := h.RenegotiationInfo()
		mode, heart := h.Heartbeat()
		if reneg != want || heart != want || h.ExtendedMasterSecret() != want || h.EncryptThenMAC() != want || h.SessionTicket() != want || h.StatusRequest() != want || (h.Cookie() != nil) != want {
			t.Errorf("%+v", h)
		}
		if want && (string(info) != "r" || mode != PeerAllowedToSend || string(h.Cookie()) != "c") {
			t.Errorf("%q %v %q", info, mode, h.Cookie())
		}
	}
	broken := &ServerHello{Extensions: []Extension{{extRenegotiationInfo, []byte{9}}, {extHeartbeat, nil}, {extCookie, []byte{0}}}}
	if _, ok := broken.RenegotiationInfo(); ok || broken.Cookie() != nil {
		t.Error("a malformed renegotiation_info or cookie is accepted")
	}
	if _, ok := broken.Heartbeat(); ok {
		t.Error("a malformed heartbeat is accepted")
	}
}

// Every server reads every offer, and the offers of a version have all its suites. Those
// with Diffie-Hellman are offered with the groups of RFC 7919 and without.
func TestOffersOfVersion(t *testing.T) {
	for _, v := range Versions[1:] {
		seen, finite := make(map[CipherSuite]bool), make(map[CipherSuite]int)
		for _, o := range append(FurtherOffers(v), Offer{Version: v}, Offer{Version: v, Fallback: true}) {
			h := o.Hello()
			if len(h.CipherSuites) > MaxSuites {
				t.Errorf("%v: %d suites", v, len(h.CipherSuites))
			}
			data, _ := h.Extension(extSupportedGroups)
			r := reader(data)
			groups, _ := readNumbers16[Group](&r)
			for _, id := range h.CipherSuites {
				seen[id] = true
				if s := Find(id); s != nil && s.FiniteField() {
					finite[id] |= map[bool]int{true: 1, false: 2}[slices.Contains(groups, FFDHE2048)]
				}
			}
		}
		for _, id := range SuitesFor(v) {
			if !seen[id] {
				t.Errorf("%v is not offered in %v", id, v)
			}
			if ways := finite[id]; Find(id).FiniteField() && ways != 3 && v >= TLS10 {
				t.Errorf("%v is offered in %v in the ways %d", id, v, ways)
			}
		}
	}
	if n := len(Offer{Versions: []Version{TLS13, TLS12, TLS11, TLS10}, Fallback: true}.Hello().CipherSuites); n > MaxSuites {
		t.Errorf("all versions have %d suites", n)
	}
	for _, part := range Parts(TLS12, 50) {
		if len(part) > 50 {
			t.Errorf("a part of 50 has %d", len(part))
		}
	}
}
