package crl

import "math/big"

// Contains reports whether the list has a serial number.
func (l *List) Contains(serial *big.Int) bool {
	content, err := serialContent(serial)
	if err != nil {
		return false
	}
	_, listed := l.index.find(content)
	return listed
}
