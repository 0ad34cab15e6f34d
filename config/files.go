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
	"time"
)

// reading is the files that one call of Load has read. A configuration depends on
// nothing else that can change in a process, so another call has the same result as long
// as they stay as they are. It does not change after the call.
type reading struct {
	digests  map[string]digest   // of each file, from before it was read
	patterns map[string][]string // of target_files, with the files that matched
	bytes    int64               // of all files with modules and targets
}

// digest is the SHA-256 of a file; zero: it cannot be read, is too large, or is not a
// regular file. What a pipe has sent cannot be read again, and waiting for more could take
// forever.
type digest [sha256.Size]byte

// note adds a file that is going to be read, maybe several times. If the file changes in
// between, the digest is that of the first content, and the change is found.
func (r *reading) note(path string) {
	if r.digests == nil {
		r.digests = make(map[string]digest)
	}
	if _, known := r.digests[path]; !known {
		r.digests[path] = digestOf(path)
	}
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

// settleTime is how old a change has to be. The program that writes a file may not have
// finished, and half of a list of targets is valid.
const settleTime = time.Second

// stale tells whether another call of Load could have another result, and the files are
// complete.
func (r *reading) stale(now time.Time) bool {
	changed := r.changed()
	return len(changed) > 0 && !slices.ContainsFunc(changed, func(path string) bool { return justWritten(path, now) })
}

// changed returns the files that have changed, appeared or disappeared.
func (r *reading) changed() []string {
	var changed []string
	for pattern, before := range r.patterns {
		now, _ := glob(pattern) // it is valid
		changed = append(changed, missing(before, now)...)
		changed = append(changed, missing(now, before)...)
	}
	for path, before := range r.digests {
		if digestOf(path) != before {
			changed = append(changed, path)
		}
	}
	return changed
}

// missing returns what is in one sorted list and not in another.
func missing(in, from []string) []string {
	var all []string
	for _, s := range in {
		if _, found := slices.BinarySearch(from, s); !found {
			all = append(all, s)
		}
	}
	return all
}

func justWritten(path string, now time.Time) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	age := now.Sub(info.ModTime())
	return age >= 0 && age < settleTime // a clock that is ahead must not hold it up
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
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxConfigBytes {
		return digest{}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return digest{}
	}
	return sha256.Sum256(content)
}
