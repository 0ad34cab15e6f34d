package target

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"tls_exporter/prober/text"
)

// File is certificates in a file, which are judged without a connection.
const File Scheme = "file"

// IsFile reports whether the target is a file with certificates.
func (t *Target) IsFile() bool { return t.Scheme == File }

// wildcards are the characters of a pattern.
const wildcards = `*?[\`

// parseFile reads the path of one file.
func parseFile(name string) (Target, error) {
	if err := checkFilePath(name); err != nil {
		return Target{}, err
	}
	if strings.ContainsAny(name, wildcards) {
		return Target{}, fmt.Errorf("names no single file: one of %s makes it a pattern, which only targets.yml and the command line may have", strings.Join(strings.Split(wildcards, ""), " "))
	}
	return Target{Scheme: File, Path: name}, nil
}

func checkFilePath(name string) error {
	switch {
	case !strings.HasPrefix(name, "/"):
		return errors.New("a file has no host, and its path begins with a slash, as in file:///etc/ssl/site.pem")
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("the path contains characters that are not printable")
	case path.Clean(name) != name:
		return fmt.Errorf("the path must not have . or .. or empty parts; write %s", text.Quote(string(File)+"://"+path.Clean(name)))
	case name == "/":
		return errors.New("names no file; write its path, as in file:///etc/ssl/site.pem")
	}
	return nil
}

// ParseFilePattern returns the path of a target of the scheme file if it is a pattern, as
// in file:///etc/ssl/**/*.pem. In it * stands for any part of a name, and ** for any number
// of directories; the rest is as for path.Match.
func ParseFilePattern(s string) (pattern string, is bool, err error) {
	word, name, found := strings.Cut(s, "://")
	if !found || !strings.EqualFold(word, string(File)) || !strings.ContainsAny(name, wildcards) {
		return "", false, nil
	}
	err = checkFilePath(name)
	if err == nil {
		if _, malformed := path.Match(name, ""); malformed != nil {
			err = errors.New("is not a pattern: a [ or a \\ has no end")
		}
	}
	if err == nil && len(s) > maxTargetLength {
		err = fmt.Errorf("is longer than %d bytes", maxTargetLength)
	}
	if err != nil {
		return "", true, fmt.Errorf("target %s: %w", text.Quote(s), err)
	}
	return name, true, nil
}

// OfFile returns the target for a path that a pattern matched; false: no target can have
// it.
func OfFile(name string) (Target, bool) {
	t, err := parseFile(name)
	return t, err == nil && len(t.String()) <= maxTargetLength
}

// hintAtFile returns an error for a path that is written without file://.
func hintAtFile(s string) error {
	for _, prefix := range []string{"/", "./", "../", "~/", "file:"} {
		if strings.HasPrefix(s, prefix) {
			return errors.New("looks like a file; write file:// and its absolute path, as in file:///etc/ssl/site.pem")
		}
	}
	return nil
}
