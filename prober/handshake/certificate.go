package handshake

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// ClientCertificate names the files of a certificate chain and its key, both in PEM.
type ClientCertificate struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// load reads both files. Its errors have the configuration key and not the file name,
// because logs should not say where a private key is stored.
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

// readUnnamed reads a file. Its errors do not have the file name.
func readUnnamed(name string) ([]byte, error) {
	content, err := os.ReadFile(name)
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	return content, err
}
