package tlstest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"slices"
	"time"

	"tls_exporter/prober/tlstest/internal/wire"
)

// Scenario is an endpoint with one fault, with a few that occur together, or
// without any.
type Scenario struct {
	Name        string // in lower case, with hyphens
	Description string // one sentence for the user
	Make        func(l *Lab) (Server, error)

	// Scheme is the scheme of the endpoint's URL. Empty: https.
	Scheme string
}

// Scenarios returns all scenarios of the lab. The first is "healthy", which has
// no fault.
func Scenarios() []Scenario { return append(tlsScenarios(), startTLSScenarios()...) }

func tlsScenarios() []Scenario {
	return []Scenario{
		{Name: "healthy",
			Description: "No fault: the certificate is valid now and for this host, and its chain leads to the lab's root.",
			Make:        static(Server{})},

		// Validity.
		{Name: "expired",
			Description: "The certificate expired three days ago.",
			Make:        static(Server{Leaf: valid(87*day, -3*day)})},
		{Name: "not-yet-valid",
			Description: "The certificate becomes valid in two days.",
			Make:        static(Server{Leaf: valid(-2*day, 92*day)})},
		{Name: "short-lived-half-spent",
			Description: "No fault: the certificate is valid for 160 hours, of which half are left.",
			Make:        static(Server{Leaf: valid(80*time.Hour, 80*time.Hour)})},
		{Name: "short-lived-quarter-left",
			Description: "The certificate is valid for 160 hours, of which only a quarter is left.",
			Make:        static(Server{Leaf: valid(120*time.Hour, 40*time.Hour)})},

		// Names and issuers.
		{Name: "wrong-name",
			Description: "The certificate is for other.test, which is not this host.",
			Make:        static(Server{Leaf: forOther})},
		{Name: "self-signed",
			Description: "The certificate is self-signed.",
			Make:        static(Server{SelfSigned: true})},
		{Name: "unknown-authority",
			Description: "The chain leads to a root that is not trusted.",
			Make:        unknownAuthority},
		{Name: "expired-misnamed-untrusted",
			Description: "The certificate expired ten days ago, is for other.test, and comes from an untrusted CA: three faults at once.",
			Make:        expiredMisnamedUntrusted},

		// The rest of the chain.
		{Name: "missing-intermediate",
			Description: "The server sends only its own certificate, without the intermediate.",
			Make:        static(Server{Chain: leafOnly})},
		{Name: "wrong-order",
			Description: "The server sends the root before the intermediate.",
			Make:        wrongOrder},
		{Name: "expired-intermediate-beside-good",
			Description: "No fault for clients: the server sends an expired intermediate and a valid one with the same key.",
			Make:        expiredIntermediateBesideGood},
		{Name: "cross-signed-superfluous",
			Description: "No fault for clients: the server also sends a cross-signed root that expires in two days, but no path needs it.",
			Make:        crossSignedSuperfluous},
		{Name: "name-constraint",
			Description: "The intermediate's name constraints permit only permitted.test and 192.0.2.0/24, not this host.",
			Make:        nameConstraint},

		// Keys, signatures and encoding.
		{Name: "weak-key",
			Description: "The certificate's RSA key has only 1024 bits.",
			Make:        static(Server{Key: weakKey})},
		{Name: "sha1-signature",
			Description: "The certificate is signed with SHA-1, which is broken.",
			Make:        static(Server{Leaf: func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }})},
		{Name: "wrong-usage",
			Description: "The certificate is for client authentication, not for servers.",
			Make:        static(Server{Leaf: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }})},
		{Name: "negative-serial",
			Description: "The certificate has a negative serial number, which RFC 5280 forbids.",
			Make:        negativeSerial},
		{Name: "unparsable-certificate",
			Description: "The certificate cannot be parsed: one byte follows its end.",
			Make:        static(Server{RawChain: appendByte})},

		// Revocation.
		{Name: "staple-good",
			Description: "No fault: the certificate demands a stapled OCSP response, and the server sends one that says good.",
			Make:        static(Server{Leaf: MustStaple, Staple: Stapled(OCSP{})})},
		{Name: "staple-revoked",
			Description: "The CA has revoked the certificate: the server staples the OCSP response that says so.",
			Make:        static(Server{Staple: Stapled(OCSP{Status: OCSPRevoked, Reason: 1})})},
		{Name: "staple-expired",
			Description: "The server staples an OCSP response that expired yesterday.",
			Make:        static(Server{Staple: expiredStaple})},
		{Name: "must-staple-without-staple",
			Description: "The certificate demands a stapled OCSP response, and the server sends none.",
			Make:        static(Server{Leaf: MustStaple})},

		// Negotiation.
		{Name: "tls10-only",
			Description: "The server supports TLS 1.0 and nothing newer.",
			Make:        static(Server{Config: versions(tls.VersionTLS10, tls.VersionTLS10)})},
		{Name: "tls12-only",
			Description: "The server supports TLS 1.2 only, not 1.3.",
			Make:        static(Server{Config: versions(tls.VersionTLS12, tls.VersionTLS12)})},
		{Name: "tls13-only",
			Description: "The server supports TLS 1.3 only, and rejects older clients.",
			Make:        static(Server{Config: versions(tls.VersionTLS13, tls.VersionTLS13)})},
		{Name: "tls13-intolerant",
			Description: "The server rejects clients that offer TLS 1.3, and accepts them with TLS 1.2 at most.",
			Make:        static(Server{Config: rejectTLS13})},
		{Name: "ssl3-only",
			Description: "The server answers with SSL 3.0, which clients no longer support.",
			Make:        static(Server{Accept: answer(serverHelloSSL30())})},
		{Name: "client-certificate-required-tls12",
			Description: "The server requires a client certificate; in TLS 1.2 the handshake fails without one.",
			Make:        static(Server{Config: requireClientCertificate(tls.VersionTLS12)})},
		{Name: "client-certificate-required-tls13",
			Description: "The server requires a client certificate; in TLS 1.3 the handshake seems to succeed without one, and the alert comes after it.",
			Make:        static(Server{Config: requireClientCertificate(tls.VersionTLS13)})},
		{Name: "alert-handshake-failure",
			Description: "The server rejects every client with the alert handshake_failure.",
			Make:        static(Server{Accept: answer(alertRecord(wire.AlertHandshakeFailure))})},
		{Name: "alert-unrecognized-name",
			Description: "The server rejects every client with the alert unrecognized_name.",
			Make:        static(Server{Accept: answer(alertRecord(wire.AlertUnrecognizedName))})},

		// Broken or missing TLS.
		{Name: "plain-http",
			Description: "A web server without TLS listens on this port.",
			Make:        static(Server{Accept: serveHTTP})},
		{Name: "garbage",
			Description: "The server answers with bytes that are not TLS.",
			Make:        static(Server{Accept: answer(wire.Filler(1024))})},
		{Name: "silent",
			Description: "The server accepts connections and sends nothing.",
			Make:        static(Server{Accept: discardInput})},
		{Name: "closes-at-once",
			Description: "The server closes every connection at once.",
			Make:        static(Server{Accept: closeAtOnce})},
		{Name: "closes-mid-handshake",
			Description: "The server closes the connection in the middle of its first message.",
			Make:        static(Server{Accept: answer(halfServerHello())})},
		{Name: "resets-mid-handshake",
			Description: "The server resets the connection after the ClientHello.",
			Make:        static(Server{Accept: afterHello(wire.Reset)})},
		{Name: "endless",
			Description: "The server's first message never ends.",
			Make:        static(Server{Accept: afterHello(sendEndlessly)})},
		{Name: "refused",
			Description: "Nothing listens on this port.",
			Make:        static(Server{Refuse: true})},
	}
}

func expiredStaple(leaf *x509.Certificate, issuer *CA) ([]byte, error) {
	now := time.Now()
	return issuer.RespondOCSP(leaf, OCSP{ThisUpdate: now.Add(-5 * day), NextUpdate: now.Add(-day)})
}

// static makes a server that does not depend on the lab.
func static(s Server) func(*Lab) (Server, error) {
	return func(*Lab) (Server, error) { return s, nil }
}

func forOther(c *x509.Certificate) {
	c.DNSNames = []string{"other.test"}
	c.IPAddresses = nil
}

func leafOnly(leaf *x509.Certificate) []*x509.Certificate {
	return []*x509.Certificate{leaf}
}

// followedBy is a chain of the leaf and then the certificates of these CAs.
func followedBy(rest ...*CA) func(leaf *x509.Certificate) []*x509.Certificate {
	return func(leaf *x509.Certificate) []*x509.Certificate {
		chain := leafOnly(leaf)
		for _, ca := range rest {
			chain = append(chain, ca.Certificate)
		}
		return chain
	}
}

func versions(from, to uint16) func(*tls.Config) {
	return func(c *tls.Config) { c.MinVersion, c.MaxVersion = from, to }
}

// rejectTLS13 makes crypto/tls send the alert internal_error to clients with TLS 1.3.
func rejectTLS13(c *tls.Config) {
	c.MaxVersion = tls.VersionTLS12
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
			return nil, errors.New("TLS 1.3 is unknown")
		}
		return nil, nil
	}
}

func requireClientCertificate(version uint16) func(*tls.Config) {
	return func(c *tls.Config) {
		c.MinVersion, c.MaxVersion = version, version
		c.ClientAuth = tls.RequireAnyClientCert
	}
}

func weakKey() (crypto.Signer, error) {
	return rsa.GenerateKey(rand.Reader, 1024)
}

func appendByte(chain [][]byte) [][]byte {
	leaf := append([]byte(nil), chain[0]...)
	chain[0] = append(leaf, 0)
	return chain
}

func unknownAuthority(*Lab) (Server, error) {
	issuer, err := unknownIssuer()
	return Server{Issuer: issuer}, err
}

func expiredMisnamedUntrusted(*Lab) (Server, error) {
	issuer, err := unknownIssuer()
	return Server{
		Issuer: issuer,
		Leaf: func(c *x509.Certificate) {
			valid(100*day, -10*day)(c)
			forOther(c)
		},
	}, err
}

// unknownIssuer is an intermediate under a root that is not the lab's.
func unknownIssuer() (*CA, error) {
	root, err := NewRoot("Unknown Root")
	if err != nil {
		return nil, err
	}
	return root.Intermediate("Unknown Intermediate")
}

func wrongOrder(l *Lab) (Server, error) {
	return Server{Chain: followedBy(l.Root, l.Intermediate)}, nil
}

func expiredIntermediateBesideGood(l *Lab) (Server, error) {
	expired, err := l.Root.CrossSign(l.Intermediate, valid(300*day, -3*day))
	if err != nil {
		return Server{}, err
	}
	return Server{Chain: followedBy(expired, l.Intermediate)}, nil
}

func crossSignedSuperfluous(l *Lab) (Server, error) {
	old, err := NewRoot("Old Root")
	if err != nil {
		return Server{}, err
	}
	crossed, err := old.CrossSign(l.Root, valid(300*day, 2*day))
	if err != nil {
		return Server{}, err
	}
	return Server{Chain: followedBy(l.Intermediate, crossed)}, nil
}

func nameConstraint(l *Lab) (Server, error) {
	issuer, err := l.Root.Intermediate("Constrained Intermediate", func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical = true
		c.PermittedDNSDomains = []string{"permitted.test"}
		c.PermittedIPRanges = []*net.IPNet{{IP: net.IPv4(192, 0, 2, 0), Mask: net.CIDRMask(24, 32)}}
	})
	return Server{Issuer: issuer}, err
}

// negativeSerial signs the certificate twice, because crypto/x509 refuses to sign
// negative serial numbers.
func negativeSerial(l *Lab) (Server, error) {
	key, err := newKey()
	if err != nil {
		return Server{}, err
	}
	positive, err := Server{}.leaf(l.Intermediate, key)
	if err != nil {
		return Server{}, err
	}
	negative, err := l.Intermediate.reissue(positive, new(big.Int).Neg(positive.SerialNumber))
	if err != nil {
		return Server{}, err
	}
	return Server{
		Key: func() (crypto.Signer, error) { return key, nil },
		RawChain: func(chain [][]byte) [][]byte {
			chain[0] = negative
			return chain
		},
	}, nil
}
