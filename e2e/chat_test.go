//go:build e2e && linux

package e2e

import "testing"

func TestProsody(t *testing.T) {
	s := newSite(t, "prosody", "prosody", "prosody")
	for name, settings := range map[string]string{
		"tls": `
modules_enabled = { "tls"; "saslauth"; "dialback" }
ssl = { certificate = "{cert}"; key = "{key}" }
c2s_direct_tls_ports = { {:direct} }
`,
		"plain": `
modules_enabled = { "saslauth"; "dialback" }
modules_disabled = { "tls" }
c2s_require_encryption = false
s2s_require_encryption = false
`,
	} {
		s.folder(name)
		s.write(name+".cfg.lua", settings+`
interfaces = { "127.0.0.1" }
c2s_ports = { {:`+name+`-clients} }
s2s_ports = { {:`+name+`-servers} }
data_path = "{dir}/`+name+`"
pidfile = "{dir}/`+name+`/pid"
log = { { levels = { min = "info" }; to = "console" } }
VirtualHost "localhost"
`)
		s.run("prosody", "-F", "--config", "{dir}/"+name+".cfg.lua")
	}
	s.see("", []row{
		{"clients with STARTTLS", "xmpp-client://localhost:{:tls-clients}", "", upgraded, "TLS 1.3"},
		{"servers with STARTTLS", "xmpp-server://localhost:{:tls-servers}", "", upgraded, "TLS 1.3"},
		{"clients with TLS at once", "xmpps-client://localhost:{:direct}", "", direct, "TLS 1.3"},
		{"clients without TLS", "xmpp-client://localhost:{:plain-clients}", "", "resolve connect starttls", "starttls_not_offered"},
		{"servers without TLS", "xmpp-server://localhost:{:plain-servers}", "", "resolve connect starttls", "starttls_not_offered"},
		{"a host that is not there", "xmpp-client://127.0.0.1:{:tls-clients}", "", "connect starttls", "starttls_refused"},
		{"TLS at once where STARTTLS is due", "xmpps-client://localhost:{:tls-clients}", "", "resolve connect server_hello", "not_tls"},
	})
}

func TestInspIRCd(t *testing.T) {
	s := newSite(t, "inspircd", "irc", "inspircd")
	for name, settings := range map[string]string{
		"tls": `
<module name="cap">
<module name="ssl_gnutls">
<module name="starttls">
<sslprofile name="own" provider="gnutls" certfile="{cert}" keyfile="{key}">
<bind address="127.0.0.1" port="{:ircs}" type="clients" sslprofile="own">
<bind address="127.0.0.1" port="{:irc}" type="clients">
`,
		"uncapable": `
<module name="ssl_gnutls">
<module name="starttls">
<sslprofile name="own" provider="gnutls" certfile="{cert}" keyfile="{key}">
<bind address="127.0.0.1" port="{:uncapable}" type="clients">
`,
		"plain": `
<module name="cap">
<bind address="127.0.0.1" port="{:plain}" type="clients">
`,
	} {
		s.folder(name)
		s.write(name+".conf", `
<server name="irc.example.org" description="lab" network="lab">
<admin name="nobody" nick="nobody" email="nobody@example.org">
<connect allow="*">
<pid file="{dir}/`+name+`/pid">
<path configdir="{dir}/`+name+`" datadir="{dir}/`+name+`" logdir="{dir}/`+name+`" runtimedir="{dir}/`+name+`">
`+settings)
		s.run("inspircd", "--nofork", "--nolog", "--config={dir}/"+name+".conf")
	}
	s.see("", []row{
		{"STARTTLS", "irc://localhost:{:irc}", "", upgraded, "TLS 1.3"},
		{"STARTTLS without CAP", "irc://localhost:{:uncapable}", "", upgraded, "TLS 1.3"},
		{"TLS at once", "ircs://localhost:{:ircs}", "", direct, "TLS 1.3"},
		{"without TLS", "irc://localhost:{:plain}", "", "resolve connect starttls", "starttls_not_offered"},
		{"TLS at once where STARTTLS is due", "ircs://localhost:{:plain}", "", "resolve connect server_hello", "not_tls"},
	})
}

func TestMosquitto(t *testing.T) {
	s := newSite(t, "mosquitto", "mosquitto", "mosquitto")
	s.write("mosquitto.conf", `
per_listener_settings true
listener {:mqtts} 127.0.0.1
certfile {cert}
keyfile {key}
listener {:plain} 127.0.0.1
`)
	s.run("mosquitto", "-c", "{dir}/mosquitto.conf")
	s.see("", []row{
		{"TLS", "mqtts://localhost:{:mqtts}", "", direct, "TLS 1.3"},
		{"without TLS", "mqtts://localhost:{:plain}", "", "resolve connect server_hello", "reset"},
	})
}

// Erlang's port mapper is started here, or RabbitMQ would leave one behind.
func TestRabbitMQ(t *testing.T) {
	s := newSite(t, "rabbitmq", "rabbitmq", "/usr/lib/rabbitmq/bin/rabbitmq-server", "epmd")
	s.write("rabbitmq.conf", `
listeners.tcp.1 = 127.0.0.1:{:plain}
listeners.ssl.1 = 127.0.0.1:{:amqps}
ssl_options.certfile = {cert}
ssl_options.keyfile = {key}
log.console = true
`)
	s.write("plugins", "[].")
	s.run("epmd", "-address", "127.0.0.1", "-port", "{:epmd}")
	s.run("env", "HOME={dir}", "ERL_EPMD_PORT={:epmd}", "RABBITMQ_NODENAME=e2e@localhost", "RABBITMQ_DIST_PORT={:dist}",
		"RABBITMQ_CONFIG_FILE={dir}/rabbitmq.conf", "RABBITMQ_ENABLED_PLUGINS_FILE={dir}/plugins",
		"RABBITMQ_MNESIA_BASE={dir}/mnesia", "RABBITMQ_LOGS=-", "RABBITMQ_PID_FILE={dir}/pid",
		"/usr/lib/rabbitmq/bin/rabbitmq-server")
	s.see("", []row{
		{"TLS", "amqps://localhost:{:amqps}", "", direct, "TLS 1.3"},
		{"without TLS", "amqps://localhost:{:plain}", "", "resolve connect server_hello", "not_tls"},
	})
}
