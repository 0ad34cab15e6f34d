//go:build e2e && linux

package e2e

import "testing"

// announced are modules that begin with a PROXY protocol header.
const announced = `
  v1: {ca_file: "{ca}", proxy_protocol: v1}
  v2: {ca_file: "{ca}", proxy_protocol: v2}
`

func TestNginx(t *testing.T) {
	s := newSite(t, "nginx", "root", "nginx")
	s.write("nginx.conf", `
daemon off;
pid {dir}/nginx.pid;
error_log stderr info;
events {}
http {
  access_log off;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate {cert};
  ssl_certificate_key {key};
  server { listen 127.0.0.1:{:h2} ssl http2; }
  server { listen 127.0.0.1:{:old} ssl; ssl_protocols TLSv1.2; }
  server { listen 127.0.0.1:{:announced} ssl http2 proxy_protocol; }
  server { listen unix:{dir}/tls.sock ssl http2; }
  server { listen 127.0.0.1:{:plain}; }
}
`)
	s.run("nginx", "-c", "{dir}/nginx.conf", "-e", "stderr")
	s.see(announced, []row{
		{"HTTP/2", "https://localhost:{:h2}", "", direct, "TLS 1.3 h2"},
		{"TLS 1.2", "https://localhost:{:old}", "", direct, "TLS 1.2 http/1.1"},
		{"PROXY protocol v1", "https://localhost:{:announced}", "v1", direct, "TLS 1.3 h2"},
		{"PROXY protocol v2", "https://localhost:{:announced}", "v2", direct, "TLS 1.3 h2"},
		{"without its PROXY protocol", "https://localhost:{:announced}", "", "resolve connect server_hello", "reset"},
		{"a Unix socket", "unix://{dir}/tls.sock", "", "connect server_hello key_exchange verify", "TLS 1.3"},
		{"without TLS", "https://localhost:{:plain}", "", "resolve connect server_hello", "not_tls"},
	})
}

func TestHAProxy(t *testing.T) {
	s := newSite(t, "haproxy", "root", "haproxy")
	s.write("both.pem", "")
	s.do("sh", "-c", "cat {cert} {key} >{dir}/both.pem")
	s.write("haproxy.cfg", `
defaults
  mode http
  timeout client 5s
  timeout connect 5s
  timeout server 5s
frontend tls
  bind 127.0.0.1:{:tls} ssl crt {dir}/both.pem alpn h2,http/1.1
  bind 127.0.0.1:{:announced} accept-proxy ssl crt {dir}/both.pem alpn h2,http/1.1
  bind unix@{dir}/tls.sock ssl crt {dir}/both.pem
  bind unix@{dir}/announced.sock accept-proxy ssl crt {dir}/both.pem
frontend plain
  bind 127.0.0.1:{:plain}
`)
	s.run("haproxy", "-db", "-f", "{dir}/haproxy.cfg")
	s.see(announced, []row{
		{"TLS", "https://localhost:{:tls}", "", direct, "TLS 1.3 h2"},
		{"PROXY protocol v1", "https://localhost:{:announced}", "v1", direct, "TLS 1.3 h2"},
		{"PROXY protocol v2", "https://localhost:{:announced}", "v2", direct, "TLS 1.3 h2"},
		{"without its PROXY protocol", "https://localhost:{:announced}", "", "resolve connect server_hello", "reset"},
		{"a PROXY protocol that is not wanted", "https://localhost:{:tls}", "v2", "resolve connect server_hello", "closed"},
		{"a Unix socket", "unix://{dir}/tls.sock", "", "connect server_hello key_exchange verify", "TLS 1.3"},
		{"a Unix socket with PROXY protocol", "unix://{dir}/announced.sock", "v2", "connect server_hello key_exchange verify", "TLS 1.3"},
		{"without TLS", "https://localhost:{:plain}", "", "resolve connect server_hello", "not_tls"},
	})
}
