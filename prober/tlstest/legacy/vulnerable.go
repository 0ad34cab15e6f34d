package legacy

import (
	"crypto/tls"

	"tls_exporter/prober/tlstest/internal/wire"
)

// Vulnerability is a known vulnerability, with a server that has it and one that
// does not. Both servers are otherwise the same, as far as possible, and have no
// other fault.
type Vulnerability struct {
	Name        string // in lower case, with hyphens
	Description string // one sentence for the user

	Vulnerable, Fixed Server
}

// Suites that the vulnerabilities use.
const (
	rsaExportRC4   = 0x0003
	rsaDES         = 0x0009
	rsa3DES        = tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA
	rsaRC4         = tls.TLS_RSA_WITH_RC4_128_SHA
	rsaNull        = 0x0002
	rsaIDEA        = 0x0007
	rsaAES         = tls.TLS_RSA_WITH_AES_128_CBC_SHA
	rsaAESGCM      = tls.TLS_RSA_WITH_AES_128_GCM_SHA256
	dheAES         = 0x0033
	dheAESGCM      = 0x009e
	dheExportDES   = 0x0014
	anonDHAES      = 0x0034
	anonECDHAES    = 0xc018
	ecdheRSA3DES   = tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA
	ecdheRSARC4    = tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA
	ecdheRSAAES    = tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
	ecdheRSAAESGCM = tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
)

// Vulnerabilities returns all vulnerabilities that the package implements.
func Vulnerabilities() []Vulnerability {
	rsaOnly := []uint16{rsaAESGCM, rsaAES}
	return []Vulnerability{
		// Memory and state.
		{Name: "heartbleed",
			Description: "The server answers a heartbeat with as much of its memory as the request asks for (CVE-2014-0160).",
			Vulnerable:  Server{Heartbeat: HeartbeatVulnerable}, Fixed: Server{Heartbeat: HeartbeatFixed}},
		{Name: "ccs-injection",
			Description: "The server accepts a ChangeCipherSpec before the key exchange, and derives keys from an empty secret (CVE-2014-0224).",
			Vulnerable:  Server{EarlyCCS: EarlyCCSAccepted}, Fixed: Server{}},
		{Name: "ticketbleed",
			Description: "The server fills up the session ID from its memory when a ticket is used (CVE-2016-9244).",
			Vulnerable:  Server{Tickets: TicketsVulnerable, NoExtendedMasterSecret: true}, // the affected servers did not have it
			Fixed:       Server{Tickets: TicketsFixed, NoExtendedMasterSecret: true}},

		// Padding oracles.
		{Name: "robot-strong",
			Description: "The server sends a distinct alert if an encrypted secret begins with wrong padding (ROBOT).",
			Vulnerable:  Server{Suites: rsaOnly, RSAOracle: RSAOracleStrong}, Fixed: Server{Suites: rsaOnly}},
		{Name: "robot-weak",
			Description: "The server sends a distinct alert if any padding of an encrypted secret is wrong (ROBOT).",
			Vulnerable:  Server{Suites: rsaOnly, RSAOracle: RSAOracleWeak}, Fixed: Server{Suites: rsaOnly}},
		{Name: "robot-reset",
			Description: "The server resets the connection if an encrypted secret begins with wrong padding, and sends alerts for other faults (ROBOT).",
			Vulnerable:  Server{Suites: rsaOnly, RSAOracle: RSAOracleByReset}, Fixed: Server{Suites: rsaOnly}},
		{Name: "robot-close",
			Description: "The server closes the connection if an encrypted secret begins with wrong padding, and sends alerts for other faults (ROBOT).",
			Vulnerable:  Server{Suites: rsaOnly, RSAOracle: RSAOracleByClosing}, Fixed: Server{Suites: rsaOnly}},
		{Name: "robot-silence",
			Description: "The server does not answer if an encrypted secret begins with wrong padding, and sends alerts for other faults (ROBOT).",
			Vulnerable:  Server{Suites: rsaOnly, RSAOracle: RSAOracleBySilence}, Fixed: Server{Suites: rsaOnly}},

		// Compression, renegotiation and fallback.
		{Name: "crime",
			Description: "The server compresses data before it encrypts it, so that the length reveals some of it (CVE-2012-4929).",
			Vulnerable:  Server{Deflate: true}, Fixed: Server{}},
		{Name: "insecure-renegotiation",
			Description: "The server does not bind a renegotiation to the session before it (CVE-2009-3555).",
			Vulnerable:  Server{NoRenegotiationInfo: true, Renegotiation: RenegotiationAccepted}, Fixed: Server{}},
		{Name: "client-renegotiation",
			Description: "The server accepts any number of renegotiations, which cost it more than the client.",
			Vulnerable:  Server{Renegotiation: RenegotiationAccepted}, Fixed: Server{}},
		{Name: "no-fallback-protection",
			Description: "The server does not detect a forced fallback to an older version (RFC 7507).",
			Vulnerable:  Server{IgnoreFallbackSCSV: true}, Fixed: Server{}},

		// Short keys.
		{Name: "freak",
			Description: "The server accepts suites that encrypt with an RSA key of 512 bits (CVE-2015-0204).",
			Vulnerable:  Server{Suites: with(rsaExportRC4)}, Fixed: Server{}},
		{Name: "logjam-export",
			Description: "The server accepts suites with Diffie-Hellman over a prime of 512 bits (CVE-2015-4000).",
			Vulnerable:  Server{Suites: with(dheExportDES)}, Fixed: Server{}},
		{Name: "logjam-1024",
			Description: "The server uses Diffie-Hellman with a widely shared prime of 1024 bits (CVE-2015-4000).",
			Vulnerable:  Server{Suites: with(dheAESGCM, dheAES), PrimeBits: 1024}, Fixed: Server{Suites: with(dheAESGCM, dheAES)}},

		// Versions and ciphers.
		{Name: "drown",
			Description: "The server supports SSL 2.0, which lets an attacker decrypt sessions of newer versions with the same key (CVE-2016-0800).",
			Vulnerable:  Server{Versions: since(wire.VersionSSL20), CipherKinds: []uint32{kindRC4, kindRC4Export, kind3DES}}, Fixed: Server{}},
		{Name: "poodle",
			Description: "The server supports SSL 3.0 with CBC suites, whose padding is not authenticated (CVE-2014-3566).",
			Vulnerable:  Server{Versions: since(wire.VersionSSL30)}, Fixed: Server{}},
		{Name: "sweet32",
			Description: "The server accepts ciphers with blocks of 64 bits, which collide in long sessions (CVE-2016-2183).",
			Vulnerable:  Server{Suites: with(ecdheRSA3DES, rsa3DES, rsaDES, rsaIDEA)}, Fixed: Server{}},
		{Name: "rc4",
			Description: "The server accepts RC4, whose keystream is biased (RFC 7465).",
			Vulnerable:  Server{Suites: with(ecdheRSARC4, rsaRC4)}, Fixed: Server{}},
		{Name: "null-cipher",
			Description: "The server accepts suites that do not encrypt.",
			Vulnerable:  Server{Suites: with(rsaNull)}, Fixed: Server{}},
		{Name: "anonymous",
			Description: "The server accepts suites without a certificate, so that anyone can impersonate it.",
			Vulnerable:  Server{Suites: with(anonECDHAES, anonDHAES)}, Fixed: Server{}},
	}
}

// with returns suites without faults, and then others.
func with(others ...uint16) []uint16 {
	return append([]uint16{ecdheRSAAESGCM, ecdheRSAAES}, others...)
}

// since returns the versions from oldest to TLS 1.2.
func since(oldest uint16) []uint16 {
	var versions []uint16
	for _, v := range []uint16{wire.VersionSSL20, wire.VersionSSL30, tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12} {
		if v >= oldest {
			versions = append(versions, v)
		}
	}
	return versions
}
