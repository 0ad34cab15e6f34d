package chain

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"tls_exporter/prober/text"
)

// verifyAll asks of the certificates that a server sent, leaf first, what a modern
// verifier would at the moment now, one question at a time. Whether the chain
// is valid is x509.Verify's word; what is wrong with it is found beside that,
// because Verify stops at the first thing. Without a name, that one question is
// not asked.
func verifyAll(certs []*x509.Certificate, name string, trusted *Roots, now time.Time) *Chain {
	described := make([]*Certificate, len(certs))
	for i, cert := range certs {
		described[i] = newCertificate(cert)
	}
	return verify(described, name, trusted, now).Chain
}

// verify is judge, with how it came to its verdict.
func verify(certs []*Certificate, name string, trusted *Roots, now time.Time) *verification {
	c := &Chain{At: now, Name: name, Certificates: certs}
	j := &verification{Chain: c, roots: trusted, signed: make(map[[2]int]bool)}
	for _, cert := range certs {
		j.sent = append(j.sent, cert.X509)
	}

	verified, err := verifyX509(j.sent, name, trusted.Pool, now)
	if c.Valid = err == nil; c.Valid {
		j.path = longest(verified)
		c.Path = j.path
		for _, path := range verified {
			j.rootsSeen = append(j.rootsSeen, path[len(path)-1])
		}
	} else {
		j.explain(err)
	}
	if c.Path != nil {
		c.NotAfter = end(c.Path)
	}
	j.checkKeys()
	j.checkLifetime()
	j.checkOrder()
	slices.SortStableFunc(c.Problems, func(a, b Found) int {
		return slices.Index(Problems, a.Problem) - slices.Index(Problems, b.Problem)
	})
	return j
}

// verifyX509 is x509.Verify for a server, as a browser would ask.
func verifyX509(certs []*x509.Certificate, name string, pool *x509.CertPool, now time.Time) ([][]*x509.Certificate, error) {
	intermediates := x509.NewCertPool()
	for _, cert := range certs[1:] {
		intermediates.AddCert(cert)
	}
	return certs[0].Verify(x509.VerifyOptions{DNSName: name, Intermediates: intermediates, Roots: pool, CurrentTime: now})
}

// longest is, of several trusted paths, the one whose earliest end is latest:
// clients break when no path is left, not when the first one ends.
func longest(paths [][]*x509.Certificate) []*x509.Certificate {
	return slices.MaxFunc(paths, func(a, b []*x509.Certificate) int { return end(a).Compare(end(b)) })
}

// end is the earliest NotAfter of a path.
func end(path []*x509.Certificate) time.Time {
	first := path[0].NotAfter
	for _, cert := range path[1:] {
		if cert.NotAfter.Before(first) {
			first = cert.NotAfter
		}
	}
	return first
}

// verification is one chain while it is being judged.
type verification struct {
	*Chain
	sent          []*x509.Certificate
	roots         *Roots
	path          []*x509.Certificate // the path that the questions are about; it need not end in a root
	rootsSeen     []*x509.Certificate // roots that came into it
	timeDependent bool                // a problem is told with the time of now, so that it is another one a moment later
	signed        map[[2]int]bool     // by parent and child: what has been asked of signs
	checks        int                 // signatures verified for this chain
}

// report notes a problem of cert, once.
func (j *verification) report(p Problem, cert *x509.Certificate, format string, args ...any) {
	if j.Has(p) {
		return
	}
	position := -1
	if cert != nil {
		position = index(j.sent, cert)
	}
	j.Problems = append(j.Problems, Found{Problem: p, Position: position, Detail: text.Message(fmt.Sprintf(format, args...))})
}

// explain finds everything that makes the chain invalid. It chooses one way up
// from the leaf, the best that there is, and asks each question of that way, so
// that two half-good ways never hide each other's problems.
func (j *verification) explain(verdict error) {
	complete, dangling := j.paths()
	ways := complete
	if len(complete) == 0 {
		ways = dangling
	}
	best := j.best(ways)
	j.path = best.certs
	if len(complete) == 0 {
		j.reportMissing(best.certs)
	} else if best.trustworthy() {
		j.Path = best.certs
	}
	for _, d := range best.defects {
		j.report(d.Problem, d.cert, "%s", d.detail)
	}
	if err := j.sent[0].VerifyHostname(j.Name); err != nil && j.Name != "" {
		j.report(ProblemNameMismatch, j.sent[0], "%s is not among the names of the leaf (%s)", text.Quote(j.Name), claimed(j.sent[0]))
	}
	if !slices.ContainsFunc(j.Problems, func(f Found) bool { return f.Problem.Invalidates() }) {
		j.timeDependent = true
		j.report(problemOf(verdict), nil, "%s", verdict)
	}
}

// problemOf is the problem that an error of x509.Verify amounts to.
func problemOf(err error) Problem {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return ProblemNameMismatch
	}
	if _, ok := errors.AsType[x509.UnhandledCriticalExtension](err); ok {
		return ProblemWrongUsage
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch invalid.Reason {
		case x509.Expired:
			return ProblemExpired
		case x509.CANotAuthorizedForThisName, x509.UnconstrainedName, x509.TooManyConstraints, x509.NameConstraintsWithoutSANs:
			return ProblemNameConstraint
		}
		return ProblemWrongUsage
	}
	return ProblemUnknownAuthority
}

// claimed lists the names that a leaf is for.
func claimed(leaf *x509.Certificate) string {
	names := dnsNames(leaf)
	for _, ip := range leaf.IPAddresses {
		if names != "" {
			names += ","
		}
		if names += ip.String(); len(names) > maxName {
			return names + ",…"
		}
	}
	if names == "" {
		return "it has none; a common name does not count"
	}
	return names
}
