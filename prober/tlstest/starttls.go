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
)

// Reluctance is how a server does not come to TLS, or not as it should.
type Reluctance int

// The ways. Willing is the zero value.
const (
	Willing     Reluctance = iota
	NotOffering            // knows nothing of TLS
	Refusing               // offers TLS, and then refuses it
	Injecting              // sends more plaintext in one breath with the go-ahead (CVE-2011-0411)
	Stalling               // never answers the request to start TLS
)

// preface is what is spoken before TLS; nil if nothing is. It returns the
// connection for TLS, or nil if it does not come to that.
type preface func(ctx context.Context, c net.Conn) net.Conn

func (p preface) then(talk conversation) conversation {
	if p == nil {
		return talk
	}
	return func(ctx context.Context, c net.Conn) {
		c.SetDeadline(time.Now().Add(patience))
		if secured := p(ctx, c); secured != nil {
			talk(ctx, secured)
			return
		}
		part(c)
	}
}

func (s Server) preface() (preface, error) {
	if s.Preface != nil || s.StartTLS == "" {
		return s.Preface, nil
	}
	hold := dialogues()[s.StartTLS]
	if hold == nil {
		return nil, fmt.Errorf("the lab does not speak %q", s.StartTLS)
	}
	return func(ctx context.Context, c net.Conn) net.Conn {
		return hold(&host{Conn: c, in: bufio.NewReader(c), mood: s.Reluctance})
	}, nil
}

// dialogues are the lab's little servers, by the scheme of their URLs.
func dialogues() map[string]func(*host) net.Conn {
	all := map[string]func(*host) net.Conn{
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

// host is the server's side of a dialogue. It is also the connection for TLS,
// since a client may send its ClientHello together with its last words.
type host struct {
	net.Conn
	in   *bufio.Reader
	mood Reluctance
}

func (h *host) Read(b []byte) (int, error) { return h.in.Read(b) }

// CloseWrite lets the host part.
func (h *host) CloseWrite() error {
	if half, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (h *host) say(words string) { io.WriteString(h.Conn, words) }

// injection is what somebody on the way puts after the server's go-ahead, for a
// client to take it for the server's once TLS is there.
const injection = "250 Give your password to me\r\n"

// start answers the request for TLS, and tells whether TLS may follow.
func (h *host) start(goAhead, refusal string) bool {
	switch h.mood {
	case Stalling:
		io.Copy(io.Discard, h)
		return false
	case NotOffering, Refusing:
		h.say(refusal)
		return false
	case Injecting:
		h.say(goAhead + injection)
	default:
		h.say(goAhead)
	}
	return true
}

// lineProtocol is a protocol of lines: what the client's side asks, and what
// this one answers. In the greeting and in the capabilities {offer} stands for
// the line or word that offers TLS, and {tag} for the tag of IMAP.
type lineProtocol struct {
	greeting              string
	ask, capabilities     string
	offer                 string
	start, ready, refusal string
	leave, goodbye        string
	unknown               string
	tagged                bool // every command has a tag before it
}

var (
	smtp = lineProtocol{
		greeting: "220 localhost ESMTP\r\n",
		ask:      "EHLO", capabilities: "250-localhost\r\n250-PIPELINING\r\n{offer}250 8BITMIME\r\n",
		offer: "250-STARTTLS\r\n",
		start: "STARTTLS", ready: "220 Go ahead\r\n", refusal: "454 TLS is not available just now\r\n",
		leave: "QUIT", goodbye: "221 Goodbye\r\n",
		unknown: "502 I do not know that\r\n",
	}
	lmtp = func() lineProtocol { p := smtp; p.greeting, p.ask = "220 localhost LMTP\r\n", "LHLO"; return p }()
)

// lineProtocols is the lab's knowledge of them, by the scheme of their URLs.
var lineProtocols = map[string]lineProtocol{
	"smtp":       smtp,
	"submission": smtp,
	"lmtp":       lmtp,
	"imap": {
		greeting: "* OK IMAP4rev2 here\r\n",
		ask:      "CAPABILITY", capabilities: "* CAPABILITY IMAP4rev2 {offer}LOGINDISABLED\r\n{tag} OK That is all\r\n",
		offer: "STARTTLS ",
		start: "STARTTLS", ready: "{tag} OK Go ahead\r\n", refusal: "{tag} NO TLS is not available just now\r\n",
		leave: "LOGOUT", goodbye: "* BYE Goodbye\r\n{tag} OK\r\n",
		unknown: "{tag} BAD I do not know that\r\n", tagged: true,
	},
	"pop3": {
		greeting: "+OK POP3 here\r\n",
		ask:      "CAPA", capabilities: "+OK They are\r\nTOP\r\n{offer}UIDL\r\n.\r\n",
		offer: "STLS\r\n",
		start: "STLS", ready: "+OK Go ahead\r\n", refusal: "-ERR TLS is not available just now\r\n",
		leave: "QUIT", goodbye: "+OK Goodbye\r\n",
		unknown: "-ERR I do not know that\r\n",
	},
	"ftp": {
		greeting: "220-Welcome to the lab\r\nIts files are at your service.\r\n220 \r\n",
		start:    "AUTH", ready: "234 Go ahead\r\n", refusal: "431 TLS is not available just now\r\n",
		leave: "QUIT", goodbye: "221 Goodbye\r\n",
		unknown: "502 I do not know that\r\n",
	},
	"nntp": {
		greeting: "201 NNTP here\r\n",
		ask:      "CAPABILITIES", capabilities: "101 They are\r\nVERSION 2\r\n{offer}READER\r\n.\r\n",
		offer: "STARTTLS\r\n",
		start: "STARTTLS", ready: "382 Go ahead\r\n", refusal: "580 TLS is not available just now\r\n",
		leave: "QUIT", goodbye: "205 Goodbye\r\n",
		unknown: "500 I do not know that\r\n",
	},
	"sieve": {
		greeting: "\"IMPLEMENTATION\" \"Lab\"\r\n{offer}\"SIEVE\" {8}\r\nfileinto\r\nOK\r\n",
		offer:    "\"STARTTLS\"\r\n",
		start:    "STARTTLS", ready: "OK \"Go ahead\"\r\n", refusal: "NO \"TLS is not available just now\"\r\n",
		leave: "LOGOUT", goodbye: "OK \"Goodbye\"\r\n",
		unknown: "NO \"I do not know that\"\r\n",
	},
	"irc": {
		greeting: "NOTICE AUTH :*** Looking up your host name\r\n",
		ask:      "CAP", capabilities: ":localhost CAP * LS * :multi-prefix\r\n:localhost CAP * LS :{offer}sasl\r\n",
		offer: "tls ",
		start: "STARTTLS", ready: ":localhost 670 * :Go ahead\r\n", refusal: ":localhost 691 * :TLS is not available just now\r\n",
		leave: "QUIT", goodbye: "ERROR :Goodbye\r\n",
		unknown: ":localhost 421 * :I do not know that\r\n",
	},
}

// speak holds the dialogue until TLS may start, or the client leaves.
func (p lineProtocol) speak(h *host) net.Conn {
	if h.mood == NotOffering {
		p.offer, p.refusal = "", p.unknown
	}
	h.say(strings.ReplaceAll(p.greeting, "{offer}", p.offer))
	for {
		tag, command, err := p.command(h)
		if err != nil {
			return nil
		}
		answer := strings.NewReplacer("{offer}", p.offer, "{tag}", tag).Replace
		switch command {
		case p.start:
			if h.start(answer(p.ready), answer(p.refusal)) {
				return h
			}
		case p.leave:
			h.say(answer(p.goodbye))
			return nil
		case cmp.Or(p.ask, "nothing"):
			h.say(answer(p.capabilities))
		default:
			h.say(answer(p.unknown))
		}
	}
}

// command reads the first word of the client's next line, and the tag before it.
func (p lineProtocol) command(h *host) (tag, command string, err error) {
	line, err := h.in.ReadSlice('\n')
	words := strings.Fields(strings.ToUpper(string(line)) + " ? ?")
	if p.tagged {
		return strings.ToLower(words[0]), words[1], err
	}
	return "", words[0], err
}
