package hello

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

var capture = flag.Bool("capture", false, "start the servers of TestAnswers and write their answers to testdata/answers")

// answer is a recorded answer of a real server to an offer.
type answer struct {
	name   string
	server string // its command; it listens on {port}, and {dir} has cert.pem, key.pem and ocsp.der
	offer  Offer
	want   string // the summary of the flight
}

const (
	openssl = "openssl s_server -quiet -accept {port} -cert {dir}/cert.pem -key {dir}/key.pem "
	gnutls  = "gnutls-serv --quiet --port {port} --x509certfile {dir}/cert.pem --x509keyfile {dir}/key.pem "
)

var answers = []answer{
	{"openssl-1.3-retry", openssl + "-tls1_3", Offer{ServerName: "localhost"},
		"TLS 1.3 TLS_AES_256_GCM_SHA384 retry x25519"},
	{"openssl-1.3-hello", openssl + "-tls1_3", Offer{KeyShares: shares(X25519)},
		"TLS 1.3 TLS_AES_256_GCM_SHA384 x25519"},
	{"openssl-1.3-ffdhe", openssl + "-tls1_3 -groups ffdhe3072", Offer{KeyShares: shares(FFDHE3072)},
		"TLS 1.3 TLS_AES_256_GCM_SHA384 ffdhe3072"},
	{"openssl-1.3-cipher", openssl + "-tls1_3", Offer{Ciphers: []CipherSuite{0x1301, 0x1303}},
		"TLS 1.3 TLS_AES_128_GCM_SHA256 retry x25519"},
	{"openssl-1.2-ecdhe", openssl + "-tls1_2 -status_file {dir}/ocsp.der -verify 1 -alpn h2", Offer{Version: TLS12, ALPN: []string{"h2"}, SessionTicket: []byte{}, Extra: []Extension{StatusRequest()}},
		"TLS 1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 alpn=h2 ems reneg ticket certificates=1 status kx=x25519 rsa_pss_rsae_sha256 request=rsa,dss,ecdsa done"},
	{"openssl-1.2-brainpool", openssl + "-tls1_2 -named_curve brainpoolP384r1", Offer{Version: TLS12},
		"TLS 1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 ems reneg certificates=1 kx=brainpoolP384r1 rsa_pss_rsae_sha256 done"},
	{"openssl-1.2-rsa", openssl + "-tls1_2 -cipher AES128-SHA", Offer{Version: TLS12},
		"TLS 1.2 TLS_RSA_WITH_AES_128_CBC_SHA ems etm reneg certificates=1 done"},
	{"openssl-1.2-dhe", openssl + "-tls1_2 -cipher DHE:@SECLEVEL=0", Offer{Version: TLS12},
		"TLS 1.2 TLS_DHE_RSA_WITH_AES_256_GCM_SHA384 ems reneg certificates=1 kx=DH(2048) rsa_pss_rsae_sha256 done"},
	{"openssl-1.2-anonymous", openssl + "-tls1_2 -nocert -cipher ADH-AES128-SHA:@SECLEVEL=0", Offer{Version: TLS12},
		"TLS 1.2 TLS_DH_anon_WITH_AES_128_CBC_SHA ems etm reneg kx=DH(1024) done"},
	{"openssl-1.2-psk", openssl + "-tls1_2 -psk 00 -psk_hint who -cipher DHE-PSK-AES128-GCM-SHA256:@SECLEVEL=0", Offer{Version: TLS12, Ciphers: SuitesFor(TLS12)},
		"TLS 1.2 TLS_DHE_PSK_WITH_AES_128_GCM_SHA256 ems reneg kx=DH(1024) done"},
	{"openssl-1.1", openssl + "-tls1_1 -cipher ALL:@SECLEVEL=0", Offer{Version: TLS11, NoEncryptThenMAC: true},
		"TLS 1.1 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA ems reneg certificates=1 kx=x25519 done"},
	{"openssl-1.0-legacy", openssl + "-tls1 -cipher ALL:@SECLEVEL=0", Offer{Version: TLS10, NoRenegotiationInfo: true, NoExtendedMasterSecret: true},
		"TLS 1.0 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA etm certificates=1 kx=x25519 done"},
	{"openssl-protocol-version", openssl + "-tls1_3", Offer{Version: TLS11},
		"fatal alert protocol_version"},
	{"openssl-fallback", openssl + "-no_tls1_3", Offer{Version: TLS11, Fallback: true},
		"fatal alert inappropriate_fallback"},
	{"openssl-no-cipher", openssl + "-tls1_2 -cipher AES128-SHA", Offer{Version: TLS12, Ciphers: []CipherSuite{0xC02F}},
		"fatal alert handshake_failure"},
	{"openssl-ssl3-refused", openssl, Offer{Version: SSL30},
		"fatal alert handshake_failure"},
	{"openssl-null", openssl + "-tls1_2 -cipher NULL-SHA256:@SECLEVEL=0", Offer{Version: TLS12},
		"TLS 1.2 TLS_RSA_WITH_NULL_SHA256 ems etm reneg certificates=1 done"},
	{"openssl-downgrade", openssl + "-cipher ALL:@SECLEVEL=0", Offer{Version: TLS11},
		"TLS 1.1 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA ems etm reneg downgraded=TLS 1.2 certificates=1 kx=x25519 done"},
	{"gnutls-1.3-retry", gnutls, Offer{},
		"TLS 1.3 TLS_AES_256_GCM_SHA384 retry x25519"},
	{"gnutls-1.2-ffdhe", gnutls + "--priority NONE:+VERS-TLS1.2:+DHE-RSA:+AES-128-GCM:+AEAD:+SIGN-ALL:+COMP-NULL:+GROUP-FFDHE2048", Offer{Version: TLS12, Groups: []Group{FFDHE2048}},
		"TLS 1.2 TLS_DHE_RSA_WITH_AES_128_GCM_SHA256 ems reneg certificates=1 kx=ffdhe2048(2048) rsa_pss_rsae_sha256 request=rsa,ecdsa done"},
}

func shares(groups ...Group) []KeyShare {
	var list []KeyShare
	for _, g := range groups {
		share, _ := KeyShareFor(g)
		list = append(list, share)
	}
	return list
}

// summary returns a flight in one line.
func summary(f *Flight) string {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, " "+format, args...) }
	if h := f.Hello; h != nil {
		add("%v %v", h.Version, h.CipherSuite)
		if h.Retry {
			add("retry")
		}
		if h.Group != 0 {
			add("%v", h.Group)
		}
		if h.ALPN != "" {
			add("alpn=%s", h.ALPN)
		}
		if h.ExtendedMasterSecret() {
			add("ems")
		}
		if h.EncryptThenMAC() {
			add("etm")
		}
		if _, ok := h.RenegotiationInfo(); ok {
			add("reneg")
		}
		if h.SessionTicket() {
			add("ticket")
		}
		if v := h.Downgraded(); v != 0 {
			add("downgraded=%v", v)
		}
	}
	if f.Certificates != nil {
		add("certificates=%d", len(f.Certificates))
	}
	if f.Status != nil {
		add("status")
	}
	if k := f.KeyExchange; k != nil {
		add("kx=")
		if k.DHBits > 0 && k.Group == 0 {
			b.WriteString("DH")
		}
		if k.Group != 0 {
			b.WriteString(k.Group.String())
		}
		if k.DHBits > 0 {
			fmt.Fprintf(&b, "(%d)", k.DHBits)
		}
		if k.RSAExportBits > 0 {
			fmt.Fprintf(&b, "RSA(%d)", k.RSAExportBits)
		}
		if k.Scheme != 0 {
			add("%v", k.Scheme)
		}
	}
	if r := f.Request; r != nil {
		names := map[uint8]string{1: "rsa", 2: "dss", 64: "ecdsa"}
		var types []string
		for _, t := range r.Types {
			types = append(types, names[t])
		}
		add("request=%s", strings.Join(types, ","))
	}
	if f.Done {
		add("done")
	}
	if f.Resumed {
		add("resumed")
	}
	if f.Alert != nil {
		add("%v", *f.Alert)
	}
	for _, w := range f.Warnings {
		add("[%v]", w)
	}
	if s := f.SSL2; s != nil {
		add("%v certificate=%d ciphers=%v connection=%d", s.Version, len(s.Certificate), s.Ciphers, len(s.ConnectionID))
	}
	if f.SSL2Error != 0 {
		add("SSL 2.0 error %v", f.SSL2Error)
	}
	return strings.TrimPrefix(b.String(), " ")
}

// The answers were recorded with -capture, from OpenSSL 3.0.19 and GnuTLS 3.7.9.
func TestAnswers(t *testing.T) {
	dir := t.TempDir()
	if *capture {
		prepare(t, dir)
	}
	for _, a := range answers {
		t.Run(a.name, func(t *testing.T) {
			if *capture {
				a.capture(t, dir)
			}
			raw := a.raw(t)
			f, err := ReadFlight(bytes.NewReader(raw), UntilDone)
			if err != nil || summary(f) != a.want {
				t.Errorf("%s, want %s; %v", summary(f), a.want, err)
			}
		})
	}
}

func (a *answer) file() string { return filepath.Join("testdata", "answers", a.name+".bin") }

func (a *answer) raw(t testing.TB) []byte {
	t.Helper()
	raw, err := os.ReadFile(a.file())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// An answer that is cut off is an error, with what was read before. The sizes of the
// reads make no difference.
func TestAnswersInPieces(t *testing.T) {
	for _, a := range answers {
		raw := a.raw(t)
		reader := bytes.NewReader(raw)
		f, err := ReadFlight(reader, UntilDone)
		if err != nil {
			t.Fatal(err)
		}
		needed := len(raw) - reader.Len()
		inPieces, err := ReadFlight(iotest.OneByteReader(bytes.NewReader(raw)), UntilDone)
		if err != nil || summary(inPieces) != summary(f) {
			t.Errorf("%s byte by byte: %s, want %s; %v", a.name, summary(inPieces), summary(f), err)
		}
		for n := range needed {
			cut, err := ReadFlight(bytes.NewReader(raw[:n]), UntilDone)
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s cut at %d: %v", a.name, n, err)
			}
			if cut.Done || cut.Alert != nil || cut.Hello != nil && cut.Hello.Random != f.Hello.Random {
				t.Errorf("%s cut at %d: %s", a.name, n, summary(cut))
			}
		}
	}
}

// prepare makes the certificate, key and OCSP response of the servers.
func prepare(t *testing.T, dir string) {
	script := `cd "$1" && exec 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 3650 -keyout key.pem -out cert.pem
serial=$(openssl x509 -in cert.pem -noout -serial | cut -d= -f2)
printf 'V\t401231235959Z\t\t%s\tunknown\t/CN=localhost\n' "$serial" >index.txt
openssl ocsp -index index.txt -CA cert.pem -rsigner cert.pem -rkey key.pem -issuer cert.pem -cert cert.pem -respout ocsp.der -ndays 3650`
	if out, err := exec.Command("sh", "-c", script, "sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
}

// capture sends the offer to the server and records its answer.
func (a *answer) capture(t *testing.T, dir string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(address)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	words := strings.Fields(strings.NewReplacer("{port}", port, "{dir}", dir).Replace(a.server))
	server := exec.CommandContext(ctx, words[0], words[1:]...)
	in, err := server.StdinPipe() // OpenSSL ends where its input does
	if err != nil || server.Start() != nil {
		t.Fatal("the server does not start")
	}
	defer func() { in.Close(); server.Process.Kill(); server.Wait() }()
	var conn net.Conn
	for conn == nil {
		if conn, err = net.Dial("tcp", address); err != nil && ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	defer conn.Close()
	hello, err := a.offer.Hello().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write(hello); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := ReadFlight(io.TeeReader(conn, &raw), UntilDone); err != nil {
		t.Errorf("%v after % x", err, raw.Bytes())
	}
	if err := os.WriteFile(a.file(), raw.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
