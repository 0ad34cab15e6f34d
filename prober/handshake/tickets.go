package handshake

import (
	"bytes"
	"errors"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
)

// errNoKeys means that the key log has no secret for the session.
var errNoKeys = errors.New("the key log has no secret for this session")

// After is what a TLS 1.3 server sent after its Finished. crypto/tls reads it, and does
// not expose it.
type After struct {
	Tickets     int    // NewSessionTicket messages
	EarlyData   uint32 // the largest max_early_data_size of a ticket, in bytes
	CloseNotify bool   // a close_notify was received
}

// AfterHandshake returns what the server sent after the handshake, up to now. It fails
// for sessions below TLS 1.3.
func (t *Recorded) AfterHandshake() (After, error) {
	_, secret, ok := t.secrets.find("SERVER_TRAFFIC_SECRET_0")
	if !ok {
		return After{}, errNoKeys
	}
	return readAfter(t.ConnectionState().CipherSuite, secret, t.conn.all)
}

// readAfter opens the received records with the keys of application data (RFC 8446
// section 7.3). Earlier records fail authentication with these keys, and are skipped.
func readAfter(suite uint16, secret, received []byte) (After, error) {
	var found After
	known := keys.Find(suite)
	if known == nil {
		return found, errNoKeys
	}
	keys, err := known.NewKeys(secret)
	if err != nil {
		return found, err
	}
	records := bytes.NewReader(received)
	var pending []byte
	for {
		record, err := hello.ReadRecord(records)
		if err != nil {
			return found, nil // the end of what was received
		}
		kind, content, ok := keys.Open(record)
		switch {
		case ok && kind == hello.TypeHandshake:
			pending = found.messages(append(pending, content...))
		case ok && kind == hello.TypeAlert && len(content) == 2 && hello.AlertDescription(content[1]) == hello.CloseNotify:
			found.CloseNotify = true
		}
	}
}

// messages counts the tickets among handshake messages. It returns the incomplete
// message at the end.
func (a *After) messages(pending []byte) []byte {
	for {
		size, ok := hello.MessageSize(pending)
		if !ok || len(pending) < size {
			return pending
		}
		if ticket, err := hello.ParseNewSessionTicket(pending[:size]); err == nil {
			a.Tickets++
			a.EarlyData = max(a.EarlyData, ticket.MaxEarlyData)
		}
		pending = pending[size:]
	}
}
