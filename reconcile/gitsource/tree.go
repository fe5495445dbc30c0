package gitsource

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

// maxEntries bounds what a revision may have: a few objects can make up a tree
// without end.
const maxEntries = 1 << 20

// maxTarget is how much of a symbolic link is read.
const maxTarget = 4096

// anyFile: of a clone that somebody else made, any file may be absent.
const anyFile = -1

// objectError is the error of objects that are missing or wrong here.
type objectError struct {
	err error
}

func (e *objectError) Error() string { return e.err.Error() }
func (e *objectError) Unwrap() error { return e.err }

// node is one entry of a directory.
type node struct {
	name   string
	kind   reconcile.EntryKind
	hash   plumbing.Hash
	size   int64
	target string
	absent bool // left out of the fetch: larger than any file that is read
}

// tree reads the files of one commit from objects.
type tree struct {
	objects storer.EncodedObjectStorer
	root    plumbing.Hash
	dirs    map[plumbing.Hash][]node // by the hash of the tree object
	partial int64                    // files from so many bytes may be absent; 0: none may; anyFile
	entries int

	mu sync.Mutex // of objects
}

var _ reconcile.Tree = (*tree)(nil)

// readTree reads all directories of a commit, but no files. What before has of them
// is taken from there. Each object that the commit needs is looked for.
func readTree(objects storer.EncodedObjectStorer, root plumbing.Hash, partial int64, before *tree) (*tree, error) {
	t := &tree{objects: objects, root: root, partial: partial, dirs: map[plumbing.Hash][]node{}}
	return t, t.add(root, before)
}

func (t *tree) add(dir plumbing.Hash, before *tree) error {
	if _, done := t.dirs[dir]; done {
		return nil
	}
	var nodes []node
	known := false
	if before != nil {
		nodes, known = before.dirs[dir]
	}
	if !known {
		var err error
		if nodes, err = t.read(dir); err != nil {
			return err
		}
	}
	if t.entries += len(nodes); t.entries > maxEntries {
		return tooManyEntries()
	}
	t.dirs[dir] = nodes
	for _, n := range nodes {
		if n.kind == reconcile.EntryDir {
			if err := t.add(n.hash, before); err != nil {
				return err
			}
		}
	}
	return nil
}

func tooManyEntries() error {
	e := permanent(cluster.ReasonTooLarge, "keep the projects in a repository of their own")
	e.Err = fmt.Errorf("read tree: more than %d entries", maxEntries)
	return e
}

func (t *tree) read(dir plumbing.Hash) ([]node, error) {
	object, err := object.GetTree(t.objects, dir)
	if err != nil {
		return nil, &objectError{err: fmt.Errorf("read tree %s: %w", dir, err)}
	}
	nodes := make([]node, 0, len(object.Entries))
	for _, e := range object.Entries {
		if e.Name == "" || e.Name == "." || e.Name == ".." || strings.ContainsAny(e.Name, "/\x00") {
			invalid := permanent(cluster.ReasonInvalidSource, "no git makes such a tree; look who pushed it")
			invalid.Err = fmt.Errorf("read tree %s: an entry is named %q", dir, e.Name)
			return nil, invalid
		}
		n, err := t.node(&e)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b node) int { return strings.Compare(a.name, b.name) })
	return nodes, nil
}

func (t *tree) node(e *object.TreeEntry) (node, error) {
	n := node{name: e.Name, hash: e.Hash}
	switch e.Mode {
	case filemode.Dir:
		n.kind = reconcile.EntryDir
		return n, nil
	case filemode.Submodule:
		n.kind = reconcile.EntrySubmodule
		return n, nil
	case filemode.Symlink:
		n.kind = reconcile.EntrySymlink
		target, err := t.content(e.Hash, maxTarget)
		n.target = string(target)
		return n, err
	case filemode.Regular, filemode.Executable, filemode.Deprecated:
	default:
		n.kind = reconcile.EntryOther
		return n, nil
	}
	var err error
	n.size, err = t.size(e.Hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) && t.partial != 0 {
		n.absent, n.size = true, max(t.partial, 0) // at least
		return n, nil
	}
	if err != nil {
		return n, &objectError{err: fmt.Errorf("read size of %s: %w", e.Name, err)}
	}
	return n, nil
}

func (t *tree) size(hash plumbing.Hash) (int64, error) {
	size, err := t.objects.EncodedObjectSize(hash)
	if !errors.Is(err, plumbing.ErrObjectNotFound) || t.partial != anyFile {
		return size, err
	}
	// go-git does not look for sizes where a clone shares another's objects.
	object, err := t.objects.EncodedObject(plumbing.BlobObject, hash)
	if err != nil {
		return 0, err
	}
	return object.Size(), nil
}

// content reads an object, and sees whether it is what its name says.
func (t *tree) content(hash plumbing.Hash, limit int64) ([]byte, error) {
	blob, err := object.GetBlob(t.objects, hash)
	if err != nil {
		return nil, &objectError{err: fmt.Errorf("read blob %s: %w", hash, err)}
	}
	if limit > 0 && blob.Size > limit {
		return nil, fmt.Errorf("read blob %s: it has %d bytes", hash, blob.Size)
	}
	r, err := blob.Reader()
	if err != nil {
		return nil, &objectError{err: fmt.Errorf("read blob %s: %w", hash, err)}
	}
	text, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, &objectError{err: fmt.Errorf("read blob %s: %w", hash, err)}
	}
	if got := plumbing.ComputeHash(plumbing.BlobObject, text); got != hash {
		return nil, &objectError{err: fmt.Errorf("read blob %s: its contents are of %s", hash, got)}
	}
	return text, nil
}

// Walk visits every entry, a directory before what is in it.
func (t *tree) Walk(visit func(reconcile.Entry) error) error {
	left := maxEntries
	return t.walk("", t.root, &left, visit)
}

func (t *tree) walk(above string, dir plumbing.Hash, left *int, visit func(reconcile.Entry) error) error {
	for _, n := range t.dirs[dir] {
		if *left--; *left < 0 {
			return tooManyEntries()
		}
		path := above + n.name
		err := visit(n.entry(path))
		if n.kind == reconcile.EntryDir && errors.Is(err, fs.SkipDir) {
			continue
		}
		if err != nil {
			return err
		}
		if n.kind != reconcile.EntryDir {
			continue
		}
		if err := t.walk(path+"/", n.hash, left, visit); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) entry(path string) reconcile.Entry {
	e := reconcile.Entry{Path: path, Kind: n.kind, Size: n.size, Target: n.target}
	if n.kind != reconcile.EntryDir {
		e.ID = n.hash.String()
	}
	return e
}

// Lookup returns the entry at path.
func (t *tree) Lookup(path string) (reconcile.Entry, error) {
	n, err := t.find(path)
	if err != nil {
		return reconcile.Entry{}, err
	}
	return n.entry(path), nil
}

func (t *tree) find(path string) (*node, error) {
	if !fs.ValidPath(path) {
		return nil, fmt.Errorf("%q leads out of the repository: %w", path, fs.ErrInvalid)
	}
	at := &node{kind: reconcile.EntryDir, hash: t.root}
	if path == "." {
		return at, nil
	}
	walked := ""
	for name := range strings.SplitSeq(path, "/") {
		switch at.kind {
		case reconcile.EntryDir:
		case reconcile.EntrySymlink:
			return nil, &reconcile.LinkError{Path: path, Link: walked, Target: at.target}
		case reconcile.EntrySubmodule:
			return nil, fmt.Errorf("%s: %s is a submodule, and submodules are not read: %w", path, walked, fs.ErrInvalid)
		default:
			return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		}
		nodes := t.dirs[at.hash]
		i, ok := slices.BinarySearchFunc(nodes, name, func(n node, name string) int { return strings.Compare(n.name, name) })
		if !ok {
			return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		}
		at = &nodes[i]
		walked = strings.TrimPrefix(walked+"/"+name, "/")
	}
	return at, nil
}

// Read returns the contents of a regular file.
func (t *tree) Read(path string) ([]byte, error) {
	n, err := t.find(path)
	if err != nil {
		return nil, err
	}
	switch {
	case n.kind == reconcile.EntrySymlink:
		return nil, &reconcile.LinkError{Path: path, Link: path, Target: n.target}
	case n.kind != reconcile.EntryFile:
		return nil, fmt.Errorf("%s is no regular file: %w", path, fs.ErrInvalid)
	case n.absent && t.partial == anyFile:
		return nil, fmt.Errorf("read %s: its contents are not in this clone; git fetch --refetch brings them", path)
	case n.absent:
		e := permanent(cluster.ReasonTooLarge, "raise limits.filebytes of the source, or make the file smaller")
		e.Err = fmt.Errorf("read %s: it has %d bytes or more, and was not fetched", path, n.size)
		return nil, e
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.content(n.hash, 0)
}
