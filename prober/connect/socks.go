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

// connectSOCKS asks a SOCKS 5 proxy to connect (RFC 1928).
func connectSOCKS(ctx context.Context, conn net.Conn, via *ProxyURL, destination string) error {
	var who *proxy.Auth
	if user := via.User.Reveal(); user != "" {
		who = &proxy.Auth{User: user, Password: via.Password.Reveal()}
	}
	dialer, err := proxy.SOCKS5("tcp", string(via.Address), who, dialled{conn})
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
	case says(socksRefusals, reason):
		return failure.New(failure.ReasonProxyRefused, "the proxy refused: %s", strings.TrimPrefix(reason.Error(), socksRefusals[0]))
	case says(socksNonsense, reason):
		return failure.New(failure.ReasonProxyProtocol, "the proxy does not answer as a SOCKS 5 proxy: %w", reason)
	}
	return reason
}

// says tells whether the text of err begins with one of the texts.
func says(texts []string, err error) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.HasPrefix(err.Error(), text) })
}

// What x/net/proxy says of a proxy's answers and leaves without a type. A test
// holds each of them against a proxy that causes it.
var (
	socksRefusals = []string{"unknown error ", "no acceptable authentication methods", "username/password authentication failed"}
	socksNonsense = []string{"unexpected protocol version", "non-zero reserved field", "unknown address type",
		"invalid username/password version", "unsupported authentication method"}
)

// dialled is a dialer that has dialled already.
type dialled struct{ conn net.Conn }

func (d dialled) Dial(string, string) (net.Conn, error) { return d.conn, nil }

func (d dialled) DialContext(context.Context, string, string) (net.Conn, error) { return d.conn, nil }
