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

// Version is the number of a TLS version (RFC 8446 section 4.2.1); 0: any.
type Version uint16

// UnmarshalText accepts TLS 1.0, TLS 1.1, TLS 1.2 or TLS 1.3. It also accepts 1.3,
// and TLS13 as Prometheus writes it.
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

// UnmarshalText accepts a name of the length that the RFC allows.
func (p *Protocol) UnmarshalText(value []byte) error {
	if len(value) == 0 || len(value) > 255 {
		return errors.New("an ALPN protocol name has 1 to 255 bytes, as in h2 or http/1.1")
	}
	*p = Protocol(value)
	return nil
}

// Pin is the SHA-256 digest of a SubjectPublicKeyInfo (RFC 7469 section 2.4), in
// hexadecimal as in the metrics.
type Pin string

// UnmarshalText accepts sha256/ and the digest, in base64 as HPKP and curl write it,
// or in hexadecimal as tls_certificate_info has it.
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

// AlertName is the registered name of a TLS alert; empty: none.
type AlertName string

// UnmarshalText accepts a name of IANA's TLS Alerts registry.
func (a *AlertName) UnmarshalText(value []byte) error {
	for code := range 256 {
		if d := hello.AlertDescription(code); d.Registered() && d.String() == string(value) {
			*a = AlertName(value)
			return nil
		}
	}
	return fmt.Errorf("%s is not a TLS alert; write its registered name, as in certificate_required", text.Quote(string(value)))
}

// supportedGroups are the groups of crypto/tls.
var supportedGroups = []tls.CurveID{
	tls.CurveP256, tls.CurveP384, tls.CurveP521, tls.X25519, tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024,
}

// Group is the registered name of a named group.
type Group string

// UnmarshalText accepts the name of a group of crypto/tls.
func (g *Group) UnmarshalText(value []byte) error {
	known := make([]string, 0, len(supportedGroups))
	for _, group := range supportedGroups {
		name := hello.Group(group).String()
		if name == string(value) {
			*g = Group(name)
			return nil
		}
		known = append(known, name)
	}
	return fmt.Errorf("%s is not a group; known are %s", text.Quote(string(value)), text.List(known))
}

// KeyType is a kind of public key: an algorithm, as tls_certificate_info names it, or one
// with a size or a curve.
type KeyType string

// KeyTypes is the vocabulary.
var KeyTypes = []KeyType{"RSA", "RSA 2048", "RSA 3072", "RSA 4096", "ECDSA", "ECDSA P-256", "ECDSA P-384", "ECDSA P-521", "Ed25519"}

// UnmarshalText accepts a word of KeyTypes.
func (k *KeyType) UnmarshalText(value []byte) (err error) {
	*k, err = WordOf("a type of key", KeyTypes, value)
	return err
}
