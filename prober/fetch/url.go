package fetch

import (
	"net"
	"net/url"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// maxURL is the longest URL that is followed, in bytes. RFC 9110 section 4.1 recommends
// that servers support 8000.
const maxURL = 8000

// ports are the schemes that are followed, with their ports.
var ports = map[string]uint16{"http": 80, "https": 443}

// parseURL reads a URL that may be followed, and brings its host into canonical form. An
// error has the reason bad_url and quotes no credentials.
func parseURL(s string) (*url.URL, error) {
	if len(s) > maxURL {
		return nil, failure.New(failure.ReasonBadURL, "a URL has more than %d bytes", maxURL)
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, failure.New(failure.ReasonBadURL, "a URL cannot be parsed")
	case ports[u.Scheme] == 0:
		return nil, failure.New(failure.ReasonBadURL, "the URL begins with %s; only http:// and https:// are followed", text.Quote(u.Scheme+":"))
	case u.User != nil:
		return nil, failure.New(failure.ReasonBadURL, "a URL has credentials, which are never sent")
	}
	destination, err := destinationOf(u)
	if err != nil {
		return nil, failure.New(failure.ReasonBadURL, "the URL %s: %w", text.Quote(s), err)
	}
	u.Host, u.Fragment, u.RawFragment = destination.Host, "", ""
	if destination.Port != ports[u.Scheme] {
		u.Host = destination.HostPort()
	} else if destination.IP().Is6() {
		u.Host = "[" + destination.Host + "]"
	}
	return u, nil
}

// destinationOf is the server of a URL, as a target of a route.
func destinationOf(u *url.URL) (*target.Target, error) {
	name := u.Hostname()
	if ip := net.ParseIP(name); ip != nil && ip.To4() == nil {
		name = "[" + name + "]"
	}
	host, err := target.ParseHost(name)
	if err != nil {
		return nil, err
	}
	t := &target.Target{Scheme: "tls", Host: host, Port: ports[u.Scheme]}
	if port := u.Port(); port != "" {
		if t.Port, err = target.ParsePort(port); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// label is a URL for people: without its query and bounded, since the path of an OCSP
// request is long.
func label(u *url.URL) string {
	return text.Quote(text.Shorten(u.Scheme+"://"+u.Host+u.EscapedPath(), maxLabel))
}

// maxLabel is the size of a URL in a message, in characters.
const maxLabel = 60
