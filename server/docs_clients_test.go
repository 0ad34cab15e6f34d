package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tls_exporter/collector/collectortest"
	"tls_exporter/prober/check/clients"
	"tls_exporter/prober/hello"
)

// docs/clients.md is generated from the table of clients (-update).
func TestClientsPage(t *testing.T) {
	collectortest.Golden(t, "../docs/clients.md", clientsPage())
}

func clientsPage() string {
	var b strings.Builder
	b.WriteString(clientsIntroduction)
	for _, c := range clients.Table {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s to %s | %s | %s | %s |\n", c.Name, c.Title, c.Released,
			c.Min, c.Max, offeredGroups(&c), acceptedPrimes(&c), c.Source)
	}
	b.WriteString("\nAll of them send the name of the server (SNI). The sources are:\n\n")
	var sources []string
	for name, source := range clients.Sources {
		sources = append(sources, fmt.Sprintf("- **%s**: %s\n", name, source))
	}
	slices.Sort(sources)
	b.WriteString(strings.Join(sources, ""))
	return b.String()
}

// offeredGroups is the first groups of a client. Old ones offer up to 25.
func offeredGroups(c *clients.Client) string {
	const most = 4
	var names []string
	for _, g := range c.Groups[:min(len(c.Groups), most)] {
		names = append(names, g.String())
	}
	if more := len(c.Groups) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// acceptedPrimes is the sizes of primes that a client accepts for DHE below TLS 1.3.
func acceptedPrimes(c *clients.Client) string {
	hasDHE := slices.ContainsFunc(c.Suites, func(id hello.CipherSuite) bool {
		suite := hello.Find(id)
		return suite != nil && suite.KeyExchange == "DHE"
	})
	switch {
	case !hasDHE:
		return "no DHE"
	case c.MaxDHBits > 0 && c.MinDHBits == 0:
		return strconv.Itoa(c.MaxDHBits) + " or less"
	case c.MaxDHBits > 0:
		return fmt.Sprintf("%d to %d", c.MinDHBits, c.MaxDHBits)
	case c.MinDHBits > 0:
		return strconv.Itoa(c.MinDHBits) + " or more"
	}
	return "any"
}

const clientsIntroduction = `# Known clients

This page is generated from the table of the check ` + "`clients`" + `; a test checks that.

The check tells which known clients can connect to a server, and with which version, cipher suite and group. It needs the checks
` + "`versions` and `ciphers`" + `, and computes the rest: it opens no connection.

` + "```yaml" + `
modules:
  scan:
    versions: {}
    ciphers: {}
    clients: {}   # or clients: {clients: [android_7, java_8u161]}
` + "```" + `

## How a session is computed

1. The version is the newest that both sides support. A server selects it before anything else.
2. The cipher suite is the first in the server's order or in the client's, whichever decides, of those that both sides support in this
   version. Below TLS 1.3 a suite also needs a common group, a certificate with a suitable key, and a common signature scheme.
3. The group is the first in both orders. A client of TLS 1.3 has sent key shares for some groups; others cost a round trip more.
4. The client accepts the answer, or not: the prime of DHE may be too small or too large for it. OpenSSL from 3.0 on also requires
   secure renegotiation (RFC 5746), and signatures without SHA-1, which exist only from TLS 1.2 on.

Where the findings leave several possibilities, all of them are computed, and only what they have in common is shown. A client is
absent if it is not settled whether it can connect.

| reason | why the client cannot connect |
|---|---|
| ` + "`no_common_version`" + ` | the server supports none of its versions |
| ` + "`no_common_cipher`" + ` | the server supports none of its cipher suites in the version |
| ` + "`no_common_group`" + ` | the cipher suites in common need a group, or a certificate on a curve, that it does not support |
| ` + "`no_common_signature_scheme`" + ` | the server can sign with none of its signature schemes |
| ` + "`dh_too_small`, `dh_too_large`" + ` | it does not accept the prime of DHE |
| ` + "`weak_signature`" + ` | the server signs with SHA-1, below TLS 1.2 |
| ` + "`no_secure_renegotiation`" + ` | the server does not support secure renegotiation |

## What is not simulated

- **Certificates**: a client may reject the certificate for its name, its dates, the length of its key, its signature algorithms or its issuer.
  There are no trust stores here.
- Servers that require a certificate of the client, or a protocol of ALPN.
- Servers that fail on a ClientHello for its length, an extension or a newer version. A probe tells ` + "`tls13_intolerant`" + `.
- Browsers up to about 2015 that try again with an older version.
- Programs with other settings than the defaults.

## The clients

The list is from November 2026. [prober/check/clients/table.go](../prober/check/clients/table.go) has all cipher suites, groups and
signature schemes, in the client's order. The bounds on DHE are in bits.

| client | what | released | versions | groups | DHE | source of its ClientHello |
|---|---|---|---|---|---|---|
`
