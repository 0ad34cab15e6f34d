package crl

import (
	"bytes"
	"slices"
)

// scope says which certificates a list is about: its IssuingDistributionPoint (RFC 5280
// section 5.2.5).
type scope struct {
	named       bool     // the list is of one distribution point
	names       []string // of the distribution point: the whole DER of each GeneralName
	onlyUsers   bool     // no CA certificates
	onlyCAs     bool     // CA certificates alone
	someReasons bool     // revocations for other reasons are elsewhere
}

// Extensions of lists, id-ce of RFC 5280 section 5.2.
var (
	issuerAltName  = []byte{0x55, 29, 18}
	number         = []byte{0x55, 29, 20}
	deltaIndicator = []byte{0x55, 29, 27}
	issuingPoint   = []byte{0x55, 29, 28}
	authorityKeyID = []byte{0x55, 29, 35}
)

// readExtensions reads crlExtensions [0]. A list with a critical one that is not known tells
// nothing about any certificate (RFC 5280 section 5.2).
func (l *List) readExtensions(der reader) error {
	var outer, extensions reader
	if !der.ReadASN1(&outer, explicit(0)) || !outer.ReadASN1(&extensions, sequence) || !outer.Empty() {
		return errExtensions
	}
	var seen [][]byte
	for !extensions.Empty() {
		x, ok := readExtension(&extensions)
		if !ok || slices.ContainsFunc(seen, func(id []byte) bool { return bytes.Equal(id, x.id) }) {
			return errExtensions
		}
		if seen = append(seen, x.id); len(seen) > maxExtensions {
			return errExtensions
		}
		if err := l.apply(x); err != nil {
			return err
		}
	}
	return nil
}

// maxExtensions bounds the extensions of a list. RFC 5280 has seven.
const maxExtensions = 32

const errExtensions = Invalid("the extensions of the CRL cannot be read")

func (l *List) apply(x extension) error {
	switch {
	case bytes.Equal(x.id, issuingPoint):
		return l.scope.parse(x.value)
	case bytes.Equal(x.id, deltaIndicator):
		return Invalid("this is a delta CRL, which says nothing about the certificates that it does not list")
	case bytes.Equal(x.id, authorityKeyID):
		return l.readAuthorityKey(x.value)
	case bytes.Equal(x.id, number):
		var content reader
		if !x.value.ReadASN1(&content, integer) || !minimal(content) || len(content) > maxSerial || !x.value.Empty() {
			return Invalid("the number of the CRL cannot be read")
		}
	case bytes.Equal(x.id, issuerAltName):
	case x.critical:
		return Invalid("the CRL has a critical extension that is not known")
	}
	return nil
}

// readAuthorityKey reads the keyIdentifier of an AuthorityKeyIdentifier (RFC 5280 section
// 4.2.1.1).
func (l *List) readAuthorityKey(der reader) error {
	var whole, identifier reader
	var present bool
	if !der.ReadASN1(&whole, sequence) || !der.Empty() || !whole.ReadOptionalASN1(&identifier, &present, primitive(0)) {
		return errExtensions
	}
	l.authorityKey = bytes.Clone(identifier)
	return nil
}

// parse reads IssuingDistributionPoint.
func (s *scope) parse(der reader) error {
	var point, name, reasons reader
	if !der.ReadASN1(&point, sequence) || !der.Empty() || !point.ReadOptionalASN1(&name, &s.named, explicit(0)) {
		return errScope
	}
	if s.named {
		names, ok := pointNames(name)
		if !ok {
			return errScope
		}
		s.names = names
	}
	var indirect, attributes bool
	ok := readFlag(&point, &s.onlyUsers, primitive(1)) && readFlag(&point, &s.onlyCAs, primitive(2)) &&
		point.ReadOptionalASN1(&reasons, &s.someReasons, primitive(3)) &&
		readFlag(&point, &indirect, primitive(4)) && readFlag(&point, &attributes, primitive(5)) && point.Empty()
	switch {
	case !ok || s.onlyUsers && s.onlyCAs:
		return errScope
	case indirect:
		return Invalid("this is an indirect CRL, which has certificates of several CAs: not supported")
	case attributes:
		return Invalid("the CRL is about attribute certificates alone")
	}
	return nil
}

const errScope = Invalid("the issuing distribution point of the CRL cannot be read")

// readFlag reads a BOOLEAN whose default is FALSE.
func readFlag(der *reader, flag *bool, tag derTag) bool {
	var content reader
	var present bool
	if !der.ReadOptionalASN1(&content, &present, tag) {
		return false
	}
	*flag = present && len(content) == 1 && content[0] != 0
	return !present || len(content) == 1
}

// pointNames reads a DistributionPointName (RFC 5280 section 4.2.1.13), and returns the
// GeneralNames of its fullName. A nameRelativeToCRLIssuer gives none.
func pointNames(der reader) (names []string, ok bool) {
	fullName, relativeName := explicit(0), explicit(1)
	var full reader
	if der.PeekASN1Tag(relativeName) {
		return nil, true
	}
	if !der.ReadASN1(&full, fullName) || !der.Empty() {
		return nil, false
	}
	for !full.Empty() {
		var name reader
		var tag derTag
		if !full.ReadAnyASN1Element(&name, &tag) {
			return nil, false
		}
		names = append(names, string(name))
	}
	return names, true
}
