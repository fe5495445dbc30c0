package filesource

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"maelstrom/reconcile"
)

// NewTree reads a directory as it is at each call. IDs are made of what the
// file system says of a file, not of its contents.
func NewTree(dir string) (reconcile.Tree, io.Closer, error) {
	d, err := openDisk(dir)
	if err != nil {
		return nil, nil, err
	}
	return live{d}, closer(d.close), nil
}

type closer func() error

func (c closer) Close() error { return c() }

// live is a directory without any memory.
type live struct{ disk *disk }

var _ reconcile.Tree = live{}

func (l live) Walk(visit func(reconcile.Entry) error) error {
	return l.disk.walk("", func(it item) error { return visit(it.Entry) })
}

func (l live) Lookup(name string) (reconcile.Entry, error) {
	it, err := l.disk.lookup(name)
	return it.Entry, err
}

func (l live) Read(name string) ([]byte, error) {
	it, err := l.disk.lookup(name)
	if err == nil {
		err = readable(it.Entry)
	}
	if err != nil {
		return nil, err
	}
	data, _, err := l.disk.readWhole(it, maxRead)
	if err == nil && len(data) > maxRead {
		err = fmt.Errorf("read %s: more than %d bytes", name, maxRead)
	}
	return data, err
}

// maxRead bounds a read whose caller has not looked at the size.
const maxRead = 64 << 20

// lookup looks at every step of the way to a path.
func (d *disk) lookup(name string) (item, error) {
	if !fs.ValidPath(name) || name == "." || slices.ContainsFunc(strings.Split(name, "/"), isGit) {
		return item{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	for end := 0; ; end++ {
		next := strings.IndexByte(name[end:], '/')
		if next < 0 {
			break
		}
		end += next
		it, err := d.item(name[:end])
		if err == nil {
			err = passable(name, it.Entry)
		}
		if err == nil && d.repository(name[:end]) {
			err = &reconcile.FileError{Message: fmt.Sprintf("%s is another repository", name[:end]), Hint: "put the file into this one", Err: fs.ErrInvalid}
		}
		if err != nil {
			return item{}, err
		}
	}
	return d.item(name)
}

func isGit(name string) bool { return strings.EqualFold(name, ".git") }

// readable refuses what is no regular file.
func readable(e reconcile.Entry) error {
	switch e.Kind {
	case reconcile.EntryFile:
		return nil
	case reconcile.EntrySymlink:
		return &reconcile.LinkError{Path: e.Path, Link: e.Path, Target: e.Target}
	}
	return &reconcile.FileError{Message: "not a regular file", Err: fs.ErrInvalid}
}

// passable refuses to go on to name through what is no directory.
func passable(name string, on reconcile.Entry) error {
	switch on.Kind {
	case reconcile.EntryDir:
		return nil
	case reconcile.EntrySymlink:
		return &reconcile.LinkError{Path: name, Link: on.Path, Target: on.Target}
	}
	return fmt.Errorf("%s: %s is no directory: %w", name, on.Path, fs.ErrNotExist)
}

// attempts is how often a file that changes while it is read is read again.
const attempts = 5

// readWhole reads a file that nobody writes to meanwhile. One that never rests
// is taken as it was read last.
func (d *disk) readWhole(it item, limit int64) ([]byte, item, error) {
	for attempt := 1; ; attempt++ {
		data, now, rested, err := d.read(it, limit)
		if err != nil {
			return nil, it, err
		}
		if now != nil && (rested || attempt >= attempts) {
			it.info, it.Size, it.Modified = now, int64(len(data)), now.ModTime()
			return data, it, nil
		}
		if it, err = d.item(it.Path); err == nil {
			err = readable(it.Entry)
		}
		if err == nil && attempt >= 2*attempts {
			err = fmt.Errorf("read %s: it is another file each time", it.Path)
		}
		if err != nil {
			return nil, it, err
		}
	}
}
