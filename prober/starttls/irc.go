package starttls

import (
	"slices"
	"strings"

	"tls_exporter/prober/text"
)

// irc follows IRCv3's tls extension 3.1: a capability says whether the server has the
// command STARTTLS, and the answer to it is 670 or 691. Older servers have the command and
// no capabilities. Before registration some of them answer CAP with an error and others do
// not answer it at all, so both commands are sent at once. Nothing follows them before the
// answer to STARTTLS.
func irc(c *conversation) error {
	c.quit = "QUIT\r\n"
	if err := c.send("CAP LS\r\nSTARTTLS\r\n", "CAP LS and STARTTLS"); err != nil {
		return err
	}
	capabilities, err := c.ircCapabilities()
	if err != nil || capabilities.started {
		return err
	}
	c.awaited = "the answer to STARTTLS"
	answer, err := c.ircMessage("670", "691", "421", "451")
	switch {
	case err != nil || answer.command == "670":
		return err
	case answer.command == "691" || capabilities.tls:
		return refused("STARTTLS is answered with %s", text.Quote(answer.line))
	}
	return notOffered("STARTTLS is answered with %s", text.Quote(answer.line))
}

// ircAnswer is what a server answered to CAP LS.
type ircAnswer struct {
	started bool // nothing; the answer to STARTTLS is that TLS starts
	tls     bool // the list has the capability tls
}

// ircCapabilities reads IRCv3's list. All of its lines but the last are marked with an
// asterisk. A server without capabilities answers with an error, or answers STARTTLS alone.
func (c *conversation) ircCapabilities() (ircAnswer, error) {
	var all []string
	for {
		m, err := c.ircMessage("CAP", "410", "421", "451", "670", "691")
		switch {
		case err != nil:
			return ircAnswer{}, err
		case m.command == "670":
			return ircAnswer{started: true}, nil
		case m.command == "691":
			return ircAnswer{}, refused("STARTTLS is answered with %s", text.Quote(m.line))
		case m.command != "CAP" && m.names("STARTTLS"):
			return ircAnswer{}, notOffered("STARTTLS is answered with %s", text.Quote(m.line))
		case m.command != "CAP":
			return ircAnswer{}, nil
		case len(m.params) < 3 || !strings.EqualFold(m.params[1], "LS"):
			return ircAnswer{}, protocolError("CAP LS is answered with %s", text.Quote(m.line))
		}
		all = append(all, strings.Fields(m.params[len(m.params)-1])...)
		if m.params[2] != "*" || len(m.params) == 3 {
			break
		}
	}
	if !slices.Contains(all, "tls") {
		return ircAnswer{}, notOffered("the answer to CAP LS does not list tls")
	}
	return ircAnswer{tls: true}, nil
}

// ircMessage is a line of IRC (RFC 1459 section 2.3.1).
type ircMessage struct {
	line    string
	command string
	params  []string
}

// names reports whether an error is about a command (RFC 1459 section 6.1, 421).
func (m *ircMessage) names(command string) bool {
	return slices.ContainsFunc(m.params, func(param string) bool { return strings.EqualFold(param, command) })
}

// ircMessage returns the next message with one of the commands. A server may send
// others before it, for example that it looks up the client's host name.
func (c *conversation) ircMessage(commands ...string) (ircMessage, error) {
	for {
		line, err := c.line()
		if err != nil {
			return ircMessage{}, err
		}
		m, ok := parseIRC(line)
		switch {
		case line == "": // RFC 1459 section 2.3.1: ignored
		case !ok:
			return ircMessage{}, protocolError("%s is %s, which is not IRC", c.awaited, text.Quote(line))
		case slices.Contains(commands, m.command):
			return m, nil
		case m.command == "ERROR":
			return ircMessage{}, refused("%s is %s", c.awaited, text.Quote(line))
		}
	}
}

// parseIRC accepts a command that is a word, or a number with a source before it.
func parseIRC(line string) (ircMessage, bool) {
	rest := line
	if strings.HasPrefix(rest, "@") { // IRCv3 tags
		_, rest, _ = strings.Cut(rest, " ")
	}
	hasSource := strings.HasPrefix(rest, ":")
	if hasSource {
		_, rest, _ = strings.Cut(rest, " ")
	}
	middle, trailing, hasTrailing := strings.Cut(rest, " :")
	words := strings.Fields(middle)
	if len(words) == 0 {
		return ircMessage{}, false
	}
	m := ircMessage{line: line, command: strings.ToUpper(words[0]), params: words[1:]}
	if hasTrailing {
		m.params = append(m.params, trailing)
	}
	letters := strings.Trim(m.command, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	digits := len(m.command) == 3 && strings.Trim(m.command, "0123456789") == ""
	return m, letters || digits && hasSource
}
