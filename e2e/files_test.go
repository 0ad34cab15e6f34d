//go:build e2e && linux

package e2e

import "testing"

func TestVsftpd(t *testing.T) {
	s := newSite(t, "vsftpd", "root", "vsftpd")
	s.folder("empty")
	const usual = `
background=NO
listen=YES
listen_address=127.0.0.1
secure_chroot_dir={dir}/empty
rsa_cert_file={cert}
rsa_private_key_file={key}
ssl_ciphers=HIGH
listen_port=`
	for port, settings := range map[string]string{
		"{:ftp}":   "ssl_enable=YES",
		"{:ftps}":  "ssl_enable=YES\nimplicit_ssl=YES",
		"{:plain}": "ssl_enable=NO",
	} {
		s.run("vsftpd", s.write(s.fill(port)+".conf", usual+port+"\n"+settings+"\n"))
	}
	s.see("", []row{
		{"AUTH TLS", "ftp://localhost:{:ftp}", "", upgraded, "TLS 1.3"},
		{"TLS at once", "ftps://localhost:{:ftps}", "", direct, "TLS 1.3"},
		{"without TLS", "ftp://localhost:{:plain}", "", "resolve connect starttls", "starttls_not_offered"},
		{"TLS at once where AUTH TLS is due", "ftps://localhost:{:ftp}", "", "resolve connect server_hello", "not_tls"},
	})
}
