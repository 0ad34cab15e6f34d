package hello

import (
	"errors"
	"io"
)

// Until is how much of a flight is wanted.
type Until int

// UntilHello ends with the ServerHello, UntilDone with the ServerHelloDone of
// TLS 1.2 and below. What TLS 1.3 sends after its ServerHello is not in plain.
const (
	UntilHello Until = iota
	UntilDone
)

// The bounds of a flight.
const (
	maxHandshake    = 1 << 20 // bytes of handshake messages
	maxRecords      = 512     // a large chain has some ten; those that carry nothing count as well
	maxWarnings     = 8       // alerts that do not end the handshake, as unrecognized_name
	maxCertificates = 20      // of a chain that are kept; the longest in use have five or six
)

// Flight is a server's answer to a ClientHello, as far as it is in plain. What
// it did not say is nil.
type Flight struct {
	Hello        *ServerHello
	Certificates [][]byte           // DER, as sent, the first 20; TLS 1.2 and below
	Status       []byte             // the stapled OCSP response, DER
	KeyExchange  *ServerKeyExchange // of (EC)DHE, PSK, SRP and export suites
	Request      *CertificateRequest
	Done         bool    // ServerHelloDone came
	Resumed      bool    // ChangeCipherSpec came instead
	Alert        *Alert  // what ended the handshake
	Warnings     []Alert // what came and did not

	SSL2      *ServerHello2
	SSL2Error SSL2Error // 0: none
}

// ReadFlight reads an answer until it is whole: an alert, a HelloRetryRequest, a
// ServerHello, or for UntilDone the end of the flight where there is one in
// plain. It reads no byte beyond the last record that it needs, and it returns
// what was learned also with an error.
//
// The errors of r pass through; an end within the answer is io.EOF before a
// record and io.ErrUnexpectedEOF in one. A warning and then the end of the
// connection is an answer too: the warning is then the Alert.
func ReadFlight(r io.Reader, until Until) (*Flight, error) {
	f := &flightReader{until: until}
	err := f.read(r)
	if errors.Is(err, io.EOF) && f.flight.Hello == nil && len(f.flight.Warnings) > 0 && f.idle() {
		f.flight.Alert, err = &f.flight.Warnings[len(f.flight.Warnings)-1], nil
	}
	return &f.flight, err
}

// flightReader puts the messages together that come in records.
type flightReader struct {
	flight  Flight
	until   Until
	pending []byte // handshake bytes so far; nothing in it is written twice
	taken   int    // of which so many are read
	whole   bool
}

func (f *flightReader) idle() bool { return f.taken == len(f.pending) }

func (f *flightReader) read(r io.Reader) error {
	for range maxRecords {
		var header [recordHeader]byte
		if err := readHeader(r, &header); err != nil {
			return err
		}
		if beginsSSL2(header[:]) {
			return f.ssl2(r, header)
		}
		if err := f.record(r, &header); err != nil || f.whole {
			return err
		}
	}
	return tooLarge("a handshake of more than %d records", maxRecords)
}

// record takes one record. Handshake bytes are read straight behind the others.
func (f *flightReader) record(r io.Reader, header *[recordHeader]byte) error {
	switch header[0] {
	case TypeHandshake:
		record, err := readPayload(r, header, f.pending)
		if err != nil {
			return err
		}
		if f.pending = record.Payload; len(f.pending) > maxHandshake {
			return tooLarge("a handshake of more than %d bytes", maxHandshake)
		}
		return f.messages()
	case TypeAlert:
		record, err := readPayload(r, header, nil)
		if err != nil {
			return err
		}
		return f.alerts(record.Payload)
	case TypeChangeCipherSpec:
		if _, err := readPayload(r, header, nil); err != nil {
			return err
		}
		if f.flight.Hello != nil && f.idle() {
			f.flight.Resumed, f.whole = true, true
			return nil
		}
	}
	if !beginsRecord(header[:]) {
		return &NotTLSError{header[:]}
	}
	return malformed("flight: a record of type %d is in it", header[0])
}

// alerts takes the alerts of a record. Level warning ends nothing but where it
// is close_notify (RFC 5246 section 7.2.1).
func (f *flightReader) alerts(payload []byte) error {
	if len(payload) == 0 || len(payload)%2 != 0 {
		return malformed("alert of %d bytes", len(payload))
	}
	for ; len(payload) > 0; payload = payload[2:] {
		const warning, fatal = 1, 2
		if payload[0] != warning && payload[0] != fatal {
			return malformed("alert of level %d", payload[0])
		}
		alert := Alert{payload[0] == fatal, AlertDescription(payload[1])}
		if alert.Fatal || alert.Description == CloseNotify {
			f.flight.Alert, f.whole = &alert, true
			return nil
		}
		if len(f.flight.Warnings) == maxWarnings {
			return tooLarge("more than %d warnings", maxWarnings)
		}
		f.flight.Warnings = append(f.flight.Warnings, alert)
	}
	return nil
}

// messages takes every message that is whole.
func (f *flightReader) messages() error {
	for !f.whole {
		rest := f.pending[f.taken:]
		size, ok := MessageSize(rest)
		if size > maxHandshake {
			return tooLarge("a handshake message of %d bytes", size)
		}
		if !ok || len(rest) < size {
			return nil
		}
		f.taken += size
		if err := f.message(rest[0], rest[handshakeHeader:size:size]); err != nil {
			return err
		}
	}
	return nil
}

// message takes one message. Only a hello may come first.
func (f *flightReader) message(kind uint8, body reader) (err error) {
	flight := &f.flight
	if kind == msgHelloRequest {
		return nil // RFC 5246 section 7.4.1.1: not for us, who are at it
	}
	if (kind == msgServerHello) != (flight.Hello == nil) {
		return malformed("flight: a message of type %d is out of place", kind)
	}
	switch kind {
	case msgServerHello:
		if flight.Hello, err = parseServerHello(body); err == nil {
			f.whole = f.until == UntilHello || flight.Hello.Retry || flight.Hello.Version >= TLS13
		}
	case msgCertificate:
		flight.Certificates, err = parseCertificates(body)
	case msgCertificateStatus:
		flight.Status, err = parseCertificateStatus(body)
	case msgServerKeyExchange:
		flight.KeyExchange, err = parseServerKeyExchange(body, Find(flight.Hello.CipherSuite), flight.Hello.Version)
	case msgCertificateRequest:
		flight.Request, err = parseCertificateRequest(body, flight.Hello.Version)
	case msgNewSessionTicket: // before the ChangeCipherSpec of a resumption (RFC 5077 section 3.3)
	case msgServerHelloDone:
		if flight.Done, f.whole = true, true; len(body) > 0 {
			err = malformed("ServerHelloDone of %d bytes", len(body))
		}
	default:
		err = malformed("flight: a message of type %d is in it", kind)
	}
	return err
}

// parseCertificates reads a chain of TLS 1.2 and below (RFC 5246 section 7.4.2).
func parseCertificates(body reader) ([][]byte, error) {
	var list reader
	if !body.ReadUint24LengthPrefixed(&list) || !body.Empty() {
		return nil, malformed("Certificate")
	}
	var chain [][]byte
	for !list.Empty() {
		var certificate reader
		if !list.ReadUint24LengthPrefixed(&certificate) || len(certificate) == 0 {
			return chain, malformed("Certificate: number %d", len(chain)+1)
		}
		if len(chain) < maxCertificates {
			chain = append(chain, certificate)
		}
	}
	return chain, nil
}

// parseCertificateStatus reads a stapled response (RFC 6066 section 8). The
// list of RFC 6961 is not asked for and not read: it is nil.
func parseCertificateStatus(body reader) ([]byte, error) {
	const ocsp = 1
	var kind uint8
	var response reader
	if !body.ReadUint8(&kind) {
		return nil, malformed("CertificateStatus")
	}
	if kind != ocsp {
		return nil, nil
	}
	if !body.ReadUint24LengthPrefixed(&response) || !body.Empty() || len(response) == 0 {
		return nil, malformed("CertificateStatus")
	}
	return response, nil
}
