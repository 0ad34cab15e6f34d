package option

import (
	"fmt"
	"net/url"

	"tls_exporter/prober/text"
)

// maxURL bounds a URL, in bytes.
const maxURL = 2048

// URL is an absolute URL of http or https, without credentials.
type URL string

// UnmarshalText accepts http:// or https:// and a host, without credentials and without a
// fragment.
func (u *URL) UnmarshalText(value []byte) error {
	parsed, err := url.Parse(string(value))
	switch {
	case err == nil && parsed.User != nil:
		return fmt.Errorf("a URL must not have credentials") // which the error does not show
	case err != nil || len(value) > maxURL || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" || parsed.Fragment != "":
		return fmt.Errorf("%s is not a URL; write http:// or https://, a host and a path", text.Quote(string(value)))
	}
	*u = URL(value)
	return nil
}
