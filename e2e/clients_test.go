//go:build e2e && linux

package e2e

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tls_exporter/prober/check/clients"
	"tls_exporter/prober/check/clients/clientstest"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest/legacy"
)

// recordings are the clients of the table that run here: the command that connects to
// https://localhost:PORT, one that tells its version, and what it says of the version that
// is in the table.
var recordings = []struct {
	client           clients.Name
	command, version string
	says             string
}{
	{"openssl_3_0", "openssl s_client -connect localhost:PORT -servername localhost", "openssl version", "OpenSSL 3.0."},
	{"curl_7_88", "curl --insecure https://localhost:PORT/", "curl --version", "curl 7.88."},
	{"java_17", "java DIR/Hello.java PORT", "java --version", "openjdk 17."},
	{"chrome_156", "chromium --headless --no-sandbox --disable-gpu --user-data-dir=DIR/profile https://localhost:PORT/", "chromium --version", "Chromium 156."},
}

// helloJava connects as a program without settings of its own.
const helloJava = `
import java.net.URL;

class Hello {
	public static void main(String[] args) throws Exception {
		new URL("https://localhost:" + args[0] + "/").openConnection().getInputStream();
	}
}
`

// The rows of the table that are from programs that run here are what these offer. Another
// version of a program has to be recorded again, and gets a row of its own if it offers
// something else.
func TestRecordedClients(t *testing.T) {
	t.Parallel()
	for _, r := range recordings {
		t.Run(string(r.client), func(t *testing.T) {
			program := strings.Fields(r.command)[0]
			if _, err := exec.LookPath(program); err != nil {
				t.Skipf("%s is not installed here; e2e/packages.txt lists what has it", program)
			}
			argv := strings.Fields(r.version)
			version, err := exec.Command(argv[0], argv[1:]...).Output()
			if err != nil {
				t.Fatalf("%s: %v", r.version, err)
			}
			if !strings.Contains(string(version), r.says) {
				t.Logf("not compared: another version is installed here: %s", version)
				return
			}
			clientstest.CompareOffer(t, rowOf(t, r.client), record(t, r.command))
		})
	}
}

// objections are servers to which clients object after their ServerHello.
var objections = map[string]legacy.Server{
	"DHE with 512 bits":           {Versions: []uint16{tls.VersionTLS12}, Suites: []uint16{dheSuite}, PrimeBits: 512},
	"DHE with 768 bits":           {Versions: []uint16{tls.VersionTLS12}, Suites: []uint16{dheSuite}, PrimeBits: 768},
	"DHE with 1024 bits":          {Versions: []uint16{tls.VersionTLS12}, Suites: []uint16{dheSuite}, PrimeBits: 1024},
	"DHE with 1536 bits":          {Versions: []uint16{tls.VersionTLS12}, Suites: []uint16{dheSuite}, PrimeBits: 1536},
	"DHE with 2048 bits":          {Versions: []uint16{tls.VersionTLS12}, Suites: []uint16{dheSuite}, PrimeBits: 2048},
	"DHE of TLS 1.1":              {Versions: []uint16{tls.VersionTLS11}, Suites: []uint16{0x0033}},
	"ECDHE of TLS 1.0":            {Versions: []uint16{tls.VersionTLS10}, Suites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}},
	"RSA of TLS 1.0":              {Versions: []uint16{tls.VersionTLS10}, Suites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}},
	"no secure renegotiation":     {Versions: []uint16{tls.VersionTLS12}, NoRenegotiationInfo: true},
	"nothing that they object to": {Versions: []uint16{tls.VersionTLS12}},
}

const dheSuite = 0x009e // TLS_DHE_RSA_WITH_AES_128_GCM_SHA256

// handshakes are commands that succeed if the handshake does.
var handshakes = map[clients.Name]string{
	"openssl_3_0": "openssl s_client -connect localhost:PORT -servername localhost",
	"java_17":     "java DIR/Handshake.java PORT",
}

// handshakeJava succeeds if the handshake does. It accepts every certificate.
const handshakeJava = `
import java.security.cert.X509Certificate;
import javax.net.ssl.*;

class Handshake {
	public static void main(String[] args) throws Exception {
		TrustManager any = new X509TrustManager() {
			public void checkClientTrusted(X509Certificate[] chain, String type) {}
			public void checkServerTrusted(X509Certificate[] chain, String type) {}
			public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
		};
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(null, new TrustManager[] {any}, null);
		try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", Integer.parseInt(args[0]))) {
			socket.startHandshake();
		}
	}
}
`

// Real clients connect, or not, to the servers to which the simulation says that they do.
func TestRealClients(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"openssl", "java"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed here; e2e/packages.txt lists what has it", program)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Handshake.java"), []byte(handshakeJava), 0o600); err != nil {
		t.Fatal(err)
	}
	m := whole()
	m.Timeout, m.Clients.Options = option.Duration(time.Minute), new(clients.Options)
	for name, server := range objections {
		t.Run(name, func(t *testing.T) {
			addr, err := legacy.Start(lab, server)
			if err != nil {
				t.Fatal(err)
			}
			_, port, _ := net.SplitHostPort(addr)
			at, err := target.Parse("localhost:" + port)
			if err != nil {
				t.Fatal(err)
			}
			r := probeOnce(t, m, at)
			if r.Clients.Finding == nil {
				t.Fatalf("no clients: %+v", r.Outcomes)
			}
			for client, command := range handshakes {
				i := slices.IndexFunc(r.Clients.Finding.Sessions, func(s clients.Session) bool { return s.Client == client })
				if i < 0 {
					t.Errorf("%s: not settled", client)
					continue
				}
				does, output := connects(t, strings.NewReplacer("PORT", port, "DIR", dir).Replace(command))
				if s := r.Clients.Finding.Sessions[i]; does != s.Supported {
					t.Errorf("%s: connects: %v, simulated: %v %s\n%s", client, does, s.Supported, s.Reason, output)
				}
			}
		})
	}
}

// connects tells whether a client completes a handshake.
func connects(t *testing.T, command string) (bool, string) {
	t.Helper()
	argv := strings.Fields(command)
	ctx, cancel := context.WithTimeout(t.Context(), recordPatience)
	defer cancel()
	output, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s: %v", command, ctx.Err())
	}
	return err == nil, string(output)
}

// rowOf returns the client of the table with a name.
func rowOf(t *testing.T, name clients.Name) *clients.Client {
	t.Helper()
	at := slices.Index(clients.Names, name)
	if at < 0 {
		t.Fatalf("%s is not in the table", name)
	}
	return &clients.Table[at]
}

// recordPatience bounds how long a client takes to start. Browsers take seconds.
const recordPatience = time.Minute

// record runs a client and returns its first ClientHello. The client is not answered.
func record(t *testing.T, command string) *hello.ClientHello {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Hello.java"), []byte(helloJava), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	argv := strings.Fields(strings.NewReplacer("PORT", port, "DIR", dir).Replace(command))
	ctx, cancel := context.WithTimeout(t.Context(), recordPatience)
	defer cancel()
	program := exec.CommandContext(ctx, argv[0], argv[1:]...)
	program.Stderr = new(bytes.Buffer) // so that Wait waits for the other processes of a browser too
	program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	program.Cancel = func() error { return syscall.Kill(-program.Process.Pid, syscall.SIGKILL) }
	program.WaitDelay = recordPatience
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	defer program.Wait()
	defer cancel()
	listener.(*net.TCPListener).SetDeadline(time.Now().Add(recordPatience))
	conn, err := listener.Accept()
	if err != nil {
		t.Fatalf("%v: %v", argv, err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(recordPatience))
	message, err := readHello(conn)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := hello.ParseClientHello(message)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// readHello reads the first handshake message of a connection.
func readHello(r io.Reader) ([]byte, error) {
	var message []byte
	for {
		record, err := hello.ReadRecord(r)
		if err != nil {
			return nil, err
		}
		message = append(message, record.Payload...)
		if size, ok := hello.MessageSize(message); ok && len(message) >= size {
			return message[:size], nil
		}
	}
}

// The rows of the table that are from testssl.sh are what its file has, where it is
// installed. Versions before 3.3 do not have the newest clients.
func TestClientsOfTestSSL(t *testing.T) {
	file, err := os.Open("/etc/testssl/client-simulation.txt")
	if err != nil {
		t.Skipf("testssl.sh is not installed here, which e2e/packages.txt lists: %v", err)
	}
	defer file.Close()
	hellos, err := readSimulations(file)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for i := range clients.Table {
		c := &clients.Table[i]
		name, is := strings.CutPrefix(c.Source, "testssl.sh: ")
		records, has := hellos[name]
		switch {
		case !is:
			continue
		case !has:
			t.Logf("this testssl.sh has no %s", name)
			continue
		}
		message, err := readHello(strings.NewReader(string(records)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		h, err := hello.ParseClientHello(message)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		clientstest.CompareOffer(t, c, h)
		compared++
	}
	if compared < 10 {
		t.Errorf("compared only %d clients", compared)
	}
}

// assignment is a line of the file: a field, and the value of the next client.
var assignment = regexp.MustCompile(`^\s*(short|handshakebytes)\+=\("(.*)"\)`)

// readSimulations reads the ClientHellos of the file, with their records, by client.
func readSimulations(r io.Reader) (map[string][]byte, error) {
	hellos := make(map[string][]byte)
	lines, name := bufio.NewScanner(r), ""
	for lines.Scan() {
		found := assignment.FindStringSubmatch(lines.Text())
		switch {
		case found == nil:
		case found[1] == "short":
			name = found[2]
		default:
			records, err := hex.DecodeString(found[2])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			hellos[name] = records
		}
	}
	return hellos, lines.Err()
}

// testssl.sh connects to the server with the ClientHellos of its clients. Where the table
// has the same client, the simulation says what it gets.
func TestSimulationAsTestSSL(t *testing.T) {
	s := newSite(t, "openssl", "root", "openssl", "testssl")
	s.run("openssl", "s_server", "-accept", "{:server}", "-cert", "{cert}", "-key", "{key}", "-www")
	s.await()
	port := s.fill("{:server}")
	at, err := target.Parse("localhost:" + port)
	if err != nil {
		t.Fatal(err)
	}
	m := whole()
	m.CAFile, m.Timeout, m.Clients.Options = s.words["ca"], option.Duration(time.Minute), new(clients.Options)
	r := probeOnce(t, m, at)
	if r.Clients.Finding == nil {
		t.Fatalf("no clients: %+v", r.Outcomes)
	}
	theirs, names := simulationsOf(t, port), suiteNames(t)
	compared := 0
	for _, ours := range r.Clients.Finding.Sessions {
		name, _ := strings.CutPrefix(rowOf(t, ours.Client).Source, "testssl.sh: ")
		finding, has := theirs["clientsimulation-"+name]
		if !has {
			continue
		}
		compared++
		want := "No connection"
		if ours.Supported {
			want = strings.Replace(ours.Version.String(), "TLS ", "TLSv", 1) + " " + cmp.Or(names[ours.CipherName()], ours.CipherName())
		}
		if finding != want {
			t.Errorf("%s: testssl.sh gets %q, simulated is %q", ours.Client, finding, want)
		}
	}
	if compared < 10 {
		t.Errorf("compared only %d clients", compared)
	}
}

// simulationsOf is the findings of testssl.sh about its clients.
func simulationsOf(t *testing.T, port string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "testssl.json")
	output := run(t, nil, "testssl", "--quiet", "--color", "0", "--warnings", "off", "--jsonfile", file, "-c", "127.0.0.1:"+port)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("testssl: %v: %s", err, output)
	}
	var found []struct{ ID, Finding string }
	if err := json.Unmarshal(content, &found); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, f := range found {
		all[f.ID] = f.Finding
	}
	return all
}

// suiteNames is the names that OpenSSL has for suites, by those of IANA.
func suiteNames(t *testing.T) map[string]string {
	t.Helper()
	names := make(map[string]string)
	for line := range strings.Lines(string(run(t, nil, "openssl", "ciphers", "-stdname", "ALL:@SECLEVEL=0"))) {
		if words := strings.Fields(line); len(words) > 2 {
			names[words[0]] = words[2]
		}
	}
	return names
}
