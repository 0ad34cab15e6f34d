package httpsrecord

import (
	"cmp"
	"context"
	"crypto/tls"
	"slices"

	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/text"
)

// Service is a server that records lead to, and the protocols that it was asked for.
type Service struct {
	Host      string // printable
	Port      uint16
	Protocols []Protocol
}

// Protocol is a protocol that a record advertises for TCP, offered alone to the server.
type Protocol struct {
	Name   string
	Answer Answer
	Detail string // what the server selected instead, or why it gave no answer
}

// Answer is the answer of a server to the offer of one protocol.
type Answer string

// The answers.
const (
	Selected    Answer = "selected"
	NotSelected Answer = "not_selected" // it selects another one, or rejects the offer
	NoAnswer    Answer = "no_answer"
)

// The protocols of HTTP over TLS and TCP. Others are not tested: h3 runs over QUIC.
const (
	http1 = "http/1.1"
	http2 = "h2"
)

// maxServices is how many servers are tested, with a handshake for each protocol. Clients
// rarely come to the fifth.
const maxServices = 4

// test asks the servers for the protocols, and offers ECH with the configuration that
// clients take first.
func (f *Finding) test(ctx context.Context, e *endpoint.Endpoint, services []service) {
	for _, s := range merged(services) {
		if len(f.Services) == maxServices {
			break
		}
		f.Services = append(f.Services, s.test(ctx, e))
	}
	if i := slices.IndexFunc(services, func(s service) bool { return s.ech != nil }); i >= 0 {
		f.ECH = services[i].tryECH(ctx, e)
	}
}

// merged joins the services at the same host and port.
func merged(services []service) []service {
	var all []service
	for _, s := range services {
		i := slices.IndexFunc(all, func(other service) bool { return other.host == s.host && other.port == s.port })
		if i < 0 {
			all = append(all, s)
		} else {
			all[i].alpn = append(slices.Clone(all[i].alpn), s.alpn...)
		}
	}
	return all
}

// at is the endpoint of the service: that of the probe, where it is the same.
func (s service) at(ctx context.Context, e *endpoint.Endpoint) (*endpoint.Endpoint, error) {
	if s.host == "" && s.port == e.Target.Port {
		return e, nil
	}
	return e.Alternative(ctx, cmp.Or(s.host, e.Target.Name()), s.port)
}

// test offers the protocols of the service, each alone.
func (s service) test(ctx context.Context, e *endpoint.Endpoint) Service {
	tested := Service{Host: text.Printable(cmp.Or(s.host, e.Target.Name()), maxText), Port: s.port}
	for _, name := range []string{http2, http1} {
		if slices.Contains(s.alpn, name) {
			answer, detail := s.offer(ctx, e, name)
			tested.Protocols = append(tested.Protocols, Protocol{name, answer, detail})
		}
	}
	return tested
}

// noProtocol is the alert of a server that has none of the offered protocols (RFC 7301
// section 3.2).
const noProtocol = failure.AlertPrefix + "no_application_protocol"

// offer offers one protocol. A server that selects none speaks HTTP/1.1.
func (s service) offer(ctx context.Context, e *endpoint.Endpoint, name string) (Answer, string) {
	state, err := s.handshake(ctx, e, func(c *tls.Config) { c.NextProtos = []string{name} })
	switch {
	case err != nil && failure.Of(err) == noProtocol:
		return NotSelected, "rejected"
	case err != nil:
		return NoAnswer, text.Line(err.Error(), maxDetail)
	case state.NegotiatedProtocol == name || name == http1 && state.NegotiatedProtocol == "":
		return Selected, ""
	}
	return NotSelected, cmp.Or(text.Printable(state.NegotiatedProtocol, maxText), "none selected")
}

// maxDetail bounds a message, in characters.
const maxDetail = 200

// handshake performs a handshake with the service.
func (s service) handshake(ctx context.Context, e *endpoint.Endpoint, adjust func(*tls.Config)) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, e.Scan().Patience)
	defer cancel()
	at, err := s.at(ctx, e)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	t, err := at.Handshake(ctx, adjust)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer t.Finish()
	return t.ConnectionState(), nil
}
