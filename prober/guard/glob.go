package guard

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// The bounds of Glob.
const (
	MaxMatches = 10_000          // files that one pattern matches
	maxEntries = 200_000         // of the directories that are looked at
	maxDepth   = 64              // of directories
	maxWalk    = 5 * time.Second // of looking
)

// Glob returns the paths of the files that a pattern of target.ParseFilePattern matches,
// sorted. The part of the pattern before its first wildcard must be below a listed
// directory. As for a shell, a wildcard does not match a dot at the beginning of a name.
// Directories are followed also through symbolic links, as far as ReadFile would follow
// them. A file is returned also if it cannot be read, or is a link that leads nowhere: that
// is for a probe to tell.
func (g *Guard) Glob(pattern string) ([]string, error) {
	parts := strings.Split(strings.TrimPrefix(pattern, "/"), "/")
	fixed := slices.IndexFunc(parts, isWild)
	base := "/" + path.Join(parts[:fixed]...)
	if err := g.checkFile(base); err != nil {
		return nil, err
	}
	w := &walk{guard: g, found: make(map[string]bool), end: time.Now().Add(maxWalk)}
	if err := w.match(base, simplified(parts[fixed:])); err != nil {
		return nil, err
	}
	all := make([]string, 0, len(w.found))
	for name := range w.found {
		all = append(all, name)
	}
	slices.Sort(all)
	return all, nil
}

// anyDepth is the part of a pattern that stands for any number of directories.
const anyDepth = "**"

// simplified returns a pattern with one ** for several in a row, and with the name that has
// to follow one.
func simplified(parts []string) []string {
	parts = slices.CompactFunc(parts, func(a, b string) bool { return a == anyDepth && b == anyDepth })
	if parts[len(parts)-1] == anyDepth {
		parts = append(parts, "*")
	}
	return parts
}

func isWild(part string) bool { return strings.ContainsAny(part, `*?[\`) }

// walk is one search for the files that a pattern matches.
type walk struct {
	guard   *Guard
	found   map[string]bool
	entries int
	end     time.Time
	above   []fs.FileInfo // the directories that contain the one that is looked at
}

// match finds the files below a directory that match the rest of a pattern.
func (w *walk) match(dir string, parts []string) error {
	part, rest := parts[0], parts[1:]
	switch {
	case part == anyDepth:
		if err := w.match(dir, rest); err != nil {
			return err
		}
		return w.each(dir, func(name string, isDir bool) error {
			if !isDir || strings.HasPrefix(path.Base(name), ".") {
				return nil
			}
			return w.match(name, parts)
		})
	case isWild(part):
		return w.each(dir, func(name string, isDir bool) error {
			base := path.Base(name)
			if strings.HasPrefix(base, ".") && !strings.HasPrefix(part, ".") {
				return nil
			}
			if matched, _ := path.Match(part, base); !matched { // the pattern is valid
				return nil
			}
			return w.add(name, isDir, rest)
		})
	}
	name := path.Join(dir, part)
	info, err := w.guard.stat(name)
	if err != nil && len(rest) > 0 || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return w.add(name, err == nil && info.IsDir(), rest)
}

// add adds a file, or goes on below a directory.
func (w *walk) add(name string, isDir bool, rest []string) error {
	switch {
	case isDir && len(rest) > 0:
		return w.match(name, rest)
	case isDir, len(rest) > 0:
		return nil
	}
	if w.found[name] = true; len(w.found) > MaxMatches {
		return fmt.Errorf("matches more than %d files; write a pattern that matches fewer", MaxMatches)
	}
	return nil
}

// batch is how many entries of a directory are read at a time.
const batch = 256

// each calls do for each entry of a directory. One that cannot be read has none. A directory
// that contains itself, through a symbolic link, is not looked at again.
func (w *walk) each(dir string, do func(name string, isDir bool) error) error {
	opened, info, err := w.guard.open(dir, fs.FileMode.IsDir)
	if err != nil {
		return nil
	}
	defer opened.Close()
	if len(w.above) == maxDepth || slices.ContainsFunc(w.above, func(above fs.FileInfo) bool { return os.SameFile(above, info) }) {
		return nil
	}
	w.above = append(w.above, info)
	defer func() { w.above = w.above[:len(w.above)-1] }()
	for {
		entries, err := opened.ReadDir(batch)
		for _, entry := range entries {
			if err := w.count(); err != nil {
				return err
			}
			name := path.Join(dir, entry.Name())
			if err := do(name, w.isDir(name, entry)); err != nil {
				return err
			}
		}
		if err == io.EOF || err != nil || len(entries) == 0 {
			return nil
		}
	}
}

// count counts an entry, and ends a search that takes too long.
func (w *walk) count() error {
	if w.entries++; w.entries > maxEntries {
		return fmt.Errorf("makes the exporter look at more than %d files; write a pattern with fewer directories", maxEntries)
	}
	if time.Now().After(w.end) {
		return fmt.Errorf("takes more than %s to compare with the files there are; write a pattern with fewer directories", maxWalk)
	}
	return nil
}

// isDir tells whether an entry is a directory, or a link to one.
func (w *walk) isDir(name string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return entry.IsDir()
	}
	info, err := w.guard.stat(name)
	return err == nil && info.IsDir()
}

// stat returns what a path leads to.
func (g *Guard) stat(name string) (info fs.FileInfo, err error) {
	err = g.follow(name, func(root *os.Root, rest string) error {
		info, err = root.Stat(rest)
		return err
	})
	return info, err
}
