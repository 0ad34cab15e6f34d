package tlstest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Announcement is what a PROXY protocol header says of a connection ("The PROXY
// protocol", haproxy.org, versions 1 and 2).
type Announcement struct {
	Version int

	// Source and Destination are the connection's ends. They are not valid
	// where the header says UNKNOWN (version 1) or LOCAL (version 2).
	Source, Destination netip.AddrPort
}

// announced has a connection begin with a PROXY protocol header, and hangs up
// on who sends none, as the specification asks of servers that expect one.
func announced(told func(Announcement), talk conversation) conversation {
	return func(ctx context.Context, c net.Conn) {
		c.SetReadDeadline(time.Now().Add(patience))
		header, err := readAnnouncement(c)
		if err != nil {
			return
		}
		told(header)
		talk(ctx, c)
	}
}

// readAnnouncement reads a header and no byte more.
func readAnnouncement(c io.Reader) (Announcement, error) {
	begin := make([]byte, len(signatureV2))
	if _, err := io.ReadFull(c, begin[:1]); err != nil {
		return Announcement{}, err
	}
	if begin[0] != signatureV1[0] && begin[0] != signatureV2[0] {
		return Announcement{}, errors.New("no PROXY protocol header")
	}
	if _, err := io.ReadFull(c, begin[1:]); err != nil {
		return Announcement{}, err
	}
	switch {
	case string(begin) == signatureV2:
		return readV2(c)
	case strings.HasPrefix(string(begin), signatureV1):
		return readV1(begin, c)
	}
	return Announcement{}, errors.New("no PROXY protocol header")
}

const (
	signatureV1 = "PROXY "
	signatureV2 = "\r\n\r\n\x00\r\nQUIT\n"
	maxV1       = 107 // "a 108-byte buffer is always enough to store all the line and a trailing zero"
)

func readV1(line []byte, c io.Reader) (Announcement, error) {
	next := make([]byte, 1)
	for !bytes.HasSuffix(line, []byte("\r\n")) {
		if _, err := io.ReadFull(c, next); err != nil {
			return Announcement{}, err
		}
		if line = append(line, next[0]); len(line) > maxV1 {
			return Announcement{}, errors.New("a header that is too long")
		}
	}
	a := Announcement{Version: 1}
	words := strings.Split(strings.TrimSuffix(string(line), "\r\n"), " ")
	if words[1] == "UNKNOWN" {
		return a, nil
	}
	if len(words) != 6 {
		return a, fmt.Errorf("a header of %d words", len(words))
	}
	for i, end := range []*netip.AddrPort{&a.Source, &a.Destination} {
		addr, err := netip.ParseAddr(words[2+i])
		if err != nil {
			return a, err
		}
		if addr.Is4() != (words[1] == "TCP4") {
			return a, fmt.Errorf("%s is not of %s", addr, words[1])
		}
		port, err := netip.ParseAddrPort("0.0.0.0:" + words[4+i])
		if err != nil {
			return a, err
		}
		*end = netip.AddrPortFrom(addr, port.Port())
	}
	return a, nil
}

func readV2(c io.Reader) (Announcement, error) {
	const local, proxied, tcp4, tcp6 = 0x20, 0x21, 0x11, 0x21
	fixed := make([]byte, 4)
	if _, err := io.ReadFull(c, fixed); err != nil {
		return Announcement{}, err
	}
	rest := make([]byte, binary.BigEndian.Uint16(fixed[2:]))
	if _, err := io.ReadFull(c, rest); err != nil {
		return Announcement{}, err
	}
	a := Announcement{Version: 2}
	size := map[byte]int{tcp4: 4, tcp6: 16}[fixed[1]]
	switch {
	case fixed[0] == local:
		return a, nil
	case fixed[0] != proxied || size == 0 || len(rest) < 2*size+4:
		return a, errors.New("a header that cannot be understood")
	}
	source, _ := netip.AddrFromSlice(rest[:size])
	destination, _ := netip.AddrFromSlice(rest[size : 2*size])
	a.Source = netip.AddrPortFrom(source, binary.BigEndian.Uint16(rest[2*size:]))
	a.Destination = netip.AddrPortFrom(destination, binary.BigEndian.Uint16(rest[2*size+2:]))
	return a, nil
}
