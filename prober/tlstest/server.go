package tlstest

import (
	"cmp"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// Server is what differs from a healthy server, so the zero value is healthy:
// every version that Go serves, a P-256 certificate for localhost, 127.0.0.1
// and ::1 that is 30 days old and lasts 90, and the chain up to the lab's root,
// without the root. It takes h2 and http/1.1 where a client offers them, and
// any other client without ALPN. After the handshake it listens until the
// client says goodbye, and answers with goodbye.
type Server struct {
	// Address is where to listen. Default: any port of 127.0.0.1. A port that
	// cannot be had is replaced by any other of the same host. A path, which
	// begins with a slash, is that of a Unix socket.
	Address string

	// Leaf changes the template of the server's certificate before it is
	// signed. The common name, unless set here, will be the first DNS name.
	Leaf func(*x509.Certificate)

	// Key makes the key of the server's certificate. Default: P-256.
	Key func() (crypto.Signer, error)

	// Issuer signs the server's certificate. Default: the lab's intermediate.
	Issuer *CA

	// SelfSigned servers sign their certificate with its own key, and send it
	// alone; Issuer is not asked.
	SelfSigned bool

	// Chain is what is sent. Default: the leaf, and its issuer.
	Chain func(leaf *x509.Certificate) []*x509.Certificate

	// RawChain has the last word on the bytes that are sent, for what
	// crypto/x509 can neither make nor read.
	RawChain func(chain [][]byte) [][]byte

	// Config changes the server's settings. To turn away clients whose ALPN has
	// nothing in common with NextProtos, set GetConfigForClient to nil.
	Config func(*tls.Config)

	// Accept is spoken instead of TLS. The lab closes c after it returns, and
	// ctx ends, and c with it, when the lab closes.
	Accept func(ctx context.Context, c net.Conn)

	// Inside is spoken over TLS once hands are shaken, instead of listening.
	Inside func(ctx context.Context, c net.Conn)

	// Announced has the server insist on a PROXY protocol header before
	// anything else, and is told what it says.
	Announced func(Announcement)

	// Refuse takes the port and does not listen on it: connections are refused.
	Refuse bool

	// Hang takes the port and leaves every connection to it unanswered.
	Hang bool
}

// conversation is what a server does with one connection, which it need not close.
type conversation = func(ctx context.Context, c net.Conn)

// Start starts a server and says where it listens, as "127.0.0.1:port" or the
// path of a socket. The server stops when the lab closes.
func (l *Lab) Start(s Server) (addr string, err error) {
	switch {
	case s.Refuse:
		return l.hold(s.Address, reserve)
	case s.Hang:
		return l.hold(s.Address, overcrowd)
	}
	talk := s.Accept
	if talk == nil {
		config, err := l.configure(s)
		if err != nil {
			return "", err
		}
		talk = speakTLS(config, s.Inside)
	}
	if s.Announced != nil {
		talk = announced(s.Announced, talk)
	}
	listener, err := at(s.Address, listen)
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), l.run(listener, func() { l.accept(listener, talk) })
}

func listen(address string) (net.Listener, error) {
	if strings.HasPrefix(address, "/") {
		return net.Listen("unix", address)
	}
	return net.Listen("tcp", address)
}

// at opens something at an address, or else at any port of the same host.
func at[T any](address string, open func(address string) (T, error)) (T, error) {
	address = cmp.Or(address, "127.0.0.1:0")
	opened, err := open(address)
	if err == nil {
		return opened, nil
	}
	host, _, malformed := net.SplitHostPort(address)
	if malformed != nil {
		return opened, malformed
	}
	return open(net.JoinHostPort(host, "0"))
}

func (l *Lab) configure(s Server) (*tls.Config, error) {
	identity, err := l.identity(s)
	if err != nil {
		return nil, fmt.Errorf("make the server's certificate: %w", err)
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{identity},
		NextProtos:   []string{"h2", "http/1.1"},
	}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		return withoutStrangeALPN(config, hello), nil
	}
	if s.Config != nil {
		s.Config(config)
	}
	return config, nil
}

// withoutStrangeALPN is for clients that offer only protocols the server does
// not have. crypto/tls would turn them away, as RFC 7301 section 3.2 has it;
// most servers ignore the offer, and so does a healthy one here.
func withoutStrangeALPN(config *tls.Config, hello *tls.ClientHelloInfo) *tls.Config {
	known := func(protocol string) bool { return slices.Contains(config.NextProtos, protocol) }
	if slices.ContainsFunc(hello.SupportedProtos, known) {
		return nil // as configured
	}
	without := config.Clone()
	without.NextProtos = nil
	return without
}

// identity is the server's key and the chain that it sends.
func (l *Lab) identity(s Server) (tls.Certificate, error) {
	makeKey := s.Key
	if makeKey == nil {
		makeKey = newKey
	}
	key, err := makeKey()
	if err != nil {
		return tls.Certificate{}, err
	}
	chain, err := l.chain(s, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	raw := make([][]byte, len(chain))
	for i, certificate := range chain {
		raw[i] = certificate.Raw
	}
	if s.RawChain != nil {
		raw = s.RawChain(raw)
	}
	return tls.Certificate{Certificate: raw, PrivateKey: key}, nil
}

func (l *Lab) chain(s Server, key crypto.Signer) ([]*x509.Certificate, error) {
	issuer := cmp.Or(s.Issuer, l.Intermediate)
	leaf, err := s.leaf(issuer, key)
	switch {
	case err != nil:
		return nil, err
	case s.Chain != nil:
		return s.Chain(leaf), nil
	case s.SelfSigned:
		return []*x509.Certificate{leaf}, nil
	default:
		return []*x509.Certificate{leaf, issuer.Certificate}, nil
	}
}

func (s Server) leaf(issuer *CA, key crypto.Signer) (*x509.Certificate, error) {
	template := healthyLeaf()
	if !s.SelfSigned {
		pointTo(issuer)(template)
	}
	if s.Leaf != nil {
		s.Leaf(template)
	}
	if template.Subject.CommonName == "" && len(template.DNSNames) > 0 {
		template.Subject.CommonName = template.DNSNames[0]
	}
	if s.SelfSigned {
		return selfSign(template, key)
	}
	return issuer.Issue(template, key)
}

const (
	// patience is how long a server listens to a peer that has something to say.
	patience = time.Minute

	// parting is how long it waits for a peer that it has said goodbye to.
	parting = 5 * time.Second

	// earful is how many bytes of a peer it listens to.
	earful = 1 << 20
)

// speakTLS shakes hands, and then has the conversation inside or, without one,
// listens until the peer says goodbye.
func speakTLS(config *tls.Config, inside conversation) conversation {
	return func(ctx context.Context, c net.Conn) {
		// What goes wrong from here on is the peer's to notice.
		c.SetDeadline(time.Now().Add(patience))
		conn := tls.Server(c, config)
		if conn.HandshakeContext(ctx) != nil {
			part(c)
			return
		}
		if inside != nil {
			inside(ctx, conn)
		} else {
			io.Copy(io.Discard, io.LimitReader(conn, earful))
		}
		conn.Close()
	}
}

// part says goodbye and waits for the peer to leave. A socket that is closed
// with bytes unread sends a reset, which can overtake the last words: an alert
// would reach the peer on some days and not on others.
func part(c net.Conn) {
	hangUpWriting(c)
	c.SetReadDeadline(time.Now().Add(parting))
	io.Copy(io.Discard, io.LimitReader(c, earful))
}
