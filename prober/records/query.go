package records

import (
	"context"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/nameserver"
)

// TLSA asks for the records of a service, as in _443._tcp.example.com.
func (c *Client) TLSA(ctx context.Context, name string) (*Answer[TLSA], error) {
	return query(ctx, c, name, dns.TypeTLSA, func(r *dns.TLSA) (TLSA, bool) {
		data, err := hex.DecodeString(r.Certificate)
		return TLSA{r.Usage, r.Selector, r.MatchingType, data}, err == nil
	})
}

// MX asks for the mail servers of a domain.
func (c *Client) MX(ctx context.Context, domain string) (*Answer[MX], error) {
	return query(ctx, c, domain, dns.TypeMX, func(r *dns.MX) (MX, bool) {
		return MX{r.Preference, plain(r.Mx)}, r.Mx != ""
	})
}

// CAA asks for the records of one name. It does not climb to its parents.
func (c *Client) CAA(ctx context.Context, name string) (*Answer[CAA], error) {
	return query(ctx, c, name, dns.TypeCAA, func(r *dns.CAA) (CAA, bool) {
		return CAA{r.Flag, r.Tag, r.Value}, r.Tag != ""
	})
}

// HTTPS asks for the records of the type HTTPS. It does not follow their alias mode.
func (c *Client) HTTPS(ctx context.Context, name string) (*Answer[SVCB], error) {
	return query(ctx, c, name, dns.TypeHTTPS, func(r *dns.HTTPS) (SVCB, bool) { return readSVCB(&r.SVCB) })
}

// SVCB asks for the records of the type SVCB. It does not follow their alias mode.
func (c *Client) SVCB(ctx context.Context, name string) (*Answer[SVCB], error) {
	return query(ctx, c, name, dns.TypeSVCB, readSVCB)
}

// IPv4 asks for the records of the type A.
func (c *Client) IPv4(ctx context.Context, name string) (*Answer[netip.Addr], error) {
	return query(ctx, c, name, dns.TypeA, func(r *dns.A) (netip.Addr, bool) { return address(r.A) })
}

// IPv6 asks for the records of the type AAAA.
func (c *Client) IPv6(ctx context.Context, name string) (*Answer[netip.Addr], error) {
	return query(ctx, c, name, dns.TypeAAAA, func(r *dns.AAAA) (netip.Addr, bool) { return address(r.AAAA) })
}

// query asks for the records of a type. Read returns false for a record that is malformed.
func query[R any, RR dns.RR](ctx context.Context, c *Client, name string, kind uint16, read func(RR) (R, bool)) (*Answer[R], error) {
	found, trusted, err := c.ask(ctx, question{name, kind})
	if err != nil {
		return nil, err
	}
	if len(found.Records) > MaxRecords {
		return nil, failure.New(failure.ReasonTooLarge, "%s has more than %d records of the type %s", name, MaxRecords, dns.TypeToString[kind])
	}
	answer := &Answer[R]{Name: plain(found.Owner), Exists: found.Exists, Trusted: trusted, Authenticated: trusted && found.Secure}
	for _, record := range found.Records {
		parsed, ok := record.(RR)
		var value R
		if ok && record.Header().Rdlength > 0 {
			value, ok = read(parsed)
		}
		if !ok || record.Header().Rdlength == 0 {
			return nil, failure.New(failure.ReasonDNSFailure, "%s has a malformed record of the type %s", name, dns.TypeToString[kind])
		}
		answer.Records = append(answer.Records, value)
	}
	return answer, nil
}

// question is a name and a type of records.
type question struct {
	name string
	kind uint16
}

// lookup sends the question to a server. It asks for the AD bit, with its own (RFC 6840
// section 5.7) and with DO, which servers understand that are older than that. Without
// validation the server shall not validate the answer (RFC 4035 section 3.2.2).
func (q question) lookup(ctx context.Context, s *nameserver.Server, validation bool) (*nameserver.Answer, error) {
	message := new(dns.Msg).SetQuestion(dns.Fqdn(q.name), q.kind)
	message.AuthenticatedData, message.CheckingDisabled = true, !validation
	message.SetEdns0(nameserver.MaxDatagram, true)
	return s.Lookup(ctx, message)
}

// plain is a name in lower case, without the final dot.
func plain(name string) string { return strings.TrimSuffix(dns.CanonicalName(name), ".") }

func address(ip net.IP) (netip.Addr, bool) {
	addr, ok := netip.AddrFromSlice(ip)
	return addr.Unmap(), ok
}

func readSVCB(r *dns.SVCB) (SVCB, bool) {
	s := SVCB{Priority: r.Priority, Target: plain(r.Target)}
	for _, parameter := range r.Value {
		switch p := parameter.(type) {
		case *dns.SVCBMandatory:
			for _, key := range p.Code {
				s.Mandatory = append(s.Mandatory, uint16(key))
			}
		case *dns.SVCBAlpn:
			s.ALPN = p.Alpn
		case *dns.SVCBNoDefaultAlpn:
			s.NoDefaultALPN = true
		case *dns.SVCBPort:
			s.Port = p.Port
		case *dns.SVCBIPv4Hint:
			s.Hints = append(s.Hints, hints(p.Hint)...)
		case *dns.SVCBIPv6Hint:
			s.Hints = append(s.Hints, hints(p.Hint)...)
		case *dns.SVCBECHConfig:
			s.ECH = p.ECH
		default:
			s.Other = append(s.Other, uint16(p.Key()))
		}
	}
	return s, r.Target != ""
}

func hints(ips []net.IP) []netip.Addr {
	var all []netip.Addr
	for _, ip := range ips {
		if addr, ok := address(ip); ok {
			all = append(all, addr)
		}
	}
	return all
}
