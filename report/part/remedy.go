package part

import (
	"strings"

	"tls_exporter/prober/failure"
)

// Remedy is what to do about a failure, a problem of a chain, an unmet
// expectation or a vulnerability, in a few short sentences. It is empty for an
// unknown word.
func Remedy(reason failure.Reason) string {
	if remedy, ok := remedies[reason]; ok {
		return remedy
	}
	if strings.HasPrefix(string(reason), "alert_") {
		return "The server ended the handshake with this alert. Look for the cause in the server's log, at the time of the probe."
	}
	return ""
}

// remedies are for somebody on call: first where to look, then what to change.
var remedies = map[failure.Reason]string{
	// read
	"no_such_file":      "Check the path, and whether the renewal that writes the file has run. In a container, check that the directory is mounted.",
	"permission_denied": "Give the exporter's user the right to read the file and to enter its directories, for example with a group. If the file also has the private key, write the certificates to another file.",
	"not_a_file":        "Correct the path: it is that of a directory, a pipe or a device. A pattern such as file:///etc/ssl/*.pem in targets.yml names the files of a directory.",
	"read_error":        "Read the message. Check the file system, and the exporter's log. For too many symbolic links, check where they lead.",
	"no_certificate":    "Check that the file has certificates and is complete. The formats are PEM, DER, PKCS #7, PKCS #12, key stores of Java, and kubeconfig.",
	"wrong_password":    "Set password_file in the module to a file with the password of the key store, and reload the exporter.",
	"key_mismatch":      "The private key and the certificate in the file do not belong together, and a server cannot start with it. Write the key with which the certificate was requested.",

	// resolve
	"nxdomain":     "Check the spelling of the name. Check whether its DNS record was removed.",
	"no_address":   "The name has no address of the family that may be used. Add an A or AAAA record, or change ip_protocol in the module.",
	"dns_failure":  "DNS gave no usable answer, so the state of the endpoint is unknown. Check the exporter's resolver, then the zone's name servers and its DNSSEC.",
	"dnssec_bogus": "The DNSSEC signatures of these records are missing, expired or wrong, so validating resolvers give them to nobody. Sign the zone again, and compare its DS record with its keys.",

	// connect
	"refused":     "The host is up, but nothing listens on this port or socket. Start the service, or correct the port or path.",
	"unreachable": "There is no route to the address. Check routes, firewalls, and source_address in the module. For an IPv6 address, check that the exporter's network has IPv6.",
	"reset":       "The connection was reset. Check the server's log, and the firewalls and load balancers on the path, which may block this client.",

	// proxy
	"proxy_refused":   "The proxy refused to connect to the target. Check its access rules and its log, and the credentials in proxy_url.",
	"proxy_untrusted": "The proxy's own certificate is not valid, so no request was sent. Renew it, or add its root to the module's ca_file (with system_roots if the target needs them).",
	"proxy_protocol":  "The answer is not that of a proxy. Check the scheme (http or socks5) and the port in proxy_url.",

	// starttls
	"starttls_not_offered": "The service does not offer STARTTLS. Turn it on, and check that the service could load its certificate.",
	"starttls_refused":     "The service refused to start TLS. Check its log: often it could not load its certificate or key.",
	"starttls_injection":   "Plaintext came before TLS, where an attacker inserts it. Probe from the server's own host. If it is gone there, find what inserts it on the way. If not, update the server.",
	"starttls_protocol":    "The service broke the protocol before TLS started. Check that the scheme fits the service, and that no middlebox changes the traffic.",

	// handshake
	"not_tls":           "The port answers, but not with TLS. Correct the port, turn on TLS at the service, or use a scheme with STARTTLS, such as smtp://.",
	"closed":            "The server closed the connection without an alert. Check its log, whether it knows this server name, and whether the load balancer has a healthy backend.",
	"no_common_version": "The server chose a TLS version that the client did not offer. Widen min_version and max_version in the module, or turn on TLS 1.2 or 1.3 at the server.",
	"legacy_only":       "The server accepts only versions, ciphers, groups or signatures that Go, Chrome and other clients do not offer. Turn on common ones, or update its TLS library.",
	"tls13_intolerant":  "The server fails if a client offers TLS 1.3, and accepts TLS 1.2. Update the server, or the middlebox before it. A key too small for TLS 1.3 may be the cause: then make a new one.",
	"bad_message":       "The server violates the TLS protocol. Check whether a middlebox changes the traffic, then update the server's TLS library.",
	"bad_certificate":   "A certificate breaks the format of RFC 5280, or has a key that the exporter cannot use; some clients reject it. The message says what and where. Have it issued again.",

	"client_certificate_refused":  "The server requested a client certificate and closed the connection after the answer. Set or check client_certificate in the module. If this is intended, expect client_certificate_required.",
	"client_certificate_unusable": "The client certificate of the module has a key that this server does not accept. Use one with another type of key, such as P-256. This is not about the server's certificate.",

	// revocation
	"revocation_unknown": "The module requires proof that no certificate was revoked, and no source gave it. The message says what each answered. Check the way to the CA's servers, or set require to false.",

	// downloads from the servers of CAs
	"http_status":     "The CA's server answered with an HTTP error, which the message has. Try the URL with curl from the exporter's host. If it fails there too, tell the CA.",
	"http_protocol":   "What answered at the CA's URL is not a plain HTTP server. Look for a proxy or a captive portal between the exporter and the CA.",
	"https_untrusted": "The certificate of the CA's own server is not valid here. Look for a proxy that intercepts TLS, and add the root to the module's ca_file (with system_roots).",
	"bad_url":         "The certificate names a URL that is not followed: only http and https are, without credentials. Ask the CA for one that clients can use.",
	"bad_content":     "The CA's server sent something else than it should, such as an error page. Try the URL with curl from the exporter's host. If it is the same there, tell the CA.",

	// anywhere
	"renewal_not_offered":         "The CA of this directory does not say when to renew (RFC 9773). Remove renewal from the module.",
	"renewal_certificate_unknown": "The CA did not issue this certificate. Set the directory of the CA that did under renewal in the module, or give the target a module of its own.",

	"timeout":         "No answer arrived in time. In resolve, check DNS. In connect, look for a firewall that drops packets. Later, check the server's load, and that it speaks TLS on this port.",
	"denied":          "The exporter's access policy forbids this target, so it was not probed. Allow the target there, or remove it.",
	"too_large":       "The server sent more data than clients accept. Check what it sends: often it is a whole CA bundle instead of a chain.",
	"pending":         "The check takes longer than this probe and is still running. Probe again later. If it stays pending, raise the module's timeout, or use fewer connections for the scan.",
	"internal":        "The exporter failed, so the state of the endpoint is unknown. Read the message, then the exporter's log.",
	"local_resources": "The exporter's machine lacks a descriptor, port, address or memory, so the state is unknown. Raise what the message names (ulimit -n, ip_local_port_range). Check source_address in the module.",

	// alerts
	"alert_access_denied":           "The server accepted the client certificate, but denies access to its owner. Check the server's access rules.",
	"alert_bad_certificate":         "The server rejects the client certificate. Check the certificate in the module, and that its chain is complete.",
	"alert_certificate_expired":     "The client certificate of the module has expired. Renew it. This is not about the server's certificate.",
	"alert_certificate_required":    "The server requires a client certificate. Set client_certificate in the module. If the rejection is intended, expect client_certificate_required.",
	"alert_certificate_revoked":     "The client certificate of the module is revoked. Get a new one. This is not about the server's certificate.",
	"alert_certificate_unknown":     "The server rejects the client certificate for some other reason. Check the server's log.",
	"alert_close_notify":            "The server closed the connection during the handshake. Check its log, and whether it is shutting down.",
	"alert_decode_error":            "The server could not parse a handshake message. Look for a middlebox that changes the traffic, and for an outdated TLS library at the server.",
	"alert_decrypt_error":           "The server could not verify a signature or key of the handshake. If the module has a client certificate, check that its key matches.",
	"alert_ech_required":            "The server requires Encrypted Client Hello, which the client did not offer. Check the ECH settings of the server or its CDN.",
	"alert_handshake_failure":       "The server accepts none of the offered parameters. Check its ciphers and groups, its certificate for this name, and whether it requires a client certificate.",
	"alert_illegal_parameter":       "The server rejects a value in the handshake. Look for a middlebox that changes the traffic, and for an outdated TLS library at the server.",
	"alert_inappropriate_fallback":  "The server supports a newer version than the client offered. Raise or remove max_version in the module.",
	"alert_insufficient_security":   "The server requires stronger ciphers than the client offered. Raise or remove max_version in the module.",
	"alert_internal_error":          "The server has an internal error. Check its log: often it could not load its certificate or key, or has no configuration for this name.",
	"alert_missing_extension":       "The ClientHello lacks an extension that the server requires, often the server name. Set server_name in the module.",
	"alert_no_application_protocol": "The server supports none of the protocols that the client offered with ALPN. Turn one on at the server, or change alpn in the module.",
	"alert_protocol_version":        "The server supports none of the offered TLS versions. Widen min_version and max_version in the module, or turn on TLS 1.2 or 1.3 at the server.",
	"alert_unexpected_message":      "The server did not expect this message. Check that the port uses TLS from the start, and look for a middlebox on the path.",
	"alert_unknown_ca":              "The server does not trust the CA of the client certificate. Add that CA at the server, or use a certificate from a CA that it trusts.",
	"alert_unrecognized_name":       "The server does not know this name. Correct the target or server_name, or add the name to the server's virtual hosts.",
	"alert_unsupported_certificate": "The server does not support this kind of client certificate. Check its key and its extended key usage (clientAuth).",
	"alert_user_canceled":           "The server cancelled the handshake. Check its log.",

	// the chain
	"revoked":           "The CA has revoked the certificate. Make a new key, get a new certificate, and find out why it was revoked.",
	"expired":           "Renew the certificate (for an intermediate, install the CA's current chain). Reload the server: it may still use the old one. Then find out why the renewal failed.",
	"not_yet_valid":     "Check the clocks of the exporter and of the CA. If they are right, use the previous certificate until this one becomes valid.",
	"name_mismatch":     "Get a certificate that contains this name, or correct the target or server_name. A server that does not know the name often sends its default certificate.",
	"bad_signature":     "A signature in the chain is not by the key of the issuer. Install the CA's files again, and look for what altered them. If the CA's own files have it, ask the CA.",
	"unknown_authority": "Clients do not trust this CA. Use a certificate from a CA that they trust. For a private CA, add its root to the module's ca_file.",
	"self_signed":       "No CA issued this certificate. Often it is a default certificate that was never replaced. Install one from a CA, or add it to the module's ca_file.",
	"incomplete_chain":  "Install the CA's chain file (fullchain.pem: the leaf, then the intermediates), not only the leaf. Browsers may hide this problem; other clients fail.",
	"invalid_ca":        "The issuer is not a CA, may not sign certificates, or has more CAs below it than it allows. Use another CA, or have the CA's certificate issued again.",
	"wrong_usage":       "Get a certificate for TLS servers: extended key usage serverAuth, and key usage digitalSignature (for suites with RSA key exchange, keyEncipherment).",
	"name_constraint":   "The CA is not allowed to issue certificates for this name. Use another CA, or widen the CA's name constraints.",
	"weak_signature":    "Clients reject signatures with MD5 or SHA-1. Get a certificate that is signed with SHA-256, or replace the old intermediate.",
	"missing_staple":    "The certificate demands a stapled OCSP response (must-staple). Turn stapling on at the server, and let it reach the CA's responder. If the CA has none any more, get a certificate without the demand.",
	"weak_key":          "Make a new key (RSA with 2048 bits or more, or ECDSA with 256), and get a new certificate for it.",
	"lifetime_too_long": "Some clients reject certificates with such a long lifetime. Get one with a shorter lifetime, and automate the renewal.",
	"wrong_order":       "Correct the order of the chain file: the leaf first, then the issuer of each certificate. Some clients do not sort it.",

	"unhandled_critical_extension": "Clients have to reject a certificate with a critical extension that they do not know. Have it issued without the extension, or with one that is not critical.",
	"unsupported_algorithm":        "The exporter cannot verify a signature of this algorithm, so whether clients accept the chain is unknown. Try your clients, or use a more common algorithm.",

	// the addresses
	"stale_certificate": "Other addresses of this name have a newer certificate. Install that certificate on this address too, and reload the server.",

	// what is wrong with a good chain
	"expires_soon": "Renew the certificate, or find out why its automatic renewal did not. If it was renewed, reload the server.",

	"bad_staple": "The server staples an OCSP response that clients reject. Check its log, its clock, and that it can reach the CA's responder. Or turn stapling off, unless the certificate demands it.",

	// what a scan finds
	"old_version": "Turn off SSL and all TLS versions below 1.2 at the server (RFC 8996). If some clients still need them, use a separate server for those.",
	"weak_cipher": "Remove these suites from the server's configuration. Mozilla's intermediate configuration has none of them, and works with all browsers since 2014.",

	"dane_mismatch":         "Publish a TLSA record of the certificate or key that the server has now, and remove old ones after their TTL. Before the next change of the key, publish the record of the new one first.",
	"caa_forbids_issuer":    "The certificate stays valid, but its renewal will fail. Add the CA's domain to the CAA records of the domain, or use a CA that they list.",
	"https_record_mismatch": "Clients that follow the HTTPS record fail or try again. Turn the protocol on at the server, or remove it from alpn in the record.",
	"ech_not_accepted":      "Publish the server's current ECH configuration in the HTTPS record, or remove ech from it. Check that the server has a certificate for the public name.",
	"renewal_overdue":       "The CA wants this certificate replaced, and may revoke it. Renew it now and reload the server. Then find out why the ACME client did not: it failed, or does not support RFC 9773.",

	"policy_violated": "Change what violates the rules at the server. If the policy does not apply to this endpoint, remove it from policies in the module.",

	// vulnerabilities
	"heartbleed":                "Update OpenSSL to 1.0.1g or newer now. Attackers could read the server's memory: make a new key, get a new certificate, and revoke the old one.",
	"ccs_injection":             "Update OpenSSL to 0.9.8za, 1.0.0m, 1.0.1h or newer. An attacker on the path can choose the session keys.",
	"ticketbleed":               "Update the load balancer (F5 BIG-IP, K05121675). Until then, turn off session tickets in its client SSL profile.",
	"robot":                     "Turn off the suites with RSA key exchange (TLS_RSA_...), then update the TLS library. Attackers can decrypt recorded sessions with the help of the server.",
	"drown":                     "Turn off SSL 2.0 on every server that uses this key, mail servers included. With any of them, attackers can decrypt sessions of this server.",
	"poodle":                    "Turn off SSL 3.0. No client since 2006 needs it.",
	"freak":                     "Turn off the export suites. An attacker on the path can force a 512-bit key and break it.",
	"logjam":                    "Turn off the export suites. Then use Diffie-Hellman parameters of 2048 bits or more that are the server's own, or turn off the DHE suites.",
	"sweet32":                   "Turn off the suites with 64-bit blocks: 3DES, DES and IDEA.",
	"rc4":                       "Turn off the RC4 suites (RFC 7465).",
	"compression":               "Turn off TLS compression. The length of compressed data reveals secrets.",
	"insecure_renegotiation":    "Update the TLS library to one with RFC 5746, or turn off renegotiation. An attacker on the path can insert data before the client's own.",
	"client_renegotiation":      "Configure the server to refuse renegotiation started by clients. It costs the server much more than the client.",
	"no_fallback_scsv":          "Update the TLS library to one with TLS_FALLBACK_SCSV (RFC 7507), or turn off all versions but the newest.",
	"no_extended_master_secret": "Update the TLS library to one with the extended master secret (RFC 7627), or turn on TLS 1.3, which does not need it.",

	// transparency
	"ct_violated": "Get another certificate: the CA adds the SCTs. If this CA leaves them out, ask it to log its certificates. Check that log_list_file is up to date.",

	// expectations
	"min_version":                 "Turn on newer TLS versions at the server, or lower min_version under expect in the module.",
	"max_version":                 "Turn off newer TLS versions at the server, or raise max_version under expect in the module.",
	"alpn":                        "Turn on the protocol at the server or load balancer, or change alpn under expect in the module.",
	"group":                       "Turn on one of the expected groups at the server, which may need a newer TLS library, or change group under expect in the module.",
	"rejected":                    "The endpoint lets the exporter in. Find out who opened it: a firewall rule, a listener, or a server that no longer asks for a certificate.",
	"pin":                         "No certificate has a pinned key. If the key was changed on purpose, pin the new one. If not, find out which server answers here.",
	"issuer":                      "Another CA issued the certificate. If this is intended, change issuer under expect in the module. If not, find out who requested the certificate.",
	"backup_pin":                  "A backup key is in use. If it was changed on purpose, move its pin to pins in the module, and make a new backup key.",
	"issuer_organization":         "Another organization issued the certificate. If this is intended, change issuer_organization under expect in the module. If not, find out who requested it.",
	"issuer_spki":                 "The certificate is signed with another key. If the CA changed its intermediate, add the new pin to issuer_spki under expect in the module. If not, find out who requested it.",
	"names":                       "The certificate lacks a name that it should be valid for. Have it issued again with all names, or change names under expect in the module.",
	"key_type":                    "Make a key of an expected type, and get a certificate for it, or change key_type under expect in the module.",
	"min_days":                    "The chain ends sooner than the module allows. Renew the certificate, or install the CA's current chain if an intermediate ends first. Then find out why the renewal failed.",
	"min_lifetime_ratio":          "Less of the certificate's lifetime is left than the module allows. Find out why the renewal failed. If it was renewed, reload the server.",
	"same_as_file":                "The server sends another certificate than the one in the file. Reload the server if the file is newer. If not, find out where its certificate comes from.",
	"client_certificate_required": "The server accepts clients without a certificate. Turn on verification of client certificates, for this name and on every server behind the address.",
	"alert":                       "The server did not send the expected alert. Compare its configuration with the intended one, or change alert under expect in the module.",
}
