//go:build e2e && linux

package e2e

import "testing"

func TestXrdp(t *testing.T) {
	s := newSite(t, "xrdp", "root", "xrdp")
	for name, layer := range map[string]string{"tls": "negotiate", "plain": "rdp"} {
		s.write(name+".ini", `
[Globals]
ini_version=1
fork=true
port=tcp://127.0.0.1:{:`+name+`}
security_layer=`+layer+`
certificate={cert}
key_file={key}
ssl_protocols=TLSv1.2, TLSv1.3
[Logging]
LogFile={dir}/`+name+`.log
LogLevel=INFO
EnableSyslog=false
[Xorg]
name=Xorg
lib=libxup.so
`)
		s.run("xrdp", "--nodaemon", "--config", "{dir}/"+name+".ini")
	}
	s.see("", []row{
		{"TLS", "rdp://localhost:{:tls}", "", upgraded, "TLS 1.3"},
		{"without TLS", "rdp://localhost:{:plain}", "", "resolve connect starttls", "starttls_not_offered"},
	})
}
