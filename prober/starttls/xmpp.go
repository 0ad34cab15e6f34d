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

// xmppClient and xmppServer follow RFC 6120 section 5.4.2. A server says who it is
// (section 4.7.1).
func xmppClient(c *conversation) error { return xmpp(c, xmppClients, "") }
func xmppServer(c *conversation) error { return xmpp(c, xmppServers, " from='"+c.clientName+"'") }

func xmpp(c *conversation, namespace, from string) error {
	c.quit = "</stream:stream>"
	header := fmt.Sprintf("<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s'%s to='%s' version='1.0'>", namespace, xmppStreams, from, c.serverName)
	if err := c.send(header, "the stream header"); err != nil {
		return err
	}
	// The decoder reads byte by byte, because c.in is an io.ByteReader. It does not read
	// beyond the > at the end of an element.
	d := xml.NewDecoder(c.in)
	features, err := c.features(d)
	if err != nil {
		return err
	}
	if !slices.Contains(features, xmppOffer) {
		return notOffered("the features of the stream do not list starttls")
	}
	if err := c.send("<starttls xmlns='"+xmppTLS+"'/>", "starttls"); err != nil {
		return err
	}
	answer, err := c.element(d)
	switch {
	case err != nil:
		return err
	case answer == xmppFailure:
		return refused("starttls is answered with failure")
	case answer != xmppProceed:
		return protocolError("starttls is answered with %s", text.Quote(answer.Local))
	}
	_, err = c.children(d)
	return err
}

// features reads the header of the server's stream and returns the names of its
// features.
func (c *conversation) features(d *xml.Decoder) ([]xml.Name, error) {
	start, err := c.tag(d)
	switch {
	case err != nil:
		return nil, err
	case start.Name != xmppStream:
		return nil, protocolError("the stream begins with %s, not with its header", text.Quote(start.Name.Local))
	}
	name, err := c.element(d)
	switch {
	case err != nil:
		return nil, err
	case name != xmppFeatures:
		return nil, protocolError("the first element of the stream is %s, not its features", text.Quote(name.Local))
	}
	return c.children(d)
}

// element reads the start tag of the next element of the stream and returns its name.
// A stream error (RFC 6120 section 4.9) ends the dialogue.
func (c *conversation) element(d *xml.Decoder) (xml.Name, error) {
	start, err := c.tag(d)
	if err != nil || start.Name != xmppError {
		return start.Name, err
	}
	conditions, err := c.children(d)
	if err != nil || len(conditions) == 0 {
		return xml.Name{}, refused("the stream to %s ends with an error", c.serverName)
	}
	return xml.Name{}, refused("the stream to %s ends with the error %s", c.serverName, text.Quote(conditions[0].Local))
}

// tag returns the next start tag. At the end of the stream it fails.
func (c *conversation) tag(d *xml.Decoder) (xml.StartElement, error) {
	for {
		token, err := c.token(d)
		if err != nil {
			return xml.StartElement{}, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			return t, nil
		case xml.EndElement:
			return xml.StartElement{}, c.waiting(io.EOF)
		}
	}
}

// children reads to the end of the current element, and returns the names of the
// elements in it.
func (c *conversation) children(d *xml.Decoder) ([]xml.Name, error) {
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

func (c *conversation) token(d *xml.Decoder) (xml.Token, error) {
	token, err := d.Token()
	switch {
	case err == nil:
		return token, nil
	case c.readErr != nil: // the decoder may report it as a syntax error
		return nil, c.waiting(c.readErr)
	}
	return nil, protocolError("%s is not the XML of XMPP: %s", c.awaited, text.Quote(err.Error()))
}
