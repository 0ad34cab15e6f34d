package tlstest

import (
	"crypto/tls"
	"fmt"
	"slices"
)

// startTLSScenarios are the protocols with a cleartext dialogue before TLS: each
// without faults, and then with some. smtp has every fault.
func startTLSScenarios() []Scenario {
	var all []Scenario
	for _, p := range []struct {
		scheme, name string
		faults       []StartTLSFault
	}{
		{"smtp", "SMTP", []StartTLSFault{StartTLSNotOffered, StartTLSRefused, StartTLSInjected, StartTLSStalled}},
		{"submission", "SMTP", []StartTLSFault{StartTLSRefused}},
		{"imap", "IMAP", []StartTLSFault{StartTLSNotOffered, StartTLSInjected}},
		{"pop3", "POP3", []StartTLSFault{StartTLSNotOffered}},
		{"ftp", "FTP", []StartTLSFault{StartTLSNotOffered}},
		{"ldap", "LDAP", []StartTLSFault{StartTLSNotOffered, StartTLSRefused}},
		{"postgres", "PostgreSQL", []StartTLSFault{StartTLSNotOffered, StartTLSInjected}},
		{"mysql", "MySQL", []StartTLSFault{StartTLSNotOffered, StartTLSRefused}},
		{"nntp", "NNTP", []StartTLSFault{StartTLSRefused}},
		{"sieve", "ManageSieve", []StartTLSFault{StartTLSNotOffered}},
		{"lmtp", "LMTP", []StartTLSFault{StartTLSNotOffered}},
		{"xmpp-client", "XMPP", []StartTLSFault{StartTLSNotOffered, StartTLSInjected}},
		{"xmpp-server", "XMPP", []StartTLSFault{StartTLSRefused}},
		{"irc", "IRC", []StartTLSFault{StartTLSNotOffered}},
		{"rdp", "RDP", []StartTLSFault{StartTLSNotOffered, StartTLSRefused}},
		{"mssql", "TDS", []StartTLSFault{StartTLSNotOffered}},
	} {
		all = append(all, Scenario{
			Name: p.scheme, Scheme: p.scheme,
			Description: fmt.Sprintf("No fault: the server speaks %s and then TLS.", p.name),
			Make:        static(Server{StartTLS: p.scheme}),
		})
		for _, fault := range p.faults {
			all = append(all, Scenario{
				Name: p.scheme + "-" + startTLSFaults[fault].name, Scheme: p.scheme,
				Description: fmt.Sprintf(startTLSFaults[fault].description, p.name),
				Make:        static(Server{StartTLS: p.scheme, StartTLSFault: fault}),
			})
		}
	}
	return append(all,
		Scenario{Name: "postgress", Scheme: "postgress",
			Description: "No fault: the server speaks TLS at once with clients that offer PostgreSQL by ALPN.",
			Make:        static(Server{Config: requireALPN("postgresql")})},
		Scenario{Name: "mssqls", Scheme: "mssqls",
			Description: "No fault: the server speaks TLS at once with clients that offer TDS 8 by ALPN.",
			Make:        static(Server{Config: requireALPN("tds/8.0")})},
	)
}

// startTLSFaults are the names and descriptions of the faults.
var startTLSFaults = map[StartTLSFault]struct{ name, description string }{
	StartTLSNotOffered: {"not-offered", "The server speaks %s and does not offer TLS."},
	StartTLSRefused:    {"refused", "The server speaks %s and refuses to start TLS."},
	StartTLSInjected:   {"injected", "The server speaks %s and sends plaintext right after its positive reply, as an attacker would."},
	StartTLSStalled:    {"stalled", "The server speaks %s and does not answer the request to start TLS."},
}

// requireALPN rejects clients that do not offer the protocol.
func requireALPN(protocol string) func(*tls.Config) {
	return func(c *tls.Config) {
		c.NextProtos = []string{protocol}
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if !slices.Contains(hello.SupportedProtos, protocol) {
				return nil, fmt.Errorf("the client does not offer %s", protocol)
			}
			return nil, nil
		}
	}
}
