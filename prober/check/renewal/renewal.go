// Package renewal asks the CA of a certificate when to renew it (ACME Renewal Information,
// RFC 9773). A CA that has to revoke many certificates says so here first.
package renewal

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/fetch"
	"tls_exporter/prober/option"
)

// Options configures the check renewal.
type Options struct {
	// ARI says where the CA is asked.
	ARI ARI `yaml:"ari"`
}

// ARI configures the questions to a CA.
type ARI struct {
	// Directory is the URL of the ACME directory of the CA that issues the certificates
	// (RFC 8555 section 7.1.1).
	Directory option.URL `yaml:"directory"`
}

// Validate returns an error if there is no directory. Nil options have none.
func (o *Options) Validate() error {
	if o != nil && o.ARI.Directory == "" {
		return errors.New("needs the ACME directory of the CA, as in ari: {directory: https://acme-v02.api.letsencrypt.org/directory}")
	}
	return nil
}

// Finding is what the CA says about the certificate that the server uses.
type Finding struct {
	Start, End  time.Time // of the window in which the CA wants it to be renewed
	Explanation string    // URL of a page that says why; empty: there is none
	Asked       time.Time // when the CA said so
	Overdue     bool      // the window has ended, and the server still uses the certificate
}

// Bounds on the age of what a CA said.
const (
	// directoryAge is how old a directory may become before it is asked for again.
	directoryAge = 24 * time.Hour
	// maxStale is how long an answer counts after the CA should have been asked again,
	// and could not.
	maxStale = 24 * time.Hour
)

// Find asks the CA about a leaf, at the time now. The leaf has to be that of a trusted path:
// anybody can make other certificates, and so cause requests.
func (o *Options) Find(ctx context.Context, client *fetch.Client, leaf *x509.Certificate, now time.Time) (*Finding, error) {
	id, err := CertID(leaf)
	if err != nil {
		return nil, err
	}
	base, err := o.renewalInfo(ctx, client)
	if err != nil {
		return nil, err
	}
	answer := client.Get(ctx, &fetch.Request{
		URL: strings.TrimSuffix(base, "/") + "/" + id, Accept: "application/json", MaxBytes: maxInfo, MaxAge: 2 * maxWait, Kind: "RenewalInfo", Parse: parseInfo,
	})
	known, ok := answer.Value.(*info)
	if !ok || answer.Failure != nil && now.Sub(known.until) > maxStale {
		return nil, unanswered(answer.Failure)
	}
	return &Finding{Start: known.start, End: known.end, Explanation: known.explanation, Asked: answer.At, Overdue: now.After(known.end)}, nil
}

// renewalInfo returns the URL below which the CA is asked about its certificates.
func (o *Options) renewalInfo(ctx context.Context, client *fetch.Client) (string, error) {
	answer := client.Get(ctx, &fetch.Request{
		URL: string(o.ARI.Directory), Accept: "application/json", MaxBytes: maxDirectory, MaxAge: directoryAge, Kind: "ACME directory", Parse: parseDirectory,
	})
	known, ok := answer.Value.(*directory)
	switch {
	case !ok:
		return "", answer.Failure
	case known.renewalInfo == "":
		return "", failure.New(failure.ReasonRenewalNotOffered, "the CA does not say when to renew: its ACME directory has no renewalInfo")
	case strings.HasPrefix(string(o.ARI.Directory), "https://") && !strings.HasPrefix(known.renewalInfo, "https://"):
		return "", failure.New(failure.ReasonBadURL, "the renewalInfo of a directory of https is not of https")
	}
	return known.renewalInfo, nil
}

const notFound = 404 // RFC 9110 section 15.5.5

// unanswered explains why the CA said nothing about the certificate.
func unanswered(err error) error {
	if status, ok := errors.AsType[*fetch.StatusError](err); ok && status.Code == notFound {
		return failure.With(failure.ReasonRenewalCertificateUnknown, fmt.Errorf("the CA does not know the certificate; another CA may have issued it: %w", err))
	}
	return err
}
