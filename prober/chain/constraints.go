package chain

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// crypto/x509 knows name constraints for DNS names, e-mail and IP addresses and URIs. To
// it an extension with any other form is one that it does not know. This file judges
// directory names (RFC 5280 sections 4.2.1.10 and 7.1), and whether there is a name of
// the remaining forms, to which the constraint would apply.

var (
	oidNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidAlternativeName = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// form is the tag of a GeneralName (RFC 5280 section 4.2.1.6).
type form int

const formDirectory form = 4

// known reports whether crypto/x509 judges constraints of this form.
func (f form) known() bool { return f == 1 || f == 2 || f == 6 || f == 7 }

// subtree is a constraint of a form that crypto/x509 does not know.
type subtree struct {
	form     form
	excluded bool
	odd      bool   // it has a minimum or a maximum, which RFC 5280 forbids
	name     []byte // of a directory: RDNSequence
}

// comparable reports whether this file judges the constraint.
func (s subtree) comparable() bool { return s.form == formDirectory && !s.odd }

// Bounds on directory names and their constraints. Real ones have a handful; what has
// more is not judged.
const (
	maxSubtrees  = 256     // of a certificate
	maxNames     = 256     // likewise
	maxRDNs      = 64      // of a name
	maxNameBytes = 2 << 20 // of all names that are compared for one chain
)

// subtreesOf returns the constraints of a certificate that crypto/x509 does not know;
// false: there are too many, or they cannot be read.
func subtreesOf(cert *x509.Certificate) ([]subtree, bool) {
	value := extension(cert, oidNameConstraints)
	if value == nil {
		return nil, true
	}
	var all []subtree
	whole, ok := element(&value)
	for ok && len(whole.Bytes) > 0 {
		var list asn1.RawValue // permittedSubtrees [0], excludedSubtrees [1]
		list, ok = element(&whole.Bytes)
		for ok && len(list.Bytes) > 0 {
			var one, base asn1.RawValue
			if one, ok = element(&list.Bytes); !ok {
				break
			}
			if base, ok = element(&one.Bytes); !ok {
				break
			}
			s := subtree{form: form(base.Tag), excluded: list.Tag == 1, odd: len(one.Bytes) > 0, name: base.Bytes}
			if s.form.known() && !s.odd {
				continue
			}
			if all = append(all, s); len(all) > maxSubtrees {
				return nil, false
			}
		}
	}
	return all, ok
}

// namesOf returns the directory names of a certificate, each an RDNSequence, and the
// forms of all its alternative names; false: there are too many.
func namesOf(cert *x509.Certificate) (directories [][]byte, forms map[form]bool, ok bool) {
	forms = make(map[form]bool)
	if len(cert.RawSubject) > emptyName {
		directories = append(directories, cert.RawSubject)
	}
	value := extension(cert, oidAlternativeName)
	if value == nil {
		return directories, forms, true
	}
	whole, ok := element(&value)
	for ok && len(whole.Bytes) > 0 {
		var name asn1.RawValue
		if name, ok = element(&whole.Bytes); !ok {
			break
		}
		forms[form(name.Tag)] = true
		if form(name.Tag) == formDirectory {
			if directories = append(directories, name.Bytes); len(directories) > maxNames {
				return nil, nil, false
			}
		}
	}
	return directories, forms, ok
}

// checkSubtrees judges the constraints of the certificate at i of a path that crypto/x509
// does not know. violated is a sentence, unless it is empty; unknown is a constraint
// that nobody can judge.
func (v *verification) checkSubtrees(path []*x509.Certificate, i int) (violated, unknown string) {
	subtrees, ok := subtreesOf(path[i])
	if !ok {
		return "", "too many name constraints, or unreadable ones"
	}
	if len(subtrees) == 0 {
		return "", ""
	}
	permitted, excluded, ok := v.directories(subtrees)
	if !ok {
		return "", "name constraints that cannot be compared"
	}
	for j, cert := range path[:i] {
		if j > 0 && bytes.Equal(cert.RawSubject, cert.RawIssuer) {
			continue // self-issued, RFC 5280 section 6.1.3
		}
		names, forms, ok := namesOf(cert)
		if !ok {
			return "", "too many names below it, or unreadable ones"
		}
		for _, s := range subtrees {
			if of := s.form; !s.comparable() && (forms[of] || of == formDirectory && len(names) > 0) {
				return "", fmt.Sprintf("a name constraint of form %d, which clients do not know", of)
			}
		}
		for _, name := range names {
			rdns, ok := v.canonical(name)
			if !ok {
				return "", "a directory name that cannot be compared"
			}
			if len(permitted) > 0 && !below(rdns, permitted) || below(rdns, excluded) {
				return fmt.Sprintf("a directory name of %s is outside of its name constraints", v.label(cert)), ""
			}
		}
	}
	return "", ""
}

// directories returns the canonical names of the subtrees that are directory names.
func (v *verification) directories(subtrees []subtree) (permitted, excluded [][]string, ok bool) {
	for _, s := range subtrees {
		if !s.comparable() {
			continue
		}
		rdns, ok := v.canonical(s.name)
		switch {
		case !ok:
			return nil, nil, false
		case s.excluded:
			excluded = append(excluded, rdns)
		default:
			permitted = append(permitted, rdns)
		}
	}
	return permitted, excluded, true
}

// below reports whether a name is within one of the subtrees.
func below(name []string, subtrees [][]string) bool {
	return slices.ContainsFunc(subtrees, func(base []string) bool {
		return len(base) <= len(name) && slices.Equal(base, name[:len(base)])
	})
}

// canonical is the function of that name, within the limit for one chain.
func (v *verification) canonical(name []byte) ([]string, bool) {
	if v.nameBytes += len(name); v.nameBytes > maxNameBytes {
		return nil, false
	}
	return canonical(name)
}

// canonical returns the RDNs of a name, each as a string that is the same for all that
// are equal by RFC 5280 section 7.1: whatever the type of the string, the case of
// letters, and the spaces around and between words. Like OpenSSL, it folds the case of
// ASCII letters alone.
func canonical(name []byte) ([]string, bool) {
	whole, ok := element(&name)
	var rdns []string
	for ok && len(whole.Bytes) > 0 {
		var set asn1.RawValue
		if set, ok = element(&whole.Bytes); !ok || len(rdns) == maxRDNs {
			return nil, false
		}
		var attributes []string
		for ok && len(set.Bytes) > 0 {
			var attribute, kind, value asn1.RawValue
			if attribute, ok = element(&set.Bytes); !ok || len(attributes) == maxRDNs {
				return nil, false
			}
			if kind, ok = element(&attribute.Bytes); ok {
				value, ok = element(&attribute.Bytes)
			}
			attributes = append(attributes, fmt.Sprintf("%x=%q", kind.Bytes, canonicalValue(value)))
		}
		slices.Sort(attributes) // a set has no order
		rdns = append(rdns, strings.Join(attributes, "+"))
	}
	return rdns, ok
}

// canonicalValue returns the text of a string type of RFC 5280 section 4.1.2.4, or the
// encoding of any other value.
func canonicalValue(value asn1.RawValue) string {
	var text string
	switch value.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString, 26: // VisibleString
		text = string(value.Bytes)
	case asn1.TagT61String: // read as Latin-1, as everyone does
		runes := make([]rune, len(value.Bytes))
		for i, b := range value.Bytes {
			runes[i] = rune(b)
		}
		text = string(runes)
	case asn1.TagBMPString:
		units := make([]uint16, len(value.Bytes)/2)
		for i := range units {
			units[i] = uint16(value.Bytes[2*i])<<8 | uint16(value.Bytes[2*i+1])
		}
		text = string(utf16.Decode(units))
	default:
		return string(value.FullBytes)
	}
	lower := strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
	return strings.Join(strings.Fields(lower), " ")
}

// element takes the first element of a DER encoding.
func element(der *[]byte) (asn1.RawValue, bool) {
	var value asn1.RawValue
	rest, err := asn1.Unmarshal(*der, &value)
	*der = rest
	return value, err == nil
}

// extension returns the value of an extension; nil: the certificate does not have it.
func extension(cert *x509.Certificate, oid asn1.ObjectIdentifier) []byte {
	for _, e := range cert.Extensions {
		if e.Id.Equal(oid) {
			return e.Value
		}
	}
	return nil
}

// unhandled returns the critical extensions of the certificate at i of a path that
// neither crypto/x509 nor this file judges.
func (v *verification) unhandled(path []*x509.Certificate, i int) []asn1.ObjectIdentifier {
	var left []asn1.ObjectIdentifier
	for _, oid := range path[i].UnhandledCriticalExtensions {
		switch {
		case oid.Equal(oidAlternativeName): // of forms that name no server, and that are read here
			continue
		case oid.Equal(oidNameConstraints):
			if _, unknown := v.checkSubtrees(path, i); unknown == "" {
				continue
			}
		}
		left = append(left, oid)
	}
	return left
}
