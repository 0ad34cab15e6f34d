package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
)

// nameserver is a DNS server that resolves for us: what it says of a name, as
// it is written, is all that is asked. No hosts file or search domain comes
// into it.
type nameserver struct {
	address string
	strict  bool
	resend  time.Duration
	guard   *guard.Guard // the server may itself be a name, which the system resolves
}

// lookup asks for A and AAAA records side by side. IPv6 comes first, each family
// in the server's order; connecting lets them take turns (RFC 8305). Unless it is
// to be strict, an error in one family is passed over where the other has
// addresses, as clients do; silence is not, for it leaves no time to connect.
func (s *nameserver) lookup(ctx context.Context, family Family, host string) ([]netip.Addr, error) {
	kinds := family.records()
	found := make([][]netip.Addr, len(kinds))
	failed := make([]error, len(kinds))
	var group sync.WaitGroup
	for i, kind := range kinds {
		group.Go(func() {
			if err := failure.Contain(func() { found[i], failed[i] = s.addresses(ctx, host, kind) }); err != nil {
				failed[i] = err
			}
		})
	}
	group.Wait()
	var missing, unknown error
	for _, err := range failed {
		if notFound(err) {
			missing = err
		} else if err != nil {
			unknown = err
		}
	}
	addrs := slices.Concat(found...)
	switch {
	case unknown != nil && missing == nil && (s.strict || len(addrs) == 0 || noAnswer(unknown)):
		return nil, unknown
	case len(addrs) > 0:
		return addrs, nil
	case missing != nil: // a name that does not exist has records of no kind (RFC 8020)
		return nil, missing
	}
	return nil, NoAddress(host, family)
}

// records are the kinds of DNS record that hold addresses of the family.
func (f Family) records() []uint16 {
	switch f {
	case IPv4:
		return []uint16{dns.TypeA}
	case IPv6:
		return []uint16{dns.TypeAAAA}
	}
	return []uint16{dns.TypeAAAA, dns.TypeA}
}

// addresses asks for the records of one kind. None, without an error, is a name
// that exists without them.
func (s *nameserver) addresses(ctx context.Context, host string, kind uint16) ([]netip.Addr, error) {
	answer, err := s.ask(ctx, host, kind)
	var addrs []netip.Addr
	if err == nil {
		addrs, err = readAddresses(answer)
	}
	if err != nil {
		return nil, &net.DNSError{
			Err: err.Error(), Name: host, Server: s.address,
			IsNotFound: errors.Is(err, errNoSuchName), IsTimeout: isTimeout(err),
		}
	}
	return addrs, nil
}

var errNoSuchName = errors.New("no such host")

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

func notFound(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

func noAnswer(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsTimeout
}

// readAddresses reads the addresses off an answer: those at the end of the
// aliases that begin at the name that was asked for. What else is in it is not
// about that name.
func readAddresses(answer *dns.Msg) ([]netip.Addr, error) {
	switch answer.Rcode {
	case dns.RcodeSuccess:
	case dns.RcodeNameError:
		return nil, errNoSuchName
	default:
		return nil, fmt.Errorf("the server answered %s", cmp.Or(dns.RcodeToString[answer.Rcode], "an unknown code"))
	}
	owner, aliased := followAliases(answer)
	var addrs []netip.Addr
	for _, record := range answer.Answer {
		if header := record.Header(); header.Rrtype != answer.Question[0].Qtype || dns.CanonicalName(header.Name) != owner {
			continue
		}
		var ip net.IP
		switch r := record.(type) {
		case *dns.A:
			ip = r.A
		case *dns.AAAA:
			ip = r.AAAA
		}
		if addr, ok := netip.AddrFromSlice(ip); ok {
			addrs = append(addrs, addr)
		}
	}
	// A referral, or an alias that is not followed, says nothing of the name's
	// addresses (RFC 1034 section 4.3.1, RFC 2308 section 2.2).
	if len(addrs) == 0 && !answer.RecursionAvailable && (aliased || !answer.Authoritative) {
		return nil, errors.New("the server does not resolve: it refers to others")
	}
	return addrs, nil
}

// followAliases returns the name at which the aliases of an answer end, and
// whether there are any. Following as many as there are records, it ends also
// where they go round in a circle.
func followAliases(answer *dns.Msg) (owner string, aliased bool) {
	to := make(map[string]string)
	for _, record := range answer.Answer {
		if alias, ok := record.(*dns.CNAME); ok {
			to[dns.CanonicalName(alias.Hdr.Name)] = dns.CanonicalName(alias.Target)
		}
	}
	owner = dns.CanonicalName(answer.Question[0].Name)
	for range len(to) {
		if to[owner] == "" {
			break
		}
		owner, aliased = to[owner], true
	}
	return owner, aliased
}

// ask puts one question to the server: over UDP and, where the answer does not
// fit, over TCP (RFC 7766 section 5).
func (s *nameserver) ask(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	question.SetEdns0(maxDatagram, false)
	answer, err := s.askUDP(ctx, question)
	if err == nil && answer.Truncated {
		answer, err = s.askTCP(ctx, question)
	}
	if err == nil && answer.Truncated {
		return nil, errors.New("the server cuts its answer off, over TCP too")
	}
	return answer, err
}

const (
	// maxDatagram is the size of answer that gets through everywhere unfragmented
	// (DNS Flag Day 2020).
	maxDatagram = 1232

	// resend is how long a datagram has before it is taken for lost; the second
	// one has twice that, and so on to the probe's deadline.
	resend = time.Second
)

// askUDP asks until an answer to this very question comes. What else comes is no
// answer, and may be a forgery (RFC 5452 section 9.1); should nothing better
// come in time, it is what there is to say of the server.
func (s *nameserver) askUDP(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
	conn, packet, err := s.dial(ctx, "udp", question)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	buffer := make([]byte, maxDatagram)
	var unusable error
	for wait := s.resend; ; wait *= 2 {
		if _, err := conn.Write(packet); err != nil {
			return nil, cmp.Or(unusable, err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return nil, err
		}
		for {
			n, err := conn.Read(buffer)
			if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
				break
			}
			if err != nil {
				return nil, cmp.Or(unusable, err)
			}
			answer, err := readAnswer(buffer[:n], question)
			if err == nil {
				return answer, nil
			}
			unusable = err
		}
	}
}

// askTCP asks over a connection. The length before each message (RFC 1035
// section 4.2.2) bounds it to 64 kB.
func (s *nameserver) askTCP(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
	conn, packet, err := s.dial(ctx, "tcp", question)
	if err != nil {
		return nil, err
	}
	framed := &dns.Conn{Conn: conn}
	defer framed.Close()
	if _, err := framed.Write(packet); err != nil {
		return nil, err
	}
	message, err := framed.ReadMsgHeader(nil)
	if err != nil {
		return nil, err
	}
	return readAnswer(message, question)
}

// dial returns a connection to the server, and the question as bytes.
func (s *nameserver) dial(ctx context.Context, network string, question *dns.Msg) (net.Conn, []byte, error) {
	packet, err := question.Pack()
	if err != nil {
		return nil, nil, err
	}
	conn, err := s.guard.Dial(ctx, network, s.address, nil, s.guard.ForConfigured(s.address))
	if err != nil {
		return nil, nil, err
	}
	conn, err = guard.Bind(ctx, conn)
	return conn, packet, err
}

// readAnswer reads a message that has to be the answer to a question. One that
// is cut off may end anywhere, and errors may come without the question, from
// servers that could not read it.
func readAnswer(message []byte, question *dns.Msg) (*dns.Msg, error) {
	answer := new(dns.Msg)
	if err := answer.Unpack(message); err != nil && !answer.Truncated {
		return nil, fmt.Errorf("the server sent what is not DNS: %w", err)
	}
	failed := answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError
	if answer.Id != question.Id || !answer.Response || !sameQuestion(answer, question) && !(failed && len(answer.Question) == 0) {
		return nil, errors.New("the server answered another question")
	}
	return answer, nil
}

func sameQuestion(answer, question *dns.Msg) bool {
	if len(answer.Question) != 1 {
		return false
	}
	got, want := answer.Question[0], question.Question[0]
	return strings.EqualFold(got.Name, want.Name) && got.Qtype == want.Qtype && got.Qclass == want.Qclass
}
