package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tls_exporter/prober/probetest"
)

// tree writes files into a new directory, and returns the path of its targets.yml.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "targets.yml")
}

// listed is each target of a configuration: module, target, server name, address, labels.
func listed(c *Config) []string {
	var all []string
	for _, t := range c.Targets {
		words := []string{t.Module, t.Target.String(), t.Target.ServerName}
		if t.Target.Address.IsValid() {
			words = append(words, t.Target.Address.String())
		}
		for name, value := range t.Labels {
			words = append(words, name+"="+value)
		}
		all = append(all, strings.Join(strings.Fields(strings.Join(words, " ")), " "))
	}
	return all
}

func TestTargetFiles(t *testing.T) {
	const one = "- targets: [%s.test]\n"
	for _, test := range []struct {
		name     string
		files    map[string]string // targets.yml, and what is beside it
		want     []string
		error    string // after the directory
		warnings string
	}{
		{
			name: "several files", files: map[string]string{
				"targets.yml":   "targets: [{targets: [own.test]}]\ntarget_files: [teams/*.yml, more.json]\nmodules: {strict: {}}",
				"teams/web.yml": "- targets: [web.test]\n  module: strict\n  server_name: www.test\n  address: 192.0.2.1:8443\n  labels: {team: web}\n",
				"teams/db.yml":  "- {targets: [db.test], interval: 1d}\n",
				"teams/readme":  "is no list",
				"more.json":     "[\n\t{\"targets\": [\"json.test\", \"smtp:\\/\\/mail.test\"],\n\t \"labels\": {\"team\": \"w\\u00e4b \\ud83d\\ude00\"}}\n]\n",
			},
			want: []string{"default https://own.test:443", "default https://db.test:443", "strict https://web.test:443 www.test 192.0.2.1:8443 team=web", "default https://json.test:443 team=wäb 😀", "default smtp://mail.test:25 team=wäb 😀"},
		},
		{
			name: "a file of two patterns is read once", files: map[string]string{
				"targets.yml": "target_files: [a.yml, '?.yml', b.yml]", "a.yml": fmt.Sprintf(one, "a"), "b.yml": fmt.Sprintf(one, "b"),
			},
			want: []string{"default https://a.test:443", "default https://b.test:443"},
		},
		{
			name: "files that a shell hides", files: map[string]string{
				"targets.yml": "target_files: [d/*.yml]", "d/a.yml": fmt.Sprintf(one, "a"), "d/.#a.yml": "half a f",
			},
			want: []string{"default https://a.test:443"},
		},
		{
			name: "a hidden file that is named", files: map[string]string{"targets.yml": "target_files: [.a.yml]", ".a.yml": fmt.Sprintf(one, "a")},
			want: []string{"default https://a.test:443"},
		},
		{
			name: "a pattern without a match", files: map[string]string{"targets.yml": "target_files:\n- d/*.yml\n"},
			warnings: `targets.yml:2: target_files: "d/*.yml" matches no file`,
		},
		{name: "no targets yet", files: map[string]string{"targets.yml": "target_files: [a.yml]", "a.yml": "[]"}},
		{
			name: "a file that does not exist", files: map[string]string{"targets.yml": "target_files:\n- d/a.yml\n"},
			error: `targets.yml:2: target_files: "d/a.yml" does not exist`,
		},
		{
			name: "another ending", files: map[string]string{"targets.yml": "target_files: ['*']"},
			error: `targets.yml:1: target_files: "*" does not end in .yml, .yaml or .json`,
		},
		{
			name: "no pattern", files: map[string]string{"targets.yml": "target_files: ['[.yml']"},
			error: `targets.yml:1: target_files: "[.yml" is not a pattern`,
		},
		{
			name: "a directory", files: map[string]string{"targets.yml": "\ntarget_files: [d.yml]", "d.yml/a.yml": ""},
			error: "targets.yml:2: target_files: read ",
		},
		{
			name: "an empty file", files: map[string]string{"targets.yml": "target_files: [a.yml]", "a.yml": "# nothing yet\n"},
			error: "a.yml:1: is empty; write [] if it lists no targets",
		},
		{
			name: "a file with modules", files: map[string]string{"targets.yml": "target_files: [a.yml]", "a.yml": "# mine\nmodules: {}\n"},
			error: "a.yml:2: the file must be a list of entries",
		},
		{
			name: "a mistake in a file", files: map[string]string{"targets.yml": "target_files: [a.yml]", "a.yml": "- targets: [a.test]\n  modul: x\n"},
			error: `a.yml:2: unknown key "[0].modul"; known are address,`,
		},
		{
			name: "an unknown module in a file", files: map[string]string{"targets.yml": "target_files: [a.yml]", "a.yml": "- targets: [a.test]\n  module: x\n"},
			error: `a.yml:2: module: there is no "x"; there are default`,
		},
		{
			name: "the policy counts for all files", files: map[string]string{"targets.yml": "target_files: [a.yml]\nprobe_policy: {deny: [{port: 22}]}", "a.yml": "- targets: ['a.test:22']\n"},
			error: `a.yml:1: target "a.test:22" is listed, but the access policy denies it`,
		},
		{
			name: "one target in two files", files: map[string]string{
				"targets.yml": "target_files: [a.yml, b.yml]", "a.yml": "\n- targets: [a.test]\n", "b.yml": "- targets:\n  - b.test\n  - https://a.test\n",
			},
			error: `b.yml:3: target "https://a.test" is already in DIR/a.yml:2 with the same labels`,
		},
		{
			name: "the same in the first file", files: map[string]string{"targets.yml": "targets:\n- targets: [a.test]\ntarget_files: [a.yml]", "a.yml": "- targets: [a.test]\n"},
			error: `a.yml:1: target "a.test" is already in DIR/targets.yml:2 with the same labels`,
		},
		{
			name: "a server name is no label", files: map[string]string{"targets.yml": "targets:\n- {targets: [a.test], server_name: b.test}\n- {targets: [a.test], address: 192.0.2.1}\n"},
			error: `targets.yml:3: target "a.test" is already in DIR/targets.yml:2 with the same labels, and Prometheus could not distinguish their series; remove one or give it another label`,
		},
		{
			name: "one instance of two targets", files: map[string]string{"targets.yml": "targets: [{targets: [a.test, b.test], labels: {instance: x}}]"},
			error: `targets.yml:1: target "b.test" is already in DIR/targets.yml:1 with the same labels`,
		},
		{
			name: "instances of one target", files: map[string]string{
				"targets.yml": "targets: [{targets: [a.test], address: 192.0.2.1, labels: {instance: one}}, {targets: [a.test], address: 192.0.2.2, labels: {instance: two}}]",
			},
			want: []string{"default https://a.test:443 192.0.2.1:0 instance=one", "default https://a.test:443 192.0.2.2:0 instance=two"},
		},
		{
			name: "a socket has no address", files: map[string]string{"targets.yml": "targets:\n- targets: ['unix:///x']\n  address: 192.0.2.1\n"},
			error: `targets.yml:3: address: target "unix:///x": a Unix socket has no IP address to replace`,
		},
		{
			name: "a socket has a server name", files: map[string]string{"targets.yml": "targets: [{targets: ['unix:///x'], server_name: a.test}]"},
			want: []string{"default unix:///x a.test"},
		},
		{
			name: "no address", files: map[string]string{"targets.yml": "targets:\n- targets: [a.test]\n  address: b.test\n"},
			error: `targets.yml:3: address: target "a.test": address "b.test": is not an IP address`,
		},
		{
			name: "an empty address", files: map[string]string{"targets.yml": "targets:\n- targets: [a.test]\n  address: ''\n"},
			error: `targets.yml:3: address: target "a.test": address "": is not an IP address`,
		},
		{
			name: "an address that is denied", files: map[string]string{"targets.yml": "targets: [{targets: [a.test], address: 169.254.169.254}]"},
			error: `targets.yml:1: target "a.test" is listed, but the access policy denies it`,
		},
		{
			name: "no server name", files: map[string]string{"targets.yml": "targets: [{targets: [a.test], server_name: '*.test'}]"},
			error: `targets.yml:1: targets[0].server_name: server name "*.test"`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := tree(t, test.files)
			dir := filepath.Dir(path)
			c, err := new(Loader).Load(path)
			if test.error != "" {
				if want := dir + "/" + strings.ReplaceAll(test.error, "DIR", dir); err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("error is\n%v, want one that begins with\n%s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := listed(c); !slices.Equal(got, test.want) {
				t.Errorf("targets are\n%q, want\n%q", got, test.want)
			}
			if got := strings.ReplaceAll(strings.Join(c.Warnings, ", "), dir+"/", ""); got != test.warnings {
				t.Errorf("warnings are %s", got)
			}
		})
	}
}

// The bounds hold for all files together.
func TestTargetFilesAreBounded(t *testing.T) {
	half := func(name string) string {
		var b strings.Builder
		b.WriteString("- targets:\n")
		for i := range maxTargets/2 + 1 {
			fmt.Fprintf(&b, "  - %s%d.test\n", name, i)
		}
		return b.String()
	}
	many := map[string]string{"targets.yml": "target_files: [d/*.yml]"}
	for i := range maxTargetFiles + 1 {
		many[fmt.Sprintf("d/%d.yml", i)] = "[]"
	}
	long := strings.Repeat("\n", maxConfigBytes-60)
	for says, files := range map[string]map[string]string{
		"b.yml:100001: more than 200000 targets":                   {"targets.yml": "target_files: [a.yml, b.yml]", "a.yml": half("a"), "b.yml": half("b")},
		"b.yml: the configuration is larger than 67108864 bytes":   {"targets.yml": "target_files: [a.yml, b.yml]", "a.yml": "# " + strings.Repeat("x", 60) + "\n[]", "b.yml": long},
		`targets.yml:1: target_files: "d/*.yml" makes more than`:   many,
		"targets.yml: the configuration is larger than 67108864 b": {"targets.yml": long + strings.Repeat("\n", 61)},
	} {
		t.Run(says, func(t *testing.T) {
			if _, err := new(Loader).Load(tree(t, files)); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("error is %v, want %s", err, says)
			}
		})
	}
}

// A request is for a listed target only if it is the probe that the file describes.
func TestListed(t *testing.T) {
	config := parsed(t, `
modules: {web: {server_name: web.test}}
targets:
  - {targets: [plain.test, '192.0.2.7:8443', 'unix:///run/plain.sock']}
  - {targets: [named.test], server_name: other.test}
  - {targets: [pinned.test], address: 192.0.2.1}
  - {targets: [ported.test], address: '[2001:db8::1]:8443'}
  - {targets: [both.test], server_name: other.test, address: 192.0.2.1, module: web}
  - {targets: ['unix:///run/named.sock'], server_name: sock.test}
probe_policy: {configured_only: true}
`)
	for _, test := range []struct {
		target, module, as, dial string
		listed                   bool
	}{
		{target: "plain.test", listed: true},
		{target: "plain.test", as: "plain.test", listed: true}, // what it would be anyway
		{target: "plain.test", as: "other.test"},
		{target: "plain.test", dial: "192.0.2.1"},
		{target: "plain.test", module: "web"},
		{target: "192.0.2.7:8443", dial: "192.0.2.7", listed: true},
		{target: "192.0.2.7:8443", dial: "192.0.2.7:8443", listed: true},
		{target: "192.0.2.7:8443", dial: "192.0.2.7:443"},
		{target: "named.test", as: "other.test", listed: true},
		{target: "named.test"},
		{target: "named.test", as: "named.test"},
		{target: "named.test", as: "other.test", dial: "192.0.2.1"},
		{target: "pinned.test", dial: "192.0.2.1", listed: true},
		{target: "pinned.test", dial: "192.0.2.1:443", listed: true},
		{target: "pinned.test", dial: "192.0.2.1:8443"},
		{target: "pinned.test", dial: "192.0.2.2"},
		{target: "pinned.test"},
		{target: "pinned.test", dial: "192.0.2.1", as: "other.test"},
		{target: "ported.test", dial: "[2001:db8::1]:8443", listed: true},
		{target: "ported.test", dial: "2001:db8::1"},
		{target: "both.test", module: "web", as: "other.test", dial: "192.0.2.1", listed: true},
		{target: "both.test", module: "web", dial: "192.0.2.1"},
		{target: "both.test", module: "web", as: "other.test"},
		{target: "both.test", as: "other.test", dial: "192.0.2.1"},
		{target: "unix:///run/plain.sock", listed: true},
		{target: "unix:///run/plain.sock", as: "sock.test"},
		{target: "unix:///run/named.sock", as: "sock.test", listed: true},
		{target: "unix:///run/named.sock"},
		{target: "other.test"},
	} {
		asked := probetest.Target(t, test.target)
		asked.ServerName = test.as
		if test.dial != "" {
			var err error
			if asked, err = asked.At(test.dial); err != nil {
				t.Fatal(err)
			}
		}
		if test.module == "" {
			test.module = DefaultModuleName
		}
		if got := config.Lists(test.module, asked); got != test.listed {
			t.Errorf("%+v: listed is %v", test, got)
		}
		if err := config.Permit(test.module, asked); (err == nil) != test.listed {
			t.Errorf("%+v: %v", test, err)
		}
	}
}
