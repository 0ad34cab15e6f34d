package handshake

import (
	"crypto/tls"
	"fmt"

	"tls_exporter/prober/option"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// Options say what is offered in the handshake.
type Options struct {
	// ClientCertificate is presented to servers that ask for one; nil: none is.
	ClientCertificate *ClientCertificate `yaml:"client_certificate"`
	// MinVersion and MaxVersion bound what is offered; 0: all that crypto/tls has.
	MinVersion option.Version `yaml:"min_version"`
	MaxVersion option.Version `yaml:"max_version"`
	// ALPN is what is offered, in order of preference; nil: the scheme's own.
	ALPN []option.Protocol `yaml:"alpn"`
	// TLSClient is the client of the handshake.
	TLSClient TLSClient `yaml:"tls_client"`
}

// TLSClient is which client performs the handshakes.
type TLSClient string

// The clients. Auto is the TLS 1.3 client of this project with servers that it
// supports, and crypto/tls with all others.
const (
	Auto      TLSClient = "auto"
	CryptoTLS TLSClient = "crypto_tls"
)

// UnmarshalText takes auto or crypto_tls.
func (c *TLSClient) UnmarshalText(value []byte) error {
	switch word := TLSClient(value); word {
	case Auto, CryptoTLS:
		*c = word
		return nil
	}
	return fmt.Errorf("%s is not a TLS client; write auto or crypto_tls", text.Quote(string(value)))
}

// Validate finds options that contradict each other.
func (o *Options) Validate() error {
	if o.MinVersion != 0 && o.MaxVersion != 0 && o.MinVersion > o.MaxVersion {
		return fmt.Errorf("min_version %s is above max_version %s", o.MinVersion, o.MaxVersion)
	}
	return nil
}

// offered is every suite that crypto/tls has, the old and weak ones too: what a
// server would select is a finding, and a client that cannot speak to it has none.
// Which suite is chosen stays the server's, or crypto/tls's, order.
var offered = func() []uint16 {
	var all []uint16
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		all = append(all, suite.ID)
	}
	return all
}()

// config is what all handshakes of a module have in common.
func (o *Options) config() *tls.Config {
	config := &tls.Config{
		// The chain is judged after the handshake, question by question. With
		// verification inside it, crypto/tls drops the certificates of the very
		// chains that have to be shown. Nothing secret is sent before judging.
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
		MaxVersion:         uint16(o.MaxVersion),
		CipherSuites:       offered,
	}
	if o.MinVersion != 0 {
		config.MinVersion = uint16(o.MinVersion)
	}
	return config
}

// Protocols is the ALPN offer for a target: that of the options, or the scheme's.
func (o *Options) Protocols(t *target.Target) []string {
	if o.ALPN == nil {
		return t.Scheme.ALPN()
	}
	names := make([]string, len(o.ALPN))
	for i, name := range o.ALPN {
		names[i] = string(name)
	}
	return names
}
