package handshake

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ClientCertificate is a certificate and its key, both in PEM.
type ClientCertificate struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// load reads the pair. An error names the key of the file that is wrong, and not
// the file: where a private key lies is nobody's business who reads a log.
func (c *ClientCertificate) load() (*tls.Certificate, error) {
	if c == nil {
		return nil, nil
	}
	if c.CertFile == "" || c.KeyFile == "" {
		return nil, errors.New("client_certificate: needs both cert_file and key_file")
	}
	cert, err := readUnnamed(c.CertFile)
	if err != nil {
		return nil, fmt.Errorf("client_certificate: cert_file: %w", err)
	}
	key, err := readUnnamed(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("client_certificate: key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("client_certificate: cert_file and key_file: %w", err)
	}
	return &pair, nil
}

// readUnnamed reads a file; its name is not in an error.
func readUnnamed(name string) ([]byte, error) {
	content, err := os.ReadFile(name)
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	return content, err
}
