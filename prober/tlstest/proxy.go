package tlstest

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tls_exporter/prober/tlstest/internal/wire"
)

// HTTPProxy is a proxy for the CONNECT method (RFC 9110 section 9.3.6). Its
// Serve is for a Server's Accept, or for Inside. The zero value connects all
// clients to any address.
type HTTPProxy struct {
	// User and Password are required, if set (RFC 7617).
	User, Password string

	// Hosts maps a requested host:port to the address to connect to.
	Hosts map[string]string

	// Reply, if set, answers every request. The proxy then connects to nothing.
	Reply string

	// Asked is called with the address and the credentials of each request.
	Asked func(hostport, user, password string)
}

// Serve serves one client.
func (p HTTPProxy) Serve(ctx context.Context, c net.Conn) {
	c.SetDeadline(time.Now().Add(wire.Timeout))
	hostport, user, password, err := readConnect(io.LimitReader(c, wire.MaxInput))
	if err != nil {
		return
	}
	if p.Asked != nil {
		p.Asked(hostport, user, password)
	}
	switch {
	case p.Reply != "":
		io.WriteString(c, p.Reply)
		wire.Finish(c)
	case user != p.User || password != p.Password:
		io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"lab\"\r\nContent-Length: 0\r\n\r\n")
		wire.Finish(c)
	default:
		server, err := dialContext(ctx, cmp.Or(p.Hosts[hostport], hostport))
		if err != nil {
			io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
			wire.Finish(c)
			return
		}
		io.WriteString(c, "HTTP/1.1 200 Connection established\r\nVia: 1.1 lab\r\n\r\n")
		relay(ctx, c, server)
	}
}

// readConnect reads a CONNECT request. It may read ahead, because a client sends
// nothing more before the answer.
func readConnect(r io.Reader) (hostport, user, password string, err error) {
	lines := bufio.NewScanner(r)
	for first := true; lines.Scan(); first = false {
		line := lines.Text()
		switch name, value, _ := strings.Cut(line, ": "); {
		case first:
			words := strings.Split(line, " ")
			if len(words) != 3 || words[0] != "CONNECT" || words[2] != "HTTP/1.1" {
				return "", "", "", errors.New("not a CONNECT request")
			}
			hostport = words[1]
		case line == "":
			return hostport, user, password, nil
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

// SOCKSProxy is a SOCKS 5 proxy (RFC 1928). Its Serve is for a Server's Accept.
// The zero value connects all clients to any address.
type SOCKSProxy struct {
	// User and Password are required, if set (RFC 1929).
	User, Password string

	// Hosts maps a requested host:port to the address to connect to.
	Hosts map[string]string

	// Refusal, if not 0, is the reply (RFC 1928 section 6) to every request.
	Refusal byte

	// Asked is called with the address of each request.
	Asked func(hostport string)
}

// Numbers of RFC 1928 sections 3 to 6 and RFC 1929 section 2.
const (
	socksVersion = 5

	socksNoAuth, socksPassword, socksNoMethod = 0, 2, 0xff
	socksIPv4, socksName, socksIPv6           = 1, 3, 4
	socksConnect                              = 1
	socksSucceeded, socksHostUnreachable      = 0, 4
)

// Serve serves one client.
func (p SOCKSProxy) Serve(ctx context.Context, c net.Conn) {
	c.SetDeadline(time.Now().Add(wire.Timeout))
	if !p.authenticate(c) {
		wire.Finish(c)
		return
	}
	hostport, err := readSOCKS(c)
	if err != nil {
		return
	}
	if p.Asked != nil {
		p.Asked(hostport)
	}
	answer := func(reply byte) { c.Write([]byte{socksVersion, reply, 0, socksIPv4, 127, 0, 0, 1, 0, 9}) }
	if p.Refusal != 0 {
		answer(p.Refusal)
		wire.Finish(c)
		return
	}
	server, err := dialContext(ctx, cmp.Or(p.Hosts[hostport], hostport))
	if err != nil {
		answer(socksHostUnreachable)
		wire.Finish(c)
		return
	}
	answer(socksSucceeded)
	relay(ctx, c, server)
}

// authenticate negotiates a method and checks the credentials.
func (p SOCKSProxy) authenticate(c net.Conn) bool {
	methods, err := readCounted(c, socksVersion)
	required := byte(socksNoAuth)
	if p.User != "" {
		required = socksPassword
	}
	if err != nil || !slices.Contains(methods, required) {
		c.Write([]byte{socksVersion, socksNoMethod})
		return false
	}
	c.Write([]byte{socksVersion, required})
	if required == socksNoAuth {
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

// readSOCKS reads a CONNECT request and returns its address.
func readSOCKS(c io.Reader) (hostport string, err error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(c, header); err != nil {
		return "", err
	}
	if header[0] != socksVersion || header[1] != socksConnect {
		return "", errors.New("not a SOCKS CONNECT request")
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
			return "", errors.New("unknown address type")
		}
		host = ip.String()
	}
	port := make([]byte, 2)
	if _, err := io.ReadFull(c, port); err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(port)))), nil
}

// readCounted reads a version and then a string.
func readCounted(c io.Reader, version byte) ([]byte, error) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(c, first); err != nil {
		return nil, err
	}
	if first[0] != version {
		return nil, fmt.Errorf("version %d, not %d", first[0], version)
	}
	return readString(c)
}

// readString reads a string after its length, which is one byte.
func readString(c io.Reader) ([]byte, error) {
	length := make([]byte, 1)
	if _, err := io.ReadFull(c, length); err != nil {
		return nil, err
	}
	s := make([]byte, length[0])
	_, err := io.ReadFull(c, s)
	return s, err
}

func dialContext(ctx context.Context, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

// relay copies data in both directions until both sides have closed, or ctx ends.
func relay(ctx context.Context, client, server net.Conn) {
	defer server.Close()
	defer context.AfterFunc(ctx, func() { server.Close() })()
	server.SetDeadline(time.Now().Add(wire.Timeout))
	var copies sync.WaitGroup
	forward := func(to, from net.Conn) {
		io.Copy(to, from)
		wire.CloseWrite(to)
	}
	copies.Go(func() { forward(client, server) })
	copies.Go(func() { forward(server, client) })
	copies.Wait()
}
