// Package option has the types of values in targets.yml that are checked when they
// are read.
package option

import (
	"fmt"
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
