// Package option has the types of values in targets.yml that are checked when they
// are read.
package option

import (
	"fmt"
	"math"
	"strconv"

	"tls_exporter/prober/text"
)

// Count is a number of 1 or more.
type Count int

// UnmarshalText accepts a decimal number of 1 or more.
func (c *Count) UnmarshalText(value []byte) error {
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 1 {
		return fmt.Errorf("%s is not a number of 1 or more", text.Quote(string(value)))
	}
	*c = Count(n)
	return nil
}

// Days is a number of days, more than 0.
type Days float64

// UnmarshalText accepts a decimal number of more than 0.
func (d *Days) UnmarshalText(value []byte) error {
	n, err := strconv.ParseFloat(string(value), 64)
	if err != nil || !(n > 0) || math.IsInf(n, 1) {
		return fmt.Errorf("%s is not a number of days of more than 0, as in 14 or 1.5", text.Quote(string(value)))
	}
	*d = Days(n)
	return nil
}

// Ratio is a share, more than 0 and less than 1.
type Ratio float64

// UnmarshalText accepts a decimal number of more than 0 and less than 1.
func (r *Ratio) UnmarshalText(value []byte) error {
	n, err := strconv.ParseFloat(string(value), 64)
	if err != nil || !(n > 0 && n < 1) {
		return fmt.Errorf("%s is not a number of more than 0 and less than 1, as in 0.33", text.Quote(string(value)))
	}
	*r = Ratio(n)
	return nil
}
