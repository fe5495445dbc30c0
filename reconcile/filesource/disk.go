package filesource

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"maelstrom/reconcile"
)

// swapped is the link that a mounted ConfigMap or Secret replaces to change
// all of its files at once.
const swapped = "..data"

// disk is a directory that is read without ever leaving it. No link in it is
// followed but one pattern: an entry of the top that leads through ..data,
// where that leads to a directory beside it. Its paths are those of a Tree.
type disk struct {
	root  *os.Root
	data  string            // what ..data leads to, empty without
	links map[string]string // entries of the top to where they are below it
}

func openDisk(dir string) (*disk, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, reason(err))
	}
	d := &disk{root: root, data: dataDir(root)}
	if d.data == "" {
		return d, nil
	}
	if err := d.findLinks(); err != nil {
		root.Close()
		return nil, fmt.Errorf("open %s: %w", dir, reason(err))
	}
	return d, nil
}

// reason is err without the path that it is about.
func reason(err error) error {
	var known *fs.PathError
	if errors.As(err, &known) {
		return known.Err
	}
	return err
}

// dataDir is the directory at the top that ..data leads to, empty if it is no
// such link.
func dataDir(root *os.Root) string {
	target, err := root.Readlink(swapped)
	if err != nil || target != path.Base(target) || target == ".." || target == "." {
		return ""
	}
	if info, err := root.Lstat(target); err != nil || !info.IsDir() {
		return ""
	}
	return target
}

func (d *disk) findLinks() error {
	d.links = map[string]string{}
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink == 0 {
			continue
		}
		target, err := d.root.Readlink(e.Name())
		below, ok := strings.CutPrefix(target, swapped+"/")
		if err == nil && ok && fs.ValidPath(below) && !d.linked(path.Join(d.data, below)) {
			d.links[e.Name()] = path.Join(d.data, below)
		}
	}
	return nil
}

// linked tells whether a further link lies on the way to name.
func (d *disk) linked(name string) bool {
	for at := name; at != "."; at = path.Dir(at) {
		if info, err := d.root.Lstat(at); err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

func (d *disk) close() error { return d.root.Close() }

// real is where a path of the tree is below the root.
func (d *disk) real(name string) string {
	first, rest, more := strings.Cut(name, "/")
	target, ok := d.links[first]
	switch {
	case !ok:
		return name
	case more:
		return target + "/" + rest
	}
	return target
}

// item is an entry and what the disk says of it.
type item struct {
	reconcile.Entry
	info fs.FileInfo
	real string
}

func (d *disk) item(name string) (item, error) {
	it := item{Entry: reconcile.Entry{Path: name}, real: d.real(name)}
	info, err := d.root.Lstat(it.real)
	if err != nil {
		return it, fmt.Errorf("look at %s: %w", name, reason(err))
	}
	it.info = info
	switch {
	case info.IsDir():
		it.Kind = reconcile.EntryDir
	case info.Mode().IsRegular():
		it.Kind, it.Size, it.Modified = reconcile.EntryFile, info.Size(), info.ModTime()
		it.ID = statID(info)
	case info.Mode()&fs.ModeSymlink != 0:
		it.Kind = reconcile.EntrySymlink
		it.Target, _ = d.root.Readlink(it.real) // a link that goes away meanwhile
	default:
		it.Kind = reconcile.EntryOther
	}
	return it, nil
}

// list is what lies in a directory, by name. What went away meanwhile is left out.
func (d *disk) list(dir string) ([]item, error) {
	entries, err := fs.ReadDir(d.root.FS(), cleanDir(d.real(dir)))
	if err != nil {
		return nil, err
	}
	var items []item
	for _, e := range entries {
		if dir == "" && d.data != "" && strings.HasPrefix(e.Name(), "..") {
			continue // what the swap is made of
		}
		it, err := d.item(path.Join(dir, e.Name()))
		switch {
		case err == nil:
			items = append(items, it)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.Path, b.Path) })
	return items, nil
}

func cleanDir(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}

// walk visits what lies below dir in lexical order, but nothing of git's own
// and nothing of another repository.
func (d *disk) walk(dir string, visit func(item) error) error {
	items, err := d.list(dir)
	if err != nil {
		if dir != "" && errors.Is(err, fs.ErrNotExist) {
			return nil // it went away meanwhile
		}
		return fmt.Errorf("search %s: %w", cleanDir(dir), reason(err))
	}
	for _, it := range items {
		if isGit(path.Base(it.Path)) || it.Kind == reconcile.EntryDir && d.repository(it.Path) {
			continue
		}
		err := visit(it)
		if err == nil && it.Kind == reconcile.EntryDir {
			err = d.walk(it.Path, visit)
		}
		if err != nil && !(errors.Is(err, fs.SkipDir) && it.Kind == reconcile.EntryDir) {
			return err
		}
	}
	return nil
}

// repository tells whether a directory is the top of a git working copy.
func (d *disk) repository(dir string) bool {
	_, err := d.root.Lstat(path.Join(d.real(dir), ".git"))
	return err == nil
}

// read reads a regular file as it stands, and tells whether it rested
// meanwhile; now is nil if another file is in its place. No more than one byte
// beyond limit is read.
func (d *disk) read(it item, limit int64) (data []byte, now fs.FileInfo, rested bool, err error) {
	file, err := d.root.OpenFile(it.real, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return nil, nil, false, fmt.Errorf("open %s: %w", it.Path, reason(err))
	}
	defer file.Close()
	before, err := file.Stat()
	if err == nil && !os.SameFile(it.info, before) {
		return nil, nil, false, nil
	}
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(file, limit+1))
	}
	if err == nil {
		now, err = file.Stat()
	}
	if err != nil {
		return nil, nil, false, fmt.Errorf("read %s: %w", it.Path, reason(err))
	}
	rested = before.Size() == now.Size() && before.ModTime().Equal(now.ModTime())
	return data, now, rested && (now.Size() == int64(len(data)) || now.Size() > limit), nil
}
