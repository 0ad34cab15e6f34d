//go:build !unix

package guard

import "net"

// readable is false: only Unix has a portable way to look without reading. Bytes that a
// server sends together with its go-ahead for TLS are detected all the same; later ones
// make the handshake fail.
func readable(net.Conn) bool { return false }
