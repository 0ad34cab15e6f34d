package tls13test

import (
	"bytes"
	"slices"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
)

// Program returns a server that deviates as the bytes of a fuzzer say. Messages are
// changed before they enter the transcript, so that a client that overlooks a change
// completes the handshake; records are changed after their protection.
//
// The bytes are a sequence of changes: the number of one, and its operands. Operands that
// are missing are zero, and those that are out of range are reduced. Every sequence is
// valid.
func Program(code []byte) Server {
	p := &program{code: code}
	for range maxChanges {
		if len(p.code) == 0 {
			break
		}
		changes[int(p.byte())%len(changes)](p)
	}
	return Server{Hello: p.hello, Extensions: p.extensions, Certificate: p.certificate, Rewrite: p.rewrite, HelloRecord: p.helloRecord, Seal: p.seal, Records: p.records}
}

const (
	maxChanges = 16
	messages   = 5 // ServerHello, EncryptedExtensions, Certificate, CertificateVerify, Finished
)

// program is what the changes are, message by message.
type program struct {
	code       []byte // unread
	extensions []byte // of EncryptedExtensions
	ofHello    []func(*hello.ServerHello)
	ofEntries  []func([][]byte) [][]byte // entries of Certificate, each a certificate with its extensions
	ofMessage  [messages][]func([]byte) []byte
	ofRecords  [messages][]func([]byte) []byte
	before     [messages][]record // records before those of a message
	fragment   [messages]int      // size of the content of records; 0: one record
	padding    [messages]int
	inner      [messages]byte // content type; 0: that of a handshake
	joined     [messages]bool // with the next message, in one record
	early      int            // bytes of EncryptedExtensions in the record of the ServerHello

	waiting []byte // a joined message
}

type record struct {
	kind      byte
	content   []byte
	protected bool
}

func (p *program) byte() byte {
	if len(p.code) == 0 {
		return 0
	}
	b := p.code[0]
	p.code = p.code[1:]
	return b
}

func (p *program) number() int { return int(p.byte())<<8 | int(p.byte()) }

// bytes returns up to 31 bytes, after a byte with their number.
func (p *program) bytes() []byte {
	n := min(int(p.byte())%32, len(p.code))
	b := bytes.Clone(p.code[:n])
	p.code = p.code[n:]
	return b
}

func (p *program) message() int { return int(p.byte()) % messages }

// change changes a message.
func (p *program) change(do func([]byte) []byte) {
	at := p.message()
	p.ofMessage[at] = append(p.ofMessage[at], do)
}

// known are the numbers of extensions that a client knows, or that may confuse it.
var known = []int{0, 1, 5, 10, 13, 15, 16, 18, 20, 21, 23, 27, 28, 35, 41, 42, 43, 44, 45, 47, 49, 50, 51, 57, 0x3374, 0x7550, 0xfe0d, 0xff01, 0x0a0a}

// extension reads an extension: an index of known, or a number after 255.
func (p *program) extension() hello.Extension {
	number := int(p.byte())
	if number == 255 {
		number = p.number()
	} else {
		number = known[number%len(known)]
	}
	return hello.Extension{Type: uint16(number), Data: p.bytes()}
}

func encoded(e hello.Extension) []byte {
	return append([]byte{byte(e.Type >> 8), byte(e.Type)}, Vector(2, e.Data)...)
}

// changes are the changes by their numbers. The corpus depends on their order.
var changes = []func(*program){
	func(p *program) { // set one byte of a message
		at, value := p.number(), p.byte()
		p.change(func(m []byte) []byte { return set(m, at, value) })
	},
	func(p *program) { // insert bytes into a message, whose length field stays
		at, content := p.number(), p.bytes()
		p.change(func(m []byte) []byte { return slices.Insert(m, at%(len(m)+1), content...) })
	},
	func(p *program) { // insert bytes into a message, whose length field follows
		at, content := p.number(), p.bytes()
		p.change(func(m []byte) []byte { return measured(slices.Insert(m, at%(len(m)+1), content...)) })
	},
	func(p *program) { // remove bytes from a message; its length field follows, or not
		at, count, follows := p.number(), int(p.byte()), p.byte()%2 == 0
		p.change(func(m []byte) []byte {
			at := at % (len(m) + 1)
			m = slices.Delete(m, at, min(at+count, len(m)))
			if follows {
				return measured(m)
			}
			return m
		})
	},
	func(p *program) { // add a message before or after one
		added, after := Message(p.byte(), p.bytes()), p.byte()%2 == 0
		p.change(func(m []byte) []byte {
			if after {
				return append(m, added...)
			}
			return append(bytes.Clone(added), m...)
		})
	},
	func(p *program) { p.change(func([]byte) []byte { return nil }) },                            // leave a message out
	func(p *program) { p.change(func(m []byte) []byte { return append(m, bytes.Clone(m)...) }) }, // send it twice
	func(p *program) { p.extensions = append(p.extensions, encoded(p.extension())...) },          // of EncryptedExtensions
	func(p *program) { p.extensions = append(p.extensions, p.bytes()...) },                       // also malformed ones
	func(p *program) { // add an extension to the ServerHello
		e := p.extension()
		p.ofHello = append(p.ofHello, func(h *hello.ServerHello) { h.Extensions = append(h.Extensions, e) })
	},
	func(p *program) { // replace, repeat, remove or swap an extension of the ServerHello
		at, what, content := int(p.byte()), p.byte()%4, p.bytes()
		p.ofHello = append(p.ofHello, func(h *hello.ServerHello) { h.Extensions = edited(h.Extensions, at, what, content) })
	},
	func(p *program) { // change a fixed field of the ServerHello
		field, content := p.byte()%4, p.bytes()
		p.ofHello = append(p.ofHello, func(h *hello.ServerHello) { setField(h, field, content) })
	},
	func(p *program) { // add an extension to a certificate
		at, e := int(p.byte()), encoded(p.extension())
		p.ofEntries = append(p.ofEntries, func(entries [][]byte) [][]byte {
			if len(entries) > 0 {
				at := at % len(entries)
				entries[at] = extended(entries[at], e)
			}
			return entries
		})
	},
	func(p *program) { // repeat, remove or add a certificate
		at, what, content := int(p.byte()), p.byte()%3, p.bytes()
		p.ofEntries = append(p.ofEntries, func(entries [][]byte) [][]byte {
			switch {
			case what == 0:
				return append(entries, append(Vector(3, content), 0, 0))
			case len(entries) == 0:
			case what == 1:
				return append(entries, entries[at%len(entries)])
			default:
				return slices.Delete(entries, at%len(entries), at%len(entries)+1)
			}
			return entries
		})
	},
	func(p *program) { p.fragment[p.message()] = int(p.byte()) },
	func(p *program) { p.padding[p.message()] = p.number() % (1<<14 + 512) },
	func(p *program) { p.inner[p.message()] = p.byte() },
	func(p *program) { p.joined[p.message()] = true },
	func(p *program) { p.early = int(p.byte()) },
	func(p *program) { // send records before those of a message
		at, count, added := p.message(), 1+int(p.byte())%20, record{20 + p.byte()%6, p.bytes(), p.byte()%2 == 0}
		p.before[at] = append(p.before[at], slices.Repeat([]record{added}, count)...)
	},
	func(p *program) { // set one byte of the records of a message
		which, at, value := p.message(), p.number(), p.byte()
		p.ofRecords[which] = append(p.ofRecords[which], func(r []byte) []byte { return set(r, at, value) })
	},
	func(p *program) { // cut off the records of a message
		which, at := p.message(), p.number()
		p.ofRecords[which] = append(p.ofRecords[which], func(r []byte) []byte { return r[:at%(len(r)+1)] })
	},
	func(p *program) { // send a CertificateRequest with extensions after EncryptedExtensions
		context, extensions := p.bytes(), []byte(nil)
		for range 1 + p.byte()%3 {
			extensions = append(extensions, encoded(p.extension())...)
		}
		request := Message(13, Vector(1, context), Vector(2, extensions))
		p.ofMessage[1] = append(p.ofMessage[1], func(m []byte) []byte { return append(m, request...) })
	},
}

func set(b []byte, at int, value byte) []byte {
	if len(b) > 0 {
		b[at%len(b)] = value
	}
	return b
}

// measured corrects the length field of a message.
func measured(m []byte) []byte {
	if len(m) >= 4 {
		n := len(m) - 4
		m[1], m[2], m[3] = byte(n>>16), byte(n>>8), byte(n)
	}
	return m
}

func edited(all []hello.Extension, at int, what byte, content []byte) []hello.Extension {
	if len(all) == 0 {
		return all
	}
	at %= len(all)
	switch what {
	case 0:
		all[at].Data = content
	case 1:
		return append(all, all[at])
	case 2:
		return slices.Delete(all, at, at+1)
	default:
		all[0], all[at] = all[at], all[0]
	}
	return all
}

func setField(h *hello.ServerHello, field byte, content []byte) {
	first := append(content, 0, 0)
	switch field {
	case 0:
		h.LegacyVersion = hello.Version(first[0])<<8 | hello.Version(first[1])
	case 1:
		h.SessionID = content
	case 2:
		h.CipherSuite = hello.CipherSuite(first[0])<<8 | hello.CipherSuite(first[1])
	default:
		h.Compression = first[0]
	}
}

// extended adds an extension to an entry of Certificate.
func extended(entry, extension []byte) []byte {
	end := 3 + int(entry[0])<<16 + int(entry[1])<<8 + int(entry[2])
	return slices.Concat(entry[:end], Vector(2, slices.Concat(entry[end+2:], extension)))
}

func (p *program) hello(h *hello.ServerHello) {
	for _, change := range p.ofHello {
		change(h)
	}
}

// certificate takes the entries of a Certificate message, changes them and puts them
// together again.
func (p *program) certificate(body []byte) []byte {
	var entries [][]byte
	for rest := body[4:]; len(rest) > 0; {
		end := 3 + int(rest[0])<<16 + int(rest[1])<<8 + int(rest[2])
		end += 2 + int(rest[end])<<8 + int(rest[end+1])
		entries = append(entries, rest[:end:end])
		rest = rest[end:]
	}
	for _, change := range p.ofEntries {
		entries = change(entries)
	}
	return append([]byte{0}, Vector(3, bytes.Join(entries, nil))...)
}

func (p *program) rewrite(index int, message []byte) []byte {
	for _, change := range p.ofMessage[index] {
		message = change(message)
	}
	return message
}

// helloRecord makes the records of the ServerHello, and of those bytes of
// EncryptedExtensions that precede the change of keys.
func (p *program) helloRecord(whole []byte) []byte {
	const header = 5
	message := append(whole[header:len(whole):len(whole)], Message(hello.MsgEncryptedExtensions, Vector(2, p.extensions))[:min(p.early, 6)]...)
	records := appendRecords(nil, nil, p.before[0])
	for _, fragment := range fragments(message, p.fragment[0]) {
		records = hello.AppendRecord(records, p.kind(0), hello.TLS12, fragment)
	}
	for _, change := range p.ofRecords[0] {
		records = change(records)
	}
	return records
}

// seal makes the protected records of a message.
func (p *program) seal(traffic *keys.Traffic, index int, message []byte) []byte {
	index++ // of the messages with the ServerHello
	if index == 1 {
		message = message[min(p.early, 6, len(message)):]
	}
	records := appendRecords(nil, traffic, p.before[index])
	message = append(p.waiting, message...)
	if p.waiting = nil; p.joined[index] && index+1 < messages {
		p.waiting = message
		return records
	}
	for _, fragment := range fragments(message, p.fragment[index]) {
		padded := append(append(bytes.Clone(fragment), p.kind(index)), make([]byte, p.padding[index])...)
		last := len(padded) - 1 // the content type of Seal is the last byte
		records = traffic.Seal(records, padded[last], padded[:last])
	}
	return records
}

func (p *program) records(all [][]byte) [][]byte {
	for i := range all {
		for _, change := range p.ofRecords[i+1] {
			all[i] = change(all[i])
		}
	}
	return all
}

// kind returns the content type of the records of a message.
func (p *program) kind(index int) byte {
	if p.inner[index] == 0 {
		return hello.TypeHandshake
	}
	return p.inner[index]
}

// appendRecords appends records; traffic nil: none is protected.
func appendRecords(b []byte, traffic *keys.Traffic, records []record) []byte {
	for _, r := range records {
		if r.protected && traffic != nil {
			b = traffic.Seal(b, r.kind, r.content)
		} else {
			b = hello.AppendRecord(b, r.kind, hello.TLS12, r.content)
		}
	}
	return b
}

// fragments splits a message; size 0: one fragment. There is none of a message that was
// left out.
func fragments(message []byte, size int) [][]byte {
	if size == 0 {
		size = max(len(message), 1)
	}
	return slices.Collect(slices.Chunk(message, size))
}
