package starttls

// nntp follows RFC 4642 section 2.2.
func nntp(c *conversation) error {
	c.quit = "QUIT\r\n"
	if greeting, err := c.reply(); err != nil {
		return err
	} else if greeting.code != 200 && greeting.code != 201 {
		return refused("the greeting is %s", greeting)
	}
	answer, err := c.exchange("CAPABILITIES")
	if err != nil {
		return err
	}
	if answer.code != 101 { // a server older than CAPABILITIES (RFC 3977 section 3.3) and thus than STARTTLS
		return notOffered("CAPABILITIES is answered with %s", answer)
	}
	capabilities, err := c.dotLines()
	if err != nil {
		return err
	}
	if !lists(capabilities, "STARTTLS") {
		return notOffered("the answer to CAPABILITIES does not list STARTTLS")
	}
	return c.requestTLS("STARTTLS", 382)
}
