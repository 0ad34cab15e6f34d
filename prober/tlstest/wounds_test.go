package tlstest

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
)

// wounded says for each wound whether a server has it.
var wounded = map[string]func(t *testing.T, addr string) bool{
	"heartbleed":    bleeds,
	"ccs-injection": takesEarlyCCS,
	"ticketbleed":   bleedsForTickets,
	"robot-strong":  isOracle, "robot-weak": isOracle, "robot-reset": isOracle, "robot-close": isOracle, "robot-silence": isOracle,
	"crime": func(t *testing.T, addr string) bool {
		return ask(t, addr, offer{version: versionTLS12, suites: []uint16{ecdheRSAAES}, compressions: []byte{1}}).compression == 1
	},
	"insecure-renegotiation": func(t *testing.T, addr string) bool {
		_, answered := ask(t, addr, offer{version: versionTLS12, suites: []uint16{ecdheRSAAES, 0x00ff}}).extensions[0xff01]
		return !answered
	},
	"client-renegotiation": func(t *testing.T, addr string) bool { return renegotiates(t, addr) == "a ServerHello" },
	"no-fallback-protection": func(t *testing.T, addr string) bool {
		return taken(t, addr, versionTLS10, ecdheRSAAES, 0x5600)
	},
	"freak":         func(t *testing.T, addr string) bool { return taken(t, addr, versionTLS10, rsaExportRC4) },
	"logjam-export": func(t *testing.T, addr string) bool { return taken(t, addr, versionTLS10, dheExportDES) },
	"logjam-1024": func(t *testing.T, addr string) bool {
		prime, _ := field(ask(t, addr, offer{version: versionTLS12, suites: []uint16{dheAES}}).exchange)
		return bits(prime) <= 1024
	},
	"drown": func(t *testing.T, addr string) bool {
		answer := exchange(t, addr, helloV2(versionSSL20, kindRC4, kind3DES))
		return len(answer) > 2 && answer[0]&0x80 != 0 && answer[2] == 4
	},
	"poodle":      func(t *testing.T, addr string) bool { return taken(t, addr, versionSSL30, ecdheRSAAES) },
	"sweet32":     func(t *testing.T, addr string) bool { return taken(t, addr, versionTLS10, rsa3DES, rsaIDEA) },
	"rc4":         func(t *testing.T, addr string) bool { return taken(t, addr, versionTLS10, rsaRC4, ecdheRSARC4) },
	"null-cipher": func(t *testing.T, addr string) bool { return taken(t, addr, versionTLS10, rsaNull) },
	"anonymous":   func(t *testing.T, addr string) bool { return taken(t, addr, versionTLS10, anonECDHAES, anonDHAES) },
}

func TestWounds(t *testing.T) {
	lab := newLab(t)
	for _, wound := range Wounds() {
		has := wounded[wound.Name]
		if has == nil {
			t.Errorf("%s: nobody can tell", wound.Name)
			continue
		}
		t.Run(wound.Name, func(t *testing.T) {
			if !has(t, startLegacy(t, lab, wound.Wounded)) {
				t.Error("the wounded server is not")
			}
			if has(t, startLegacy(t, lab, wound.Healed)) {
				t.Error("the healed server is wounded")
			}
		})
	}
}

// What has a wound must still be looked at by a client that knows none.
func TestWoundsDoNotShow(t *testing.T) {
	lab := newLab(t)
	for _, wound := range Wounds() {
		for kind, g := range map[string]Legacy{"wounded": wound.Wounded, "healed": wound.Healed} {
			t.Run(wound.Name+" "+kind, func(t *testing.T) {
				m := meet(t, startLegacy(t, lab, g), func(c *tls.Config) {
					c.ServerName, c.RootCAs, c.InsecureSkipVerify = "localhost", pool(lab.Root.Certificate), false
					c.CipherSuites = append(legacyDefaults[:len(legacyDefaults):len(legacyDefaults)], rsaAESGCM)
				})
				if m.err() != io.EOF || m.state.Version != versionTLS12 {
					t.Errorf("%#04x, %v", m.state.Version, m.err())
				}
			})
		}
	}
}

func TestWoundsAreNamed(t *testing.T) {
	seen := map[string]bool{}
	for _, wound := range Wounds() {
		if seen[wound.Name] || wound.Name != strings.ToLower(wound.Name) || !strings.HasSuffix(wound.Says, ".") {
			t.Errorf("%q: %q", wound.Name, wound.Says)
		}
		seen[wound.Name] = true
	}
	for name := range wounded {
		if !seen[name] {
			t.Errorf("%s is no wound", name)
		}
	}
}

func taken(t *testing.T, addr string, version uint16, suites ...uint16) bool {
	t.Helper()
	got := ask(t, addr, offer{version: version, suites: suites})
	return got.version == version && slices.Contains(suites, got.suite) && got.done
}

var beating = offer{version: versionTLS12, suites: []uint16{ecdheRSAAES}, extensions: ext(15, 1)}

// bleeds asks for 40000 bytes and sends 4. A record of no known kind then gets
// a word out of those that have kept silent.
func bleeds(t *testing.T, addr string) bool {
	c := call(t, addr)
	c.say(framed(22, beating.message()))
	if got := c.hear(); !bytes.Equal(got.extensions[15], []byte{1}) {
		t.Errorf("no heartbeat: %v", got.extensions)
	}
	c.say(framed(24, append([]byte{1, 40000 >> 8, 40000 & 0xff}, "ping"...)))
	c.say(framed(99, nil))
	var blood []byte
	for {
		kind, payload, err := c.record()
		if kind != 24 {
			if err != nil || kind != 21 || alertName(payload) != "unexpected_message" {
				t.Errorf("ended with %d, %x, %v", kind, payload, err)
			}
			break
		}
		blood = append(blood, payload...)
	}
	if len(blood) == 0 {
		return false
	}
	if len(blood) != 3+40000+16 || !bytes.HasPrefix(blood, append([]byte{2, 40000 >> 8, 40000 & 0xff}, "ping"...)) || !bytes.Contains(blood, []byte("memory=of-the-lab")) {
		t.Errorf("%d bytes: %.60q", len(blood), blood)
	}
	return true
}

func TestHealthyHeartbeat(t *testing.T) {
	lab := newLab(t)
	beat := append([]byte{1, 0, 4}, "ping0123456789abcdef"...)
	for name, test := range map[string]struct {
		heartbeat Heartbeat
		want      byte
	}{
		"healed": {HeartbeatHealed, 24}, "bleeding": {HeartbeatBleeds, 24}, "absent": {NoHeartbeat, 21},
	} {
		t.Run(name, func(t *testing.T) {
			c := call(t, startLegacy(t, lab, Legacy{Heartbeat: test.heartbeat}))
			c.say(framed(22, beating.message()))
			c.hear()
			c.say(framed(24, beat))
			kind, payload, err := c.record()
			if err != nil || kind != test.want || kind == 24 && (len(payload) != 23 || !bytes.HasPrefix(payload, []byte("\x02\x00\x04ping"))) {
				t.Errorf("got %d, %q, %v", kind, payload, err)
			}
		})
	}
}

func takesEarlyCCS(t *testing.T, addr string) bool {
	c := call(t, addr)
	c.say(framed(22, offer{version: versionTLS12, suites: []uint16{ecdheRSAAESGCM}}.message()))
	c.hear()
	c.say(framed(20, []byte{1}))
	c.say(framed(22, noise(40)))
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

// keeper keeps the last session that crypto/tls was given.
type keeper struct{ kept *tls.ClientSessionState }

func (k *keeper) Get(string) (*tls.ClientSessionState, bool)    { return nil, false }
func (k *keeper) Put(_ string, session *tls.ClientSessionState) { k.kept = session }

func bleedsForTickets(t *testing.T, addr string) bool {
	k := &keeper{}
	m := meet(t, addr, func(c *tls.Config) { c.ClientSessionCache = k })
	if m.err() != io.EOF || k.kept == nil {
		t.Fatalf("no ticket: %v", m.err())
	}
	ticket, _, err := k.kept.ResumptionState()
	if err != nil {
		t.Fatal(err)
	}
	id := noise(16)
	got := ask(t, addr, offer{version: versionTLS12, suites: []uint16{m.state.CipherSuite}, session: id, extensions: ext(35, ticket...)})
	if !bytes.HasPrefix(got.session, id) {
		t.Fatalf("not taken up again: %x, %q", got.session, got.ending)
	}
	return len(got.session) == 32
}

// padded are premaster secrets, rightly and wrongly padded for a key.
func padded(size int) map[string][]byte {
	right := append([]byte{0, 2}, bytes.Repeat([]byte{7}, size-3-48)...)
	right = append(append(right, 0, 3, 3), bytes.Repeat([]byte{9}, 46)...)
	change := func(at int, to byte) []byte {
		b := bytes.Clone(right)
		b[at] = to
		return b
	}
	return map[string][]byte{
		"right":         right,
		"begins wrong":  change(1, 1),
		"no zero":       change(size-49, 7),
		"early zero":    change(20, 0),
		"wrong version": change(size-47, 1),
	}
}

// tries sends a premaster secret, and says how that ends.
func tries(t *testing.T, addr, padding string) string {
	c := call(t, addr)
	c.say(framed(22, offer{version: versionTLS12, suites: []uint16{rsaAESGCM}}.message()))
	got := c.hear()
	key, ok := got.leaf.PublicKey.(*rsa.PublicKey)
	if !ok {
		t.Fatalf("a key of type %T", got.leaf.PublicKey)
	}
	m := new(big.Int).SetBytes(padded(key.Size())[padding])
	encrypted := m.Exp(m, big.NewInt(int64(key.E)), key.N).FillBytes(make([]byte, key.Size()))
	body := append([]byte{byte(key.Size() >> 8), byte(key.Size())}, encrypted...)
	message := append([]byte{16, 0, byte(len(body) >> 8), byte(len(body))}, body...)
	c.say(slices.Concat(framed(22, message), framed(20, []byte{1}), framed(22, noise(40))))
	c.Conn.(*net.TCPConn).CloseWrite() // so that silence has an end
	return c.ending()
}

func isOracle(t *testing.T, addr string) bool {
	right := tries(t, addr, "right")
	if right != "bad_record_mac" {
		t.Errorf("the right padding: %s", right)
	}
	return tries(t, addr, "begins wrong") != right
}

func TestOracles(t *testing.T) {
	lab := newLab(t)
	const same = "bad_record_mac"
	for _, test := range []struct {
		name      string
		premaster Premaster
		want      map[string]string
	}{
		{"uniform", PremasterUniform, map[string]string{"begins wrong": same, "no zero": same, "early zero": same}},
		{"strong", PremasterStrong, map[string]string{"begins wrong": "decrypt_error", "no zero": same, "early zero": same}},
		{"weak", PremasterWeak, map[string]string{"begins wrong": "decrypt_error", "no zero": "decrypt_error", "early zero": "decrypt_error"}},
		{"reset", PremasterByReset, map[string]string{"begins wrong": "reset", "no zero": same, "early zero": same}},
		{"closing", PremasterByClosing, map[string]string{"begins wrong": "closed", "no zero": same, "early zero": same}},
		{"silence", PremasterBySilence, map[string]string{"begins wrong": "closed", "no zero": same, "early zero": same}},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := startLegacy(t, lab, Legacy{Suites: []uint16{rsaAESGCM}, Premaster: test.premaster})
			test.want["right"], test.want["wrong version"] = same, same
			for padding, want := range test.want {
				if got := tries(t, addr, padding); got != want {
					t.Errorf("%s: %s, not %s", padding, got, want)
				}
			}
		})
	}
}

// overhearing keeps what a client reads.
type overhearing struct {
	net.Conn
	heard bytes.Buffer
}

func (o *overhearing) Read(b []byte) (int, error) {
	n, err := o.Conn.Read(b)
	o.heard.Write(b[:n])
	return n, err
}

// renegotiates has crypto/tls shake hands, and then says hello again with its
// keys, which crypto/tls would not do, and goodbye. What counts is the first answer.
func renegotiates(t *testing.T, addr string) string {
	var keys bytes.Buffer
	c := call(t, addr)
	wire := &overhearing{Conn: c.Conn}
	client := tls.Client(wire, &tls.Config{
		InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, KeyLogWriter: &keys, CipherSuites: []uint16{ecdheRSAAESGCM},
	})
	if err := client.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	serverRandom := wire.heard.Bytes()[5+4+2:][:32]
	line := strings.Fields(keys.String()) // CLIENT_RANDOM, the random, the master secret
	clientRandom, err := hex.DecodeString(line[1])
	if err != nil {
		t.Fatal(err)
	}
	master, err := hex.DecodeString(line[2])
	if err != nil {
		t.Fatal(err)
	}
	block := prf(versionTLS12, legacySuites[ecdheRSAAESGCM].prf(), master, "key expansion", slices.Concat(serverRandom, clientRandom), 40)
	out, err := protect(legacySuites[ecdheRSAAESGCM], versionTLS12, false, nil, block[:16], block[32:36])
	if err != nil {
		t.Fatal(err)
	}
	in, err := protect(legacySuites[ecdheRSAAESGCM], versionTLS12, false, nil, block[16:32], block[36:40])
	if err != nil {
		t.Fatal(err)
	}
	out.sequence, in.sequence = 1, 1 // after Finished
	verify := client.ConnectionState().TLSUnique
	again := offer{version: versionTLS12, suites: []uint16{ecdheRSAAESGCM}, extensions: ext(0xff01, append([]byte{byte(len(verify))}, verify...)...)}
	c.say(record(22, versionTLS12, out.seal(22, versionTLS12, again.message())))
	c.say(record(21, versionTLS12, out.seal(21, versionTLS12, []byte{1, 0})))
	c.Conn.(*net.TCPConn).CloseWrite()
	kind, sealed, err := c.record()
	if err != nil {
		return "closed"
	}
	payload, err := in.open(kind, versionTLS12, sealed)
	switch {
	case err != nil:
		t.Fatal(err)
		return ""
	case kind == 21:
		return alertName(payload)
	case kind == 22 && payload[0] == 2:
		return "a ServerHello"
	default:
		return "something else"
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
		{"closes", RenegotiationCloses, "closed"},
		{"ignored", RenegotiationIgnored, "warning close_notify"},
		{"taken", RenegotiationTaken, "a ServerHello"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := renegotiates(t, startLegacy(t, lab, Legacy{Renegotiation: test.renegotiation})); got != test.want {
				t.Errorf("got %s", got)
			}
		})
	}
}
