package reconcile

import (
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// ReadOptions say which project files of a tree are read, and with what.
type ReadOptions struct {
	Paths   []string // globs of project files; empty: all
	Exclude []string // globs of what is left out
	Under   string   // search below this directory only; empty: the whole tree
	Overlay string   // merged into every project that has it beside its file

	// Variables answer ${NAME}; nothing else does but Lookup, which is asked
	// next, may be nil and is covered by no digest.
	Variables  map[string]string
	Lookup     func(name string) (value string, ok bool)
	AllowUnset bool

	Limits cluster.Limits // zero fields: the defaults

	// Show turns a path in the tree into one for people; nil: as it is.
	Show func(path string) string
}

// File is one project file as it was read. Project is nil in Loaded where it
// can't be applied; why is in its Problems, also if it can't be read at all.
type File struct {
	Path   string // in the tree
	Loaded project.Loaded

	// Files are the paths that were read, and those that were looked for in
	// vain; sorted. Digest covers them and all that the load depends on.
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
	tree Tree
	opt  ReadOptions
}

// NewReader reads from tree.
func NewReader(tree Tree, opt ReadOptions) *Reader { return &Reader{tree: tree, opt: opt} }

// Projects finds the project files, sorted. A limit that is passed is an
// *OriginError.
func (r *Reader) Projects() ([]string, error) { return nil, nil }

// Load reads the project of one file.
func (r *Reader) Load(path string) File { return File{Path: path} }

// Input is what a load of the project file reads, for a caller that wants to
// see it: what Load gives to project.Load.
func (r *Reader) Input(path string) (project.Input, error) { return project.Input{}, nil }

// Digest is what Load would give if it read and looked for just these files;
// empty if it would not.
func (r *Reader) Digest(path string, files []string) string { return "" }
