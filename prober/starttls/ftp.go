package starttls

import "slices"

// ftp follows RFC 4217 section 4. It does not send FEAT: the answer need not list AUTH,
// and some servers reject the command before the login.
func ftp(c *conversation) error {
	c.quit = "QUIT\r\n"
	greeting, err := c.reply()
	for err == nil && greeting.code == 120 { // ready in some minutes (RFC 959 section 5.4)
		greeting, err = c.reply()
	}
	if err != nil {
		return err
	}
	if greeting.code != 220 {
		return refused("the greeting is %s", greeting)
	}
	answer, err := c.exchange("AUTH TLS")
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

// ftpWithoutTLS is the codes for a command or a mechanism that a server does not know
// (RFC 2228 section 3). vsftpd sends 530 for every command before the login.
var ftpWithoutTLS = []int{500, 502, 504, 530}
