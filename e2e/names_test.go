//go:build e2e && linux

package e2e

import "testing"

// Unbound serves DNS over TLS, and is the resolver of names with several
// addresses.
func TestUnbound(t *testing.T) {
	s := newSite(t, "unbound", "unbound", "unbound")
	s.write("unbound.conf", `
server:
  directory: "{dir}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: 127.0.0.1@{:dot}
  interface: 127.0.0.2@{:dot}
  interface: 127.0.0.1@{:plain}
  tls-port: {:dot}
  tls-service-pem: {cert}
  tls-service-key: {key}
  local-zone: "example.org." static
  local-data: "both.example.org. A 127.0.0.1"
  local-data: "both.example.org. A 127.0.0.2"
  local-data: "three.example.org. A 127.0.0.1"
  local-data: "three.example.org. A 127.0.0.2"
  local-data: "three.example.org. A 127.0.0.3"
remote-control:
  control-enable: no
`)
	s.run("unbound", "-d", "-c", "{dir}/unbound.conf")
	s.see(`
  pool: {ca_file: "{ca}", server_name: localhost, resolver: "127.0.0.1:{:plain}", addresses: all}
  ip6: {ca_file: "{ca}", server_name: localhost, resolver: "127.0.0.1:{:plain}", ip_protocol: ip6}
`, []row{
		{"TLS", "dot://localhost:{:dot}", "", direct, "TLS 1.3"},
		{"without TLS", "dot://localhost:{:plain}", "impatient", "resolve connect server_hello", "timeout"}, // it waits for as many bytes as the first two say
		{"two addresses", "dot://both.example.org:{:dot}", "pool", direct, "TLS 1.3"},
		{"three addresses, of which one is down", "dot://three.example.org:{:dot}", "pool", direct, "refused in connect"},
		{"no address of the family", "dot://both.example.org:{:dot}", "ip6", "resolve", "no_address"},
		{"no such name", "dot://none.example.org:{:dot}", "pool", "resolve", "nxdomain"},
	})
}
