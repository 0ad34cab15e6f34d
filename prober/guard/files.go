package guard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/text"
)

// Directory is a directory below which files with certificates are read.
type Directory string

// UnmarshalText accepts an absolute path.
func (d *Directory) UnmarshalText(value []byte) error {
	if written := string(value); !path.IsAbs(written) {
		return fmt.Errorf("%s is not an absolute path of a directory, as in /etc/ssl", text.Quote(written))
	}
	*d = Directory(path.Clean(string(value)))
	return nil
}

// rest returns the part of a path below the directory. The path must be clean.
func (d Directory) rest(name string) (string, bool) {
	if name == string(d) {
		return ".", true
	}
	return strings.CutPrefix(name, strings.TrimSuffix(string(d), "/")+"/")
}

// directoryOf returns the listed directory that a path is below, the deepest of several, and
// the rest of the path.
func (p *Policy) directoryOf(name string) (d Directory, rest string, ok bool) {
	for _, listed := range p.FileDirectories {
		if below, is := listed.rest(name); is && (!ok || len(listed) > len(d)) {
			d, rest, ok = listed, below, true
		}
	}
	return d, rest, ok
}

// checkFile returns why the file may not be read, as far as its path tells: it looks at no
// file.
func (g *Guard) checkFile(name string) error {
	if len(g.policy.FileDirectories) == 0 {
		return fmt.Errorf("%w: files are read only below the directories that file_directories of probe_policy lists, and there are none", failure.ErrDenied)
	}
	if _, _, ok := g.policy.directoryOf(name); !ok {
		return fmt.Errorf("%w: the file is not below a directory that file_directories of probe_policy lists", failure.ErrDenied)
	}
	return nil
}

// File is the content of a file.
type File struct {
	Content  []byte
	Modified time.Time
}

// ReadFile reads a file of at most limit bytes. The path must be clean. Only regular files
// below the listed directories are read, also if symbolic links lead there; a link that
// leads elsewhere is not followed, whoever changes it meanwhile. The error has a reason, and
// says nothing about what is outside of the directories.
func (g *Guard) ReadFile(name string, limit int64) (*File, error) {
	if err := g.checkFile(name); err != nil {
		return nil, err
	}
	file, info, err := g.open(name, fs.FileMode.IsRegular)
	if err != nil {
		return nil, fileError(err)
	}
	defer file.Close()
	var content bytes.Buffer
	content.Grow(int(min(info.Size(), limit)) + bytes.MinRead)
	switch n, err := content.ReadFrom(io.LimitReader(file, limit+1)); {
	case err != nil:
		return nil, fileError(err)
	case n > limit:
		return nil, failure.New(failure.ReasonTooLarge, "the file is larger than %d bytes, which is the limit", limit)
	}
	return &File{content.Bytes(), info.ModTime()}, nil
}

// open opens what a path leads to, if its type is wanted. Nothing of another type is opened:
// to open a device may have effects, and to open a pipe may wait. Should the type change
// before it is opened, O_NONBLOCK prevents that wait.
func (g *Guard) open(name string, wanted func(fs.FileMode) bool) (file *os.File, info fs.FileInfo, err error) {
	err = g.follow(name, func(root *os.Root, rest string) error {
		if info, err = root.Stat(rest); err != nil {
			return err
		}
		if !wanted(info.Mode()) {
			return unwanted(info.Mode())
		}
		if file, err = root.OpenFile(rest, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
			return err
		}
		if info, err = file.Stat(); err == nil && !wanted(info.Mode()) {
			err = unwanted(info.Mode())
		}
		if err != nil {
			file.Close()
		}
		return err
	})
	return file, info, err
}

// maxLinks is how many symbolic links from one listed directory to another, or with an
// absolute path, are followed. Linux has the same limit for all links (path_resolution(7)).
const maxLinks = 40

// follow calls do with the listed directory that a path is below, and the rest of the path.
// An os.Root never leaves its directory, so it rejects links with an absolute path, and
// those to another listed directory. For them do is called again, with the place to which
// they lead.
func (g *Guard) follow(name string, do func(root *os.Root, rest string) error) error {
	for range maxLinks {
		listed, rest, ok := g.policy.directoryOf(name)
		if !ok {
			return fmt.Errorf("%w: a symbolic link leads out of the directories that file_directories of probe_policy lists", failure.ErrDenied)
		}
		root, err := os.OpenRoot(string(listed))
		if err != nil {
			return err
		}
		if err = do(root, rest); err != nil && escapes(err) {
			name, err = expandLink(root, string(listed), rest)
			root.Close()
			if err == nil {
				continue
			}
			return err
		}
		root.Close()
		return err
	}
	return syscall.ELOOP
}

// escapes tells whether an os.Root rejected a path that leads out of its directory. That
// error has no name in package os.
func escapes(err error) bool {
	failed, ok := errors.AsType[*fs.PathError](err)
	return ok && failed.Err.Error() == "path escapes from parent"
}

// expandLink returns a path below dir with the first symbolic link in it replaced by the
// place to which it leads.
func expandLink(root *os.Root, dir, rest string) (string, error) {
	parts := strings.Split(rest, "/")
	for i := range parts {
		link := path.Join(parts[:i+1]...)
		to, err := root.Readlink(link)
		if err != nil { // it is none
			continue
		}
		if !path.IsAbs(to) {
			to = path.Join(dir, path.Dir(link), to)
		}
		return path.Join(append([]string{to}, parts[i+1:]...)...), nil
	}
	return "", syscall.ELOOP // the link has changed since
}

// unwanted is the error about a file of another type.
func unwanted(mode fs.FileMode) error {
	kind := "not a regular file"
	switch {
	case mode.IsDir():
		kind = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a named pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	}
	return failure.New(failure.ReasonNotAFile, "the path is that of %s, and only regular files are read", kind)
}

// fileError returns an error of the file system with its reason, and without the path.
func fileError(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return failure.New(failure.ReasonNoSuchFile, "there is no such file")
	case errors.Is(err, fs.ErrPermission):
		return failure.New(failure.ReasonPermissionDenied, "the exporter may not read it: %w", err)
	case failure.IsLocal(err):
		return err
	case errors.Is(err, failure.ErrDenied), failure.Of(err) == failure.ReasonNotAFile:
		return err
	}
	return failure.New(failure.ReasonReadError, "the file cannot be read: %w", err)
}
