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

// nameserver is a recursive DNS server. It is queried for the name as it is written:
// without a hosts file and without search domains.
type nameserver struct {
	address string // host:port; the system resolves a host that is a name
	strict  bool
	resend  time.Duration // before the first datagram is sent again
	guard   *guard.Guard
}

// lookup queries A and AAAA records in parallel. IPv6 comes first, each family in the
// server's order; the race of RFC 8305 alternates them. Unless strict, an error in one
// family is ignored if the other has addresses, as clients do. A timeout is not
// ignored: it leaves no time to connect.
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
	case unknown != nil && missing == nil && (s.strict || len(addrs) == 0 || timedOut(unknown)):
		return nil, unknown
	case len(addrs) > 0:
		return addrs, nil
	case missing != nil: // a name that does not exist has no records of any type (RFC 8020)
		return nil, missing
	}
	return nil, NoAddress(host, family)
}

// records returns the DNS record types with addresses of the family.
func (f Family) records() []uint16 {
	switch f {
	case IPv4:
		return []uint16{dns.TypeA}
	case IPv6:
		return []uint16{dns.TypeAAAA}
	}
	return []uint16{dns.TypeAAAA, dns.TypeA}
}

// addresses queries the records of one type. A name that exists without such records
// has no addresses and no error. Errors are a *net.DNSError.
func (s *nameserver) addresses(ctx context.Context, host string, kind uint16) ([]netip.Addr, error) {
	answer, err := s.query(ctx, host, kind)
	var addrs []netip.Addr
	if err == nil {
		addrs, err = readAddresses(answer)
	}
	if err != nil {
		return nil, &net.DNSError{
			Err: err.Error(), Name: host, Server: s.address,
			IsNotFound: errors.Is(err, errNoSuchName), IsTimeout: isTimeout(err), UnwrapErr: err,
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

func timedOut(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsTimeout
}

// readAddresses returns the addresses in an answer: those of the name in the
// question, or of the name that its aliases end at. Records of other names are
// ignored.
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
	// A referral, or an alias that the server did not follow, does not say whether
	// the name has addresses (RFC 1034 section 4.3.1, RFC 2308 section 2.2).
	if len(addrs) == 0 && !answer.RecursionAvailable && (aliased || !answer.Authoritative) {
		return nil, errors.New("the server is not recursive: it refers to other servers")
	}
	return addrs, nil
}

// followAliases returns the name that the aliases (CNAME) of an answer end at, and
// whether there are any. It follows at most as many as there are records, so that a
// loop ends.
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

// query sends one question to the server: over UDP and, if the answer does not fit,
// over TCP (RFC 7766 section 5).
func (s *nameserver) query(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	question.SetEdns0(maxDatagram, false)
	answer, err := s.queryUDP(ctx, question)
	if err == nil && answer.Truncated {
		answer, err = s.queryTCP(ctx, question)
	}
	if err == nil && answer.Truncated {
		return nil, errors.New("the server truncates its answer, also over TCP")
	}
	return answer, err
}

const (
	// maxDatagram is the largest answer over UDP, in bytes: it is not fragmented on
	// any common network (DNS Flag Day 2020).
	maxDatagram = 1232

	// resend is the time before a datagram without an answer is sent again. The time
	// doubles with each datagram, up to the probe's deadline.
	resend = time.Second
)

// queryUDP sends the question until an answer to it arrives. Other datagrams may be
// forged and are skipped (RFC 5452 section 9.1). If no answer arrives in time, the
// error is about the last of them.
func (s *nameserver) queryUDP(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
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

// queryTCP sends the question over TCP. The length before each message (RFC 1035
// section 4.2.2) bounds the answer to 64 kB.
func (s *nameserver) queryTCP(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
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

// dial returns a connection to the server, and the question in wire format.
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

// readAnswer parses a message and checks that it is the answer to a question. A
// truncated one may end anywhere. An error may come without the question, from a
// server that could not parse it.
func readAnswer(message []byte, question *dns.Msg) (*dns.Msg, error) {
	answer := new(dns.Msg)
	if err := answer.Unpack(message); err != nil && !answer.Truncated {
		return nil, fmt.Errorf("the server sent a message that is not DNS: %w", err)
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
