package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// The bounds of Glob.
const (
	MaxMatches     = 10_000  // files that one pattern matches
	maxEntries     = 200_000 // of the directories that are looked into
	maxDirectories = 10_000  // for one **
	maxWalk        = 5 * time.Second
)

// Glob returns the paths of the files that a pattern of target.ParseFilePattern matches,
// sorted. The part of the pattern before its first wildcard must be below a listed
// directory. As for a shell, a wildcard does not match a dot at the beginning of a name.
// Directories are followed also through symbolic links, as far as ReadFile would follow
// them. A file is returned also if it cannot be read, or is a link that leads nowhere: that
// is for a probe to tell.
func (g *Guard) Glob(pattern string) ([]string, error) {
	return g.glob(pattern, MaxMatches)
}

// glob is Glob with another bound.
func (g *Guard) glob(pattern string, most int) ([]string, error) {
	parts := strings.Split(strings.TrimPrefix(pattern, "/"), "/")
	fixed := slices.IndexFunc(parts, isWild)
	base := "/" + path.Join(parts[:fixed]...)
	if err := g.checkFile(base); err != nil {
		return nil, err
	}
	w := &walk{guard: g, found: make(map[string]bool), most: most, end: time.Now().Add(maxWalk)}
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
	most    int // files
	entries int
	end     time.Time
}

// match finds the files below a directory that match the rest of a pattern.
func (w *walk) match(dir string, parts []string) error {
	part, rest := parts[0], parts[1:]
	switch {
	case part == anyDepth:
		below, err := w.directories(dir)
		for _, one := range below {
			if err == nil {
				err = w.match(one, rest)
			}
		}
		return err
	case isWild(part):
		_, err := w.each(dir, nil, func(name string, kind kind) error {
			if matched, _ := path.Match(part, path.Base(name)); !matched || hidden(name) && part[0] != '.' { // the pattern is valid
				return nil
			}
			return w.add(name, kind != other, rest)
		})
		return err
	}
	name := path.Join(dir, part)
	info, err := w.guard.stat(name)
	if err != nil && len(rest) > 0 || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return w.add(name, err == nil && info.IsDir(), rest)
}

func hidden(name string) bool { return strings.HasPrefix(path.Base(name), ".") }

// add adds a file, or goes on below a directory.
func (w *walk) add(name string, isDir bool, rest []string) error {
	switch {
	case isDir && len(rest) > 0:
		return w.match(name, rest)
	case isDir, len(rest) > 0:
		return nil
	}
	if w.found[name] = true; len(w.found) > w.most {
		return fmt.Errorf("matches more than %d files; write a pattern that matches fewer", w.most)
	}
	return nil
}

// directories returns a directory and all below it, each once: those to which symbolic links
// lead come last, and only if nothing else leads to them.
func (w *walk) directories(dir string) ([]string, error) {
	var all []string
	var seen []fs.FileInfo
	queue, links := []string{dir}, []string(nil)
	for len(queue)+len(links) > 0 {
		if len(queue) == 0 {
			slices.Sort(links)
			queue, links = links[:1:1], links[1:]
		}
		next := queue[0]
		queue = queue[1:]
		info, err := w.each(next, seen, func(name string, kind kind) error {
			switch {
			case hidden(name):
			case kind == directory:
				queue = append(queue, name)
			case kind == link:
				links = append(links, name)
			}
			return nil
		})
		switch {
		case err != nil:
			return nil, err
		case info == nil:
			continue
		case len(all) == maxDirectories:
			return nil, fmt.Errorf("makes the exporter look into more than %d directories; write a pattern with fewer", maxDirectories)
		}
		all, seen = append(all, next), append(seen, info)
	}
	return all, nil
}

// kind is what an entry of a directory is.
type kind int

const (
	other     kind = iota
	directory      // itself
	link           // a symbolic link to a directory
)

// batch is how many entries of a directory are read at a time.
const batch = 256

// each calls do for each entry of a directory, and returns what the directory is. It is nil
// for one that cannot be read, or is among those that were seen.
func (w *walk) each(dir string, seen []fs.FileInfo, do func(name string, kind kind) error) (fs.FileInfo, error) {
	opened, info, err := w.guard.open(dir, fs.FileMode.IsDir)
	if err != nil {
		return nil, nil
	}
	defer opened.Close()
	if slices.ContainsFunc(seen, func(other fs.FileInfo) bool { return os.SameFile(other, info) }) {
		return nil, nil
	}
	for {
		entries, end := opened.ReadDir(batch)
		for _, entry := range entries {
			if err := w.count(); err != nil {
				return nil, err
			}
			name := path.Join(dir, entry.Name())
			if err := do(name, w.kindOf(name, entry)); err != nil {
				return nil, err
			}
		}
		if end != nil || len(entries) == 0 {
			return info, nil
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

func (w *walk) kindOf(name string, entry fs.DirEntry) kind {
	switch {
	case entry.IsDir():
		return directory
	case entry.Type()&fs.ModeSymlink == 0:
		return other
	}
	if info, err := w.guard.stat(name); err == nil && info.IsDir() {
		return link
	}
	return other
}

// stat returns what a path leads to.
func (g *Guard) stat(name string) (info fs.FileInfo, err error) {
	err = g.follow(name, func(root *os.Root, rest string) error {
		info, err = root.Stat(rest)
		return err
	})
	return info, err
}
