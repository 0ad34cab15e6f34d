package tls13_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"testing"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tls13"
	"tls_exporter/prober/tls13/keys"
	"tls_exporter/prober/tls13/tls13test"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// deviation is a server that deviates from RFC 8446, or does what few servers do.
type deviation struct {
	name        string
	server      tls13test.Server
	certificate *tls.Certificate // nil: one with a P-256 key
	fallback    bool             // the TLS 1.3 client returns ErrUnsupported
	reason      failure.Reason   // of the failure with crypto/tls; empty: none
}

// TestDeviations checks that the TLS 1.3 client either returns ErrUnsupported, or ends as
// crypto/tls does: with the same result, error text and alert. A failure that may be
// different on the next connection must not be ErrUnsupported.
func TestDeviations(t *testing.T) {
	lab := labtest.Lab(t)
	p, c := probetest.New(t, probetest.Module(t, lab)), newClients(t, nil)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	certificate := labtest.CertificateFor(t, lab, labtest.MustKey(t, key, err))
	for _, test := range slices.Concat(alertDeviations, recordDeviations, messageDeviations(t, lab), helloDeviations, extensionDeviations, certificateDeviations(t, lab)) {
		t.Run(test.name, func(t *testing.T) {
			addr, received := tls13test.Serve(t, lab, test.server, cmp.Or(test.certificate, certificate))
			ours, theirs, ok := c.both(t, addr)
			if ok == test.fallback {
				t.Errorf("ErrUnsupported: %v: %v", !ok, ours.Failure)
			}
			if got := resultOf(theirs); got.reason != test.reason {
				t.Errorf("crypto/tls fails with %q: %v", got.reason, theirs.Failure)
			}
			if ok {
				compare(t, ours, theirs, test.reason)
			}
			if ok && !test.server.Close && len(test.server.Before) == 0 {
				if a, b := <-received, <-received; a.Alert != b.Alert || a.Finished != b.Finished || a.CloseNotify != b.CloseNotify {
					t.Errorf("the server received %+v, from crypto/tls %+v", a, b)
				}
			}
			r := p.Probe(context.Background(), probetest.Target(t, addr))
			if r.Failure != nil && r.Failure.Phase != failure.PhaseVerify && r.Failure.Reason != test.reason {
				t.Errorf("the probe fails with %q", r.Failure.Reason)
			}
		})
	}
}

// compare compares the result and the error text of two handshakes. Errors with a type
// of their own in package tls13 have their own text, and an end of the connection is
// described in several ways.
func compare(t *testing.T, ours, theirs *handshake.Outcome, reason failure.Reason) {
	t.Helper()
	if resultOf(ours) != resultOf(theirs) {
		t.Errorf("tls13:      %v %+v\ncrypto/tls: %v %+v", failureText(ours), ours.Session, failureText(theirs), theirs.Session)
	}
	if !sameText(ours, theirs, reason) {
		t.Errorf("tls13 reports %q, crypto/tls %q", failureText(ours), failureText(theirs))
	}
}

func sameText(ours, theirs *handshake.Outcome, reason failure.Reason) bool {
	if ours.Failure != nil {
		if _, ok := errors.AsType[*tls13.SignatureError](ours.Failure); ok || errors.Is(ours.Failure, tls13.ErrFinished) {
			return true
		}
	}
	return failureText(ours) == failureText(theirs) || reason == failure.ReasonClosed
}

// plaintext returns a server that sends a record before its ServerHello.
func plaintext(record []byte) tls13test.Server { return tls13test.Server{Before: [][]byte{record}} }

// prepend returns a server that sends a protected record before its messages.
func prepend(kind byte, content ...byte) tls13test.Server {
	return tls13test.Server{Seal: tls13test.Prepend(kind, content)}
}

var alertDeviations = []deviation{
	{name: "protected alert", server: prepend(hello.TypeAlert, 2, 40), reason: "alert_handshake_failure"},
	{name: "protected alert of an unassigned number", server: prepend(hello.TypeAlert, 2, 250), reason: failure.AlertUnassigned},
	{name: "protected user_canceled, then the messages", server: prepend(hello.TypeAlert, 1, 90)},
	{name: "protected close_notify", server: prepend(hello.TypeAlert, 1, 0), reason: failure.ReasonClosed},
	{name: "protected alert of one byte", server: prepend(hello.TypeAlert, 2), fallback: true, reason: failure.ReasonBadMessage},
	{name: "plaintext alert after the ServerHello", server: tls13test.Server{After: [][]byte{tls13test.PlaintextAlert(2, 40)}}, reason: failure.ReasonBadMessage},
	{name: "fatal alert instead of a ServerHello", server: tls13test.Server{Before: [][]byte{tls13test.PlaintextAlert(2, 70)}, Close: true}, reason: "alert_protocol_version"},
	{name: "close_notify instead of a ServerHello", server: tls13test.Server{Before: [][]byte{tls13test.PlaintextAlert(1, 0)}, Close: true}, reason: failure.ReasonClosed},
	{name: "warning before the ServerHello", server: plaintext(tls13test.PlaintextAlert(1, 112)), fallback: true},
	{name: "alert of one byte instead of a ServerHello", server: plaintext(hello.AppendRecord(nil, hello.TypeAlert, hello.TLS12, []byte{2})), fallback: true, reason: failure.ReasonBadMessage},
	{name: "alert within a message", server: betweenFragments(hello.TypeAlert, 1, 90), fallback: true, reason: failure.ReasonBadMessage},
}

var recordDeviations = []deviation{
	{name: "records of one byte", server: tls13test.Server{Seal: tls13test.Fragments(1)}},
	{name: "records of 100 bytes", server: tls13test.Server{Seal: tls13test.Fragments(100)}},
	{name: "all messages in one record", server: tls13test.Server{Messages: func(m [][]byte) [][]byte { return [][]byte{bytes.Join(m, nil)} }}},
	{name: "padding", server: padded(300)},
	{name: "padding up to 2^14+1 bytes", server: paddedTo(1<<14 + 1)},
	{name: "padding over 2^14+1 bytes", server: paddedTo(1<<14 + 2), fallback: true, reason: failure.ReasonBadMessage},
	{name: "protected record without a content type", server: prepend(0, 0, 0), fallback: true, reason: failure.ReasonBadMessage},
	{name: "protected record shorter than its tag", server: tls13test.Server{After: [][]byte{hello.AppendRecord(nil, hello.TypeApplicationData, hello.TLS12, []byte{1, 2, 3})}}, reason: failure.ReasonBadMessage},
	{name: "protected heartbeat", server: prepend(hello.TypeHeartbeat, 1, 0, 0), fallback: true, reason: failure.ReasonBadMessage},
	{name: "plaintext message after the ServerHello", server: tls13test.Server{After: [][]byte{hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, tls13test.Message(hello.MsgEncryptedExtensions, []byte{0, 0}))}}, reason: failure.ReasonBadMessage},
	{name: "ServerHello in two records", server: splitHello(nil)},
	{name: "empty record within the ServerHello", server: splitHello(hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, nil)), fallback: true, reason: failure.ReasonBadMessage},
	{name: "ChangeCipherSpec within the ServerHello", server: splitHello(tls13test.ChangeCipherSpec), fallback: true, reason: failure.ReasonNotTLS},
	{name: "application data within the ServerHello, cut off", server: tls13test.Server{HelloRecord: func(r []byte) []byte {
		records := hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, r[5:20])
		return hello.AppendRecordHeader(records, hello.TypeApplicationData, hello.TLS12, 1<<13)
	}, Messages: func([][]byte) [][]byte { return nil }, Close: true}, fallback: true, reason: failure.ReasonNotTLS},
	{name: "ServerHello in two records, the second of version 16.3", server: helloRecord(func(r []byte) []byte {
		records := hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, r[5:20])
		return hello.AppendRecord(records, hello.TypeHandshake, 0x1003, r[20:])
	}), fallback: true, reason: failure.ReasonNotTLS},
	{name: "ServerHello in a record over 2^14 bytes", server: tls13test.Server{HelloRecord: func(r []byte) []byte {
		return hello.AppendRecordHeader(nil, hello.TypeHandshake, hello.TLS12, 1<<14+1)
	}, Messages: func([][]byte) [][]byte { return nil }, Close: true}, fallback: true, reason: failure.ReasonClosed},
	{name: "ServerHello in a record of version 15.3", server: helloRecord(func(r []byte) []byte { r[1] = 15; return r })},
	{name: "ServerHello in a record of version 16.3", server: helloRecord(func(r []byte) []byte { r[1] = 16; return r }), reason: failure.ReasonNotTLS},
	{name: "EncryptedExtensions in the record of the ServerHello", server: unprotected(6), fallback: true, reason: failure.ReasonBadMessage},
	{name: "first byte of EncryptedExtensions in the record of the ServerHello", server: unprotected(1), fallback: true, reason: failure.ReasonBadMessage},
	{name: "ChangeCipherSpec", server: tls13test.Server{After: [][]byte{tls13test.ChangeCipherSpec}}},
	{name: "16 ChangeCipherSpec", server: tls13test.Server{After: slices.Repeat([][]byte{tls13test.ChangeCipherSpec}, 16)}},
	{name: "17 ChangeCipherSpec", server: tls13test.Server{After: slices.Repeat([][]byte{tls13test.ChangeCipherSpec}, 17)}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "ChangeCipherSpec with other content", server: tls13test.Server{After: [][]byte{hello.AppendRecord(nil, hello.TypeChangeCipherSpec, hello.TLS12, []byte{2})}}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "protected ChangeCipherSpec", server: prepend(hello.TypeChangeCipherSpec, 1), fallback: true},
	{name: "ChangeCipherSpec of two bytes", server: tls13test.Server{After: [][]byte{hello.AppendRecord(nil, hello.TypeChangeCipherSpec, hello.TLS12, []byte{1, 1})}}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "ChangeCipherSpec within a message", server: tls13test.Server{Seal: tls13test.Fragments(100), Records: func(r [][]byte) [][]byte {
		first := 5 + int(r[1][3])<<8 + int(r[1][4])
		r[1] = slices.Insert(r[1], first, tls13test.ChangeCipherSpec...)
		return r
	}}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "plain text instead of a ServerHello", server: plaintext([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")), reason: failure.ReasonNotTLS},
	{name: "SSL 2.0 record instead of a ServerHello", server: plaintext([]byte{0x80, 3, 0, 0, 1, 0}), reason: failure.ReasonNotTLS},
	{name: "application data instead of a ServerHello", server: plaintext(hello.AppendRecord(nil, hello.TypeApplicationData, hello.TLS12, []byte("hello"))), reason: failure.ReasonNotTLS},
	{name: "application data before Finished", server: prepend(hello.TypeApplicationData, []byte("hello")...), fallback: true, reason: failure.ReasonBadMessage},
	{name: "handshake record without content", server: prepend(hello.TypeHandshake), fallback: true, reason: failure.ReasonBadMessage},
	{name: "protected record of another version", server: tls13test.Server{Records: func(r [][]byte) [][]byte { r[0][2] = 4; return r }}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "protected record of type 0x80", server: tls13test.Server{Records: func(r [][]byte) [][]byte { r[3][0] = 0x80; return r }}, fallback: true, reason: failure.ReasonNotTLS},
	{name: "protected record over 2^14+256 bytes", server: tls13test.Server{After: [][]byte{hello.AppendRecord(nil, hello.TypeApplicationData, hello.TLS12, make([]byte, 1<<14+256+1))}}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "wrong bit in the first record", server: tls13test.Server{Records: func(r [][]byte) [][]byte { tls13test.FlipBit(r[0]); return r }}, reason: failure.ReasonBadMessage},
	{name: "wrong bit in the last record", server: tls13test.Server{Records: func(r [][]byte) [][]byte { tls13test.FlipBit(r[3]); return r }}, reason: failure.ReasonBadMessage},
	{name: "swapped records", server: tls13test.Server{Records: func(r [][]byte) [][]byte { r[1], r[2] = r[2], r[1]; return r }}, reason: failure.ReasonBadMessage},
	{name: "end within a record", server: tls13test.Server{Records: func(r [][]byte) [][]byte { r[3] = r[3][:20]; return r }, Close: true}, reason: failure.ReasonClosed},
	{name: "end within a header", server: tls13test.Server{Records: func(r [][]byte) [][]byte { r[3] = r[3][:3]; return r }, Close: true}, reason: failure.ReasonClosed},
	{name: "end after a header", server: tls13test.Server{Records: func(r [][]byte) [][]byte { r[3] = r[3][:5]; return r }, Close: true}, reason: failure.ReasonClosed},
}

// padded returns a server that adds n zero bytes to each record.
func padded(n int) tls13test.Server {
	return tls13test.Server{Seal: func(traffic *keys.Traffic, _ int, message []byte) []byte {
		return traffic.Seal(nil, 0, append(append(bytes.Clone(message), hello.TypeHandshake), make([]byte, n)...))
	}}
}

// paddedTo returns a server that pads the inner plaintext of each record to n bytes.
func paddedTo(n int) tls13test.Server {
	return tls13test.Server{Seal: func(traffic *keys.Traffic, _ int, message []byte) []byte {
		content := append(append(make([]byte, 0, n), message...), hello.TypeHandshake)
		return traffic.Seal(nil, 0, content[:n-1]) // the content type 0 is the last byte of the padding
	}}
}

// betweenFragments returns a server that sends a protected record between the fragments
// of its first message.
func betweenFragments(kind byte, content ...byte) tls13test.Server {
	return tls13test.Server{Seal: func(traffic *keys.Traffic, index int, message []byte) []byte {
		if index > 0 {
			return traffic.Seal(nil, hello.TypeHandshake, message)
		}
		records := traffic.Seal(nil, hello.TypeHandshake, message[:1])
		return traffic.Seal(traffic.Seal(records, kind, content), hello.TypeHandshake, message[1:])
	}}
}

// helloRecord returns a server with a change to the record of its ServerHello.
func helloRecord(change func([]byte) []byte) tls13test.Server {
	return tls13test.Server{HelloRecord: change}
}

// splitHello returns a server that sends its ServerHello in two records, and a record
// between them.
func splitHello(between []byte) tls13test.Server {
	return helloRecord(func(r []byte) []byte {
		records := hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, r[5:20])
		return hello.AppendRecord(append(records, between...), hello.TypeHandshake, hello.TLS12, r[20:])
	})
}

// unprotected returns a server that sends the first n bytes of EncryptedExtensions without
// protection, after its ServerHello.
func unprotected(n int) tls13test.Server {
	message := tls13test.Message(hello.MsgEncryptedExtensions, []byte{0, 0})
	return tls13test.Server{
		HelloRecord: func(r []byte) []byte {
			return hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, append(r[5:], message[:n]...))
		},
		Messages: func(m [][]byte) [][]byte {
			if m[0] = m[0][n:]; len(m[0]) == 0 {
				return m[1:]
			}
			return m
		},
	}
}

// unknownMessage has a type that the client does not expect: message_hash.
var unknownMessage = tls13test.Message(24, []byte{0})

func messageDeviations(t *testing.T, lab *tlstest.Lab) []deviation {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	otherKey := labtest.MustKey(t, other, err)
	long, err := lab.Intermediate.Issue(&x509.Certificate{NotBefore: labtest.Now, NotAfter: labtest.Now.Add(labtest.Day), ExtraExtensions: []pkix.Extension{
		{Id: asn1.ObjectIdentifier{2, 999, 1}, Value: make([]byte, 100_000)},
	}}, otherKey)
	if err != nil {
		t.Fatal(err)
	}
	return []deviation{
		{name: "message over 16 MB", server: tls13test.Server{Messages: tls13test.Replace(0, []byte{hello.MsgEncryptedExtensions, 0xff, 0xff, 0xff, 0})}, fallback: true, reason: failure.ReasonTooLarge},
		{name: "EncryptedExtensions over 64 kB", server: tls13test.Server{Extensions: slices.Concat(extension(16, 0, 3, 2, 'h', '2'), extension(10, tls13test.Vector(2, slices.Repeat([]byte{0, 29}, 32760))...)), Seal: tls13test.Fragments(10000)}, fallback: true, reason: failure.ReasonTooLarge},
		{name: "Certificate over 256 kB", server: tls13test.Server{Messages: tls13test.Replace(1, []byte{hello.MsgCertificate, 4, 0, 1, 0}), Close: true}, fallback: true, reason: failure.ReasonTooLarge},
		{name: "Certificate over 64 kB instead of a ServerHello", server: tls13test.Server{HelloRecord: func([]byte) []byte {
			return hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, []byte{hello.MsgCertificate, 1, 0, 1})
		}, Messages: func([][]byte) [][]byte { return nil }, Close: true}, fallback: true, reason: failure.ReasonTooLarge},
		{name: "EncryptedExtensions with a byte after the list", server: tls13test.Server{Messages: tls13test.Replace(0, tls13test.Message(hello.MsgEncryptedExtensions, []byte{0, 0, 0}))}, fallback: true, reason: failure.ReasonBadMessage},
		{name: "CertificateVerify with a byte after the signature", server: tls13test.Server{Messages: tls13test.Replace(2, tls13test.Message(hello.MsgCertificateVerify, []byte{4, 3, 0, 1, 9, 9}))}, fallback: true, reason: failure.ReasonBadMessage},
		{name: "CertificateVerify shorter than its signature", server: tls13test.Server{Messages: tls13test.Replace(2, tls13test.Message(hello.MsgCertificateVerify, []byte{4, 3, 0, 2, 9}))}, fallback: true, reason: failure.ReasonBadMessage},
		{name: "long Finished", server: tls13test.Server{Finished: func(data []byte) []byte { return append(data, 0) }}, reason: failure.ReasonBadMessage},
		{name: "empty Finished", server: tls13test.Server{Finished: func([]byte) []byte { return nil }}, reason: failure.ReasonBadMessage},
		{name: "Certificate over 64 kB", server: tls13test.Server{Certificates: func(c [][]byte) [][]byte { return append(c, long.Raw) }, Seal: tls13test.Fragments(10000)}},
		{name: "wrong bit in the signature", server: tls13test.Server{Signature: tls13test.FlipBit}, reason: failure.ReasonBadMessage},
		{name: "empty signature", server: tls13test.Server{Signature: func([]byte) []byte { return nil }}, reason: failure.ReasonBadMessage},
		{name: "signature of another key", server: tls13test.Server{Signature: func(signature []byte) []byte {
			_, forged, _ := tls13test.Sign(otherKey, 0, 0, signature)
			return forged
		}}, reason: failure.ReasonBadMessage},
		{name: "wrong bit in Finished", server: tls13test.Server{Finished: tls13test.FlipBit}, reason: failure.ReasonBadMessage},
		{name: "short Finished", server: tls13test.Server{Finished: func(data []byte) []byte { return data[:16] }}, reason: failure.ReasonBadMessage},
		{name: "close without Finished", server: tls13test.Server{Messages: func(m [][]byte) [][]byte { return m[:3] }, Close: true}, reason: failure.ReasonClosed},
		{name: "no CertificateVerify", server: tls13test.Server{Messages: func(m [][]byte) [][]byte { return slices.Delete(m, 2, 3) }}, fallback: true, reason: failure.ReasonBadMessage},
		{name: "no Certificate and no CertificateVerify", server: tls13test.Server{Messages: func(m [][]byte) [][]byte { return slices.Delete(m, 1, 3) }}, fallback: true, reason: failure.ReasonBadMessage},
		{name: "unknown message first", server: tls13test.Server{Messages: tls13test.Insert(0, unknownMessage)}, fallback: true, reason: failure.ReasonBadMessage},
		{name: "EncryptedExtensions of another type", server: tls13test.Server{Messages: tls13test.Replace(0, tls13test.Message(24, []byte{0, 0}))}, fallback: true, reason: failure.ReasonBadMessage},
		{name: "message after Finished in the same record", server: tls13test.Server{Messages: func(m [][]byte) [][]byte {
			m[3] = append(m[3], unknownMessage...)
			return m
		}}, fallback: true, reason: failure.ReasonBadMessage},
	}
}

// extension returns an extension as it is sent.
func extension(number uint16, data ...byte) []byte {
	return append([]byte{byte(number >> 8), byte(number)}, tls13test.Vector(2, data)...)
}

var extensionDeviations = []deviation{
	{name: "record_size_limit, which was not offered", server: tls13test.Server{Extensions: extension(28, 64, 1)}, fallback: true},
	{name: "early_data, which was not offered", server: tls13test.Server{Extensions: extension(42)}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "ALPN with a protocol that was not offered", server: tls13test.Server{Extensions: extension(16, 0, 4, 3, 'x', 'y', 'z')}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "ALPN with two protocols", server: tls13test.Server{Extensions: extension(16, 0, 6, 2, 'h', '2', 2, 'h', '3')}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "ALPN without a protocol", server: tls13test.Server{Extensions: extension(16, 0, 0)}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "ALPN with an empty protocol", server: tls13test.Server{Extensions: extension(16, 0, 1, 0)}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "ALPN with a byte after the list", server: tls13test.Server{Extensions: extension(16, 0, 3, 2, 'h', '2', 0)}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "ALPN twice", server: tls13test.Server{Extensions: slices.Repeat(extension(16, 0, 3, 2, 'h', '2'), 2)}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "server_name and supported_groups", server: tls13test.Server{Extensions: slices.Concat(extension(0), extension(10, 0, 2, 0, 29))}},
	{name: "server_name with content", server: tls13test.Server{Extensions: extension(0, 0, 0)}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "server_name twice", server: tls13test.Server{Extensions: slices.Repeat(extension(0), 2)}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "supported_groups twice", server: tls13test.Server{Extensions: slices.Repeat(extension(10, 0, 2, 0, 29), 2)}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "supported_groups of three bytes", server: tls13test.Server{Extensions: extension(10, 0, 3, 0, 29, 0)}, fallback: true},
	{name: "supported_groups with a byte after the list", server: tls13test.Server{Extensions: extension(10, 0, 2, 0, 29, 0)}, fallback: true},
	{name: "supported_groups without a group", server: tls13test.Server{Extensions: extension(10, 0, 0)}, fallback: true},
	{name: "extension longer than the list", server: tls13test.Server{Extensions: []byte{0, 0, 0, 1}}, fallback: true, reason: failure.ReasonBadMessage},
}

// leafExtensions returns a server that sends extensions with its leaf certificate.
func leafExtensions(list []byte) tls13test.Server {
	return tls13test.Server{Certificate: func(body []byte) []byte {
		const start = 1 + 3 // the context, and the length of the list
		end := start + 3 + int(body[start])<<16 + int(body[start+1])<<8 + int(body[start+2])
		entries := slices.Concat(body[start:end], tls13test.Vector(2, list), body[end+2:])
		return append([]byte{0}, tls13test.Vector(3, entries)...)
	}}
}

// certificateVerify replaces CertificateVerify by one with an invalid signature.
func certificateVerify(scheme tls.SignatureScheme) tls13test.Server {
	return tls13test.Server{Messages: tls13test.Replace(2, tls13test.Message(hello.MsgCertificateVerify, []byte{byte(scheme >> 8), byte(scheme), 0, 1, 9}))}
}

func certificateDeviations(t *testing.T, lab *tlstest.Lab) []deviation {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	edCertificate := labtest.CertificateFor(t, lab, labtest.MustKey(t, ed, err))
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	rsaCertificate := labtest.CertificateFor(t, lab, labtest.MustKey(t, short, err))
	ocsp := extension(5, append([]byte{1}, tls13test.Vector(3, []byte("OCSP"))...)...)
	sct := extension(18, 0, 3, 0, 1, 9)
	long := withRSAKey(t, 8200, 65537)
	exponent := withRSAKey(t, 2048, 1<<32+1)
	return []deviation{
		{name: "OCSP response and SCT", server: leafExtensions(slices.Concat(ocsp, sct))},
		{name: "OCSP response twice", server: leafExtensions(slices.Concat(ocsp, ocsp)), fallback: true},
		{name: "SCTs twice", server: leafExtensions(slices.Concat(sct, sct)), fallback: true},
		{name: "certificate extension that was not offered", server: leafExtensions(extension(50, 0, 0)), fallback: true},
		{name: "certificate extension longer than the list", server: leafExtensions([]byte{0, 5, 0, 1}), fallback: true, reason: failure.ReasonBadMessage},
		{name: "certificate status that is not OCSP", server: leafExtensions(extension(5, 2, 0, 0, 1, 9)), fallback: true, reason: failure.ReasonBadMessage},
		{name: "empty OCSP response", server: leafExtensions(extension(5, 1, 0, 0, 0)), fallback: true, reason: failure.ReasonBadMessage},
		{name: "byte after the OCSP response", server: leafExtensions(extension(5, 1, 0, 0, 1, 9, 9)), fallback: true, reason: failure.ReasonBadMessage},
		{name: "empty list of SCTs", server: leafExtensions(extension(18, 0, 0)), fallback: true, reason: failure.ReasonBadMessage},
		{name: "empty SCT", server: leafExtensions(extension(18, 0, 2, 0, 0)), fallback: true, reason: failure.ReasonBadMessage},
		{name: "byte after the list of SCTs", server: leafExtensions(extension(18, 0, 3, 0, 1, 9, 9)), fallback: true, reason: failure.ReasonBadMessage},
		{name: "certificate_request_context", server: tls13test.Server{Certificate: func(body []byte) []byte {
			return append([]byte{1, 0}, body[1:]...)
		}}, fallback: true, reason: failure.ReasonBadMessage},
		{name: "byte after the list of certificates", server: tls13test.Server{Certificate: func(body []byte) []byte { return append(body, 0) }}, fallback: true, reason: failure.ReasonBadMessage},
		{name: "empty certificate", server: tls13test.Server{Certificates: func(c [][]byte) [][]byte { return append(c, nil) }}, fallback: true, reason: failure.ReasonBadCertificate},
		{name: "RSA key over 8192 bits", server: tls13test.Server{Certificates: func(c [][]byte) [][]byte { return append(c, long) }}, fallback: true},
		{name: "key of an unknown type, and then a wrong bit", server: tls13test.Server{Certificates: func(c [][]byte) [][]byte {
			return [][]byte{bytes.Replace(c[0], ecPublicKey, append(ecPublicKey[:len(ecPublicKey)-1:len(ecPublicKey)-1], 0x7f), 1)}
		}, Records: func(r [][]byte) [][]byte { tls13test.FlipBit(r[2]); return r }}, fallback: true, reason: failure.ReasonBadCertificate},
		{name: "RSA key with an exponent over 32 bits", certificate: rsaCertificate, server: tls13test.Server{Certificates: func([][]byte) [][]byte { return [][]byte{exponent} }}, reason: failure.ReasonBadCertificate},
		{name: "RSA key too short for the scheme", certificate: rsaCertificate, server: certificateVerify(tls.PSSWithSHA512), fallback: true, reason: failure.ReasonBadMessage},
		{name: "RSA key with an ECDSA scheme", certificate: rsaCertificate, server: certificateVerify(tls.ECDSAWithP256AndSHA256), fallback: true, reason: failure.ReasonBadMessage},
		{name: "RSA key with the Ed25519 scheme", certificate: rsaCertificate, server: certificateVerify(tls.Ed25519), fallback: true, reason: failure.ReasonBadMessage},
		{name: "Ed25519 key with an RSA scheme", certificate: edCertificate, server: certificateVerify(tls.PSSWithSHA256), fallback: true, reason: failure.ReasonBadMessage},
		{name: "P-256 key with an RSA scheme", server: certificateVerify(tls.PSSWithSHA256), fallback: true, reason: failure.ReasonBadMessage},
		{name: "RSASSA-PSS with a short salt", certificate: rsaCertificate, server: tls13test.Server{Salt: 20}, reason: failure.ReasonBadMessage},
		{name: "wrong signature of RSA", certificate: rsaCertificate, server: tls13test.Server{Signature: tls13test.FlipBit}, reason: failure.ReasonBadMessage},
		{name: "wrong signature of Ed25519", certificate: edCertificate, server: tls13test.Server{Signature: tls13test.FlipBit}, reason: failure.ReasonBadMessage},
		{name: "empty chain", server: tls13test.Server{Certificates: func([][]byte) [][]byte { return nil }}, fallback: true, reason: failure.ReasonBadCertificate},
		{name: "certificate that is not DER", server: tls13test.Server{Certificates: func(c [][]byte) [][]byte { return append(c, []byte("none")) }}, fallback: true, reason: failure.ReasonBadCertificate},
		{name: "21 certificates", server: tls13test.Server{Certificates: func(c [][]byte) [][]byte { return append(c, slices.Repeat(c[1:], 19)...) }}, fallback: true},
		{name: "certificate of another key", server: tls13test.Server{Certificates: func(c [][]byte) [][]byte { return c[1:] }}, reason: failure.ReasonBadMessage},
		{name: "signature scheme for another curve", server: tls13test.Server{Scheme: tls.ECDSAWithP384AndSHA384}, fallback: true, reason: failure.ReasonBadMessage},
		{name: "signature scheme of TLS 1.2", server: tls13test.Server{Scheme: tls.PKCS1WithSHA256}, fallback: true, reason: failure.ReasonBadMessage},
	}
}

// ecPublicKey is the algorithm of keys on elliptic curves, in DER (RFC 5480 section 2.1.1).
var ecPublicKey = []byte{6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1}

// withRSAKey returns a certificate with an RSA key of a number of bits and an exponent, in
// DER.
func withRSAKey(t *testing.T, bits uint, exponent int) []byte {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	modulus := new(big.Int).Lsh(big.NewInt(1), bits-1)
	key := &rsa.PublicKey{N: modulus.Add(modulus, big.NewInt(1)), E: exponent}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: labtest.Now, NotAfter: labtest.Now.Add(labtest.Day)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// serverHello returns a server with a change to its ServerHello.
func serverHello(change func(*hello.ServerHello)) tls13test.Server {
	return tls13test.Server{Hello: change}
}

// retryRandom is the random of a HelloRetryRequest (RFC 8446 section 4.1.3).
var retryRandom = sha256.Sum256([]byte("HelloRetryRequest"))

var helloDeviations = []deviation{
	{name: "TLS 1.2", server: serverHello(func(h *hello.ServerHello) { h.Extensions = nil }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "HelloRetryRequest with a key share", server: serverHello(func(h *hello.ServerHello) { h.Random = retryRandom }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "HelloRetryRequest for a group that was offered", server: serverHello(func(h *hello.ServerHello) {
		h.Random = retryRandom
		h.Extensions[1].Data = []byte{0, 29}
	}), fallback: true, reason: failure.ReasonBadMessage},
	{name: "key share with a group alone", server: serverHello(func(h *hello.ServerHello) { h.Extensions[1].Data = []byte{0, 29} }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "legacy_version TLS 1.3", server: serverHello(func(h *hello.ServerHello) { h.LegacyVersion = hello.TLS13 }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "no session ID", server: serverHello(func(h *hello.ServerHello) { h.SessionID = nil }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "another session ID", server: serverHello(func(h *hello.ServerHello) { h.SessionID = bytes.Repeat([]byte{1}, 32) }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "session ID of 33 bytes", server: serverHello(func(h *hello.ServerHello) { h.SessionID = append(bytes.Clone(h.SessionID), 0) }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "supported_versions TLS 1.2", server: serverHello(func(h *hello.ServerHello) { h.Extensions[0].Data = []byte{3, 3} }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "supported_versions of a draft", server: serverHello(func(h *hello.ServerHello) { h.Extensions[0].Data = []byte{0x7f, 28} }), fallback: true, reason: failure.ReasonNoCommonVersion},
	{name: "supported_versions of three bytes", server: serverHello(func(h *hello.ServerHello) { h.Extensions[0].Data = []byte{3, 4, 0} }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "supported_versions twice", server: serverHello(func(h *hello.ServerHello) { h.Extensions = append(h.Extensions, h.Extensions[0]) }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "supported_versions twice without a key share", server: serverHello(func(h *hello.ServerHello) { h.Extensions[1] = h.Extensions[0] }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "key_share twice", server: serverHello(func(h *hello.ServerHello) { h.Extensions = append(h.Extensions, h.Extensions[1]) }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "unknown extension in the ServerHello", server: serverHello(func(h *hello.ServerHello) {
		h.Extensions = append(h.Extensions, hello.Extension{Type: 0xfafa})
	}), fallback: true},
	{name: "cookie in the ServerHello", server: serverHello(func(h *hello.ServerHello) {
		h.Extensions = append(h.Extensions, hello.Extension{Type: 44, Data: []byte{0, 1, 9}})
	}), fallback: true, reason: failure.ReasonBadMessage},
	{name: "cipher suite of TLS 1.2", server: serverHello(func(h *hello.ServerHello) { h.CipherSuite = 0xc02f }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "byte after the key share", server: serverHello(func(h *hello.ServerHello) { h.Extensions[1].Data = append(h.Extensions[1].Data, 0) }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "empty key share", server: serverHello(func(h *hello.ServerHello) { h.Extensions[1].Data = []byte{0, 29, 0, 0} }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "byte after the extensions", server: helloRecord(func(r []byte) []byte {
		return hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, tls13test.Message(2, r[9:], []byte{0}))
	}), fallback: true, reason: failure.ReasonBadMessage},
	{name: "compression", server: serverHello(func(h *hello.ServerHello) { h.Compression = 1 }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "cipher suite that was not offered", server: serverHello(func(h *hello.ServerHello) { h.CipherSuite = 0x1304 }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "ALPN in the ServerHello", server: serverHello(func(h *hello.ServerHello) {
		h.Extensions = append(h.Extensions, hello.Extension{Type: 16, Data: []byte{0, 3, 2, 'h', '2'}})
	}), fallback: true, reason: failure.ReasonBadMessage},
	{name: "pre_shared_key, which was not offered", server: serverHello(func(h *hello.ServerHello) {
		h.Extensions = append(h.Extensions, hello.Extension{Type: 41, Data: []byte{0, 0}})
	}), fallback: true, reason: failure.ReasonBadMessage},
	{name: "no key share", server: serverHello(func(h *hello.ServerHello) { h.Extensions = h.Extensions[:1] }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "key share of a group that was not offered", server: serverHello(func(h *hello.ServerHello) { h.Extensions[1].Data[1]++ }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "X25519 key share with the number of P-256", server: tls13test.Server{Group: hello.X25519, Hello: func(h *hello.ServerHello) { h.Extensions[1].Data[1] = 23 }}, fallback: true, reason: failure.ReasonBadMessage},
	{name: "short X25519 key share", server: serverHello(func(h *hello.ServerHello) { h.Extensions[1].Data = []byte{0, 29, 0, 1, 9} }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "short X25519MLKEM768 key share", server: serverHello(func(h *hello.ServerHello) { h.Extensions[1].Data = []byte{0x11, 0xec, 0, 1, 9} }), fallback: true, reason: failure.ReasonBadMessage},
	{name: "X25519 key share of zero", server: serverHello(func(h *hello.ServerHello) {
		h.Extensions[1].Data = append([]byte{0, 29, 0, 32}, make([]byte, 32)...)
	}), fallback: true, reason: failure.ReasonBadMessage},
	{name: "wrong bit in the ML-KEM ciphertext", server: serverHello(func(h *hello.ServerHello) { h.Extensions[1].Data[100] ^= 1 }), reason: failure.ReasonBadMessage},
}
