package option

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

const day = 24 * time.Hour

func TestDuration(t *testing.T) {
	for _, test := range []struct {
		written string
		want    time.Duration // 0: an error
		says    string
	}{
		{written: "500ms", want: 500 * time.Millisecond},
		{written: "1m30s", want: 90 * time.Second},
		{written: "1h30m", want: 90 * time.Minute},
		{written: "1d", want: day},
		{written: "1w", want: 7 * day},
		{written: "1y", want: 365 * day},
		{written: "1y2w3d4h5m6s7ms", want: 382*day + 4*time.Hour + 5*time.Minute + 6*time.Second + 7*time.Millisecond},
		{written: "0d1h", want: time.Hour},
		// As Go writes it: /targets does, and so did every file until now.
		{written: "1.5h", want: 90 * time.Minute},
		{written: "1h0m0s", want: time.Hour},
		{written: "+90s", want: 90 * time.Second},
		{written: "292y", want: 292 * 365 * day},

		{written: "0s", says: `"0s": a duration must be more than 0s`},
		{written: "0d", says: "more than 0s"},
		{written: "-1h", says: "more than 0s"},
		{written: "", says: `"" is not a duration; write 500ms, 5s, 1h30m or 1d`},
		{written: "5", says: `"5" is not a duration`},
		{written: "d", says: "is not a duration"},
		{written: "1.5d", says: "is not a duration"},
		{written: "-1d", says: "is not a duration"},
		{written: "1d-1h", says: "is not a duration"},
		{written: "1d0", says: "is not a duration"},
		{written: "1d1w", says: "is not a duration"},
		{written: "1d1d", says: "is not a duration"},
		{written: "1h1d", says: "is not a duration"},
		{written: "1 d", says: "is not a duration"},
		{written: "1D", says: "is not a duration"},
		{written: "5 minutes", says: "is not a duration"},
		{written: "293y", says: "is not a duration"},
		{written: "106751d24h", says: "is not a duration"},
		{written: "99999999999999999999d", says: "is not a duration"},
	} {
		var d Duration
		err := d.UnmarshalText([]byte(test.written))
		if time.Duration(d) != test.want || (err == nil) != (test.want != 0) || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q is %v, want %v; error %v, want %q", test.written, time.Duration(d), test.want, err, test.says)
		}
	}
}

// Whatever is a duration for Prometheus, or for Go, is the same here.
func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"1d", "1y2w3d4h5m6s7ms", "1.5h", "0", "1d0", "1w-1h", "300y", "9223372036854775807ns"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, written string) {
		var d Duration
		err := d.UnmarshalText([]byte(written))
		if want, wrong := model.ParseDuration(written); wrong == nil && want > 0 && (err != nil || time.Duration(d) != time.Duration(want)) {
			t.Errorf("%q is %v in Prometheus, and here %v, %v", written, time.Duration(want), time.Duration(d), err)
		}
		if want, wrong := time.ParseDuration(written); wrong == nil && want > 0 && (err != nil || time.Duration(d) != want) {
			t.Errorf("%q is %v in Go, and here %v, %v", written, want, time.Duration(d), err)
		}
		if err == nil && d <= 0 {
			t.Errorf("%q is %d", written, d)
		}
	})
}
