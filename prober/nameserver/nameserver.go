// Package nameserver sends questions to a recursive DNS server: over UDP, and over TCP
// where the answer does not fit.
package nameserver

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/text"
)

// Server is a recursive DNS server. It is queried for names as they are written: without a
// hosts file and without search domains.
type Server struct {
	Address string // host:port; the system resolves a host that is a name
	Guard   *guard.Guard
	Resend  time.Duration // before the first datagram is sent again; 0: a second
}

// System returns the DNS servers of a file in the format of resolv.conf(5), host:port, in
// the order in which they are to be asked, and how long to wait for one before the next is
// asked. There are at most three. Without any it is the server on this machine.
func System(file string) (servers []string, wait time.Duration, err error) {
	content, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, 0, err
	}
	config, err := dns.ClientConfigFromReader(bytes.NewReader(content))
	if err != nil || len(config.Servers) == 0 {
		return []string{"127.0.0.1:53"}, 0, err
	}
	const most = 3 // MAXNS of the C library
	for _, server := range config.Servers[:min(len(config.Servers), most)] {
		servers = append(servers, net.JoinHostPort(server, config.Port))
	}
	return servers, time.Duration(config.Timeout) * time.Second, nil
}

// Answer is the records of one type that a name has.
type Answer struct {
	Records []dns.RR
	Owner   string // their name: the one in the question, or the one that its aliases (CNAME) end at; in lower case, with a final dot
	Secure  bool   // the AD bit: the server says that it validated all of the answer, also that there is nothing (RFC 4035 section 3.2.3)
	Exists  bool   // false: NXDOMAIN
}

// An answer SERVFAIL has no records. A server that validates answers so where a signature
// is wrong (RFC 4035 section 5.5), but not only there. Errors wrap ErrBogus if the server
// says that it is so (RFC 8914), ErrFailure if it does not say why.
var (
	ErrBogus   = errors.New("the server answered SERVFAIL: DNSSEC")
	ErrFailure = errors.New("the server answered SERVFAIL")
)

// Lookup sends a question and reads the answer to it. Records of other names and types are
// ignored. Errors are a *net.DNSError; a name that does not exist is none.
func (s *Server) Lookup(ctx context.Context, question *dns.Msg) (*Answer, error) {
	message, err := s.query(ctx, question)
	var answer *Answer
	if err == nil {
		answer, err = read(message)
	}
	if err != nil {
		timeout, ok := errors.AsType[net.Error](err)
		return nil, &net.DNSError{
			Err: err.Error(), Name: strings.TrimSuffix(question.Question[0].Name, "."), Server: s.Address,
			IsTimeout: ok && timeout.Timeout(), UnwrapErr: err,
		}
	}
	return answer, nil
}

// read finds in a message the records that the question asks for.
func read(message *dns.Msg) (*Answer, error) {
	switch message.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
	default:
		return nil, rcodeError(message)
	}
	owner, aliased := followAliases(message)
	answer := &Answer{Owner: owner, Secure: message.AuthenticatedData, Exists: message.Rcode == dns.RcodeSuccess}
	for _, record := range message.Answer {
		if header := record.Header(); header.Rrtype == message.Question[0].Qtype && dns.CanonicalName(header.Name) == owner {
			answer.Records = append(answer.Records, record)
		}
	}
	// A referral, or an alias that the server did not follow, does not say whether
	// the name has records (RFC 1034 section 4.3.1, RFC 2308 section 2.2).
	if answer.Exists && len(answer.Records) == 0 && !message.RecursionAvailable && (aliased || !message.Authoritative) {
		return nil, errors.New("the server is not recursive: it refers to other servers")
	}
	return answer, nil
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

// rcodeError is the error about an answer with an error code, and why the server says so.
func rcodeError(message *dns.Msg) error {
	why := explanation(message)
	if why == nil && message.Rcode == dns.RcodeServerFailure {
		return ErrFailure
	}
	if why == nil {
		return fmt.Errorf("the server answered %s", cmp.Or(dns.RcodeToString[message.Rcode], "an unknown code"))
	}
	words := cmp.Or(dns.ExtendedErrorCodeToString[why.InfoCode], "an unknown error")
	if why.ExtraText != "" {
		words += ", " + text.Quote(why.ExtraText)
	}
	if message.Rcode == dns.RcodeServerFailure && why.InfoCode >= dns.ExtendedErrorCodeDNSBogus && why.InfoCode <= dns.ExtendedErrorCodeNSECMissing {
		return fmt.Errorf("%w: %s", ErrBogus, words)
	}
	return fmt.Errorf("the server answered %s: %s", cmp.Or(dns.RcodeToString[message.Rcode], "an unknown code"), words)
}

// explanation is why the server has no answer (RFC 8914); nil: it does not say.
func explanation(message *dns.Msg) *dns.EDNS0_EDE {
	options := message.IsEdns0()
	if options == nil {
		return nil
	}
	for _, option := range options.Option {
		if extended, ok := option.(*dns.EDNS0_EDE); ok {
			return extended
		}
	}
	return nil
}

// query sends one question to the server: over UDP and, if the answer does not fit,
// over TCP (RFC 7766 section 5).
func (s *Server) query(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
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
	// MaxDatagram is the largest answer over UDP, in bytes, for the EDNS option of a
	// question: it is not fragmented on any common network (DNS Flag Day 2020).
	MaxDatagram = 1232

	// maxRecords bounds the records of an answer, because a name of 255 bytes takes only
	// two in a compressed message (RFC 1035 section 4.1.4). Parsed, so many take up to
	// 1.2 MB.
	maxRecords = 512

	// defaultResend is the time before a datagram without an answer is sent again. The
	// time doubles with each datagram, up to the probe's deadline.
	defaultResend = time.Second
)

// queryUDP sends the question until an answer to it arrives. Other datagrams may be
// forged and are skipped (RFC 5452 section 9.1). If no answer arrives in time, the
// error is about the last of them.
func (s *Server) queryUDP(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
	conn, packet, err := s.dial(ctx, "udp", question)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	buffer := make([]byte, MaxDatagram)
	var unusable error
	for wait := cmp.Or(s.Resend, defaultResend); ; wait *= 2 {
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
func (s *Server) queryTCP(ctx context.Context, question *dns.Msg) (*dns.Msg, error) {
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
func (s *Server) dial(ctx context.Context, network string, question *dns.Msg) (net.Conn, []byte, error) {
	packet, err := question.Pack()
	if err != nil {
		return nil, nil, err
	}
	conn, err := s.Guard.Dial(ctx, network, s.Address, nil, s.Guard.ForConfigured(s.Address))
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
	if hasTooMany(message) {
		return nil, failure.New(failure.ReasonTooLarge, "the server sent an answer with more than %d records", maxRecords)
	}
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

// hasTooMany reports whether a message has more than maxRecords resource records: its
// header says so, and they fit.
func hasTooMany(message []byte) bool {
	const counts, end = 6, 12 // of the answer, authority and additional sections (RFC 1035 section 4.1.1)
	const smallest = 11       // bytes of a record
	if len(message) < maxRecords*smallest {
		return false
	}
	total := 0
	for at := counts; at < end; at += 2 {
		total += int(binary.BigEndian.Uint16(message[at:]))
	}
	return total > maxRecords
}

func sameQuestion(answer, question *dns.Msg) bool {
	if len(answer.Question) != 1 {
		return false
	}
	got, want := answer.Question[0], question.Question[0]
	return strings.EqualFold(got.Name, want.Name) && got.Qtype == want.Qtype && got.Qclass == want.Qclass
}
