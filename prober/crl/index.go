package crl

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"time"

	"tls_exporter/prober/certstatus"
)

// index is a hash table of serial numbers that keeps a fingerprint of each: 48 bits of its
// hash, beside the bits that choose the bucket. It only grows, and never moves what it has,
// so that it takes no more memory while it is made than afterwards.
//
// A serial number that was added is always found. One that was not is found with the
// probability of entries in its bucket / 2^48: with ten million entries 5,000 / 2^48 =
// 2e-11. The hash has a seed of its own in each index, so that nobody can choose serial
// numbers that are mistaken for each other.
type index struct {
	seed    maphash.Seed
	buckets []bucket // a power of two
	width   int      // bytes of an entry
	full    int      // bytes of a chunk that is full
	chunks  int
}

// bucket is a list of chunks. All but the first are full.
type bucket struct {
	first *chunk
	room  int // free bytes at the end of the first chunk
}

// chunk takes 1 KB of the heap, with the pointer and the header that Go adds.
type chunk struct {
	next *chunk
	data [chunkData]byte
}

const (
	chunkSize = 1024
	chunkData = 1008

	fingerprintSize = 6 // bytes
	detailSize      = 5 // bytes: the date in seconds since 1970, and the reason
)

// bucketEntries is how many entries a bucket is made for.
const bucketEntries = 4096

// maxDetailed is the size of the largest list whose index has the date and reason of each
// entry, in bytes of DER. It then takes at most some 2.5 MB.
const maxDetailed = 4 << 20

// typicalEntry is the size of an entry in DER with a serial number of 16 bytes and without
// extensions. The smallest has 20 bytes.
const typicalEntry = 35

// newIndex makes an index for a list of size bytes.
func newIndex(size int64) *index {
	buckets := size / typicalEntry / bucketEntries
	i := &index{seed: maphash.MakeSeed(), buckets: make([]bucket, 1<<bits.Len64(uint64(buckets))), width: fingerprintSize}
	if size <= maxDetailed {
		i.width += detailSize
	}
	i.full = chunkData / i.width * i.width
	return i
}

// detailed reports whether the index has dates and reasons.
func (i *index) detailed() bool { return i.width > fingerprintSize }

// size is how many bytes the index takes.
func (i *index) size() int { return i.chunks*chunkSize + len(i.buckets)*16 }

// place returns the bucket of a serial number and its fingerprint.
func (i *index) place(serial []byte) (b *bucket, upper uint32, lower uint16) {
	hash := maphash.Bytes(i.seed, serial)
	return &i.buckets[hash&uint64(len(i.buckets)-1)], uint32(hash >> 32), uint16(hash >> 16)
}

// add adds an entry. Its date is lost if it is not within 1970 to 2106.
func (i *index) add(e entry) {
	b, upper, lower := i.place(e.serial)
	if b.room < i.width {
		b.first, b.room = &chunk{next: b.first}, i.full
		i.chunks++
	}
	to := b.first.data[i.full-b.room:]
	binary.BigEndian.PutUint32(to, upper)
	binary.BigEndian.PutUint16(to[4:], lower)
	if i.detailed() {
		if at := e.revoked.Unix(); at == int64(uint32(at)) {
			binary.BigEndian.PutUint32(to[fingerprintSize:], uint32(at))
		}
		to[fingerprintSize+4] = byte(e.reason)
	}
	b.room -= i.width
}

// find returns the entry of a serial number.
func (i *index) find(serial []byte) (entry, bool) {
	b, upper, lower := i.place(serial)
	room := b.room
	for c := b.first; c != nil; c, room = c.next, 0 {
		for at := 0; at < i.full-room; at += i.width {
			if data := c.data[at:]; binary.BigEndian.Uint32(data) == upper && binary.BigEndian.Uint16(data[4:]) == lower {
				return i.entryAt(serial, data), true
			}
		}
	}
	return entry{}, false
}

func (i *index) entryAt(serial, data []byte) entry {
	e := entry{serial: serial}
	if !i.detailed() {
		return e
	}
	if at := binary.BigEndian.Uint32(data[fingerprintSize:]); at != 0 {
		e.revoked = time.Unix(int64(at), 0).UTC()
	}
	e.reason = certstatus.RevocationReason(data[fingerprintSize+4])
	return e
}
