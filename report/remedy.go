package report

import (
	"strings"

	"tls_exporter/prober"
)

// Remedy is what to do about a failure, a problem of a chain, or an unmet
// expectation, in one or two sentences; empty for a word that is none of them.
func Remedy(reason prober.Reason) string {
	if remedy, ok := remedies[reason]; ok {
		return remedy
	}
	if strings.HasPrefix(string(reason), "alert_") {
		return "The server ended the handshake with this alert. Its log says why, at the time of the probe."
	}
	return ""
}

// remedies are for somebody who was woken: where to look first, then what to
// change.
var remedies = map[prober.Reason]string{
	// resolve
	"nxdomain":    "Check the spelling of the name, and whether its record was removed from the zone.",
	"no_address":  "The name exists without an address of the family that may be dialled: add the A or AAAA record, or change ip_protocol in the module.",
	"dns_failure": "DNS gave no usable answer, so nothing is known about the endpoint. Check the exporter's resolver, then the zone's name servers and its DNSSEC.",

	// connect
	"refused":     "The host is up, but nothing listens on this port or socket: start the service, or correct the port or path.",
	"unreachable": "No way leads to the address. Check routes, firewalls, source_address in the module and, for an IPv6 address, whether the exporter's network has IPv6 at all.",
	"reset":       "Something cut the connection off. Check the server's log, and firewalls and load balancers on the way that may not like this client.",

	// proxy
	"proxy_refused":   "The proxy would not connect to the target. Check its access rules and log, and the credentials in proxy_url.",
	"proxy_untrusted": "The certificate of the proxy itself is not good, so it was told nothing. Renew it, or name its root in the module's ca_file (with system_roots where the target needs those).",
	"proxy_protocol":  "The proxy did not answer as a proxy does. Check that proxy_url names the right kind (http or socks5) and port.",

	// starttls
	"starttls_not_offered": "The service speaks its protocol, but does not offer TLS: turn STARTTLS on, and check that the server could load its certificate.",
	"starttls_refused":     "The service refused to start TLS. Its log says why; often it could not load its certificate or key.",
	"starttls_protocol":    "The dialogue before TLS did not go as the protocol has it. Check that the scheme fits the service, and that nothing on the way alters the traffic.",

	// handshake
	"not_tls":           "The port answers, but not with TLS. Correct the port, turn TLS on at the service, or choose the scheme of a protocol with STARTTLS, such as smtp://.",
	"closed":            "The server hung up without a reason. Check its log, whether it knows this server name, and whether the load balancer has a healthy server behind it.",
	"no_common_version": "The server chose a TLS version that was not offered to it. Widen min_version and max_version in the module, or turn on TLS 1.2 or 1.3 at the server.",
	"legacy_only":       "The server takes only versions or ciphers that today's clients do not offer any more. Update its TLS library or its configuration.",
	"bad_message":       "The server speaks TLS, but breaks its rules. Check whether a middlebox alters the traffic, then update the server's TLS library.",
	"bad_certificate":   "The server's certificate cannot be read, or has a key of an unknown kind, so clients cannot take it either. Have it issued anew.",

	// anywhere
	"timeout":   "No answer came in time. In resolve check DNS, in connect a firewall that drops packets, later an overloaded server or one that does not speak TLS here.",
	"denied":    "The exporter's policy forbids this target, so nothing is known about it. Allow it there, or leave it out.",
	"too_large": "The server sent more than any client would read. Look at what it sends: often a whole CA bundle instead of a chain.",
	"pending":   "The finding takes longer than this probe had time for, and is still being made: probe again. If it stays so, give the module a longer timeout, or a scan fewer connections.",
	"internal":  "This is a fault or a limit of the exporter, and says nothing about the endpoint. Read the message, then the exporter's log.",

	// alerts
	"alert_access_denied":           "The server knows who this is and does not let them in. Check its access rules for the client certificate of the module.",
	"alert_bad_certificate":         "The server does not take the client certificate. Check the one in the module, and that its chain is complete.",
	"alert_certificate_expired":     "The client certificate of the module has ended. Renew it; the server's own is not meant.",
	"alert_certificate_required":    "The server wants a client certificate. Name one in the module's client_certificate, or expect client_certificate_required where being turned away is right.",
	"alert_certificate_revoked":     "The client certificate of the module has been revoked. Get a new one; the server's own is not meant.",
	"alert_certificate_unknown":     "The server does not take the client certificate for a reason of its own. Its log says which.",
	"alert_close_notify":            "The server said goodbye in the middle of the handshake. Check whether it is shutting down, and its log.",
	"alert_decode_error":            "The server could not read a message of the handshake. Check for a middlebox that alters the traffic, and for an outdated TLS library at the server.",
	"alert_decrypt_error":           "A signature or key of the handshake did not check out for the server. Where the module has a client certificate, check that its key belongs to it.",
	"alert_ech_required":            "The server insists on Encrypted Client Hello, which was not offered to it. Check the ECH settings of the server or its CDN.",
	"alert_handshake_failure":       "Nothing that was offered suits the server. Check its ciphers and groups, whether it has a certificate for this name, and whether it wants a client certificate.",
	"alert_illegal_parameter":       "The server does not like a value in the handshake. Check for a middlebox that alters the traffic, and for an outdated TLS library at the server.",
	"alert_inappropriate_fallback":  "The server has a newer version than the one that was offered. Raise or remove max_version in the module.",
	"alert_insufficient_security":   "The server wants stronger ciphers than were offered. Raise or remove max_version in the module.",
	"alert_internal_error":          "The server has a fault of its own. Check its log; often its certificate or key could not be loaded, or nothing is set up for this name.",
	"alert_missing_extension":       "The server misses something in the ClientHello, often the server name: set server_name in the module.",
	"alert_no_application_protocol": "The server speaks none of the protocols that ALPN offered. Turn them on at the server, or change alpn in the module.",
	"alert_protocol_version":        "The server speaks none of the TLS versions that were offered. Widen min_version and max_version in the module, or turn on TLS 1.2 or 1.3 at the server.",
	"alert_unexpected_message":      "The server got a message that it did not wait for. Check that the port is for TLS from the start, and for a middlebox on the way.",
	"alert_unknown_ca":              "The server does not trust the CA of the client certificate. Add that CA at the server, or give the module a certificate of one that it trusts.",
	"alert_unrecognized_name":       "The server does not know this name. Correct the target or server_name, or add the name to the server's virtual hosts.",
	"alert_unsupported_certificate": "The server cannot use this kind of client certificate. Check its key and its extended key usage (clientAuth).",
	"alert_user_canceled":           "Somebody or something at the server cancelled the handshake. Its log says who.",

	// the chain
	"revoked":           "The CA has withdrawn the certificate: have a new one issued with a new key, and find out why.",
	"expired":           "Renew the certificate (for an intermediate, install the CA's current chain) and reload the server, which may still hold the old one. Then find out why nothing renewed it in time.",
	"not_yet_valid":     "Check the clock of the exporter and of the CA. If they are right, show the previous certificate until this one begins.",
	"name_mismatch":     "Have a certificate issued with this name in it, or correct the target or server_name. A server that does not know the name often shows its default certificate.",
	"unknown_authority": "Clients do not know this CA. Use a certificate of one that they trust, or, for a private CA, name its root in the module's ca_file.",
	"self_signed":       "Nobody vouches for this certificate, often a default one that was never replaced. Install one of a CA, or name it in the module's ca_file.",
	"incomplete_chain":  "Install the chain file of the CA (fullchain.pem: the leaf, then the intermediates) instead of the leaf alone. Browsers may hide this; other clients fail.",
	"wrong_usage":       "Have the certificate issued for TLS servers (extended key usage serverAuth), by a certificate that is a CA.",
	"name_constraint":   "The CA may not issue for this name. Have the certificate issued by another CA, or the CA's constraints widened.",
	"weak_signature":    "Clients refuse signatures with MD5 or SHA-1. Have the certificate issued anew with SHA-256, or replace the old intermediate that is sent.",
	"weak_key":          "Make a new key, RSA with at least 2048 bits or ECDSA with 256, and have the certificate issued anew for it.",
	"lifetime_too_long": "Some clients refuse certificates that last this long. Have it issued anew for a shorter time, and automate the renewal.",
	"wrong_order":       "Put the chain file in order: the leaf first, then each certificate's issuer. Not every client sorts it.",

	// the addresses
	"stale_certificate": "The other addresses behind the name have a newer certificate, and this one was forgotten: install it there, and reload the server.",

	// what a scan finds
	"old_version": "Turn SSL and TLS below 1.2 off at the server (RFC 8996). If a client still needs them, give it a server of its own.",
	"weak_cipher": "Take these suites out of the server's configuration. Mozilla's intermediate configuration has none of them, and all browsers since 2014 get along with it.",

	// vulnerabilities
	"heartbleed":                "Update OpenSSL to 1.0.1g or newer at once. The server's memory could be read: make a new key, have the certificate issued anew and the old one revoked.",
	"ccs_injection":             "Update OpenSSL to 0.9.8za, 1.0.0m, 1.0.1h or newer: who is on the way can choose the keys.",
	"ticketbleed":               "Update the load balancer (F5 BIG-IP, K05121675), or turn session tickets off in its client SSL profile until then.",
	"robot":                     "Turn off the suites with RSA key exchange (TLS_RSA_...), then update the TLS library: who recorded sessions can have the server decrypt them.",
	"drown":                     "Turn SSL 2.0 off on every server that has this key, mail servers too: through any of them sessions of this one can be read.",
	"poodle":                    "Turn SSL 3.0 off. No client since 2006 needs it.",
	"freak":                     "Turn the export suites off: who is on the way can have a key of 512 bits used, and break it.",
	"logjam":                    "Give the server Diffie-Hellman parameters of its own with 2048 bits or more, or turn the DHE suites off, and the export suites in any case.",
	"sweet32":                   "Turn off the suites with blocks of 64 bits: 3DES, DES and IDEA.",
	"rc4":                       "Turn the RC4 suites off (RFC 7465).",
	"compression":               "Turn compression in TLS off: the length of what is compressed betrays secrets.",
	"insecure_renegotiation":    "Update the TLS library to one that has RFC 5746, or turn renegotiation off: who is on the way can put words before a client's own.",
	"client_renegotiation":      "Have the server refuse renegotiation that clients begin: each costs it far more than them.",
	"no_fallback_scsv":          "Update the TLS library to one that knows TLS_FALLBACK_SCSV (RFC 7507), or turn off all versions but the newest ones.",
	"no_extended_master_secret": "Update the TLS library to one that has the extended master secret (RFC 7627), or turn on TLS 1.3, which needs none.",

	// expectations
	"min_version":                 "Turn on newer TLS versions at the server, or lower min_version under expect in the module.",
	"max_version":                 "Turn off newer TLS versions at the server, or raise max_version under expect in the module.",
	"alpn":                        "Turn on the protocol at the server or load balancer, or change alpn under expect in the module.",
	"group":                       "Turn on one of the expected groups at the server, which may need a newer TLS library, or change group under expect in the module.",
	"pin":                         "No certificate has a pinned key. If the key was changed on purpose, pin the new one; if not, find out who answers here.",
	"issuer":                      "Another CA issued the certificate. If the change was meant, change issuer under expect in the module; if not, find out who had it issued.",
	"same_as_file":                "The server shows another certificate than the file. Reload the server if the file is the newer one; else find out where its certificate comes from.",
	"client_certificate_required": "The server lets in clients that show no certificate. Turn on verification of client certificates, also for this name and on every server behind the address.",
	"alert":                       "The server did not send the expected alert. Compare its configuration with what was meant, or change alert under expect in the module.",
}
