//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/hello"
)

// scan is what a scanner says of a server, in what all scanners have in common.
type scan struct {
	versions map[hello.Version]bool
	suites   map[hello.Version][]hello.CipherSuite // in the scanner's order
	groups   map[hello.Group]bool                  // nil: it says nothing of them
	dhBits   int                                   // of the smallest prime; 0: it saw none
	order    string                                // whose counts, server or client; empty: it does not say
}

func newScan() *scan {
	return &scan{versions: make(map[hello.Version]bool), suites: make(map[hello.Version][]hello.CipherSuite)}
}

// noteDH keeps the smallest.
func (s *scan) noteDH(bits int) {
	if s.dhBits == 0 || bits < s.dhBits {
		s.dhBits = bits
	}
}

// ours is the finding of the exporter.
func ours(r *prober.Result) (*scan, error) {
	if r.Versions.Finding == nil || r.Ciphers.Finding == nil {
		return nil, fmt.Errorf("a finding is missing: %+v", r.Outcomes)
	}
	s := newScan()
	for _, a := range r.Versions.Finding.Answers {
		s.versions[a.Version] = a.Accepted
	}
	for _, taken := range r.Ciphers.Finding.Suites {
		s.suites[taken.Version] = append(s.suites[taken.Version], hello.CipherSuite(taken.Number))
	}
	s.groups = make(map[hello.Group]bool)
	for _, g := range r.Ciphers.Finding.Groups {
		if g.Accepted {
			s.groups[g.Group] = true
		}
	}
	s.dhBits = r.Ciphers.Finding.DHBits
	s.order = map[ciphers.Preference]string{ciphers.ServerPreference: "server", ciphers.ClientPreference: "client"}[r.Ciphers.Finding.Preference]
	return s, nil
}

// scan is what Prometheus would know; suites are in no order.
func (p page) scan() *scan {
	s := newScan()
	s.groups = make(map[hello.Group]bool)
	versions := make(map[string]hello.Version)
	for _, v := range hello.Versions {
		versions[v.String()] = v
	}
	for line := range strings.Lines(string(p)) {
		name, _, _ := strings.Cut(line, "{")
		labels := make(series)
		for _, pair := range label.FindAllStringSubmatch(line, -1) {
			labels[pair[1]] = pair[2]
		}
		taken := strings.HasSuffix(line, " 1\n")
		switch name {
		case "tls_version_supported":
			s.versions[versions[labels["version"]]] = taken
		case "tls_cipher_supported":
			for _, suite := range hello.Suites {
				if suite.Name == labels["cipher"] {
					v := versions[labels["version"]]
					s.suites[v] = append(s.suites[v], suite.ID)
				}
			}
		case "tls_group_supported":
			for _, g := range slices.Concat(hello.GroupsFor(hello.TLS12), hello.GroupsFor(hello.TLS13)) {
				if g.String() == labels["group"] && taken {
					s.groups[g] = true
				}
			}
		}
		if number, ok := strings.CutPrefix(line, "tls_dh_bits "); ok {
			s.dhBits, _ = strconv.Atoi(strings.TrimSpace(number))
		}
		if number, ok := strings.CutPrefix(line, "tls_server_cipher_preference "); ok {
			s.order = map[bool]string{true: "server", false: "client"}[number == "1\n"]
		}
	}
	return s
}

// readSSLScan reads what sslscan --xml writes.
func readSSLScan(output []byte) (*scan, error) {
	var document struct {
		Error    string `xml:"error"`
		Protocol []struct {
			Type    string `xml:"type,attr"`
			Version string `xml:"version,attr"`
			Enabled bool   `xml:"enabled,attr"`
		} `xml:"ssltest>protocol"`
		Cipher []struct {
			Version string `xml:"sslversion,attr"`
			ID      string `xml:"id,attr"`
			DHBits  int    `xml:"dhebits,attr"`
		} `xml:"ssltest>cipher"`
		Group []struct {
			ID string `xml:"id,attr"`
		} `xml:"ssltest>group"`
	}
	if err := xml.Unmarshal(output, &document); err != nil {
		return nil, fmt.Errorf("%w: %s", err, output)
	}
	if document.Error != "" || len(document.Protocol) == 0 {
		return nil, fmt.Errorf("sslscan failed: %s", output)
	}
	s := newScan()
	s.groups = make(map[hello.Group]bool)
	for _, p := range document.Protocol {
		v, ok := map[string]hello.Version{
			"ssl2": hello.SSL20, "ssl3": hello.SSL30, "tls1.0": hello.TLS10, "tls1.1": hello.TLS11, "tls1.2": hello.TLS12, "tls1.3": hello.TLS13,
		}[p.Type+p.Version]
		if !ok {
			return nil, fmt.Errorf("sslscan knows a protocol %s %s", p.Type, p.Version)
		}
		s.versions[v] = p.Enabled
	}
	for _, c := range document.Cipher {
		v, ok := map[string]hello.Version{"SSLv3": hello.SSL30, "TLSv1.0": hello.TLS10, "TLSv1.1": hello.TLS11, "TLSv1.2": hello.TLS12, "TLSv1.3": hello.TLS13}[c.Version]
		id, err := strconv.ParseUint(c.ID, 0, 16)
		if !ok || err != nil {
			return nil, fmt.Errorf("sslscan knows a cipher %s %s", c.Version, c.ID)
		}
		s.suites[v] = append(s.suites[v], hello.CipherSuite(id))
		if c.DHBits > 0 {
			s.noteDH(c.DHBits)
		}
	}
	for _, g := range document.Group {
		id, err := strconv.ParseUint(g.ID, 0, 16)
		if err != nil {
			return nil, fmt.Errorf("sslscan knows a group %s", g.ID)
		}
		s.groups[hello.Group(id)] = true
	}
	return s, nil
}

// readTestSSL reads what testssl -p -P -E --jsonfile writes.
func readTestSSL(output []byte) (*scan, error) {
	var findings []struct{ ID, Finding string }
	if err := json.Unmarshal(output, &findings); err != nil {
		return nil, fmt.Errorf("%w: %s", err, output)
	}
	versions := map[string]hello.Version{"SSLv2": hello.SSL20, "SSLv3": hello.SSL30, "TLS1": hello.TLS10, "TLS1_1": hello.TLS11, "TLS1_2": hello.TLS12, "TLS1_3": hello.TLS13}
	s := newScan()
	for _, f := range findings {
		if v, ok := versions[f.ID]; ok {
			// "offered", with a judgement after it; anything else is neither.
			if taken := strings.HasPrefix(f.Finding, "offered"); taken || strings.HasPrefix(f.Finding, "not offered") {
				s.versions[v] = taken
			}
		}
		if f.ID == "cipher_order" {
			s.order = map[bool]string{true: "client", false: "server"}[strings.HasPrefix(f.Finding, "NOT ")]
		}
		name, isCipher := strings.CutPrefix(f.ID, "cipher-")
		at := strings.LastIndex(name, "_x")
		if !isCipher || at < 0 {
			continue
		}
		v, ok := versions[strings.ToUpper(name[:at])]
		id, err := strconv.ParseUint(name[at+len("_x"):], 16, 16)
		if !ok || err != nil {
			return nil, fmt.Errorf("testssl knows a cipher %s", f.ID)
		}
		s.suites[v] = append(s.suites[v], hello.CipherSuite(id))
		if _, after, ok := strings.Cut(f.Finding, " DH "); ok {
			bits, err := strconv.Atoi(strings.Fields(after)[0])
			if err != nil {
				return nil, fmt.Errorf("testssl says %s", f.Finding)
			}
			s.noteDH(bits)
		}
	}
	if len(s.versions) == 0 {
		return nil, fmt.Errorf("testssl found nothing: %s", output)
	}
	return s, nil
}

// disagreements is every fact that only one of two scanners has, in lines, each
// of what they both speak about.
func (s *scan) disagreements(other *scan) (lines []string) {
	differ := func(format string, values ...any) { lines = append(lines, fmt.Sprintf(format, values...)) }
	for _, v := range hello.Versions {
		mine, answered := s.versions[v]
		theirs, known := other.versions[v]
		if known && (!answered || mine != theirs) {
			differ("%s: %s, they say %s", v, said(mine, answered), said(theirs, true))
		}
		for _, id := range s.suites[v] {
			if !slices.Contains(other.suites[v], id) {
				differ("%s %s: only we", v, id)
			}
		}
		for _, id := range other.suites[v] {
			if !slices.Contains(s.suites[v], id) {
				differ("%s %s: only they", v, id)
			}
		}
	}
	if other.groups != nil {
		for _, g := range slices.Sorted(maps.Keys(s.groups)) {
			if !other.groups[g] {
				differ("%s: only we", g)
			}
		}
		for _, g := range slices.Sorted(maps.Keys(other.groups)) {
			if !s.groups[g] {
				differ("%s: only they", g)
			}
		}
	}
	if s.dhBits != other.dhBits {
		differ("DH of %d bits, they say %d", s.dhBits, other.dhBits)
	}
	if other.order != "" && other.order != s.order {
		differ("the order is the %s's, they say the %s's", s.order, other.order)
	}
	return lines
}

func said(taken, answered bool) string {
	if !answered {
		return "unanswered"
	}
	return map[bool]string{true: "taken", false: "refused"}[taken]
}

// outOfOrder compares the order of the suites that both have, in every version.
func (s *scan) outOfOrder(other *scan) (lines []string) {
	common := func(of, with []hello.CipherSuite) []hello.CipherSuite {
		return slices.DeleteFunc(slices.Clone(of), func(id hello.CipherSuite) bool { return !slices.Contains(with, id) })
	}
	for _, v := range hello.Versions {
		mine, theirs := common(s.suites[v], other.suites[v]), common(other.suites[v], s.suites[v])
		if !slices.Equal(mine, theirs) {
			lines = append(lines, fmt.Sprintf("%s: the order is %v, they say %v", v, mine, theirs))
		}
	}
	return lines
}

func (s *scan) String() string {
	var b strings.Builder
	for _, v := range hello.Versions {
		fmt.Fprintf(&b, "%s %s %v\n", v, said(s.versions[v], true), s.suites[v])
	}
	fmt.Fprintf(&b, "groups %v, DH %d, order %s", slices.Sorted(maps.Keys(s.groups)), s.dhBits, s.order)
	return b.String()
}

// The two readers, on what the tools have written about the same server: nginx
// with TLS 1.2 and 1.3, four suites of TLS 1.2 in its own order and a prime of
// 1024 bits.
func TestReadScanners(t *testing.T) {
	for _, test := range []struct {
		file string
		read func([]byte) (*scan, error)
		want string
	}{
		{"testdata/sslscan.xml", readSSLScan, `
SSL 2.0 refused []
SSL 3.0 refused []
TLS 1.0 refused []
TLS 1.1 refused []
TLS 1.2 taken [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 TLS_DHE_RSA_WITH_AES_128_GCM_SHA256 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 TLS_RSA_WITH_AES_128_CBC_SHA]
TLS 1.3 taken [TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 TLS_AES_128_GCM_SHA256]
groups [secp256r1 x25519], DH 1024, order `},
		{"testdata/testssl.json", readTestSSL, `
SSL 2.0 refused []
SSL 3.0 refused []
TLS 1.0 refused []
TLS 1.1 refused []
TLS 1.2 taken [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 TLS_DHE_RSA_WITH_AES_128_GCM_SHA256 TLS_RSA_WITH_AES_128_CBC_SHA]
TLS 1.3 taken [TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 TLS_AES_128_GCM_SHA256]
groups [], DH 1024, order server`},
	} {
		t.Run(test.file, func(t *testing.T) {
			output, err := os.ReadFile(test.file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := test.read(output)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.String(); got != strings.TrimPrefix(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			for _, bad := range []string{"", "[]", "<document/>", "<document><error>no</error></document>"} {
				if s, err := test.read([]byte(bad)); err == nil {
					t.Errorf("%q is read as %v", bad, s)
				}
			}
		})
	}
}
