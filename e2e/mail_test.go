//go:build e2e && linux

package e2e

import "testing"

func TestPostfix(t *testing.T) {
	const master = "/usr/lib/postfix/sbin/master"
	s := newSite(t, "postfix", "root", "postfix", master)
	s.folder("queue")
	s.folder("data")
	s.do("chown", "postfix", "{dir}/data")
	s.write("main.cf", `
compatibility_level = 3.7
maillog_file = /dev/stdout
queue_directory = {dir}/queue
data_directory = {dir}/data
myhostname = mail.example.org
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
smtpd_tls_chain_files = {key}, {cert}
smtpd_tls_security_level = may
`)
	s.write("master.cf", `
127.0.0.1:{:smtp} inet n - n - - smtpd
127.0.0.1:{:submission} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
127.0.0.1:{:smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
127.0.0.1:{:announced} inet n - n - - smtpd
  -o smtpd_upstream_proxy_protocol=haproxy
127.0.0.1:{:plain} inet n - n - - smtpd
  -o smtpd_tls_security_level=none
127.0.0.1:{:broken} inet n - n - - smtpd
  -o smtpd_tls_chain_files=
  -o smtpd_tls_cert_file={dir}/none.pem
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
rewrite unix - - n - - trivial-rewrite
`)
	s.do("postfix", "-c", "{dir}", "check") // creates missing directories
	s.run(master, "-c", "{dir}", "-d", "-s")
	s.see(announced, []row{
		{"STARTTLS", "smtp://localhost:{:smtp}", "", upgraded, "TLS 1.3"},
		{"STARTTLS that mail needs", "submission://localhost:{:submission}", "", upgraded, "TLS 1.3"},
		{"PROXY protocol v1 and STARTTLS", "smtp://localhost:{:announced}", "v1", upgraded, "TLS 1.3"},
		{"PROXY protocol v2 and STARTTLS", "smtp://localhost:{:announced}", "v2", upgraded, "TLS 1.3"},
		{"TLS at once", "smtps://localhost:{:smtps}", "", direct, "TLS 1.3"},
		{"without TLS", "smtp://localhost:{:plain}", "", "resolve connect starttls", "starttls_not_offered"},
		{"with a certificate that it cannot read", "smtp://localhost:{:broken}", "", "resolve connect starttls", "starttls_refused"},
		{"STARTTLS where TLS starts at once", "smtp://localhost:{:smtps}", "impatient", "resolve connect starttls", "timeout"},
		{"TLS at once where STARTTLS is due", "smtps://localhost:{:smtp}", "", "resolve connect server_hello", "not_tls"},
	})
}

func TestDovecot(t *testing.T) {
	s := newSite(t, "dovecot", "root", "dovecot", "/usr/lib/dovecot/imap", "/usr/lib/dovecot/pop3", "/usr/lib/dovecot/lmtp", "/usr/lib/dovecot/managesieve")
	for file, settings := range map[string]string{
		"tls": `
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
service imap-login {
  inet_listener imaps {
    port = {:imaps}
  }
}
service pop3-login {
  inet_listener pop3s {
    port = {:pop3s}
  }
}`,
		"plain": "ssl = no",
	} {
		s.write(file+".conf", settings+`
base_dir = {dir}/`+file+`
log_path = /dev/stderr
listen = 127.0.0.1
protocols = imap pop3 lmtp sieve
passdb {
  driver = static
  args = nopassword=y
}
service imap-login {
  inet_listener imap {
    port = {:`+file+`-imap}
  }
}
service pop3-login {
  inet_listener pop3 {
    port = {:`+file+`-pop3}
  }
}
service managesieve-login {
  inet_listener sieve {
    port = {:`+file+`-sieve}
  }
}
service lmtp {
  inet_listener lmtp {
    port = {:`+file+`-lmtp}
  }
}
`)
		s.run("dovecot", "-F", "-c", "{dir}/"+file+".conf")
	}
	s.see("", []row{
		{"IMAP with STARTTLS", "imap://localhost:{:tls-imap}", "", upgraded, "TLS 1.3"},
		{"POP3 with STLS", "pop3://localhost:{:tls-pop3}", "", upgraded, "TLS 1.3"},
		{"ManageSieve with STARTTLS", "sieve://localhost:{:tls-sieve}", "", upgraded, "TLS 1.3"},
		{"LMTP with STARTTLS", "lmtp://localhost:{:tls-lmtp}", "", upgraded, "TLS 1.3"},
		{"IMAP over TLS", "imaps://localhost:{:imaps}", "", direct, "TLS 1.3"},
		{"POP3 over TLS", "pop3s://localhost:{:pop3s}", "", direct, "TLS 1.3"},
		{"IMAP without TLS", "imap://localhost:{:plain-imap}", "", "resolve connect starttls", "starttls_not_offered"},
		{"POP3 without TLS", "pop3://localhost:{:plain-pop3}", "", "resolve connect starttls", "starttls_not_offered"},
		{"ManageSieve without TLS", "sieve://localhost:{:plain-sieve}", "", "resolve connect starttls", "starttls_not_offered"},
		{"LMTP without TLS", "lmtp://localhost:{:plain-lmtp}", "", "resolve connect starttls", "starttls_not_offered"},
		{"TLS to IMAP", "imaps://localhost:{:plain-imap}", "", "resolve connect server_hello", "not_tls"},
		{"TLS to POP3", "pop3s://localhost:{:plain-pop3}", "", "resolve connect server_hello", "not_tls"},
		{"another protocol", "imap://localhost:{:tls-pop3}", "", "resolve connect starttls", "starttls_protocol"},
	})
}
