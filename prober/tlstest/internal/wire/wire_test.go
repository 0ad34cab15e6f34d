package wire

import (
	"bytes"
	"testing"
)

func TestSplitMessage(t *testing.T) {
	first, second := Message(MessageClientHello, Filler(300)), Message(MessageFinished, nil)
	stream := append(bytes.Clone(first), second...)
	for n := range stream {
		message, rest, ok := SplitMessage(stream[:n])
		if want := n >= len(first); ok != want || !ok && (message != nil || len(rest) != n) {
			t.Fatalf("%d bytes: %d of a message, %d left, %v", n, len(message), len(rest), ok)
		}
	}
	message, rest, ok := SplitMessage(stream)
	if !ok || !bytes.Equal(message, first) || !bytes.Equal(rest, second) {
		t.Errorf("got %x, %x, %v", message, rest, ok)
	}
	if message, rest, ok := SplitMessage(rest); !ok || !bytes.Equal(message, second) || len(rest) != 0 {
		t.Errorf("then %x, %x, %v", message, rest, ok)
	}
}
