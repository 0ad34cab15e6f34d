package part

import (
	"math"
	"testing"
	"time"
)

const day = 24 * time.Hour

func TestDuration(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{0, "0.00 ms"},
		{800 * time.Nanosecond, "<0.01 ms"},
		{707 * time.Microsecond, "0.71 ms"},
		{9994 * time.Microsecond, "9.99 ms"},
		{9996 * time.Microsecond, "10.0 ms"},
		{23100 * time.Microsecond, "23.1 ms"},
		{231 * time.Millisecond, "231 ms"},
		{999600 * time.Microsecond, "1.00 s"},
		{1240 * time.Millisecond, "1.24 s"},
		{75 * time.Second, "75.0 s"},
	}
	for _, test := range tests {
		if got := Duration(test.d); got != test.want {
			t.Errorf("%v is %q, want %q", test.d, got, test.want)
		}
	}
}

func TestSpan(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{58*day + 7*time.Hour, "58.3 days"},
		{-19*day - 5*time.Hour, "19.2 days"},
		{1825 * day, "1825 days"},
		{7*time.Hour + 12*time.Minute, "7.2 hours"},
		{90 * time.Second, "1.5 minutes"},
		{math.MaxInt64, "over 292 years"},
		{math.MinInt64, "over 292 years"},
	}
	for _, test := range tests {
		if got := Span(test.d); got != test.want {
			t.Errorf("%v is %q, want %q", test.d, got, test.want)
		}
	}
}

func TestJoinCountsTheRest(t *testing.T) {
	words := []string{"one", "two", "three"}
	for limit, want := range map[int]string{0: "one and 2 more", 8: "one, two and 1 more", 100: "one, two, three"} {
		if got := Join(words, limit); got != want {
			t.Errorf("in %d bytes: %q, want %q", limit, got, want)
		}
	}
}
