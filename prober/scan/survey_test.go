package scan

import (
	"testing"
	"time"
)

// The pace holds between the starts of connections, in whatever goroutine they are made.
func TestSurveyPace(t *testing.T) {
	q := NewSurvey(nil, 3, time.Hour)
	for i, least := range []time.Duration{0, 59 * time.Minute, 119 * time.Minute} {
		if pause, ok := q.admit(); !ok || pause < least || pause > least+time.Minute {
			t.Errorf("connection %d waits for %s, want %s", i+1, pause, least)
		}
	}
	if _, ok := q.admit(); ok || !q.done() || q.Connections() != 3 {
		t.Errorf("a fourth connection was admitted to a budget of three; %d used", q.Connections())
	}
}
