//go:build e2e && linux

package e2e

import "testing"

// Phases of probes whose names the proxy resolves.
const (
	proxied         = "connect proxy server_hello key_exchange verify"
	proxiedUpgraded = "connect proxy starttls server_hello key_exchange verify"
)

// behind starts the server behind the proxies: a directory, because it has TLS both
// immediately and after a dialogue. It listens on every address of localhost, because
// some proxies try only the first.
func (s *site) behind() {
	s.Helper()
	s.write("slapd.conf", "TLSCertificateFile {cert}\nTLSCertificateKeyFile {key}\n")
	s.run("slapd", "-d", "0", "-f", "{dir}/slapd.conf", "-h", "ldap://localhost:{:ldap} ldaps://localhost:{:ldaps}")
}

func TestSquid(t *testing.T) {
	s := newSite(t, "squid", "proxy", "squid", "/usr/lib/squid/basic_ncsa_auth", "slapd")
	s.behind()
	s.write("users", "alice:$apr1$e2e$PzMognqBCFypSiON0uEyc0\n") // secret
	s.write("squid.conf", `
http_port 127.0.0.1:{:open} name=open
http_port 127.0.0.1:{:closed} name=closed
https_port 127.0.0.1:{:secure} name=secure tls-cert={cert} tls-key={key}
pid_filename {dir}/squid.pid
cache_log {dir}/cache.log
access_log stdio:{dir}/access.log
visible_hostname proxy.example.org
coredump_dir {dir}
pinger_enable off
cache_mem 8 MB
shutdown_lifetime 0 seconds
auth_param basic program /usr/lib/squid/basic_ncsa_auth {dir}/users
acl open myportname open secure
acl known proxy_auth REQUIRED
acl directory port {:ldap} {:ldaps}
http_access deny !directory
http_access allow open
http_access allow known
`)
	s.run("squid", "-N", "-f", "{dir}/squid.conf")
	// With TLS this Squid, which uses GnuTLS, sends only its own certificate: a client
	// needs the intermediate to verify it.
	s.see(`
  open: {ca_file: "{ca}", proxy_url: "http://127.0.0.1:{:open}"}
  secure: {ca_file: "{cert}", proxy_url: "https://localhost:{:secure}"}
  incomplete: {ca_file: "{ca}", proxy_url: "https://localhost:{:secure}"}
  resolved: {ca_file: "{ca}", proxy_url: "http://127.0.0.1:{:open}", ip_protocol: ip4}
  nobody: {ca_file: "{ca}", proxy_url: "http://127.0.0.1:{:closed}"}
  mallory: {ca_file: "{ca}", proxy_url: "http://alice:guess@127.0.0.1:{:closed}"}
  alice: {ca_file: "{ca}", proxy_url: "http://alice:secret@127.0.0.1:{:closed}"}
`, []row{
		{"TLS", "ldaps://localhost:{:ldaps}", "open", proxied, "TLS 1.3"},
		{"STARTTLS", "ldap://localhost:{:ldap}", "open", proxiedUpgraded, "TLS 1.3"},
		{"TLS within TLS", "ldaps://localhost:{:ldaps}", "secure", proxied, "TLS 1.3"},
		{"STARTTLS within TLS", "ldap://localhost:{:ldap}", "secure", proxiedUpgraded, "TLS 1.3"},
		{"TLS to a proxy without its intermediate", "ldaps://localhost:{:ldaps}", "incomplete", "connect proxy", "proxy_untrusted"},
		{"an address", "ldaps://localhost:{:ldaps}", "resolved", "resolve " + proxied, "TLS 1.3"},
		{"with the password", "ldaps://localhost:{:ldaps}", "alice", proxied, "TLS 1.3"},
		{"without a password", "ldaps://localhost:{:ldaps}", "nobody", "connect proxy", "proxy_refused"},
		{"with a wrong password", "ldaps://localhost:{:ldaps}", "mallory", "connect proxy", "proxy_refused"},
		{"a port that it does not allow", "ldaps://localhost:1", "open", "connect proxy", "proxy_refused"},
	})
}

func TestTinyproxy(t *testing.T) {
	s := newSite(t, "tinyproxy", "nobody", "tinyproxy", "slapd")
	s.behind()
	s.write("tinyproxy.conf", `
Listen 127.0.0.1
Port {:proxy}
LogLevel Connect
BasicAuth alice secret
ConnectPort {:ldap}
ConnectPort {:ldaps}
`)
	s.run("tinyproxy", "-d", "-c", "{dir}/tinyproxy.conf")
	s.see(`
  nobody: {ca_file: "{ca}", proxy_url: "http://127.0.0.1:{:proxy}"}
  mallory: {ca_file: "{ca}", proxy_url: "http://alice:guess@127.0.0.1:{:proxy}"}
  alice: {ca_file: "{ca}", proxy_url: "http://alice:secret@127.0.0.1:{:proxy}"}
`, []row{
		{"with the password", "ldaps://localhost:{:ldaps}", "alice", proxied, "TLS 1.3"},
		{"STARTTLS", "ldap://localhost:{:ldap}", "alice", proxiedUpgraded, "TLS 1.3"},
		{"without a password", "ldaps://localhost:{:ldaps}", "nobody", "connect proxy", "proxy_refused"},
		{"with a wrong password", "ldaps://localhost:{:ldaps}", "mallory", "connect proxy", "proxy_refused"},
		{"a port that it does not allow", "ldaps://localhost:1", "alice", "connect proxy", "proxy_refused"},
	})
}

func TestDante(t *testing.T) {
	s := newSite(t, "dante", "root", "danted", "slapd")
	s.behind()
	s.write("danted.conf", `
logoutput: stderr
internal: 127.0.0.1 port = {:proxy}
external: 127.0.0.1
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }
socks block { from: 0.0.0.0/0 to: 0.0.0.0/0 port = 1 }
socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 command: connect }
`)
	s.run("danted", "-f", "{dir}/danted.conf")
	s.see(`
  here: {ca_file: "{ca}", proxy_url: "socks5://127.0.0.1:{:proxy}", ip_protocol: ip4}
  there: {ca_file: "{ca}", proxy_url: "socks5h://127.0.0.1:{:proxy}"}
  http: {ca_file: "{ca}", proxy_url: "http://127.0.0.1:{:proxy}"}
`, []row{
		{"resolved here", "ldaps://localhost:{:ldaps}", "here", "resolve " + proxied, "TLS 1.3"},
		{"resolved there", "ldaps://localhost:{:ldaps}", "there", proxied, "TLS 1.3"},
		{"STARTTLS", "ldap://localhost:{:ldap}", "there", proxiedUpgraded, "TLS 1.3"},
		{"a port that it does not allow", "ldaps://localhost:1", "there", "connect proxy", "proxy_refused"},
		{"a SOCKS proxy as HTTP", "ldaps://localhost:{:ldaps}", "http", "connect proxy", "closed"},
	})
}

func TestMicrosocks(t *testing.T) {
	s := newSite(t, "microsocks", "nobody", "microsocks", "slapd")
	s.behind()
	s.run("microsocks", "-i", "127.0.0.1", "-p", "{:proxy}", "-u", "alice", "-P", "secret")
	s.see(`
  nobody: {ca_file: "{ca}", proxy_url: "socks5h://127.0.0.1:{:proxy}"}
  mallory: {ca_file: "{ca}", proxy_url: "socks5h://alice:guess@127.0.0.1:{:proxy}"}
  alice: {ca_file: "{ca}", proxy_url: "socks5h://alice:secret@127.0.0.1:{:proxy}"}
`, []row{
		{"with the password", "ldaps://localhost:{:ldaps}", "alice", proxied, "TLS 1.3"},
		{"without a password", "ldaps://localhost:{:ldaps}", "nobody", "connect proxy", "proxy_refused"},
		{"with a wrong password", "ldaps://localhost:{:ldaps}", "mallory", "connect proxy", "proxy_refused"},
		{"a port where nobody listens", "ldaps://localhost:1", "alice", "connect proxy", "proxy_refused"},
	})
}
