//go:build unix

package prober_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tls_exporter/collector"
	"tls_exporter/prober"
	"tls_exporter/prober/certfile"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/acme"
	"tls_exporter/prober/tlstest/labtest"
)

// fileProber probes files below a new directory.
func fileProber(t testing.TB, lab *tlstest.Lab, change func(*prober.Module)) (dir string, p *prober.Prober) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	process := prober.NewProcess()
	t.Cleanup(process.Close)
	process.Guard = guard.New(guard.Policy{FileDirectories: []guard.Directory{guard.Directory(dir)}}, new(guard.Listeners))
	m := probetest.Module(t, lab)
	if change != nil {
		change(&m)
	}
	if p, err = prober.New(m, process); err != nil {
		t.Fatal(err)
	}
	return dir, p
}

func write(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// pemOf is the chain of a server of the lab, and its key.
func pemOf(t testing.TB, lab *tlstest.Lab, s tlstest.Server) (chain [][]byte, key []byte) {
	t.Helper()
	identity, err := lab.Identity(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, der := range identity.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(identity.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

func ended(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().AddDate(0, 0, -90), time.Now().AddDate(0, 0, -1)
}

func forClients(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

// A file is judged with the same words as a server. Each has one fault.
func TestProbeFile(t *testing.T) {
	lab, other := labtest.Lab(t), labtest.Lab(t)
	good, key := pemOf(t, lab, tlstest.Server{})
	expired, _ := pemOf(t, lab, tlstest.Server{Leaf: ended})
	client, _ := pemOf(t, lab, tlstest.Server{Leaf: forClients})
	untrusted, otherKey := pemOf(t, other, tlstest.Server{})
	self, _ := pemOf(t, lab, tlstest.Server{SelfSigned: true, Leaf: func(c *x509.Certificate) { c.IsCA = true }})
	oldCA, _ := pemOf(t, lab, tlstest.Server{SelfSigned: true, Leaf: func(c *x509.Certificate) {
		ended(c)
		c.IsCA, c.DNSNames, c.IPAddresses, c.Subject = true, nil, nil, pkix.Name{CommonName: "Old Root"}
	}})
	root := lab.RootPEM()
	dir, p := fileProber(t, lab, nil)
	for i, test := range []struct {
		name       string
		content    [][]byte
		serverName string
		failure    string // phase and reason
		content2   string // chain or bundle
		problems   string
	}{
		{"good", good, "", "", "chain", ""},
		{"good for the name", good, "localhost", "", "chain", ""},
		{"another name", good, "other.test", "verify name_mismatch", "chain", "name_mismatch"},
		{"expired", expired, "", "verify expired", "chain", "expired"},
		{"of a client", client, "", "", "chain", ""},
		{"of a client, for the name of a server", client, "localhost", "verify wrong_usage", "chain", "wrong_usage"},
		{"of another CA", untrusted, "", "verify unknown_authority", "chain", "unknown_authority"},
		{"self-signed, and a CA", self, "", "verify self_signed", "chain", "self_signed"},
		{"without the intermediate", good[:1], "", "verify incomplete_chain", "chain", "incomplete_chain"},
		{"with the root", [][]byte{good[0], good[1], root}, "", "", "chain", ""},
		{"the intermediate first", [][]byte{good[1], good[0]}, "", "", "chain", "wrong_order"},
		{"with its key", [][]byte{good[0], good[1], key}, "", "", "chain", ""},
		{"with another key", [][]byte{otherKey, good[0], good[1]}, "", "verify key_mismatch", "chain", ""},
		{"roots", [][]byte{root, other.RootPEM()}, "", "", "bundle", ""},
		{"roots, one old", [][]byte{oldCA[0], root}, "", "", "bundle", "expired"},
		{"an old root", oldCA, "", "verify expired", "bundle", "expired"},
		{"two leaves", [][]byte{good[0], untrusted[0]}, "", "", "bundle", ""},
		{"two leaves, one expired", [][]byte{good[0], expired[0], root}, "", "verify expired", "bundle", "expired"},
		{"a leaf and many CAs", append(bytesOf(t, lab, 20), good...), "", "", "bundle", ""},
		{"only a key", [][]byte{key}, "", "read no_certificate", "", ""},
		{"nothing", nil, "", "read no_certificate", "", ""},
	} {
		name := filepath.Join(dir, fmt.Sprintf("%d.pem", i))
		write(t, name, bytes.Join(test.content, nil))
		r := p.Probe(t.Context(), target.Target{Scheme: target.File, Path: name, ServerName: test.serverName})
		failed, problems := "", []string(nil)
		if r.Failure != nil {
			failed = string(r.Failure.Phase) + " " + string(r.Failure.Reason)
		}
		if r.Chain != nil {
			for _, found := range r.Chain.Problems {
				problems = append(problems, string(found.Problem))
			}
		}
		if failed != test.failure || r.FileContent() != test.content2 || strings.Join(problems, " ") != test.problems {
			t.Errorf("%s: %s (%+v), %s, %q; want %s, %s, %q", test.name, failed, r.Failure, r.FileContent(), problems, test.failure, test.content2, test.problems)
		}
		var page strings.Builder
		if err := collector.Text(&page, r); err != nil {
			t.Fatal(err)
		}
		for _, absent := range []string{"tls_tcp_connected ", "tls_handshake", "tls_session", "tls_revocation_info"} {
			if strings.Contains(page.String(), "\n"+absent) {
				t.Errorf("%s: the page has %s", test.name, absent)
			}
		}
		if isChain := test.content2 == "chain"; strings.Contains(page.String(), "\ntls_chain_valid ") != isChain || strings.Contains(page.String(), "\ntls_chain_problem{") != isChain {
			t.Errorf("%s: the page judges a chain: %v", test.name, !isChain)
		}
	}
}

// The checks about a chain are made for one in a file, and not for a bundle.
func TestChecksOfFile(t *testing.T) {
	lab := labtest.Lab(t)
	ca, err := acme.Start(lab)
	if err != nil {
		t.Fatal(err)
	}
	ca.Set(acme.Any, acme.Info{Start: time.Now().AddDate(0, 0, -3), End: time.Now().AddDate(0, 0, -2)})
	chain, _ := pemOf(t, lab, tlstest.Server{})
	dir, p := fileProber(t, lab, func(m *prober.Module) {
		m.Renewal.Enable().ARI.Directory = option.URL(ca.Directory())
		m.Revocation.Enable()
		m.Transparency.Enable()
		m.DANE.Enable()
	})
	for name, test := range map[string]struct {
		content [][]byte
		checks  []string
	}{
		"chain.pem":  {chain, []string{"renewal", "revocation", "transparency"}},
		"bundle.pem": {[][]byte{lab.RootPEM()}, nil},
	} {
		write(t, filepath.Join(dir, name), bytes.Join(test.content, nil))
		r := p.Probe(t.Context(), target.Target{Scheme: target.File, Path: filepath.Join(dir, name)})
		var made []string
		for _, outcome := range r.Outcomes {
			if made = append(made, outcome.Name); outcome.Failure != nil {
				t.Errorf("%s: %s: %v", name, outcome.Name, outcome.Failure)
			}
		}
		if !slices.Equal(made, test.checks) || r.Failure != nil {
			t.Errorf("%s: the checks are %q, the failure is %v", name, made, r.Failure)
		}
		if test.checks != nil && (r.Renewal.Finding == nil || !r.Renewal.Finding.Overdue || r.Transparency.Finding == nil) {
			t.Errorf("%s: the findings are %+v and %+v", name, r.Renewal.Finding, r.Transparency.Finding)
		}
	}
}

// bytesOf is CAs that are not part of a chain.
func bytesOf(t *testing.T, lab *tlstest.Lab, n int) (all [][]byte) {
	for range n {
		one, _ := pemOf(t, lab, tlstest.Server{SelfSigned: true, Leaf: func(c *x509.Certificate) { c.IsCA, c.DNSNames, c.IPAddresses = true, nil, nil }})
		all = append(all, one...)
	}
	return all
}

// The kubelet replaces a mounted secret by one rename. Each probe reads what is there.
func TestProbeOfAMountedSecret(t *testing.T) {
	lab := labtest.Lab(t)
	dir, p := fileProber(t, lab, nil)
	mount := func(version string, s tlstest.Server) {
		chain, key := pemOf(t, lab, s)
		write(t, filepath.Join(dir, version, "tls.crt"), bytes.Join(chain, nil))
		write(t, filepath.Join(dir, version, "tls.key"), key)
		if err := os.Symlink(version, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	mount("..2026_11_20_14_48_00.1", tlstest.Server{Leaf: ended})
	if err := os.Symlink("..data/tls.crt", filepath.Join(dir, "tls.crt")); err != nil {
		t.Fatal(err)
	}
	crt := target.Target{Scheme: target.File, Path: filepath.Join(dir, "tls.crt")}
	if r := p.Probe(t.Context(), crt); r.Failure == nil || r.Failure.Reason != "expired" {
		t.Errorf("before: %+v", r.Failure)
	}
	mount("..2026_11_20_15_48_00.2", tlstest.Server{})
	if err := os.RemoveAll(filepath.Join(dir, "..2026_11_20_14_48_00.1")); err != nil {
		t.Fatal(err)
	}
	if r := p.Probe(t.Context(), crt); !r.Success() {
		t.Errorf("after: %+v", r.Failure)
	}
}

// Only the expectations about certificates are compared. The others are not known.
func TestExpectationsOfAFile(t *testing.T) {
	lab := labtest.Lab(t)
	served, _ := pemOf(t, lab, tlstest.Server{})
	same := filepath.Join(t.TempDir(), "same.pem")
	write(t, same, served[0])
	dir, p := fileProber(t, lab, func(m *prober.Module) {
		m.Versions.Enable()
		m.Grade.Enable()
		m.Ciphers.Enable()
		m.Vulnerabilities.Enable()
		m.Expect.Options = &expect.Options{SameAsFile: same, MinVersion: option.Version(0x0304), ALPN: []option.Protocol{"h2"}}
	})
	write(t, filepath.Join(dir, "other.pem"), bytes.Join(first(pemOf(t, lab, tlstest.Server{})), nil))
	write(t, filepath.Join(dir, "same.pem"), bytes.Join(served, nil))
	for name, want := range map[string]string{"same.pem": "", "other.pem": "same_as_file"} {
		r := p.Probe(t.Context(), target.Target{Scheme: target.File, Path: filepath.Join(dir, name)})
		got := ""
		if r.Failure != nil {
			got = string(r.Failure.Reason)
		}
		if got != want || r.Expect.Finding == nil || len(r.Expect.Finding.Expectations) != 1 || len(r.Outcomes) != 1 {
			t.Errorf("%s: %+v, %+v, %d checks", name, r.Failure, r.Expect.Finding, len(r.Outcomes))
		}
	}
}

func first(all [][]byte, _ []byte) [][]byte { return all }

// Key stores need the password of the module.
func TestProbeOfKeyStores(t *testing.T) {
	lab := labtest.Lab(t)
	password := filepath.Join(t.TempDir(), "password")
	write(t, password, []byte("secret\r\n"))
	dir, p := fileProber(t, lab, func(m *prober.Module) { m.PasswordFile, m.CAFile = password, "certfile/testdata/ca.pem" })
	_, without := fileProber(t, lab, nil)
	for _, file := range []string{"openssl3.p12", "legacy.p12", "keystore.jks", "chain.p7b"} {
		content, err := os.ReadFile("certfile/testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, file), content)
		at := target.Target{Scheme: target.File, Path: filepath.Join(dir, file), ServerName: "leaf.test"}
		if r := p.Probe(t.Context(), at); !r.Success() || r.FileContent() != "chain" || len(r.Chain.Problems) != 0 {
			t.Errorf("%s: %+v, %+v", file, r.Failure, r.Chain)
		}
	}
	if r := without.Probe(t.Context(), target.Target{Scheme: target.File, Path: filepath.Join(dir, "openssl3.p12")}); r.Failure == nil || r.Failure.Reason != failure.ReasonDenied {
		t.Errorf("another policy: %+v", r.Failure)
	}
	for content, says := range map[string]string{"": "is empty", strings.Repeat("x", 2000): "more than 1024 bytes"} {
		write(t, password, []byte(content))
		m := prober.DefaultModule()
		m.PasswordFile = password
		process := prober.NewProcess()
		t.Cleanup(process.Close)
		if _, err := prober.New(m, process); err == nil || !strings.HasPrefix(err.Error(), "password_file: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// A pipe does not hold up a probe, and neither do many.
func TestProbeOfAPipe(t *testing.T) {
	dir, p := fileProber(t, labtest.Lab(t), nil)
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if r := p.Probe(t.Context(), target.Target{Scheme: target.File, Path: pipe}); r.Failure == nil || r.Failure.Reason != failure.ReasonNotAFile {
			t.Fatalf("failed with %+v", r.Failure)
		}
	}
}

// The worst files that there may be take only so much memory while they are read, and
// little of it stays.
func TestMemoryOfFiles(t *testing.T) {
	lab := labtest.Lab(t)
	dir, p := fileProber(t, lab, nil)
	names := make([]string, 100)
	for i := range names {
		names[i] = strings.Repeat("x", 60) + fmt.Sprint(i) + ".test"
	}
	var many, large bytes.Buffer
	for range 50 {
		one, _ := pemOf(t, lab, tlstest.Server{Leaf: func(c *x509.Certificate) { c.DNSNames = names }})
		many.Write(one[0])
	}
	huge := make([]string, 25_000)
	for i := range huge {
		huge[i] = strings.Repeat("y", 60) + fmt.Sprint(i) + ".test"
	}
	one, _ := pemOf(t, lab, tlstest.Server{Leaf: func(c *x509.Certificate) { c.DNSNames = huge }})
	large.Write(one[0])
	for name, content := range map[string][]byte{"many names": many.Bytes(), "one large certificate": large.Bytes()} {
		path := filepath.Join(dir, "file.pem")
		write(t, path, content)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		r := p.Probe(t.Context(), target.Target{Scheme: target.File, Path: path})
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d kB allocated for %d kB in %s, the result has %d kB, %+v", name, allocated>>10, len(content)>>10, took, r.Size()>>10, r.Failure)
		if allocated > 12*certfile.MaxBytes {
			t.Errorf("%s: %d kB", name, allocated>>10)
		}
		if r.Chain == nil {
			t.Errorf("%s: %+v", name, r.Failure)
		}
	}
}
