package tlstest

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// HTTPProxy is a proxy for CONNECT (RFC 9110 section 9.3.6): what a server may
// Accept, or hold Inside of its TLS. The zero value connects everybody to
// wherever they want.
type HTTPProxy struct {
	// User and Password are asked for, if set (RFC 7617).
	User, Password string

	// Hosts are places, as host:port, that this proxy knows by another address.
	Hosts map[string]string

	// Reply is answered to every request, in place of all else, and nothing
	// is connected.
	Reply string

	// Asked is told what is asked for, and the credentials that came with it.
	Asked func(place, user, password string)
}

// Talk is the proxy's conversation with one client.
func (p HTTPProxy) Talk(ctx context.Context, c net.Conn) {
	c.SetDeadline(time.Now().Add(patience))
	place, user, password, err := readConnect(io.LimitReader(c, earful))
	if err != nil {
		return
	}
	if p.Asked != nil {
		p.Asked(place, user, password)
	}
	switch {
	case p.Reply != "":
		io.WriteString(c, p.Reply)
		part(c)
	case user != p.User || password != p.Password:
		io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"lab\"\r\nContent-Length: 0\r\n\r\n")
		part(c)
	default:
		far, err := dialFor(ctx, cmp.Or(p.Hosts[place], place))
		if err != nil {
			io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
			part(c)
			return
		}
		io.WriteString(c, "HTTP/1.1 200 Connection established\r\nVia: 1.1 lab\r\n\r\n")
		relay(ctx, c, far)
	}
}

// readConnect reads a request with the method CONNECT. A client says nothing
// after it before it is answered, so that reading ahead takes nothing away.
func readConnect(r io.Reader) (place, user, password string, err error) {
	lines := bufio.NewScanner(r)
	for first := true; lines.Scan(); first = false {
		line := lines.Text()
		switch name, value, _ := strings.Cut(line, ": "); {
		case first:
			words := strings.Split(line, " ")
			if len(words) != 3 || words[0] != "CONNECT" || words[2] != "HTTP/1.1" {
				return "", "", "", errors.New("not a CONNECT request")
			}
			place = words[1]
		case line == "":
			return place, user, password, nil
		case strings.EqualFold(name, "Proxy-Authorization"):
			credentials, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(value, "Basic "))
			if err != nil {
				return "", "", "", err
			}
			user, password, _ = strings.Cut(string(credentials), ":")
		}
	}
	return "", "", "", cmp.Or(lines.Err(), io.ErrUnexpectedEOF)
}

// SOCKSProxy speaks SOCKS 5 (RFC 1928): what a server may Accept. The zero
// value connects everybody to wherever they want.
type SOCKSProxy struct {
	// User and Password are asked for, if set (RFC 1929).
	User, Password string

	// Hosts are places, as host:port, that this proxy knows by another address.
	Hosts map[string]string

	// Refusal is a reply (RFC 1928 section 6) to answer every request with.
	Refusal byte

	// Asked is told what is asked for.
	Asked func(place string)
}

// Numbers of RFC 1928 sections 3 to 6 and RFC 1929 section 2.
const (
	socksVersion = 5

	socksNoAuth, socksPassword, socksNoMethod = 0, 2, 0xff
	socksIPv4, socksName, socksIPv6           = 1, 3, 4
	socksConnect                              = 1
	socksSucceeded, socksHostUnreachable      = 0, 4
)

// Talk is the proxy's conversation with one client.
func (p SOCKSProxy) Talk(ctx context.Context, c net.Conn) {
	c.SetDeadline(time.Now().Add(patience))
	if !p.welcome(c) {
		part(c)
		return
	}
	place, err := readSOCKS(c)
	if err != nil {
		return
	}
	if p.Asked != nil {
		p.Asked(place)
	}
	answer := func(reply byte) { c.Write([]byte{socksVersion, reply, 0, socksIPv4, 127, 0, 0, 1, 0, 9}) }
	if p.Refusal != 0 {
		answer(p.Refusal)
		part(c)
		return
	}
	far, err := dialFor(ctx, cmp.Or(p.Hosts[place], place))
	if err != nil {
		answer(socksHostUnreachable)
		part(c)
		return
	}
	answer(socksSucceeded)
	relay(ctx, c, far)
}

// welcome settles who the client is.
func (p SOCKSProxy) welcome(c net.Conn) bool {
	methods, err := readCounted(c, socksVersion)
	wanted := byte(socksNoAuth)
	if p.User != "" {
		wanted = socksPassword
	}
	if err != nil || !slices.Contains(methods, wanted) {
		c.Write([]byte{socksVersion, socksNoMethod})
		return false
	}
	c.Write([]byte{socksVersion, wanted})
	if wanted == socksNoAuth {
		return true
	}
	const subnegotiation = 1
	user, err := readCounted(c, subnegotiation)
	if err != nil {
		return false
	}
	password, err := readString(c)
	if err != nil || string(user) != p.User || string(password) != p.Password {
		c.Write([]byte{subnegotiation, 1})
		return false
	}
	c.Write([]byte{subnegotiation, 0})
	return true
}

// readSOCKS reads a request to connect, and says where to.
func readSOCKS(c io.Reader) (place string, err error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(c, header); err != nil {
		return "", err
	}
	if header[0] != socksVersion || header[1] != socksConnect {
		return "", errors.New("not a SOCKS request to connect")
	}
	var host string
	switch header[3] {
	case socksName:
		name, err := readString(c)
		if err != nil {
			return "", err
		}
		host = string(name)
	default:
		addr := make([]byte, map[byte]int{socksIPv4: 4, socksIPv6: 16}[header[3]])
		if _, err := io.ReadFull(c, addr); err != nil {
			return "", err
		}
		ip, ok := netip.AddrFromSlice(addr)
		if !ok {
			return "", errors.New("an address of no known type")
		}
		host = ip.String()
	}
	port := make([]byte, 2)
	if _, err := io.ReadFull(c, port); err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(port)))), nil
}

// readCounted reads a version and then as many bytes as the next one says.
func readCounted(c io.Reader, version byte) ([]byte, error) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(c, first); err != nil {
		return nil, err
	}
	if first[0] != version {
		return nil, errors.New("another version")
	}
	return readString(c)
}

// readString reads as many bytes as the first one says.
func readString(c io.Reader) ([]byte, error) {
	length := make([]byte, 1)
	if _, err := io.ReadFull(c, length); err != nil {
		return nil, err
	}
	words := make([]byte, length[0])
	_, err := io.ReadFull(c, words)
	return words, err
}

func dialFor(ctx context.Context, place string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", place)
}

// relay carries bytes both ways until both sides have said goodbye, or ctx ends.
func relay(ctx context.Context, near, far net.Conn) {
	defer far.Close()
	defer context.AfterFunc(ctx, func() { far.Close() })()
	far.SetDeadline(time.Now().Add(patience))
	var ways sync.WaitGroup
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		ways.Go(func() {
			io.Copy(way[0], way[1])
			hangUpWriting(way[0])
		})
	}
	ways.Wait()
}

// hangUpWriting says goodbye where a connection has a way to say it and still
// listen.
func hangUpWriting(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}
