package starttls

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tls_exporter/prober/text"
)

// The dialogues of the protocols that talk in lines.

// smtp follows RFC 3207 section 4.
func smtp(c *cleartext) error { return extendedSMTP(c, "EHLO") }

// lmtp is SMTP with another word for hello (RFC 2033 section 4.1).
func lmtp(c *cleartext) error { return extendedSMTP(c, "LHLO") }

func extendedSMTP(c *cleartext, hello string) error {
	c.goodbye = "QUIT\r\n"
	if greeting, err := c.reply(); err != nil {
		return err
	} else if greeting.code != 220 {
		return refused("the greeting is %s", greeting)
	}
	hello += " " + domain(c.self)
	extensions, err := c.askReply(hello)
	switch {
	case err != nil:
		return err
	case extensions.code == 500, extensions.code == 502: // RFC 5321 section 3.2: it knows no extensions at all
		return notOffered("%s is answered with %s", hello, extensions)
	case extensions.code != 250: // some servers have a say about the name
		return refused("%s is answered with %s", hello, extensions)
	case !lists(extensions.text[1:], "STARTTLS"):
		return notOffered("the answer to %s lists no STARTTLS", hello)
	}
	return c.askGoAhead("STARTTLS", 220)
}

// domain is a name as RFC 5321 section 4.1.1.1 wants it, an address in the
// brackets of section 4.1.3.
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

// ftp follows RFC 4217 section 4. FEAT is not asked: it need not list AUTH, and
// some servers do not answer it before the login.
func ftp(c *cleartext) error {
	c.goodbye = "QUIT\r\n"
	greeting, err := c.reply()
	for err == nil && greeting.code == 120 { // ready in so many minutes (RFC 959 section 5.4)
		greeting, err = c.reply()
	}
	if err != nil {
		return err
	}
	if greeting.code != 220 {
		return refused("the greeting is %s", greeting)
	}
	answer, err := c.askReply("AUTH TLS")
	switch {
	case err != nil:
		return err
	case answer.code == 234:
		return nil
	case slices.Contains(ftpWithoutTLS, answer.code):
		return notOffered("AUTH TLS is answered with %s", answer)
	}
	return refused("AUTH TLS is answered with %s", answer)
}

// ftpWithoutTLS is how servers answer a command or a mechanism that they do not
// know (RFC 2228 section 3); vsftpd says 530 to all that comes before the login.
var ftpWithoutTLS = []int{500, 502, 504, 530}

// nntp follows RFC 4642 section 2.2.
func nntp(c *cleartext) error {
	c.goodbye = "QUIT\r\n"
	if greeting, err := c.reply(); err != nil {
		return err
	} else if greeting.code != 200 && greeting.code != 201 {
		return refused("the greeting is %s", greeting)
	}
	answer, err := c.askReply("CAPABILITIES")
	if err != nil {
		return err
	}
	if answer.code != 101 { // RFC 3977 section 3.3: it is older than that, and so than STARTTLS
		return notOffered("CAPABILITIES is answered with %s", answer)
	}
	capabilities, err := c.dotted()
	if err != nil {
		return err
	}
	if !lists(capabilities, "STARTTLS") {
		return notOffered("the answer to CAPABILITIES lists no STARTTLS")
	}
	return c.askGoAhead("STARTTLS", 382)
}

// reply is a numbered answer (RFC 5321 section 4.2, RFC 959 section 4.2, RFC
// 3977 section 3.2): the number, and its lines without it.
type reply struct {
	code int
	text []string
}

func (r reply) String() string { return text.Quote(strconv.Itoa(r.code) + " " + r.text[0]) }

// reply reads until the line that has the number and no hyphen. In between, FTP
// allows lines without a number.
func (c *cleartext) reply() (reply, error) {
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
			return reply{}, garbled("%s is %s, and no numbered reply", c.awaited, text.Quote(line))
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

// cutCode takes a line apart; code 0 is none.
func cutCode(line string) (code int, separator byte, rest string) {
	digits, rest := line[:min(len(line), 3)], line[min(len(line), 3):]
	code, err := strconv.Atoi(digits)
	switch {
	case err != nil || code < 100:
		return 0, 0, line
	case rest == "": // RFC 5321 section 4.2.1 tolerates a number alone
		return code, ' ', ""
	case rest[0] != ' ' && rest[0] != '-':
		return 0, 0, line
	}
	return code, rest[0], rest[1:]
}

func (c *cleartext) ask(command string) error {
	word, _, _ := strings.Cut(command, " ")
	return c.say(command+"\r\n", "the answer to "+word)
}

func (c *cleartext) askReply(command string) (reply, error) {
	if err := c.ask(command); err != nil {
		return reply{}, err
	}
	return c.reply()
}

func (c *cleartext) askGoAhead(command string, code int) error {
	answer, err := c.askReply(command)
	if err == nil && answer.code != code {
		return refused("%s is answered with %s", command, answer)
	}
	return err
}

// dotted reads lines until the one that is a dot (RFC 1939 section 3, RFC 3977
// section 3.1.1).
func (c *cleartext) dotted() ([]string, error) {
	var lines []string
	for {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		if line == "." {
			return lines, nil
		}
		lines = append(lines, line)
	}
}

// lists tells whether one of the lines begins with a word, in either case.
func lists(lines []string, word string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return begins(line, word) })
}

func begins(line, word string) bool {
	first, _, _ := strings.Cut(line, " ")
	return strings.EqualFold(first, word)
}

// pop3 follows RFC 2595 section 4, with the capabilities of RFC 2449.
func pop3(c *cleartext) error {
	c.goodbye = "QUIT\r\n"
	if greeting, ok, err := c.status(); err != nil {
		return err
	} else if !ok {
		return refused("the greeting is %s", text.Quote(greeting))
	}
	if err := c.ask("CAPA"); err != nil {
		return err
	}
	if answer, ok, err := c.status(); err != nil {
		return err
	} else if !ok {
		return notOffered("CAPA is answered with %s", text.Quote(answer))
	}
	capabilities, err := c.dotted()
	if err != nil {
		return err
	}
	if !lists(capabilities, "STLS") {
		return notOffered("the answer to CAPA lists no STLS")
	}
	if err := c.ask("STLS"); err != nil {
		return err
	}
	answer, ok, err := c.status()
	if err == nil && !ok {
		return refused("STLS is answered with %s", text.Quote(answer))
	}
	return err
}

// status reads one of POP3's two answers (RFC 1939 section 3).
func (c *cleartext) status() (line string, ok bool, err error) {
	line, err = c.line()
	switch {
	case err != nil:
		return "", false, err
	case begins(line, "+OK"):
		return line, true, nil
	case begins(line, "-ERR"):
		return line, false, nil
	}
	return "", false, garbled("%s is %s, and neither +OK nor -ERR", c.awaited, text.Quote(line))
}

// imap follows RFC 9051 section 6.2.1, which is RFC 2595 section 3.1.
func imap(c *cleartext) error {
	c.goodbye = "c LOGOUT\r\n"
	greeting, err := c.line()
	star, rest, _ := strings.Cut(greeting, " ")
	switch {
	case err != nil:
		return err
	case star == "*" && begins(rest, "OK"):
	case star == "*" && begins(rest, "BYE"):
		return refused("the greeting is %s", text.Quote(greeting))
	case star == "*" && begins(rest, "PREAUTH"): // STARTTLS is for those who have not logged in
		return notOffered("the greeting is %s, and there is no TLS after a login", text.Quote(greeting))
	default:
		return garbled("the greeting is %s, and not IMAP's", text.Quote(greeting))
	}
	untagged, err := c.tagged("a", "CAPABILITY")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(untagged, offersIMAP) {
		return notOffered("the answer to CAPABILITY lists no STARTTLS")
	}
	_, err = c.tagged("b", "STARTTLS")
	return err
}

func offersIMAP(untagged string) bool {
	words := strings.Fields(strings.ToUpper(untagged))
	return len(words) > 1 && words[1] == "CAPABILITY" && slices.Contains(words, "STARTTLS")
}

// tagged gives a command, and returns the untagged lines before its OK (RFC
// 9051 section 7).
func (c *cleartext) tagged(tag, command string) (untagged []string, err error) {
	if err := c.say(tag+" "+command+"\r\n", "the answer to "+command); err != nil {
		return nil, err
	}
	for {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		first, rest, _ := strings.Cut(line, " ")
		switch {
		case first == "*" && begins(rest, "BYE"):
			return nil, refused("%s is answered with %s", command, text.Quote(line))
		case first == "*":
			untagged = append(untagged, line)
		case first == tag && begins(rest, "OK"):
			return untagged, nil
		case first == tag && (begins(rest, "NO") || begins(rest, "BAD")):
			return nil, refused("%s is answered with %s", command, text.Quote(line))
		default:
			return nil, garbled("%s is %s, which IMAP does not have", c.awaited, text.Quote(line))
		}
	}
}

// sieve follows RFC 5804 section 2.2; its greeting is its capabilities (section
// 1.7).
func sieve(c *cleartext) error {
	c.goodbye = "LOGOUT\r\n"
	capabilities, err := c.managed()
	if err != nil {
		return err
	}
	if !lists(capabilities, `"STARTTLS"`) {
		return notOffered("the greeting lists no STARTTLS")
	}
	if err := c.ask("STARTTLS"); err != nil {
		return err
	}
	_, err = c.managed()
	return err
}

// managed reads lines that begin with a string until the one that says OK (RFC
// 5804 section 4).
func (c *cleartext) managed() ([]string, error) {
	var lines []string
	for {
		line, err := c.literalLine()
		switch {
		case err != nil:
			return nil, err
		case begins(line, "OK"):
			return lines, nil
		case begins(line, "NO"), begins(line, "BYE"):
			return nil, refused("%s is %s", c.awaited, text.Quote(line))
		case !strings.HasPrefix(line, `"`):
			return nil, garbled("%s is %s, which ManageSieve does not have", c.awaited, text.Quote(line))
		}
		lines = append(lines, line)
	}
}

// literalLine reads a line, which goes on after a literal: as many bytes as the
// number in braces at the end of the line before (RFC 5804 section 4). They are
// put in quotes here, the other way to write a string.
func (c *cleartext) literalLine() (string, error) {
	var whole strings.Builder
	for {
		line, err := c.line()
		if err != nil {
			return "", err
		}
		before, length, ok := cutLiteral(line)
		if !ok {
			whole.WriteString(line)
			return whole.String(), nil
		}
		literal, err := c.read(length)
		if err != nil {
			return "", err
		}
		whole.WriteString(before + strconv.Quote(string(literal)))
	}
}

func cutLiteral(line string) (before string, length int, ok bool) {
	brace := strings.LastIndexByte(line, '{')
	if brace < 0 || !strings.HasSuffix(line, "}") {
		return "", 0, false
	}
	length, err := strconv.Atoi(strings.TrimSuffix(line[brace+1:len(line)-1], "+"))
	return line[:brace], length, err == nil && length >= 0
}

// irc follows IRCv3's tls extension 3.1: its capability says whether the
// command STARTTLS is there, which 670 or 691 answer.
func irc(c *cleartext) error {
	c.goodbye = "QUIT\r\n"
	capabilities, err := c.ircCapabilities()
	if err != nil {
		return err
	}
	if !slices.Contains(capabilities, "tls") {
		return notOffered("the answer to CAP LS lists no tls")
	}
	if err := c.ask("STARTTLS"); err != nil {
		return err
	}
	answer, err := c.message("670", "691", "421", "451")
	if err == nil && answer.command != "670" {
		return refused("STARTTLS is answered with %s", text.Quote(answer.line))
	}
	return err
}

// ircCapabilities reads IRCv3's list, whose lines but the last have an asterisk
// before them.
func (c *cleartext) ircCapabilities() ([]string, error) {
	if err := c.ask("CAP LS"); err != nil {
		return nil, err
	}
	var all []string
	for {
		m, err := c.message("CAP", "410", "421", "451")
		switch {
		case err != nil:
			return nil, err
		case m.command != "CAP":
			return nil, notOffered("CAP LS is answered with %s", text.Quote(m.line))
		case len(m.params) < 3 || !strings.EqualFold(m.params[1], "LS"):
			return nil, garbled("CAP LS is answered with %s", text.Quote(m.line))
		}
		all = append(all, strings.Fields(m.params[len(m.params)-1])...)
		if m.params[2] != "*" || len(m.params) == 3 {
			return all, nil
		}
	}
}

// ircMessage is a line of IRC without its tags and its source (RFC 1459 section
// 2.3.1).
type ircMessage struct {
	line    string
	command string
	params  []string
}

// message reads up to the next of the commands that are asked for. In between a
// server says what it likes: that it looks up our host name, for one.
func (c *cleartext) message(commands ...string) (ircMessage, error) {
	for {
		line, err := c.line()
		if err != nil {
			return ircMessage{}, err
		}
		m, ok := parseIRC(line)
		switch {
		case line == "": // RFC 1459 section 2.3.1 lets it pass
		case !ok:
			return ircMessage{}, garbled("%s is %s, and no message of IRC", c.awaited, text.Quote(line))
		case slices.Contains(commands, m.command):
			return m, nil
		case m.command == "ERROR":
			return ircMessage{}, refused("%s is %s", c.awaited, text.Quote(line))
		}
	}
}

// parseIRC wants a command of letters, or a number from a source.
func parseIRC(line string) (ircMessage, bool) {
	rest := line
	if strings.HasPrefix(rest, "@") {
		_, rest, _ = strings.Cut(rest, " ")
	}
	sourced := strings.HasPrefix(rest, ":")
	if sourced {
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
	return m, letters || digits && sourced
}
