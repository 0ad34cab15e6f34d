package prober

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// Module is how to probe. DefaultModule has the values that hold where a file sets
// none.
type Module struct {
	// Timeout bounds the whole probe.
	Timeout Duration `yaml:"timeout"`
	// ServerName is the SNI and the name to verify; empty: the target's host.
	ServerName ServerName `yaml:"server_name"`
	// Addresses is how many of a name's addresses are probed.
	Addresses Addresses `yaml:"addresses"`

	TrustOptions
	ConnectOptions
	HandshakeOptions
	Checks
}

// DefaultModule is the module that /probe uses when none is named and the
// configuration has no other of the name default.
func DefaultModule() Module {
	m := Module{Timeout: Duration(10 * time.Second), Addresses: OneAddress}
	m.IPProtocol, m.TLSClient = AnyIP, AutoClient
	return m
}

// validate finds options that contradict each other. An error begins with the key
// of one of them.
func (m *Module) validate() error {
	if err := m.HandshakeOptions.Validate(); err != nil {
		return err
	}
	if expected := m.Expect.Options; expected != nil && expected.MinVersion != 0 && m.MaxVersion != 0 && expected.MinVersion > m.MaxVersion {
		return fmt.Errorf("expect: min_version %s is above what is offered at all, max_version %s", expected.MinVersion, m.MaxVersion)
	}
	if m.Policy.Options != nil && (m.Versions.Options == nil || m.Ciphers.Options == nil) {
		return errors.New("policy: judges what versions and ciphers found; write versions: {} and ciphers: {} beside it")
	}
	if err := m.Policy.Options.Validate(); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	return m.ConnectOptions.Validate()
}

// routeKey is how the module reaches servers, for the keys of cached findings.
// Certificate is what is presented to servers.
func (m *Module) routeKey(certificate [][]byte) string {
	chosen := Module{ServerName: m.ServerName, ConnectOptions: m.ConnectOptions}
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v %x", chosen, certificate))
	return string(sum[:])
}
