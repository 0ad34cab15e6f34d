package prober

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/connect"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/identity"
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
	// PasswordFile is a file with the password of key stores: PKCS #12 and JKS; empty: none.
	PasswordFile string `yaml:"password_file"`

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
	if err := m.Expect.Options.Validate(); err != nil {
		return fmt.Errorf("expect: %w", err)
	}
	if expected := m.Expect.Options; expected != nil && expected.MinVersion != 0 && m.MaxVersion != 0 && expected.MinVersion > m.MaxVersion {
		return fmt.Errorf("expect: min_version %s is above max_version %s, the highest version that is offered", expected.MinVersion, m.MaxVersion)
	}
	if m.Policy.Options != nil && (m.Versions.Options == nil || m.Ciphers.Options == nil) {
		return errors.New("policy: needs the checks versions and ciphers; add versions: {} and ciphers: {}")
	}
	if m.Grade.Options != nil && (m.Versions.Options == nil || m.Ciphers.Options == nil || m.Vulnerabilities.Options == nil) {
		return errors.New("grade: needs the checks versions, ciphers and vulnerabilities; add versions: {}, ciphers: {} and vulnerabilities: {}")
	}
	if err := m.Policy.Options.Validate(); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	if m.Clients.Options != nil && (m.Versions.Options == nil || m.Ciphers.Options == nil) {
		return errors.New("clients: needs the checks versions and ciphers; add versions: {} and ciphers: {}")
	}
	if err := m.Revocation.Options.Validate(); err != nil {
		return fmt.Errorf("revocation: %w", err)
	}
	if err := m.Clients.Options.Validate(); err != nil {
		return fmt.Errorf("clients: %w", err)
	}
	if err := m.CAA.Options.Validate(); err != nil {
		return fmt.Errorf("caa: %w", err)
	}
	if err := m.Renewal.Options.Validate(); err != nil {
		return fmt.Errorf("renewal: %w", err)
	}
	return m.Route.Validate()
}

// loadPassword reads the password of key stores. A line break at its end is not part of it.
func (m *Module) loadPassword() (option.Secret, error) {
	if m.PasswordFile == "" {
		return option.Secret{}, nil
	}
	content, err := option.ReadSecretFile(m.PasswordFile)
	if err != nil {
		return option.Secret{}, fmt.Errorf("password_file: %w", err)
	}
	password := strings.TrimRight(string(content), "\r\n")
	switch {
	case password == "":
		return option.Secret{}, errors.New("password_file: is empty; write the password into it, or leave it out for key stores without one")
	case len(password) > maxPassword:
		return option.Secret{}, fmt.Errorf("password_file: has more than %d bytes, and is no password", maxPassword)
	}
	return option.NewSecret(password), nil
}

// maxPassword bounds a password, in bytes.
const maxPassword = 1024

// key identifies all that a check can see of a module and of the files that it names:
// the trusted roots of ca_file and the client certificate, both in DER, and the access
// policy. Each option counts unless it is a check's, whose own options are added to the
// key of its findings. The system's roots and the environment's proxy do not change in a
// process.
func (m *Module) key(roots, certificate [][]byte, policy *guard.Policy) [16]byte {
	common := *m
	common.Checks = Checks{}
	return identity.Of(common, roots, certificate, policy)
}
