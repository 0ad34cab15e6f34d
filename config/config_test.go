package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/connect"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/option"
)

// The name of each file in testdata says whether it is good. The first line of a bad
// one has the beginning of the expected error.
func TestLoad(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := new(Loader).Load(file)
			if strings.HasSuffix(file, ".good.yml") {
				if err != nil {
					t.Error(err)
				}
				return
			}
			content, _ := os.ReadFile(file)
			first, _, _ := strings.Cut(string(content), "\n")
			want := file + ":" + strings.TrimPrefix(first, "# ")
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error is\n%v\nwant one that begins with\n%s", err, want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Error("the error has more than one line")
			}
		})
	}
}

func TestLoadFull(t *testing.T) {
	c, err := new(Loader).Load("testdata/full.good.yml")
	if err != nil {
		t.Fatal(err)
	}
	strict, stricter := c.modules["strict"], c.modules["stricter"]
	if strict.Timeout != option.Duration(5*time.Second) || stricter.Timeout != option.Duration(time.Second) || stricter.ServerName != "www.example.com" ||
		strict.TLSClient != handshake.CryptoTLS || c.modules["default"].TLSClient != handshake.Auto || strict.StartTLSName != "probe.example.com" {
		t.Errorf("strict is %+v, stricter is %+v", strict, stricter)
	}
	if strict.ProxyURL.Password.Reveal() != "s3cret" || strict.Addresses != prober.AllAddresses || c.modules["outside"].Addresses != prober.OneAddress || c.modules["outside"].ProxyProtocol != connect.ProxyV1 {
		t.Errorf("the proxy is %v, the header %v", strict.ProxyURL, c.modules["outside"].ProxyProtocol)
	}
	if c.modules["default"].Timeout != prober.DefaultModule().Timeout {
		t.Error("the default module has other values than DefaultModule")
	}
	rules := c.guard.Policy()
	if !rules.ConfiguredOnly || len(rules.Allow) != 4 || rules.Allow[0].Host != "*.xn--bcher-kva.example" || rules.Allow[2].Port.String() != "8000-8999" ||
		rules.Deny[0].CIDR.Bits() != 32 || rules.Deny[2].Host != "db.example.com" {
		t.Errorf("the policy is %+v", rules)
	}
	var targets []string
	for _, target := range c.Targets {
		targets = append(targets, target.Module+" "+target.Target.String()+" "+target.Labels["team"]+target.Labels["view"])
	}
	want := []string{
		"strict https://example.com:443 web", "strict smtp://mail.example.com:25 web", "strict https://[2001:db8::1]:8443 web",
		"default https://example.org:443 ", "default unix:///run/x y.sock ", "default https://example.org:443 inside",
	}
	if !slices.Equal(targets, want) {
		t.Errorf("targets are %q, want %q", targets, want)
	}
}

func TestLoadMissing(t *testing.T) {
	if _, err := new(Loader).Load("testdata/none.yml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}

// Any file is either a configuration or an error of one line.
func FuzzParseConfig(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yml")
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		config, err := new(Loader).parse(new(reading), "testdata/x.yml", content)
		if (config == nil) == (err == nil) {
			t.Errorf("config is %v, error is %v", config, err)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("the error has more than one line: %v", err)
		}
	})
}
