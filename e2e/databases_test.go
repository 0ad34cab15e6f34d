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
		{"TLS at once, which came with 17", "tls://localhost:{:tls}", "", "resolve connect server_hello", "closed"},
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
