package dane

import (
	"context"
	"fmt"
	"net/netip"

	"tls_exporter/prober/records"
)

// search finds TLSA records.
type search struct {
	records *records.Client
	smtp    bool
}

// find looks up the records of the service at a port of a host. Base is the TLSA base
// domain: the name that clients send as SNI and expect in the certificate.
func (s *search) find(ctx context.Context, host string, port uint16) (service *Service, base string, err error) {
	addrs, err := s.addresses(ctx, host)
	if err != nil {
		return nil, "", err
	}
	// The name that the aliases of the host end at, if that is proven, and else the host
	// (RFC 7671 section 7).
	candidates := []string{host}
	if addrs.Authenticated && addrs.Name != host {
		candidates = []string{addrs.Name, host}
	}
	for _, base = range candidates {
		name := fmt.Sprintf("_%d._tcp.%s", port, base)
		answer, err := s.records.TLSA(ctx, name)
		if err != nil {
			return nil, "", err
		}
		service = &Service{Host: host, Name: name, Trusted: answer.Trusted}
		for _, r := range answer.Records {
			service.Records = append(service.Records, Record{TLSA: r})
		}
		// Mail servers ignore the records of a host whose addresses are not proven (RFC
		// 7672 section 2.2.2).
		proven := answer.Authenticated && (addrs.Authenticated || !s.smtp)
		if service.Secure = len(answer.Records) > 0 && proven; service.Secure {
			break
		}
	}
	return service, base, nil
}

// addresses is the answer for one of the address families, with which the aliases come.
func (s *search) addresses(ctx context.Context, host string) (*records.Answer[netip.Addr], error) {
	v4, err := s.records.IPv4(ctx, host)
	if err != nil || len(v4.Records) > 0 || !v4.Exists {
		return v4, err
	}
	return s.records.IPv6(ctx, host)
}
