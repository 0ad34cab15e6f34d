package starttls

import (
	"net/netip"
	"strconv"

	"tls_exporter/prober/text"
)

// smtp follows RFC 3207 section 4.
func smtp(c *conversation) error { return extendedSMTP(c, "EHLO") }

// lmtp is SMTP with LHLO instead of EHLO (RFC 2033 section 4.1).
func lmtp(c *conversation) error { return extendedSMTP(c, "LHLO") }

func extendedSMTP(c *conversation, hello string) error {
	c.quit = "QUIT\r\n"
	if greeting, err := c.reply(); err != nil {
		return err
	} else if greeting.code != 220 {
		return refused("the greeting is %s", greeting)
	}
	hello += " " + domain(c.clientName)
	extensions, err := c.exchange(hello)
	switch {
	case err != nil:
		return err
	case extensions.code == 500, extensions.code == 502: // RFC 5321 section 3.2: a server without extensions
		return notOffered("%s is answered with %s", hello, extensions)
	case extensions.code != 250: // some servers check the name
		return refused("%s is answered with %s", hello, extensions)
	case !lists(extensions.text[1:], "STARTTLS"):
		return notOffered("the answer to %s does not list STARTTLS", hello)
	}
	return c.requestTLS("STARTTLS", 220)
}

// domain is a name as RFC 5321 section 4.1.1.1 has it. Addresses are in brackets
// (section 4.1.3).
func domain(name string) string {
	addr, err := netip.ParseAddr(name)
	switch {
	case err != nil:
		return name
	case addr.Is4():
		return "[" + name + "]"
	}
	return "[IPv6:" + name + "]"
}

// reply is a reply with a code, of SMTP, FTP and NNTP (RFC 5321 section 4.2, RFC 959
// section 4.2, RFC 3977 section 3.2).
type reply struct {
	code int
	text []string // the lines without the code; at least one
}

func (r reply) String() string { return text.Quote(strconv.Itoa(r.code) + " " + r.text[0]) }

// reply reads up to the line with the first line's code and no hyphen. FTP allows lines
// without a code before it.
//
// It does not use net/textproto, which has no bound on a line, and rejects a line that
// is only a code (RFC 5321 section 4.2.1 tells clients to accept it).
func (c *conversation) reply() (reply, error) {
	var r reply
	for {
		line, err := c.line()
		if err != nil {
			return reply{}, err
		}
		code, separator, rest := cutCode(line)
		if r.code == 0 {
			r.code = code
		}
		switch {
		case r.code == 0:
			return reply{}, protocolError("%s is %s, which is not a reply with a code", c.awaited, text.Quote(line))
		case code == r.code && separator == ' ':
			r.text = append(r.text, rest)
			return r, nil
		case code == r.code:
			r.text = append(r.text, rest)
		default:
			r.text = append(r.text, line)
		}
	}
}

// cutCode splits a line of a reply. Without a code, code is 0 and rest is the line.
func cutCode(line string) (code int, separator byte, rest string) {
	digits, rest := line[:min(len(line), 3)], line[min(len(line), 3):]
	code, err := strconv.Atoi(digits)
	switch {
	case err != nil || code < 100:
		return 0, 0, line
	case rest == "": // RFC 5321 section 4.2.1: a client accepts a code alone
		return code, ' ', ""
	case rest[0] != ' ' && rest[0] != '-':
		return 0, 0, line
	}
	return code, rest[0], rest[1:]
}

// exchange sends a command and reads the reply.
func (c *conversation) exchange(command string) (reply, error) {
	if err := c.command(command); err != nil {
		return reply{}, err
	}
	return c.reply()
}

// requestTLS sends the command that starts TLS. Code is that of the positive reply.
func (c *conversation) requestTLS(command string, code int) error {
	answer, err := c.exchange(command)
	if err == nil && answer.code != code {
		return refused("%s is answered with %s", command, answer)
	}
	return err
}
