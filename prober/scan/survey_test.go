package scan

import (
	"testing"
	"time"
)

// A pace is kept between the beginnings of connections, whoever makes them.
func TestSurveyPace(t *testing.T) {
	q := NewSurvey(nil, 3, time.Hour)
	for i, least := range []time.Duration{0, 59 * time.Minute, 119 * time.Minute} {
		if pause, ok := q.admit(); !ok || pause < least || pause > least+time.Minute {
			t.Errorf("connection %d has to wait for %s", i+1, pause)
		}
	}
	if _, ok := q.admit(); ok || !q.done() || q.Connections() != 3 {
		t.Errorf("a fourth connection of three; %d used", q.Connections())
	}
}
