//go:build e2e && linux

package e2e

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/clients"
	"tls_exporter/prober/check/clients/clientstest"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/check/resumption"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/target"
)

// stack is an implementation of TLS that servers are built on.
type stack struct {
	name     string
	programs []string // that serve it, or build what serves it
	files    []string // of the packages that it needs besides
	start    func(s *site, of []serving)
	serial   bool // its servers take one connection at a time
	servings []serving
}

// serving is a server with one configuration, and what that configuration says about
// it.
type serving struct {
	what    string
	options string // in the language of the stack; {:port} is the port of this server
	always  bool   // also part of the selection that .ci/run takes

	versions   string            // that are accepted, with spaces between: 1.2 1.3
	suites     string            // that are accepted, with spaces between: those of each version, as hello.Suites has them
	suitesOf   map[string]string // of versions in which the server sees that otherwise
	groups     string            // that are accepted, with spaces between
	dhBits     int               // of the smallest prime; 0: there is no DHE
	order      string            // of suites that counts, server or client; empty: there is one suite
	resumption string            // the methods that work
	vulnerable string            // what suites and versions do not say: see ofConfiguration
	client     clientCertificate
	outcome    string // of a probe without a certificate; empty: success

	// unknown is why facts cannot be known of this server. They may be absent, and must
	// not be wrong.
	unknown map[string]string
}

// clientCertificate is what a server does about certificates of clients.
type clientCertificate string

const (
	notRequested clientCertificate = ""
	optional     clientCertificate = "optional"
	required     clientCertificate = "required"
)

// facts is what can be said of a server, by the name of each fact.
type facts map[string]string

// absent is every fact that is allowed to be absent for one reason.
func absent(because string, names ...string) map[string]string {
	all := make(map[string]string)
	for _, name := range names {
		all[name] = because
	}
	return all
}

var versionNames = map[string]hello.Version{
	"2.0": hello.SSL20, "3.0": hello.SSL30, "1.0": hello.TLS10, "1.1": hello.TLS11, "1.2": hello.TLS12, "1.3": hello.TLS13,
}

func sorted(names []string) string {
	return strings.Join(slices.Sorted(slices.Values(names)), " ")
}

// truth is the facts as configured. Those that follow from versions, suites and primes
// are worked out here, not written down.
func (c *serving) truth(t *testing.T) facts {
	t.Helper()
	f := make(facts)
	var accepted []hello.Version
	for _, name := range strings.Fields(c.versions) {
		accepted = append(accepted, versionNames[name])
	}
	var all []*hello.Suite
	for _, name := range strings.Fields(c.suites) {
		i := slices.IndexFunc(hello.Suites, func(s hello.Suite) bool { return s.Name == name })
		if i < 0 {
			t.Fatalf("%s is no cipher suite", name)
		}
		all = append(all, &hello.Suites[i])
	}
	for _, v := range hello.Versions {
		taken := slices.Contains(accepted, v)
		f[v.String()] = said(taken, true)
		var names []string
		for _, s := range all {
			if taken && s.Min <= v && v <= s.Max {
				names = append(names, s.Name)
			}
		}
		if other, ok := c.suitesOf[v.String()]; ok {
			names = strings.Fields(other)
		}
		f["suites of "+v.String()] = sorted(names)
	}
	for _, name := range strings.Fields(c.groups) {
		f["group "+name] = said(true, true)
	}
	f["DH bits"] = strconv.Itoa(c.dhBits)
	f["order"] = c.order
	for _, method := range []string{resumption.SessionID, resumption.Ticket, resumption.PSK, resumption.EarlyData} {
		f["resumption by "+method] = said(slices.Contains(strings.Fields(c.resumption), method), true)
	}
	for _, v := range vulnerabilities.Names {
		f[string(v)] = strconv.FormatBool(slices.Contains(strings.Fields(c.vulnerable), string(v)) || ofConfiguration(v, accepted, all, c.dhBits))
	}
	f["client certificate"] = cmp.Or(string(c.client), "not requested")
	f["outcome"] = cmp.Or(c.outcome, "success")
	return f
}

// ofConfiguration tells whether versions and suites have a vulnerability.
func ofConfiguration(name vulnerabilities.Name, accepted []hello.Version, suites []*hello.Suite, dhBits int) bool {
	old := slices.ContainsFunc(accepted, func(v hello.Version) bool { return v < hello.TLS13 })
	has := func(of func(*hello.Suite) bool) bool { return old && slices.ContainsFunc(suites, of) }
	switch name {
	case vulnerabilities.POODLE:
		return slices.Contains(accepted, hello.SSL30) && has(func(s *hello.Suite) bool { return s.Mode == "CBC" && s.Min <= hello.SSL30 })
	case vulnerabilities.DROWN:
		return slices.Contains(accepted, hello.SSL20)
	case vulnerabilities.FREAK:
		return has(func(s *hello.Suite) bool { return s.Export && s.KeyExchange == "RSA" })
	case vulnerabilities.Logjam:
		return 0 < dhBits && dhBits <= 1024
	case vulnerabilities.Sweet32:
		return has(func(s *hello.Suite) bool {
			return s.Mode == "CBC" && slices.Contains([]string{"3DES", "DES", "IDEA", "RC2"}, s.Cipher)
		})
	case vulnerabilities.RC4:
		return has(func(s *hello.Suite) bool { return s.Cipher == "RC4" })
	}
	return false
}

// learned is the facts that a probe found. What it does not know is absent.
func learned(r *prober.Result) facts {
	f := make(facts)
	if found := r.Versions.Finding; found != nil {
		for _, a := range found.Answers {
			f[a.Version.String()] = said(a.Accepted, true)
		}
	}
	if found := r.Ciphers.Finding; found != nil {
		names := make(map[hello.Version][]string)
		for _, s := range found.Suites {
			names[s.Version] = append(names[s.Version], s.Name())
		}
		for _, v := range hello.Versions {
			if found.IsWhole(v) {
				f["suites of "+v.String()] = sorted(names[v])
			}
		}
		for _, g := range found.Groups {
			f["group "+g.Group.String()] = said(g.Accepted, true)
		}
		f["DH bits"] = strconv.Itoa(found.DHBits)
		f["order"] = map[ciphers.Preference]string{ciphers.ServerPreference: "server", ciphers.ClientPreference: "client"}[found.Preference]
	}
	if found := r.Resumption.Finding; found != nil {
		for _, m := range found.Methods {
			f["resumption by "+m.Method] = said(m.Supported, true)
		}
	}
	if found := r.Vulnerabilities.Finding; found != nil {
		for _, a := range found.Answers {
			f[string(a.Name)] = strconv.FormatBool(a.Vulnerable)
		}
	}
	if found := r.Expect.Finding; found != nil && r.Session != nil {
		for _, e := range found.Expectations {
			switch {
			case e.Name == "client_certificate_required" && e.Met:
				f["client certificate"] = string(required)
			case e.Name == "client_certificate_required" && r.Session.ClientCertificateRequested:
				f["client certificate"] = string(optional)
			case e.Name == "client_certificate_required":
				f["client certificate"] = "not requested"
			}
		}
	}
	return f
}

// wrong returns a line for every fact that is not the truth. Those of questions that
// were not asked are not compared.
func (c *serving) wrong(truth, found facts, asked func(name string) bool) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(truth)) {
		got, known := found[name]
		switch {
		case !asked(name), known && got == truth[name]:
		case known:
			lines = append(lines, fmt.Sprintf("%s: %s", name, difference(got, truth[name])))
		case c.unknown[name] == "":
			lines = append(lines, fmt.Sprintf("%s: absent, and is %q", name, truth[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if _, known := truth[name]; !known && asked(name) && found[name] != said(false, true) {
			lines = append(lines, fmt.Sprintf("%s: %q, and is not", name, found[name])) // a group
		}
	}
	return lines
}

// difference is what a list has that the truth has not, and the other way round.
func difference(got, truth string) string {
	if !strings.Contains(got+truth, " ") {
		return fmt.Sprintf("%q, and is %q", got, truth)
	}
	var lines []string
	has, should := strings.Fields(got), strings.Fields(truth)
	for _, name := range has {
		if !slices.Contains(should, name) {
			lines = append(lines, "has "+name)
		}
	}
	for _, name := range should {
		if !slices.Contains(has, name) {
			lines = append(lines, "lacks "+name)
		}
	}
	return strings.Join(lines, ", ")
}

// The questions of two modules: what must not flip is asked forty times.
func steady() prober.Module {
	m := prober.DefaultModule()
	m.Versions.Options, m.Resumption.Options = new(versions.Options), new(resumption.Options)
	return m
}

func whole() prober.Module {
	m := steady()
	m.Ciphers.Options, m.Vulnerabilities.Options = new(ciphers.Options), new(vulnerabilities.Options)
	return m
}

func isSteady(name string) bool {
	return strings.HasPrefix(name, "TLS ") || strings.HasPrefix(name, "SSL ") || strings.HasPrefix(name, "resumption ") || isOutcome(name)
}

func isOfScan(name string) bool { return !isOfClient(name) && !isOutcome(name) }

func isOfClient(name string) bool { return name == "client certificate" }

func isOutcome(name string) bool { return name == "outcome" }

// times is how often what must not flip is asked.
const times = 40

// everything tells whether all servers are asked everything, and not the selection.
var everything = os.Getenv("STACKS") == "all"

// hold probes servers of a stack, and compares what is found with how they are configured.
func (s *site) hold(of *stack, servings []serving) {
	s.Helper()
	s.atOnce = 5
	if of.serial {
		s.atOnce = 1
	}
	for _, c := range servings {
		s.Run(c.what, func(t *testing.T) {
			target, err := target.Parse("localhost:" + s.fill(c.port()))
			if err != nil {
				t.Fatal(err)
			}
			truth := c.truth(t)
			scans := 1 // and probes with a certificate
			if everything {
				scans = 5
			}
			s.ask(t, &c, target, scans, truth, whole(), isOfScan)
			if everything {
				s.simulate(t, target)
			}
			s.ask(t, &c, target, times, truth, steady(), isSteady)
			for _, client := range []handshake.TLSClient{handshake.Auto, handshake.CryptoTLS} {
				m := prober.DefaultModule()
				m.TLSClient = client
				if c.client != notRequested {
					s.ask(t, &c, target, times, truth, m, isOutcome)
				}
				m.Expect.Options = &expect.Options{ClientCertificateRequired: true}
				s.ask(t, &c, target, times, truth, m, isOfClient)
			}
			if c.client != notRequested {
				m := prober.DefaultModule()
				m.ClientCertificate = &handshake.ClientCertificate{CertFile: s.fill("{dir}/client-cert.pem"), KeyFile: s.fill("{dir}/client-key.pem")}
				s.ask(t, &c, target, scans, facts{"outcome": "success"}, m, isOutcome)
			}
		})
	}
}

// simulate compares simulated clients with what the server answers to them.
func (s *site) simulate(t *testing.T, at target.Target) {
	t.Helper()
	m := whole()
	m.CAFile, m.Timeout, m.Clients.Options = s.words["ca"], option.Duration(time.Minute), new(clients.Options)
	r := probeOnce(t, m, at)
	if r.Clients.Finding == nil {
		t.Errorf("no clients: %+v", r.Outcomes)
		return
	}
	clientstest.Compare(t, at.HostPort(), r.Clients.Finding).Settled(t)
}

// ask probes a target as often as asked, each time without a cache, and reports each
// different result once.
func (s *site) ask(t *testing.T, c *serving, at target.Target, probes int, truth facts, m prober.Module, asked func(string) bool) {
	t.Helper()
	m.CAFile, m.Timeout = s.words["ca"], option.Duration(time.Minute)
	start, atOnce := time.Now(), s.atOnce
	if m.Ciphers.Options != nil { // a scan alone keeps a server busy
		atOnce = 1
	}
	var mu sync.Mutex
	seen := make(map[string]int)
	probe := func() {
		lines := strings.Join(c.probed(probeOnce(t, m, at), truth, asked), "\n\t")
		mu.Lock()
		defer mu.Unlock()
		seen[lines]++
	}
	for left := probes; left > 0; left -= atOnce {
		var group sync.WaitGroup
		for range min(left, atOnce) {
			group.Go(probe)
		}
		group.Wait()
	}
	t.Logf("%d probes in %.1f s", probes, time.Since(start).Seconds())
	for _, lines := range slices.Sorted(maps.Keys(seen)) {
		if lines != "" {
			t.Errorf("%d of %d probes:\n\t%s", seen[lines], probes, lines)
		}
	}
}

// probed is what is wrong in a result, and why.
func (c *serving) probed(r *prober.Result, truth facts, asked func(string) bool) []string {
	found := learned(r)
	found["outcome"] = "success"
	if r.Failure != nil {
		found["outcome"] = string(r.Failure.Reason)
	}
	lines := c.wrong(truth, found, asked)
	if len(lines) == 0 {
		return nil
	}
	for _, o := range r.Outcomes {
		if o.Failure != nil {
			lines = append(lines, fmt.Sprintf("(%s: %s)", o.Name, o.Failure.Reason))
		}
	}
	if r.Failure != nil {
		lines = append(lines, clientPort.ReplaceAllString(fmt.Sprintf("(%s: %v)", r.Failure.Phase, r.Failure), "$1"))
	}
	return lines
}

// clientPort is what no two probes have in common.
var clientPort = regexp.MustCompile(`(127\.0\.0\.1):[0-9]+`)

// probeOnce asks a server as if nothing were known of it.
func probeOnce(t *testing.T, m prober.Module, at target.Target) *prober.Result {
	t.Helper()
	process := prober.NewProcess()
	defer process.Cache.Close()
	p, err := prober.New(m, process)
	if err != nil {
		t.Error(err)
		return new(prober.Result)
	}
	return p.Probe(t.Context(), at)
}

// port is the word of the port that a serving has.
func (c *serving) port() string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(c.what))
	return "{:" + name + "}"
}

// filled is the options with the port.
func (c *serving) filled(s *site) string {
	return s.fill(strings.ReplaceAll(c.options, "{:port}", c.port()))
}

// newStackSite is a site with two certificates of servers, rsa-cert.pem beside the
// usual one, and one of a client.
func newStackSite(t *testing.T, of *stack) *site {
	t.Helper()
	for _, file := range of.files {
		if found, _ := filepath.Glob(file); found == nil {
			t.Skipf("%s is not installed here; e2e/packages.txt lists what has it", file)
		}
	}
	s := newSite(t, of.name, "root", of.programs...)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s.certify("rsa-", key)
	s.write("dh1024.pem", oakley())
	s.write("intermediate.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lab.Intermediate.Certificate.Raw})))
	s.certifyClient()
	return s
}

// certifyClient writes client-cert.pem and client-key.pem.
func (s *site) certifyClient() {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	s.issue("client-", &x509.Certificate{
		Subject:   pkix.Name{CommonName: "client of " + s.name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, key)
}

// TestStacks holds the exporter against servers of many implementations. STACKS=all
// takes all of them; without it, the selection of .ci/run.
func TestStacks(t *testing.T) {
	slots := make(chan struct{}, 2) // stacks at a time: a server that waits for a core is slow to answer
	for _, of := range stacks {
		servings := slices.DeleteFunc(slices.Clone(of.servings), func(c serving) bool { return !everything && !c.always })
		if len(servings) == 0 {
			continue
		}
		t.Run(of.name, func(t *testing.T) {
			s := newStackSite(t, &of)
			slots <- struct{}{}
			defer func() { <-slots }()
			of.start(s, servings)
			s.await()
			s.hold(&of, servings)
		})
	}
}

// build compiles a server of e2e/stacks to a file of the site.
func (s *site) build(argv ...string) {
	s.Helper()
	for i := range argv {
		argv[i] = s.fill(argv[i])
	}
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		s.Fatalf("%v: %v\n%s", argv, err, out)
	}
}

// inOne starts one program for all servers, with an argument for each.
func (s *site) inOne(of []serving, argv ...string) {
	s.Helper()
	for _, c := range of {
		argv = append(argv, c.filled(s))
	}
	s.run(argv...)
}

// inEach starts a program for each server, with the words of its options as arguments.
func (s *site) inEach(of []serving, argv ...string) {
	s.Helper()
	for _, c := range of {
		s.run(slices.Concat(argv, strings.Fields(c.filled(s)))...)
	}
}
