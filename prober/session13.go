package prober

import (
	"bytes"
	"errors"

	"tls_exporter/prober/hello"
)

// errNoKeys is of a session whose keys crypto/tls has not written.
var errNoKeys13 = errors.New("the keys of the session are not known")

// after13 is what a server of TLS 1.3 sent after its Finished, which crypto/tls
// reads and does not show.
type after13 struct {
	tickets   int
	earlyData uint32 // the most bytes that one of them allows for
	goodbye   bool   // close_notify came
}

// after13 is what was heard after the handshake.
func (t *overheard) after13() (after13, error) {
	_, secret, ok := t.secrets.find("SERVER_TRAFFIC_SECRET_0")
	if !ok {
		return after13{}, errNoKeys13
	}
	return readAfter13(t.ConnectionState().CipherSuite, secret, t.heard.all)
}

// readAfter13 reads the records that were heard, with the keys of application
// data (RFC 8446 section 7.3). Those before these keys do not open with them.
func readAfter13(suite uint16, secret, heard []byte) (after13, error) {
	var found after13
	known := suite13For(suite)
	if known == nil {
		return found, errNoKeys13
	}
	keys, err := known.newKeys(secret)
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
		kind, content, ok := keys.open(record)
		switch {
		case ok && kind == hello.TypeHandshake:
			pending = found.messages(append(pending, content...))
		case ok && kind == hello.TypeAlert && len(content) == 2 && hello.AlertDescription(content[1]) == hello.CloseNotify:
			found.goodbye = true
		}
	}
}

// messages counts the tickets among handshake messages, and returns the rest.
func (a *after13) messages(pending []byte) []byte {
	const header = 4
	for len(pending) >= header {
		length := header + int(pending[1])<<16 + int(pending[2])<<8 + int(pending[3])
		if len(pending) < length {
			break
		}
		if ticket, err := hello.ParseNewSessionTicket(pending[:length]); err == nil {
			a.tickets++
			a.earlyData = max(a.earlyData, ticket.MaxEarlyData)
		}
		pending = pending[length:]
	}
	return pending
}
