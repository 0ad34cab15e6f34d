package tls13test

import (
	"slices"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
)

// ChangeCipherSpec is the record that middleboxes want to see (RFC 8446 appendix D.4).
var ChangeCipherSpec = hello.AppendRecord(nil, hello.TypeChangeCipherSpec, hello.TLS12, []byte{1})

// PlaintextAlert is an alert in a record that is not protected.
func PlaintextAlert(level byte, d hello.AlertDescription) []byte {
	return hello.AppendRecord(nil, hello.TypeAlert, hello.TLS12, []byte{level, byte(d)})
}

// Fragments seals a message in records of so many bytes.
func Fragments(size int) func(*keys.Traffic, int, []byte) []byte {
	return func(traffic *keys.Traffic, _ int, message []byte) (records []byte) {
		for piece := range slices.Chunk(message, size) {
			records = traffic.Seal(records, hello.TypeHandshake, piece)
		}
		return records
	}
}

// Prepend has other records sealed before the first message.
func Prepend(kind byte, contents ...[]byte) func(*keys.Traffic, int, []byte) []byte {
	return func(traffic *keys.Traffic, index int, message []byte) (records []byte) {
		if index == 0 {
			for _, content := range contents {
				records = traffic.Seal(records, kind, content)
			}
		}
		return traffic.Seal(records, hello.TypeHandshake, message)
	}
}

// Insert adds a message to those under the keys of the handshake.
func Insert(at int, message []byte) func([][]byte) [][]byte {
	return func(messages [][]byte) [][]byte { return slices.Insert(messages, at, message) }
}

// Replace puts a message in the place of another.
func Replace(at int, message []byte) func([][]byte) [][]byte {
	return func(messages [][]byte) [][]byte { messages[at] = message; return messages }
}

// FlipBit changes one bit.
func FlipBit(b []byte) []byte { b[len(b)/2] ^= 1; return b }
