package caa

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"
	"testing"
)

// set reads records: "issue letsencrypt.org", with a ! before the tag of a critical one.
func set(records ...string) (all []Record) {
	for _, r := range records {
		tag, value, _ := strings.Cut(r, " ")
		bare, critical := strings.CutPrefix(tag, "!")
		all = append(all, Record{critical, bare, value})
	}
	return all
}

func TestJudge(t *testing.T) {
	ours := []string{"letsencrypt.org"}
	for _, test := range []struct {
		name     string
		records  []Record
		wildcard bool
		issuers  []string
		want     Verdict
	}{
		{"no records", nil, false, ours, NoRecord},
		{"no records, unknown issuer", nil, false, nil, NoRecord},
		{"the issuer is named", set("issue letsencrypt.org"), false, ours, IssuerListed},
		{"in capitals", set("issue LetsEncrypt.ORG"), false, ours, IssuerListed},
		{"with blanks", set("issue \t letsencrypt.org "), false, ours, IssuerListed},
		{"with parameters", set("issue letsencrypt.org; accounturi=https://a.test/1 ; validationmethods=dns-01"), false, ours, IssuerListed},
		{"with an empty list of parameters", set("issue letsencrypt.org; "), false, ours, IssuerListed},
		{"among others", set("issue ca.test", "issue letsencrypt.org", "iodef mailto:a@a.test"), false, ours, IssuerListed},
		{"another CA is named", set("issue ca.test"), false, ours, IssuerNotListed},
		{"a longer name", set("issue x.letsencrypt.org"), false, ours, IssuerNotListed},
		{"nobody is named", set("issue ;"), false, ours, NobodyListed},
		{"an empty value", set("issue "), false, ours, NobodyListed},
		{"nobody beside another", set("issue ;", "issue ca.test"), false, ours, IssuerNotListed},
		{"nobody beside the issuer", set("issue ;", "issue letsencrypt.org"), false, ours, IssuerListed},
		{"a value against the grammar", set("issue letsencrypt.org dns-01"), false, ours, NobodyListed},
		{"a parameter against the grammar", set("issue letsencrypt.org; dns-01"), false, ours, NobodyListed},
		{"a parameter of nothing", set("issue letsencrypt.org; a=b;"), false, ours, NobodyListed},
		{"a value of two words", set("issue letsencrypt.org; a=b c"), false, ours, NobodyListed},
		{"an address of mail", set("issue admin@letsencrypt.org"), false, ours, NobodyListed},
		{"about wildcards only", set("issuewild ;"), false, ours, Unrestricted},
		{"about mail only", set("issuemail ;", "iodef mailto:a@a.test", "!issuevmc ;"), false, ours, Unrestricted},
		{"unknown and not critical", set("tbs unknown"), false, ours, Unrestricted},
		{"unknown and critical", set("!tbs unknown"), false, ours, UnknownCritical},
		{"unknown and critical, beside the issuer", set("!tbs unknown", "issue letsencrypt.org"), false, ours, UnknownCritical},
		{"critical and known", set("!issue letsencrypt.org"), false, ours, IssuerListed},
		{"a wildcard by issue", set("issue letsencrypt.org"), true, ours, IssuerListed},
		{"a wildcard that issue forbids", set("issue ca.test"), true, ours, IssuerNotListed},
		{"a wildcard by issuewild", set("issue ca.test", "issuewild letsencrypt.org"), true, ours, IssuerListed},
		{"a wildcard that issuewild forbids", set("issue letsencrypt.org", "issuewild ;"), true, ours, NobodyListed},
		{"no wildcard, and issuewild forbids", set("issue letsencrypt.org", "issuewild ;"), false, ours, IssuerListed},
		{"an unknown issuer, all may", set("iodef mailto:a@a.test"), false, nil, Unrestricted},
		{"an unknown issuer, some may", set("issue letsencrypt.org"), false, nil, IssuerUnknown},
		{"an unknown issuer, none may", set("issue ;"), false, nil, IssuerUnknown},
		{"an unknown issuer, critical", set("!tbs unknown"), false, nil, IssuerUnknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := judge(test.records, test.wildcard, test.issuers); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// A permission is known for each verdict, and a verdict that is not known permits nothing.
func TestPermits(t *testing.T) {
	for verdict, want := range map[Verdict][2]bool{
		NoRecord: {true, true}, Unrestricted: {true, true}, IssuerListed: {true, true},
		IssuerNotListed: {false, true}, NobodyListed: {false, true}, UnknownCritical: {false, true},
		IssuerUnknown: {}, NotCovered: {}, NoName: {}, "": {},
	} {
		if permits, known := verdict.Permits(); permits != want[0] || known != want[1] {
			t.Errorf("%s: %t, %t", verdict, permits, known)
		}
	}
}

// A name that no certificate of a CA has is never one of its domains. Properties hold for
// each value: what names a domain is in the grammar, and what the grammar allows is found
// again behind blanks and in capitals.
func FuzzIssuerDomain(f *testing.F) {
	for _, value := range []string{"", ";", "ca.test", " ca.test ;a=b; c=d ", "ca.test; a", "a..b", "-a.test", "ca.test;;", "\x00", "ä.test"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		domain := issuerDomain(value)
		if domain == "" {
			return
		}
		if strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" || len(domain) > len(value) {
			t.Fatalf("%q names %q", value, domain)
		}
		if again := issuerDomain(" \t" + strings.ToUpper(domain) + " ; accounturi=https://a.test/1"); again != domain {
			t.Fatalf("%q names %q, and then %q", value, domain, again)
		}
		if got := judge([]Record{{Tag: issue, Value: value}}, false, []string{domain}); got != IssuerListed {
			t.Fatalf("%q names %q: %s", value, domain, got)
		}
	})
}

// pathOf is a trusted path whose intermediate and its issuer have these organisations.
func pathOf(issuing, above string) []*x509.Certificate {
	return []*x509.Certificate{{}, {Subject: pkix.Name{Organization: []string{issuing}}, Issuer: pkix.Name{Organization: []string{above}}}, {}}
}

func TestDomainsOf(t *testing.T) {
	for _, test := range []struct {
		issuing, above, want string
	}{
		{"Let's Encrypt", "Internet Security Research Group", "letsencrypt.org"},
		{"Google Trust Services", "Google Trust Services LLC", "pki.goog"},
		{"ZeroSSL", "The USERTRUST Network", "sectigo.com"},
		{"Let's Encrypt", "Example Corporation", ""}, // anybody can make one
		{"Example Corporation", "DigiCert Inc", ""},
		{"TrustAsia Technologies, Inc.", "DigiCert Inc", ""}, // a reseller, whose own domain is for its own root
		{"", "", ""},
	} {
		if got := domainsOf(pathOf(test.issuing, test.above)); !slices.Contains(append(got, ""), test.want) || (got == nil) != (test.want == "") {
			t.Errorf("%s below %s: %q", test.issuing, test.above, got)
		}
	}
	if got := domainsOf(pathOf("Amazon", "Amazon")[:1]); got != nil {
		t.Errorf("a path of one certificate: %q", got)
	}
	two := pathOf("Amazon", "Amazon")
	two[1].Subject.Organization = []string{"Amazon", "Example Corporation"}
	if got := domainsOf(two); got != nil {
		t.Errorf("two organisations: %q", got)
	}
}

// No pair of organisations has two rows, and each domain is as it is in records.
func TestTable(t *testing.T) {
	pairs := make(map[[2]string]bool)
	for _, o := range operators {
		for _, issuing := range o.issuing {
			for _, above := range o.above {
				if pair := [2]string{issuing, above}; pairs[pair] {
					t.Errorf("%q has two rows", pair)
				} else {
					pairs[pair] = true
				}
			}
		}
		for _, domain := range strings.Fields(o.domains) {
			if issuerDomain(domain) != domain {
				t.Errorf("%q is not the domain of a CA", domain)
			}
		}
	}
}
