package tlstest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tls_exporter/prober/tlstest/internal/wire"
)

// Zone is the data of a DNS server of the lab. The keys are names in lower case
// without a final dot. Other names do not exist.
type Zone map[string]Name

// Name is the data of one name. The zero value exists and has no records.
type Name struct {
	// Addresses are the name's A and AAAA records.
	Addresses []netip.Addr

	// Records are its records of other types.
	Records []Record

	// Authenticated sets the AD bit for a client that asks for it, as a resolver does
	// that validated the answer. If there are aliases, all of them have to have it.
	Authenticated bool

	// Bogus is an answer that a resolver cannot validate: SERVFAIL, but for a client
	// that wants it without validation.
	Bogus bool

	// Alias is the target of a CNAME record. The server follows it within its
	// zone.
	Alias string

	// RCode is an error (RFC 1035 section 4.1.1). If not 0, it is the answer.
	RCode byte

	// Alter changes the answer before it is sent. nil sends none. overTCP says
	// whether the query came over TCP.
	Alter func(answer []byte, overTCP bool) []byte
}

// Record is a resource record in wire format, without compression.
type Record struct {
	Type uint16
	Data []byte
}

// Numbers of RFC 1035 sections 3.2, 4.1.1 and 4.2.1, and RFC 3596.
const (
	typeA, typeCNAME, typeAAAA = 1, 5, 28
	classINET                  = 1

	dnsHeader  = 12
	flagAnswer = 0x80 // of the header's third byte
	flagTC     = 0x02
	flagRA     = 0x80 // of its fourth
	flagAD     = 0x20
	flagCD     = 0x10

	rcodeFormatError = 1
	rcodeFailure     = 2
	rcodeNoSuchName  = 3

	maxDatagram = 512 // without EDNS; longer answers are truncated over UDP
	maxMessage  = 1<<16 - 1
	maxAliases  = 8
)

// StartDNS starts a DNS server over UDP and TCP that answers from zone alone. It
// returns the address as "127.0.0.1:port".
func (l *Lab) StartDNS(zone Zone) (addr string, err error) {
	var packets net.PacketConn
	var listener net.Listener
	for range portTries {
		if packets, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			return "", err
		}
		if listener, err = net.Listen("tcp", packets.LocalAddr().String()); err == nil {
			break
		}
		packets.Close() // the TCP port is in use
	}
	if err != nil {
		return "", err
	}
	if err := l.run(packets, func() { zone.serveUDP(packets) }); err != nil {
		listener.Close()
		return "", err
	}
	return listener.Addr().String(), l.run(listener, func() { l.accept(listener, zone.serveTCP) })
}

func (z Zone) serveUDP(packets net.PacketConn) {
	buffer := make([]byte, maxMessage)
	for {
		n, from, err := packets.ReadFrom(buffer)
		if err != nil {
			return
		}
		if answer := z.answer(buffer[:n], false); answer != nil {
			packets.WriteTo(answer, from)
		}
	}
}

// serveTCP answers queries with a length prefix (RFC 1035 section 4.2.2).
func (z Zone) serveTCP(_ context.Context, c net.Conn) {
	c.SetDeadline(time.Now().Add(wire.Timeout))
	for {
		length := make([]byte, 2)
		if _, err := io.ReadFull(c, length); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		if answer := z.answer(query, true); answer != nil {
			c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
		}
	}
}

// answer is the answer to a query with one question. nil: do not answer.
func (z Zone) answer(query []byte, overTCP bool) []byte {
	if len(query) < dnsHeader || query[2]&flagAnswer != 0 {
		return nil
	}
	asked, kind, end, ok := question(query)
	if !ok {
		return reply(query, dnsHeader, rcodeFormatError, nil)
	}
	name, known := z[asked]
	var answer []byte
	switch {
	case name.Bogus && query[3]&flagCD == 0:
		answer = reply(query, end, rcodeFailure, nil)
	case name.RCode != 0:
		answer = reply(query, end, name.RCode, nil)
	case !known:
		answer = reply(query, end, rcodeNoSuchName, nil)
	default:
		records, exists := z.records(asked, kind)
		rcode := byte(0)
		if !exists {
			rcode = rcodeNoSuchName // of the last alias (RFC 6604 section 3)
		}
		answer = reply(query, end, rcode, records)
	}
	if z.authenticated(asked) && query[3]&flagAD != 0 && answer[3]&0xf != rcodeFailure {
		answer[3] |= flagAD
	}
	if !overTCP && len(answer) > maxDatagram {
		answer = reply(query, end, 0, nil)
		answer[2] |= flagTC
	}
	if name.Alter != nil {
		answer = name.Alter(answer, overTCP)
	}
	return answer
}

// question parses the name and type of a query, and returns the offset after them.
func question(query []byte) (name string, kind uint16, end int, ok bool) {
	if binary.BigEndian.Uint16(query[4:]) != 1 {
		return "", 0, 0, false
	}
	var labels []string
	at := dnsHeader
	for at < len(query) && query[at] != 0 {
		length := int(query[at])
		if length > 63 || at+1+length >= len(query) {
			return "", 0, 0, false
		}
		labels = append(labels, string(query[at+1:at+1+length]))
		at += 1 + length
	}
	if at+5 > len(query) {
		return "", 0, 0, false
	}
	return strings.ToLower(strings.Join(labels, ".")), binary.BigEndian.Uint16(query[at+1:]), at + 5, true
}

// records are the aliases that begin at name, and the records of the last one.
// exists says whether the target of the last alias exists.
func (z Zone) records(name string, kind uint16) (records [][]byte, exists bool) {
	for range maxAliases {
		at, known := z[name]
		if !known {
			return records, false
		}
		for _, addr := range at.Addresses {
			if addr.Is4() && kind == typeA || addr.Is6() && kind == typeAAAA {
				records = append(records, resource(name, kind, addr.AsSlice()))
			}
		}
		for _, record := range at.Records {
			if record.Type == kind {
				records = append(records, resource(name, kind, record.Data))
			}
		}
		if at.Alias == "" {
			return records, true
		}
		records = append(records, resource(name, typeCNAME, wireName(at.Alias)))
		name = at.Alias
	}
	return records, true
}

// authenticated reports whether the name and all of its aliases are.
func (z Zone) authenticated(name string) bool {
	for range maxAliases {
		switch at := z[name]; {
		case !at.Authenticated:
			return false
		case at.Alias == "":
			return true
		default:
			name = at.Alias
		}
	}
	return false
}

// reply is a header, the question copied from the query, and records.
func reply(query []byte, end int, rcode byte, records [][]byte) []byte {
	answer := slices.Clone(query[:end])
	answer[2] = query[2]&0x79 | flagAnswer // the query's opcode and whether recursion is desired
	answer[3] = flagRA | rcode
	counts := answer[4:dnsHeader]
	clear(counts)
	if end > dnsHeader {
		counts[1] = 1
	}
	binary.BigEndian.PutUint16(counts[2:], uint16(len(records)))
	return append(answer, slices.Concat(records...)...)
}

// resource is a resource record with a time to live of 0.
func resource(name string, kind uint16, data []byte) []byte {
	b := wireName(name)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, classINET)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

// wireName is a name in the uncompressed form of RFC 1035 section 3.1.
func wireName(name string) []byte {
	var b []byte
	for label := range strings.SplitSeq(name, ".") {
		b = append(b, byte(len(label)))
		b = append(b, label...)
	}
	return append(b, 0)
}
