// Package dane compares the certificates of a server with its TLSA records (DANE: RFC 6698,
// RFC 7671, and RFC 7672 for SMTP).
package dane

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
)

// Options configure the check.
type Options struct {
	// MX takes the host of a target of the scheme smtp for a mail domain, and checks each
	// of its mail servers instead.
	MX bool `yaml:"mx"`
}

// Finding is what the TLSA records say about the servers.
type Finding struct {
	Protocol target.Scheme
	// Domain is the mail domain whose mail servers the services are; nil: the target is
	// the service.
	Domain *Domain
	// Services are the target, or mail servers, most preferred first. An IP address, which
	// has no TLSA records, is none.
	Services []*Service
}

// Domain is the answer to the question for the mail servers of a domain.
type Domain struct {
	Name   string
	Secure bool // the answer came with a DNSSEC proof
	Hosts  int  // how many mail servers it has; Services has at most maxHosts of them
	NoMail bool // the domain says that it accepts no mail (RFC 7505)
}

// Service is a server, its TLSA records, and whether they match.
type Service struct {
	Host string
	// Name is where the records are, as in _25._tcp.mail.example.com.
	Name    string
	Records []Record
	// Secure says that the records came with a DNSSEC proof that the resolver vouches
	// for. It is false without records.
	Secure bool
	// Trusted says that the path to the resolver is trusted.
	Trusted bool
	// Failure is why there are no records, or no certificates to compare; nil: there is
	// none.
	Failure *failure.Failure
}

// MailServers are the services of a mail domain; nil: the target is the service.
func (f *Finding) MailServers() []*Service {
	if f.Domain == nil {
		return nil
	}
	return f.Services
}

// Records is how many TLSA records there are; false: not all servers could be asked for.
func (f *Finding) Records() (n int, known bool) {
	known = len(f.Services) > 0
	for _, s := range f.Services {
		n += len(s.Records)
		known = known && s.Name != ""
	}
	return n, known
}

// Secure is whether all records came with a DNSSEC proof; false: there are no records.
func (f *Finding) Secure() (secure, known bool) {
	secure = f.Domain == nil || f.Domain.Secure
	for _, s := range f.Services {
		if len(s.Records) > 0 {
			secure, known = secure && s.Secure, true
		}
	}
	return secure, known
}

// Match is whether clients that use the records accept each server that has usable ones. It
// is not known without any, or if some server could not be compared and no other has a
// mismatch.
func (f *Finding) Match() (match, known bool) {
	if f.Domain != nil && !f.Domain.Secure {
		return false, false // who the mail servers are is not proven (RFC 7672 section 2.2.1)
	}
	match, undecided := true, false
	for _, s := range f.Services {
		if matches, decided := s.Match(); decided {
			match, known = match && matches, true
		} else if s.undecided() {
			undecided = true
		}
	}
	return match && known, known && !(match && undecided)
}

// Match is whether a client that uses the records accepts the server; false: clients do
// not use them, or it is not known.
func (s *Service) Match() (match, known bool) {
	if !s.Secure {
		return false, false
	}
	used := effective(s.Records)
	has := func(result Result) bool {
		return slices.ContainsFunc(used, func(r Record) bool { return r.Result == result })
	}
	match = has(Match)
	return match, match || len(used) > 0 && !has(Unknown)
}

// undecided tells whether clients may need a match, and whether there is one is not known.
func (s *Service) undecided() bool {
	_, known := s.Match()
	return !known && (s.Name == "" || s.Secure && len(effective(s.Records)) > 0)
}

// Find looks up the records and compares. Failed is why the probe failed before it showed
// certificates; nil: it did not. ctx needs a deadline.
func (o *Options) Find(ctx context.Context, e *endpoint.Endpoint, failed *failure.Failure) (*Finding, error) {
	t := e.Target
	found := &Finding{Protocol: t.Scheme}
	if failed != nil && failed.Reason == failure.ReasonDenied {
		return nil, failed
	}
	if _, err := netip.ParseAddr(t.Name()); err == nil || t.Path != "" {
		return found, nil
	}
	s := &search{records: e.Records(), smtp: t.Scheme == smtp}
	if o.Follows(t) {
		return found.followMX(ctx, e, s)
	}
	service, base, err := s.find(ctx, strings.ToLower(t.Name()), t.Port)
	if err != nil {
		return nil, err
	}
	found.Services = []*Service{service}
	if len(service.Records) == 0 {
		return found, nil
	}
	shown, why := ofProbe(e, failed)
	if base != service.Host && why == nil {
		shown, why = ask(ctx, e.Named(base))
	}
	service.compare(ctx, e, shown, why, []string{base, service.Host}, s.smtp)
	return found, nil
}

// Follows tells whether the host of a target is a mail domain whose mail servers are
// checked.
func (o *Options) Follows(t *target.Target) bool {
	return o.MX && t.Scheme == smtp && !t.Literal()
}

// smtp is the scheme of mail servers that other servers send to (RFC 7672). Clients of the
// scheme submission are people's, and RFC 7672 is not about them.
const smtp target.Scheme = "smtp"

// presented is the certificates of a server, leaf first.
type presented struct {
	certs   []*certificate.Parsed
	at      time.Time
	release func() // is called once the certificates are not used any more
}

// ofProbe is the certificates that the probe saw.
func ofProbe(e *endpoint.Endpoint, failed *failure.Failure) (*presented, *failure.Failure) {
	switch {
	case e.Chain == nil && failed != nil:
		return nil, failed
	case e.Chain == nil:
		return nil, noCertificate
	case e.Chain.DER == nil:
		return nil, tooLarge
	}
	return &presented{certificate.ParseChain(e.Chain.DER, nil), e.Chain.At, func() {}}, nil
}

var (
	noCertificate = failure.For("", failure.New(failure.ReasonBadMessage, "the server sent no certificate"))
	tooLarge      = failure.For("", failure.New(failure.ReasonTooLarge, "the server sent more bytes of certificates than are kept"))
)

// ask is the certificates that a server shows in another handshake.
func ask(ctx context.Context, e *endpoint.Endpoint) (*presented, *failure.Failure) {
	h := e.Probe(ctx)
	if len(h.Certificates) > 0 {
		return &presented{h.Certificates, time.Now(), h.Release}, nil
	}
	h.Release()
	if h.Failure != nil {
		return nil, h.Failure
	}
	return nil, noCertificate
}

// compare judges each record. Without certificates, because of why, it is not known
// whether a record matches. The leaf may have any of the names; the first one is the SNI.
func (s *Service) compare(ctx context.Context, e *endpoint.Endpoint, shown *presented, why *failure.Failure, names []string, smtp bool) {
	var j *judge
	if why == nil {
		defer shown.release()
		leave, err := e.Turn(ctx)
		if err != nil {
			why = failure.For("", err)
		} else {
			defer leave()
			j = &judge{presented: shown, names: names, verifier: e.Verifier}
		}
	}
	s.Failure = why
	for i := range s.Records {
		s.Records[i].judge(smtp, j)
	}
}
