package prober

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tls_exporter/prober/tlstest"
)

// policed is a configuration with this policy, and what else the file says.
func policed(t testing.TB, content string, listening ...string) *Config {
	t.Helper()
	loader := new(Loader)
	t.Cleanup(loader.Close)
	loader.Listeners.Add(listening...)
	config, err := loader.parse([]byte(content), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// What a request is told before anything is resolved or dialled.
func TestPermit(t *testing.T) {
	const listed = "targets: [{targets: [a.test, '192.0.2.7:8443', 'unix:///run/a.sock'], module: web}]\nmodules: {web: {server_name: web.test}}\n"
	const only = listed + "probe_policy: {configured_only: true}"
	const below = "probe_policy: {allow: [{host: '*.example.com'}]}"
	const inside = "probe_policy: {allow: [{cidr: 10.0.0.0/8, port: 443}]}"
	for _, test := range []struct {
		policy, target   string
		module, as, dial string
		denied           string // what the sentence says; empty: permitted
	}{
		{policy: "", target: "example.com"},
		{policy: "", target: "10.0.0.1"},
		{policy: "", target: "127.0.0.1"},
		{policy: "", target: "[::1]:8443"},
		{policy: "", target: "169.254.169.254", denied: "link-local"},
		{policy: "", target: "169.254.170.2:80", denied: "link-local"},
		{policy: "", target: "[::ffff:169.254.169.254]", denied: "link-local"},
		{policy: "", target: "[64:ff9b::169.254.169.254]", denied: "link-local"},
		{policy: "", target: "[fe80::1]", denied: "link-local"},
		{policy: "", target: "[fe80::1%eth0]", denied: "link-local"},
		{policy: "", target: "[fd00:ec2::254]", denied: "metadata"},
		{policy: "", target: "[fd20:ce::254]", denied: "metadata"},
		{policy: "", target: "168.63.129.16", denied: "metadata"},
		{policy: "", target: "100.100.100.200", denied: "metadata"},
		{policy: "", target: "224.0.0.1", denied: "multicast"},
		{policy: "", target: "[ff02::1]", denied: "multicast"},
		{policy: "", target: "0.0.0.0:22", denied: "no address"},
		{policy: "", target: "[::]:22", denied: "no address"},
		{policy: "", target: "255.255.255.255", denied: "broadcast"},
		{policy: "", target: "example.com", dial: "169.254.169.254", denied: "link-local"},
		{policy: "", target: "example.com:80", dial: "127.0.0.1:10443", denied: "the exporter itself"},
		{policy: "", target: "127.0.0.1:10443", denied: "the exporter itself"},
		{policy: "", target: "[::1]:10443", denied: "the exporter itself"},
		{policy: "", target: "192.0.2.1:10443"},
		{policy: "", target: "198.51.100.3:9000", denied: "the exporter itself"},
		{policy: "", target: "127.0.0.1:9000"},
		{policy: "", target: "unix:///run/a.sock", denied: "Unix socket"},

		{policy: only, target: "a.test", module: "web"},
		{policy: only, target: "https://A.test:443", module: "web"},
		{policy: only, target: "a.test", module: "web", as: "web.test"},
		{policy: only, target: "192.0.2.7:8443", module: "web", dial: "192.0.2.7"},
		{policy: only, target: "unix:///run/a.sock", module: "web"},
		{policy: only, target: "a.test", denied: "as it is listed"},
		{policy: only, target: "a.test", module: "web", as: "other.test", denied: "as it is listed"},
		{policy: only, target: "a.test", module: "web", dial: "192.0.2.7", denied: "as it is listed"},
		{policy: only, target: "192.0.2.7:8443", module: "web", dial: "192.0.2.7:22", denied: "as it is listed"},
		{policy: only, target: "a.test:444", module: "web", denied: "as it is listed"},
		{policy: only, target: "smtp://a.test", module: "web", denied: "as it is listed"},
		{policy: only, target: "b.test", module: "web", denied: "as it is listed"},
		{policy: only, target: "unix:///run/b.sock", module: "web", denied: "as it is listed"},
		{policy: listed, target: "unix:///run/a.sock", module: "web"},
		{policy: listed, target: "unix:///run/a.sock", denied: "has to be listed"},
		{policy: only + "\n", target: "a.test", module: "none", denied: "as it is listed"},

		{policy: below, target: "www.example.com"},
		{policy: below, target: "a.b.example.com.:8443"},
		{policy: below, target: "example.com", denied: "no rule under allow"},
		{policy: below, target: "badexample.com", denied: "no rule under allow"},
		{policy: below, target: "192.0.2.1", denied: "no rule under allow"},
		{policy: below, target: "www.example.com", dial: "192.0.2.1", denied: "no rule under allow"},
		{policy: inside, target: "10.1.2.3"},
		{policy: inside, target: "10.1.2.3:22", denied: "no rule under allow"},
		{policy: inside, target: "192.0.2.1", denied: "no rule under allow"},
		{policy: inside, target: "by-name.test"}, // its address decides
		{policy: inside, target: "by-name.test:22", denied: "no rule under allow"},
		{policy: inside, target: "by-name.test", dial: "10.0.0.1"},
		{policy: "probe_policy: {allow: [{port: 443}]}", target: "169.254.169.254", denied: "link-local"},
		{policy: "probe_policy: {allow: [{cidr: 0.0.0.0/0}]}", target: "169.254.169.254", denied: "link-local"},
		{policy: "probe_policy: {allow: [{cidr: 0.0.0.0/0}]}", target: "0.0.0.0", denied: "no address"},
		{policy: "probe_policy: {allow: [{cidr: 169.254.20.0/24}]}", target: "169.254.20.10"},
		{policy: "probe_policy: {allow: [{cidr: 169.254.20.0/24}]}", target: "169.254.169.254", denied: "link-local"},
		{policy: "probe_policy: {allow: [{cidr: 169.254.20.0/24}]}", target: "example.com"},
		{policy: "probe_policy: {allow: [{cidr: 169.254.20.0/24}, {port: 443}]}", target: "169.254.20.10:80"},
		{policy: "probe_policy: {allow: [{cidr: 169.254.20.0/24}, {port: 443}]}", target: "192.0.2.1:80", denied: "no rule under allow"},
		{policy: "probe_policy: {allow: [{cidr: 127.0.0.0/8}]}", target: "127.0.0.1:10443", denied: "the exporter itself"},
		{policy: "probe_policy: {allow: [{cidr: 127.0.0.1, port: 10443}]}", target: "127.0.0.1:10443"},

		{policy: "probe_policy: {deny: [{cidr: 10.0.0.0/8}]}", target: "10.1.2.3", denied: "under deny"},
		{policy: "probe_policy: {deny: [{cidr: 10.0.0.0/8}]}", target: "[::ffff:10.1.2.3]", denied: "under deny"},
		{policy: "probe_policy: {deny: [{cidr: 10.0.0.0/8}]}", target: "[64:ff9b::10.1.2.3]", denied: "under deny"},
		{policy: "probe_policy: {deny: [{cidr: 10.0.0.0/8}]}", target: "by-name.test"}, // its address decides
		{policy: "probe_policy: {deny: [{cidr: 'fc00::/7'}]}", target: "[fd12::1%eth0]", denied: "under deny"},
		{policy: "probe_policy: {deny: [{host: '*.corp.test'}]}", target: "DB.corp.test", denied: "under deny"},
		{policy: "probe_policy: {deny: [{host: db.test, port: 1-1023}]}", target: "db.test", denied: "under deny"},
		{policy: "probe_policy: {deny: [{host: db.test, port: 1-1023}]}", target: "db.test:8443"},
		{policy: "probe_policy: {deny: [{port: 22}]}", target: "db.test", dial: "192.0.2.1:22", denied: "under deny"},
		{policy: "probe_policy: {allow: [{cidr: 10.0.0.0/8}], deny: [{cidr: 10.9.0.0/16}]}", target: "10.9.0.1", denied: "under deny"},

		{policy: "probe_policy: {allow: [{unix: '/run/app/*.sock'}]}", target: "unix:///run/app/x.sock"},
		{policy: "probe_policy: {allow: [{unix: '/run/app/*.sock'}]}", target: "unix:///run/x.sock", denied: "has to be listed"},
		{policy: "probe_policy: {allow: [{unix: '/run/*/x.sock'}]}", target: "unix:///run/../x.sock", denied: "has to be listed"},
		{policy: "probe_policy: {allow: [{unix: '/run/app/*.sock'}]}", target: "example.com"},
		{policy: "probe_policy: {deny: [{unix: '/run/*'}]}", target: "unix:///run/a.sock", denied: "has to be listed"},
		{policy: "probe_policy: {allow: [{unix: '/run/*'}], deny: [{unix: '/run/a*'}]}", target: "unix:///run/a.sock", denied: "under deny"},
	} {
		t.Run(strings.Join([]string{test.policy, test.target, test.module, test.as, test.dial}, " "), func(t *testing.T) {
			config := policed(t, test.policy, ":10443", "198.51.100.3:9000", "127.0.0.1:0", "vsock://:1")
			asked := target(t, test.target)
			asked.ServerName = test.as
			if test.dial != "" {
				var err error
				if asked, err = asked.At(test.dial); err != nil {
					t.Fatal(err)
				}
			}
			if test.module == "" {
				test.module = DefaultModuleName
			}
			err := config.Permit(test.module, asked)
			if (err == nil) != (test.denied == "") || err != nil && (!errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), test.denied)) {
				t.Errorf("error is %v, want one that says %q", err, test.denied)
			}
		})
	}
}

// counted is a healthy server that counts who comes.
func counted(t *testing.T, lab *tlstest.Lab) (port string, came *atomic.Int32) {
	came = new(atomic.Int32)
	_, port, _ = net.SplitHostPort(serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		came.Add(1)
		io.Copy(io.Discard, c)
	}}))
	return port, came
}

// What a name resolves to is judged when it is dialled: a name that leads to an
// innocent address for the first time and to a denied one from then on gets
// nowhere, whatever the module does with addresses.
func TestRebinding(t *testing.T) {
	lab := newLab(t)
	port, came := counted(t, lab)
	for _, more := range []string{"", ", addresses: all", ", ip_protocol: ip4", ", proxy_url: 'http://127.0.0.1:" + port + "'", ", proxy_url: 'socks5://127.0.0.1:" + port + "'"} {
		t.Run(more, func(t *testing.T) {
			var answers atomic.Int32
			resolver := startDNS(t, lab, tlstest.Zone{"rebinding.test": {
				Addresses: ips("192.0.2.7"),
				Alter: altered(func(m *dns.Msg, _ bool) {
					if answers.Add(1) <= 2 || len(m.Answer) == 0 { // A and AAAA of the first time
						return
					}
					m.Answer[0].(*dns.A).A = net.IPv4(127, 0, 0, 1)
				}),
			}})
			config := policed(t, fmt.Sprintf("modules: {default: {resolver: %q, timeout: 20s%s}}\nprobe_policy: {deny: [{cidr: 127.0.0.0/8}]}", resolver, more))
			var dialled atomic.Pointer[string]
			config.guard.Control = func(_ context.Context, network, address string, _ syscall.RawConn) error {
				if strings.HasPrefix(network, "udp") {
					return nil
				}
				dialled.Store(&address)
				return syscall.EHOSTUNREACH // nothing leaves this machine
			}
			p, asked := config.Probers["default"], target(t, "rebinding.test:"+port)
			if r := p.Probe(t.Context(), asked); r.Failure == nil || r.Failure.Reason != ReasonUnreachable || dialled.Load() == nil {
				t.Fatalf("the innocent address: %+v", r.Failure)
			}
			answers.Store(2)
			dialled.Store(nil)
			r := p.Probe(t.Context(), asked)
			if r.Failure == nil || r.Failure.Phase != PhaseConnect || r.Failure.Reason != ReasonDenied || !errors.Is(r.Failure.Err, ErrDenied) {
				t.Errorf("failure is %+v", r.Failure)
			}
			if _, known := r.Reachable(); known || dialled.Load() != nil || came.Load() != 0 || r.Phases[len(r.Phases)-1].Phase != PhaseConnect {
				t.Errorf("known %v, dialled %v, %d came, phases %v", known, dialled.Load(), came.Load(), r.Phases)
			}
		})
	}
}

// One address of several that is denied leaves the others.
func TestDeniedBesideOthers(t *testing.T) {
	lab := newLab(t)
	_, port, _ := net.SplitHostPort(serve(t, lab, tlstest.Server{}))
	module := labModule(t, lab)
	module.Resolver = startDNS(t, lab, tlstest.Zone{"localhost": {Addresses: ips("169.254.169.254", "127.0.0.1")}})
	if r := newProber(t, module).Probe(t.Context(), target(t, "localhost:"+port)); !r.Success() || r.Remote.Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("failure is %+v, at %s", r.Failure, r.Remote)
	}
	module.Addresses = AllAddresses
	r := newProber(t, module).Probe(t.Context(), target(t, "localhost:"+port))
	if got := reasonsOf(r.Pool); !slices.Equal(got, []string{"good", "connect denied"}) {
		t.Errorf("the addresses are %q", got)
	}
}

// What the owner names is not a target: rules do not cut off the proxy and the
// DNS servers, and a name of theirs leads to nothing that nobody may reach.
func TestOwnersAddresses(t *testing.T) {
	listeners := new(Listeners)
	listeners.Add(":10443")
	g := NewGuard(Policy{Deny: []Rule{{Port: Ports{1, 65535}}}}, listeners)
	for _, test := range []struct {
		named, addr string
		denied      bool
	}{
		{"169.254.20.10:53", "169.254.20.10:53", false},
		{"[fe80::1%eth0]:53", "[fe80::1%eth0]:53", false},
		{"dns.test:53", "10.0.0.2:53", false},
		{"dns.test:53", "169.254.169.254:53", true},
		{"proxy.test:10443", "127.0.0.1:10443", true},
		{"proxy.test:3128", "127.0.0.1:3128", false},
	} {
		if err := g.OfOwner(test.named)(netip.MustParseAddrPort(test.addr)); errors.Is(err, ErrDenied) != test.denied {
			t.Errorf("%s at %s: %v", test.named, test.addr, err)
		}
	}
}

// An address of this machine, whichever it is, is the exporter where it listens
// on all of them.
func TestOwnAddress(t *testing.T) {
	local, err := net.InterfaceAddrs()
	if err != nil || len(local) == 0 { // there is always loopback
		t.Fatalf("the addresses of this machine are %v, %v", local, err)
	}
	for _, listening := range []string{":10443", "0.0.0.0:10443", "[::]:10443", "localhost:10443"} {
		listeners := new(Listeners)
		listeners.Add(listening)
		for _, a := range local {
			addr := netip.MustParsePrefix(a.String()).Addr().WithZone("")
			if !listeners.at(netip.AddrPortFrom(addr, 10443)) || listeners.at(netip.AddrPortFrom(addr, 10444)) {
				t.Errorf("%s, listening on %s", addr, listening)
			}
		}
	}
}

// A denied socket of a family that is not known is not connected.
func TestUnreadableAddressIsDenied(t *testing.T) {
	if err := NewGuard(Policy{}, new(Listeners)).judgeDialled("tcp", "nonsense", nil); !errors.Is(err, ErrDenied) {
		t.Errorf("error is %v", err)
	}
}

func TestDeniedSocketIsNotDialled(t *testing.T) {
	config := policed(t, "probe_policy: {deny: [{unix: '/run/*'}]}")
	r := config.Probers["default"].Probe(t.Context(), target(t, "unix:///run/x.sock"))
	if r.Failure == nil || r.Failure.Phase != PhaseConnect || r.Failure.Reason != ReasonDenied {
		t.Errorf("failure is %+v", r.Failure)
	}
}

// A prober with a change to its module is under the same policy.
func TestWithKeepsThePolicy(t *testing.T) {
	config := policed(t, "probe_policy: {deny: [{cidr: 127.0.0.0/8}]}")
	p, err := config.Probers["default"].With(func(m *Module) { m.Timeout = Duration(time.Second) })
	if err != nil {
		t.Fatal(err)
	}
	if r := p.Probe(t.Context(), target(t, "127.0.0.1:1")); r.Failure == nil || r.Failure.Reason != ReasonDenied {
		t.Errorf("failure is %+v", r.Failure)
	}
}

// opens is what opens a connection or hears of one, by package.
var opens = regexp.MustCompile(`^(net|tls|syscall|unix|quic|http|proxy)\.(Dial|Listen|Lookup[^P]|DefaultResolver|Resolver$|Connect$|FileConn|FromEnvironment|Get$|Post$|Default)`)

// doorways are the functions that may open connections, and why.
var doorways = map[string]string{
	"guard/guard.go Dial":             "the one place",
	"guard/guard.go New":              "holds what its connections have in common",
	"guard/guard.go Guard":            "likewise",
	"guard/guard.go Resolver":         "gives the resolver the guard to dial with",
	"resolve/resolve.go systemLookup": "asks the resolver that it is given",
	"connect/socks.go connectSOCKS":   "speaks SOCKS on a connection that the guard opened",
}

// No connection is made but by the guard: nothing else in the package names what
// could make one.
func TestOneDoor(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	used := make(map[string]bool)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declared := range parsed.Decls {
			ast.Inspect(declared, func(n ast.Node) bool {
				selector, ok := n.(*ast.SelectorExpr)
				if !ok || !opensConnection(selector) {
					return true
				}
				doorway := file + " " + nameOf(declared)
				if used[doorway] = true; doorways[doorway] == "" {
					t.Errorf("%s: %s: connections are the guard's to open", set.Position(selector.Pos()), selector.Sel.Name)
				}
				return true
			})
		}
	}
	for doorway := range doorways {
		if !used[doorway] {
			t.Errorf("%s opens nothing any more", doorway)
		}
	}
}

// opensConnection tells whether an expression names a function or type that
// connects, or a method of either name that dialers have.
func opensConnection(s *ast.SelectorExpr) bool {
	if of, ok := s.X.(*ast.Ident); ok && opens.MatchString(of.Name+"."+s.Sel.Name) {
		return true
	}
	return s.Sel.Name == "DialContext" || s.Sel.Name == "Dial"
}

func nameOf(declared ast.Decl) string {
	switch d := declared.(type) {
	case *ast.FuncDecl:
		return d.Name.Name
	case *ast.GenDecl:
		if spec, ok := d.Specs[0].(*ast.TypeSpec); ok {
			return spec.Name.Name
		}
	}
	return "a declaration"
}
