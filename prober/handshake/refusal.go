package handshake

import (
	"crypto/tls"
	"io"
	"time"

	"tls_exporter/prober/failure"
)

// In TLS 1.3 the handshake of the client ends before the server has read the client's
// certificate. An alert that rejects it arrives at the first read (RFC 8446 section
// 4.4.2.4). A server that accepts it may send nothing, but it answers a close_notify.
const (
	RefusalTimeout = 500 * time.Millisecond // the wait for the answer, plus four times the duration of the handshake
	maxAfterwards  = 64 << 10               // bytes of tickets and application data that are read before it
)

// awaitRefusal sends a close_notify (RFC 8446 section 6.1). If the server requested a
// certificate in TLS 1.3, it waits for the answer, and returns the alert that rejects the
// client. A closed connection, more application data than maxAfterwards and a timeout
// are not a rejection.
func awaitRefusal(client *tls.Conn, conn *watchedConn, requested bool, took time.Duration) error {
	err := client.CloseWrite()
	if !requested || client.ConnectionState().Version < tls.VersionTLS13 {
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
