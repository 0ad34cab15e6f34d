//go:build e2e && linux

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// What stacks have by default, of what their own lists of suites and groups say.
const (
	suites13      = "TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 "
	ccm13         = "TLS_AES_128_CCM_SHA256 TLS_AES_128_CCM_8_SHA256 "
	integrity13   = "TLS_SHA256_SHA256 TLS_SHA384_SHA384 "
	ellipticNames = "secp256r1 secp384r1 secp521r1 x25519 x448 "
	finiteNames   = "ffdhe2048 ffdhe3072 ffdhe4096 ffdhe6144 ffdhe8192 "
)

// named is suites of one key exchange.
func named(exchange, ciphers string) string {
	var b strings.Builder
	for _, cipher := range strings.Fields(ciphers) {
		b.WriteString("TLS_" + exchange + "_WITH_" + cipher + " ")
	}
	return b.String()
}

// The cipher suites of SHA-1, SHA-256 and SHA-384 with AES in CBC and GCM, as most stacks
// have them by default.
const (
	ecdheAES      = "AES_128_CBC_SHA AES_256_CBC_SHA AES_128_CBC_SHA256 AES_256_CBC_SHA384 AES_128_GCM_SHA256 AES_256_GCM_SHA384 "
	otherAES      = "AES_128_CBC_SHA AES_256_CBC_SHA AES_128_CBC_SHA256 AES_256_CBC_SHA256 AES_128_GCM_SHA256 AES_256_GCM_SHA384 "
	ccmSuites     = "AES_128_CCM AES_256_CCM AES_128_CCM_8 AES_256_CCM_8 "
	camellia      = "CAMELLIA_128_CBC_SHA256 CAMELLIA_256_CBC_SHA384 CAMELLIA_128_GCM_SHA256 CAMELLIA_256_GCM_SHA384 "
	otherCamellia = "CAMELLIA_128_CBC_SHA CAMELLIA_256_CBC_SHA CAMELLIA_128_CBC_SHA256 CAMELLIA_256_CBC_SHA256 CAMELLIA_128_GCM_SHA256 CAMELLIA_256_GCM_SHA384 "
	chacha        = "CHACHA20_POLY1305_SHA256 "
)

// The classes of the servers in Java, and what Bouncy Castle needs.
const (
	javaClasses   = "{dir}/java"
	bouncyClasses = javaClasses + ":/usr/share/java/bctls.jar:/usr/share/java/bcprov.jar:/usr/share/java/bcutil.jar"
)

// inJava starts a virtual machine with the properties of its servers.
func inJava(provider, classes string, properties ...string) func(*site, []serving) {
	return func(s *site, of []serving) {
		s.build("javac", "-d", "{dir}/java", "stacks/java/Server.java")
		argv := append([]string{"java", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", classes}, properties...)
		s.inOne(of, append(argv, "Server", provider)...)
	}
}

const both = "port={:port} cert={dir}/rsa-cert.pem,{cert} key={dir}/rsa-key.pem,{key} "

// What a stack has by default for an ECDSA certificate, and where it is written.
var (
	// `openssl ciphers -s -tls1_2 -stdname` of crypto.constants.defaultCoreCipherList.
	nodeECDSA = named("ECDHE_ECDSA", ecdheAES+chacha+ccmSuites+"ARIA_128_GCM_SHA256 ARIA_256_GCM_SHA384")
	// `openssl ciphers -s -tls1_2 -stdname`.
	opensslECDSA = named("ECDHE_ECDSA", ecdheAES+chacha)
	// `gnutls-cli --list --priority=NORMAL`.
	gnutlsECDSA = named("ECDHE_ECDSA", "AES_256_GCM_SHA384 "+chacha+"AES_256_CCM AES_256_CBC_SHA AES_128_GCM_SHA256 AES_128_CCM AES_128_CBC_SHA")
	// tls.CipherSuites.
	goECDSA = named("ECDHE_ECDSA", "AES_128_GCM_SHA256 AES_256_GCM_SHA384 AES_128_CBC_SHA AES_256_CBC_SHA "+chacha)
	// `selfserv -Y`; NSS does not enable AES_256_CBC_SHA384.
	nssECDSA = named("ECDHE_ECDSA", "AES_128_CBC_SHA AES_256_CBC_SHA AES_128_CBC_SHA256 AES_128_GCM_SHA256 AES_256_GCM_SHA384 "+chacha)
	// wolfSSL_get_ciphers_iana. Without a key for PSK and without an order to, it selects
	// those of PSK and NULL as well, of those with CHACHA20 also over ffdhe2048.
	wolfECDSA = named("ECDHE_ECDSA", ecdheAES+chacha+"AES_128_CCM AES_128_CCM_8 AES_256_CCM_8 CHACHA20_POLY1305_SHA256_OLD 3DES_EDE_CBC_SHA RC4_128_SHA NULL_SHA") +
		named("ECDHE_PSK", "AES_128_CBC_SHA256 AES_128_GCM_SHA256 NULL_SHA256 "+chacha) + named("DHE_PSK", chacha) + named("PSK", chacha)
)

// ssl:eccs() of Erlang/OTP 25.
const erlangCurves = "secp256r1 secp384r1 secp521r1 secp256k1 secp224k1 secp224r1 secp192k1 secp192r1 secp160k1 secp160r1 secp160r2 " +
	"sect571r1 sect571k1 sect409k1 sect409r1 sect283k1 sect283r1 sect239k1 sect233k1 sect233r1 sect193r1 sect193r2 sect163k1 sect163r1 sect163r2 " +
	"brainpoolP256r1 brainpoolP384r1 brainpoolP512r1 "

// Why facts of some servers cannot be known.
var (
	// It comes in one packet with our Finished, and is read with the first data.
	noCloseNotify = absent("Erlang/OTP 25 does not always answer a close_notify of TLS 1.3", "resumption by psk", "resumption by early_data")
	noSession     = absent("a session takes a certificate", "resumption by session_id", "resumption by ticket", "resumption by psk", "resumption by early_data", "client_renegotiation", "ticketbleed")
)

var stacks = []stack{
	{name: "jsse", programs: []string{"java", "javac"}, start: inJava("SunJSSE", javaClasses), servings: []serving{
		{
			what: "as it comes", always: true, options: "port={:port} cert={cert} key={key}", versions: "1.2 1.3",
			suites: suites13 + named("ECDHE_ECDSA", ecdheAES+chacha), groups: ellipticNames + finiteNames, order: "server",
			resumption: "session_id ticket psk", vulnerable: "client_renegotiation",
		},
		{
			what: "required in 1.3", always: true, options: "port={:port} cert={cert} key={key} ca={ca} client=require versions=TLSv1.3", versions: "1.3",
			suites: suites13, groups: ellipticNames + finiteNames, order: "server",
			client: required, outcome: "alert_bad_certificate", unknown: noSession,
		},
		{
			what: "required in 1.2", options: "port={:port} cert={cert} key={key} ca={ca} client=require versions=TLSv1.2", versions: "1.2",
			suites: named("ECDHE_ECDSA", ecdheAES+chacha), groups: ellipticNames, order: "server",
			vulnerable: "client_renegotiation", client: required, outcome: "alert_bad_certificate", unknown: noSession,
		},
		{
			what: "requested", options: "port={:port} cert={cert} key={key} ca={ca} client=request order=client", versions: "1.2 1.3",
			suites: suites13 + named("ECDHE_ECDSA", ecdheAES+chacha), groups: ellipticNames + finiteNames, order: "client",
			resumption: "session_id ticket psk", vulnerable: "client_renegotiation", client: optional,
		},
	}},
	{name: "jsse-old", programs: []string{"java", "javac"},
		start: inJava("SunJSSE", javaClasses, "-Dold=true", "-Djdk.tls.server.enableSessionTicketExtension=false", "-Djdk.tls.rejectClientInitiatedRenegotiation=true", "-Djdk.tls.ephemeralDHKeySize=1024"),
		servings: []serving{
			{
				what: "all that it has", options: both + "versions=SSLv3,TLSv1,TLSv1.1,TLSv1.2,TLSv1.3 order=client suites=" + javaNames(oldJSSE), versions: "3.0 1.0 1.1 1.2 1.3",
				suites: oldJSSE, suitesOf: map[string]string{ // CipherSuite.java
					"SSL 3.0": oldJSSE10 + oldJSSE11 + oldJSSE12, "TLS 1.1": oldJSSE11 + oldJSSE12, "TLS 1.2": oldJSSE12 + oldJSSE12AEAD,
				},
				groups: ellipticNames + finiteNames, order: "client", dhBits: 512, resumption: "session_id psk", vulnerable: "no_fallback_scsv",
			},
		}},
	{name: "bouncy-castle", programs: []string{"java", "javac"}, files: []string{"/usr/share/java/bctls.jar", "/usr/share/java/bcprov.jar"},
		start: inJava("BCJSSE", bouncyClasses), servings: []serving{
			{
				what: "as it comes", always: true, options: both, versions: "1.2 1.3",
				suites: suites13 + named("ECDHE_ECDSA", ecdheAES+chacha) + named("ECDHE_RSA", ecdheAES+chacha) + named("DHE_RSA", otherAES+chacha) + named("RSA", otherAES),
				groups: ellipticNames + "ffdhe2048 ffdhe3072 ffdhe4096", dhBits: 2048, order: "server", resumption: "session_id",
			},
			{
				what: "required in 1.3", options: "port={:port} cert={cert} key={key} ca={ca} client=require versions=TLSv1.3", versions: "1.3",
				suites: suites13, groups: ellipticNames + "ffdhe2048 ffdhe3072 ffdhe4096", order: "server",
				client: required, outcome: "alert_certificate_required", unknown: noSession,
			},
			{
				what: "required in 1.2", options: "port={:port} cert={cert} key={key} ca={ca} client=require versions=TLSv1.2", versions: "1.2",
				suites: named("ECDHE_ECDSA", ecdheAES+chacha), groups: ellipticNames, order: "server",
				client: required, outcome: "alert_handshake_failure", unknown: noSession,
			},
		}},
	{name: "erlang", programs: []string{"escript"}, start: func(s *site, of []serving) {
		s.build("cp", "stacks/erlang/server.escript", "{dir}/")
		s.inOne(of, "escript", "{dir}/server.escript")
	}, servings: []serving{
		{
			what: "as it comes", always: true, options: `[{port, {:port}}, {certfile, "{cert}"}, {keyfile, "{key}"}]`, versions: "1.2 1.3",
			suites: suites13 + ccm13 + named("ECDHE_ECDSA", ecdheAES+chacha+ccmSuites) + named("ECDH_RSA", ecdheAES), groups: erlangCurves + "x25519 x448", order: "client",
			resumption: "session_id", vulnerable: "client_renegotiation no_extended_master_secret", unknown: noCloseNotify,
		},
		{
			what: "required in 1.3", always: true, options: `[{port, {:port}}, {certfile, "{cert}"}, {keyfile, "{key}"}, {cacertfile, "{ca}"}, {verify, verify_peer}, {fail_if_no_peer_cert, true}, {versions, ['tlsv1.3']}]`, versions: "1.3",
			suites: suites13 + ccm13, groups: "x25519 x448 secp256r1 secp384r1", order: "client", client: required, outcome: "alert_certificate_required", unknown: noSession,
		},
		{
			what: "required in 1.2", options: `[{port, {:port}}, {certfile, "{cert}"}, {keyfile, "{key}"}, {cacertfile, "{ca}"}, {verify, verify_peer}, {fail_if_no_peer_cert, true}, {versions, ['tlsv1.2']}]`, versions: "1.2",
			suites: named("ECDHE_ECDSA", ecdheAES+chacha+ccmSuites) + named("ECDH_RSA", ecdheAES), groups: erlangCurves, order: "client",
			vulnerable: "no_extended_master_secret", client: required, outcome: "alert_handshake_failure", unknown: noSession,
		},
	}},
	{name: "nss", programs: []string{"selfserv", "certutil", "pk12util", "openssl"}, start: func(s *site, of []serving) {
		s.do("sh", "-c", "openssl pkcs12 -export -passout pass: -name ecdsa -in {cert} -inkey {key} -out {dir}/ecdsa.p12 && openssl pkcs12 -export -passout pass: -name rsa -in {dir}/rsa-cert.pem -inkey {dir}/rsa-key.pem -out {dir}/rsa.p12")
		for _, key := range []string{"ecdsa", "rsa"} { // certificates of the same subject would have the same nickname in one database
			s.folder(key)
			s.do("certutil", "-N", "-d", "{dir}/"+key, "--empty-password")
			s.do("certutil", "-A", "-d", "{dir}/"+key, "-n", "root", "-t", "CT,,", "-i", "{ca}")
			s.do("pk12util", "-i", "{dir}/"+key+".p12", "-d", "{dir}/"+key, "-W", "")
		}
		s.inEach(of, "selfserv")
	}, servings: []serving{
		{
			what: "as it comes", always: true, options: "-p {:port} -d {dir}/ecdsa -e ecdsa -V tls1.2:", versions: "1.2 1.3",
			suites: suites13 + nssECDSA, groups: "secp256r1 secp384r1 secp521r1 x25519 " + finiteNames, order: "server",
			resumption: "session_id", vulnerable: "client_renegotiation",
		},
		{
			what: "tickets", options: "-p {:port} -d {dir}/ecdsa -e ecdsa -V tls1.2: -u -G", versions: "1.2 1.3",
			suites: suites13 + nssECDSA, groups: "secp256r1 secp384r1 secp521r1 x25519 " + finiteNames, order: "server",
			resumption: "session_id ticket psk", vulnerable: "client_renegotiation",
		},
		{
			what: "required", always: true, options: "-p {:port} -d {dir}/ecdsa -e ecdsa -V tls1.3: -r -r", versions: "1.3",
			suites: suites13, groups: "secp256r1 secp384r1 secp521r1 x25519 " + finiteNames, order: "server",
			client: required, outcome: "alert_certificate_required", unknown: noSession,
		},
		{
			what: "required in 1.2", options: "-p {:port} -d {dir}/ecdsa -e ecdsa -V tls1.2:tls1.2 -r -r", versions: "1.2",
			suites: nssECDSA, groups: "secp256r1 x25519", order: "server",
			client: required, outcome: "alert_bad_certificate", unknown: noSession,
		},
	}},
	{name: "wolfssl", programs: []string{"gcc"}, files: []string{"/usr/include/wolfssl/ssl.h"}, start: func(s *site, of []serving) {
		s.build("gcc", "-O1", "-o", "{dir}/wolfssl", "stacks/c/wolfssl.c", "-lwolfssl", "-lpthread")
		s.inOne(of, "{dir}/wolfssl")
	}, servings: []serving{
		{
			what: "as it comes", always: true, options: "port={:port} cert={cert} key={key}", versions: "1.2 1.3",
			suites: suites13 + ccm13 + integrity13 + wolfECDSA, groups: ellipticNames + "ffdhe2048 ffdhe3072", dhBits: 2048, order: "server",
			resumption: "session_id ticket psk",
		},
		{
			what: "a few suites for RSA", always: true, versions: "1.1 1.2 1.3",
			options: "port={:port} cert={dir}/rsa-cert.pem key={dir}/rsa-key.pem dhparam={dir}/dh1024.pem min=1.1 tickets=off " +
				"suites=TLS13-AES128-GCM-SHA256,TLS13-CHACHA20-POLY1305-SHA256,ECDHE-RSA-AES128-GCM-SHA256,ECDHE-RSA-AES256-SHA,DHE-RSA-AES128-SHA,DHE-RSA-AES128-GCM-SHA256",
			suites: "TLS_AES_128_GCM_SHA256 TLS_CHACHA20_POLY1305_SHA256 " + named("ECDHE_RSA", "AES_128_GCM_SHA256 AES_256_CBC_SHA") + named("DHE_RSA", "AES_128_CBC_SHA AES_128_GCM_SHA256"),
			groups: ellipticNames + "ffdhe2048 ffdhe3072 secp256k1 brainpoolP256r1 brainpoolP384r1 brainpoolP512r1", dhBits: 1024, order: "server",
			resumption: "session_id psk",
		},
		{
			what: "required in 1.3", always: true, options: "port={:port} cert={cert} key={key} ca={ca} client=require min=1.3", versions: "1.3",
			suites: suites13 + ccm13 + integrity13, groups: ellipticNames + "ffdhe2048 ffdhe3072", order: "server", client: required, outcome: "alert_certificate_required", unknown: noSession,
		},
		{
			what: "required in 1.2", options: "port={:port} cert={cert} key={key} ca={ca} client=require max=1.2", versions: "1.2",
			suites: wolfECDSA, groups: ellipticNames + "ffdhe2048 ffdhe3072", dhBits: 2048, order: "server", client: required, outcome: "client_certificate_refused", unknown: noSession,
		},
		{
			what: "required in 1.2 with a close_notify", options: "port={:port} cert={cert} key={key} ca={ca} client=require max=1.2 close_notify=on", versions: "1.2",
			suites: wolfECDSA, groups: ellipticNames + "ffdhe2048 ffdhe3072", dhBits: 2048, order: "server", client: required, outcome: "client_certificate_refused", unknown: noSession,
		},
	}},
	{name: "mbedtls", programs: []string{"gcc"}, files: []string{"/usr/include/mbedtls/ssl.h"}, start: func(s *site, of []serving) {
		s.build("gcc", "-O1", "-o", "{dir}/mbedtls", "stacks/c/mbedtls.c", "-lmbedtls", "-lmbedx509", "-lmbedcrypto", "-lpthread")
		s.inOne(of, "{dir}/mbedtls")
	}, servings: []serving{
		{
			what: "as it comes", options: "port={:port} cert={cert} key={key}", versions: "1.0 1.1 1.2",
			suites: named("ECDHE_ECDSA", ecdheAES+chacha+ccmSuites+camellia), groups: "secp256r1 secp384r1 secp521r1 brainpoolP384r1 brainpoolP512r1", order: "server",
		},
		{
			what: "RSA with all", always: true, options: "port={:port} cert={dir}/rsa-cert.pem key={dir}/rsa-key.pem cache=on tickets=on renegotiation=on", versions: "1.0 1.1 1.2",
			suites: named("ECDHE_RSA", ecdheAES+chacha+camellia) + named("DHE_RSA", otherAES+chacha+ccmSuites+otherCamellia) + named("RSA", otherAES+ccmSuites+otherCamellia),
			groups: ellipticNames + "secp192r1 secp192k1 secp224r1 secp224k1 secp256k1 brainpoolP256r1 brainpoolP384r1 brainpoolP512r1", order: "server", dhBits: 2048, resumption: "session_id ticket", vulnerable: "client_renegotiation",
		},
		{
			what: "required", always: true, options: "port={:port} cert={cert} key={key} ca={ca} client=require", versions: "1.0 1.1 1.2",
			suites: named("ECDHE_ECDSA", ecdheAES+chacha+ccmSuites+camellia), groups: "secp256r1 secp384r1 secp521r1 brainpoolP384r1 brainpoolP512r1", order: "server", client: required, outcome: "client_certificate_refused", unknown: noSession,
		},
	}},
	{name: "boringssl", serial: true, programs: []string{"bssl-tool"}, start: func(s *site, of []serving) {
		s.inEach(of, "bssl-tool", "server", "-loop", "-www")
	}, servings: []serving{
		{
			what: "as it comes", options: "-accept {:port} -cert {cert} -key {key}", versions: "1.0 1.1 1.2 1.3",
			suites: suites13 + named("ECDHE_ECDSA", "AES_128_CBC_SHA AES_256_CBC_SHA AES_128_GCM_SHA256 AES_256_GCM_SHA384 "+chacha), groups: "x25519 secp256r1 secp384r1", order: "client",
			resumption: "session_id ticket psk", unknown: absent("BoringSSL sends its tickets with its first data", "resumption by psk", "resumption by early_data"),
		},
		{
			what: "required", always: true, options: "-accept {:port} -cert {cert} -key {key} -require-any-client-cert", versions: "1.0 1.1 1.2 1.3",
			suites: suites13 + named("ECDHE_ECDSA", "AES_128_CBC_SHA AES_256_CBC_SHA AES_128_GCM_SHA256 AES_256_GCM_SHA384 "+chacha), groups: "x25519 secp256r1 secp384r1", order: "client",
			client: required, outcome: "alert_certificate_required", unknown: noSession,
		},
		{
			what: "required in 1.2", options: "-accept {:port} -cert {cert} -key {key} -require-any-client-cert -max-version tls1.2 -min-version tls1.2", versions: "1.2",
			suites: named("ECDHE_ECDSA", "AES_128_CBC_SHA AES_256_CBC_SHA AES_128_GCM_SHA256 AES_256_GCM_SHA384 "+chacha), groups: "x25519 secp256r1 secp384r1", order: "client",
			client: required, outcome: "alert_handshake_failure", unknown: noSession,
		},
	}},
	{name: "openssl", serial: true, programs: []string{"openssl"}, start: func(s *site, of []serving) {
		s.inEach(of, "openssl", "s_server", "-quiet", "-www", "-cert_chain", "{dir}/intermediate.pem")
	}, servings: []serving{
		{
			what: "TLS 1.2 and 1.3", options: "-accept {:port} -cert {cert} -key {key} -min_protocol TLSv1.2", versions: "1.2 1.3",
			suites: suites13 + opensslECDSA, groups: ellipticNames + finiteNames, order: "client", resumption: "session_id ticket psk",
		},
		{
			what: "old", options: "-accept {:port} -cert {dir}/rsa-cert.pem -key {dir}/rsa-key.pem -cipher AES128-SHA:DHE-RSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256:ADH-AES256-SHA256:@SECLEVEL=0 " +
				"-min_protocol TLSv1 -max_protocol TLSv1.2 -dhparam {dir}/dh1024.pem -client_renegotiation -no_ticket -serverpref", versions: "1.0 1.1 1.2",
			suites: named("RSA", "AES_128_CBC_SHA") + named("DHE_RSA", "AES_128_CBC_SHA") + named("ECDHE_RSA", "AES_128_GCM_SHA256") + named("DH_anon", "AES_256_CBC_SHA256"),
			groups: ellipticNames, dhBits: 1024, order: "server", resumption: "session_id", vulnerable: "client_renegotiation",
		},
		{
			what: "no cache and no tickets", options: "-accept {:port} -cert {cert} -key {key} -no_ticket -no_cache -num_tickets 0 -min_protocol TLSv1.2", versions: "1.2 1.3",
			suites: suites13 + opensslECDSA, groups: ellipticNames + finiteNames, order: "client",
		},
		{
			what: "required in 1.3", always: true, options: "-accept {:port} -cert {cert} -key {key} -CAfile {ca} -Verify 3 -verify_return_error -tls1_3", versions: "1.3",
			suites: suites13, groups: ellipticNames + finiteNames, order: "client", client: required, outcome: "alert_certificate_required", unknown: noSession,
		},
		{
			what: "required in 1.2", options: "-accept {:port} -cert {cert} -key {key} -CAfile {ca} -Verify 3 -verify_return_error -tls1_2", versions: "1.2",
			suites: opensslECDSA, groups: ellipticNames, order: "client", client: required, outcome: "alert_handshake_failure", unknown: noSession,
		},
		{
			what: "requested", options: "-accept {:port} -cert {cert} -key {key} -CAfile {ca} -verify 3 -min_protocol TLSv1.2", versions: "1.2 1.3",
			suites: suites13 + opensslECDSA, groups: ellipticNames + finiteNames, order: "client", client: optional, resumption: "session_id ticket psk",
		},
	}},
	{name: "gnutls", programs: []string{"gnutls-serv"}, start: func(s *site, of []serving) {
		s.inEach(of, "gnutls-serv", "--quiet", "--http")
	}, servings: []serving{
		{
			what: "as it comes", always: true, options: "--disable-client-cert --port={:port} --x509certfile={cert} --x509keyfile={key} --priority=NORMAL:-VERS-TLS1.0:-VERS-TLS1.1", versions: "1.2 1.3",
			suites: suites13 + "TLS_AES_128_CCM_SHA256 " + gnutlsECDSA, groups: ellipticNames + finiteNames, order: "client", resumption: "session_id ticket psk", vulnerable: "client_renegotiation",
		},
		{
			what: "no tickets and no database", options: "--disable-client-cert --noticket --nodb --port={:port} --x509certfile={cert} --x509keyfile={key} --priority=NORMAL:-VERS-TLS1.0:-VERS-TLS1.1:%SERVER_PRECEDENCE", versions: "1.2 1.3",
			suites: suites13 + "TLS_AES_128_CCM_SHA256 " + gnutlsECDSA, groups: ellipticNames + finiteNames, order: "server", vulnerable: "client_renegotiation",
		},
		{
			what: "required in 1.3", always: true, options: "--require-client-cert --verify-client-cert --x509cafile={ca} --port={:port} --x509certfile={cert} --x509keyfile={key} --priority=NORMAL:-VERS-ALL:+VERS-TLS1.3", versions: "1.3",
			suites: suites13 + "TLS_AES_128_CCM_SHA256 ", groups: ellipticNames + finiteNames, order: "client", client: required, outcome: "alert_certificate_required", unknown: noSession,
		},
		{
			what: "required in 1.2", options: "--require-client-cert --verify-client-cert --x509cafile={ca} --port={:port} --x509certfile={cert} --x509keyfile={key} --priority=NORMAL:-VERS-ALL:+VERS-TLS1.2", versions: "1.2",
			suites: gnutlsECDSA, groups: ellipticNames, order: "client", client: required, outcome: "alert_decode_error", unknown: noSession,
		},
	}},
	{name: "go", start: func(s *site, of []serving) {
		for _, c := range of {
			s.serveGo(c.filled(s))
		}
	}, servings: []serving{
		{
			what: "TLS 1.2 and 1.3", always: true, options: "port={:port} min=1.2", versions: "1.2 1.3",
			suites: suites13 + goECDSA, groups: "X25519MLKEM768 SecP256r1MLKEM768 SecP384r1MLKEM1024 secp256r1 secp384r1 secp521r1 x25519", order: "server", resumption: "ticket psk",
		},
		{
			what: "required in 1.3", always: true, options: "port={:port} min=1.3 client=require", versions: "1.3",
			suites: suites13, groups: "X25519MLKEM768 SecP256r1MLKEM768 SecP384r1MLKEM1024 secp256r1 secp384r1 secp521r1 x25519", order: "server", client: required, outcome: "alert_certificate_required", unknown: noSession,
		},
		{
			what: "required in 1.2", options: "port={:port} min=1.2 max=1.2 client=require", versions: "1.2",
			suites: goECDSA, groups: "secp256r1 secp384r1 secp521r1 x25519", order: "server", client: required, outcome: "alert_handshake_failure", unknown: noSession,
		},
	}},
	{name: "deno", programs: []string{"../build/node_modules/.bin/deno"}, start: func(s *site, of []serving) {
		s.build("cp", "stacks/deno/server.js", "{dir}/")
		deno, _ := filepath.Abs("../build/node_modules/.bin/deno")
		s.inOne(of, deno, "run", "-A", "--no-remote", "{dir}/server.js")
	}, servings: []serving{
		{
			what: "as it comes", options: `{"port": {:port}, "cert": "{cert}", "key": "{key}"}`, versions: "1.2 1.3",
			suites: suites13 + named("ECDHE_ECDSA", "AES_128_GCM_SHA256 AES_256_GCM_SHA384 "+chacha), groups: "X25519MLKEM768 x25519 secp256r1 secp384r1", order: "client",
			resumption: "session_id psk",
		},
	}},
	{name: "node", programs: []string{"node"}, start: func(s *site, of []serving) {
		s.build("cp", "stacks/node/server.js", "{dir}/")
		s.inOne(of, "node", "{dir}/server.js")
	}, servings: []serving{
		{
			what: "as it comes", always: true, options: `{"port": {:port}, "cert": "{cert}", "key": "{key}"}`, versions: "1.2 1.3",
			suites: suites13 + nodeECDSA, groups: ellipticNames + finiteNames, order: "server",
			resumption: "ticket psk", vulnerable: "client_renegotiation",
		},
		{
			what: "required", always: true, options: `{"port": {:port}, "cert": "{cert}", "key": "{key}", "ca": "{ca}", "requestCert": true, "rejectUnauthorized": true}`, versions: "1.2 1.3",
			suites: suites13 + nodeECDSA, groups: ellipticNames + finiteNames, order: "server",
			vulnerable: "client_renegotiation", client: required, outcome: "alert_certificate_required", unknown: noSession,
		},
		{
			what: "requested", options: `{"port": {:port}, "cert": "{cert}", "key": "{key}", "ca": "{ca}", "requestCert": true, "rejectUnauthorized": false}`, versions: "1.2 1.3",
			suites: suites13 + nodeECDSA, groups: ellipticNames + finiteNames, order: "server",
			client: optional, resumption: "ticket psk", vulnerable: "client_renegotiation",
		},
	}},
}

// Suites that SunJSSE still has, and mostly does not enable: up to TLS 1.0, 1.1 and 1.2.
// Those with elliptic curves are among them, in SSL 3.0 as well.
var (
	oldJSSE10 = named("RSA_EXPORT", "RC4_40_MD5") + named("DHE_RSA_EXPORT", "DES40_CBC_SHA")
	oldJSSE11 = named("DHE_RSA", "DES_CBC_SHA")
	oldJSSE12 = named("ECDHE_ECDSA", "3DES_EDE_CBC_SHA RC4_128_SHA NULL_SHA") + named("ECDHE_RSA", "AES_128_CBC_SHA") + named("DHE_RSA", "AES_128_CBC_SHA 3DES_EDE_CBC_SHA") +
		named("RSA", "AES_128_CBC_SHA 3DES_EDE_CBC_SHA RC4_128_SHA RC4_128_MD5 NULL_SHA") + named("DH_anon", "AES_128_CBC_SHA RC4_128_MD5") + named("ECDH_anon", "AES_128_CBC_SHA")
	oldJSSE12AEAD = named("ECDHE_ECDSA", "AES_128_GCM_SHA256") + named("ECDHE_RSA", "AES_128_GCM_SHA256") + named("DHE_RSA", "AES_128_GCM_SHA256")
	oldJSSE       = suites13 + oldJSSE12AEAD + oldJSSE12 + oldJSSE11 + oldJSSE10
)

// javaNames is suites as SunJSSE names them: those of SSL 3.0 begin with SSL_.
func javaNames(suites string) string {
	names := strings.Fields(suites)
	for i, name := range names {
		if strings.Contains(name, "_RC4_128_") && !strings.Contains(name, "_ECDH") || strings.Contains(name, "DES") && !strings.Contains(name, "_ECDH") || strings.Contains(name, "EXPORT") || name == "TLS_RSA_WITH_NULL_SHA" {
			names[i] = "SSL_" + strings.TrimPrefix(name, "TLS_")
		}
	}
	return strings.Join(names, ",")
}

// serveGo starts a server with crypto/tls in the test itself. The words are as in C.
func (s *site) serveGo(words string) {
	s.Helper()
	pair, err := tls.LoadX509KeyPair(s.words["cert"], s.words["key"])
	if err != nil {
		s.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: x509.NewCertPool()}
	config.ClientCAs.AppendCertsFromPEM(lab.RootPEM())
	var port string
	for _, word := range strings.Fields(words) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "port":
			port = value
		case "min":
			config.MinVersion = uint16(versionNames[value])
		case "max":
			config.MaxVersion = uint16(versionNames[value])
		case "client":
			config.ClientAuth = map[string]tls.ClientAuthType{"request": tls.VerifyClientCertIfGiven, "require": tls.RequireAndVerifyClientCert}[value]
		}
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:"+port, config)
	if err != nil {
		s.Fatal(err)
	}
	var connections sync.WaitGroup
	s.Cleanup(func() {
		listener.Close()
		connections.Wait()
	})
	connections.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(patience))
				for buffer := make([]byte, 4096); ; {
					if _, err := conn.Read(buffer); err != nil {
						return
					}
					if _, err := conn.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n")); err != nil {
						return
					}
				}
			})
		}
	})
}
