package tlstest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"time"
)

// Illness is one way in which an endpoint can be wrong, named as a person would.
// Some only look like one, and are here so that nobody takes them for it.
type Illness struct {
	Name string // in lower case, with hyphens
	Says string // one sentence for people: what is wrong with it
	Make func(l *Lab) (Server, error)

	// Scheme is that of the endpoint's URL; empty: https.
	Scheme string

	// ServerName is what to ask the endpoint for, where its address is not.
	ServerName string
}

// Illnesses is every illness that the lab knows, beginning with "healthy".
func Illnesses() []Illness { return append(illnessesOfTLS(), illnessesBeforeTLS()...) }

func illnessesOfTLS() []Illness {
	return []Illness{
		{Name: "healthy",
			Says: "Nothing is wrong: the certificate is in date, for this host, and its chain leads to the lab's root.",
			Make: is(Server{})},

		// When.
		{Name: "expired",
			Says: "The certificate ended three days ago.",
			Make: is(Server{Leaf: valid(87*day, -3*day)})},
		{Name: "not-yet-valid",
			Says: "The certificate begins in two days.",
			Make: is(Server{Leaf: valid(-2*day, 92*day)})},
		{Name: "short-lived-half-spent",
			Says: "Nothing is wrong: the certificate lasts 160 hours and has half of them left.",
			Make: is(Server{Leaf: valid(80*time.Hour, 80*time.Hour)})},
		{Name: "short-lived-quarter-left",
			Says: "The certificate lasts 160 hours and has only a quarter of them left.",
			Make: is(Server{Leaf: valid(120*time.Hour, 40*time.Hour)})},

		// Who.
		{Name: "wrong-name",
			Says: "The certificate is for other.test, which is not this host.",
			Make: is(Server{Leaf: forOther})},
		{Name: "self-signed",
			Says: "The certificate is signed with its own key, so nobody vouches for it.",
			Make: is(Server{SelfSigned: true})},
		{Name: "unknown-authority",
			Says: "The chain leads to a root that nobody has been told to trust.",
			Make: unknownAuthority},
		{Name: "expired-misnamed-untrusted",
			Says: "The certificate ended ten days ago, is for other.test, and comes from an authority that nobody trusts: three faults at once.",
			Make: expiredMisnamedUntrusted},

		// The rest of the chain.
		{Name: "missing-intermediate",
			Says: "The server sends its certificate alone, without the intermediate that leads to the root.",
			Make: is(Server{Chain: only})},
		{Name: "wrong-order",
			Says: "The server sends the root before the intermediate.",
			Make: wrongOrder},
		{Name: "expired-intermediate-beside-good",
			Says: "Nothing is wrong for clients: an expired intermediate is sent beside the good one with the same key.",
			Make: expiredIntermediateBesideGood},
		{Name: "cross-signed-superfluous",
			Says: "Nothing is wrong for clients: a cross-signature of the root by an older one is sent too, and ends in two days, but no path needs it.",
			Make: crossSignedSuperfluous},
		{Name: "name-constraint",
			Says: "The intermediate may only vouch for permitted.test and 192.0.2.0/24, and this host is neither.",
			Make: nameConstraint},

		// What the certificate is made of.
		{Name: "weak-key",
			Says: "The certificate's RSA key has 1024 bits, which is too few.",
			Make: is(Server{Key: weakKey})},
		{Name: "sha1-signature",
			Says: "The certificate is signed with SHA-1, which can be forged.",
			Make: is(Server{Leaf: func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }})},
		{Name: "wrong-usage",
			Says: "The certificate is for clients, not for servers.",
			Make: is(Server{Leaf: func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }})},
		{Name: "negative-serial",
			Says: "The certificate has a negative serial number, which RFC 5280 forbids.",
			Make: negativeSerial},
		{Name: "unparsable-certificate",
			Says: "The certificate cannot be read: there is a byte too many at its end.",
			Make: is(Server{RawChain: byteTooMany})},

		// What is negotiated.
		{Name: "tls10-only",
			Says: "The server speaks TLS 1.0 and nothing newer.",
			Make: is(Server{Config: speaking(tls.VersionTLS10, tls.VersionTLS10)})},
		{Name: "tls12-only",
			Says: "The server speaks TLS 1.2 alone, not yet 1.3.",
			Make: is(Server{Config: speaking(tls.VersionTLS12, tls.VersionTLS12)})},
		{Name: "tls13-only",
			Says: "The server speaks TLS 1.3 alone, and turns older clients away.",
			Make: is(Server{Config: speaking(tls.VersionTLS13, tls.VersionTLS13)})},
		{Name: "ssl3-only",
			Says: "The server answers with SSL 3.0, which no client speaks any more.",
			Make: is(Server{Accept: answer(serverHelloSSL30())})},
		{Name: "client-certificate-required-tls12",
			Says: "The server demands a certificate of its clients; with TLS 1.2 the handshake fails without one.",
			Make: is(Server{Config: demanding(tls.VersionTLS12)})},
		{Name: "client-certificate-required-tls13",
			Says: "The server demands a certificate of its clients; with TLS 1.3 the handshake seems to succeed without one, and the refusal comes after it.",
			Make: is(Server{Config: demanding(tls.VersionTLS13)})},
		{Name: "alert-handshake-failure",
			Says: "The server turns every client away with the alert handshake_failure.",
			Make: is(Server{Accept: answer(alert(alertHandshakeFailure))})},
		{Name: "alert-unrecognized-name",
			Says: "The server turns every client away with the alert unrecognized_name.",
			Make: is(Server{Accept: answer(alert(alertUnrecognizedName))})},

		// Hardly TLS.
		{Name: "plain-http",
			Says: "A web server without TLS answers on this port.",
			Make: is(Server{Accept: speakHTTP})},
		{Name: "garbage",
			Says: "The server answers with bytes that are no TLS.",
			Make: is(Server{Accept: answer(noise(1024))})},
		{Name: "silent",
			Says: "The server accepts connections and never says a word.",
			Make: is(Server{Accept: keepSilent})},
		{Name: "closes-at-once",
			Says: "The server closes every connection before a word is said.",
			Make: is(Server{Accept: hangUp})},
		{Name: "closes-mid-handshake",
			Says: "The server hangs up in the middle of its first message.",
			Make: is(Server{Accept: answer(halfServerHello())})},
		{Name: "resets-mid-handshake",
			Says: "The server resets the connection when it has read the client's first message.",
			Make: is(Server{Accept: afterHello(reset)})},
		{Name: "endless",
			Says: "The server's first message never ends.",
			Make: is(Server{Accept: afterHello(speakForever)})},
		{Name: "refused",
			Says: "Nothing listens on this port.",
			Make: is(Server{Refuse: true})},
	}
}

// is makes a server that needs nothing of the lab.
func is(s Server) func(*Lab) (Server, error) {
	return func(*Lab) (Server, error) { return s, nil }
}

func forOther(c *x509.Certificate) {
	c.DNSNames = []string{"other.test"}
	c.IPAddresses = nil
}

func only(leaf *x509.Certificate) []*x509.Certificate {
	return []*x509.Certificate{leaf}
}

// followedBy sends the leaf, and then these.
func followedBy(rest ...*CA) func(leaf *x509.Certificate) []*x509.Certificate {
	return func(leaf *x509.Certificate) []*x509.Certificate {
		chain := only(leaf)
		for _, ca := range rest {
			chain = append(chain, ca.Certificate)
		}
		return chain
	}
}

func speaking(from, to uint16) func(*tls.Config) {
	return func(c *tls.Config) { c.MinVersion, c.MaxVersion = from, to }
}

func demanding(version uint16) func(*tls.Config) {
	return func(c *tls.Config) {
		c.MinVersion, c.MaxVersion = version, version
		c.ClientAuth = tls.RequireAnyClientCert
	}
}

func weakKey() (crypto.Signer, error) {
	return rsa.GenerateKey(rand.Reader, 1024)
}

func byteTooMany(chain [][]byte) [][]byte {
	leaf := append([]byte(nil), chain[0]...)
	chain[0] = append(leaf, 0)
	return chain
}

func unknownAuthority(*Lab) (Server, error) {
	issuer, err := stranger()
	return Server{Issuer: issuer}, err
}

func expiredMisnamedUntrusted(*Lab) (Server, error) {
	issuer, err := stranger()
	return Server{
		Issuer: issuer,
		Leaf: func(c *x509.Certificate) {
			valid(100*day, -10*day)(c)
			forOther(c)
		},
	}, err
}

// stranger is an intermediate under a root that is not the lab's.
func stranger() (*CA, error) {
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

// negativeSerial signs the certificate twice, since crypto/x509 does not give
// out negative serial numbers.
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
