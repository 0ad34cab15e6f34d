package starttls

import (
	"slices"
	"strconv"
	"strings"

	"tls_exporter/prober/text"
)

// The protocols for the owner of a mailbox: POP3, IMAP and ManageSieve.

// pop3 follows RFC 2595 section 4, with the capabilities of RFC 2449.
func pop3(c *conversation) error {
	c.quit = "QUIT\r\n"
	if greeting, ok, err := c.pop3Response(); err != nil {
		return err
	} else if !ok {
		return refused("the greeting is %s", text.Quote(greeting))
	}
	if err := c.command("CAPA"); err != nil {
		return err
	}
	if answer, ok, err := c.pop3Response(); err != nil {
		return err
	} else if !ok {
		return notOffered("CAPA is answered with %s", text.Quote(answer))
	}
	capabilities, err := c.dotLines()
	if err != nil {
		return err
	}
	if !lists(capabilities, "STLS") {
		return notOffered("the answer to CAPA does not list STLS")
	}
	if err := c.command("STLS"); err != nil {
		return err
	}
	answer, ok, err := c.pop3Response()
	if err == nil && !ok {
		return refused("STLS is answered with %s", text.Quote(answer))
	}
	return err
}

// pop3Response reads a response, and tells whether it is positive (RFC 1939 section 3).
func (c *conversation) pop3Response() (line string, ok bool, err error) {
	line, err = c.line()
	switch {
	case err != nil:
		return "", false, err
	case firstWordIs(line, "+OK"):
		return line, true, nil
	case firstWordIs(line, "-ERR"):
		return line, false, nil
	}
	return "", false, protocolError("%s is %s, which is neither +OK nor -ERR", c.awaited, text.Quote(line))
}

// imap follows RFC 9051 section 6.2.1, which is RFC 2595 section 3.1.
func imap(c *conversation) error {
	c.quit = "c LOGOUT\r\n"
	greeting, err := c.line()
	tag, rest, _ := strings.Cut(greeting, " ")
	switch {
	case err != nil:
		return err
	case tag == "*" && firstWordIs(rest, "OK"):
	case tag == "*" && firstWordIs(rest, "BYE"):
		return refused("the greeting is %s", text.Quote(greeting))
	case tag == "*" && firstWordIs(rest, "PREAUTH"): // STARTTLS is only valid before the login
		return notOffered("the greeting is %s, and TLS cannot start after a login", text.Quote(greeting))
	default:
		return protocolError("the greeting is %s, which is not IMAP", text.Quote(greeting))
	}
	untagged, err := c.imapCommand("a", "CAPABILITY")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(untagged, listsSTARTTLS) {
		return notOffered("the answer to CAPABILITY does not list STARTTLS")
	}
	_, err = c.imapCommand("b", "STARTTLS")
	return err
}

func listsSTARTTLS(untagged string) bool {
	words := strings.Fields(strings.ToUpper(untagged))
	return len(words) > 1 && words[1] == "CAPABILITY" && slices.Contains(words, "STARTTLS")
}

// imapCommand sends a command, and returns the untagged responses before the tagged OK
// (RFC 9051 section 7).
func (c *conversation) imapCommand(tag, command string) (untagged []string, err error) {
	if err := c.send(tag+" "+command+"\r\n", command); err != nil {
		return nil, err
	}
	for {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		first, rest, _ := strings.Cut(line, " ")
		switch {
		case first == "*" && firstWordIs(rest, "BYE"):
			return nil, refused("%s is answered with %s", command, text.Quote(line))
		case first == "*":
			untagged = append(untagged, line)
		case first == tag && firstWordIs(rest, "OK"):
			return untagged, nil
		case first == tag && (firstWordIs(rest, "NO") || firstWordIs(rest, "BAD")):
			return nil, refused("%s is answered with %s", command, text.Quote(line))
		default:
			return nil, protocolError("%s is %s, which is not IMAP", c.awaited, text.Quote(line))
		}
	}
}

// sieve follows RFC 5804 section 2.2. The greeting is the list of capabilities (section
// 1.7).
func sieve(c *conversation) error {
	c.quit = "LOGOUT\r\n"
	capabilities, err := c.sieveResponse()
	if err != nil {
		return err
	}
	if !lists(capabilities, `"STARTTLS"`) {
		return notOffered("the greeting does not list STARTTLS")
	}
	if err := c.command("STARTTLS"); err != nil {
		return err
	}
	_, err = c.sieveResponse()
	return err
}

// sieveResponse returns the lines before OK. Each begins with a string (RFC 5804
// section 4).
func (c *conversation) sieveResponse() ([]string, error) {
	var lines []string
	for {
		line, err := c.sieveLine()
		switch {
		case err != nil:
			return nil, err
		case firstWordIs(line, "OK"):
			return lines, nil
		case firstWordIs(line, "NO"), firstWordIs(line, "BYE"):
			return nil, refused("%s is %s", c.awaited, text.Quote(line))
		case !strings.HasPrefix(line, `"`):
			return nil, protocolError("%s is %s, which is not ManageSieve", c.awaited, text.Quote(line))
		}
		lines = append(lines, line)
	}
}

// sieveLine reads a line with its literals: strings of as many bytes as the number in
// braces before them says, after which the line continues (RFC 5804 section 4). They
// are returned in quotes, the other form of a string.
func (c *conversation) sieveLine() (string, error) {
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

// cutLiteral cuts the number of a literal from the end of a line.
func cutLiteral(line string) (before string, length int, ok bool) {
	brace := strings.LastIndexByte(line, '{')
	if brace < 0 || !strings.HasSuffix(line, "}") {
		return "", 0, false
	}
	length, err := strconv.Atoi(strings.TrimSuffix(line[brace+1:len(line)-1], "+"))
	return line[:brace], length, err == nil && length >= 0
}
