package connect

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"

	"golang.org/x/net/proxy"

	"tls_exporter/prober/failure"
)

// connectSOCKS has a SOCKS 5 proxy at the other end of conn connect to host:port (RFC
// 1928).
func connectSOCKS(ctx context.Context, conn net.Conn, via *ProxyURL, destination string) error {
	var auth *proxy.Auth
	if user := via.User.Reveal(); user != "" {
		auth = &proxy.Auth{User: user, Password: via.Password.Reveal()}
	}
	dialer, err := proxy.SOCKS5("tcp", string(via.Address), auth, fixedDialer{conn})
	if err != nil {
		return err
	}
	_, err = dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", destination)
	if err == nil {
		return nil
	}
	reason := err
	if op, ok := errors.AsType[*net.OpError](err); ok {
		reason = op.Err
	}
	switch {
	case hasPrefix(socksRefusals, reason):
		return failure.New(failure.ReasonProxyRefused, "the proxy refused: %s", strings.TrimPrefix(reason.Error(), socksRefusals[0]))
	case hasPrefix(socksViolations, reason):
		return failure.New(failure.ReasonProxyProtocol, "the answer of the proxy is not SOCKS 5: %w", reason)
	}
	return reason
}

// hasPrefix tells whether the message of err begins with one of the texts.
func hasPrefix(texts []string, err error) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.HasPrefix(err.Error(), text) })
}

// The messages of x/net/proxy for answers of a proxy. They have no type of their own.
// A test compares each with a proxy that causes it.
var (
	socksRefusals   = []string{"unknown error ", "no acceptable authentication methods", "username/password authentication failed"}
	socksViolations = []string{"unexpected protocol version", "non-zero reserved field", "unknown address type",
		"invalid username/password version", "unsupported authentication method"}
)

// fixedDialer is a dialer that returns a connection that is open already.
type fixedDialer struct{ conn net.Conn }

func (d fixedDialer) Dial(string, string) (net.Conn, error) { return d.conn, nil }

func (d fixedDialer) DialContext(context.Context, string, string) (net.Conn, error) {
	return d.conn, nil
}
