package option

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"tls_exporter/prober/text"
)

// Duration is a time.Duration that is written as Prometheus writes it, 1h30m or 1d, or
// as Go does, 1.5h.
type Duration time.Duration

// UnmarshalText accepts a duration greater than zero.
func (d *Duration) UnmarshalText(value []byte) error {
	parsed, err := parseDuration(string(value))
	if err != nil {
		return fmt.Errorf("%s is not a duration; write 500ms, 5s, 1h30m or 1d", text.Quote(string(value)))
	}
	if parsed <= 0 {
		return fmt.Errorf("%s: a duration must be more than 0s", text.Quote(string(value)))
	}
	*d = Duration(parsed)
	return nil
}

// longUnits are the units that Prometheus has and Go has not, in the order in which they
// are written. A day always has 24 hours, and a year 365 days.
var longUnits = []struct {
	name   byte
	length time.Duration
}{{'y', 365 * 24 * time.Hour}, {'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}}

var errDuration = errors.New("is not a duration")

// parseDuration reads whole numbers of longUnits, and then what time.ParseDuration reads.
func parseDuration(s string) (time.Duration, error) {
	var long time.Duration
	rest := s
	for _, unit := range longUnits {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 || digits == len(rest) || rest[digits] != unit.name {
			continue
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil || n > int64((math.MaxInt64-long)/unit.length) {
			return 0, errDuration
		}
		long += time.Duration(n) * unit.length
		rest = rest[digits+1:]
	}
	if rest == s {
		return time.ParseDuration(s)
	}
	if rest == "" {
		return long, nil
	}
	short, err := time.ParseDuration(rest)
	if err != nil || rest[0] == '+' || rest[0] == '-' || rest == "0" || short > math.MaxInt64-long {
		return 0, errDuration
	}
	return long + short, nil
}
