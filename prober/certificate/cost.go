package certificate

import "bytes"

// The memory of a parsed certificate, in bytes. TestCost measures that no certificate
// takes more than its cost.
const (
	overhead    = 3 << 10 // x509.Certificate and its public key
	elementCost = 56      // an ASN.1 element: a part of a name, or of an extension
	nameCost    = 40      // a general name
	uriCost     = 170     // a general name that is a URI, which crypto/x509 parses
)

// budget returns how many bytes the certificates of a chain may take. Real ones take half
// of it.
func budget(chain [][]byte) int {
	size := 0
	for _, der := range chain {
		size += len(der)
	}
	return 20<<10 + len(chain)*overhead + 8*min(size, maxChain)
}

// maxChain is the size from which the budget does not grow, in bytes. Real chains have up
// to 10 kB; with signatures that resist quantum computers, up to 40 kB.
const maxChain = 96 << 10

// cost returns how many bytes crypto/x509 needs for a certificate, at most. It counts the
// ASN.1 elements, at any depth.
func cost(der []byte) int {
	c := counter{left: maxElements}
	c.count(der, 0)
	if c.left == 0 {
		return aboveAllBudgets
	}
	return overhead + 2*len(der) + c.bytes
}

// The bounds of the count.
const (
	maxElements     = 64 << 10
	maxDepth        = 16
	aboveAllBudgets = 1 << 30
)

type counter struct {
	left  int // elements
	bytes int
}

// count counts the elements in der, and those in the values of the extensions that
// crypto/x509 reads.
func (c *counter) count(der reader, depth int) {
	var id reader
	for !der.Empty() && c.left > 0 {
		var element reader
		var tag derTag
		if !der.ReadAnyASN1(&element, &tag) {
			return // crypto/x509 allocates nothing for the rest
		}
		c.left--
		c.bytes += costOf(tag)
		if tag == objectIdentifier {
			id = element
		}
		if depth < maxDepth && (tag&constructed != 0 || tag == octetString && expands(id)) {
			c.count(element, depth+1)
		}
	}
}

// expands reports whether crypto/x509 reads the value of an extension with this number:
// those of RFC 5280 sections 4.2.1 and 4.2.2.
func expands(id reader) bool {
	return bytes.HasPrefix(id, []byte{0x55, 0x1d}) || bytes.HasPrefix(id, []byte{0x2b, 6, 1, 5, 5, 7, 1})
}

func costOf(tag derTag) int {
	switch {
	case tag == uri:
		return uriCost
	case tag&contextSpecific != 0 && tag&constructed == 0:
		return nameCost
	}
	return elementCost
}

const uri = contextSpecific | 6 // RFC 5280 section 4.2.1.6
