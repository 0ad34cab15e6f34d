package server

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tls_exporter/collector"
	"tls_exporter/collector/collectortest"
	"tls_exporter/prober"
	"tls_exporter/prober/certfile"
	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/clients"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/check/grade"
	httpsrecord "tls_exporter/prober/check/https_record"
	"tls_exporter/prober/check/policy"
	"tls_exporter/prober/check/resumption"
	"tls_exporter/prober/check/transparency"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
)

// docs/metrics.md is generated from the rows (-update).
func TestDocs(t *testing.T) { collectortest.Golden(t, "../docs/metrics.md", document()) }

func TestDocsExplainEveryVulnerability(t *testing.T) {
	for _, name := range vulnerabilities.Names {
		if !strings.Contains(decisions, "| `"+string(name)+"` |") {
			t.Errorf("%s is not explained", name)
		}
	}
}

func document() string {
	var b strings.Builder
	b.WriteString(`# The metrics

This page is generated from the exporter's own table of metrics; a test checks that.

Names, labels and label values are stable: new ones may be added, existing ones do not change. Booleans are 0 and 1.
**A metric is absent when its question was not asked or not answered**: unknown is never 0, and never good.
There is no label for the target, because the scrape adds ` + "`instance`" + `.
`)
	title := ""
	for _, m := range Contract() {
		if m.Part != title {
			title = m.Part
			fmt.Fprintf(&b, "\n## %s\n\n| metric | labels | meaning |\n|---|---|---|\n", title)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s%s |\n", m.Name, strings.Join(m.Labels, ", "), m.Help, kind(m))
	}
	b.WriteString("\n## Label values\n\nThese labels have these values and no others.\n")
	vocabulary(&b, "phase", "of a probe, in this order; `tls_exporter_probes_total` also has `none`", failure.Phases)
	vocabulary(&b, "problem", "of a chain, most severe first", chain.Problems)
	vocabulary(&b, "reason", "of `tls_probe_failure_info` and `tls_check_failure_info`; `alert_...` is a TLS alert from the server, by its registered name", prober.Vocabulary())
	vocabulary(&b, "format", "of `tls_file_info`", certfile.Formats)
	vocabulary(&b, "source", "of `tls_revocation_info` and `tls_revocation_next_update_timestamp_seconds`", certstatus.Sources)
	vocabulary(&b, "status", "of `tls_revocation_info`", certstatus.Statuses)
	vocabulary(&b, "expectation", "of a module", expect.Names)
	vocabulary(&b, "reason", "of `tls_exporter_probes_rejected_total`", rejections)
	vocabulary(&b, "strength", "of a cipher suite", []hello.Strength{hello.Weak, hello.Acceptable, hello.Strong})
	vocabulary(&b, "policy", "of `tls_policy_compliant`", policy.Names)
	vocabulary(&b, "rule", "of `tls_policy_violation_info`, most severe first", policy.Rules)
	vocabulary(&b, "grade", "of `tls_grade_info`, the worst first", grade.Grades)
	vocabulary(&b, "cap", "of `tls_grade_info`, most severe first", grade.Caps)
	vocabulary(&b, "client", "of `tls_client_supported`; [clients.md](clients.md) has what they offer", clients.Names)
	vocabulary(&b, "reason", "of `tls_client_failure_info`", clients.Reasons)
	vocabulary(&b, "vulnerability", "of `tls_vulnerable`", vulnerabilities.Names)
	vocabulary(&b, "source", "of an SCT", []transparency.Source{transparency.Certificate, transparency.Extension, transparency.Staple})
	vocabulary(&b, "method", "of `tls_resumption_supported`", []string{resumption.SessionID, resumption.Ticket, resumption.PSK, resumption.EarlyData})
	vocabulary(&b, "outcome", "of `tls_ech_info`", httpsrecord.Outcomes)
	b.WriteString(strings.Replace(decisions, "CAPS\n", caps(), 1))
	b.WriteString(`
## What promtool says

` + "`promtool check metrics`" + ` says this about the answers of ` + "`/probe`" + `, and nothing about ` + "`/metrics`" + `. These metrics keep their names.

| metric | promtool says | why it stays |
|---|---|---|
`)
	for _, c := range collectortest.Complaints {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Metric, c.Says, c.Why)
	}
	return b.String()
}

// caps is a row of a table for each rule that limits a grade.
func caps() string {
	var b strings.Builder
	for _, l := range grade.Limits() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", l.Cap, l.Grade, l.Why)
	}
	return b.String()
}

// Every metric in the pages exists. So no page describes what the exporter cannot do yet.
func TestDocumentedMetrics(t *testing.T) {
	known := []string{"tls_client", "tls_server_config"} // keys of configuration files
	for _, m := range Contract() {
		known = append(known, m.Name, m.Name+"_bucket", m.Name+"_count", m.Name+"_sum")
	}
	files, err := filepath.Glob("../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	found := 0
	for _, file := range append(files, "../README.md") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range metricName.FindAllString(string(content), -1) {
			found++
			// A part of a name stands for several metrics, as in tls_address_.*
			if !slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, name) }) {
				t.Errorf("%s: there is no %s", file, name)
			}
		}
	}
	if found < 100 {
		t.Errorf("found only %d names", found)
	}
}

// metricName matches a metric of the exporter.
var metricName = regexp.MustCompile(`\btls_[a-z]\w*\b`)

func kind(m collector.Metric) string {
	if m.Type == "gauge" {
		return ""
	}
	return " (" + m.Type + ")"
}

func vocabulary[Word ~string](b *strings.Builder, label, of string, words []Word) {
	fmt.Fprintf(b, "\n**%s** (%s):\n", label, of)
	for i, word := range words {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(b, "\n`%s`", word)
	}
	b.WriteString("\n")
}

// decisions explains values that need more than the help text of a row.
const decisions = `
## How some values are decided

**Files** have no connection, so the metrics of the port, the handshake and the session are absent.

- ` + "`tls_file_info{content=\"chain\"}`" + `: one certificate that is not a CA, and at most 19 of CAs. It has the metrics of a chain. Its name is compared only with a ` + "`server_name`" + ` of the target or the module; without one it may be for any use, not only for servers.
- ` + "`tls_file_info{content=\"bundle\"}`" + `: anything else. ` + "`tls_chain_valid`" + `, ` + "`tls_chain_problem`" + ` and ` + "`tls_chain_days_remaining`" + ` are absent. The probe fails if a certificate that is not a CA has expired or is not yet valid, or if all are.
- A certificate is a CA if it says so and is for no DNS name or IP address. [files.md](files.md) has the rest.

**tls_chain_valid** is 1 if Go's crypto/x509 accepts the chain, and no rule says otherwise that other clients have and crypto/x509 lacks: no wildcard for a whole top-level domain (` + "`*.test`" + `), times in UTC and to the second, a key usage of the leaf that fits the key exchange (RFC 8446 section 4.4.2.2), ` + "`serverAuth`" + ` by name in an extended key usage, and key identifiers that fit the issuer.
The exporter itself judges what crypto/x509 does not know and OpenSSL does: signatures with Ed448, ML-DSA and RSA-PSS keys, and name constraints for directory names.
Because crypto/x509 stops at the first problem, the exporter asks the questions one at a time, on the best path from the leaf to a trusted root: the path with the fewest faults, and among those the one that is valid longest.
` + "`weak_key`, `lifetime_too_long` and `wrong_order`" + ` do not make the chain invalid.
With ` + "`unsupported_algorithm` or `too_large`" + ` and no other problem that makes it invalid, nobody knows, and the metric is absent; the probe has no success, because nothing vouches for the chain.

**bad_signature or incomplete_chain**: a certificate may have the name of the issuer and another key, since one CA may have several. So a signature is bad only if the key identifiers of the two certificates are the same (RFC 5280 section 4.2.1.1), or, without them, if the key could have made such a signature. Otherwise the real issuer was not sent.

**incomplete_chain or unknown_authority**: in both cases the path stops at a certificate whose issuer was not sent and is not trusted. The certificates themselves decide, strongest evidence first:

1. If the last certificate is self-signed, it is an untrusted root: ` + "`unknown_authority`" + `, or ` + "`self_signed`" + ` if it is the leaf.
2. An authority key identifier that names its issuer's issuer (RFC 5280 section 4.2.1.1) tells a root from an intermediate.
3. Another CA certificate was sent that does lead to a trusted root: the server sends the wrong intermediate, ` + "`incomplete_chain`" + `.
4. The path stops at an intermediate: its root need not be sent (RFC 8446 section 4.4.2), so the exporter assumes an unknown root, ` + "`unknown_authority`" + `.
5. The path stops at the leaf, and its Authority Information Access says where to fetch its issuer: ` + "`incomplete_chain`" + `. Public CAs include that pointer, and none issues leaves from a root.
6. A leaf without that pointer: if the module has a ` + "`ca_file`, `incomplete_chain`" + ` if the issuer's organization (O) is that of one of its roots, or if there is nothing to compare; otherwise ` + "`unknown_authority`" + `.

**lifetime_too_long** compares the leaf with the CA/Browser Forum's limit at the time when it became valid (Baseline Requirements section 6.3.2 and ballot SC-081v3: 398 days, 200 from 2026-03-15, 100 from 2027-03-15, 47 from 2029-03-15).
The limit applies to public CAs only: the path has to lead to a root of Mozilla's program, whose list is part of the exporter. A private CA may issue certificates of any lifetime.

**tls_chain_not_after_timestamp_seconds** is the time when clients will fail: the latest expiry of all trusted paths, where a path expires with the first of its certificates. Certificates that were sent but that no path needs do not count.
It is in the past if expiry is the only problem, and absent if no path is trusted.

**The stapled OCSP response** comes with every handshake: both clients ask for one. Its status in ` + "`tls_revocation_info`" + ` is ` + "`good`, `revoked` or `unknown`" + ` only if that is proven; no other check is needed for it, and no other server is asked.

| status | the response |
|---|---|
| ` + "`good`, `revoked`, `unknown`" + ` | is about this certificate: the name and the key of its issuer, by SHA-1 or SHA-2, and its serial number. It is signed by the issuer, or by a responder whose certificate comes with it, is signed by the issuer, is valid now, and has the extended key usage OCSPSigning by name (RFC 6960 section 4.2.2.2). ` + "`unknown`" + `: the responder does not know the certificate |
| ` + "`expired`" + ` | its nextUpdate has passed. Without a nextUpdate it counts for a day after its thisUpdate, as in Firefox |
| ` + "`invalid`" + ` | is not readable or has more than 24 kB, is an error such as ` + "`tryLater`" + `, is about another certificate, is signed by somebody else or with MD5 or SHA-1, has an unknown critical extension, or begins more than 5 minutes from now. Also if the issuer of the certificate is neither sent nor trusted, so that nobody can verify the signature |
| ` + "`not_offered`" + ` | did not come, in a handshake that was completed |

- After a handshake that failed, the rows are there if a response came before that, and absent otherwise.
- A revocation is final, so a response that says ` + "`revoked`" + ` counts for ever, unless the certificate is on hold. If it has several responses about the certificate, the worst counts.
- Whether the certificate of a responder is revoked itself is not asked, as in browsers.
- ` + "`revoked`" + ` makes the chain invalid. So does ` + "`missing_staple`" + `: the leaf, or a CA above it, has the TLS feature extension (RFC 7633), and the status is ` + "`not_offered`, `expired`, `unknown` or `invalid`" + `. What a CA demands counts because the certificates below it have to demand it too (section 4.2.2). Firefox and GnuTLS honour the demand; Chrome and Safari do not.
- The problem ` + "`revoked`" + ` is 0 only where a source says ` + "`good`" + `. Otherwise it is absent, because nothing is known. ` + "`missing_staple`" + ` is absent where a staple is demanded and the handshake failed.

**tls_certificate_fingerprint_hash, tls_certificate_spki_hash** are the first twelve hexadecimal digits of the SHA-256 of the certificate and of its public key, as a number. Their series stay when a certificate is replaced, so ` + "`changes()`" + ` counts replacements: ` + "`changes(tls_certificate_fingerprint_hash{position=\"0\"}[1d])`" + ` is 1 after a renewal, and grows with every probe or two if a load balancer has servers with different certificates. If the second one does not change with the first, the key was kept. Certificates that crypto/x509 cannot parse have them too.

**nxdomain, no_address, dns_failure**: the name does not exist; it exists, but has no address that may be used; no usable answer.

- With a ` + "`resolver`" + ` in the module, only that DNS server is asked, for A and AAAA at the same time, for the name as written: no hosts file, no search domains. The answer has to match the question; a truncated one is requested again over TCP.
- SERVFAIL, REFUSED or a referral is ` + "`dns_failure`" + `; no answer is ` + "`timeout`" + `. An error in one address family is ignored if the other one has addresses, as clients do, except with ` + "`addresses: all`" + `.
- Without a ` + "`resolver`" + `, Go's resolver is used with the configuration of the system. It does not distinguish a name that does not exist from one without any address: both are ` + "`nxdomain`" + `.

**A proxy's failure is not the target's.** Every failure before the proxy has connected is in the phase ` + "`proxy`" + `, also if the proxy itself could not be reached (` + "`refused`, `timeout`, `nxdomain`" + ` and so on are then about the proxy).

- ` + "`proxy_refused`" + `: an HTTP status that is not 2xx, a SOCKS reply that is not success, or credentials that the proxy does not accept.
- ` + "`proxy_protocol`" + `: the answer is not that of a proxy.
- ` + "`proxy_untrusted`" + `: the certificate of a proxy with TLS is not valid.
- ` + "`tls_tcp_connected`" + ` is absent after such a failure, because nothing was learned about the port. If the proxy reports a connection, it is 1.
- If all goes well, the phase ` + "`connect`" + ` is the connection to the proxy, and ` + "`proxy`" + ` the proxy's connection to the target.

**Rejected requests**: ` + "`bad_parameter` and `bad_timeout`" + ` are requests that cannot be parsed (400, or 414 if too long); ` + "`policy`" + ` is a request that the ` + "`probe_policy`" + ` denies as written (403); ` + "`too_many`" + ` is a request above the limits (503).
None of them is a probe. ` + "`denied`" + ` is one: the name resolved to an address that the policy denies, which shows only at the time of the connection. The probe fails in the phase ` + "`connect`" + ` with the reason ` + "`denied`" + ` and also counts in ` + "`tls_exporter_probes_total`" + `; ` + "`tls_tcp_connected`" + ` is absent, because no connection was tried.

**The exporter's own faults**: with the reasons ` + "`internal`, `local_resources`, `dns_failure`" + `, and with ` + "`timeout`" + ` in the phase ` + "`resolve`" + `, the endpoint was not asked. ` + "`tls_probe_success`" + ` is 0, because the probe did not succeed; ` + "`tls_tcp_connected`" + ` and ` + "`tls_handshake_completed`" + ` are absent, as after a failure of a proxy. So is ` + "`tls_address_success`" + ` of an address that could not be asked, which does not count in ` + "`tls_addresses_failing`" + ` either. A check for whose connections there were no descriptors or ports has no finding, with the reason ` + "`local_resources`" + `. The alert ` + "`TLSExporterBlind`" + ` tells when most probes of a job are such.

**After a handshake without a certificate** that the server rejected, or whose messages are not valid, the probe sends other ClientHellos over new connections, one after another, until one shows a certificate or the time is over. Each gets a third of the time that is left.

1. TLS 1.0 to 1.3 with the common cipher suites, all groups and all signature algorithms. If the server selects TLS 1.3, a client with FFDHE, X448, brainpool curves and AES-CCM completes the handshake, because TLS 1.3 encrypts certificates.
2. the offer of the module, with TLS 1.2 at most
3. the first without TLS 1.3; the rare suites with a certificate (DSA, static DH, GOST); few suites and no extension but the server name; TLS 1.0 without extensions; the suites without a certificate, or with a shared secret; SSL 2.0

The certificates are shown and judged as those of any handshake. The rows of the session, such as ` + "`tls_session_info`" + ` and ` + "`tls_negotiated_version`" + `, are about the handshake alone: they are absent unless it had a ServerHello. The report and the JSON say what the server would select. The failure stays that of the handshake, except:

- ` + "`legacy_only`" + `: the server accepts the offer, and refuses it with the versions, suites, groups and signature algorithms of Go alone.
- ` + "`tls13_intolerant`" + `: the handshake is completed with TLS 1.2 at most, and fails with the same offer and TLS 1.3.

Both are asked three times before they are reported, in an order that a pool with one broken server does not imitate. The first such probe opens up to 10 more connections, and 6 or 12 to confirm. What the server answered is remembered: later probes open one more. If it answered nothing, they open two more, each time with another of the hellos.

**revocation**: ` + "`tls_revocation_info`" + ` has a series for each source that was asked; [revocation.md](revocation.md) explains the statuses.

- ` + "`good`, `revoked` and `unknown`" + ` are proven by a signature of the CA, or of a responder that it delegated. Nothing else is, and never counts as ` + "`good`" + `.
- What was revoked stays revoked, also if the answer has expired, unless the certificate is on hold.
- ` + "`unavailable`" + ` is also the answer to the first probe while the download is running. After a download that failed, an older answer stays in use until its nextUpdate.
- ` + "`tls_chain_problem{problem=\"revoked\"}`" + ` is 0 only if the staple, or a source of the check, has proven that the certificate is good. With the check every certificate but the root has to be, except those about which CAs need not publish anything.
- ` + "`revocation_unknown`" + ` is the reason of a probe that needs this proof (` + "`require: true`" + `) and does not get it. ` + "`tls_chain_valid`" + ` stays 1.

**A Unix socket** without a ` + "`server_name`" + ` is checked for trust, dates and use only. No name is configured to verify, so ` + "`name_mismatch`" + ` is absent. ` + "`tls_session_info`" + ` has an empty ` + "`ip`" + `, as behind a proxy that resolved the address itself.

**client_certificate_required**: a server refuses clients without a certificate if it requests one, gets none, and then sends an alert, or closes the connection without another byte (` + "`client_certificate_refused`" + `).

- In TLS 1.3 the handshake of the client ends before the server refuses it. If the server requested a certificate, the probe therefore waits for the refusal before it sends its close_notify: for half a second, plus four times the duration of the handshake.
- The expectation is absent if it is not known whether the server accepts such clients: it ended the connection in order and at once; it did not answer the close_notify of the probe with its own, so that its refusal may have been late; the probe failed for another reason; or the module has a client certificate of its own and sent it.

**rejected** is the expectation of ` + "`refused: true`" + `: the endpoint must not let the exporter in. It is met by an answer that says no: a refused or reset connection; a connection that is closed before the ServerHello; an alert; a client that is refused for its certificate.

- A completed handshake does not meet it, whatever is wrong with the chain, and also if the server says nothing more.
- The expectation is absent, and the probe fails, after everything else. No answer is no refusal: a firewall that drops packets cannot be told from a host that is down. A route that is missing, a name that does not exist, an answer that is not TLS, a STARTTLS that is not offered, and what a proxy, the DNS or the access policy refuses say nothing either.
- If the server sent certificates before it refused, a bad chain is still a failure.

**Pins** are compared with the certificates of the trusted path, the root included, because a server can send any other certificate as well. Without a trusted path, which is a failure of its own, they are compared with what the server sent. ` + "`issuer_spki`" + ` and ` + "`min_days`" + ` are absent without a trusted path.

**addresses: all** probes every address separately and in parallel, at most 32 of them, and checks the module's expectations against each; ` + "`tls_addresses`" + ` is the number of all addresses. One failing address makes ` + "`tls_probe_success`" + ` 0. The most severe failure is the failure of the probe, in this order:

1. what clients cannot avoid: a bad chain, by the order of the problems above, then a failed handshake
2. an unmet expectation
3. what makes clients try the next address: a failed connection

The session, the chain and the phases are those of one address, whose ` + "`ip`" + ` is in ` + "`tls_session_info`" + `. If any failing address presents a certificate, it is the one with the most severe failure, so that alerts on certificates see it.
Otherwise it is the good address whose chain expires first, so that an address that is down removes no metrics. In a tie it is the lowest address. The order of the DNS answer does not matter.

**stale_certificate**: addresses may have different certificates for good reasons, during a rollout or because each has its own. ` + "`tls_addresses_distinct_certificates`" + ` shows that at once, and it is no failure. An address is stale if another good one has a certificate that expires later, and one of these holds:

- several addresses share that later certificate, and no fewer than still have the old one: the pool has changed over, and this address was left out. During a rollout this is so from the middle on, until it is finished; or
- the later one has been valid for at least twice as long as the old one has left. Addresses with certificates of their own that are renewed in time do not come to that.

**tls_renewal_overdue** is 1 from the end of the window on, not from its start: a client chooses a random time within it (RFC 9773 section 4.2). A CA that revokes certificates sets both into the past. An answer whose window does not end after its start counts as none. The window is that of the CA's last answer, which is asked for again as its Retry-After says, within a minute and a day (section 4.3.2).

## What a server accepts

The checks ` + "`versions`, `ciphers`, `policy`, `grade`, `clients`, `vulnerabilities` and `resumption`" + ` run if the module has their key. ` + "`policy`, `grade` and `clients`" + ` judge what the others found; the others send raw messages to the server, over separate connections, through the same proxies and STARTTLS dialogues as the probe.

**Accepted, refused, unanswered**: a version is *accepted* (1) if the server answers a ClientHello that offers only this version with a ServerHello. It is *refused* (0) if the server sends an alert about the offer, chooses another version, or closes the connection.

- The alerts ` + "`protocol_version`, `handshake_failure`, `insufficient_security` and `inappropriate_fallback`" + ` are about the offer.
- A closed connection, a reset, and the alerts ` + "`close_notify`, `unexpected_message`, `illegal_parameter`, `missing_extension` and `internal_error`" + `, which some servers send instead, count as a refusal only if they happen twice, the second time alone and right after the server has accepted another offer. After ` + "`internal_error`" + ` each kind of suites is also offered alone.
- Any other alert is no refusal. ` + "`decode_error`" + `, for example, says that the server could not read the message.
- Otherwise, and always after a timeout, the version is *unanswered*, and absent: the server may be slow, or limit connections.
- Groups follow the same rules.
- ` + "`tls_cipher_supported` and `tls_signature_scheme_supported`" + ` list what is accepted. What is missing was refused, or the check did not get that far: a check without a finding has ` + "`tls_check_success`" + ` 0.

**Cached findings**: these findings are costly, so the exporter caches them between probes, for as long as ` + "`every`" + ` says: an hour by default, a day for ` + "`vulnerabilities`" + `. ` + "`tls_check_timestamp_seconds`" + ` is the time of each.

- One finding serves all requests. At three quarters of its maximum age the exporter renews it in the background; at its maximum age it is not shown any more.
- After a failed attempt the previous finding stays until then, and the next attempt follows after a twelfth of ` + "`every`" + `.
- Findings are shown while the endpoint is down, too.
- A reload drops the findings of modules whose network configuration has changed; a restart drops all.

**pending** is the reason of a check whose first finding takes longer than the scrape allows. The check continues, and a later scrape has the finding. It does not indicate a failure.

**strength** follows RFC 9325 (BCP 195), section 4.1, unless another source is named:

| strength | what |
|---|---|
| ` + "`weak`" + ` | no encryption; no authentication; RC4 (RFC 7465); less than 112 bits, including export suites; blocks of 64 bits, as in 3DES and IDEA (and CVE-2016-2183); MD5 (RFC 6151); everything in SSL (RFC 7568) |
| ` + "`acceptable`" + ` | no forward secrecy; no AEAD, but CBC; a tag of 64 bits (CCM_8) |
| ` + "`strong`" + ` | forward secrecy and AEAD (section 4.2, and TLS 1.3) |

TLS 1.0 and 1.1 are deprecated (RFC 8996). That shows in ` + "`tls_version_supported`" + `, and does not change the strength of a suite.

**tls_server_cipher_preference** is 1 if the server's order of suites decides, and 0 if the client's does. It is absent if the server accepts only one suite, or the result is unknown.

**tls_policy_compliant** compares the findings of ` + "`versions` and `ciphers`" + `, and the certificate, with published policies: Mozilla's configurations ` + "`mozilla_modern`, `mozilla_intermediate` and `mozilla_old`" + `, in version 5.7, and ` + "`pci_dss`" + ` in version 4 (requirement 4.2.1: no SSL, no TLS below 1.2, and only suites and keys that its glossary calls strong cryptography).

- An endpoint complies if it is at least as strict: it accepts nothing that the policy does not have. Larger curves than a configuration lists, and hybrids with ML-KEM, are no weaker and violate nothing. What a configuration says about HSTS and OCSP is not checked.
- The value is 1 if no rule is violated, and 0 with the first five violated rules in ` + "`tls_policy_violation_info`" + `. It is absent if the policy needs something that was not learned.
- Without ` + "`policies`" + ` in the module all policies are shown. Name those that the endpoint has to meet, and ` + "`TLSPolicyBroken`" + ` monitors them.

**tls_grade_info** is the grade by SSL Labs' [SSL Server Rating Guide](https://github.com/ssllabs/research/wiki/SSL-Server-Rating-Guide), version 2009r of 16 May 2025, from what the other checks found and from the certificate of the probe's own handshake.

- ` + "`tls_grade_score`" + ` has three parts: the versions (30 %), the key exchange (30 %) and the ciphers (40 %), each halfway between the best and the worst that the server accepts; of the keys the weakest counts. 80 is an A, 65 a B, 50 a C, 35 a D, 20 an E.
- Then rules limit the grade. ` + "`cap`" + ` is the one that limits it most; if there are several, the first in the order of the vocabulary. ` + "`score`" + ` is the cap if no rule limits the grade as much as the score does. If a rule gives T, M or F, the score is 0, as in testssl.sh.
- An A+ requires HSTS, a header of HTTP, for which no check asks. The best grade is A, with the cap ` + "`hsts_unknown`" + `.
- The grade is absent if a rule would make it worse of which it is not known whether it applies. The check then fails, and names the rules. What is not known and could not make the grade worse does not matter.
- The guide judges some rules by what browsers negotiate. As in testssl.sh, here counts what the server accepts, except for RC4 and blocks of 64 bits in TLS 1.1 and 1.2, which limit the grade to C if the server selects them from a list of everything.
- A server with several certificates is graded by the one that the probe got. Revocation is not checked.

| cap | no better than | if |
|---|---|---|
CAPS

**tls_client_supported** compares the findings of ` + "`versions` and `ciphers`" + `, and the certificate's key, with what a known client offers by default. The exporter sends nothing for it. [clients.md](clients.md) lists the clients and what is not simulated.

- The value is 1 if version, cipher suite, group and signature scheme can be agreed on, and the client accepts the prime of DHE. It is 0 if that is known to fail; ` + "`tls_client_failure_info`" + ` has the reason.
- Where the findings leave several possibilities, all of them are computed. ` + "`tls_client_supported`" + ` is absent unless all have the same value, and ` + "`cipher` and `group` of `tls_client_session_info`" + ` are empty unless all have the same one. For example, it may not be known whether the server's order of groups decides or the client's.
- A client that is supported may still reject the certificate.

**tls_vulnerable** is 1 if a harmless test that stores nothing found the vulnerability, 0 if the server answered the test like a server without it, and absent if the result is unknown.

| vulnerability | what |
|---|---|
| ` + "`heartbleed`" + ` | heartbeat responses contain memory (CVE-2014-0160) |
| ` + "`ccs_injection`" + ` | ChangeCipherSpec is accepted before there are keys (CVE-2014-0224) |
| ` + "`ticketbleed`" + ` | session IDs are padded with memory (CVE-2016-9244) |
| ` + "`robot`" + ` | answers reveal whether an RSA-encrypted secret has correct padding (Böck, Somorovsky and Young, 2018) |
| ` + "`insecure_renegotiation`" + ` | RFC 5746 is not supported (CVE-2009-3555) |
| ` + "`client_renegotiation`" + ` | clients can request a new handshake, which costs the server more (CVE-2011-1473) |
| ` + "`compression`" + ` | TLS compression is on, which CRIME exploits (CVE-2012-4929) |
| ` + "`no_fallback_scsv`" + ` | TLS_FALLBACK_SCSV is ignored (RFC 7507) |
| ` + "`no_extended_master_secret`" + ` | RFC 7627 is not supported (CVE-2014-1295) |
| ` + "`poodle`" + ` | SSL 3.0 is accepted with a CBC suite (CVE-2014-3566) |
| ` + "`drown`" + ` | SSL 2.0 is accepted (CVE-2016-0800) by this server; other servers with its key are not tested |
| ` + "`freak`" + ` | export RSA keys of 512 bits are accepted (CVE-2015-0204) |
| ` + "`logjam`" + ` | export DHE is accepted, or a prime of 1024 bits or fewer is sent, for anonymous suites too and to clients that list no group of RFC 7919 (CVE-2015-4000, weakdh.org); the size itself is ` + "`tls_dh_bits`" + ` |
| ` + "`sweet32`" + ` | ciphers with blocks of 64 bits are accepted (CVE-2016-2183) |
| ` + "`rc4`" + ` | RC4 is accepted (RFC 7465, CVE-2015-2808) |

**tls_resumption_supported** resumes a session that was created a moment before: by ` + "`session_id`" + ` (TLS 1.2 and below, the server stores it), by ` + "`ticket`" + ` (TLS 1.2 and below, the client stores it, RFC 5077), by ` + "`psk`" + ` (TLS 1.3).
` + "`early_data`" + ` says that the tickets of TLS 1.3 allow 0-RTT (RFC 8446 section 4.6.1); the exporter sends none. A method that needs versions which the server refuses is 0. ` + "`tls_resumed_handshake_duration_seconds`" + ` belongs to the newest method that worked.

## DANE

**tls_dane_secure** is 1 if all TLSA records came with a DNSSEC proof. The exporter does not validate signatures itself: it believes the AD bit of its resolver, if nobody can change that on the way. That is so for a resolver on loopback, and with ` + "`resolver_trusted: true`" + ` in the module. Docker's server at 127.0.0.11 is no such one, because it passes on what other servers say. The value is 0 if the resolver does not say so, if it is not trusted, or, for ` + "`smtp`" + `, if the addresses of the host came without a proof (RFC 7672 section 2.2.2). It is absent without records.

- The resolver is the module's ` + "`resolver`" + `; without one, the servers of /etc/resolv.conf in their order.
- Records of which DNSSEC says that they are wrong are not insecure, and are not missing: the check fails with the reason ` + "`dnssec_bogus`" + `. That is what a resolver says with SERVFAIL and an Extended DNS Error (RFC 8914), or with SERVFAIL where the same question without validation (the CD bit) has an answer. Other failures are ` + "`dns_failure`" + ` and ` + "`timeout`" + `.
- The records are those at ` + "`_port._tcp.name`" + `, where the name is the host, or ` + "`server_name`" + ` if that is set. If the name is an alias, with a proof, the name at its end comes first, and is also sent as SNI, in another handshake (RFC 7671 section 7).

**tls_dane_match** is 1 if a usable, secure record matches, and 0 if none does. It is absent if no record is usable and secure, and if the certificates are not known. ` + "`match`" + ` of ` + "`tls_dane_record_info`" + ` says how each record compares:

| match | what |
|---|---|
| ` + "`match`" + ` | a certificate has the content of the record, and the chain is as the usage demands |
| ` + "`mismatch`" + ` | no certificate at the place that the usage says has this content |
| ` + "`invalid`" + ` | a certificate has it, and clients reject the chain |
| ` + "`unusable`" + ` | clients ignore the record: a number is not defined, the content has the wrong length or is no DER, or the usage is not for ` + "`smtp`" + ` |
| ` + "`unknown`" + ` | the server showed no certificates, or the exporter cannot verify the chain |

- DANE-EE (3) is about the leaf. Its names and dates do not matter (RFC 7671 section 5.1).
- DANE-TA (2) is about a CA that the server sends above the leaf, or that the record has in full. The chain up to there is verified with its dates and names, without the trusted roots.
- PKIX-EE (1) and PKIX-TA (0) are about the leaf and about a CA of a path to a trusted root, which may be the root itself. The chain has to be valid without DANE too. For ` + "`smtp`" + ` they are unusable (RFC 7672 section 3.1.3).
- Of records of the same usage and selector with digests, only those with the strongest digest count (RFC 7671 section 9).
- ` + "`tls_chain_valid`" + ` does not depend on DANE.

**mx: true** takes the host of an ` + "`smtp`" + ` target for a mail domain, and checks its mail servers by its MX records, or the host itself if it has none: the five that are most preferred. The probe itself goes to the first of them, by its name. Each with TLSA records is asked for its certificates, at the port of the target, with its own name as SNI.

- ` + "`tls_dane_mx_secure` and `tls_dane_mx_match`" + ` are about each mail server, and ` + "`tls_dane_mx_failure_info`" + ` says why its records or its certificates are not known.
- ` + "`tls_dane_match`" + ` is 0 if one mail server does not match. It is 1 if all that have usable, secure records match, and absent if no server has a mismatch and one of them could not be compared, or if the MX records came without a proof.

## What the DNS says

[dns.md](dns.md) describes the checks ` + "`caa`, `dane` and `https_record`" + `.

**tls_caa_permits_issuer** is about the next certificate, because CAs ask for CAA records when they issue. It is 1 if neither the name nor a name above it has records, if no record restricts certificates of this kind, and if one names the issuer. It is 0 if the records name others, or nobody, or have a critical property that no CA knows. It is absent if the records restrict who may issue and the CAA domain of the issuer is not known; a private CA need not look at the records. It is also absent without a trusted path, or with a certificate for another name, where there are records at all. A failed lookup never counts as no records: the check fails.

**tls_https_record_alpn_match** is 0 if one server does not select one of the protocols that its record advertises for TCP, offered alone. A server that selects no protocol speaks HTTP/1.1. It is 1 if all answered and all select them.

**tls_ech_info** has one of these outcomes:

| outcome | what clients do | ` + "`tls_ech_accepted`" + ` |
|---|---|---|
| ` + "`accepted`" + ` | connect with ECH | 1 |
| ` + "`rejected_retry`" + ` | connect again with the configuration that the server sent | 0 |
| ` + "`rejected_disabled`" + ` | connect again without ECH | 0 |
| ` + "`rejected_untrusted`" + ` | fail: the certificate is not valid for the public name | 0 |
| ` + "`unsupported`" + ` | depends on the client: the exporter has no version, key or cipher of the configuration | absent |
| ` + "`malformed`" + ` | cannot read the configuration | absent |
| ` + "`no_answer`" + ` | not known: the handshake failed for another reason | absent |

## Certificate Transparency: what counts

` + "`tls_ct_compliant`" + ` applies [Chrome's policy](https://googlechrome.github.io/CertificateTransparency/ct_policy.html) as published on 22 July 2026. [transparency.md](transparency.md) explains it, and the list of logs.

- ` + "`tls_sct_count`" + ` is what came from each source, readable or not. The sources ` + "`extension` and `staple`" + ` are absent if the handshake was not completed, ` + "`staple`" + ` also if the OCSP response cannot be read.
- ` + "`tls_sct_valid_count`" + ` counts an SCT if its log is in the list, in whatever state, if the signature verifies, and if its time has come. An SCT in the certificate also covers the key of the issuer: it cannot be verified if the server does not send the issuer and no trusted path has it, and the metric is absent. It is also absent if there are more than 16, which are not all verified.
- ` + "`tls_ct_compliant`" + ` is absent without a trusted path, if the root is not in Mozilla's root program, and if the list is 70 days old or older.
`
