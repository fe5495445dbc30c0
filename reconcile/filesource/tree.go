package filesource

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
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
	if !fs.ValidPath(name) || name == "." {
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
	if strings.EqualFold(path.Base(name), ".git") {
		return item{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return d.item(name)
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
	var data []byte
	for range attempts {
		read, now, whole, err := d.read(it, limit)
		if err != nil {
			return nil, it, err
		}
		data = read
		if now != nil && now.Mode().IsRegular() {
			it.info, it.Size, it.Modified = now, int64(len(read)), now.ModTime()
		}
		if whole {
			return data, it, nil
		}
		again, err := d.item(it.Path)
		switch {
		case err != nil:
			return nil, it, err
		case again.Kind != reconcile.EntryFile:
			return nil, it, errors.Join(fmt.Errorf("read %s: no regular file any more", it.Path), fs.ErrInvalid)
		}
		it = again
	}
	it.Size = int64(len(data))
	return data, it, nil
}
