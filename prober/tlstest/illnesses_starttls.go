package tlstest

import (
	"crypto/tls"
	"fmt"
	"slices"
)

// illnessesBeforeTLS are the protocols that the lab speaks before TLS: each
// healthy, and then with what their dialogues suffer from. The first has it all.
func illnessesBeforeTLS() []Illness {
	var all []Illness
	for _, p := range []struct {
		scheme, name string
		ills         []Reluctance
	}{
		{"smtp", "SMTP", []Reluctance{NotOffering, Refusing, Injecting, Stalling}},
		{"submission", "SMTP", []Reluctance{Refusing}},
		{"imap", "IMAP", []Reluctance{NotOffering, Injecting}},
		{"pop3", "POP3", []Reluctance{NotOffering}},
		{"ftp", "FTP", []Reluctance{NotOffering}},
		{"ldap", "LDAP", []Reluctance{NotOffering, Refusing}},
		{"postgres", "PostgreSQL", []Reluctance{NotOffering, Injecting}},
		{"mysql", "MySQL", []Reluctance{NotOffering, Refusing}},
		{"nntp", "NNTP", []Reluctance{Refusing}},
		{"sieve", "ManageSieve", []Reluctance{NotOffering}},
		{"lmtp", "LMTP", []Reluctance{NotOffering}},
		{"xmpp-client", "XMPP", []Reluctance{NotOffering, Injecting}},
		{"xmpp-server", "XMPP", []Reluctance{Refusing}},
		{"irc", "IRC", []Reluctance{NotOffering}},
		{"rdp", "RDP", []Reluctance{NotOffering, Refusing}},
		{"mssql", "TDS", []Reluctance{NotOffering}},
	} {
		all = append(all, Illness{
			Name: p.scheme, Scheme: p.scheme,
			Says: fmt.Sprintf("Nothing is wrong: the server speaks %s, and TLS after that.", p.name),
			Make: is(Server{StartTLS: p.scheme}),
		})
		for _, ill := range p.ills {
			all = append(all, Illness{
				Name: p.scheme + "-" + reluctances[ill].name, Scheme: p.scheme,
				Says: fmt.Sprintf(reluctances[ill].says, p.name),
				Make: is(Server{StartTLS: p.scheme, Reluctance: ill}),
			})
		}
	}
	return append(all,
		Illness{Name: "postgress", Scheme: "postgress",
			Says: "Nothing is wrong: the server speaks TLS at once, with clients that ask for PostgreSQL by ALPN.",
			Make: is(Server{Config: insistingOn("postgresql")})},
		Illness{Name: "mssqls", Scheme: "mssqls",
			Says: "Nothing is wrong: the server speaks TLS at once, with clients that ask for TDS 8 by ALPN.",
			Make: is(Server{Config: insistingOn("tds/8.0")})},
	)
}

// reluctances are the words for them.
var reluctances = map[Reluctance]struct{ name, says string }{
	NotOffering: {"not-offered", "The server speaks %s, and does not offer TLS."},
	Refusing:    {"refused", "The server speaks %s, and refuses to start TLS."},
	Injecting:   {"injected", "The server speaks %s, and plaintext comes right after its go-ahead, as from somebody on the way."},
	Stalling:    {"stalled", "The server speaks %s, and never answers the request to start TLS."},
}

// insistingOn turns away whoever does not offer the protocol.
func insistingOn(protocol string) func(*tls.Config) {
	return func(c *tls.Config) {
		c.NextProtos = []string{protocol}
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if !slices.Contains(hello.SupportedProtos, protocol) {
				return nil, fmt.Errorf("the client does not ask for %s", protocol)
			}
			return nil, nil
		}
	}
}
