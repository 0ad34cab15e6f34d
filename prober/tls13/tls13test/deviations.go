package tls13test

import (
	"slices"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
)

// ChangeCipherSpec is the record that servers send for the sake of middleboxes (RFC 8446
// appendix D.4).
var ChangeCipherSpec = hello.AppendRecord(nil, hello.TypeChangeCipherSpec, hello.TLS12, []byte{1})

// PlaintextAlert returns an alert in a record that is not protected.
func PlaintextAlert(level byte, d hello.AlertDescription) []byte {
	return hello.AppendRecord(nil, hello.TypeAlert, hello.TLS12, []byte{level, byte(d)})
}

// Fragments seals each message in records of size bytes.
func Fragments(size int) func(*keys.Traffic, int, []byte) []byte {
	return func(traffic *keys.Traffic, _ int, message []byte) (records []byte) {
		for fragment := range slices.Chunk(message, size) {
			records = traffic.Seal(records, hello.TypeHandshake, fragment)
		}
		return records
	}
}

// Prepend seals records of a content type before the first message.
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

// Insert inserts a message before the one at an index of Server.Messages.
func Insert(at int, message []byte) func([][]byte) [][]byte {
	return func(messages [][]byte) [][]byte { return slices.Insert(messages, at, message) }
}

// Replace replaces the message at an index of Server.Messages.
func Replace(at int, message []byte) func([][]byte) [][]byte {
	return func(messages [][]byte) [][]byte { messages[at] = message; return messages }
}

// FlipBit inverts one bit in the middle of b.
func FlipBit(b []byte) []byte { b[len(b)/2] ^= 1; return b }
