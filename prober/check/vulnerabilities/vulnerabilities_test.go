package vulnerabilities_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/endpoint/endpointtest"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/legacy"
)

// probeVulnerabilities probes an address for vulnerabilities.
func probeVulnerabilities(t *testing.T, lab *tlstest.Lab, addr string) *prober.Result {
	t.Helper()
	m := probetest.Module(t, lab)
	m.Vulnerabilities.Options = new(vulnerabilities.Options)
	m.Timeout = option.Duration(60e9)
	return probetest.New(t, m).Probe(t.Context(), probetest.Target(t, addr))
}

// namesOf lists the vulnerabilities that the server has, or those that it does not have.
func namesOf(v *vulnerabilities.Finding, vulnerable bool) string {
	var names []string
	for _, a := range v.Answers {
		if a.Vulnerable == vulnerable {
			names = append(names, string(a.Name))
		}
	}
	return strings.Join(names, " ")
}

// everyVulnerability lists all names but some.
func everyVulnerability(but ...vulnerabilities.Name) string {
	var names []string
	for _, v := range vulnerabilities.Names {
		if !slices.Contains(but, v) {
			names = append(names, string(v))
		}
	}
	return strings.Join(names, " ")
}

// expected is what the check finds on each vulnerable server of the lab. It is empty where
// another check finds the fault.
var expected = map[string]string{
	"heartbleed": "heartbleed", "ccs-injection": "ccs_injection", "ticketbleed": "ticketbleed no_extended_master_secret",
	"robot-strong": "robot", "robot-weak": "robot", "robot-reset": "robot", "robot-close": "robot", "robot-silence": "robot",
	"crime":                  "compression",
	"insecure-renegotiation": "insecure_renegotiation client_renegotiation",
	"client-renegotiation":   "client_renegotiation",
	"no-fallback-protection": "no_fallback_scsv",
	"freak":                  "freak rc4", "logjam-export": "logjam sweet32", "logjam-1024": "logjam",
	"drown": "poodle drown", "poodle": "poodle", "sweet32": "sweet32", "rc4": "rc4", "null-cipher": "", "anonymous": "",
}

// expectedFixed is what the check still finds on servers with the vulnerability fixed.
var expectedFixed = map[string]string{"ticketbleed": "no_extended_master_secret"}

func TestVulnerabilities(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	for _, v := range legacy.Vulnerabilities() {
		want, known := expected[v.Name]
		if !known {
			t.Errorf("nothing is expected for %s", v.Name)
		}
		for _, server := range []struct {
			name   string
			legacy legacy.Server
			want   string
		}{{"vulnerable", v.Vulnerable, want}, {"fixed", v.Fixed, expectedFixed[v.Name]}} {
			t.Run(v.Name+" "+server.name, func(t *testing.T) {
				t.Parallel()
				addr, err := legacy.Start(lab, server.legacy)
				if err != nil {
					t.Fatal(err)
				}
				found, err := vulnerabilities.Options{}.Find(endpointtest.Within(t), endpointtest.At(t, addr))
				if err != nil {
					t.Fatal(err)
				}
				if got := namesOf(found, true); got != server.want {
					t.Errorf("vulnerable: %q, want %q; %+v", got, server.want, found.Answers)
				}
				if len(found.Answers) != len(vulnerabilities.Names) {
					t.Errorf("answers are missing: %+v", found.Answers)
				}
			})
		}
	}
}

// A vulnerable server that limits connections is never reported as not vulnerable.
func TestConnectionPolicyHidesNoVulnerability(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	everything := legacy.Server{
		Versions: []uint16{0x0002, 0x0300, tls.VersionTLS10, tls.VersionTLS12},
		Suites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA,
			tls.TLS_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, 0x0003, 0x0014},
		NoRenegotiationInfo: true, NoExtendedMasterSecret: true, IgnoreFallbackSCSV: true, Deflate: false,
		Tickets: legacy.TicketsVulnerable, Heartbeat: legacy.HeartbeatVulnerable, EarlyCCS: legacy.EarlyCCSAccepted,
		RSAOracle: legacy.RSAOracleStrong, Renegotiation: legacy.RenegotiationAccepted,
	}
	server, err := legacy.Start(lab, everything)
	if err != nil {
		t.Fatal(err)
	}
	for name, policy := range labtest.Policies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := vulnerabilities.Options{}.Find(endpointtest.Within(t), endpointtest.Behind(t, lab, server, policy))
			if found == nil {
				t.Logf("no finding: %v", err)
				return
			}
			for _, a := range found.Answers {
				if !a.Vulnerable && a.Name != vulnerabilities.Compression {
					t.Errorf("%+v", a)
				}
			}
			t.Logf("%d answers", len(found.Answers))
		})
	}
}

// A server that closes the connection on a question once has not refused it, even if it
// has closed others before and answers other questions. Here the question is for key
// exchange with RSA, which makes the server vulnerable. (It closes the connection on
// SSL 2.0 too.)
func TestClosedOnceIsNoRefusal(t *testing.T) {
	lab := labtest.Lab(t)
	vulnerable := legacy.Server{Suites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}, RSAOracle: legacy.RSAOracleStrong}
	var asked atomic.Int64
	closesOnce := labtest.RejectUnless(func(h *hello.ClientHello) bool {
		isRSA := func(id hello.CipherSuite) bool { s := hello.Find(id); return s != nil && s.KeyExchange == "RSA" }
		others := slices.ContainsFunc(h.CipherSuites, func(id hello.CipherSuite) bool { return !isRSA(id) })
		return others || !slices.Contains(h.CipherSuites, hello.CipherSuite(tls.TLS_RSA_WITH_AES_128_GCM_SHA256)) || asked.Add(1) > 1
	}, nil)
	found, err := vulnerabilities.Options{}.Find(endpointtest.Within(t), endpointtest.At(t, labtest.StartWrapped(t, lab, vulnerable, closesOnce)))
	if err != nil {
		t.Fatal(err)
	}
	if got := namesOf(found, true); got != "robot" {
		t.Errorf("vulnerable: %q; %+v", got, found.Answers)
	}
}

// A server without vulnerabilities that limits connections is never reported as
// vulnerable.
func TestConnectionPolicyIsNoVulnerability(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	server := labtest.Serve(t, lab, tlstest.Server{})
	for name, policy := range labtest.Policies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := vulnerabilities.Options{}.Find(endpointtest.Within(t), endpointtest.Behind(t, lab, server, policy))
			if found == nil {
				t.Logf("no finding: %v", err)
				return
			}
			if wrong := namesOf(found, true); wrong != "" {
				t.Errorf("%s; %+v", wrong, found.Answers)
			}
			t.Logf("%d answers", len(found.Answers))
		})
	}
}

// TestFewConnections bounds the connections to a modern server: some ban clients after
// twenty, and the questions that make servers do so come last.
func TestFewConnections(t *testing.T) {
	lab := labtest.Lab(t)
	rsaKey := func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }
	for _, test := range []struct {
		name   string
		key    func() (crypto.Signer, error)
		config func(*tls.Config)
		want   int
	}{
		{"all of crypto/tls", nil, func(c *tls.Config) { c.MinVersion = tls.VersionTLS10 }, 14},
		{"TLS 1.3 alone", nil, func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, 4},
		{"key exchange with RSA", rsaKey, func(c *tls.Config) {
			c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		}, 23},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := labtest.Serve(t, lab, tlstest.Server{Config: test.config, Key: test.key})
			testConnections(t, lab, server, test.want)
		})
	}
}

// testConnections requires an answer for every vulnerability of a server that has none,
// and the number of connections that it takes.
func testConnections(t *testing.T, lab *tlstest.Lab, server string, want int) {
	t.Helper()
	addr, stats, err := lab.StartRelay(server, tlstest.ConnectionPolicy{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := vulnerabilities.Options{}.Find(endpointtest.Within(t), endpointtest.At(t, addr))
	if err != nil || namesOf(found, true) != "" || len(found.Answers) != len(vulnerabilities.Names) {
		t.Fatalf("%+v, %v", found, err)
	}
	if got := stats.Total(); got != want {
		t.Errorf("%d connections, want %d", got, want)
	}
}

// TestFewConnectionsToClosing bounds the connections to a server that refuses by closing
// the connection: two or three more for each refusal.
func TestFewConnectionsToClosing(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	modern := legacy.Server{Suites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}
	for _, test := range []struct {
		name     string
		refusal  legacy.Refusal
		answerer labtest.Wrapper
		want     int
	}{
		{"alerts", legacy.RefuseWithHandshakeFailure, nil, 14},
		{"closes on SSL 2.0 and 3.0", legacy.RefuseWithHandshakeFailure, labtest.RejectUnless(func(h *hello.ClientHello) bool { return h.LegacyVersion > 0x0300 }, nil), 21},
		{"closes to refuse", legacy.RefuseByClosing, nil, 37},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := modern
			server.Refusal = test.refusal
			testConnections(t, lab, labtest.StartWrapped(t, lab, server, test.answerer), test.want)
		})
	}
}

// A server of crypto/tls has an answer for every vulnerability, and has none.
func TestNoVulnerabilities(t *testing.T) {
	lab := labtest.Lab(t)
	for _, test := range []struct {
		name   string
		scheme string
		min    uint16
		max    uint16
	}{
		{"all of crypto/tls", "", tls.VersionTLS10, tls.VersionTLS13},
		{"behind STARTTLS", "smtp", tls.VersionTLS10, tls.VersionTLS13},
		{"TLS 1.2 and 1.3", "", tls.VersionTLS12, tls.VersionTLS13},
		{"TLS 1.3 alone", "", tls.VersionTLS13, tls.VersionTLS13},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := labtest.Serve(t, lab, tlstest.Server{StartTLS: test.scheme, Config: func(c *tls.Config) { c.MinVersion, c.MaxVersion = test.min, test.max }})
			if test.scheme != "" {
				addr = test.scheme + "://" + addr
			}
			r := probeVulnerabilities(t, lab, addr)
			if r.Vulnerabilities.Finding == nil {
				t.Fatalf("no finding; checks %+v", r.Outcomes)
			}
			if got, want := namesOf(r.Vulnerabilities.Finding, false), everyVulnerability(); got != want {
				t.Errorf("not vulnerable: %s\nwant %s\n%+v", got, want, r.Vulnerabilities.Finding.Answers)
			}
		})
	}
}

// What a server does with long lists, with the groups of RFC 7919, and with anonymous
// suites, hides no weak suite and no short prime.
func TestWeakSuitesOfOddServers(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	const good, dhe, dhe3DES, dheRC4Anon, anon, anon256, anonExport = 0xc013, 0x0033, 0x0016, 0x0018, 0x0034, 0x003a, 0x0019
	all := []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12}
	for _, test := range []struct {
		name   string
		server legacy.Server
		want   string
	}{
		{"anonymous with a short prime", legacy.Server{Suites: []uint16{good, anon}, PrimeBits: 1024}, "logjam"},
		{"anonymous with a short prime, with 256 bits alone", legacy.Server{Suites: []uint16{good, anon256}, PrimeBits: 768}, "logjam"},
		{"anonymous with a long prime", legacy.Server{Suites: []uint16{good, anon}}, ""},
		{"anonymous for export", legacy.Server{Suites: []uint16{good, anonExport}, Versions: all[:1]}, "logjam sweet32"},
		{"anonymous alone", legacy.Server{Suites: []uint16{anon}, PrimeBits: 1024, Versions: all[2:]}, "logjam"},
		{"reads 150 suites at most", legacy.Server{Suites: []uint16{good, dhe3DES}, MaxSuites: 150}, "sweet32"},
		{"reads 120 suites at most, in SSL 3.0 too", legacy.Server{Versions: append([]uint16{0x0300}, all...), Suites: []uint16{good, dhe3DES}, MaxSuites: 120}, "poodle sweet32"},
		{"requires the groups of RFC 7919", legacy.Server{Suites: []uint16{good, dhe3DES, dheRC4Anon}, FiniteGroups: legacy.FiniteGroupsRequired, PrimeBits: 1024}, "sweet32 rc4"},
		{"requires the groups of RFC 7919, and has no other suite", legacy.Server{Suites: []uint16{dhe}, FiniteGroups: legacy.FiniteGroupsRequired}, ""},
		{"has a short prime for clients without these groups", legacy.Server{Suites: []uint16{good, dhe}, FiniteGroups: legacy.FiniteGroupsFollowed, PrimeBits: 1024}, "logjam"},
		{"has a short prime and none of these groups", legacy.Server{Suites: []uint16{good, dhe}, FiniteGroups: legacy.FiniteGroupsUnknown, PrimeBits: 1024}, "logjam"},
		{"has a short prime, none of these groups and no other suite", legacy.Server{Versions: all[2:], Suites: []uint16{dhe}, FiniteGroups: legacy.FiniteGroupsUnknown, PrimeBits: 1024}, "logjam"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			addr, err := legacy.Start(lab, test.server)
			if err != nil {
				t.Fatal(err)
			}
			found, err := vulnerabilities.Options{}.Find(endpointtest.Within(t), endpointtest.At(t, addr))
			if err != nil {
				t.Fatal(err)
			}
			if got := namesOf(found, true); got != test.want {
				t.Errorf("got %q, want %q; %+v", got, test.want, found.Answers)
			}
		})
	}
}

// A server that fails on the hellos of a version has not refused its suites.
func TestFailureIsNoRefusal(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	for _, alert := range []byte{22, 50, 110} { // record_overflow, decode_error, unsupported_extension
		addr, err := legacy.Start(lab, legacy.Server{Suites: []uint16{0xc013}, Chokes: map[uint16]byte{tls.VersionTLS10: alert, 0x0300: alert}})
		if err != nil {
			t.Fatal(err)
		}
		found, err := vulnerabilities.Options{}.Find(endpointtest.Within(t), endpointtest.At(t, addr))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range found.Answers {
			if slices.Contains([]vulnerabilities.Name{vulnerabilities.POODLE, vulnerabilities.FREAK, vulnerabilities.Logjam, vulnerabilities.Sweet32, vulnerabilities.RC4}, a.Name) {
				t.Errorf("alert %d: %+v", alert, a)
			}
		}
	}
}

// A weak suite that the server accepts in one version alone is found. A suite counts as
// refused only if all versions were asked about.
func TestWeakInOneVersion(t *testing.T) {
	lab := labtest.Lab(t)
	const rc4, des3, dhe, good = 0x0005, 0x000a, 0x0033, 0xc013
	all := []uint16{0x0300, tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12}
	for _, test := range []struct {
		version uint16
		suite   uint16
		want    string
	}{
		{tls.VersionTLS12, rc4, "rc4"}, {tls.VersionTLS11, rc4, "rc4"}, {tls.VersionTLS10, rc4, "rc4"}, {0x0300, rc4, "rc4"},
		{tls.VersionTLS11, des3, "sweet32"}, {tls.VersionTLS11, dhe, "logjam"}, {tls.VersionTLS10, dhe, "logjam"},
		{0x0300, des3, "poodle sweet32"}, {0x0300, dhe, "poodle logjam"},
	} {
		t.Run(fmt.Sprintf("%04x in %04x", test.suite, test.version), func(t *testing.T) {
			g := legacy.Server{Versions: all[1:], PrimeBits: 1024, SuitesOf: map[uint16][]uint16{test.version: {test.suite, good}}}
			if test.version == 0x0300 {
				g.Versions, g.SuitesOf[test.version] = all, []uint16{test.suite}
			}
			for _, v := range all[1:] {
				if v != test.version {
					g.SuitesOf[v] = []uint16{good}
				}
			}
			addr, err := legacy.Start(lab, g)
			if err != nil {
				t.Fatal(err)
			}
			found, err := vulnerabilities.Options{}.Find(endpointtest.Within(t), endpointtest.At(t, addr))
			if err != nil {
				t.Fatal(err)
			}
			if got := namesOf(found, true); got != test.want || len(found.Answers) != len(vulnerabilities.Names) {
				t.Errorf("got %q, want %s; %+v", got, test.want, found.Answers)
			}
		})
	}
}
