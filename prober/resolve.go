package prober

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// errNoAddress is a name that exists without an address that may be dialled.
var errNoAddress = errors.New("no address")

func noAddress(host string, family IPProtocol) error {
	if family == AnyIP {
		return fmt.Errorf("%s exists and has %w", host, errNoAddress)
	}
	return fmt.Errorf("%s has %w of the family %s", host, errNoAddress, family)
}

// maxAddresses bounds how many addresses of one name are looked at.
const maxAddresses = 32

// lookup finds the addresses that a name has of one family or of both, in the
// order in which they are to be tried.
type lookup func(ctx context.Context, family IPProtocol, host string) ([]netip.Addr, error)

// newLookup asks the DNS server at address (host:port) alone or, when address is
// empty, as the system is set up to. Strict is not to take half an answer for a
// whole one: an error in one family is one, whatever the other says.
func newLookup(g *guard, address string, strict bool) lookup {
	if address == "" {
		return systemLookup(newSystemResolver(g, strict))
	}
	return (&nameserver{address, strict, resend, g}).lookup
}

// resolve returns the addresses of the target's name that the module may use,
// each once.
func (p *Prober) resolve(ctx context.Context, t Target) ([]netip.Addr, error) {
	found, err := p.lookup(ctx, p.family, t.Host)
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	seen := make(map[netip.Addr]bool)
	for _, addr := range found {
		if addr = addr.Unmap(); !seen[addr] {
			seen[addr] = true
			addrs = append(addrs, addr)
		}
	}
	return addrs, nil
}

// newSystemResolver is Go's own resolver, with the system's servers, its hosts
// file and its search domains. The C library's cannot be stopped and would go
// on long after a probe's deadline.
func newSystemResolver(g *guard, strict bool) *net.Resolver {
	return &net.Resolver{
		PreferGo:     true,
		StrictErrors: strict,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := g.dial(ctx, network, address, nil, g.ofOwner(address))
			if err == nil {
				// net waits out a timeout of its own while it reads, whatever
				// becomes of the context. The conn stays as it is: net asks
				// for its type.
				context.AfterFunc(ctx, func() { conn.SetDeadline(longAgo) })
			}
			return conn, err
		},
	}
}

// systemLookup asks r, whose order is that of RFC 6724. It cannot tell a name
// that does not exist from one without any address.
func systemLookup(r *net.Resolver) lookup {
	return func(ctx context.Context, family IPProtocol, host string) ([]netip.Addr, error) {
		addrs, err := r.LookupNetIP(ctx, family.network(), host)
		if _, unsuitable := errors.AsType[*net.AddrError](err); unsuitable {
			return nil, noAddress(host, family)
		}
		if isNXDOMAIN(err) && family != AnyIP {
			if _, other := r.LookupNetIP(ctx, "ip", host); other == nil {
				return nil, noAddress(host, family)
			}
		}
		return addrs, err
	}
}

// nameserver is a DNS server that resolves for us: what it says of a name, as
// it is written, is all that is asked. No hosts file or search domain comes
// into it.
type nameserver struct {
	address string
	strict  bool
	resend  time.Duration
	guard   *guard // the server may itself be a name, which is the system's to know
}

// lookup asks for A and AAAA records side by side. IPv6 comes first, each family
// in the server's order; connecting lets them take turns (RFC 8305). Unless it is
// to be strict, an error in one family is passed over where the other has
// addresses, as clients do; silence is not, for it leaves no time to connect.
func (s *nameserver) lookup(ctx context.Context, family IPProtocol, host string) ([]netip.Addr, error) {
	kinds := family.records()
	found := make([][]netip.Addr, len(kinds))
	failed := make([]error, len(kinds))
	var group sync.WaitGroup
	for i, kind := range kinds {
		group.Go(func() {
			if err := contain(func() { found[i], failed[i] = s.addresses(ctx, host, kind) }); err != nil {
				failed[i] = err
			}
		})
	}
	group.Wait()
	var missing, unknown error
	for _, err := range failed {
		if isNXDOMAIN(err) {
			missing = err
		} else if err != nil {
			unknown = err
		}
	}
	addrs := slices.Concat(found...)
	switch {
	case unknown != nil && missing == nil && (s.strict || len(addrs) == 0 || isDNSTimeout(unknown)):
		return nil, unknown
	case len(addrs) > 0:
		return addrs, nil
	case missing != nil: // a name that does not exist has records of no kind (RFC 8020)
		return nil, missing
	}
	return nil, noAddress(host, family)
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
			IsNotFound: errors.Is(err, errNoSuchName), IsTimeout: reasonFor(err) == ReasonTimeout,
		}
	}
	return addrs, nil
}

var errNoSuchName = errors.New("no such host")

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
	var strange error
	for wait := s.resend; ; wait *= 2 {
		if _, err := conn.Write(packet); err != nil {
			return nil, cmp.Or(strange, err)
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
				return nil, cmp.Or(strange, err)
			}
			answer, err := readAnswer(buffer[:n], question)
			if err == nil {
				return answer, nil
			}
			strange = err
		}
	}
}

// askTCP asks over a connection, with lengths before the messages (RFC 1035
// section 4.2.2), which also bound them.
func (s *nameserver) askTCP(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
	conn, packet, err := s.dial(ctx, "tcp", question)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, message); err != nil {
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
	conn, err := s.guard.dial(ctx, network, s.address, nil, s.guard.ofOwner(s.address))
	if err != nil {
		return nil, nil, err
	}
	conn, err = bound(ctx, conn)
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

// IPProtocol is which address family may be dialled.
type IPProtocol string

// The families. AnyIP races them (RFC 8305, happy eyeballs).
const (
	AnyIP IPProtocol = "any"
	IPv4  IPProtocol = "ip4"
	IPv6  IPProtocol = "ip6"
)

// UnmarshalText takes any, ip4 or ip6.
func (f *IPProtocol) UnmarshalText(text []byte) error {
	switch word := IPProtocol(text); word {
	case AnyIP, IPv4, IPv6:
		*f = word
		return nil
	}
	return fmt.Errorf("%s is not an IP protocol; write any, ip4 or ip6", quote(string(text)))
}

func familyOf(addr netip.Addr) IPProtocol {
	if addr.Is4() {
		return IPv4
	}
	return IPv6
}

func (f IPProtocol) network() string {
	if f == AnyIP {
		return "ip"
	}
	return string(f)
}

// records are the kinds of DNS record that hold addresses of the family.
func (f IPProtocol) records() []uint16 {
	switch f {
	case IPv4:
		return []uint16{dns.TypeA}
	case IPv6:
		return []uint16{dns.TypeAAAA}
	}
	return []uint16{dns.TypeAAAA, dns.TypeA}
}

func (f IPProtocol) allows(addr netip.Addr) bool { return f == AnyIP || f == familyOf(addr) }
