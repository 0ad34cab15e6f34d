package handshake

import (
	"crypto/tls"
	"fmt"

	"tls_exporter/prober/option"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// Options configure the handshake.
type Options struct {
	// ClientCertificate is sent to servers that request one; nil: none is sent.
	ClientCertificate *ClientCertificate `yaml:"client_certificate"`
	// MinVersion and MaxVersion limit the offered versions; 0: TLS 1.0 and TLS 1.3.
	MinVersion option.Version `yaml:"min_version"`
	MaxVersion option.Version `yaml:"max_version"`
	// ALPN is the offered protocols, most preferred first; nil: those of the scheme.
	ALPN []option.Protocol `yaml:"alpn"`
	// TLSClient selects the client; empty: Auto.
	TLSClient TLSClient `yaml:"tls_client"`
}

// TLSClient is a choice of the client that performs handshakes.
type TLSClient string

// The choices. Auto is the TLS 1.3 client of this project for servers that it supports,
// and crypto/tls for all others.
const (
	Auto      TLSClient = "auto"
	CryptoTLS TLSClient = "crypto_tls"
)

// UnmarshalText accepts auto and crypto_tls.
func (c *TLSClient) UnmarshalText(value []byte) error {
	switch word := TLSClient(value); word {
	case Auto, CryptoTLS:
		*c = word
		return nil
	}
	return fmt.Errorf("%s is not a TLS client; write auto or crypto_tls", text.Quote(string(value)))
}

// Validate returns an error if options contradict each other.
func (o *Options) Validate() error {
	if o.MinVersion != 0 && o.MaxVersion != 0 && o.MinVersion > o.MaxVersion {
		return fmt.Errorf("min_version %s is above max_version %s", o.MinVersion, o.MaxVersion)
	}
	return nil
}

// offered is every cipher suite of crypto/tls, also the weak ones: a probe reports which
// one a server selects. crypto/tls decides about the order.
var offered = func() []uint16 {
	var all []uint16
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		all = append(all, suite.ID)
	}
	return all
}()

// config returns the configuration that is common to all handshakes of a module.
func (o *Options) config() *tls.Config {
	config := &tls.Config{
		// Package chain verifies the chain after the handshake. If crypto/tls did,
		// it would drop the certificates of invalid chains, which have to be
		// reported. No secret is sent at any time.
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

// Protocols returns the protocols that are offered to a target by ALPN.
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
