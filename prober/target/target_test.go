package target

import (
	"net/url"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for written, want := range map[string]string{
		"example.com":                     "https://example.com:443",
		"EXAMPLE.com":                     "https://example.com:443",
		"example.com:8443":                "https://example.com:8443",
		"https://example.com":             "https://example.com:443",
		"HTTPS://example.com/":            "https://example.com:443",
		"example.com.":                    "https://example.com.:443",
		"bücher.example":                  "https://xn--bcher-kva.example:443",
		"xn--bcher-kva.example":           "https://xn--bcher-kva.example:443",
		"straße.example":                  "https://xn--strae-oqa.example:443",
		"a。example":                       "https://a.example:443",
		"_sip._tls.example.com":           "https://_sip._tls.example.com:443",
		"localhost":                       "https://localhost:443",
		"192.0.2.7":                       "https://192.0.2.7:443",
		"192.0.2.7:8443":                  "https://192.0.2.7:8443",
		"::1":                             "https://[::1]:443",
		"[::1]":                           "https://[::1]:443",
		"[2001:DB8::1]:8443":              "https://[2001:db8::1]:8443",
		"::ffff:192.0.2.7":                "https://192.0.2.7:443",
		"[fe80::1%eth0]:443":              "https://[fe80::1%eth0]:443",
		"tls://[fe80::1%25eth0]":          "tls://[fe80::1%eth0]:443",
		"smtp://mail.example.com":         "smtp://mail.example.com:25",
		"submission://mail.example.com":   "submission://mail.example.com:587",
		"imaps://mail.example.com":        "imaps://mail.example.com:993",
		"postgres://db.example.com:15432": "postgres://db.example.com:15432",
		"xmpp-server://example.com":       "xmpp-server://example.com:5269",
		"unix:///run/x.sock":              "unix:///run/x.sock",
		"UNIX:///run/X y@z?a#b//../":      "unix:///run/X y@z?a#b//../",
		"unix:///%2Frun/bücher":           "unix:///%2Frun/bücher",
		"FILE:///etc/ssl/a b%20ü.pem":     "file:///etc/ssl/a b%20ü.pem",
	} {
		got, err := Parse(written)
		if err != nil || got.String() != want {
			t.Errorf("%s is %v, %v; want %s", written, got, err, want)
		}
	}
}

func TestParseRejects(t *testing.T) {
	for written, says := range map[string]string{
		"":                                    "is empty",
		"http://example.com":                  "http is not TLS",
		"h3://example.com":                    "h3 runs over QUIC, which this version cannot probe; write https://",
		"QUIC://example.com:8443":             "quic runs over QUIC, which this version cannot probe; write https://",
		"gopher://example.com":                `unknown scheme "gopher"; known are amqps`,
		"https://":                            "the host is missing",
		":443":                                "the host is missing",
		"example.com:":                        "the port after the colon is missing",
		"example.com:0":                       "from 1 to 65535",
		"example.com:65536":                   "from 1 to 65535",
		"example.com:+443":                    "from 1 to 65535",
		"example.com:https":                   "from 1 to 65535",
		"https://user:secret@example.com":     "user info",
		"https://example.com/path":            `leave out "/path"`,
		"example.com?x=1":                     `leave out "?x=1"`,
		"example.com#top":                     `leave out "#top"`,
		"2001:db8::1:443:x":                   "write an IPv6 address with a port in brackets",
		"[example.com]:443":                   "in brackets is not an IPv6 address",
		"[192.0.2.7]:443":                     "in brackets is not an IPv6 address",
		"[::1":                                "cannot be split",
		"exa mple.com":                        "not a host name",
		"*.example.com":                       `it contains "*"`,
		"-a.example.com":                      "invalid label",
		"a\xbc.example.com":                   "not UTF-8",
		"a..example.com":                      "empty label",
		"256.1.1.1":                           "neither an IPv4 address nor a host name",
		"1.2.3":                               "neither an IPv4 address nor a host name",
		"example.com\x00":                     "not a host name",
		"unix://run/x.sock":                   "begins with a slash",
		"unix://":                             "begins with a slash",
		"unix:///run/\x00x":                   "not printable",
		"unix:///run/x\n":                     "not printable",
		"unix:///run/\xff":                    "not printable",
		"file://etc/ssl/site.pem":             "a file has no host",
		"file://localhost/etc/ssl/site.pem":   "a file has no host",
		"file:///etc/../shadow":               `write "file:///shadow"`,
		"file:///etc/ssl/":                    `write "file:///etc/ssl"`,
		"file:///etc//ssl":                    "empty parts",
		"file:///":                            "names no file",
		"file:///etc/ssl/*.pem":               "names no single file",
		"file:///etc/ssl/a\n.pem":             "not printable",
		"file:/etc/ssl/site.pem":              "write file:// and its absolute path",
		"/etc/ssl/site.pem":                   "write file:// and its absolute path",
		"./site.pem":                          "write file:// and its absolute path",
		"unix:///" + strings.Repeat("x", 107): "at most 107 bytes",
		strings.Repeat("a", 64) + ".example":  "more than 63 bytes",
		strings.Repeat("abcd.", 51) + "abcde": "at most 253 bytes",
		strings.Repeat("a", 2000):             "longer than 1024 bytes",
	} {
		_, err := Parse(written)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: error is %v, want one with %s", written, err, says)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error repeats a password", written)
		}
	}
}

// FuzzParse checks that String is canonical: parsing it again changes nothing.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"example.com", "smtp://[::1%25lo]:25/", "bücher.example:1", "::ffff:1.2.3.4", "[::]", "a_b.c.", "unix:///run/x.sock", "file:///etc/ssl/site.pem"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		first, err := Parse(s)
		if err != nil {
			return
		}
		second, err := Parse(first.String())
		if err != nil || second != first {
			t.Errorf("%q is %q, which is %q, %v", s, first, second, err)
		}
		if len(first.Host) > 253+1 || (first.Port == 0) != (first.Path != "") || (first.Host == "") != (first.Path != "") {
			t.Errorf("%q is %+v", s, first)
		}
	})
}

func TestParseFilePattern(t *testing.T) {
	for written, want := range map[string]string{
		"file:///etc/ssl/**/*.pem": "/etc/ssl/**/*.pem",
		"File:///etc/[ab]?.pem":    "/etc/[ab]?.pem",
		"file:///etc/ssl/site.pem": "",
		"unix:///run/*.sock":       "",
		"*.example.com":            "",
	} {
		if got, is, err := ParseFilePattern(written); got != want || is != (want != "") || err != nil {
			t.Errorf("%s is %q, %v, %v", written, got, is, err)
		}
	}
	for written, says := range map[string]string{
		"file://etc/*.pem":                      "a file has no host",
		"file:///etc/../*.pem":                  "must not have",
		"file:///etc/[.pem":                     "is not a pattern",
		"file:///*" + strings.Repeat("x", 1024): "longer than 1024",
	} {
		if got, is, err := ParseFilePattern(written); !is || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s is %q, %v, %v", written, got, is, err)
		}
	}
}

func TestSchemes(t *testing.T) {
	seen := make(map[Scheme]bool)
	for _, s := range schemes {
		if seen[s.name] || s.port == 0 {
			t.Errorf("%s is listed twice or has no port", s.name)
		}
		seen[s.name] = true
	}
}

func TestParseAddress(t *testing.T) {
	for written, want := range map[string]string{
		"192.0.2.7":           "192.0.2.7:0",
		"192.0.2.7:8443":      "192.0.2.7:8443",
		"2001:db8::1":         "[2001:db8::1]:0",
		"[2001:db8::1]":       "[2001:db8::1]:0",
		"[2001:db8::1]:8443":  "[2001:db8::1]:8443",
		"::ffff:192.0.2.7":    "192.0.2.7:0",
		"[::ffff:1.2.3.4]:99": "1.2.3.4:99",
	} {
		if got, err := parseAddress(written); err != nil || got.String() != want {
			t.Errorf("%s is %v, %v; want %s", written, got, err, want)
		}
	}
	for _, written := range []string{"", "example.com", "192.0.2.7:0", "192.0.2.7:x", "[::1]:99999"} {
		if got, err := parseAddress(written); err == nil {
			t.Errorf("%q is %v, want an error", written, got)
		}
	}
}

func TestTargetAt(t *testing.T) {
	if got, err := parsed(t, "example.com").At("192.0.2.7"); err != nil || got.Address.String() != "192.0.2.7:0" || got.String() != "https://example.com:443" {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, written := range []string{"example.com", "unix:///run/x.sock"} {
		if got, err := parsed(t, written).At("192.0.2.7:x"); err == nil {
			t.Errorf("%s: got %+v", written, got)
		}
	}
	for _, path := range []string{"unix:///run/x.sock", "file:///etc/ssl/site.pem"} {
		if _, err := parsed(t, path).At("192.0.2.7"); err == nil {
			t.Errorf("%s has an IP address", path)
		}
	}
}

// Another server name or scheme does not make it another server.
func TestServer(t *testing.T) {
	for _, test := range []struct{ written, address, want string }{
		{"example.com", "", "example.com:443"},
		{"smtp://example.com:443", "", "example.com:443"},
		{"example.com:8443", "192.0.2.7", "192.0.2.7:8443"},
		{"example.com", "[2001:db8::1]:853", "[2001:db8::1]:853"},
		{"[2001:db8::1]:853", "", "[2001:db8::1]:853"},
		{"unix:///run/x.sock", "", "/run/x.sock"},
	} {
		target := parsed(t, test.written)
		if test.address != "" {
			var err error
			if *target, err = target.At(test.address); err != nil {
				t.Fatal(err)
			}
		}
		target.ServerName = "other.test"
		if got := target.Server(); got != test.want {
			t.Errorf("%s at %q is %s, want %s", test.written, test.address, got, test.want)
		}
	}
}

func parsed(t *testing.T, s string) *Target {
	t.Helper()
	parsed, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return &parsed
}

// An error of a query names the parameter.
func TestFromQuery(t *testing.T) {
	for query, want := range map[string]string{
		"target=example.com": "https://example.com:443",
		"target=smtp://example.com&server_name=Other.test&address=192.0.2.7": "smtp://example.com:25 other.test 192.0.2.7:0",
		"":                                 "parameter target: ",
		"target=example.com&server_name=-": "parameter server_name: ",
		"target=example.com&address=x":     "parameter address: ",
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		read, err := FromQuery(values)
		got := read.String()
		if read.Address.IsValid() {
			got += " " + read.ServerName + " " + read.Address.String()
		}
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.HasPrefix(got, want)) {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}
