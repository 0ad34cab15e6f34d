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

// missing returns how many bytes are missing of the current record, or of its header. If
// crypto/tls gets no more at once, it has logged the keys of a record before that arrives.
func (c *chainReader) missing() int {
	const header = 5
	if len(c.records) < header {
		return header - len(c.records)
	}
	return max(1, header+int(c.records[3])<<8+int(c.records[4])-len(c.records))
}

// feed takes bytes that crypto/tls is about to read. The error is errCostly. Everything
// else that is wrong is left to crypto/tls.
func (c *chainReader) feed(b []byte) error {
	if c.done {
		return nil
	}
	c.records = append(c.records, b...)
	in := bytes.NewReader(c.records)
	for !c.done {
		rest := in.Len()
		record, err := hello.ReadRecord(in)
		if err != nil {
			c.records = append(c.records[:0], c.records[len(c.records)-rest:]...)
			break
		}
		c.record(record)
	}
	if c.done = c.done || len(c.records) > maxRecord; c.done {
		c.records, c.pending = nil, nil
	}
	if c.chain != nil && !certificate.Affordable(c.chain) {
		return errCostly
	}
	return nil
}

// maxRecord is the size of the largest record, in bytes (RFC 5246 section 6.2.3).
const maxRecord = 5 + 1<<14 + 2048

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
		c.message(bytes.Clone(c.pending[:size])) // the chain refers to it
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
		if h, err := hello.ParseServerHello(message); err == nil {
			c.hello = h // after a HelloRetryRequest another one follows
		}
	case hello.MsgCertificate:
		c.done = true
		if c.hello == nil {
			return
		}
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
