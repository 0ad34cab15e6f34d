package hello

import (
	"errors"
	"io"
)

// Until says how much of a flight to read.
type Until int

// UntilHello ends with the ServerHello, UntilDone with the ServerHelloDone of TLS 1.2
// and below. TLS 1.3 encrypts everything after the ServerHello.
const (
	UntilHello Until = iota
	UntilDone
)

// The bounds of a flight.
const (
	maxHandshake    = 1 << 20 // bytes of handshake messages
	maxRecords      = 512     // a long chain has some ten; empty records count as well
	maxWarnings     = 8       // alerts that do not end the handshake, such as unrecognized_name
	maxCertificates = 20      // of a chain that are returned; the longest in use have five or six
)

// Flight is the unencrypted part of a server's answer to a ClientHello. What the
// server did not send is nil.
type Flight struct {
	Hello        *ServerHello
	Certificates [][]byte           // DER, as sent, the first 20; TLS 1.2 and below
	Status       []byte             // the stapled OCSP response, DER
	KeyExchange  *ServerKeyExchange // of (EC)DHE, PSK, SRP and export suites
	Request      *CertificateRequest
	Done         bool    // ServerHelloDone came
	Resumed      bool    // ChangeCipherSpec came instead
	Alert        *Alert  // that ended the handshake
	Warnings     []Alert // that did not end it

	SSL2      *ServerHello2
	SSL2Error SSL2Error // 0: none
}

// ReadFlight reads an answer until it is complete: an alert, a HelloRetryRequest, a
// ServerHello or, for UntilDone, a ServerHelloDone. It reads no byte beyond the last
// record that it needs. With an error it also returns what it has read.
//
// Errors of r are returned as they are. If the connection ends before the answer is
// complete, the error is io.EOF before a record and io.ErrUnexpectedEOF within one. A
// warning followed by the end of the connection is a complete answer, with the warning
// as its Alert.
func ReadFlight(r io.Reader, until Until) (*Flight, error) {
	f := &flightReader{until: until}
	err := f.read(r)
	if errors.Is(err, io.EOF) && f.flight.Hello == nil && len(f.flight.Warnings) > 0 && f.idle() {
		f.flight.Alert, err = &f.flight.Warnings[len(f.flight.Warnings)-1], nil
	}
	return &f.flight, err
}

// flightReader assembles handshake messages from records.
type flightReader struct {
	flight   Flight
	until    Until
	buffer   []byte // all handshake bytes so far; the flight refers to them
	parsed   int    // bytes of buffer
	complete bool
}

// idle reports whether no message is incomplete.
func (f *flightReader) idle() bool { return f.parsed == len(f.buffer) }

func (f *flightReader) read(r io.Reader) error {
	for range maxRecords {
		var header [recordHeader]byte
		if err := readHeader(r, &header); err != nil {
			return err
		}
		if beginsSSL2(header[:]) {
			return f.ssl2(r, header)
		}
		if err := f.record(r, &header); err != nil || f.complete {
			return err
		}
	}
	return tooLarge("a handshake of more than %d records", maxRecords)
}

// record reads one record. It reads handshake bytes directly into the buffer.
func (f *flightReader) record(r io.Reader, header *[recordHeader]byte) error {
	switch header[0] {
	case TypeHandshake:
		record, err := readPayload(r, header, f.buffer)
		if err != nil {
			return err
		}
		if f.buffer = record.Payload; len(f.buffer) > maxHandshake {
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
			f.flight.Resumed, f.complete = true, true
			return nil
		}
	}
	if !beginsRecord(header[:]) {
		return &NotTLSError{header[:]}
	}
	return malformed("flight: unexpected record of type %d", header[0])
}

// alerts parses the alerts of a record. Of the warnings only close_notify ends the
// handshake (RFC 5246 section 7.2.1).
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
			f.flight.Alert, f.complete = &alert, true
			return nil
		}
		if len(f.flight.Warnings) == maxWarnings {
			return tooLarge("more than %d warnings", maxWarnings)
		}
		f.flight.Warnings = append(f.flight.Warnings, alert)
	}
	return nil
}

// messages parses all complete messages in the buffer.
func (f *flightReader) messages() error {
	for !f.complete {
		rest := f.buffer[f.parsed:]
		size, ok := MessageSize(rest)
		if size > maxHandshake {
			return tooLarge("a handshake message of %d bytes", size)
		}
		if !ok || len(rest) < size {
			return nil
		}
		f.parsed += size
		if err := f.message(rest[0], rest[handshakeHeader:size:size]); err != nil {
			return err
		}
	}
	return nil
}

// message parses one message. The first must be a ServerHello.
func (f *flightReader) message(kind uint8, body reader) (err error) {
	flight := &f.flight
	if kind == msgHelloRequest {
		return nil // ignored during a handshake: RFC 5246 section 7.4.1.1
	}
	if (kind == msgServerHello) != (flight.Hello == nil) {
		return malformed("flight: message of type %d out of order", kind)
	}
	switch kind {
	case msgServerHello:
		if flight.Hello, err = parseServerHello(body); err == nil {
			f.complete = f.until == UntilHello || flight.Hello.Retry || flight.Hello.Version >= TLS13
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
		if flight.Done, f.complete = true, true; len(body) > 0 {
			err = malformed("ServerHelloDone of %d bytes", len(body))
		}
	default:
		err = malformed("flight: unexpected message of type %d", kind)
	}
	return err
}

// ParseCertificate parses the Certificate message of TLS 1.2 and below. It returns the
// first 20 certificates in DER, which refer to message.
func ParseCertificate(message []byte) ([][]byte, error) {
	body, err := handshakeBody(message, MsgCertificate)
	if err != nil {
		return nil, err
	}
	return parseCertificates(body)
}

// parseCertificates parses the Certificate message of TLS 1.2 and below (RFC 5246
// section 7.4.2).
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

// parseCertificateStatus parses a stapled response (RFC 6066 section 8). The list of
// RFC 6961 is not requested; if it comes, the result is nil.
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
