package option

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/text"
)

// Version is a TLS version as the wire has it; 0 is none in particular.
type Version uint16

// UnmarshalText takes TLS 1.0, TLS 1.1, TLS 1.2 or TLS 1.3; 1.3 and Prometheus's
// TLS13 will do as well.
func (v *Version) UnmarshalText(value []byte) error {
	digits := strings.NewReplacer("TLS", "", " ", "", ".", "").Replace(strings.ToUpper(string(value)))
	for known := uint16(tls.VersionTLS10); known <= tls.VersionTLS13; known++ {
		if digits == strconv.Itoa(10+int(known-tls.VersionTLS10)) {
			*v = Version(known)
			return nil
		}
	}
	return fmt.Errorf("%s is not a TLS version; write TLS 1.0, TLS 1.1, TLS 1.2 or TLS 1.3", text.Quote(string(value)))
}

func (v Version) String() string { return tls.VersionName(uint16(v)) }

// Protocol is an ALPN protocol name (RFC 7301): 1 to 255 bytes.
type Protocol string

// UnmarshalText takes a name of the length that the RFC allows.
func (p *Protocol) UnmarshalText(value []byte) error {
	if len(value) == 0 || len(value) > 255 {
		return errors.New("an ALPN protocol name has 1 to 255 bytes, as in h2 or http/1.1")
	}
	*p = Protocol(value)
	return nil
}

// Pin is the SHA-256 digest of a public key (RFC 7469 section 2.4), in
// hexadecimal as the metrics show it.
type Pin string

// UnmarshalText takes sha256/ and the digest, in base64 as HPKP and curl write
// it or in hexadecimal as tls_certificate_info does.
func (p *Pin) UnmarshalText(value []byte) error {
	digest, ok := strings.CutPrefix(string(value), "sha256/")
	raw, err := hex.DecodeString(digest)
	if err != nil {
		raw, err = base64.StdEncoding.DecodeString(digest)
	}
	if !ok || err != nil || len(raw) != 32 {
		return fmt.Errorf("%s is not a pin; write sha256/ and the digest of the public key in base64 or hexadecimal", text.Quote(string(value)))
	}
	*p = Pin(hex.EncodeToString(raw))
	return nil
}

// AlertName is a TLS alert by its registered name, or none.
type AlertName string

// UnmarshalText takes a name of IANA's TLS Alerts registry.
func (a *AlertName) UnmarshalText(value []byte) error {
	for code := range 256 {
		if d := hello.AlertDescription(code); d.Registered() && d.String() == string(value) {
			*a = AlertName(value)
			return nil
		}
	}
	return fmt.Errorf("%s is not a TLS alert; write its registered name, as in certificate_required", text.Quote(string(value)))
}

// ownGroups are those that crypto/tls has.
var ownGroups = []tls.CurveID{
	tls.CurveP256, tls.CurveP384, tls.CurveP521, tls.X25519, tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024,
}

// Group is a named group by its registered name.
type Group string

// UnmarshalText takes the name of a group that crypto/tls has.
func (g *Group) UnmarshalText(value []byte) error {
	known := make([]string, 0, len(ownGroups))
	for _, group := range ownGroups {
		name := hello.Group(group).String()
		if name == string(value) {
			*g = Group(name)
			return nil
		}
		known = append(known, name)
	}
	return fmt.Errorf("%s is not a group; known are %s", text.Quote(string(value)), text.List(known))
}
