package handshake

import (
	"crypto/tls"
	"errors"
	"fmt"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
)

// ClientCertificate names the files of a certificate chain and its key, both in PEM.
type ClientCertificate struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// load reads both files. Its errors have the configuration key and not the file name.
func (c *ClientCertificate) load() (*tls.Certificate, error) {
	if c == nil {
		return nil, nil
	}
	if c.CertFile == "" || c.KeyFile == "" {
		return nil, errors.New("client_certificate: needs both cert_file and key_file")
	}
	cert, err := option.ReadSecretFile(c.CertFile)
	if err != nil {
		return nil, fmt.Errorf("client_certificate: cert_file: %w", err)
	}
	key, err := option.ReadSecretFile(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("client_certificate: key_file: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("client_certificate: cert_file and key_file: %w", err)
	}
	return &pair, nil
}

// certificateAnswer answers the CertificateRequest of one handshake.
type certificateAnswer struct {
	own       *tls.Certificate // nil: none
	requested bool
	sent      bool  // the server got the answer
	unfit     error // why the server does not accept signatures with the key of own; nil: it does
}

// get is tls.Config.GetClientCertificate.
func (a *certificateAnswer) get(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	a.requested = true
	if a.own == nil {
		return new(tls.Certificate), nil
	}
	request := *info
	request.AcceptableCAs = nil // the server decides about them
	a.unfit = request.SupportsCertificate(a.own)
	return a.own, nil
}

// explain adds what the error of a handshake has to do with the answer. Silent means that
// the server has sent nothing since.
func (a *certificateAnswer) explain(err error, silent bool) error {
	reason := failure.Of(err)
	switch {
	case a.sent && closed(err) && silent:
		return failure.With(failure.ReasonClientCertificateRefused, fmt.Errorf("the server requested a client certificate and ended the connection after the client's answer, without an alert: %w", err))
	case a.sent && a.own == nil && reason.IsAlert():
		return fmt.Errorf("the server requested a client certificate and got none: %w", err)
	case a.unfit != nil && reason == failure.ReasonBadMessage:
		return failure.With(failure.ReasonClientCertificateUnusable, fmt.Errorf("the server accepts no signature with the key of the module's client certificate: %w", err))
	}
	return err
}

// acceptance returns whether the server accepts clients without a certificate, if the
// handshake ended with a failure; nil: it was completed.
func (a *certificateAnswer) acceptance(f *failure.Failure) Acceptance {
	switch {
	case a.requested && a.own != nil:
		return NotKnown
	case f == nil:
		return Accepted
	case a.sent && (f.Reason.IsAlert() || f.Reason == failure.ReasonClientCertificateRefused):
		return Refused
	}
	return NotKnown
}
