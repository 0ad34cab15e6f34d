//go:build e2e && linux

package e2e

import (
	"path/filepath"
	"testing"
)

func TestPostgres(t *testing.T) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if found == nil {
		found = []string{"postgres"}
	}
	s := newSite(t, "postgres", "postgres", found[len(found)-1])
	initdb := filepath.Join(filepath.Dir(found[len(found)-1]), "initdb")
	for name, settings := range map[string]string{
		"tls":   "ssl = on\nssl_cert_file = '{cert}'\nssl_key_file = '{key}'",
		"plain": "ssl = off",
	} {
		s.do(initdb, "--no-sync", "--pgdata={dir}/"+name)
		s.write(name+"/postgresql.conf", settings+`
listen_addresses = '127.0.0.1'
port = {:`+name+`}
unix_socket_directories = ''
`)
		s.run(found[len(found)-1], "-D", "{dir}/"+name)
	}
	s.see("", []row{
		{"SSLRequest", "postgres://localhost:{:tls}", "", upgraded, "TLS 1.3"},
		{"without TLS", "postgres://localhost:{:plain}", "", "resolve connect starttls", "starttls_not_offered"},
		{"TLS at once, which came with 17", "tls://localhost:{:tls}", "", "resolve connect server_hello", "closed"},
	})
}

func TestMariaDB(t *testing.T) {
	s := newSite(t, "mariadb", "nobody", "mariadbd")
	for name, settings := range map[string]string{
		"tls":   "ssl_cert = {cert}\nssl_key = {key}",
		"plain": "skip_ssl",
	} {
		s.folder(name)
		s.write(name+".cnf", `
[mariadbd]
`+settings+`
bind_address = 127.0.0.1
port = {:`+name+`}
socket = {dir}/`+name+`.sock
datadir = {dir}/`+name+`
pid_file = {dir}/`+name+`.pid
skip_grant_tables
skip_networking = 0
default_storage_engine = Aria
innodb = OFF
`)
		s.run("mariadbd", "--defaults-file={dir}/"+name+".cnf")
	}
	s.see("", []row{
		{"SSLRequest", "mysql://localhost:{:tls}", "", upgraded, "TLS 1.3"},
		{"without TLS", "mysql://localhost:{:plain}", "", "resolve connect starttls", "starttls_not_offered"},
	})
}

func TestRedis(t *testing.T) {
	s := newSite(t, "redis", "redis", "redis-server")
	s.run("redis-server", "--bind", "127.0.0.1", "--port", "{:plain}", "--tls-port", "{:tls}", "--save", "",
		"--tls-cert-file", "{cert}", "--tls-key-file", "{key}", "--tls-ca-cert-file", "{ca}", "--tls-auth-clients", "no")
	s.see("", []row{
		{"TLS", "rediss://localhost:{:tls}", "", direct, "TLS 1.3"},
		{"without TLS", "rediss://localhost:{:plain}", "impatient", "resolve connect server_hello", "timeout"}, // it waits for the end of a line
	})
}
