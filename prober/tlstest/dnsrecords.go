package tlstest

import "encoding/binary"

// Numbers of RFC 8659 section 7 and RFC 9460 section 14.
const (
	typeCAA, typeHTTPS = 257, 65

	keyALPN, keyECH = 1, 5
)

// CAA is a record that is not critical (RFC 8659 section 4.1).
func CAA(tag, value string) Record {
	return Record{typeCAA, append([]byte{0, byte(len(tag))}, tag+value...)}
}

// HTTPS is a record of the service mode (RFC 9460 section 2.2) with these protocols and
// configurations for ECH; nil: without. Its server is target, at the port of the origin.
func HTTPS(target string, alpn []string, ech []byte) Record {
	data := append([]byte{0, 1}, wireName(target)...)
	if alpn != nil {
		var names []byte
		for _, name := range alpn {
			names = append(append(names, byte(len(name))), name...)
		}
		data = appendVector(binary.BigEndian.AppendUint16(data, keyALPN), names)
	}
	if ech != nil {
		data = appendVector(binary.BigEndian.AppendUint16(data, keyECH), ech)
	}
	return Record{typeHTTPS, data}
}
