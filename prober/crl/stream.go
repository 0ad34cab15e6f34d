package crl

import (
	"errors"
	"fmt"
	"io"
)

// bufferSize is how much of a list is in memory at a time, in bytes.
const bufferSize = 64 << 10

// maxPart is the size of the largest element that is read as a whole, in bytes: a name, an
// entry, the extensions.
const maxPart = bufferSize / 2

// Invalid is the error about a list that is malformed, or that may not be used. An error of
// Read that is none comes from the reader.
type Invalid string

func (e Invalid) Error() string { return string(e) }

func invalid(format string, args ...any) error { return Invalid(fmt.Sprintf(format, args...)) }

// stream reads elements of DER (X.690 section 8.1) one after the other. It passes the bytes
// of the signed part on while it reads them.
type stream struct {
	in     io.Reader
	buffer [bufferSize]byte
	next   int   // index in buffer of the next byte to read
	filled int   // index in buffer after the last byte
	before int64 // bytes of the list before buffer

	signed   io.Writer // gets the bytes of the signed part; nil: outside of it
	unsigned int       // index in buffer of the first byte that signed has not got
}

// offset is how many bytes of the list have been read.
func (s *stream) offset() int64 { return s.before + int64(s.next) }

// malformed is an error about the bytes at the offset.
func (s *stream) malformed(what string) error {
	return invalid("the CRL is malformed at byte %d: %s", s.offset(), what)
}

// peek returns the next n bytes, at most bufferSize. They are valid until the next call.
func (s *stream) peek(n int) ([]byte, error) {
	if s.filled-s.next < n {
		if err := s.fill(n); err != nil {
			return nil, err
		}
	}
	return s.buffer[s.next : s.next+n], nil
}

// fill reads until the buffer has n bytes.
func (s *stream) fill(n int) error {
	if err := s.pass(); err != nil {
		return err
	}
	s.before += int64(s.next)
	s.filled = copy(s.buffer[:], s.buffer[s.next:s.filled])
	s.next, s.unsigned = 0, 0
	read, err := io.ReadAtLeast(s.in, s.buffer[s.filled:], n-s.filled)
	s.filled += read
	switch {
	case s.filled >= n:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return invalid("the CRL ends after %d bytes, within an element", s.before+int64(s.filled))
	}
	return err
}

// pass gives signed what was read since the last call.
func (s *stream) pass() error {
	if s.signed == nil {
		return nil
	}
	_, err := s.signed.Write(s.buffer[s.unsigned:s.next])
	s.unsigned = s.next
	return err
}

// sign makes the bytes from here on go to a writer; nil: they are not signed.
func (s *stream) sign(to io.Writer) error {
	err := s.pass()
	s.signed, s.unsigned = to, s.next
	return err
}

// maxHeader is the size of the longest header, in bytes: a tag, and a length of four bytes.
const maxHeader = 6

// header returns the tag, the size of the header and the length of the content of the next
// element, which ends before end.
func (s *stream) header(end int64) (tag derTag, size int, length int64, err error) {
	first, err := s.peek(2)
	if err != nil {
		return 0, 0, 0, err
	}
	tag, size, length = derTag(first[0]), 2, int64(first[1])
	if more := int(first[1]) - 0x80; more >= 0 {
		if more == 0 || more > maxHeader-size {
			return 0, 0, 0, s.malformed("an indefinite length, or one above 4 GB")
		}
		all, err := s.peek(size + more)
		if err != nil {
			return 0, 0, 0, err
		}
		length = 0
		for _, b := range all[size:] {
			length = length<<8 | int64(b)
		}
		if length < 0x80 || all[size] == 0 {
			return 0, 0, 0, s.malformed("a length with more bytes than it needs")
		}
		size += more
	}
	if s.offset()+int64(size)+length > end {
		return 0, 0, 0, s.malformed("an element that is longer than the one around it")
	}
	return tag, size, length, nil
}

// more tells whether another element follows before end, and its tag.
func (s *stream) more(end int64) (tag derTag, ok bool, err error) {
	if s.offset() >= end {
		return 0, false, nil
	}
	next, err := s.peek(1)
	if err != nil {
		return 0, false, err
	}
	return derTag(next[0]), true, nil
}

// enter reads the header of an element, and returns where the element ends.
func (s *stream) enter(tag derTag, end int64) (int64, error) {
	got, size, length, err := s.header(end)
	if err != nil {
		return 0, err
	}
	if got != tag {
		return 0, s.malformed(fmt.Sprintf("tag 0x%02x instead of 0x%02x", got, tag))
	}
	s.next += size
	return s.offset() + length, nil
}

// element reads an element with its header. It is valid until the next call.
func (s *stream) element(tag derTag, end int64) ([]byte, error) {
	got, size, length, err := s.header(end)
	if err != nil {
		return nil, err
	}
	if got != tag {
		return nil, s.malformed(fmt.Sprintf("tag 0x%02x instead of 0x%02x", got, tag))
	}
	if length > maxPart {
		return nil, s.malformed(fmt.Sprintf("an element of %d bytes, where at most %d are read", length, maxPart))
	}
	whole, err := s.peek(size + int(length))
	if err != nil {
		return nil, err
	}
	s.next += len(whole)
	return whole, nil
}

// close checks that an element ends here.
func (s *stream) close(end int64) error {
	if s.offset() != end {
		return s.malformed("an element that does not belong there")
	}
	return nil
}

// finish checks that the list ends here.
func (s *stream) finish() error {
	if s.next < s.filled {
		return s.malformed("bytes after the list")
	}
	var one [1]byte
	switch n, err := io.ReadFull(s.in, one[:]); {
	case n > 0:
		return s.malformed("bytes after the list")
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}
