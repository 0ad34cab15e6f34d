package tlstest

import "crypto/tls"

// Wound is a weakness of servers of the past, beside the same server without it.
// Both are healthy in all else, so that what tells them apart is the wound.
type Wound struct {
	Name string // in lower case, with hyphens
	Says string // one sentence for people: what is wrong with it

	Wounded, Healed Legacy
}

// Suites that wounds are made with.
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

// Wounds is every wound that the lab can show.
func Wounds() []Wound {
	rsaOnly := []uint16{rsaAESGCM, rsaAES}
	return []Wound{
		// Memory and state.
		{Name: "heartbleed",
			Says:    "The server answers heartbeats with as much of its memory as they ask for (CVE-2014-0160).",
			Wounded: Legacy{Heartbeat: HeartbeatBleeds}, Healed: Legacy{Heartbeat: HeartbeatHealed}},
		{Name: "ccs-injection",
			Says:    "The server takes a ChangeCipherSpec before there are keys, and goes on with empty ones (CVE-2014-0224).",
			Wounded: Legacy{EarlyCCS: EarlyCCSTaken}, Healed: Legacy{}},
		{Name: "ticketbleed",
			Says:    "The server fills up the session ID of who comes back with a ticket, from its memory (CVE-2016-9244).",
			Wounded: Legacy{Tickets: TicketsBleed, NoExtendedMasterSecret: true}, // as the servers had none that bled
			Healed:  Legacy{Tickets: TicketsHealed, NoExtendedMasterSecret: true}},

		// Oracles.
		{Name: "robot-strong",
			Says:    "The server tells with an alert of its own whether an encrypted secret begins as it should (ROBOT).",
			Wounded: Legacy{Suites: rsaOnly, Premaster: PremasterStrong}, Healed: Legacy{Suites: rsaOnly}},
		{Name: "robot-weak",
			Says:    "The server tells with an alert of its own whether all the padding of an encrypted secret is as it should be (ROBOT).",
			Wounded: Legacy{Suites: rsaOnly, Premaster: PremasterWeak}, Healed: Legacy{Suites: rsaOnly}},
		{Name: "robot-reset",
			Says:    "The server resets the connection at an encrypted secret that does not begin as it should, where it has alerts for other faults (ROBOT).",
			Wounded: Legacy{Suites: rsaOnly, Premaster: PremasterByReset}, Healed: Legacy{Suites: rsaOnly}},
		{Name: "robot-close",
			Says:    "The server closes at an encrypted secret that does not begin as it should, where it has alerts for other faults (ROBOT).",
			Wounded: Legacy{Suites: rsaOnly, Premaster: PremasterByClosing}, Healed: Legacy{Suites: rsaOnly}},
		{Name: "robot-silence",
			Says:    "The server falls silent at an encrypted secret that does not begin as it should, where it has alerts for other faults (ROBOT).",
			Wounded: Legacy{Suites: rsaOnly, Premaster: PremasterBySilence}, Healed: Legacy{Suites: rsaOnly}},

		// What is agreed on beside keys.
		{Name: "crime",
			Says:    "The server compresses what it encrypts, whose length then betrays it (CVE-2012-4929).",
			Wounded: Legacy{Deflate: true}, Healed: Legacy{}},
		{Name: "insecure-renegotiation",
			Says:    "The server does not bind a renegotiation to the session before it (CVE-2009-3555).",
			Wounded: Legacy{NoRenegotiationInfo: true, Renegotiation: RenegotiationTaken}, Healed: Legacy{}},
		{Name: "client-renegotiation",
			Says:    "The server shakes hands again as often as a client likes, which costs it more than the client.",
			Wounded: Legacy{Renegotiation: RenegotiationTaken}, Healed: Legacy{}},
		{Name: "no-fallback-protection",
			Says:    "The server lets itself be talked down to an older version (RFC 7507).",
			Wounded: Legacy{IgnoresFallback: true}, Healed: Legacy{}},

		// Keys that are too short.
		{Name: "freak",
			Says:    "The server takes suites that encrypt to an RSA key of 512 bits (CVE-2015-0204).",
			Wounded: Legacy{Suites: with(rsaExportRC4)}, Healed: Legacy{}},
		{Name: "logjam-export",
			Says:    "The server takes suites with Diffie-Hellman over a prime of 512 bits (CVE-2015-4000).",
			Wounded: Legacy{Suites: with(dheExportDES)}, Healed: Legacy{}},
		{Name: "logjam-1024",
			Says:    "The server's Diffie-Hellman has a prime of 1024 bits that half the world uses (CVE-2015-4000).",
			Wounded: Legacy{Suites: with(dheAESGCM, dheAES), PrimeBits: 1024}, Healed: Legacy{Suites: with(dheAESGCM, dheAES)}},

		// Versions and ciphers.
		{Name: "drown",
			Says:    "The server speaks SSL 2.0, with which sessions of newer versions under the same key can be read (CVE-2016-0800).",
			Wounded: Legacy{Versions: since(versionSSL20), Kinds: []uint32{kindRC4, kindRC4Export, kind3DES}}, Healed: Legacy{}},
		{Name: "poodle",
			Says:    "The server speaks SSL 3.0 with suites whose padding can be guessed at (CVE-2014-3566).",
			Wounded: Legacy{Versions: since(versionSSL30)}, Healed: Legacy{}},
		{Name: "sweet32",
			Says:    "The server takes ciphers with blocks of 64 bits, of which two are soon the same (CVE-2016-2183).",
			Wounded: Legacy{Suites: with(ecdheRSA3DES, rsa3DES, rsaDES, rsaIDEA)}, Healed: Legacy{}},
		{Name: "rc4",
			Says:    "The server takes RC4, whose keystream is not random (RFC 7465).",
			Wounded: Legacy{Suites: with(ecdheRSARC4, rsaRC4)}, Healed: Legacy{}},
		{Name: "null-cipher",
			Says:    "The server takes suites that do not encrypt.",
			Wounded: Legacy{Suites: with(rsaNull)}, Healed: Legacy{}},
		{Name: "anonymous",
			Says:    "The server takes suites without a certificate, so that anyone can be it.",
			Wounded: Legacy{Suites: with(anonECDHAES, anonDHAES)}, Healed: Legacy{}},
	}
}

// with is a healthy server's suites, and then others.
func with(others ...uint16) []uint16 {
	return append([]uint16{ecdheRSAAESGCM, ecdheRSAAES}, others...)
}

// since is a version and what came after it, up to TLS 1.2.
func since(oldest uint16) []uint16 {
	var versions []uint16
	for _, v := range []uint16{versionSSL20, versionSSL30, versionTLS10, versionTLS11, versionTLS12} {
		if v >= oldest {
			versions = append(versions, v)
		}
	}
	return versions
}
