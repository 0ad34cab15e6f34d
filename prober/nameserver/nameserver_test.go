package nameserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// server is a DNS server of the lab.
func server(t *testing.T, zone tlstest.Zone) *Server {
	return &Server{Address: string(labtest.DNS(t, labtest.Lab(t), zone)), Guard: guard.New(guard.Policy{}, new(guard.Listeners))}
}

func ask(t *testing.T, s *Server, name string, kind uint16) (*Answer, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	question.SetEdns0(MaxDatagram, false)
	return s.Lookup(ctx, question)
}

// The question is sent again if an answer is lost.
func TestResend(t *testing.T) {
	var answers atomic.Int32
	s := server(t, tlstest.Zone{"lossy.test": {
		Addresses: labtest.Addresses("127.0.0.1"),
		Alter: func(answer []byte, _ bool) []byte {
			if answers.Add(1) < 3 {
				return nil
			}
			return answer
		},
	}})
	s.Resend = time.Millisecond
	if answer, err := ask(t, s, "lossy.test", dns.TypeA); err != nil || len(answer.Records) != 1 {
		t.Errorf("got %+v, %v", answer, err)
	}
}

// The server's own explanation of a failure is in the error.
func TestFailures(t *testing.T) {
	explained := func(rcode int, code uint16) tlstest.Name {
		return tlstest.Name{Alter: labtest.Altered(func(m *dns.Msg, _ bool) {
			m.Rcode = rcode
			m.SetEdns0(MaxDatagram, false).IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: code, ExtraText: "since\nmonday"}}
		})}
	}
	s := server(t, tlstest.Zone{
		"bogus.test":   explained(dns.RcodeServerFailure, dns.ExtendedErrorCodeSignatureExpired),
		"network.test": explained(dns.RcodeServerFailure, dns.ExtendedErrorCodeNetworkError),
		"refused.test": explained(dns.RcodeRefused, dns.ExtendedErrorCodeProhibited),
		"silent.test":  {RCode: dns.RcodeServerFailure},
	})
	for _, test := range []struct {
		name, text     string
		bogus, failure bool
	}{
		{"bogus.test", `SERVFAIL: DNSSEC: Signature Expired, "since\nmonday"`, true, false},
		{"network.test", `SERVFAIL: Network Error, "since\nmonday"`, false, false},
		{"refused.test", `REFUSED: Prohibited, "since\nmonday"`, false, false},
		{"silent.test", "SERVFAIL", false, true},
	} {
		_, err := ask(t, s, test.name, dns.TypeA)
		if err == nil || !strings.HasSuffix(err.Error(), test.text) || errors.Is(err, ErrBogus) != test.bogus || errors.Is(err, ErrFailure) != test.failure {
			t.Errorf("%s: the error is %v", test.name, err)
		}
	}
}

// An answer takes no more than 2 MB to parse, or is not parsed.
func TestAnswersAreBounded(t *testing.T) {
	longest := strings.Repeat(strings.Repeat("\\000", 61)+".", 4) // 4 characters for each byte in text
	question := new(dns.Msg).SetQuestion(longest, dns.TypeMX)
	message := func(records int) []byte {
		answer := new(dns.Msg).SetReply(question)
		answer.Compress, answer.RecursionAvailable = true, true
		for range records {
			answer.Answer = append(answer.Answer, &dns.MX{Hdr: dns.RR_Header{Name: longest, Rrtype: dns.TypeMX, Class: dns.ClassINET}, Mx: longest})
		}
		packed, err := answer.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return packed
	}
	if _, err := readAnswer(message(maxRecords+1), question); failure.Of(err) != failure.ReasonTooLarge {
		t.Errorf("one record too many: %v", err)
	}
	most := message(maxRecords)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := readAnswer(most, question); err != nil {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 2<<20 {
		t.Errorf("a message of %d bytes takes %d kB", len(most), took>>10)
	} else {
		t.Logf("a message of %d bytes takes %d kB", len(most), took>>10)
	}
}

func TestSystem(t *testing.T) {
	for _, test := range []struct {
		content, servers string
		wait             time.Duration
	}{
		{"nameserver 192.0.2.1\nnameserver 2001:db8::1\noptions timeout:2 trust-ad\n", "[192.0.2.1:53 [2001:db8::1]:53]", 2 * time.Second},
		{"nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n", "[192.0.2.1:53 192.0.2.2:53 192.0.2.3:53]", 5 * time.Second},
		{"# none\n", "[127.0.0.1:53]", 0},
	} {
		file := filepath.Join(t.TempDir(), "resolv.conf")
		if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if servers, wait, err := System(file); fmt.Sprint(servers) != test.servers || wait != test.wait || err != nil {
			t.Errorf("%q: got %s, %v, %v", test.content, servers, wait, err)
		}
	}
	if servers, _, err := System(t.TempDir()); err == nil {
		t.Errorf("a directory has the servers %s", servers)
	}
	if servers, _, err := System(filepath.Join(t.TempDir(), "missing")); fmt.Sprint(servers) != "[127.0.0.1:53]" || err != nil {
		t.Errorf("without a file: %s, %v", servers, err)
	}
}

// FuzzReadAnswer checks that a message is an answer to the question or an error, and
// that its records are of the queried type and of the same name.
func FuzzReadAnswer(f *testing.F) {
	question := new(dns.Msg).SetQuestion("a.test.", dns.TypeA)
	question.Id = 7
	answer := new(dns.Msg).SetReply(question)
	answer.RecursionAvailable = true
	answer.Answer = []dns.RR{
		&dns.CNAME{Hdr: dns.RR_Header{Name: "A.test.", Rrtype: dns.TypeCNAME, Class: dns.ClassINET}, Target: "b.test."},
		&dns.A{Hdr: dns.RR_Header{Name: "b.test.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)},
	}
	for _, change := range []func(){func() {}, func() { answer.Rcode = 3 }, func() { answer.Rcode = 2 }, func() { answer.Truncated = true }} {
		change()
		message, err := answer.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message)
		f.Add(message[:len(message)-3])
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if len(message) > dns.MaxMsgSize {
			return
		}
		parsed, err := readAnswer(message, question)
		if err != nil {
			return
		}
		answer, err := read(parsed)
		if parsed.Id != 7 || !parsed.Response || err != nil && answer != nil {
			t.Fatalf("%x is answered with %+v, %v", message, answer, err)
		}
		if err != nil {
			return
		}
		for _, record := range answer.Records {
			if header := record.Header(); header.Rrtype != dns.TypeA || dns.CanonicalName(header.Name) != answer.Owner {
				t.Errorf("%x has the record %s of %s", message, record, answer.Owner)
			}
		}
	})
}
