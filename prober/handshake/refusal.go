package handshake

import (
	"crypto/tls"
	"io"
	"time"

	"tls_exporter/prober/failure"
)

// With TLS 1.3 the client is done before the server has seen its certificate,
// or that it has none: an alert then comes on the first read (RFC 8446 section
// 4.4.2.4). A server without an alert may stay silent, but it answers a
// close_notify, after whatever it sent before.
const (
	RefusalTimeout = 500 * time.Millisecond // and four times what the handshake took
	maxAfterwards  = 64 << 10               // bytes of tickets and early application data that are read meanwhile
)

// awaitRefusal ends the TLS conversation (RFC 8446 section 6.1) and, where the
// server asked for our certificate, waits for its verdict on that. It returns the
// alert that rejects us. An end of the connection, application data without an
// end, or silence are no rejection.
func awaitRefusal(client *tls.Conn, conn *watchedConn, asked bool, took time.Duration) error {
	err := client.CloseWrite()
	if !asked || client.ConnectionState().Version < tls.VersionTLS13 {
		return nil
	}
	if err == nil {
		err = conn.SetReadDeadline(time.Now().Add(RefusalTimeout + 4*took))
	}
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(client, maxAfterwards))
	}
	if err == nil {
		return nil
	}
	if reason := failure.Of(err); reason.IsAlert() || reason == failure.ReasonTooLarge || reason == failure.ReasonReset {
		return failure.With(reason, err)
	}
	return nil
}
