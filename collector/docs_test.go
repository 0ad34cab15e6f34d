package collector

import (
	"fmt"
	"strings"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/hello"
)

// docs/metrics.md is made from the rows (-update), so that it cannot say
// anything else.
func TestDocs(t *testing.T) { golden(t, "../docs/metrics.md", document()) }

func TestDocsExplainEveryVulnerability(t *testing.T) {
	for _, name := range prober.VulnerabilityNames {
		if !strings.Contains(decisions, "| `"+string(name)+"` |") {
			t.Errorf("%s is not explained", name)
		}
	}
}

func document() string {
	var b strings.Builder
	b.WriteString(`# The metrics

This page is made from the exporter's own table of metrics; a test keeps it so.

Names, labels and the words of the vocabularies are a promise: they are added to, and not changed. Booleans are 0 and 1.
**A metric is absent when its question was not asked or not answered**: unknown is never 0, and never good.
There is no label for the target: the scrape's ` + "`instance`" + ` says it.
`)
	title := ""
	for _, m := range Contract() {
		if m.Part != title {
			title = m.Part
			fmt.Fprintf(&b, "\n## %s\n\n| metric | labels | meaning |\n|---|---|---|\n", title)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s%s |\n", m.Name, strings.Join(m.Labels, ", "), m.Help, kind(m))
	}
	b.WriteString("\n## Vocabularies\n\nThe labels below have these values and no others.\n")
	vocabulary(&b, "phase", "of a probe, in their order; `tls_exporter_probes_total` has `none` too", prober.Phases)
	vocabulary(&b, "problem", "of a chain, gravest first; `revoked` is there only where revocation was asked about", prober.Problems)
	vocabulary(&b, "reason", "of `tls_probe_failure_info` and `tls_check_failure_info`; `alert_...` is a TLS alert that the server sent, by its registered name", prober.Reasons())
	vocabulary(&b, "expectation", "of a module", prober.Expectations)
	vocabulary(&b, "reason", "of `tls_exporter_probes_rejected_total`", rejections)
	vocabulary(&b, "strength", "of a cipher suite", []hello.Strength{hello.Weak, hello.Acceptable, hello.Strong})
	vocabulary(&b, "policy", "of `tls_policy_compliant`", prober.PolicyNames)
	vocabulary(&b, "rule", "of `tls_policy_violation_info`, the gravest first", prober.PolicyRules)
	vocabulary(&b, "vulnerability", "of `tls_vulnerable`", prober.VulnerabilityNames)
	vocabulary(&b, "method", "of `tls_resumption_supported`", []string{prober.ResumeBySessionID, prober.ResumeByTicket, prober.ResumeByPSK, prober.EarlyData})
	b.WriteString(decisions)
	return b.String()
}

func kind(m Metric) string {
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

// decisions is what a reader of the problems wants to know and no row can say.
const decisions = `
## How some of it is decided

**The verdict** of ` + "`tls_chain_valid`" + ` is that of Go's crypto/x509. What is wrong beside the first thing that it stops at is asked one question at a time,
of the best way from the leaf to a trusted root: the one with the fewest faults, and of those the one that lasts longest. ` + "`weak_key`, `lifetime_too_long` and `wrong_order`" + ` are told beside a verdict that may be good.

**incomplete_chain or unknown_authority**: in both cases the way ends at a certificate whose issuer was not sent and is not trusted. The certificates decide as far as they can, strongest evidence first:

1. A certificate at the end that signed itself is an untrusted root: ` + "`unknown_authority`" + `, or ` + "`self_signed`" + ` if it is the leaf.
2. An authority key identifier that names its issuer's issuer (RFC 5280 section 4.2.1.1) tells a root from an intermediate.
3. Another CA certificate was sent that does reach a trusted root: the server sends the wrong intermediate, ` + "`incomplete_chain`" + `.
4. The way ends at an intermediate: its root need not be sent (RFC 8446 section 4.4.2), so that root is taken to be an unknown one, ` + "`unknown_authority`" + `.
5. The way ends at the leaf, and its Authority Information Access says where its issuer can be fetched: ` + "`incomplete_chain`" + `. Public CAs write that pointer, and none issues leaves from a root.
6. A leaf without that pointer: where the module has a ` + "`ca_file`" + `, ` + "`incomplete_chain`" + ` if the issuer's organization (O) is that of one of its roots, or if there is nothing to compare; else ` + "`unknown_authority`" + `.

**lifetime_too_long** holds the leaf to the CA/Browser Forum's limit that was in force when it began (Baseline Requirements section 6.3.2 and ballot SC-081v3: 398 days, 200 from 2026-03-15, 100 from 2027-03-15, 47 from 2029-03-15).
It binds public CAs only: the way has to end in a root of Mozilla's program, whose list is part of the exporter. A private CA may issue for as long as it likes.

**tls_chain_not_after_timestamp_seconds** is when clients break: of all trusted paths the latest end, where a path ends with the first of its certificates. Certificates that were sent and that no path needs do not count. It is there, in the past, when only time has run out, and absent when no path is trusted.

**nxdomain, no_address, dns_failure**: the name does not exist; it exists without an address that may be dialled; nobody would say. With a ` + "`resolver`" + ` in the module that DNS server alone is asked, for A and AAAA side by side, for the name as it is written: no hosts file, no search domains.
Its answer has to be to this very question; one that is cut off is asked for again over TCP; SERVFAIL, REFUSED or a referral is ` + "`dns_failure`" + `, and silence ` + "`timeout`" + `. An error in one family is passed over where the other has addresses, as clients do, but not with ` + "`addresses: all`" + `.
Without a ` + "`resolver`" + ` Go's own asks as the system is set up to. It does not tell a name that does not exist from one without any address: both are ` + "`nxdomain`" + `.

**A proxy's failure is not the target's.** Whatever keeps the proxy from connecting us is in the phase ` + "`proxy`" + `, also that it could not be reached (` + "`refused`, `timeout`, `nxdomain`" + ` and so on are then its own).
` + "`proxy_refused`" + ` is its no: a status of HTTP that is not 2xx, a reply of SOCKS that is not success, or credentials that it does not take. ` + "`proxy_protocol`" + ` is no answer of a proxy, and ` + "`proxy_untrusted`" + ` a bad certificate of one that is spoken to over TLS.
` + "`tls_tcp_connected`" + ` is absent then, because nothing was learned of the port; where the proxy has connected, its word is taken for that. When all is well the phase ` + "`connect`" + ` is the way to the proxy, and ` + "`proxy`" + ` its way to the target.

**Turned away**: ` + "`bad_parameter` and `bad_timeout`" + ` are requests that cannot be read (400, or 414 for one that is too long); ` + "`policy`" + ` is one that the ` + "`probe_policy`" + ` forbids as it stands (403), and ` + "`too_many`" + ` one that there is no room for (503).
None of them is a probe. ` + "`denied`" + ` is one: the name resolved to an address that the policy forbids, which shows when it is to be dialled. It fails in the phase ` + "`connect`" + ` with the reason ` + "`denied`" + ` and is in ` + "`tls_exporter_probes_total`" + ` too; ` + "`tls_tcp_connected`" + ` is absent then, because nobody knocked.

**A Unix socket** without a ` + "`server_name`" + ` is judged by trust, dates and use alone: nobody said for which name the certificate has to be, so ` + "`name_mismatch`" + ` is absent. ` + "`tls_session_info`" + ` has an empty ` + "`ip`" + `, as behind a proxy that found the address itself.

**addresses: all** probes every address by itself, side by side, at most 32 of them, and holds the module's expectations against each; ` + "`tls_addresses`" + ` says how many there would have been. One that fails makes ` + "`tls_probe_success`" + ` 0, and the gravest failure is the probe's: first what clients cannot get around (a bad chain, by the order of the problems above, then a failed handshake),
then an unmet expectation, and last what has clients go on to the next address (a connection that fails).

The session, the chain and the phases are those of one address, whose ` + "`ip`" + ` is in ` + "`tls_session_info`" + `: of those that fail and yet show a certificate the gravest, so that alerts on certificates see it; without such the good one whose chain ends first, so that an address which is down takes nothing away. In a tie it is the lowest address. DNS may shuffle them as it likes: the choice stays the same.

**stale_certificate**: addresses may differ for good reasons, while a new certificate is rolled out or because each has its own. ` + "`tls_addresses_distinct_certificates`" + ` says so at once, and it is no failure. An address is stale when another good one has a certificate that ends later, and either

- several addresses share that later one, and no fewer than still have the old one: the pool has gone over, and this address was forgotten. While a certificate is rolled out this is so from the middle on, for as long as that takes; or
- its certificate should have been renewed (less than a third of its lifetime is left, as ACME clients have it), and the later one has been in force for longer than the old one has left.

## What a server takes

The checks ` + "`versions`" + `, ` + "`ciphers`" + `, ` + "`policy`" + `, ` + "`vulnerabilities`" + ` and ` + "`resumption`" + ` run where the module has their line. They speak to the server in raw messages, over connections of their own,
through the same proxies and dialogues (STARTTLS) as the probe.

**Taken, refused, unanswered**: a version is *taken* (1) when the server answers a ClientHello that offers it alone with a hello of its own, and *refused* (0) when it says no:
with an alert, by choosing another version, or by hanging up. A hang-up, a reset, and an alert that is not about the offer (those about it are ` + "`protocol_version`, `handshake_failure`" + ` and their like) count as that only when they come twice, the second time alone and right after the server has taken another offer.
Otherwise, and always after silence, that version is *unanswered*, and absent: such a server may be slow, or have had enough. So it is with groups. ` + "`tls_cipher_supported`" + ` and ` + "`tls_signature_scheme_supported`" + ` list what is taken;
what is not there was refused, or the check did not come so far: where it came to nothing, ` + "`tls_check_success`" + ` is 0.

**Kept findings**: these findings are costly, so the exporter keeps them between probes: for an hour, or what the check's ` + "`every`" + ` says (` + "`vulnerabilities`" + `: a day). ` + "`tls_check_timestamp_seconds`" + ` is when each was made.
One is made for all who ask, at three quarters of its age it is made anew beside the scrapes, and one that reaches its age is not shown any more. A failed attempt leaves the finding before it standing until then, and is repeated after a twelfth of ` + "`every`" + `.
Findings are shown while the endpoint is down, too. A reload drops those of modules whose way to the server has changed; a restart drops all.

**pending** is the reason of a check whose first finding takes longer than the scrape had time for. It goes on being made, and a later scrape has it. It is no sign of anything wrong.

**strength** is the opinion of RFC 9325 (BCP 195), section 4.1 where no other is named:

| strength | what |
|---|---|
| ` + "`weak`" + ` | nothing is encrypted; nobody is authenticated; RC4 (RFC 7465); less than 112 bits, export suites among them; blocks of 64 bits, as of 3DES and IDEA (and CVE-2016-2183); MD5 (RFC 6151); anything in SSL (RFC 7568) |
| ` + "`acceptable`" + ` | no forward secrecy; no AEAD, so that it hangs on CBC; a tag of 64 bits (CCM_8) |
| ` + "`strong`" + ` | forward secrecy and AEAD (section 4.2, and TLS 1.3) |

That TLS 1.0 and 1.1 are withdrawn (RFC 8996) is in ` + "`tls_version_supported`" + `, and is not held against each suite.

**tls_server_cipher_preference** is 1 where the server's order of suites decides, and 0 where the client's does. It is absent where the server takes one suite, or did not tell.

**tls_policy_compliant** holds what ` + "`versions`" + ` and ` + "`ciphers`" + ` found, and the certificate, against published policies: Mozilla's configurations ` + "`mozilla_modern`" + `, ` + "`mozilla_intermediate`" + ` and ` + "`mozilla_old`" + `, in version 5.7, and ` + "`pci_dss`" + ` in version 4 (requirement 4.2.1: no SSL, no TLS below 1.2, and of suites and keys what its glossary calls strong cryptography).
An endpoint complies that is at least as strict: it takes nothing that the policy does not have. Larger curves than a configuration lists, and hybrids with ML-KEM, are no weaker and break nothing; what a configuration says of HSTS and OCSP is not asked for. It is 1 where no rule is broken, 0 with the first five broken ones in ` + "`tls_policy_violation_info`" + `, and absent where the policy asks for what was not learned. Without ` + "`policies`" + ` in the module all are shown; name those that the endpoint is meant to keep, and ` + "`TLSPolicyBroken`" + ` watches them.

**tls_vulnerable** says of each vulnerability 1 (shown by a test that does no harm and keeps nothing), 0 (the test was answered as a server without it answers), or nothing (it could not be told).

| vulnerability | what |
|---|---|
| ` + "`heartbleed`" + ` | heartbeats are answered with memory (CVE-2014-0160) |
| ` + "`ccs_injection`" + ` | ChangeCipherSpec is taken before there are keys (CVE-2014-0224) |
| ` + "`ticketbleed`" + ` | session IDs are filled up from memory (CVE-2016-9244) |
| ` + "`robot`" + ` | answers tell whether an RSA-encrypted secret is padded well (Böck, Somorovsky and Young, 2018) |
| ` + "`insecure_renegotiation`" + ` | RFC 5746 is not known (CVE-2009-3555) |
| ` + "`client_renegotiation`" + ` | hands are shaken again at a client's wish, which costs the server more (CVE-2011-1473) |
| ` + "`compression`" + ` | TLS compresses, which CRIME listens to (CVE-2012-4929) |
| ` + "`no_fallback_scsv`" + ` | TLS_FALLBACK_SCSV is not heeded (RFC 7507) |
| ` + "`no_extended_master_secret`" + ` | RFC 7627 is not known (CVE-2014-1295) |
| ` + "`poodle`" + ` | SSL 3.0 is taken with a suite of CBC (CVE-2014-3566) |
| ` + "`drown`" + ` | SSL 2.0 is taken (CVE-2016-0800), by this server; others with its key are not asked |
| ` + "`freak`" + ` | RSA keys of 512 bits for export are taken (CVE-2015-0204) |
| ` + "`logjam`" + ` | DHE for export is taken, or a prime of 1024 bits or fewer is sent (CVE-2015-4000, weakdh.org); the size itself is ` + "`tls_dh_bits`" + ` |
| ` + "`sweet32`" + ` | ciphers with blocks of 64 bits are taken (CVE-2016-2183) |
| ` + "`rc4`" + ` | RC4 is taken (RFC 7465, CVE-2015-2808) |

**tls_resumption_supported** takes up a session that was begun a moment before: by ` + "`session_id`" + ` (TLS 1.2 and below, the server remembers), by ` + "`ticket`" + ` (TLS 1.2 and below, the client does, RFC 5077), by ` + "`psk`" + ` (TLS 1.3).
` + "`early_data`" + ` is that the tickets of TLS 1.3 allow for 0-RTT (RFC 8446 section 4.6.1); none is sent. A method that needs versions which the server refuses is 0. ` + "`tls_resumed_handshake_duration_seconds`" + ` is of the newest method that worked.
`
