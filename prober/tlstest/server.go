package tlstest

import (
	"cmp"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"tls_exporter/prober/tlstest/internal/wire"
)

// Server is a server of the lab. The zero value has no faults: it supports all
// versions of crypto/tls, and its P-256 certificate is for localhost, 127.0.0.1
// and ::1, is 30 days old and has 60 days left. The chain ends below the lab's
// root. The ALPN protocols are h2 and http/1.1; clients that offer others are
// accepted without ALPN. After the handshake the server reads until the
// client's close_notify and answers it.
type Server struct {
	// Address is where to listen. Default: any port of 127.0.0.1. If the port is
	// in use, another port of the same host is taken. An address that begins with
	// a slash is the path of a Unix socket.
	Address string

	// Leaf changes the template of the server's certificate before it is
	// signed. The default common name is the first DNS name.
	Leaf func(*x509.Certificate)

	// Key makes the key of the server's certificate. Default: P-256.
	Key func() (crypto.Signer, error)

	// Issuer signs the server's certificate. Default: the lab's intermediate.
	Issuer *CA

	// SelfSigned makes the certificate self-signed, and the only one in the
	// chain. Issuer is not used.
	SelfSigned bool

	// Chain is what the server sends. Default: the leaf and its issuer.
	Chain func(leaf *x509.Certificate) []*x509.Certificate

	// RawChain changes the DER of the chain. It is for certificates that
	// crypto/x509 can neither make nor parse.
	RawChain func(chain [][]byte) [][]byte

	// Config changes the TLS configuration. To reject clients whose ALPN has
	// nothing in common with NextProtos, set GetConfigForClient to nil.
	Config func(*tls.Config)

	// Logs are the Certificate Transparency logs whose SCTs are in the certificate. They
	// sign when its validity begins. Default: none.
	Logs []*CTLog

	// Staple makes the OCSP response that the server staples, in DER. Issuer is the CA of the
	// server's certificate. Default: none.
	Staple func(leaf *x509.Certificate, issuer *CA) ([]byte, error)

	// StartTLS is the protocol whose cleartext dialogue precedes TLS, by its URL
	// scheme: smtp, xmpp-client, mssql. Default: none.
	StartTLS string

	// StartTLSFault is how that dialogue fails. Default: it does not.
	StartTLSFault StartTLSFault

	// Preface replaces the dialogue of StartTLS. It returns the connection for
	// TLS, or nil if TLS must not follow.
	Preface func(ctx context.Context, c net.Conn) net.Conn

	// Accept replaces TLS. The lab closes c when it returns. When the lab
	// closes, ctx ends and c is closed.
	Accept func(ctx context.Context, c net.Conn)

	// Inside is called after the handshake with the TLS connection. Default:
	// read until the client closes.
	Inside func(ctx context.Context, c net.Conn)

	// ProxyProtocol makes the server require a PROXY protocol header first, and
	// is called with each header.
	ProxyProtocol func(ProxyProtocolHeader)

	// Refuse reserves the port and does not listen on it: connections are refused.
	Refuse bool

	// Hang reserves the port and leaves every connection to it unanswered.
	Hang bool
}

// handler serves one connection. It need not close it.
type handler = func(ctx context.Context, c net.Conn)

// Start starts a server and returns its address: "127.0.0.1:port", or the path
// of a socket. The server runs until the lab closes.
func (l *Lab) Start(s Server) (addr string, err error) {
	switch {
	case s.Refuse:
		return l.hold(s.Address, reserve)
	case s.Hang:
		return l.hold(s.Address, listenWithFullBacklog)
	}
	serve := s.Accept
	if serve == nil {
		config, err := l.tlsConfig(s)
		if err != nil {
			return "", err
		}
		serve = serveTLS(config, s.Inside)
	}
	before, err := s.preface()
	if err != nil {
		return "", err
	}
	serve = before.then(serve)
	if s.ProxyProtocol != nil {
		serve = requireProxyHeader(s.ProxyProtocol, serve)
	}
	listener, err := listenAt(s.Address, listen)
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), l.run(listener, func() { l.accept(listener, serve) })
}

func listen(address string) (net.Listener, error) {
	if strings.HasPrefix(address, "/") {
		return net.Listen("unix", address)
	}
	return net.Listen("tcp", address)
}

func (l *Lab) tlsConfig(s Server) (*tls.Config, error) {
	identity, err := l.Identity(s)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{identity},
		NextProtos:   []string{"h2", "http/1.1"},
	}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		return ignoreUnknownALPN(config, hello), nil
	}
	if s.Config != nil {
		s.Config(config)
	}
	return config, nil
}

// ignoreUnknownALPN returns a configuration for clients that offer only other
// protocols. crypto/tls would reject them, as RFC 7301 section 3.2 says. Most
// servers ignore the extension.
func ignoreUnknownALPN(config *tls.Config, hello *tls.ClientHelloInfo) *tls.Config {
	known := func(protocol string) bool { return slices.Contains(config.NextProtos, protocol) }
	if slices.ContainsFunc(hello.SupportedProtos, known) {
		return nil // use config
	}
	without := config.Clone()
	without.NextProtos = nil
	return without
}

// Identity makes the key and the certificate chain that s presents.
func (l *Lab) Identity(s Server) (tls.Certificate, error) {
	makeKey := s.Key
	if makeKey == nil {
		makeKey = newKey
	}
	key, err := makeKey()
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the server's key: %w", err)
	}
	chain, err := l.chain(s, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the server's certificate: %w", err)
	}
	raw := make([][]byte, len(chain))
	for i, certificate := range chain {
		raw[i] = certificate.Raw
	}
	if s.RawChain != nil {
		raw = s.RawChain(raw)
	}
	identity := tls.Certificate{Certificate: raw, PrivateKey: key}
	if s.Staple != nil {
		if identity.OCSPStaple, err = s.Staple(chain[0], cmp.Or(s.Issuer, l.Intermediate)); err != nil {
			return tls.Certificate{}, fmt.Errorf("make the stapled response: %w", err)
		}
	}
	return identity, nil
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
	template := leafTemplate()
	if !s.SelfSigned {
		setIssuerURL(issuer)(template)
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
	if len(s.Logs) == 0 {
		return issuer.Issue(template, key)
	}
	return issuer.IssueLogged(template, key, func(tbs []byte) (pkix.Extension, error) {
		var scts [][]byte
		for _, log := range s.Logs {
			sct, err := log.SignPrecertificate(issuer.Certificate, tbs, template.NotBefore)
			if err != nil {
				return pkix.Extension{}, err
			}
			scts = append(scts, sct)
		}
		return SCTExtension(SCTList(scts...), false), nil
	})
}

// serveTLS completes a handshake and then calls inside or, if that is nil,
// reads until the client closes.
func serveTLS(config *tls.Config, inside handler) handler {
	return func(ctx context.Context, c net.Conn) {
		// Errors are for the client to report.
		c.SetDeadline(time.Now().Add(wire.Timeout))
		conn := tls.Server(c, config)
		if conn.HandshakeContext(ctx) != nil {
			wire.Finish(c)
			return
		}
		if inside != nil {
			inside(ctx, conn)
		} else {
			wire.Drain(conn)
		}
		conn.Close()
	}
}
