package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// reading is the files that one call of Load has read. A configuration depends on
// nothing else that can change in a process, so another call has the same result as long
// as they stay as they are. It does not change after the call.
type reading struct {
	digests  map[string]digest   // of each file, from before it was read
	patterns map[string][]string // of target_files, with the files that matched
	bytes    int64               // of all files with modules and targets
}

// digest is the SHA-256 of a file; zero: it cannot be read, or is not a regular file. What
// a pipe has sent cannot be read again, and waiting for more could take forever.
type digest [sha256.Size]byte

// note adds a file that is going to be read. If the file changes in between, the digest
// is that of the old content, and the change is found.
func (r *reading) note(path string) {
	if r.digests == nil {
		r.digests = make(map[string]digest)
	}
	r.digests[path] = digestOf(path)
}

// read reads a file with modules or targets. All of them have at most maxConfigBytes.
func (r *reading) read(path string) ([]byte, error) {
	r.note(path)
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxConfigBytes-r.bytes+1))
	if err != nil {
		return nil, err
	}
	if r.bytes += int64(len(content)); r.bytes > maxConfigBytes {
		return nil, fmt.Errorf("%s: the configuration is larger than %d bytes", path, maxConfigBytes)
	}
	return content, nil
}

// glob returns the files that a pattern matches, sorted, without those that a shell
// hides.
func (r *reading) glob(pattern string) ([]string, error) {
	matches, err := glob(pattern)
	if err != nil {
		return nil, err
	}
	if r.patterns == nil {
		r.patterns = make(map[string][]string)
	}
	r.patterns[pattern] = matches
	return matches, nil
}

// stale tells whether another call of Load could have another result.
func (r *reading) stale() bool {
	for pattern, before := range r.patterns {
		if now, err := glob(pattern); err != nil || !slices.Equal(now, before) {
			return true
		}
	}
	for path, before := range r.digests {
		if digestOf(path) != before {
			return true
		}
	}
	return false
}

func glob(pattern string) ([]string, error) {
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, errors.New("is not a pattern; write * for any characters, as in targets/*.yml")
	}
	hidden := func(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") }
	if !hidden(pattern) {
		matches = slices.DeleteFunc(matches, hidden)
	}
	slices.Sort(matches)
	return matches, nil
}

func digestOf(path string) digest {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return digest{}
	}
	file, err := os.Open(path)
	if err != nil {
		return digest{}
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, io.LimitReader(file, maxConfigBytes+1)); err != nil {
		return digest{}
	}
	return digest(hash.Sum(nil))
}
