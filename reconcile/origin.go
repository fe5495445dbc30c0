package reconcile

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"maelstrom/cluster"
)

// Origin is where the files of one source come from: a repository or a
// directory. Its methods are called by one goroutine at a time. Errors are
// *OriginError where the cause is known.
type Origin interface {
	// Resolve asks what the latest revision is. It is cheap: nothing of the
	// files is read.
	Resolve(ctx context.Context) (Resolved, error)

	// Fetch makes the files of a revision readable, last being the revision
	// that was fetched before, empty if none was. The tree is good until the
	// next Fetch.
	Fetch(ctx context.Context, revision, last string) (Fetched, error)

	// Watch signals that Resolve may answer otherwise than before, until ctx
	// ends. It is a hint: signals may be lost or superfluous. An Origin that
	// knows nothing by itself returns nil.
	Watch(ctx context.Context) <-chan struct{}

	Close() error
}

// Resolved is the answer to what is latest.
type Resolved struct {
	Revision string // names the state of all files: a commit, or a digest
	Ref      string // full name of what it was found under; empty for a directory
}

// Fetched is one revision of a source.
type Fetched struct {
	Tree   Tree
	Commit cluster.Commit

	// Rewritten: the last revision is no ancestor of this one, or may be none:
	// then Doubt says why that is not known.
	Rewritten bool
	Doubt     error
}

// Tree is the files of one revision. Paths are relative to its top, with
// slashes. Nothing outside of it can be named, and no link is followed.
type Tree interface {
	// Walk visits every entry below the top in lexical order. A directory for
	// which visit returns fs.SkipDir is not entered.
	Walk(visit func(Entry) error) error

	// Lookup returns the entry at path. One that is reached through a link or
	// a submodule, or not at all, is an error that says so: fs.ErrNotExist if
	// there is nothing.
	Lookup(path string) (Entry, error)

	// Read returns the contents of a regular file.
	Read(path string) ([]byte, error)
}

// Entry is one thing in a Tree.
type Entry struct {
	Path   string
	Kind   EntryKind
	ID     string // changes whenever the contents do; empty for directories
	Size   int64  // bytes of a regular file
	Target string // of a symbolic link

	// Modified is when a regular file was last written, zero where the tree
	// does not know.
	Modified time.Time
}

// EntryKind says what an entry is.
type EntryKind int

// The entry kinds.
const (
	EntryFile EntryKind = iota
	EntryDir
	EntrySymlink
	EntrySubmodule
	EntryOther
)

// LinkError is the error of a path that leads through a symbolic link.
type LinkError struct {
	Path   string // that was asked for
	Link   string // the link on the way, or the path itself
	Target string
}

func (e *LinkError) Error() string {
	return fmt.Sprintf("%s: %s is a symbolic link to %s, and links are not followed", e.Path, e.Link, e.Target)
}

// Is lets errors.Is find that the path can't be read.
func (e *LinkError) Is(target error) bool { return target == fs.ErrInvalid }

// OriginError is an error whose cause decides what the loop does next.
type OriginError struct {
	Reason cluster.ConditionReason

	// Permanent: trying again is useless until somebody changes something.
	Permanent bool

	RetryAfter time.Duration // asked for by the other side; 0: it did not say
	Hint       string        // what to do, for people
	Err        error
}

func (e *OriginError) Error() string {
	if e.Hint == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + "; " + e.Hint
}

// Unwrap returns the cause.
func (e *OriginError) Unwrap() error { return e.Err }

// OpenOrigin makes the Origin of a source. It touches nothing outside of this
// node yet.
type OpenOrigin func(spec *cluster.Source, secrets cluster.SourceSecrets) (Origin, error)
