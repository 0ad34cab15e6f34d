//go:build e2e && linux

package e2e

import "testing"

// INN is two servers: innd, which talks to its peers and knows no TLS, and
// nnrpd, which talks to readers and always offers it.
func TestINN(t *testing.T) {
	const bin = "/usr/lib/news/bin/"
	s := newSite(t, "inn", "news", bin+"innd", bin+"nnrpd", bin+"makedbz")
	for _, folder := range []string{"articles", "overview", "incoming", "outgoing", "innfeed"} {
		s.folder(folder)
	}
	const settings = `
domain: example.org
pathhost: news.example.org
mta: /bin/true
hismethod: hisv6
ovmethod: tradindexed
bindaddress: 127.0.0.1
port: {:innd}
pathnews: /usr/lib/news
pathdb: {dir}
pathetc: {dir}
pathrun: {dir}
pathlog: {dir}
pathhttp: {dir}
pathspool: {dir}
tlscertfile: {cert}
nnrpdloadlimit: 0
`
	for file, content := range map[string]string{
		"inn.conf":             settings + "tlskeyfile: {key}\n",
		"broken.conf":          settings + "tlskeyfile: {dir}/none.pem\n",
		"storage.conf":         "method timehash { newsgroups: * class: 0 }\n",
		"expire.ctl":           "*:A:1:1:1\n",
		"newsfeeds":            "ME:*::\n",
		"incoming.conf":        `peer ME { hostname: "127.0.0.1" }`,
		"readers.conf":         `auth all { hosts: "*" default: "<all>" } access all { users: "<all>" newsgroups: "*" }`,
		"active":               "control 0 1 n\ncontrol.cancel 0 1 n\njunk 0 1 n\n",
		"active.times":         "",
		"newsgroups":           "",
		"history":              "",
		"overview/group.index": "",
	} {
		s.write(file, content)
	}
	s.do("env", "INNCONF={dir}/inn.conf", bin+"makedbz", "-i", "-o", "-s", "1000")
	s.run("env", "INNCONF={dir}/inn.conf", bin+"innd", "-d", "-t", "1", "-P", "{:innd}")
	s.run("env", "INNCONF={dir}/inn.conf", bin+"nnrpd", "-D", "-f", "-4", "127.0.0.1", "-p", "{:nntp}")
	s.run("env", "INNCONF={dir}/inn.conf", bin+"nnrpd", "-D", "-f", "-4", "127.0.0.1", "-p", "{:nntps}", "-S")
	s.run("env", "INNCONF={dir}/broken.conf", bin+"nnrpd", "-D", "-f", "-4", "127.0.0.1", "-p", "{:broken}")
	s.see("", []row{
		{"STARTTLS", "nntp://localhost:{:nntp}", "", upgraded, "TLS 1.3"},
		{"TLS at once", "nntps://localhost:{:nntps}", "", direct, "TLS 1.3"},
		{"without TLS", "nntp://localhost:{:innd}", "", "resolve connect starttls", "starttls_not_offered"},
		{"without a key", "nntp://localhost:{:broken}", "", "resolve connect starttls", "starttls_refused"},
		{"TLS at once where STARTTLS is due", "nntps://localhost:{:nntp}", "", "resolve connect server_hello", "not_tls"},
	})
}
