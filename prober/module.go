package prober

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/connect"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/option"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/target"
)

// Module is how to probe. DefaultModule has the defaults of its options.
type Module struct {
	// Timeout limits the whole probe.
	Timeout option.Duration `yaml:"timeout"`
	// ServerName is sent as SNI and verified; empty: the target's host.
	ServerName target.ServerName `yaml:"server_name"`
	// Addresses is how many of the addresses of a name are probed.
	Addresses Addresses `yaml:"addresses"`

	Trust
	Route
	Handshake
	Checks
}

// The options of the steps, embedded so that targets.yml stays flat.
type (
	// Trust says which roots are trusted.
	Trust = chain.Options
	// Route says how targets are reached.
	Route = connect.Options
	// Handshake says what is offered in the handshake.
	Handshake = handshake.Options
)

// DefaultModule is the module "default" of a configuration that defines no other of
// that name.
func DefaultModule() Module {
	m := Module{Timeout: option.Duration(10 * time.Second), Addresses: OneAddress}
	m.IPProtocol, m.TLSClient = resolve.AnyIP, handshake.Auto
	return m
}

// validate returns an error for options that contradict each other. It begins with
// the key of one of them.
func (m *Module) validate() error {
	if err := m.Handshake.Validate(); err != nil {
		return err
	}
	if expected := m.Expect.Options; expected != nil && expected.MinVersion != 0 && m.MaxVersion != 0 && expected.MinVersion > m.MaxVersion {
		return fmt.Errorf("expect: min_version %s is above max_version %s, the highest version that is offered", expected.MinVersion, m.MaxVersion)
	}
	if m.Policy.Options != nil && (m.Versions.Options == nil || m.Ciphers.Options == nil) {
		return errors.New("policy: needs the checks versions and ciphers; add versions: {} and ciphers: {}")
	}
	if err := m.Policy.Options.Validate(); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	return m.Route.Validate()
}

// routeKey identifies how the module reaches servers, for the keys of cached
// findings. Certificate is the chain that is presented to servers.
func (m *Module) routeKey(certificate [][]byte) string {
	chosen := Module{ServerName: m.ServerName, Route: m.Route}
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v %x", chosen, certificate))
	return string(sum[:])
}
