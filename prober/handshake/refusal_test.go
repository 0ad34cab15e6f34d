package handshake_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// goneConn is a connection whose writes fail from one of them on, as they do after a
// reset. The server gets them all the same, so that it has a reason to reset.
type goneConn struct {
	net.Conn
	writes int // that succeed
}

func (c *goneConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if c.writes--; c.writes < 0 && err == nil {
		return 0, &net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}
	}
	return n, err
}

// TestAlertAfterFailedWrite checks that the alert of a server is read that has reset the
// connection before the client's messages were written, or its close_notify.
func TestAlertAfterFailedWrite(t *testing.T) {
	lab := labtest.Lab(t)
	for version, want := range map[uint16]failure.Reason{tls.VersionTLS12: "alert_handshake_failure", tls.VersionTLS13: "alert_certificate_required"} {
		for _, writes := range []int{1, 2} { // the ClientHello; and the second flight
			to := probetest.Target(t, labtest.Serve(t, lab, tlstest.RequestingCertificate(version, tlstest.AlertAndClose)))
			conn, err := dial(to.HostPort())
			if err != nil {
				t.Fatal(err)
			}
			h := newClient(t, handshake.CryptoTLS).Handshake(t.Context(), &goneConn{conn, writes}, &handshake.Peer{Target: &to})
			conn.Close()
			if h.Failure == nil || h.Failure.Reason != want || h.Failure.Phase != failure.PhaseKeyExchange || len(h.Certificates) == 0 {
				t.Errorf("%s, %d writes succeed: the failure is %+v", tls.VersionName(version), writes, h.Failure)
			}
		}
	}
}

// TestFailedWrite checks that a handshake whose last message was not sent has failed, if
// the server sends nothing about it.
func TestFailedWrite(t *testing.T) {
	lab := labtest.Lab(t)
	for _, which := range []handshake.TLSClient{handshake.Auto, handshake.CryptoTLS} {
		to := probetest.Target(t, labtest.Serve(t, lab, tlstest.Server{}))
		conn, err := dial(to.HostPort())
		if err != nil {
			t.Fatal(err)
		}
		noOther := func(context.Context) (net.Conn, error) { return nil, errors.New("no other connection") }
		h := newClient(t, which).Handshake(t.Context(), &goneConn{conn, 1}, &handshake.Peer{Target: &to, Connect: noOther})
		conn.Close()
		if h.Failure == nil || h.Failure.Reason != failure.ReasonReset || h.Session.Completed {
			t.Errorf("%s: the failure is %+v", which, h.Failure)
		}
	}
}
