package clientstest

import (
	"fmt"
	"slices"
	"testing"

	"tls_exporter/prober/check/clients"
	"tls_exporter/prober/hello"
)

// The numbers of the extensions with what a client offers.
const (
	extGroups   = 10
	extSchemes  = 13
	extVersions = 43
)

// CompareOffer compares a row of the table with a ClientHello of the client.
func CompareOffer(t testing.TB, c *clients.Client, h *hello.ClientHello) {
	t.Helper()
	var suites []hello.CipherSuite
	for _, id := range h.CipherSuites {
		if !isGREASE(uint16(id)) && id != hello.EmptyRenegotiationInfoSCSV && id != hello.FallbackSCSV {
			suites = append(suites, id)
		}
	}
	newest, oldest := h.LegacyVersion, c.Min // an old ClientHello does not tell the oldest version
	if versions := offered[hello.Version](h, extVersions, 1); versions != nil {
		newest, oldest = slices.Max(versions), slices.Min(versions)
	}
	schemes := offered[hello.SignatureScheme](h, extSchemes, 2)
	for _, compared := range []struct{ what, got, want string }{
		{"versions", fmt.Sprint(oldest, newest), fmt.Sprint(c.Min, c.Max)},
		{"suites", fmt.Sprint(suites), fmt.Sprint(c.Suites)},
		{"groups", fmt.Sprint(offered[hello.Group](h, extGroups, 2)), fmt.Sprint(c.Groups)},
		{"key shares", fmt.Sprint(slices.DeleteFunc(h.KeyShareGroups(), func(g hello.Group) bool { return isGREASE(uint16(g)) })), fmt.Sprint(c.Shares)},
		{"schemes", fmt.Sprint(distinct(schemes)), fmt.Sprint(c.Schemes)},
	} {
		if compared.got != compared.want {
			t.Errorf("%s: the %s are\n%s\nand in the table\n%s", c.Name, compared.what, compared.got, compared.want)
		}
	}
}

// offered is the numbers in an extension, after so many bytes for their length. Those of
// GREASE (RFC 8701) are left out.
func offered[T ~uint16](h *hello.ClientHello, extension uint16, prefix int) (all []T) {
	data, _ := h.Extension(extension)
	for i := prefix; i+1 < len(data); i += 2 {
		if n := uint16(data[i])<<8 | uint16(data[i+1]); !isGREASE(n) {
			all = append(all, T(n))
		}
	}
	return all
}

func isGREASE(n uint16) bool { return n&0x0f0f == 0x0a0a && n>>8 == n&0xff }

// distinct returns each element once: Safari lists a scheme twice.
func distinct[T comparable](list []T) (all []T) {
	for _, one := range list {
		if !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}
