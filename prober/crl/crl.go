// Package crl reads certificate revocation lists (CRL, RFC 5280 section 5) of any size, and
// judges certificates by them.
//
// A list is read as a stream, 64 KB at a time. Its serial numbers go into a hash table that
// takes 6.3 bytes for each: ten million take 63 MB. It never misses a revoked certificate.
// That it takes another one for revoked has a probability below 3e-11 for each certificate
// and list; see index. Lists up to 4 MB also keep the date and the reason of each entry.
// ReadFor reads a list again for one certificate, whose serial number it compares as a whole.
//
// What is not supported is refused, so that nothing is good that was not proven to be: delta
// CRLs, indirect CRLs, lists with critical extensions that are not known, and signatures
// with SHA-1 or MD5. PEM is refused too: RFC 5280 section 4.2.1.13 requires DER of what a
// certificate refers to, and clients expect it.
package crl

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"io"
	"math"
	"math/big"
	"time"
)

// List is a certificate revocation list whose signature was verified. It is safe for
// concurrent use.
type List struct {
	ThisUpdate time.Time
	NextUpdate time.Time // zero: the list has none
	Entries    int       // how many certificates are revoked

	issuerKey    [sha256.Size]byte // digest of the SubjectPublicKeyInfo that verified the signature
	issuerName   []byte            // Name, in DER
	authorityKey []byte            // keyIdentifier; empty: the list has none
	scope        scope
	index        *index
}

// Size is how many bytes the list takes.
func (l *List) Size() int {
	size := 256 + len(l.issuerName) + len(l.authorityKey) + l.index.size()
	for _, name := range l.scope.names {
		size += 16 + len(name)
	}
	return size
}

// Read reads a list in DER to its end, and verifies its signature by issuer. It does not
// look at its dates: Judge does. An error about the list is an Invalid; others come from the
// reader, which has to limit bytes and time.
func Read(in io.Reader, issuer *x509.Certificate) (*List, error) { return read(in, issuer, nil) }

// ReadFor is Read for one serial number: the list knows no other one. It takes no memory for
// the others, and knows date and reason.
func ReadFor(in io.Reader, issuer *x509.Certificate, serial *big.Int) (*List, error) {
	content, err := serialContent(serial)
	if err != nil {
		return nil, err
	}
	return read(in, issuer, content)
}

// serialContent is the content of a serial number as INTEGER in DER.
func serialContent(serial *big.Int) ([]byte, error) {
	if serial == nil {
		return nil, errors.New("the certificate has no serial number")
	}
	der, err := asn1.Marshal(serial)
	if err != nil {
		return nil, err
	}
	var whole asn1.RawValue
	_, err = asn1.Unmarshal(der, &whole)
	return whole.Bytes, err
}

func read(in io.Reader, issuer *x509.Certificate, only []byte) (*List, error) {
	p := &parser{stream: &stream{in: in}, list: new(List), only: only, signed: signed{issuer: issuer}}
	if err := p.certificateList(); err != nil {
		return nil, err
	}
	return p.list, nil
}

// parser reads one list.
type parser struct {
	*stream
	list   *List
	only   []byte // the only serial number to keep; nil: all
	signed signed
	v2     bool // the list may have extensions
}

// certificateList reads CertificateList of RFC 5280 section 5.1.
func (p *parser) certificateList() error {
	if err := p.looksLikeDER(); err != nil {
		return err
	}
	end, err := p.enter(sequence, math.MaxInt64)
	if err != nil {
		return err
	}
	if err := p.sign(&p.signed); err != nil {
		return err
	}
	inner, err := p.toBeSigned(end)
	if err != nil {
		return err
	}
	if err := p.sign(nil); err != nil {
		return err
	}
	outer, err := p.element(sequence, end)
	if err != nil {
		return err
	}
	if !bytes.Equal(inner, outer) {
		return Invalid("the CRL names two different signature algorithms")
	}
	signature, err := p.signature(end)
	if err != nil {
		return err
	}
	if err := p.finish(); err != nil {
		return err
	}
	return p.verify(signature)
}

// looksLikeDER names what servers send instead of a list.
func (p *parser) looksLikeDER() error {
	start, err := p.peek(1)
	if err != nil {
		return err
	}
	switch start[0] {
	case '<':
		return Invalid("the answer is HTML or XML, and no CRL")
	case '-':
		return Invalid("the answer is PEM, where RFC 5280 section 4.2.1.13 requires a CRL in DER")
	}
	return nil
}

// verify checks that the issuer made the list.
func (p *parser) verify(signature []byte) error {
	l, issuer := p.list, p.signed.issuer
	if !bytes.Equal(l.issuerName, issuer.RawSubject) {
		return Invalid("the CRL is of another CA: its issuer has another name")
	}
	if len(l.authorityKey) > 0 && len(issuer.SubjectKeyId) > 0 && !bytes.Equal(l.authorityKey, issuer.SubjectKeyId) {
		return Invalid("the CRL is of another key: its authority key identifier is not that of the issuer")
	}
	if err := p.signed.verify(signature); err != nil {
		return err
	}
	l.issuerKey = sha256.Sum256(issuer.RawSubjectPublicKeyInfo)
	return nil
}

// toBeSigned reads TBSCertList, and returns its AlgorithmIdentifier.
func (p *parser) toBeSigned(end int64) (algorithm []byte, err error) {
	end, err = p.enter(sequence, end)
	if err != nil {
		return nil, err
	}
	if err := p.version(end); err != nil {
		return nil, err
	}
	if algorithm, err = p.algorithm(end); err != nil {
		return nil, err
	}
	name, err := p.element(sequence, end)
	if err != nil {
		return nil, err
	}
	p.list.issuerName = bytes.Clone(name)
	if err := p.dates(end); err != nil {
		return nil, err
	}
	if err := p.revoked(end); err != nil {
		return nil, err
	}
	if err := p.extensions(end); err != nil {
		return nil, err
	}
	return algorithm, p.close(end)
}

// version reads the version, which lists of version 1 do not have.
func (p *parser) version(end int64) error {
	tag, ok, err := p.more(end)
	if err != nil || !ok || tag != integer {
		return err
	}
	version, err := p.element(integer, end)
	if err != nil {
		return err
	}
	if !bytes.Equal(version, []byte{byte(integer), 1, 1}) {
		return Invalid("the CRL has a version that is not known")
	}
	p.v2 = true
	return nil
}

func (p *parser) algorithm(end int64) ([]byte, error) {
	der, err := p.element(sequence, end)
	if err != nil {
		return nil, err
	}
	der = bytes.Clone(der)
	if err := p.pass(); err != nil {
		return nil, err
	}
	return der, p.signed.start(der)
}

// dates reads thisUpdate and nextUpdate, which may be missing.
func (p *parser) dates(end int64) error {
	for _, date := range []*time.Time{&p.list.ThisUpdate, &p.list.NextUpdate} {
		tag, ok, err := p.more(end)
		if err != nil {
			return err
		}
		if date == &p.list.NextUpdate && (!ok || tag != utcTime && tag != generalizedTime) {
			return nil
		}
		der, err := p.element(tag, end)
		if err != nil {
			return err
		}
		text := reader(der)
		if *date, ok = readTime(&text); !ok {
			return p.malformed("a date that cannot be read")
		}
	}
	return nil
}

// revoked reads revokedCertificates, which are missing if there are none.
func (p *parser) revoked(end int64) error {
	tag, ok, err := p.more(end)
	if err != nil {
		return err
	}
	if !ok || tag != sequence {
		p.list.index = newIndex(0)
		return nil
	}
	if end, err = p.enter(sequence, end); err != nil {
		return err
	}
	size := end - p.offset()
	if p.only != nil {
		size = 0
	}
	p.list.index = newIndex(size)
	for p.offset() < end {
		if err := p.entry(end); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) entry(end int64) error {
	der, err := p.element(sequence, end)
	if err != nil {
		return err
	}
	e, fault := parseEntry(der)
	if fault != "" {
		return p.malformed(fault)
	}
	p.list.Entries++
	if p.only == nil || bytes.Equal(e.serial, p.only) {
		p.list.index.add(e)
	}
	return nil
}

func (p *parser) extensions(end int64) error {
	tag, ok, err := p.more(end)
	if err != nil || !ok || tag != explicit(0) {
		return err
	}
	der, err := p.element(explicit(0), end)
	if err != nil {
		return err
	}
	if !p.v2 {
		return Invalid("the CRL is of version 1, and has extensions")
	}
	return p.list.readExtensions(der)
}

// signature reads signatureValue, the last element.
func (p *parser) signature(end int64) ([]byte, error) {
	der, err := p.element(bitString, end)
	if err != nil {
		return nil, err
	}
	whole, signature := reader(der), []byte(nil)
	if !whole.ReadASN1BitStringAsBytes(&signature) {
		return nil, p.malformed("a signature that cannot be read")
	}
	signature = bytes.Clone(signature)
	return signature, p.close(end)
}
