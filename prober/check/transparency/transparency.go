// Package transparency verifies the signed certificate timestamps (SCTs) that come with a
// certificate, and judges them by Chrome's policy for Certificate Transparency. It sends
// nothing to the server.
package transparency

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"tls_exporter/prober/bounded"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/loglist"
	"tls_exporter/prober/sct"
)

// Options configures the check transparency.
type Options struct {
	// LogListFile is a list of logs in version 3 of Google's format, as
	// https://www.gstatic.com/ct/log_list/v3/log_list.json; empty: the list that is part
	// of the exporter.
	LogListFile string `yaml:"log_list_file"`

	list     *loglist.List                         `key:"-"` // nil: the one that is part of the exporter
	digest   [sha256.Size]byte                     // of list
	verified *bounded.Map[[sha256.Size]byte, bool] `key:"-"` // whether signatures verify, by sct.Entry.Key; nil: nothing is kept
}

// The limit of verified, and the size of an entry, in bytes: the SCTs of some 5,000 endpoints,
// which show the same ones for months.
const (
	maxVerified    = 2 << 20
	sizeOfVerified = 120
)

// maxSCTs is how many SCTs of one source are verified. Certificates have up to ten.
const maxSCTs = 16

// Load returns the options with the content of the file that they name. An error begins
// with the key of the option.
func (o Options) Load() (*Options, error) {
	o.list, o.verified = loglist.BuiltIn(), bounded.New[[sha256.Size]byte, bool](maxVerified)
	if o.LogListFile != "" {
		var err error
		if o.list, err = loglist.Load(o.LogListFile); err != nil {
			return nil, fmt.Errorf("log_list_file: %w", err)
		}
	}
	o.digest = o.list.Digest
	return &o, nil
}

// Source is how SCTs come to a client, RFC 6962 section 3.3.
type Source string

// The sources.
const (
	Certificate Source = "certificate" // in an extension of the certificate
	Extension   Source = "extension"   // in the TLS extension signed_certificate_timestamp
	Staple      Source = "staple"      // in the stapled OCSP response
)

// Status is what is known about an SCT.
type Status string

// The statuses.
const (
	Valid         Status = "valid"          // signed by a log of the list, and not from the future
	BadSignature  Status = "bad_signature"  // not by this log, or not for this certificate
	Future        Status = "future"         // its time has not come
	UnknownLog    Status = "unknown_log"    // the list does not have the log
	UnknownIssuer Status = "unknown_issuer" // the log signs the key of the issuer too, and which that is is not known
	Malformed     Status = "malformed"      // it is no SCT of version 1
)

// Finding is the finding of the check transparency.
type Finding struct {
	ListTime time.Time // of the list of logs
	Sources  []Tally   // those that are known
	SCTs     []SCT     // at most maxSCTs of each source
	Verdict  *Verdict  // nil: there is none, see Unjudged
	Unjudged string    // why there is no verdict, for people; empty: there is one
}

// Tally counts the SCTs of a source.
type Tally struct {
	Source     Source
	Count      int
	Valid      int
	Verifiable bool // false: Valid is not known
}

// SCT is one SCT.
type SCT struct {
	Source Source
	Status Status
	LogID  sct.LogID    // zero: it is malformed
	Log    *loglist.Log // nil: it is not in the list
	Time   time.Time    // zero: it is malformed
	Index  int64        // see sct.SCT
}

// Size is how many bytes the finding takes; nil: none.
func (f *Finding) Size() int {
	if f == nil {
		return 0
	}
	return 200 + 112*len(f.SCTs)
}

// Facts is what SCTs are about, and where they come from.
type Facts struct {
	Chain     *chain.Chain        // nil: there is none
	Path      []*x509.Certificate // of Chain, leaf to root; nil: there is none
	Completed bool                // the handshake, so that it is known what came in it
	SCTs      [][]byte            // of the TLS extension, serialized
	Staple    []byte              // an OCSP response; empty: none came
	Failure   *failure.Failure    // of the probe; nil: it succeeded
	Now       time.Time
}

// Judge verifies the SCTs, and judges them.
func (o *Options) Judge(facts *Facts) (*Finding, error) {
	leaf, issuer, err := facts.certificates()
	if err != nil {
		return nil, err
	}
	v := &verifier{Options: o, list: o.list, now: facts.Now, trusted: facts.Path != nil, found: new(Finding)}
	if v.list == nil {
		v.list = loglist.BuiltIn()
	}
	v.found.ListTime = v.list.Timestamp
	v.readCertificate(leaf, issuer)
	if facts.Completed {
		whole := sct.CertificateEntry(leaf.Raw)
		v.read(Extension, facts.SCTs, &whole)
		stapled, err := inStaple(facts.Staple, leaf)
		if err == nil {
			v.read(Staple, stapled, &whole)
		}
	}
	if v.found.Unjudged = facts.unjudged(v.list); v.found.Unjudged == "" {
		v.found.Verdict = judge(v.found.SCTs, leaf.NotAfter.Sub(leaf.NotBefore), facts.Now)
	}
	return v.found, nil
}

// certificates returns the leaf and its issuer; nil: it is not known. Without a trusted path,
// the issuer is a certificate of its name.
func (f *Facts) certificates() (leaf, issuer *x509.Certificate, err error) {
	switch {
	case len(f.Path) > 1:
		return f.Path[0], f.Path[1], nil
	case len(f.Path) == 1:
		return f.Path[0], f.Path[0], nil
	case f.Chain == nil && f.Failure != nil:
		return nil, nil, f.Failure
	case f.Chain == nil:
		return nil, nil, errors.New("the server sent no certificate")
	case f.Chain.DER == nil:
		return nil, nil, failure.With(failure.ReasonTooLarge, fmt.Errorf("the certificates have more than %d bytes", chain.MaxDER))
	}
	if leaf, err = x509.ParseCertificate(f.Chain.DER[0]); err != nil {
		return nil, nil, failure.With(failure.ReasonBadCertificate, err)
	}
	for _, der := range f.Chain.DER {
		if candidate, err := x509.ParseCertificate(der); err == nil && bytes.Equal(candidate.RawSubject, leaf.RawIssuer) {
			return leaf, candidate, nil
		}
	}
	return leaf, nil, nil
}

// inStaple returns the SCTs in a stapled OCSP response, serialized.
func inStaple(response []byte, leaf *x509.Certificate) ([][]byte, error) {
	if len(response) == 0 {
		return nil, nil
	}
	return sct.InOCSP(response, leaf.SerialNumber)
}

// verifier makes a finding.
type verifier struct {
	*Options
	list    *loglist.List
	now     time.Time
	trusted bool // the issuer is that of a trusted path
	found   *Finding
}

// readCertificate reads the SCTs inside a certificate.
func (v *verifier) readCertificate(leaf, issuer *x509.Certificate) {
	embedded, err := sct.InCertificate(leaf)
	if err != nil {
		v.read(Certificate, [][]byte{nil}, nil)
		return
	}
	var signed *sct.Entry
	if issuer != nil && len(embedded) > 0 {
		if entry, err := sct.PrecertificateEntry(leaf.RawTBSCertificate, issuer.RawSubjectPublicKeyInfo); err == nil {
			signed = &entry
		}
	}
	v.read(Certificate, embedded, signed)
}

// read reads the SCTs of a source, which sign an entry; nil: it is not known.
func (v *verifier) read(source Source, serialized [][]byte, signed *sct.Entry) {
	tally := Tally{Source: source, Count: len(serialized), Verifiable: true}
	for i, one := range serialized {
		if i == maxSCTs {
			tally.Verifiable = false
			break
		}
		read := v.verify(source, one, signed)
		switch read.Status {
		case Valid:
			tally.Valid++
		case UnknownIssuer:
			tally.Verifiable = false
		}
		v.found.SCTs = append(v.found.SCTs, read)
	}
	v.found.Sources = append(v.found.Sources, tally)
}

// verify verifies one SCT.
func (v *verifier) verify(source Source, serialized []byte, signed *sct.Entry) SCT {
	parsed, err := sct.Parse(serialized)
	if err != nil {
		return SCT{Source: source, Status: Malformed}
	}
	read := SCT{Source: source, LogID: parsed.LogID, Log: v.list.Find(parsed.LogID), Time: parsed.Timestamp, Index: parsed.Index}
	switch {
	case read.Log == nil:
		read.Status = UnknownLog
	case signed == nil:
		read.Status = UnknownIssuer
	case !v.signedBy(read.Log, parsed, serialized, signed):
		if read.Status = BadSignature; source == Certificate && !v.trusted {
			read.Status = UnknownIssuer
		}
	case parsed.Timestamp.After(v.now):
		read.Status = Future
	default:
		read.Status = Valid
	}
	return read
}

// signedBy reports whether a log signed the SCT.
func (v *verifier) signedBy(log *loglist.Log, parsed *sct.SCT, serialized []byte, signed *sct.Entry) bool {
	if v.verified == nil {
		return parsed.Verify(log.Key, *signed) == nil
	}
	key := signed.Key(serialized)
	good, known := v.verified.Get(key)
	if !known {
		good = parsed.Verify(log.Key, *signed) == nil
		v.verified.Put(key, good, sizeOfVerified)
	}
	return good
}
