package handshake

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/target"
)

// TestOwnOffer compares what the verdict of a look takes for the offer of crypto/tls with
// its ClientHello.
func TestOwnOffer(t *testing.T) {
	c, err := New(Options{}, time.Second, nil, new(Process))
	if err != nil {
		t.Fatal(err)
	}
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		tls.Client(client, c.Config(&target.Target{Scheme: "https", Host: "example.com"})).Handshake()
		client.Close()
	}()
	record, err := hello.ReadRecord(server)
	server.Close()
	if err != nil {
		t.Fatal(err)
	}
	h, err := hello.ParseClientHello(record.Payload)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2][]uint16{
		"suites":                    {sorted(ownSuites), sorted(h.CipherSuites)},
		"groups":                    {sorted(ownGroups), list(t, h, 10)},
		"signature_algorithms":      {sorted(ownSchemes), list(t, h, 13)},
		"signature_algorithms_cert": {sorted(ownSchemes), list(t, h, 50)},
	} {
		if !slices.Equal(pair[0], pair[1]) {
			t.Errorf("%s: %04x here, %04x in the hello of crypto/tls", name, pair[0], pair[1])
		}
	}
}

func sorted[N ~uint16](numbers []N) []uint16 {
	var all []uint16
	for _, n := range numbers {
		all = append(all, uint16(n))
	}
	slices.Sort(all)
	return all
}

func list(t *testing.T, h *hello.ClientHello, extension uint16) []uint16 {
	t.Helper()
	data, _ := h.Extension(extension)
	var all []uint16
	for i := 2; i+1 < len(data); i += 2 {
		all = append(all, uint16(data[i])<<8|uint16(data[i+1]))
	}
	slices.Sort(all)
	return all
}

// TestShapes checks the sizes of the hellos: some servers read no more.
func TestShapes(t *testing.T) {
	for s, test := range map[shape]struct{ bytes, suites, extensions int }{
		shapeAll: {1 << 10, hello.MaxSuites, 99}, shapeUpTo12: {1 << 10, hello.MaxSuites, 99}, shapeRare: {1 << 10, 119, 99}, shapeRarer: {1 << 10, 119, 99}, shapeRarest: {1 << 10, 119, 99},
		shapeBare: {255, 60, 1}, shapeOldest: {255, 60, 0},
	} {
		for _, narrow := range []bool{false, true} {
			records, err := s.message("a-name-that-is-quite-long-as-names-are.example.com", narrow)
			if err != nil {
				t.Fatal(err)
			}
			h, err := hello.ParseClientHello(records[5:])
			if err != nil {
				t.Fatal(err)
			}
			if len(records)-5 > test.bytes || len(h.CipherSuites) > test.suites || len(h.Extensions) > test.extensions {
				t.Errorf("shape %d: %d bytes, %d suites, %d extensions", s, len(records), len(h.CipherSuites), len(h.Extensions))
			}
		}
	}
	// Each suite is in one shape.
	all := slices.Concat(allSuites, slices.Concat(rareParts...))
	if len(rareParts) != 3 {
		t.Errorf("%d shapes have rare suites", len(rareParts))
	}
	for _, id := range append(hello.SuitesFor(hello.TLS12), hello.SuitesFor(hello.TLS13)...) {
		if !slices.Contains(all, id) {
			t.Errorf("%s is in no shape", id)
		}
	}
}

// TestServerKey changes each field of a peer that a handshake depends on: what is
// remembered of a server is not used for another.
func TestServerKey(t *testing.T) {
	base := func() *Peer {
		return &Peer{Target: &target.Target{Scheme: "https", Host: "h", Port: 443, Path: "/p"}, Remote: netip.MustParseAddrPort("192.0.2.1:443")}
	}
	different := map[string]any{"Scheme": target.Scheme("smtp"), "Host": "i", "Port": uint16(25), "Path": "/q", "ServerName": "n"}
	fields := reflect.TypeFor[target.Target]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		if name == "Address" {
			continue // is dialled: it is the Remote
		}
		value, ok := different[name]
		if !ok {
			t.Errorf("another value for %s is missing", name)
			continue
		}
		other := base()
		reflect.ValueOf(other.Target).Elem().Field(i).Set(reflect.ValueOf(value))
		if serverOf(base()) == serverOf(other) {
			t.Errorf("%s is not in the key", name)
		}
	}
	other := base()
	other.Remote = netip.MustParseAddrPort("192.0.2.2:443")
	if serverOf(base()) == serverOf(other) {
		t.Error("the remote address is not in the key")
	}
}

// TestLegacyErrorUnwraps checks that the error of the handshake stays.
func TestLegacyErrorUnwraps(t *testing.T) {
	cause := errors.New("cause")
	if err := error(&legacyError{&Session{}, "", cause}); !errors.Is(err, cause) {
		t.Error(err)
	}
}
