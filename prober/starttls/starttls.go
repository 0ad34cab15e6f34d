// Package starttls holds the dialogues that start TLS on a connection that begins in
// plaintext. Each protocol is one function.
package starttls

import (
	"cmp"
	"net"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
)

// dialogue leads a conversation to the point where TLS starts. Each is one function
// with one row in dialogues. The rules are:
//
//   - When it returns nil, the server waits for a ClientHello. All bytes that have
//     arrived by then belong to the dialogue, so reads may be buffered.
//   - All reads go through c, which bounds them: in bytes by maxDialogue and maxMessage,
//     in time by the deadline of the connection.
//   - Its errors are notOffered, refused, protocolError, or errors of c.
//   - c.quit is the command that ends the session where the server does not start TLS.
type dialogue func(c *conversation) error

// dialogues has a row for every scheme that starts in plaintext, with the specification
// of its dialogue.
var dialogues = map[target.Scheme]struct {
	dialogue dialogue
	spec     string
}{
	"smtp":        {smtp, "RFC 3207"},
	"submission":  {smtp, "RFC 3207"},
	"imap":        {imap, "RFC 9051"},
	"pop3":        {pop3, "RFC 2595"},
	"ftp":         {ftp, "RFC 4217"},
	"ldap":        {ldap, "RFC 4511"},
	"postgres":    {postgres, "PostgreSQL, SSLRequest"},
	"mysql":       {mysql, "MySQL and MariaDB, SSLRequest"},
	"nntp":        {nntp, "RFC 4642"},
	"sieve":       {sieve, "RFC 5804"},
	"lmtp":        {lmtp, "RFC 2033"},
	"xmpp-client": {xmppClient, "RFC 6120"},
	"xmpp-server": {xmppServer, "RFC 6120"},
	"irc":         {irc, "IRCv3 tls"},
	"rdp":         {rdp, "MS-RDPBCGR"},
	"mssql":       {mssql, "MS-TDS"},
}

// Bounds on what a server sends before TLS, in bytes. Greetings with terms of use take
// a few kilobytes, lists of capabilities about one.
const (
	maxDialogue = 32 << 10
	maxMessage  = 4 << 10 // of one line, or one message of a binary protocol
)

// reservedName is the client's name where the module sets none. The host's own name
// would tell servers about the exporter's network, and servers often reject it: RFC
// 5321 section 4.1.1.1 requires a fully qualified name. RFC 6761 section 6.4 reserves
// .invalid, and the rest says in a server's log where the connection came from.
const reservedName = "tls-exporter.invalid"

// Start holds the dialogue of the target's scheme over conn. ClientName is the name
// that the client gives itself, where the protocol has one; empty: a reserved name.
// Start returns the connection over which TLS runs, and has read no byte that belongs
// to TLS. It does not close conn. Its errors carry their reason (package failure).
func Start(conn net.Conn, t *target.Target, clientName string) (net.Conn, error) {
	c := newConversation(conn)
	c.clientName, c.serverName = cmp.Or(clientName, reservedName), t.Name()
	err := dialogues[t.Scheme].dialogue(c)
	if err == nil {
		err = c.rejectInjection()
	}
	if err != nil {
		c.sendQuit(err)
		return nil, c.explainAlert(err)
	}
	return c.transport, nil
}

// notOffered is for servers that speak the protocol and have no TLS.
func notOffered(format string, args ...any) error {
	return failure.New(failure.ReasonStartTLSNotOffered, format, args...)
}

// refused is for servers that do not start TLS, or do not serve the client at all.
func refused(format string, args ...any) error {
	return failure.New(failure.ReasonStartTLSRefused, format, args...)
}

// protocolError is for bytes that the protocol does not have, or not at this point.
func protocolError(format string, args ...any) error {
	return failure.New(failure.ReasonStartTLSProtocol, format, args...)
}
