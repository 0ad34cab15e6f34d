package config

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	t.Setenv("PROXY_PASSWORD", "p$s{x}")
	t.Setenv("EMPTY", "")
	for value, want := range map[string]string{
		"plain":                          "plain",
		"http://u:${PROXY_PASSWORD}@h:1": "http://u:p$s{x}@h:1", // what a variable holds is not expanded again
		"${PROXY_PASSWORD}${EMPTY}":      "p$s{x}",
		"$$":                             "$",
		"$${PROXY_PASSWORD}":             "${PROXY_PASSWORD}",
		"a$$$${EMPTY}b$$$${EMPTY}":       "a$${EMPTY}b$${EMPTY}",
		"$$${EMPTY}":                     "$",
	} {
		if got, err := expand(value); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", value, got, err, want)
		}
	}
	for value, says := range map[string]string{
		"s3cret${NOT_SET_ANYWHERE}": "the environment variable NOT_SET_ANYWHERE is not set",
		"s3cret$":                   "write $$ for the dollar itself",
		"s3cret$PROXY_PASSWORD":     "write $$ for the dollar itself",
		"s3cret${PROXY_PASSWORD":    "write $$ for the dollar itself",
		"s3cret${}":                 "write $$ for the dollar itself",
		"${s3cret:-x}":              "write $$ for the dollar itself",
		"s3cret$$$":                 "write $$ for the dollar itself",
		"${1s3cret}":                "write $$ for the dollar itself",
	} {
		got, err := expand(value)
		if err == nil || got != "" || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s is %q, %v; want %s", value, got, err, says)
		}
	}
}

// Variables are expanded in secrets only, and secrets may be in a file.
func TestSecrets(t *testing.T) {
	t.Setenv("PROXY_PASSWORD", "s3cret")
	path := tree(t, map[string]string{
		"targets.yml": `
modules:
  variable: {proxy_url: 'http://alice:${PROXY_PASSWORD}$$@proxy.test'}
  file: {proxy_url_file: proxy/url}
targets:
  - {targets: [a.test], labels: {plain: '${PROXY_PASSWORD}$$$'}}
`,
		"proxy/url": "socks5://alice:s3cret$$@proxy.test\n",
	})
	c, err := new(Loader).Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.modules["variable"].ProxyURL.Password.Reveal(); got != "s3cret$" {
		t.Errorf("the password of the variable is %s", got)
	}
	if got := c.Targets[0].Labels["plain"]; got != "${PROXY_PASSWORD}$$$" {
		t.Errorf("the label is %s", got)
	}
	if c.Probers["variable"].Identity() == c.Probers["file"].Identity() {
		t.Error("two proxies are the same")
	}
	for name, test := range map[string]struct{ module, file, says string }{
		"an unset variable":      {"proxy_url: 'http://alice:s3cret${NOT_SET_ANYWHERE}@proxy.test'", "", "3: modules.m.proxy_url: the environment variable NOT_SET_ANYWHERE is not set"},
		"a dollar":               {"proxy_url: 'http://alice:s3cret$@proxy.test'", "", "3: modules.m.proxy_url: a dollar begins"},
		"no file":                {"proxy_url_file: private-place", "", "3: modules.m: proxy_url_file: no such file or directory"},
		"no URL in the file":     {"proxy_url_file: proxy-file", "s3cret", "3: modules.m: proxy_url_file: a proxy's URL begins with http://"},
		"an empty file":          {"proxy_url_file: proxy-file", "\n", "3: modules.m: proxy_url_file: a proxy's URL begins with http://"},
		"both":                   {"proxy_url_file: proxy-file\n    proxy_url: http://proxy.test", "http://proxy.test", "3: modules.m: proxy_url_file: proxy_url names a proxy already"},
		"a file and environment": {"proxy_from_environment: true\n    proxy_url_file: proxy-file", "http://proxy.test", "3: modules.m: proxy_from_environment: proxy_url_file names a proxy already"},
	} {
		path := tree(t, map[string]string{"targets.yml": "modules:\n  m:\n    " + test.module, "proxy-file": test.file})
		_, err := new(Loader).Load(path)
		if err == nil || !strings.HasPrefix(err.Error(), path+":"+test.says) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "private-place") {
			t.Errorf("%s: error is\n%v, want\n%s", name, strings.TrimPrefix(err.Error(), filepath.Dir(path)), test.says)
		}
	}
}
