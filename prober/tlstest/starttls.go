package tlstest

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"tls_exporter/prober/tlstest/internal/wire"
)

// StartTLSFault is how the cleartext dialogue before TLS fails.
type StartTLSFault int

// The faults. The zero value is none.
const (
	NoStartTLSFault    StartTLSFault = iota
	StartTLSNotOffered               // does not support TLS
	StartTLSRefused                  // offers TLS and then refuses it
	StartTLSInjected                 // sends plaintext together with the positive reply (CVE-2011-0411)
	StartTLSStalled                  // does not answer the request to start TLS
)

// preface is the exchange before TLS. It returns the connection for TLS, or nil
// if TLS must not follow. A nil preface is empty.
type preface func(ctx context.Context, c net.Conn) net.Conn

func (p preface) then(serve handler) handler {
	if p == nil {
		return serve
	}
	return func(ctx context.Context, c net.Conn) {
		c.SetDeadline(time.Now().Add(wire.Timeout))
		if secured := p(ctx, c); secured != nil {
			serve(ctx, secured)
			return
		}
		wire.Finish(c)
	}
}

func (s Server) preface() (preface, error) {
	if s.Preface != nil || s.StartTLS == "" {
		return s.Preface, nil
	}
	speak := dialogues()[s.StartTLS]
	if speak == nil {
		return nil, fmt.Errorf("the lab has no dialogue for %q", s.StartTLS)
	}
	return func(ctx context.Context, c net.Conn) net.Conn {
		return speak(&dialogue{Conn: c, in: bufio.NewReader(c), fault: s.StartTLSFault})
	}, nil
}

// dialogues are the protocols that the lab supports, by URL scheme.
func dialogues() map[string]func(*dialogue) net.Conn {
	all := map[string]func(*dialogue) net.Conn{
		"xmpp-client": speakXMPP("jabber:client"),
		"xmpp-server": speakXMPP("jabber:server"),
		"ldap":        speakLDAP,
		"postgres":    speakPostgres,
		"mysql":       speakMySQL,
		"rdp":         speakRDP,
		"mssql":       speakTDS,
	}
	for name, p := range lineProtocols {
		all[name] = p.speak
	}
	return all
}

// dialogue is the server side of a dialogue. It is also the connection for TLS,
// because a client may send its ClientHello together with its last command.
type dialogue struct {
	net.Conn
	in    *bufio.Reader
	fault StartTLSFault
}

func (d *dialogue) Read(b []byte) (int, error) { return d.in.Read(b) }

// CloseWrite closes the sending side, if the connection can do so.
func (d *dialogue) CloseWrite() error {
	wire.CloseWrite(d.Conn)
	return nil
}

func (d *dialogue) send(s string) { io.WriteString(d.Conn, s) }

// injection is the plaintext that an attacker puts after the positive reply. A
// vulnerable client reads it as if it came over TLS.
const injection = "250 Give your password to me\r\n"

// start answers the request to start TLS, and reports whether TLS follows.
func (d *dialogue) start(ready, refusal string) bool {
	switch d.fault {
	case StartTLSStalled:
		io.Copy(io.Discard, d)
		return false
	case StartTLSNotOffered, StartTLSRefused:
		d.send(refusal)
		return false
	case StartTLSInjected:
		d.send(ready + injection)
	default:
		d.send(ready)
	}
	return true
}

// lineProtocol is a protocol of lines: the client's commands and the server's
// answers. In the greeting and in the capabilities, {offer} stands for the line
// or word that offers TLS, and {tag} for the tag of IMAP.
type lineProtocol struct {
	greeting              string
	ask, capabilities     string
	offer                 string
	start, ready, refusal string
	quit, quitReply       string
	unknown               string
	tagged                bool // a tag precedes each command
}

var (
	smtp = lineProtocol{
		greeting: "220 localhost ESMTP\r\n",
		ask:      "EHLO", capabilities: "250-localhost\r\n250-PIPELINING\r\n{offer}250 8BITMIME\r\n",
		offer: "250-STARTTLS\r\n",
		start: "STARTTLS", ready: "220 Go ahead\r\n", refusal: "454 TLS is not available just now\r\n",
		quit: "QUIT", quitReply: "221 Goodbye\r\n",
		unknown: "502 I do not know that\r\n",
	}
	lmtp = func() lineProtocol { p := smtp; p.greeting, p.ask = "220 localhost LMTP\r\n", "LHLO"; return p }()
)

// lineProtocols are the line protocols that the lab supports, by URL scheme.
var lineProtocols = map[string]lineProtocol{
	"smtp":       smtp,
	"submission": smtp,
	"lmtp":       lmtp,
	"imap": {
		greeting: "* OK IMAP4rev2 here\r\n",
		ask:      "CAPABILITY", capabilities: "* CAPABILITY IMAP4rev2 {offer}LOGINDISABLED\r\n{tag} OK That is all\r\n",
		offer: "STARTTLS ",
		start: "STARTTLS", ready: "{tag} OK Go ahead\r\n", refusal: "{tag} NO TLS is not available just now\r\n",
		quit: "LOGOUT", quitReply: "* BYE Goodbye\r\n{tag} OK\r\n",
		unknown: "{tag} BAD I do not know that\r\n", tagged: true,
	},
	"pop3": {
		greeting: "+OK POP3 here\r\n",
		ask:      "CAPA", capabilities: "+OK They are\r\nTOP\r\n{offer}UIDL\r\n.\r\n",
		offer: "STLS\r\n",
		start: "STLS", ready: "+OK Go ahead\r\n", refusal: "-ERR TLS is not available just now\r\n",
		quit: "QUIT", quitReply: "+OK Goodbye\r\n",
		unknown: "-ERR I do not know that\r\n",
	},
	"ftp": {
		greeting: "220-Welcome to the lab\r\nIts files are at your service.\r\n220 \r\n",
		start:    "AUTH", ready: "234 Go ahead\r\n", refusal: "431 TLS is not available just now\r\n",
		quit: "QUIT", quitReply: "221 Goodbye\r\n",
		unknown: "502 I do not know that\r\n",
	},
	"nntp": {
		greeting: "201 NNTP here\r\n",
		ask:      "CAPABILITIES", capabilities: "101 They are\r\nVERSION 2\r\n{offer}READER\r\n.\r\n",
		offer: "STARTTLS\r\n",
		start: "STARTTLS", ready: "382 Go ahead\r\n", refusal: "580 TLS is not available just now\r\n",
		quit: "QUIT", quitReply: "205 Goodbye\r\n",
		unknown: "500 I do not know that\r\n",
	},
	"sieve": {
		greeting: "\"IMPLEMENTATION\" \"Lab\"\r\n{offer}\"SIEVE\" {8}\r\nfileinto\r\nOK\r\n",
		offer:    "\"STARTTLS\"\r\n",
		start:    "STARTTLS", ready: "OK \"Go ahead\"\r\n", refusal: "NO \"TLS is not available just now\"\r\n",
		quit: "LOGOUT", quitReply: "OK \"Goodbye\"\r\n",
		unknown: "NO \"I do not know that\"\r\n",
	},
	"irc": {
		greeting: "NOTICE AUTH :*** Looking up your host name\r\n",
		ask:      "CAP", capabilities: ":localhost CAP * LS * :multi-prefix\r\n:localhost CAP * LS :{offer}sasl\r\n",
		offer: "tls ",
		start: "STARTTLS", ready: ":localhost 670 * :Go ahead\r\n", refusal: ":localhost 691 * :TLS is not available just now\r\n",
		quit: "QUIT", quitReply: "ERROR :Goodbye\r\n",
		unknown: ":localhost 421 * :I do not know that\r\n",
	},
}

// speak serves the dialogue until TLS starts or the client ends it.
func (p lineProtocol) speak(d *dialogue) net.Conn {
	if d.fault == StartTLSNotOffered {
		p.offer, p.refusal = "", p.unknown
	}
	d.send(strings.ReplaceAll(p.greeting, "{offer}", p.offer))
	for {
		tag, command, err := p.command(d)
		if err != nil {
			return nil
		}
		answer := strings.NewReplacer("{offer}", p.offer, "{tag}", tag).Replace
		switch command {
		case p.start:
			if d.start(answer(p.ready), answer(p.refusal)) {
				return d
			}
		case p.quit:
			d.send(answer(p.quitReply))
			return nil
		case cmp.Or(p.ask, "nothing"):
			d.send(answer(p.capabilities))
		default:
			d.send(answer(p.unknown))
		}
	}
}

// command reads the client's next command and the tag before it.
func (p lineProtocol) command(d *dialogue) (tag, command string, err error) {
	line, err := d.in.ReadSlice('\n')
	words := strings.Fields(strings.ToUpper(string(line)) + " ? ?")
	if p.tagged {
		return strings.ToLower(words[0]), words[1], err
	}
	return "", words[0], err
}
