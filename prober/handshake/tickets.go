package handshake

import (
	"bytes"
	"errors"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
)

// errNoKeys is of a session whose keys crypto/tls has not written.
var errNoKeys = errors.New("the keys of the session are not known")

// After is what a server of TLS 1.3 sent after its Finished, which crypto/tls
// reads and does not show.
type After struct {
	Tickets     int
	EarlyData   uint32 // the most bytes that one of them allows for
	CloseNotify bool   // close_notify came
}

// AfterHandshake is what was heard after the handshake.
func (t *Recorded) AfterHandshake() (After, error) {
	_, secret, ok := t.secrets.find("SERVER_TRAFFIC_SECRET_0")
	if !ok {
		return After{}, errNoKeys
	}
	return readAfter(t.ConnectionState().CipherSuite, secret, t.conn.all)
}

// readAfter reads the records that were heard, with the keys of application
// data (RFC 8446 section 7.3). Those before these keys do not open with them.
func readAfter(suite uint16, secret, heard []byte) (After, error) {
	var found After
	known := keys.Find(suite)
	if known == nil {
		return found, errNoKeys
	}
	keys, err := known.NewKeys(secret)
	if err != nil {
		return found, err
	}
	records := bytes.NewReader(heard)
	var pending []byte
	for {
		record, err := hello.ReadRecord(records)
		if err != nil {
			return found, nil // the end
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

// messages counts the tickets among handshake messages, and returns the rest.
func (a *After) messages(pending []byte) []byte {
	const header = 4
	for len(pending) >= header {
		length := header + int(pending[1])<<16 + int(pending[2])<<8 + int(pending[3])
		if len(pending) < length {
			break
		}
		if ticket, err := hello.ParseNewSessionTicket(pending[:length]); err == nil {
			a.Tickets++
			a.EarlyData = max(a.EarlyData, ticket.MaxEarlyData)
		}
		pending = pending[length:]
	}
	return pending
}
