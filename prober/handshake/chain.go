package handshake

import (
	"bytes"
	"crypto/x509"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
)

// chainReader reads the certificates in a server's answer, beside crypto/tls, which
// exposes none that it cannot parse, and which parses them before anything can limit the
// memory that this takes. It opens the records of TLS 1.3 with the secrets of the key log.
type chainReader struct {
	secrets *secretLog
	hello   *hello.ServerHello // nil: not received yet
	keys    *keys.Traffic      // of the handshake, once its first protected record arrived
	records []byte             // the begin of a record
	pending []byte             // the begin of a message
	done    bool               // the chain was read, or what follows is not understood
	chain   [][]byte           // DER, leaf first; nil: not received
}

// errCostly is the error about a chain that crypto/tls must not parse.
var errCostly = failure.With(failure.ReasonTooLarge, certificate.ErrTooCostly)

// wanted returns how many bytes crypto/tls may get at once: the rest of a record, and the
// header of the next one. So it has logged the keys of a record before that arrives.
func (c *chainReader) wanted() int {
	if len(c.records) < recordHeader {
		return recordHeader - len(c.records)
	}
	return c.size() - len(c.records) + recordHeader
}

const recordHeader = 5 // bytes

// size is the size of the current record, whose header has arrived.
func (c *chainReader) size() int {
	return recordHeader + int(c.records[3])<<8 + int(c.records[4])
}

// feed takes bytes that crypto/tls is about to read. The error is errCostly. Everything
// else that is wrong is left to crypto/tls.
func (c *chainReader) feed(b []byte) error {
	if c.done {
		return nil
	}
	c.records = append(c.records, b...)
	for !c.done && len(c.records) >= recordHeader && len(c.records) >= c.size() {
		size, h := c.size(), c.records[:recordHeader]
		c.record(hello.Record{Type: h[0], Version: hello.Version(h[1])<<8 | hello.Version(h[2]), Payload: c.records[recordHeader:size:size]})
		c.records = append(c.records[:0], c.records[size:]...)
	}
	if c.done {
		c.records, c.pending = nil, nil
	}
	if c.chain != nil && !certificate.Affordable(c.chain) {
		return errCostly
	}
	return nil
}

// record takes a record.
func (c *chainReader) record(record hello.Record) {
	content := record.Payload
	switch record.Type {
	case hello.TypeHandshake:
	case hello.TypeApplicationData:
		kind, opened, ok := c.open(record)
		if c.done = !ok; !ok || kind != hello.TypeHandshake {
			return
		}
		content = opened
	case hello.TypeChangeCipherSpec:
		c.done = c.hello == nil || c.hello.Version != hello.TLS13 // before TLS 1.3 a protected Finished follows
		return
	default:
		return
	}
	c.pending = append(c.pending, content...)
	for !c.done {
		size, ok := hello.MessageSize(c.pending)
		if c.done = size > maxHandshakeBytes; !ok || len(c.pending) < size {
			return
		}
		c.message(c.pending[:size])
		c.pending = c.pending[size:]
	}
}

// open opens a protected record with the keys of the handshake.
func (c *chainReader) open(record hello.Record) (kind uint8, content []byte, ok bool) {
	if c.keys == nil {
		if c.hello == nil {
			return 0, nil, false
		}
		suite := keys.Find(uint16(c.hello.CipherSuite))
		_, secret, known := c.secrets.find("SERVER_HANDSHAKE_TRAFFIC_SECRET")
		if suite == nil || !known {
			return 0, nil, false
		}
		var err error
		if c.keys, err = suite.NewKeys(secret); err != nil {
			return 0, nil, false
		}
	}
	return c.keys.Open(record)
}

// message takes a handshake message.
func (c *chainReader) message(message []byte) {
	switch message[0] {
	case hello.MsgServerHello:
		if h, err := hello.ParseServerHello(bytes.Clone(message)); err == nil {
			c.hello = h // after a HelloRetryRequest another one follows
		}
	case hello.MsgCertificate:
		c.done = true
		if c.hello == nil {
			return
		}
		message = bytes.Clone(message) // the chain refers to it
		if c.hello.Version == hello.TLS13 {
			entries, _ := hello.ParseCertificate13(message)
			for _, entry := range entries {
				c.chain = append(c.chain, entry.DER)
			}
			return
		}
		c.chain, _ = hello.ParseCertificate(message)
	}
}

// rawChain returns the certificates of crypto/tls in DER.
func rawChain(certs []*x509.Certificate) [][]byte {
	chain := make([][]byte, len(certs))
	for i, cert := range certs {
		chain[i] = cert.Raw
	}
	return chain
}
