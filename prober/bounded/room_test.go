package bounded

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// answer is a reader of a server that sends size bytes.
func answer(ctx context.Context, room *Room, size, limit int) *Reader {
	r := room.Reader(ctx, iotest.HalfReader(bytes.NewReader(make([]byte, size))), limit)
	return &r
}

// TestRoom reads answers of all sizes, until there is no room for more.
func TestRoom(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name   string
		size   int
		places int // 0: no end of them
	}{
		{"small", SmallAnswer - 1, 0},
		{"medium", SmallAnswer + 1, maxMedium},
		{"large", mediumAnswer + 1, MaxLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			room := new(Room)
			var open []*Reader
			for range cmp.Or(test.places, 1000) {
				r := answer(t.Context(), room, test.size, 1<<20)
				if content, err := io.ReadAll(r); err != nil || len(content) != test.size {
					t.Fatalf("answer %d: %d bytes, %v", len(open), len(content), err)
				}
				open = append(open, r)
			}
			if test.places > 0 {
				full := answer(over, room, test.size, 1<<20)
				if _, err := io.ReadAll(full); !errors.Is(err, ErrFull) || !errors.Is(err, context.Canceled) {
					t.Errorf("one more answer: %v, want ErrFull", err)
				}
				full.Release() // a large one has got the place of a medium one
			}
			if _, err := io.ReadAll(answer(over, room, SmallAnswer-1, 1<<20)); err != nil {
				t.Errorf("a small answer: %v", err)
			}
			if test.places > 0 {
				held, err := room.Hold(over, test.size)
				if !errors.Is(err, ErrFull) {
					t.Errorf("to hold one more answer: %v, want ErrFull", err)
				}
				held.Release()
			}
			for _, r := range open {
				r.Release()
			}
			if len(room.medium)+len(room.large) > 0 {
				t.Errorf("after all were released, %d and %d places are taken", len(room.medium), len(room.large))
			}
			for range cmp.Or(test.places, 1000) {
				held, err := room.Hold(over, test.size) // what was read is not lost at the deadline
				if err != nil {
					t.Fatalf("to hold an answer: %v", err)
				}
				defer held.Release()
			}
			if test.places > 0 && len(room.medium) != test.places && len(room.large) != test.places {
				t.Errorf("held answers take %d and %d places", len(room.medium), len(room.large))
			}
		})
	}
}

// TestRoomLimit reads an answer that is larger than its limit.
func TestRoomLimit(t *testing.T) {
	r := answer(t.Context(), new(Room), 200, 100)
	defer r.Release()
	if content, err := io.ReadAll(r); len(content) != 100 || !errors.Is(err, ErrTooLarge) {
		t.Errorf("%d bytes, %v, want 100 and ErrTooLarge", len(content), err)
	}
}
