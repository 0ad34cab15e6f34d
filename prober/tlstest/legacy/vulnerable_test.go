package legacy

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"encoding/hex"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"

	"tls_exporter/prober/tlstest/internal/testclient"
	"tls_exporter/prober/tlstest/internal/wire"
)

// detectors report for each vulnerability whether a server has it.
var detectors = map[string]func(t *testing.T, addr string) bool{
	"heartbleed":    detectHeartbleed,
	"ccs-injection": detectEarlyCCS,
	"ticketbleed":   detectTicketbleed,
	"robot-strong":  detectOracle, "robot-weak": detectOracle, "robot-reset": detectOracle, "robot-close": detectOracle, "robot-silence": detectOracle,
	"crime": func(t *testing.T, addr string) bool {
		return sendOffer(t, addr, offer{version: tls.VersionTLS12, suites: []uint16{ecdheRSAAES}, compressions: []byte{1}}).compression == 1
	},
	"insecure-renegotiation": func(t *testing.T, addr string) bool {
		_, answered := sendOffer(t, addr, offer{version: tls.VersionTLS12, suites: []uint16{ecdheRSAAES, 0x00ff}}).extensions[0xff01]
		return !answered
	},
	"client-renegotiation": func(t *testing.T, addr string) bool { return renegotiates(t, addr) == "a ServerHello" },
	"no-fallback-protection": func(t *testing.T, addr string) bool {
		return accepts(t, addr, tls.VersionTLS10, ecdheRSAAES, 0x5600)
	},
	"freak":         func(t *testing.T, addr string) bool { return accepts(t, addr, tls.VersionTLS10, rsaExportRC4) },
	"logjam-export": func(t *testing.T, addr string) bool { return accepts(t, addr, tls.VersionTLS10, dheExportDES) },
	"logjam-1024": func(t *testing.T, addr string) bool {
		prime, _ := field(sendOffer(t, addr, offer{version: tls.VersionTLS12, suites: []uint16{dheAES}}).exchange)
		return bits(prime) <= 1024
	},
	"drown": func(t *testing.T, addr string) bool {
		answer := testclient.Exchange(t, addr, helloV2(wire.VersionSSL20, kindRC4, kind3DES))
		return len(answer) > 2 && answer[0]&0x80 != 0 && answer[2] == 4
	},
	"poodle":      func(t *testing.T, addr string) bool { return accepts(t, addr, wire.VersionSSL30, ecdheRSAAES) },
	"sweet32":     func(t *testing.T, addr string) bool { return accepts(t, addr, tls.VersionTLS10, rsa3DES, rsaIDEA) },
	"rc4":         func(t *testing.T, addr string) bool { return accepts(t, addr, tls.VersionTLS10, rsaRC4, ecdheRSARC4) },
	"null-cipher": func(t *testing.T, addr string) bool { return accepts(t, addr, tls.VersionTLS10, rsaNull) },
	"anonymous": func(t *testing.T, addr string) bool {
		return accepts(t, addr, tls.VersionTLS10, anonECDHAES, anonDHAES)
	},
}

func TestVulnerabilities(t *testing.T) {
	lab := newLab(t)
	for _, vulnerability := range Vulnerabilities() {
		detect := detectors[vulnerability.Name]
		if detect == nil {
			t.Errorf("%s has no detector", vulnerability.Name)
			continue
		}
		t.Run(vulnerability.Name, func(t *testing.T) {
			if !detect(t, start(t, lab, vulnerability.Vulnerable)) {
				t.Error("the vulnerable server is not vulnerable")
			}
			if detect(t, start(t, lab, vulnerability.Fixed)) {
				t.Error("the fixed server is vulnerable")
			}
		})
	}
}

// A client that does not use the vulnerability completes a handshake.
func TestVulnerableServersCompleteHandshakes(t *testing.T) {
	lab := newLab(t)
	for _, vulnerability := range Vulnerabilities() {
		for kind, s := range map[string]Server{"vulnerable": vulnerability.Vulnerable, "fixed": vulnerability.Fixed} {
			t.Run(vulnerability.Name+" "+kind, func(t *testing.T) {
				m := testclient.Handshake(t, start(t, lab, s), func(c *tls.Config) {
					c.ServerName, c.RootCAs, c.InsecureSkipVerify = "localhost", testclient.Pool(lab.Root.Certificate), false
					c.CipherSuites = append(defaultSuites[:len(defaultSuites):len(defaultSuites)], rsaAESGCM)
				})
				if m.Err() != io.EOF || m.State.Version != tls.VersionTLS12 {
					t.Errorf("%#04x, %v", m.State.Version, m.Err())
				}
			})
		}
	}
}

func TestVulnerabilityNames(t *testing.T) {
	seen := map[string]bool{}
	for _, vulnerability := range Vulnerabilities() {
		if seen[vulnerability.Name] || vulnerability.Name != strings.ToLower(vulnerability.Name) || !strings.HasSuffix(vulnerability.Description, ".") {
			t.Errorf("%q: %q", vulnerability.Name, vulnerability.Description)
		}
		seen[vulnerability.Name] = true
	}
	for name := range detectors {
		if !seen[name] {
			t.Errorf("%s is not in Vulnerabilities", name)
		}
	}
}

func accepts(t *testing.T, addr string, version uint16, suites ...uint16) bool {
	t.Helper()
	got := sendOffer(t, addr, offer{version: version, suites: suites})
	return got.version == version && slices.Contains(suites, got.suite) && got.done
}

var offersHeartbeat = offer{version: tls.VersionTLS12, suites: []uint16{ecdheRSAAES}, extensions: ext(15, 1)}

// detectHeartbleed requests 40000 bytes and sends 4. A record of an unknown type
// then makes every server send an alert.
func detectHeartbleed(t *testing.T, addr string) bool {
	c := connect(t, addr)
	c.send(framed(22, offersHeartbeat.message()))
	if got := c.readFlight(); !bytes.Equal(got.extensions[15], []byte{1}) {
		t.Errorf("no heartbeat: %v", got.extensions)
	}
	c.send(framed(24, append([]byte{1, 40000 >> 8, 40000 & 0xff}, "ping"...)))
	c.send(framed(99, nil))
	var leaked []byte
	for {
		kind, payload, err := c.readRecord()
		if kind != 24 {
			if err != nil || kind != 21 || alertName(payload) != "unexpected_message" {
				t.Errorf("ended with %d, %x, %v", kind, payload, err)
			}
			break
		}
		leaked = append(leaked, payload...)
	}
	if len(leaked) == 0 {
		return false
	}
	if len(leaked) != 3+40000+16 || !bytes.HasPrefix(leaked, append([]byte{2, 40000 >> 8, 40000 & 0xff}, "ping"...)) || !bytes.Contains(leaked, []byte("memory=of-the-lab")) {
		t.Errorf("%d bytes: %.60q", len(leaked), leaked)
	}
	return true
}

func TestHeartbeat(t *testing.T) {
	lab := newLab(t)
	request := append([]byte{1, 0, 4}, "ping0123456789abcdef"...)
	for name, test := range map[string]struct {
		heartbeat Heartbeat
		want      byte
	}{
		"fixed": {HeartbeatFixed, 24}, "vulnerable": {HeartbeatVulnerable, 24}, "absent": {NoHeartbeat, 21},
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, start(t, lab, Server{Heartbeat: test.heartbeat}))
			c.send(framed(22, offersHeartbeat.message()))
			c.readFlight()
			c.send(framed(24, request))
			kind, payload, err := c.readRecord()
			if err != nil || kind != test.want || kind == 24 && (len(payload) != 23 || !bytes.HasPrefix(payload, []byte("\x02\x00\x04ping"))) {
				t.Errorf("got %d, %q, %v", kind, payload, err)
			}
		})
	}
}

func detectEarlyCCS(t *testing.T, addr string) bool {
	c := connect(t, addr)
	c.send(framed(22, offer{version: tls.VersionTLS12, suites: []uint16{ecdheRSAAESGCM}}.message()))
	c.readFlight()
	c.send(framed(20, []byte{1}))
	c.send(framed(22, wire.Filler(40)))
	switch got := c.ending(); got {
	case "bad_record_mac":
		return true
	case "unexpected_message":
		return false
	default:
		t.Errorf("ended with %s", got)
		return false
	}
}

// lastSession is a cache that stores the last session and returns none.
type lastSession struct{ session *tls.ClientSessionState }

func (c *lastSession) Get(string) (*tls.ClientSessionState, bool)    { return nil, false }
func (c *lastSession) Put(_ string, session *tls.ClientSessionState) { c.session = session }

func detectTicketbleed(t *testing.T, addr string) bool {
	cache := &lastSession{}
	m := testclient.Handshake(t, addr, func(c *tls.Config) { c.ClientSessionCache = cache })
	if m.Err() != io.EOF || cache.session == nil {
		t.Fatalf("no ticket: %v", m.Err())
	}
	ticket, _, err := cache.session.ResumptionState()
	if err != nil {
		t.Fatal(err)
	}
	id := wire.Filler(16)
	got := sendOffer(t, addr, offer{version: tls.VersionTLS12, suites: []uint16{m.State.CipherSuite}, session: id, extensions: ext(35, ticket...)})
	if !bytes.HasPrefix(got.session, id) {
		t.Fatalf("not resumed: %x, %q", got.session, got.ending)
	}
	return len(got.session) == 32
}

// padded are premaster secrets with correct and wrong padding, for a key of size
// bytes.
func padded(size int) map[string][]byte {
	correct := append([]byte{0, 2}, bytes.Repeat([]byte{7}, size-3-48)...)
	correct = append(append(correct, 0, 3, 3), bytes.Repeat([]byte{9}, 46)...)
	change := func(at int, to byte) []byte {
		b := bytes.Clone(correct)
		b[at] = to
		return b
	}
	return map[string][]byte{
		"correct":       correct,
		"begins wrong":  change(1, 1),
		"no zero":       change(size-49, 7),
		"early zero":    change(20, 0),
		"wrong version": change(size-47, 1),
	}
}

// sendPremaster sends an encrypted premaster secret, and returns how the server
// ends the connection.
func sendPremaster(t *testing.T, addr, padding string) string {
	c := connect(t, addr)
	c.send(framed(22, offer{version: tls.VersionTLS12, suites: []uint16{rsaAESGCM}}.message()))
	got := c.readFlight()
	key, ok := got.leaf.PublicKey.(*rsa.PublicKey)
	if !ok {
		t.Fatalf("a key of type %T", got.leaf.PublicKey)
	}
	m := new(big.Int).SetBytes(padded(key.Size())[padding])
	encrypted := m.Exp(m, big.NewInt(int64(key.E)), key.N).FillBytes(make([]byte, key.Size()))
	body := append([]byte{byte(key.Size() >> 8), byte(key.Size())}, encrypted...)
	message := append([]byte{16, 0, byte(len(body) >> 8), byte(len(body))}, body...)
	c.send(slices.Concat(framed(22, message), framed(20, []byte{1}), framed(22, wire.Filler(40))))
	c.Conn.(*net.TCPConn).CloseWrite() // otherwise a server that does not answer waits
	return c.ending()
}

func detectOracle(t *testing.T, addr string) bool {
	correct := sendPremaster(t, addr, "correct")
	if correct != "bad_record_mac" {
		t.Errorf("correct padding: %s", correct)
	}
	return sendPremaster(t, addr, "begins wrong") != correct
}

func TestRSAOracles(t *testing.T) {
	lab := newLab(t)
	const same = "bad_record_mac"
	for _, test := range []struct {
		name   string
		oracle RSAOracle
		want   map[string]string
	}{
		{"uniform", NoRSAOracle, map[string]string{"begins wrong": same, "no zero": same, "early zero": same}},
		{"strong", RSAOracleStrong, map[string]string{"begins wrong": "decrypt_error", "no zero": same, "early zero": same}},
		{"weak", RSAOracleWeak, map[string]string{"begins wrong": "decrypt_error", "no zero": "decrypt_error", "early zero": "decrypt_error"}},
		{"reset", RSAOracleByReset, map[string]string{"begins wrong": "reset", "no zero": same, "early zero": same}},
		{"closing", RSAOracleByClosing, map[string]string{"begins wrong": "closed", "no zero": same, "early zero": same}},
		{"silence", RSAOracleBySilence, map[string]string{"begins wrong": "closed", "no zero": same, "early zero": same}},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := start(t, lab, Server{Suites: []uint16{rsaAESGCM}, RSAOracle: test.oracle})
			test.want["correct"], test.want["wrong version"] = same, same
			for padding, want := range test.want {
				if got := sendPremaster(t, addr, padding); got != want {
					t.Errorf("%s: %s, not %s", padding, got, want)
				}
			}
		})
	}
}

// recorder keeps what a client reads.
type recorder struct {
	net.Conn
	read bytes.Buffer
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.read.Write(b[:n])
	return n, err
}

// renegotiates completes a handshake with crypto/tls, and then sends another
// ClientHello and a close_notify with its keys, which crypto/tls cannot do. It
// returns the first answer.
func renegotiates(t *testing.T, addr string) string {
	var keys bytes.Buffer
	c := connect(t, addr)
	recorded := &recorder{Conn: c.Conn}
	client := tls.Client(recorded, &tls.Config{
		InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, KeyLogWriter: &keys, CipherSuites: []uint16{ecdheRSAAESGCM},
	})
	if err := client.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	serverRandom := recorded.read.Bytes()[5+4+2:][:32]
	line := strings.Fields(keys.String()) // CLIENT_RANDOM, the random, the master secret
	clientRandom, err := hex.DecodeString(line[1])
	if err != nil {
		t.Fatal(err)
	}
	master, err := hex.DecodeString(line[2])
	if err != nil {
		t.Fatal(err)
	}
	block := prf(tls.VersionTLS12, knownSuites[ecdheRSAAESGCM].prf(), master, "key expansion", slices.Concat(serverRandom, clientRandom), 40)
	out, err := protect(knownSuites[ecdheRSAAESGCM], tls.VersionTLS12, false, nil, block[:16], block[32:36])
	if err != nil {
		t.Fatal(err)
	}
	in, err := protect(knownSuites[ecdheRSAAESGCM], tls.VersionTLS12, false, nil, block[16:32], block[36:40])
	if err != nil {
		t.Fatal(err)
	}
	out.sequence, in.sequence = 1, 1 // after Finished
	verify := client.ConnectionState().TLSUnique
	again := offer{version: tls.VersionTLS12, suites: []uint16{ecdheRSAAESGCM}, extensions: ext(0xff01, append([]byte{byte(len(verify))}, verify...)...)}
	c.send(wire.Record(22, tls.VersionTLS12, out.seal(22, tls.VersionTLS12, again.message())))
	c.send(wire.Record(21, tls.VersionTLS12, out.seal(21, tls.VersionTLS12, []byte{1, 0})))
	c.Conn.(*net.TCPConn).CloseWrite()
	kind, sealed, err := c.readRecord()
	if err != nil {
		return "closed"
	}
	payload, err := in.open(kind, tls.VersionTLS12, sealed)
	switch {
	case err != nil:
		t.Fatal(err)
		return ""
	case kind == 21:
		return alertName(payload)
	case kind == 22 && payload[0] == 2:
		return "a ServerHello"
	default:
		return "another message"
	}
}

func TestRenegotiation(t *testing.T) {
	lab := newLab(t)
	for _, test := range []struct {
		name          string
		renegotiation Renegotiation
		want          string
	}{
		{"refused", RenegotiationRefused, "warning no_renegotiation"},
		{"fatal", RenegotiationFatal, "handshake_failure"},
		{"closed", RenegotiationClosed, "closed"},
		{"ignored", RenegotiationIgnored, "warning close_notify"},
		{"accepted", RenegotiationAccepted, "a ServerHello"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := renegotiates(t, start(t, lab, Server{Renegotiation: test.renegotiation})); got != test.want {
				t.Errorf("got %s", got)
			}
		})
	}
}
