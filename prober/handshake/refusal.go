package handshake

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"tls_exporter/prober/failure"
)

// RefusalTimeout is how long a server is given to answer, plus four times the duration
// of the handshake.
const RefusalTimeout = 500 * time.Millisecond

const maxAfterwards = 64 << 10 // bytes of application data that are read after a handshake

// awaitRefusal waits for the answer of a TLS 1.3 server to the Certificate message that
// it requested, and returns how it rejects the client. The handshake of the client ends
// before the server has read that message (RFC 8446 section 4.4.2.4). The server then
// sends an alert; some close the connection without one.
//
// A server that accepts the client may say nothing. So the wait comes before the
// close_notify: whoever closes the connection afterwards may do so because of that. It is
// clear that the server accepts the client if it sent application data, or tickets, or
// answered the close_notify with its own. It is not clear if it ended the connection in
// order before that, or only closed it afterwards: its refusal may have been late.
func awaitRefusal(ctx context.Context, client *tls.Conn, conn *watchedConn, took time.Duration) (clear bool, err error) {
	wait := RefusalTimeout + 4*took
	n, err := readFor(ctx, client, conn, wait)
	switch {
	case rejects(err):
		return true, err
	case err == nil, n > 0 && closed(err):
		return true, nil // it sent application data
	case closed(err) && conn.silent(): // after the answer
		return true, err
	case failure.Of(err) == failure.ReasonReset:
		return false, err
	case failure.Of(err) != failure.ReasonTimeout:
		return false, nil
	}
	heard := !conn.silent()
	client.CloseWrite() // an error is also that of the read
	if n, err = readFor(ctx, client, conn, wait); rejects(err) {
		return true, err
	}
	return heard || err == nil || n > 0 || closed(err) && !conn.silent(), nil
}

// rejects reports whether an error ends the handshake: an alert, or too many bytes.
func rejects(err error) bool {
	return err != nil && (failure.Of(err).IsAlert() || failure.Of(err) == failure.ReasonTooLarge)
}

// readFor reads and discards application data, for a time that leaves half of the rest of
// the probe's.
func readFor(ctx context.Context, client *tls.Conn, conn *watchedConn, wait time.Duration) (int64, error) {
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end)/2)
	}
	if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return 0, err
	}
	return io.CopyN(io.Discard, client, maxAfterwards)
}

// closed reports whether the server ended the connection.
func closed(err error) bool {
	reason := failure.Of(err)
	return err != nil && (reason == failure.ReasonClosed || reason == failure.ReasonReset) && !errors.Is(err, net.ErrClosed)
}
