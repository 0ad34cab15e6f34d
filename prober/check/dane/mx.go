package dane

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/records"
	"tls_exporter/prober/target"
)

// maxHosts bounds how many mail servers of a domain are checked, most preferred first.
const maxHosts = 5

// followMX finds the mail servers of the target's host (RFC 7672 section 2.2), and compares
// the certificates of each with its records.
func (f *Finding) followMX(ctx context.Context, e *endpoint.Endpoint, s *search) (*Finding, error) {
	answer, err := s.records.MX(ctx, e.Domain)
	if err != nil {
		return nil, err
	}
	hosts, noMail := mailServers(e.Domain, answer)
	f.Domain = &Domain{Name: strings.TrimSuffix(e.Domain, "."), Secure: answer.Authenticated, Hosts: len(hosts), NoMail: noMail}
	f.Services = make([]*Service, min(len(hosts), maxHosts))
	var group sync.WaitGroup
	for i := range f.Services {
		group.Go(func() {
			panicked := failure.Contain(func() { f.Services[i] = s.mailServer(ctx, e, hosts[i]) })
			if panicked != nil {
				f.Services[i] = &Service{Host: hosts[i], Failure: failure.For("", panicked)}
			}
		})
	}
	group.Wait()
	return f, nil
}

// MailServer is the most preferred mail server of a domain. Errors have a reason: those of
// package records, nxdomain, and no_address for a domain that accepts no mail.
func MailServer(ctx context.Context, client *records.Client, domain string) (string, error) {
	answer, err := client.MX(ctx, domain)
	if err != nil {
		return "", err
	}
	if !answer.Exists {
		return "", failure.New(failure.ReasonNXDOMAIN, "the domain %s does not exist", domain)
	}
	hosts, noMail := mailServers(domain, answer)
	if noMail {
		return "", failure.New(failure.ReasonNoAddress, "the domain %s accepts no mail: its MX record says so (RFC 7505)", domain)
	}
	return hostName(hosts[0])
}

// hostName is the name in an MX record, which may be anything, as the host of a target.
func hostName(name string) (string, error) {
	host, err := target.ParseHost(name)
	if _, isAddress := netip.ParseAddr(host); err == nil && isAddress == nil {
		err = errors.New("the MX record has an address instead of a name")
	}
	if err != nil {
		return "", failure.With(failure.ReasonNoAddress, err)
	}
	return host, nil
}

// mailServers are the mail servers of a domain, most preferred first: those of its MX
// records, without any the domain itself (RFC 5321 section 5.1), or none (RFC 7505).
func mailServers(domain string, answer *records.Answer[records.MX]) (hosts []string, noMail bool) {
	if len(answer.Records) == 0 {
		return []string{strings.ToLower(strings.TrimSuffix(domain, "."))}, false
	}
	all := slices.Clone(answer.Records)
	slices.SortFunc(all, func(a, b records.MX) int {
		return cmp.Or(cmp.Compare(a.Preference, b.Preference), cmp.Compare(a.Host, b.Host))
	})
	for _, mx := range all {
		if mx.Host != "" && !slices.Contains(hosts, mx.Host) {
			hosts = append(hosts, mx.Host)
		}
	}
	return hosts, len(hosts) == 0
}

// mailServer looks up the records of a mail server, and compares its certificates with
// them. A server without records is not contacted.
func (s *search) mailServer(ctx context.Context, e *endpoint.Endpoint, host string) *Service {
	service, base, err := s.find(ctx, host, e.Target.Port)
	if err != nil {
		return &Service{Host: host, Failure: failure.For("", err)}
	}
	if len(service.Records) == 0 {
		return service
	}
	shown, why := askHost(ctx, e, host, base)
	service.compare(ctx, e, shown, why, []string{base, host, strings.TrimSuffix(e.Domain, ".")}, true)
	return service
}

// askHost is the certificates that another host shows at the same port. The name to send as
// SNI is base (RFC 7672 section 3.2.1).
func askHost(ctx context.Context, e *endpoint.Endpoint, host, base string) (*presented, *failure.Failure) {
	t := *e.Target
	t.ServerName, t.Address = base, netip.AddrPort{}
	var err error
	if t.Host, err = hostName(host); err != nil {
		return nil, failure.For("", err)
	}
	other, err := e.Other(ctx, &t)
	if err != nil {
		return nil, failure.For("", err)
	}
	return ask(ctx, other)
}
