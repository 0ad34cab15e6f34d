package tlstest

import (
	"crypto/tls"
	"io"
	"testing"

	"tls_exporter/prober/tlstest/internal/testclient"
)

// TestRequestingCertificate checks what a client of crypto/tls sees without a certificate,
// and that each server accepts one with a certificate.
func TestRequestingCertificate(t *testing.T) {
	lab := newLab(t)
	for then := AlertAndClose; then <= AcceptAndEnd; then++ {
		if then == HoldWithoutAlert {
			continue // waits for the client: TestClientCertificateUnclear of package prober
		}
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			if then == CloseNotifyAndClose && version == tls.VersionTLS13 {
				continue // TLS 1.3 has no close_notify in the clear
			}
			addr, err := lab.Start(RequestingCertificate(version, then))
			if err != nil {
				t.Fatal(err)
			}
			without := testclient.Handshake(t, addr)
			alerted := isAlert(without.Err(), "tls: handshake failure") || isAlert(without.Err(), "tls: certificate required")
			if alerted != (then == AlertAndClose || then == AlertAndReset) {
				t.Errorf("%d, %s, without a certificate: %v, then %v", then, tls.VersionName(version), without.Handshake, without.After)
			}
			if version == tls.VersionTLS12 && then.Refuses() == (without.Handshake == nil) {
				t.Errorf("%d, TLS 1.2, without a certificate: %v", then, without.Handshake)
			}
			identity, err := lab.Identity(Server{})
			if err != nil {
				t.Fatal(err)
			}
			with := testclient.Handshake(t, addr, func(c *tls.Config) { c.Certificates = []tls.Certificate{identity} })
			if with.Handshake != nil || with.After != nil && with.After != io.EOF {
				t.Errorf("%d, %s, with a certificate: %v, then %v", then, tls.VersionName(version), with.Handshake, with.After)
			}
		}
	}
}
