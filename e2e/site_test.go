//go:build e2e && linux

// Package e2e holds the exporter against the daemons that people run: each is
// started here in the foreground, on ports of its own, from a configuration in
// the test, and probed through the page that Prometheus would scrape.
package e2e

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
)

// What all tests share: the exporter as users build it, and the authority that
// they trust.
var (
	exporter string
	lab      *tlstest.Lab
)

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) (status int) {
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the owners of sites run what is in it
		panic(err)
	}
	exporter = filepath.Join(dir, "tls_exporter")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", exporter, "..").CombinedOutput(); err != nil {
		fmt.Printf("%v: %s", err, out)
		return 1
	}
	if lab, err = tlstest.New(); err != nil {
		panic(err)
	}
	defer lab.Close()
	return m.Run()
}

// site is where a daemon lives while its test runs: a directory, a certificate
// in its own name, and ports. What is written to it and run in it may say
//
//	{dir}    the directory
//	{cert}   its certificate and the intermediate, and {key}, the key
//	{ca}     the root, which clients trust
//	{:smtp}  the port of that name, a free one
type site struct {
	*testing.T
	name  string
	owner *user.User
	words map[string]string
	lives []life

	atOnce int // probes of a stack
}

// life is a process of a site.
type life struct {
	command *exec.Cmd
	over    chan struct{}
}

// newSite skips the test where the programs are not installed. What runs in the
// site runs as its owner, whose the files are.
func newSite(t *testing.T, name, owner string, programs ...string) *site {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed here; e2e/packages.txt lists what has it", program)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("only root may start daemons that become users of their own; .ci/run runs as root")
	}
	t.Parallel()
	s := &site{T: t, name: name, words: make(map[string]string)}
	s.own(owner)
	s.identify()
	t.Cleanup(s.end)
	return s
}

// own makes the directory. Daemons that give up root still have to find their
// way into it.
func (s *site) own(owner string) {
	s.Helper()
	var err error
	if s.owner, err = user.Lookup(owner); err != nil {
		s.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "e2e-"+s.name+"-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { os.RemoveAll(dir) })
	s.words["dir"] = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		s.Fatal(err)
	}
	s.give(dir)
}

func (s *site) give(path string) {
	s.Helper()
	uid, gid := s.ids()
	if err := os.Chown(path, int(uid), int(gid)); err != nil {
		s.Fatal(err)
	}
}

func (s *site) ids() (uid, gid uint32) {
	s.Helper()
	return s.id(s.owner.Uid), s.id(s.owner.Gid)
}

func (s *site) id(number string) uint32 {
	s.Helper()
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		s.Fatal(err)
	}
	return uint32(id)
}

// identify gives the daemon its certificate, by whose common name a page shows
// that it is this daemon's.
func (s *site) identify() {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	s.words["cert"], s.words["key"] = s.certify("", key)
	s.words["ca"] = s.write("ca.pem", string(lab.RootPEM()))
}

// certify writes a certificate for a key, with the intermediate, and the key. The
// files are cert.pem and key.pem with a prefix.
func (s *site) certify(prefix string, key crypto.Signer) (chainFile, keyFile string) {
	s.Helper()
	return s.issue(prefix, &x509.Certificate{
		Subject:   pkix.Name{CommonName: s.name},
		DNSNames:  []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, key)
}

// issue is certify for any certificate.
func (s *site) issue(prefix string, template *x509.Certificate, key crypto.Signer) (chainFile, keyFile string) {
	s.Helper()
	leaf, err := lab.Intermediate.Issue(template, key)
	if err != nil {
		s.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		s.Fatal(err)
	}
	var chain bytes.Buffer
	for _, certificate := range []*x509.Certificate{leaf, lab.Intermediate.Certificate} {
		pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	}
	return s.write(prefix+"cert.pem", chain.String()),
		s.write(prefix+"key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// write fills in the words of a text, writes it to a file of the site, and
// returns where that is.
func (s *site) write(file, text string) (path string) {
	s.Helper()
	path = s.fill("{dir}/" + file)
	if err := os.WriteFile(path, []byte(s.fill(text)), 0o600); err != nil {
		s.Fatal(err)
	}
	s.give(path)
	return path
}

// folder makes one in the site.
func (s *site) folder(name string) {
	s.Helper()
	path := s.fill("{dir}/" + name)
	if err := os.MkdirAll(path, 0o755); err != nil {
		s.Fatal(err)
	}
	s.give(path)
}

var word = regexp.MustCompile(`\{(dir|cert|key|ca|:[a-z0-9-]+)\}`)

// fill puts in what the words stand for. A port is found when it is first named.
func (s *site) fill(text string) string {
	return word.ReplaceAllStringFunc(text, func(found string) string {
		name := strings.Trim(found, "{}")
		if strings.HasPrefix(name, ":") && s.words[name] == "" {
			s.words[name] = freePort(s.T)
		}
		return s.words[name]
	})
}

// nextPort counts upwards below those that the system hands out to clients, so
// that a port that was free stays it until its daemon has started.
var nextPort atomic.Uint32

func init() { nextPort.Store(uint32(20000 + os.Getpid()%1000*10)) }

func freePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(int(nextPort.Add(1)))
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// run starts a program in the foreground, as the owner. It ends with the test.
func (s *site) run(argv ...string) {
	s.Helper()
	command := s.command(argv...)
	command.SysProcAttr.Setpgid = true              // so that what it starts can end with it
	command.SysProcAttr.Pdeathsig = syscall.SIGTERM // so that it does not outlive a test that is cut off
	log, err := os.OpenFile(s.fill("{dir}/")+filepath.Base(argv[0])+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.Fatal(err)
	}
	defer log.Close()
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		s.Fatal(err)
	}
	l := life{command, make(chan struct{})}
	go func() {
		command.Wait()
		close(l.over)
	}()
	s.lives = append(s.lives, l)
}

// do runs a program to its end, as the owner.
func (s *site) do(argv ...string) {
	s.Helper()
	if out, err := s.command(argv...).CombinedOutput(); err != nil {
		s.Fatalf("%v: %v\n%s", argv, err, out)
	}
}

func (s *site) command(argv ...string) *exec.Cmd {
	s.Helper()
	for i := range argv {
		argv[i] = s.fill(argv[i])
	}
	command := exec.Command(argv[0], argv[1:]...)
	command.Dir = s.words["dir"]
	command.SysProcAttr = new(syscall.SysProcAttr)
	if uid, gid := s.ids(); uid != 0 {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	return command
}

// patience bounds every wait for a daemon.
const patience = 2 * time.Minute

// await polls until every port that was named has a listener.
func (s *site) await() {
	s.Helper()
	deadline := time.Now().Add(patience)
	for name, port := range s.words {
		for strings.HasPrefix(name, ":") {
			conn, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err == nil {
				conn.Close()
				break
			}
			if i := slices.IndexFunc(s.lives, life.isOver); i >= 0 {
				s.Fatalf("%v ended: %v", s.lives[i].command.Args, s.lives[i].command.ProcessState)
			}
			if time.Now().After(deadline) {
				s.Fatalf("the port {%s} has no listener: %v", name, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func (l life) isOver() bool {
	select {
	case <-l.over:
		return true
	default:
		return false
	}
}

// end stops what was started: each process, and then the group that it leads,
// with those that ignore SIGTERM (innd waits for a client first).
func (s *site) end() {
	for _, l := range s.lives {
		l.command.Process.Signal(syscall.SIGTERM)
	}
	deadline := time.Now().Add(3 * time.Second)
	for _, l := range s.lives {
		select {
		case <-l.over:
		case <-time.After(time.Until(deadline)):
		}
		if err := syscall.Kill(-l.command.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.Error(err)
		}
		<-l.over
	}
	if s.Failed() {
		s.showLogs()
	}
}

func (s *site) showLogs() {
	const enough = 6000
	logs, _ := filepath.Glob(s.fill("{dir}/*.log"))
	for _, file := range logs {
		content, _ := os.ReadFile(file)
		s.Logf("%s:\n%s", filepath.Base(file), content[max(0, len(content)-enough):])
	}
}
