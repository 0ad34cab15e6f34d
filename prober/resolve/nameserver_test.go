package resolve

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"tls_exporter/prober/guard"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// The question is sent again if an answer is lost.
func TestResend(t *testing.T) {
	lab := labtest.Lab(t)
	var answers atomic.Int32
	server := &nameserver{guard: guard.New(guard.Policy{}, new(guard.Listeners)), resend: time.Millisecond, address: string(labtest.DNS(t, lab, tlstest.Zone{"lossy.test": {
		Addresses: labtest.Addresses("127.0.0.1"),
		Alter: func(answer []byte, _ bool) []byte {
			if answers.Add(1) < 3 {
				return nil
			}
			return answer
		},
	}}))}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if addrs, err := server.lookup(ctx, IPv4, "lossy.test"); err != nil || !slices.Equal(addrs, labtest.Addresses("127.0.0.1")) {
		t.Errorf("got %v, %v", addrs, err)
	}
}

// FuzzReadAnswer checks that a message is an answer to the question or an error, and
// that its addresses are of the queried type.
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
		answer, err := readAnswer(message, question)
		if err != nil {
			return
		}
		addrs, err := readAddresses(answer)
		other := func(addr netip.Addr) bool { return !addr.Unmap().Is4() }
		if answer.Id != 7 || !answer.Response || err != nil && len(addrs) > 0 || slices.ContainsFunc(addrs, other) {
			t.Errorf("%x has the addresses %v, %v", message, addrs, err)
		}
	})
}
