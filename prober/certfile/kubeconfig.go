package certfile

import (
	"bytes"
	"encoding/base64"
	"slices"
)

// The keys of a kubeconfig with certificates: PEM in base64. Clients come first, because
// kubectl stops working when they expire.
var kubeconfigKeys = [][]byte{[]byte("client-certificate-data"), []byte("certificate-authority-data")}

func isKubeconfig(content []byte) bool {
	return slices.ContainsFunc(kubeconfigKeys, func(key []byte) bool { return bytes.Contains(content, key) })
}

// parseKubeconfig reads the certificates within a kubeconfig, in YAML or JSON. It reads them
// as kubectl writes them: the value on one line, or in the indented lines after a | or >.
func parseKubeconfig(content []byte) (*Content, error) {
	c := &Content{Format: Kubeconfig, Separate: true}
	for _, key := range kubeconfigKeys {
		for rest := content; ; {
			at := bytes.Index(rest, key)
			if at < 0 {
				break
			}
			rest = rest[at+len(key):]
			if commented(content[:len(content)-len(rest)]) {
				continue
			}
			value, isKey := valueOf(rest)
			if !isKey {
				continue
			}
			decoded, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				return nil, noCertificate("is a kubeconfig with %s that is not base64", key)
			}
			inner, err := parsePEM(decoded)
			if err != nil {
				return nil, err
			}
			for _, der := range inner.Certificates {
				c.add(der)
			}
		}
	}
	return c, nil
}

// commented tells whether the line at the end of a text is a comment.
func commented(before []byte) bool {
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return bytes.HasPrefix(bytes.TrimSpace(line), []byte("#"))
}

// valueOf returns the value after a key, in one string without space. It is false if what
// comes is no value.
func valueOf(rest []byte) (string, bool) {
	rest = bytes.TrimLeft(rest, "\"' \t")
	rest, found := bytes.CutPrefix(rest, []byte(":"))
	if !found {
		return "", false
	}
	rest = bytes.TrimLeft(rest, " \t")
	line, below, _ := bytes.Cut(rest, []byte("\n"))
	if bytes.HasPrefix(line, []byte("|")) || bytes.HasPrefix(line, []byte(">")) {
		return block(below), true
	}
	line = bytes.TrimLeft(line, "\"'")
	if end := bytes.IndexFunc(line, func(r rune) bool { return !isBase64(r) }); end >= 0 {
		line = line[:end]
	}
	return string(line), true
}

// block returns the lines of a block scalar: those that are all base64. The line after it
// has a colon.
func block(lines []byte) string {
	var value []byte
	for line := range bytes.Lines(lines) {
		line = bytes.TrimSpace(line)
		if bytes.ContainsFunc(line, func(r rune) bool { return !isBase64(r) }) {
			break
		}
		value = append(value, line...)
	}
	return string(value)
}

func isBase64(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '+' || r == '/' || r == '='
}
