package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// ReadOptions say which project files of a tree are read, and with what.
type ReadOptions struct {
	// Paths are globs of the project files to read, or of directories with all
	// below them; empty: all. A path without any wildcard also names a file
	// that is not called as project files are. Exclude is left out of them.
	Paths   []string
	Exclude []string

	Under   string // search below this directory only; empty: the whole tree
	Overlay string // merged into every project that has it beside its file

	// Variables answer ${NAME}; nothing else does but Lookup, which is asked
	// next, may be nil and is covered by no digest.
	Variables  map[string]string
	Lookup     func(name string) (value string, ok bool)
	AllowUnset bool

	Limits cluster.Limits // zero fields: the defaults

	// Prune is what becomes of what a project no longer has. Reading does not
	// depend on it, but the digest does: a project that was read under another
	// policy is planned anew.
	Prune cluster.PrunePolicy

	// Show turns a path in the tree into one for people; nil: as it is.
	Show func(path string) string
}

// File is one project file as it was read. Project is nil in Loaded where it
// can't be applied; why is in its Problems, also if it can't be read at all.
type File struct {
	Path   string // in the tree
	Loaded project.Loaded

	// Files are the paths that were read, and those that were looked for in
	// vain; sorted. Digest covers them and all that the load depends on; it is
	// empty where the tree could not be asked.
	Files  []string
	Digest string

	// Overlay is the path of the overlay that was merged, empty without one.
	Overlay string

	// Modified is when the latest of Files was written, zero where the tree
	// does not know: a file that was written a moment ago may not be whole.
	Modified time.Time
}

// Reader reads the project files of one tree. It reads nothing outside of it,
// follows no link and keeps to its limits. It is used by one goroutine.
type Reader struct {
	tree   Tree
	opt    ReadOptions
	limits cluster.Limits

	ignores  Ignores
	looked   map[string]error    // directories whose ignore file was looked for
	frozen   map[string]bool     // those that can't be searched for it
	states   map[string]string   // of paths, for digests
	clashes  map[string][]string // project files that differ in letter case only
	read     map[string]bool
	total    int64 // bytes of read
	settings string
}

// NewReader reads from tree.
func NewReader(tree Tree, opt ReadOptions) *Reader {
	return &Reader{
		tree: tree, opt: opt, limits: WithDefaults(opt.Limits),
		looked: map[string]error{}, frozen: map[string]bool{}, states: map[string]string{}, clashes: map[string][]string{}, read: map[string]bool{},
	}
}

// WithDefaults is limits with every zero field filled in.
func WithDefaults(limits cluster.Limits) cluster.Limits {
	return cluster.Limits{
		Depth:      cmp.Or(limits.Depth, 16),
		Files:      cmp.Or(limits.Files, 10_000),
		FileBytes:  cmp.Or(limits.FileBytes, 1<<20),
		TotalBytes: cmp.Or(limits.TotalBytes, 64<<20),
		FetchBytes: cmp.Or(limits.FetchBytes, 512<<20),
	}
}

// Load reads the project of one file.
func (r *Reader) Load(path string) File {
	in := r.open(path)
	f := File{Path: path, Overlay: in.overlay}
	if f.Loaded.Problems = in.problems(); f.Loaded.Problems == nil {
		f.Loaded = project.Load(in.Input)
	}
	f.Files = slices.Sorted(maps.Keys(in.files))
	f.Digest = r.Digest(path, f.Files)
	f.Modified = in.modified
	return f
}

// Input is what Load gives to project.Load, for a caller that wants to see
// what a load asks for. With problems there is nothing to load.
func (r *Reader) Input(path string) (project.Input, []project.Problem) {
	in := r.open(path)
	return in.Input, in.problems()
}

// input is one load in the making.
type input struct {
	project.Input
	reader   *Reader
	dir      string // of the project file
	overlay  string
	files    map[string]struct{}
	modified time.Time

	err    error // about failed
	failed string
}

func (r *Reader) open(path string) *input {
	in := &input{reader: r, dir: parent(path), files: map[string]struct{}{}}
	in.Input = project.Input{File: r.Show(path), Lookup: r.lookup, ReadFile: in.beside, AllowUnset: r.opt.AllowUnset}
	in.failed = path
	if in.err = r.checkClash(path); in.err != nil {
		in.note(path)
		return in
	}
	if in.Data, in.err = in.readFile(path); in.err != nil || r.opt.Overlay == "" {
		return in
	}
	for _, candidate := range overlays(path, r.opt.Overlay) {
		in.note(candidate)
		if _, err := r.look(candidate); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		in.overlay, in.failed, in.OverlayFile = candidate, candidate, r.Show(candidate)
		in.OverlayData, in.err = in.readFile(candidate)
		return in
	}
	return in
}

// problems are why the file or its overlay can't be read, nil if both can.
func (in *input) problems() []project.Problem {
	if in.err == nil {
		return nil
	}
	return []project.Problem{in.reader.unreadable(in.failed, in.err)}
}

func (r *Reader) lookup(name string) (string, bool) {
	value, ok := r.opt.Variables[name]
	if !ok && r.opt.Lookup != nil {
		return r.opt.Lookup(name)
	}
	return value, ok
}

// beside reads what a project file names.
func (in *input) beside(name string) (project.File, error) {
	path, err := resolve(in.dir, name)
	if err != nil {
		return project.File{Path: name}, err
	}
	data, err := in.readFile(path)
	shown := in.reader.Show(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = &FileError{Message: shown + ": no such file", Err: fs.ErrNotExist}
	}
	return project.File{Path: shown, Data: data}, err
}

func (in *input) note(path string) { in.files[path] = struct{}{} }

// readFile reads a file of the tree and remembers that the load depends on it.
func (in *input) readFile(path string) ([]byte, error) {
	in.note(path)
	entry, err := in.reader.look(path)
	if err != nil {
		return nil, err
	}
	if entry.Modified.After(in.modified) {
		in.modified = entry.Modified
	}
	return in.reader.readEntry(entry)
}

func (r *Reader) readEntry(entry Entry) ([]byte, error) {
	if err := r.checkEntry(entry); err != nil {
		return nil, err
	}
	if !r.read[entry.Path] {
		if r.total+entry.Size > r.limits.TotalBytes {
			return nil, &FileError{Message: fmt.Sprintf("with it, more than %d bytes of this source would be read", r.limits.TotalBytes),
				Hint: "leave files out with .maelignore, or raise the limit totalbytes"}
		}
		r.read[entry.Path], r.total = true, r.total+entry.Size
	}
	data, err := r.tree.Read(entry.Path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", entry.Path, err)
	}
	if isPointer(data) {
		return nil, &FileError{Message: "a Git LFS pointer in place of the file", Hint: "keep what maelstrom reads out of Git LFS"}
	}
	return data, nil
}
