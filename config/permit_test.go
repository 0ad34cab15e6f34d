package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// parsed is the configuration of a file, in a process with these listening addresses.
func parsed(t testing.TB, content string, listening ...string) *Config {
	t.Helper()
	loader := new(Loader)
	t.Cleanup(loader.Close)
	loader.Listeners.Add(listening...)
	config, err := loader.parse(new(reading), filepath.Join(t.TempDir(), "targets.yml"), []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// What a request may probe, as far as that is known before resolving and connecting.
func TestPermit(t *testing.T) {
	const listed = "targets: [{targets: [a.test, '192.0.2.7:8443', 'unix:///run/a.sock'], module: web}]\nmodules: {web: {server_name: web.test}}\n"
	const only = listed + "probe_policy: {configured_only: true}"
	const below = "probe_policy: {allow: [{host: '*.example.com'}]}"
	const files = "probe_policy: {file_directories: [/etc/ssl], deny: [{unix: /etc/ssl/*}]}"
	const nat64 = "probe_policy: {nat64_prefixes: ['2001:db8:64::/96', '2001:db8:65::/48', '64:ff9b:1:e000::/96']}"
	const inside = "probe_policy: {allow: [{cidr: 10.0.0.0/8, port: 443}]}"
	for _, test := range []struct {
		policy, target   string
		module, as, dial string
		denied           string // part of the error; empty: permitted
	}{
		{policy: "", target: "example.com"},
		{policy: "", target: "file:///etc/ssl/site.pem", denied: "file_directories of probe_policy lists, and there are none"},
		{policy: files, target: "file:///etc/ssl/site.pem"},
		{policy: files, target: "file:///etc/ssl/certs/site.pem"},
		{policy: files, target: "file:///etc/shadow", denied: "not below a directory"},
		{policy: files, target: "file:///etc/ssl2/site.pem", denied: "not below a directory"},
		{policy: files, target: "unix:///etc/ssl/x.sock", denied: "Unix socket"},
		{policy: only, target: "file:///etc/ssl/site.pem", denied: "only listed targets"},
		{policy: "", target: "10.0.0.1"},
		{policy: "", target: "127.0.0.1"},
		{policy: "", target: "[::1]:8443"},
		{policy: "", target: "169.254.169.254", denied: "link-local"},
		{policy: "", target: "169.254.170.2:80", denied: "link-local"},
		{policy: "", target: "[::ffff:169.254.169.254]", denied: "link-local"},
		{policy: "", target: "[64:ff9b::169.254.169.254]", denied: "link-local"},
		// Every IPv6 address that may lead to the metadata service.
		{policy: "", target: "[64:ff9b:1::169.254.169.254]", denied: "link-local"},
		{policy: "", target: "[64:ff9b:1:a9fe:a9:fe00::]", denied: "link-local"},
		{policy: "", target: "[64:ff9b:1:a9:fe:a9fe::]", denied: "link-local"},
		{policy: "", target: "[64:ff9b:1:0:a9:fea9:fe00:0]", denied: "link-local"},
		{policy: "", target: "[2002:a9fe:a9fe::1]", denied: "link-local"},
		{policy: "", target: "[2001:0:a9fe:a9fe::1]", denied: "link-local"},
		{policy: "", target: "[2001:0:c000:201:0:0:5601:5601]", denied: "link-local"},
		{policy: "", target: "[::ffff:0:169.254.169.254]", denied: "link-local"},
		{policy: "", target: "[::169.254.169.254]", denied: "link-local"},
		{policy: "", target: "[2001:db8::5efe:169.254.169.254]", denied: "link-local"},
		{policy: "", target: "example.com", dial: "2002:a9fe:a9fe::1", denied: "link-local"},
		{policy: "", target: "[64:ff9b:1::127.0.0.1]:10443", denied: "the exporter itself"},
		{policy: "", target: "[2002:7f00:1::]:10443", denied: "the exporter itself"},
		{policy: "", target: "[64:ff9b:1::192.0.2.1]"},
		{policy: "", target: "[2002:c000:201::1]"},
		{policy: "", target: "[::1]"},
		{policy: "", target: "[2001:db8:64::169.254.169.254]"},
		{policy: nat64, target: "[2001:db8:64::169.254.169.254]", denied: "link-local"},
		{policy: nat64, target: "[2001:db8:64::192.0.2.1]"},
		{policy: nat64, target: "[2001:db8:65:a9fe:a9:fe00::]", denied: "link-local"},
		{policy: nat64, target: "[64:ff9b:1:e000::192.0.2.1]"}, // as is listed
		{policy: "", target: "[64:ff9b:1:e000::192.0.2.1]", denied: "multicast"},
		{policy: "", target: "[fe80::1]", denied: "link-local"},
		{policy: "", target: "[fe80::1%eth0]", denied: "link-local"},
		{policy: "", target: "[fd00:ec2::254]", denied: "metadata"},
		{policy: "", target: "[fd20:ce::254]", denied: "metadata"},
		{policy: "", target: "168.63.129.16", denied: "metadata"},
		{policy: "", target: "100.100.100.200", denied: "metadata"},
		{policy: "", target: "192.0.0.192", denied: "metadata"},
		{policy: "", target: "192.0.0.193"},
		{policy: "", target: "[fd00:c1::a9fe:a9fe]", denied: "metadata"},
		{policy: "", target: "[fd00:42::42]", denied: "metadata"},
		{policy: "", target: "[fd00:a9fe:a9fe::1]", denied: "metadata"},
		{policy: "", target: "224.0.0.1", denied: "multicast"},
		{policy: "", target: "[ff02::1]", denied: "multicast"},
		{policy: "", target: "0.0.0.0:22", denied: "not the address"},
		{policy: "", target: "[::]:22", denied: "not the address"},
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
		{policy: only, target: "a.test", denied: "as they are listed"},
		{policy: only, target: "a.test", module: "web", as: "other.test", denied: "as they are listed"},
		{policy: only, target: "a.test", module: "web", dial: "192.0.2.7", denied: "as they are listed"},
		{policy: only, target: "192.0.2.7:8443", module: "web", dial: "192.0.2.7:22", denied: "as they are listed"},
		{policy: only, target: "a.test:444", module: "web", denied: "as they are listed"},
		{policy: only, target: "smtp://a.test", module: "web", denied: "as they are listed"},
		{policy: only, target: "b.test", module: "web", denied: "as they are listed"},
		{policy: only, target: "unix:///run/b.sock", module: "web", denied: "as they are listed"},
		{policy: listed, target: "unix:///run/a.sock", module: "web"},
		{policy: listed, target: "unix:///run/a.sock", denied: "has to be listed"},
		{policy: only + "\n", target: "a.test", module: "none", denied: "as they are listed"},

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
		{policy: "probe_policy: {allow: [{cidr: 0.0.0.0/0}]}", target: "0.0.0.0", denied: "not the address"},
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
		{policy: "probe_policy: {deny: [{cidr: 127.0.0.0/8}]}", target: "[64:ff9b:1::127.0.0.1]", denied: "under deny"},
		{policy: "probe_policy: {deny: [{cidr: 127.0.0.0/8}]}", target: "[2002:7f00:1::]", denied: "under deny"},
		{policy: "probe_policy: {deny: [{cidr: 127.0.0.0/8}]}", target: "[2001:0:c000:201:0:0:80ff:fffe]", denied: "under deny"},
		{policy: "probe_policy: {deny: [{cidr: 127.0.0.0/8}]}", target: "[::ffff:0:127.0.0.1]", denied: "under deny"},
		{policy: "probe_policy: {deny: [{cidr: 127.0.0.0/8}]}", target: "[::127.0.0.1]", denied: "under deny"},
		{policy: "probe_policy: {deny: [{cidr: 127.0.0.0/8}]}", target: "[::1]"},
		{policy: "probe_policy: {deny: [{cidr: 127.0.0.0/8}], nat64_prefixes: ['2001:db8::/32']}", target: "[2001:db8:7f00:1::]", denied: "under deny"},
		// Only an address that is surely translated is allowed as IPv4.
		{policy: "probe_policy: {allow: [{cidr: 10.0.0.0/8}]}", target: "[64:ff9b::10.0.0.1]"},
		{policy: "probe_policy: {allow: [{cidr: 10.0.0.0/8}], nat64_prefixes: ['2001:db8:64::/96']}", target: "[2001:db8:64::10.0.0.1]"},
		{policy: "probe_policy: {allow: [{cidr: 10.0.0.0/8}], nat64_prefixes: ['2001:db8:64::/96']}", target: "[2001:db8:64::192.0.2.1]", denied: "no rule under allow"},
		{policy: "probe_policy: {allow: [{cidr: 10.0.0.0/8}]}", target: "[64:ff9b:1:a00::192.0.2.1]", denied: "no rule under allow"},
		{policy: "probe_policy: {allow: [{cidr: 10.0.0.0/8}]}", target: "[2002:a00:1::1]", denied: "no rule under allow"},
		{policy: "probe_policy: {allow: [{cidr: '2002::/16'}]}", target: "[2002:c000:201::1]"},
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
			config := parsed(t, test.policy, ":10443", "198.51.100.3:9000", "127.0.0.1:0", "vsock://:1")
			asked := probetest.Target(t, test.target)
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
			if (err == nil) != (test.denied == "") || err != nil && (!errors.Is(err, failure.ErrDenied) || !strings.Contains(err.Error(), test.denied)) {
				t.Errorf("error is %v, want one that says %q", err, test.denied)
			}
		})
	}
}

// counted is a server that counts its connections.
func counted(t *testing.T, lab *tlstest.Lab) (port string, connections *atomic.Int32) {
	connections = new(atomic.Int32)
	_, port, _ = net.SplitHostPort(labtest.Serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		connections.Add(1)
		io.Copy(io.Discard, c)
	}}))
	return port, connections
}

// The policy is applied to the address at the connection. A name that resolves first
// to a permitted address and then to a denied one is denied, whatever the module does
// with addresses (DNS rebinding).
func TestRebinding(t *testing.T) {
	lab := labtest.Lab(t)
	port, connections := counted(t, lab)
	for _, more := range []string{"", ", addresses: all", ", ip_protocol: ip4", ", proxy_url: 'http://127.0.0.1:" + port + "'", ", proxy_url: 'socks5://127.0.0.1:" + port + "'"} {
		t.Run(more, func(t *testing.T) {
			var answers atomic.Int32
			resolver := labtest.DNS(t, lab, tlstest.Zone{"rebinding.test": {
				Addresses: labtest.Addresses("192.0.2.7"),
				Alter: labtest.Altered(func(m *dns.Msg, _ bool) {
					if answers.Add(1) <= 2 || len(m.Answer) == 0 { // A and AAAA of the first probe
						return
					}
					m.Answer[0].(*dns.A).A = net.IPv4(127, 0, 0, 1)
				}),
			}})
			config := parsed(t, fmt.Sprintf("modules: {default: {resolver: %q, timeout: 20s%s}}\nprobe_policy: {deny: [{cidr: 127.0.0.0/8}]}", resolver, more))
			var dialled atomic.Pointer[string]
			config.guard.Control = func(_ context.Context, network, address string, _ syscall.RawConn) error {
				if strings.HasPrefix(network, "udp") {
					return nil
				}
				dialled.Store(&address)
				return syscall.EHOSTUNREACH // so that no packet leaves this machine
			}
			p, asked := config.Probers["default"], probetest.Target(t, "rebinding.test:"+port)
			if r := p.Probe(t.Context(), asked); r.Failure == nil || r.Failure.Reason != failure.ReasonUnreachable || dialled.Load() == nil {
				t.Fatalf("the permitted address: %+v", r.Failure)
			}
			answers.Store(2)
			dialled.Store(nil)
			r := p.Probe(t.Context(), asked)
			if r.Failure == nil || r.Failure.Phase != failure.PhaseConnect || r.Failure.Reason != failure.ReasonDenied || !errors.Is(r.Failure.Err, failure.ErrDenied) {
				t.Errorf("failure is %+v", r.Failure)
			}
			if _, known := r.Reachable(); known || dialled.Load() != nil || connections.Load() != 0 || r.Phases[len(r.Phases)-1].Phase != failure.PhaseConnect {
				t.Errorf("known %v, dialled %v, %d connections, phases %v", known, dialled.Load(), connections.Load(), r.Phases)
			}
		})
	}
}

func TestDeniedSocketIsNotDialled(t *testing.T) {
	config := parsed(t, "probe_policy: {deny: [{unix: '/run/*'}]}")
	r := config.Probers["default"].Probe(t.Context(), probetest.Target(t, "unix:///run/x.sock"))
	if r.Failure == nil || r.Failure.Phase != failure.PhaseConnect || r.Failure.Reason != failure.ReasonDenied {
		t.Errorf("failure is %+v", r.Failure)
	}
}

// A prober with a change to its module has the same policy.
func TestWithKeepsThePolicy(t *testing.T) {
	config := parsed(t, "probe_policy: {deny: [{cidr: 127.0.0.0/8}]}")
	p, err := config.Probers["default"].With(func(m *prober.Module) { m.Timeout = option.Duration(time.Second) })
	if err != nil {
		t.Fatal(err)
	}
	if r := p.Probe(t.Context(), probetest.Target(t, "127.0.0.1:1")); r.Failure == nil || r.Failure.Reason != failure.ReasonDenied {
		t.Errorf("failure is %+v", r.Failure)
	}
}
