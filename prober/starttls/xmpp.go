package starttls

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"

	"tls_exporter/prober/text"
)

// The names of RFC 6120 sections 4.8 and 5.
const (
	xmppClients = "jabber:client"
	xmppServers = "jabber:server"
	xmppStreams = "http://etherx.jabber.org/streams"
	xmppTLS     = "urn:ietf:params:xml:ns:xmpp-tls"
)

var (
	xmppStream   = xml.Name{Space: xmppStreams, Local: "stream"}
	xmppFeatures = xml.Name{Space: xmppStreams, Local: "features"}
	xmppError    = xml.Name{Space: xmppStreams, Local: "error"}
	xmppOffer    = xml.Name{Space: xmppTLS, Local: "starttls"}
	xmppProceed  = xml.Name{Space: xmppTLS, Local: "proceed"}
	xmppFailure  = xml.Name{Space: xmppTLS, Local: "failure"}
)

// xmppClient and xmppServer follow RFC 6120 section 5.4.2. Among servers one
// says who it is (section 4.7.1).
func xmppClient(c *cleartext) error { return xmpp(c, xmppClients, "") }
func xmppServer(c *cleartext) error { return xmpp(c, xmppServers, " from='"+c.self+"'") }

func xmpp(c *cleartext, namespace, from string) error {
	c.goodbye = "</stream:stream>"
	open := fmt.Sprintf("<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s'%s to='%s' version='1.0'>", namespace, xmppStreams, from, c.server)
	if err := c.say(open, "the beginning of the stream"); err != nil {
		return err
	}
	// The decoder reads its input byte by byte, for the input can do that, and
	// stops at the > that ends an element.
	d := xml.NewDecoder(c.in)
	features, err := c.features(d)
	if err != nil {
		return err
	}
	if !slices.Contains(features, xmppOffer) {
		return notOffered("the stream's features list no starttls")
	}
	if err := c.say("<starttls xmlns='"+xmppTLS+"'/>", "the answer to starttls"); err != nil {
		return err
	}
	answer, err := c.element(d)
	switch {
	case err != nil:
		return err
	case answer == xmppFailure:
		return refused("starttls is answered with failure")
	case answer != xmppProceed:
		return garbled("starttls is answered with %s", text.Quote(answer.Local))
	}
	_, err = c.children(d)
	return err
}

// features opens the server's stream and returns what it offers.
func (c *cleartext) features(d *xml.Decoder) ([]xml.Name, error) {
	start, err := c.tag(d)
	switch {
	case err != nil:
		return nil, err
	case start.Name != xmppStream:
		return nil, garbled("the stream begins with %s", text.Quote(start.Name.Local))
	}
	name, err := c.element(d)
	switch {
	case err != nil:
		return nil, err
	case name != xmppFeatures:
		return nil, garbled("the stream begins with %s, where its features belong", text.Quote(name.Local))
	}
	return c.children(d)
}

// element opens the next element of the stream and returns its name. An error
// of the stream (RFC 6120 section 4.9) ends the dialogue.
func (c *cleartext) element(d *xml.Decoder) (xml.Name, error) {
	start, err := c.tag(d)
	if err != nil || start.Name != xmppError {
		return start.Name, err
	}
	conditions, err := c.children(d)
	if err != nil || len(conditions) == 0 {
		return xml.Name{}, refused("the stream to %s ends with an error", c.server)
	}
	return xml.Name{}, refused("the stream to %s ends with the error %s", c.server, text.Quote(conditions[0].Local))
}

// tag returns the next start tag. The end of the stream is the end of all.
func (c *cleartext) tag(d *xml.Decoder) (xml.StartElement, error) {
	for {
		token, err := c.token(d)
		if err != nil {
			return xml.StartElement{}, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			return t, nil
		case xml.EndElement:
			return xml.StartElement{}, c.lost(io.EOF)
		}
	}
}

// children reads to the end of the element that is open, and returns the names
// of those in it.
func (c *cleartext) children(d *xml.Decoder) ([]xml.Name, error) {
	var names []xml.Name
	for depth := 0; depth >= 0; {
		token, err := c.token(d)
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				names = append(names, t.Name)
			}
			depth++
		case xml.EndElement:
			depth--
		}
	}
	return names, nil
}

func (c *cleartext) token(d *xml.Decoder) (xml.Token, error) {
	token, err := d.Token()
	switch {
	case err == nil:
		return token, nil
	case c.broken != nil: // which the decoder may call a mistake of syntax
		return nil, c.lost(c.broken)
	}
	return nil, garbled("%s is no XML of XMPP: %s", c.awaited, text.Quote(err.Error()))
}
