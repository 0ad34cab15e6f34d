package chain

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/text"
)

// verify verifies the certificates that a server sent, leaf first. A chain is valid if
// x509.Verify accepts a path of it to which clients do not object otherwise. Because
// x509.Verify stops at the first problem, the problems are found separately, one by one.
// Without a name, the names of the leaf are not checked. For usage see Verifier.Verify.
func verify(certs []*certificate.Parsed, name string, usage x509.KeyUsage, trusted *Roots, now time.Time) *verification {
	c := &Chain{At: now, Name: name, Certificates: shown(certs), DER: derOf(certs)}
	v := &verification{Chain: c, roots: trusted, usage: usage, issued: make(map[[2]*x509.Certificate]issuance), unread: make(map[*x509.Certificate]error)}
	for _, cert := range certs {
		v.sent = append(v.sent, cert.X509)
		if cert.Err != nil {
			v.unread[cert.X509] = cert.Err
		}
	}

	verified, err := v.verifyRead()
	for _, path := range verified {
		v.rootsSeen = append(v.rootsSeen, path[len(path)-1])
		if len(v.objections(path)) == 0 {
			v.good = append(v.good, path)
		}
	}
	v.checkName()
	if c.Valid = len(v.good) > 0 && !c.Has(ProblemNameMismatch); c.Valid {
		v.examined = longestLasting(v.good)
		v.path = v.examined
	} else {
		v.explain(err)
	}
	if v.path != nil {
		c.Path, c.NotAfter = v.show(v.path), expiry(v.path)
		root := v.path[len(v.path)-1]
		c.Public = v.roots.public(root)
		if index(v.sent, root) < 0 {
			c.root = root.Raw
		}
	}
	v.checkKeys()
	v.checkLifetime()
	v.checkOrder()
	sortProblems(c.Problems)
	return v
}

// verifyRead calls verifyX509 with the certificates that crypto/x509 has read.
func (v *verification) verifyRead() ([][]*x509.Certificate, error) {
	if err := v.unread[v.sent[0]]; err != nil {
		return nil, err
	}
	read := slices.DeleteFunc(slices.Clone(v.sent), func(cert *x509.Certificate) bool { return v.unread[cert] != nil })
	return verifyX509(read, v.Name, v.roots.Pool, v.At, v.uses()...)
}

// uses are those for one of which the leaf has to be; nil: for servers.
func (v *verification) uses() []x509.ExtKeyUsage {
	if v.usage == AnyUse {
		return []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	}
	return nil
}

// verifyX509 calls x509.Verify as a browser would for a server, or for other uses.
func verifyX509(certs []*x509.Certificate, name string, pool *x509.CertPool, now time.Time, uses ...x509.ExtKeyUsage) ([][]*x509.Certificate, error) {
	intermediates := x509.NewCertPool()
	for _, cert := range certs[1:] {
		if key, ok := cert.PublicKey.(*rsa.PublicKey); !ok || affordable(key) {
			intermediates.AddCert(cert)
		}
	}
	return certs[0].Verify(x509.VerifyOptions{DNSName: name, Intermediates: intermediates, Roots: pool, CurrentTime: now, KeyUsages: uses})
}

// longestLasting returns the path that expires last: clients fail when no path is left,
// not when the first one expires.
func longestLasting(paths [][]*x509.Certificate) []*x509.Certificate {
	return slices.MaxFunc(paths, func(a, b []*x509.Certificate) int { return expiry(a).Compare(expiry(b)) })
}

// expiry returns the earliest NotAfter of a path.
func expiry(path []*x509.Certificate) time.Time {
	first := path[0].NotAfter
	for _, cert := range path[1:] {
		if cert.NotAfter.Before(first) {
			first = cert.NotAfter
		}
	}
	return first
}

// verification is the state of the verification of one chain.
type verification struct {
	*Chain
	sent          []*x509.Certificate
	good          [][]*x509.Certificate       // the paths that crypto/x509 accepts, and to which clients do not object
	path          []*x509.Certificate         // the trusted one; nil: none
	unread        map[*x509.Certificate]error // what crypto/x509 has not read, and why
	roots         *Roots
	usage         x509.KeyUsage                     // that the handshake needs of the leaf; 0: not known; or AnyUse
	examined      []*x509.Certificate               // the path whose problems are reported; it may not end in a root
	rootsSeen     []*x509.Certificate               // that the result depends on
	timeDependent bool                              // the text of a problem has the current time, so that the result cannot be cached
	issued        map[[2]*x509.Certificate]issuance // by parent and child
	checks        int                               // signatures verified
	nameBytes     int                               // of directory names compared
}

// show returns what is shown of the certificates of a path.
func (v *verification) show(path []*x509.Certificate) []*Certificate {
	shown := make([]*Certificate, len(path))
	for i, cert := range path {
		if position := index(v.sent, cert); position >= 0 {
			shown[i] = v.Certificates[position]
		} else {
			shown[i] = v.roots.describe(cert)
		}
	}
	return shown
}

// report adds a problem of cert, if the chain does not have it yet.
func (v *verification) report(p Problem, cert *x509.Certificate, format string, args ...any) {
	if v.Has(p) {
		return
	}
	position := -1
	if cert != nil {
		position = index(v.sent, cert)
	}
	v.Problems = append(v.Problems, Found{Problem: p, Position: position, Detail: text.Message(fmt.Sprintf(format, args...))})
}

// explain finds everything that makes the chain invalid. It reports all problems of one
// path, the best, so that no path hides the problems of another. cause is the error of
// x509.Verify.
func (v *verification) explain(cause error) {
	complete, incomplete := v.findPaths()
	paths := complete
	if len(complete) == 0 {
		paths = incomplete
	}
	best := v.best(paths)
	v.examined = best.certs
	if len(complete) == 0 {
		v.reportUntrusted(best.certs)
	} else if best.trusted() {
		v.path = best.certs
	}
	for _, d := range best.defects {
		v.report(d.Problem, d.cert, "%s", d.detail)
	}
	if slices.ContainsFunc(v.Problems, func(f Found) bool { return f.Problem.Invalidates() }) {
		return
	}
	// What is left is a path of which crypto/x509 cannot verify all signatures or
	// extensions, or has a reason that is not known here.
	err := v.acceptable(best.certs)
	switch {
	case err != nil:
		cause = err
	case v.Has(ProblemUnsupportedAlgorithm) || v.Has(ProblemTooLarge):
		v.Unverified = true
		return
	case cause == nil, beyond(best.certs):
		v.Valid = true
		return
	}
	v.timeDependent = true
	v.report(problemFor(cause), nil, "%s", cause)
}

// acceptable asks crypto/x509 about everything in a path but its signatures and the
// extensions that package chain judges itself.
func (v *verification) acceptable(path []*x509.Certificate) error {
	copies := make([]*x509.Certificate, len(path))
	for i, cert := range path {
		copies[i] = sealed(cert)
		copies[i].UnhandledCriticalExtensions = v.unhandled(path, i)
	}
	roots := x509.NewCertPool()
	roots.AddCert(copies[len(copies)-1])
	_, err := verifyX509(copies[:max(1, len(copies)-1)], "", roots, v.At, v.uses()...)
	return err
}

// beyond reports whether crypto/x509 cannot judge a path: it does not know the algorithm
// of a signature, or an extension.
func beyond(path []*x509.Certificate) bool {
	for i, cert := range path {
		if len(cert.UnhandledCriticalExtensions) > 0 {
			return true
		}
		if i < len(path)-1 && path[i+1].CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) != nil {
			return true
		}
	}
	return false
}

// problemFor classifies an error of x509.Verify.
func problemFor(err error) Problem {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return ProblemNameMismatch
	}
	if _, ok := errors.AsType[x509.UnhandledCriticalExtension](err); ok {
		return ProblemUnhandledCriticalExtension
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch invalid.Reason {
		case x509.Expired:
			return ProblemExpired
		case x509.CANotAuthorizedForThisName, x509.UnconstrainedName, x509.TooManyConstraints, x509.NameConstraintsWithoutSANs:
			return ProblemNameConstraint
		case x509.NotAuthorizedToSign, x509.TooManyIntermediates:
			return ProblemInvalidCA
		}
		return ProblemWrongUsage
	}
	return ProblemUnknownAuthority
}

// maxName bounds a list of names, in bytes.
const maxName = 256

// validNames lists the names of a leaf.
func validNames(leaf *x509.Certificate) string {
	names := certificate.DNSNames(leaf)
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
