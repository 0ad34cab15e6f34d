package hello

import (
	"bytes"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

func message(kind uint8, body ...byte) []byte {
	return append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

func record(kind uint8, payload ...byte) []byte { return AppendRecord(nil, kind, TLS12, payload) }

// serverHello returns a ServerHello with a version and a suite.
func serverHello(v Version, suite CipherSuite, extensions ...Extension) []byte {
	b, err := (&ServerHello{LegacyVersion: v, CipherSuite: suite, Extensions: extensions}).MarshalMessage()
	if err != nil {
		panic(err)
	}
	return b
}

func vec16(content ...byte) []byte {
	return append([]byte{byte(len(content) >> 8), byte(len(content))}, content...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// chain returns a Certificate message with n certificates of three bytes.
func chain(n int) []byte {
	one := []byte{0, 0, 3, 'D', 'E', 'R'}
	return message(msgCertificate, join([]byte{0, 0, byte(n * len(one))}, bytes.Repeat(one, n))...)
}

func TestReadFlight(t *testing.T) {
	var (
		hello   = serverHello(TLS12, 0xC02F)
		bare    = "TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
		done    = message(msgServerHelloDone)
		unknown = record(TypeAlert, 1, byte(UnrecognizedName))
		sig12   = join([]byte{8, 4}, vec16(1, 2))
		sig10   = vec16(1, 2)
		modulus = append([]byte{0x80}, make([]byte, 63)...)
	)
	for _, row := range []struct {
		name   string
		answer []byte
		until  Until
		want   string
		err    error
	}{
		{"only the ServerHello", record(TypeHandshake, join(hello, chain(1), done)...), UntilHello, bare, nil},
		{"all in one record", record(TypeHandshake, join(hello, chain(2), done)...), UntilDone, bare + " certificates=2 done", nil},
		{"a message in three records", join(record(TypeHandshake, hello[:3]...), record(TypeHandshake, hello[3:40]...), record(TypeHandshake, join(hello[40:], done)...)), UntilDone, bare + " done", nil},
		{"empty records between", join(record(TypeHandshake), record(TypeHandshake, hello...), record(TypeHandshake)), UntilHello, bare, nil},
		{"a HelloRequest before", record(TypeHandshake, join(message(msgHelloRequest), hello)...), UntilHello, bare, nil},
		{"resumed", join(record(TypeHandshake, hello...), record(TypeHandshake, message(msgNewSessionTicket, 1)...), record(TypeChangeCipherSpec, 1)), UntilDone, bare + " resumed", nil},
		{"a long chain", record(TypeHandshake, join(hello, chain(25), done)...), UntilDone, bare + " certificates=20 done", nil},
		{"a status of another kind", record(TypeHandshake, join(hello, message(msgCertificateStatus, 2, 0, 0, 0), done)...), UntilDone, bare + " done", nil},

		{"unrecognized_name before the ServerHello", join(unknown, record(TypeHandshake, hello...)), UntilHello, bare + " [warning alert unrecognized_name]", nil},
		{"unrecognized_name alone", unknown, UntilHello, "warning alert unrecognized_name [warning alert unrecognized_name]", nil},
		{"unrecognized_name, then cut off", join(unknown, []byte{22, 3}), UntilHello, "[warning alert unrecognized_name]", io.ErrUnexpectedEOF},
		{"too many warnings", bytes.Repeat(unknown, maxWarnings+1), UntilHello, strings.Repeat(" [warning alert unrecognized_name]", maxWarnings)[1:], ErrTooLarge},
		{"close_notify", record(TypeAlert, 1, 0), UntilHello, "warning alert close_notify", nil},
		{"two alerts in a record", record(TypeAlert, 1, 112, 2, 40), UntilHello, "fatal alert handshake_failure [warning alert unrecognized_name]", nil},
		{"an unregistered alert", record(TypeAlert, 2, 250), UntilHello, "fatal alert 0xFA", nil},
		{"an alert after the ServerHello", join(record(TypeHandshake, hello...), record(TypeAlert, 2, 80)), UntilDone, bare + " fatal alert internal_error", nil},
		{"half an alert", record(TypeAlert, 2), UntilHello, "", ErrMalformed},
		{"an alert of an unknown level", record(TypeAlert, 7, 40), UntilHello, "", ErrMalformed},

		{"a web server", []byte("HTTP/1.1 400 Bad Request\r\n"), UntilHello, "", ErrNotTLS},
		{"two bytes of text", []byte("no"), UntilHello, "", ErrNotTLS},
		{"a long greeting of MySQL", []byte("\x95\x00\x00\x00\x0a8.0.46-and-more"), UntilHello, "", ErrNotTLS},
		{"nothing", nil, UntilHello, "", io.EOF},
		{"half a header", []byte{22, 3, 3}, UntilHello, "", io.ErrUnexpectedEOF},
		{"a record that is too long", []byte{22, 3, 3, 0xff, 0xff}, UntilHello, "", ErrTooLarge},
		{"too many empty records", bytes.Repeat(record(TypeHandshake), maxRecords+1), UntilHello, "", ErrTooLarge},
		{"a message that is too long", record(TypeHandshake, 2, 0xff, 0xff, 0xff), UntilHello, "", ErrTooLarge},
		{"messages that are too long together", join(record(TypeHandshake, hello...), bytes.Repeat(record(TypeHandshake, message(msgNewSessionTicket, make([]byte, 1<<14-4)...)...), 65)), UntilDone, bare, ErrTooLarge},
		{"two ServerHellos", record(TypeHandshake, join(hello, hello)...), UntilDone, bare, ErrMalformed},
		{"no ServerHello", record(TypeHandshake, chain(1)...), UntilDone, "", ErrMalformed},
		{"a message of an unknown type", record(TypeHandshake, join(hello, message(99))...), UntilDone, bare, ErrMalformed},
		{"application data", record(TypeApplicationData, 1), UntilHello, "", ErrMalformed},
		{"ChangeCipherSpec first", record(TypeChangeCipherSpec, 1), UntilHello, "", ErrMalformed},
		{"a certificate without bytes", record(TypeHandshake, join(hello, message(msgCertificate, 0, 0, 3, 0, 0, 0))...), UntilDone, bare, ErrMalformed},

		{"a selected version of one byte", record(TypeHandshake, serverHello(TLS12, 0x1301, Extension{extSupportedVersions, []byte{3}})...), UntilHello, "TLS 1.2 TLS_AES_128_GCM_SHA256", ErrMalformed},
		{"a draft of TLS 1.3", record(TypeHandshake, serverHello(TLS12, 0x1301, Extension{extSupportedVersions, []byte{0x7f, 0x1c}})...), UntilDone, "0x7F1C TLS_AES_128_GCM_SHA256", nil},
		{"two protocols", record(TypeHandshake, serverHello(TLS12, 0xC02F, ALPN("h2", "http/1.1"))...), UntilHello, bare, ErrMalformed},

		{"an export key", record(TypeHandshake, join(serverHello(TLS10, 3), message(msgServerKeyExchange, join(vec16(modulus...), vec16(1, 0, 1), sig10)...), done)...), UntilDone,
			"TLS 1.0 TLS_RSA_EXPORT_WITH_RC4_40_MD5 kx=RSA(512) done", nil},
		{"an export group", record(TypeHandshake, join(serverHello(SSL30, 0x14), message(msgServerKeyExchange, join(vec16(modulus...), vec16(2), vec16(4), sig10)...), done)...), UntilDone,
			"SSL 3.0 TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA kx=DH(512) done", nil},
		{"an explicit curve", record(TypeHandshake, join(hello, message(msgServerKeyExchange, 1, 9, 9, 9), done)...), UntilDone, bare + " kx= done", nil},
		{"SRP", record(TypeHandshake, join(serverHello(TLS12, 0xC01E), message(msgServerKeyExchange, join(vec16(modulus...), vec16(2), []byte{1, 7}, vec16(4), sig12)...), done)...), UntilDone,
			"TLS 1.2 TLS_SRP_SHA_RSA_WITH_AES_128_CBC_SHA kx=DH(512) rsa_pss_rsae_sha256 done", nil},
		{"a PSK hint", record(TypeHandshake, join(serverHello(TLS12, 0x8C), message(msgServerKeyExchange, vec16('h', 'i')...), done)...), UntilDone, "TLS 1.2 TLS_PSK_WITH_AES_128_CBC_SHA kx= done", nil},
		{"an unknown suite", record(TypeHandshake, join(serverHello(TLS12, 0xFAFA), message(msgServerKeyExchange, 1, 2, 3), done)...), UntilDone, "TLS 1.2 0xFAFA kx= done", nil},
		{"a key exchange with trailing bytes", record(TypeHandshake, join(serverHello(TLS12, 0x8C), message(msgServerKeyExchange, append(vec16('h', 'i'), 0)...), done)...), UntilDone, "TLS 1.2 TLS_PSK_WITH_AES_128_CBC_SHA", ErrMalformed},

		{"SSL 2.0", ssl2Answer(ssl2ServerHello, 0, 1, 0, 2, 0, 3, 0, 3, 0, 2, 'D', 'E', 'R', 7, 0, 0xc0, 1, 2), UntilDone,
			"SSL 2.0 certificate=3 ciphers=[SSL_CK_DES_192_EDE3_CBC_WITH_MD5] connection=2", nil},
		{"SSL 2.0 with no cipher in common", ssl2Answer(ssl2ServerHello, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0), UntilDone, "SSL 2.0 certificate=0 ciphers=[] connection=0", nil},
		{"SSL 2.0 with an error", ssl2Answer(ssl2ErrorMessage, 0, 1), UntilDone, "SSL 2.0 error no_cipher", nil},
		{"SSL 2.0 with the error 0", ssl2Answer(ssl2ErrorMessage, 0, 0), UntilDone, "", ErrMalformed},
		{"SSL 2.0 with lengths that do not add up", ssl2Answer(ssl2ServerHello, 0, 1, 0, 2, 0, 9, 0, 0, 0, 0), UntilDone, "", ErrMalformed},
		{"SSL 2.0 cut off", ssl2Answer(ssl2ServerHello, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0)[:9], UntilDone, "", io.ErrUnexpectedEOF},
	} {
		t.Run(row.name, func(t *testing.T) {
			f, err := ReadFlight(bytes.NewReader(row.answer), row.until)
			if !errors.Is(err, row.err) || summary(f) != row.want {
				t.Errorf("%q, want %q; %v, want %v", summary(f), row.want, err, row.err)
			}
		})
	}
}

func ssl2Answer(message ...byte) []byte {
	return append([]byte{0x80 | byte(len(message)>>8), byte(len(message))}, message...)
}

// Bytes after the answer stay in the connection, and errors of the connection are
// returned.
func TestReadFlightReadsNoFurther(t *testing.T) {
	rest := strings.NewReader(string(record(TypeAlert, 2, 70)) + "the rest")
	if f, err := ReadFlight(rest, UntilDone); err != nil || f.Alert == nil || rest.Len() != len("the rest") {
		t.Errorf("%v, %v, %d bytes left", f.Alert, err, rest.Len())
	}
	silent := io.MultiReader(bytes.NewReader(record(TypeHandshake, serverHello(TLS12, 0xC02F)...)), iotest.ErrReader(os.ErrDeadlineExceeded))
	if f, err := ReadFlight(silent, UntilDone); !errors.Is(err, os.ErrDeadlineExceeded) || f.Hello == nil {
		t.Errorf("%v, %v", f.Hello, err)
	}
	_, err := ReadFlight(strings.NewReader("220 ready"), UntilDone)
	if other, ok := errors.AsType[*NotTLSError](err); !ok || string(other.First) != "220 r" {
		t.Errorf("%v", err)
	}
}

func TestReadRecord(t *testing.T) {
	r := bytes.NewReader(join(record(TypeHeartbeat, 1, 2), record(TypeAlert)))
	first, err := ReadRecord(r)
	if err != nil || first.Type != TypeHeartbeat || first.Version != TLS12 || !bytes.Equal(first.Payload, []byte{1, 2}) {
		t.Errorf("%v %v", first, err)
	}
	if second, err := ReadRecord(r); err != nil || second.Type != TypeAlert || len(second.Payload) != 0 {
		t.Errorf("%v %v", second, err)
	}
	if _, err := ReadRecord(r); err != io.EOF {
		t.Error(err)
	}
}

// serve starts a server of crypto/tls on loopback and returns its address.
func serve(t *testing.T, config *tls.Config) string {
	server := httptest.NewUnstartedServer(nil)
	server.TLS = config
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// exchange sends an offer and reads the answer.
func exchange(t *testing.T, address string, o Offer) *Flight {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello, err := o.Hello().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(hello); err != nil {
		t.Fatal(err)
	}
	f, err := ReadFlight(conn, UntilDone)
	if err != nil {
		t.Fatalf("%+v: %v", o, err)
	}
	return f
}

// crypto/tls negotiates what is offered.
func TestOfferToCryptoTLS(t *testing.T) {
	address := serve(t, &tls.Config{MinVersion: tls.VersionTLS10, NextProtos: []string{"h2"}, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}})
	const classic = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
	for _, row := range []struct {
		offer Offer
		want  string
	}{
		{Offer{Version: SSL30}, "fatal alert protocol_version"},
		{Offer{Version: TLS10, ServerName: "example.com"}, "TLS 1.0 " + classic + " ems reneg downgraded=TLS 1.2 certificates=1 kx=x25519 done"},
		{Offer{Version: TLS11, NoRenegotiationInfo: true}, "TLS 1.1 " + classic + " ems downgraded=TLS 1.2 certificates=1 kx=x25519 done"},
		{Offer{Version: TLS12, NoExtendedMasterSecret: true, SessionTicket: []byte{}}, "TLS 1.2 " + classic + " reneg ticket downgraded=TLS 1.3 certificates=1 kx=x25519 rsa_pss_rsae_sha256 done"},
		{Offer{Version: TLS12, Groups: []Group{SecP384r1}, ALPN: []string{"h2"}}, "TLS 1.2 " + classic + " alpn=h2 ems reneg downgraded=TLS 1.3 certificates=1 kx=secp384r1 rsa_pss_rsae_sha256 done"},
		{Offer{Version: TLS12, ALPN: []string{"imap"}}, "fatal alert no_application_protocol"},
		{Offer{Version: TLS12, Fallback: true}, "fatal alert inappropriate_fallback"},
		{Offer{Version: TLS13}, "TLS 1.3 TLS_AES_128_GCM_SHA256 retry X25519MLKEM768"},
		{Offer{Groups: []Group{SecP521r1}, Ciphers: []CipherSuite{0x1303}}, "TLS 1.3 TLS_CHACHA20_POLY1305_SHA256 retry secp521r1"},
		{Offer{Versions: []Version{TLS13, TLS12}}, "TLS 1.3 TLS_AES_128_GCM_SHA256 retry X25519MLKEM768"},
		{Offer{Versions: []Version{TLS11, TLS10}}, "TLS 1.1 " + classic + " ems reneg downgraded=TLS 1.2 certificates=1 kx=x25519 done"},
		{Offer{Groups: []Group{X25519}, KeyShares: shares(X25519)}, "TLS 1.3 TLS_AES_128_GCM_SHA256 x25519"},
	} {
		if f := exchange(t, address, row.offer); summary(f) != row.want {
			t.Errorf("%+v: %s, want %s", row.offer, summary(f), row.want)
		}
	}
}

// The key shares are valid: crypto/tls answers with its own.
func TestKeySharesAreAccepted(t *testing.T) {
	groups := []Group{X25519, SecP256r1, SecP384r1, SecP521r1, X25519MLKEM768, SecP256r1MLKEM768, SecP384r1MLKEM1024}
	config := new(tls.Config)
	for _, g := range groups {
		config.CurvePreferences = append(config.CurvePreferences, tls.CurveID(g))
	}
	address := serve(t, config)
	for _, g := range groups {
		f := exchange(t, address, Offer{Groups: []Group{g}, KeyShares: shares(g)})
		if f.Hello == nil || f.Hello.Retry || f.Hello.Group != g {
			t.Errorf("%v: %s", g, summary(f))
		}
	}
}

func TestKeyShareFor(t *testing.T) {
	for _, g := range GroupsFor(TLS13) {
		share, ok := KeyShareFor(g)
		if ok != (share.Data != nil) || share.Group != g {
			t.Errorf("%v: %v %v", g, share, ok)
		}
	}
	for curve, g := range map[ecdh.Curve]Group{ecdh.P256(): SecP256r1, ecdh.P384(): SecP384r1, ecdh.P521(): SecP521r1, ecdh.X25519(): X25519} {
		if _, err := curve.NewPublicKey(shareFor(g)); err != nil {
			t.Errorf("%v: %v", g, err)
		}
	}
	if _, err := mlkem.NewEncapsulationKey768(shareFor(MLKEM768)); err != nil {
		t.Error(err)
	}
	if _, err := mlkem.NewEncapsulationKey1024(shareFor(MLKEM1024)); err != nil {
		t.Error(err)
	}
	if _, ok := KeyShareFor(1); ok {
		t.Error("sect163k1 has a key share")
	}
}
