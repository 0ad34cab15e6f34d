package target

import (
	"fmt"
	"net/url"
)

// FromQuery reads a target from the parameters target, server_name and address of a
// request. An error names the parameter.
func FromQuery(values url.Values) (Target, error) {
	t, err := Parse(values.Get("target"))
	if err != nil {
		return Target{}, fmt.Errorf("parameter target: %w", err)
	}
	if name := values.Get("server_name"); name != "" {
		if t.ServerName, err = ParseServerName(name); err != nil {
			return Target{}, fmt.Errorf("parameter server_name: %w", err)
		}
	}
	if address := values.Get("address"); address != "" {
		if t, err = t.At(address); err != nil {
			return Target{}, fmt.Errorf("parameter address: %w", err)
		}
	}
	return t, nil
}
