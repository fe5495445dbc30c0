package gitsource

import (
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

const (
	// maxExtensions: after so many fetches, all is fetched anew, so that what
	// no commit needs any more goes away.
	maxExtensions = 64

	// maxLoose: a fetch of more objects than that is stored as a pack.
	maxLoose = 2000

	// freeGrowth is how much a small repository may grow beyond itself.
	freeGrowth = 16 << 20

	// forgotten: a cache that no process opened for so long is removed, since
	// its source may be gone.
	forgotten = 30 * 24 * time.Hour

	private    = "private-" // directories of origins that found theirs taken
	stateFile  = "current.json"
	generation = "objects-" // directories; one of them is current
)

// errBig ends an extension that is better fetched anew.
var errBig = errors.New("too many objects for an extension")

// errCut is the error of a pack without its end.
var errCut = errors.New("the connection broke in the middle of a pack")

// store keeps the objects of one source on disk. What it is doing when the
// process dies leaves the state that was there, or none.
type store struct {
	dir     string
	state   state
	objects *filesystem.Storage // of state.Objects; nil if there is none
}

// state is what the store's directory holds.
type state struct {
	Key        string // of the source as it was declared
	Objects    string // directory
	Revision   string // all of its files are here
	Partial    int64  // files from so many bytes may be absent; 0: none may
	Extensions int    // fetches on top of the first
	Bytes      int64  // of the first fetch
	Added      int64  // by the others
}

// load opens what an earlier process left, unless it is of another declaration.
func (s *store) load(key string) error {
	if s.objects != nil {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make cache: %w", err)
	}
	path := filepath.Join(s.dir, stateFile)
	text, err := os.ReadFile(path)
	_ = os.Chtimes(path, time.Time{}, time.Now())
	var found state
	if err == nil && json.Unmarshal(text, &found) == nil && found.Key == key && filepath.Base(found.Objects) == found.Objects {
		s.state, s.objects = found, openObjects(filepath.Join(s.dir, found.Objects))
	}
	s.sweep()
	return nil
}

func openObjects(dir string) *filesystem.Storage {
	return filesystem.NewStorageWithOptions(osfs.New(dir), cache.NewObjectLRU(4*cache.MiByte), filesystem.Options{
		KeepDescriptors: true, LargeObjectThreshold: 4 << 20,
	})
}

// sweep removes what is not current.
func (s *store) sweep() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.Name() != stateFile && (s.objects == nil || e.Name() != s.state.Objects) {
			_ = os.RemoveAll(filepath.Join(s.dir, e.Name())) // the next time, else
		}
	}
}

// sweepOld removes the caches of sources that are gone, and what a process
// that died had for itself.
func sweepOld(dir string, now time.Time) {
	left, err := filepath.Glob(filepath.Join(dir, private+"*"))
	if err != nil {
		return
	}
	for _, path := range left {
		_ = os.RemoveAll(path) // at the next start, else
	}
	states, err := filepath.Glob(filepath.Join(dir, "*", stateFile))
	if err != nil {
		return
	}
	for _, path := range states {
		if info, err := os.Stat(path); err == nil && now.Sub(info.ModTime()) > forgotten {
			_ = os.RemoveAll(filepath.Dir(path)) // at the next start, else
		}
	}
}

// extendable tells whether a fetch may build on what is here.
func (s *store) extendable() bool {
	return s.objects != nil && s.state.Revision != "" && s.state.Extensions < maxExtensions &&
		s.state.Added <= max(s.state.Bytes, freeGrowth)
}

// extended notes that a revision is here too.
func (s *store) extended(revision string, bytes, partial int64) error {
	next := s.state
	next.Revision, next.Extensions, next.Added = revision, next.Extensions+1, next.Added+bytes
	next.Partial = max(next.Partial, partial)
	if err := s.write(next); err != nil {
		return err
	}
	s.state = next
	return nil
}

// replaced puts freshly fetched objects in the place of those that are here.
func (s *store) replaced(next state, objects *filesystem.Storage) error {
	if err := s.write(next); err != nil {
		return err
	}
	if s.objects != nil {
		_ = s.objects.Close() // only read
	}
	s.state, s.objects = next, objects
	s.sweep()
	return nil
}

func (s *store) write(next state) error {
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, stateFile)
	err = os.WriteFile(path+".new", text, 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("write cache: %w", err)
	}
	return nil
}

func (s *store) close() error {
	if s.objects == nil {
		return nil
	}
	objects := s.objects
	s.objects = nil
	return objects.Close()
}

// spool writes a pack to a file and sees whether it is whole. Nothing of it is
// looked at before.
func spool(pack io.Reader, dir string) (_ *os.File, size int64, err error) {
	file, err := os.CreateTemp(dir, "pack-*")
	if err != nil {
		return nil, 0, fmt.Errorf("write cache: %w", err)
	}
	size, err = io.Copy(file, pack)
	if err == nil {
		err = checkPack(file, size)
	}
	if err != nil {
		unspool(file)
		return nil, 0, err
	}
	return file, size, nil
}

func unspool(file *os.File) {
	_ = file.Close()
	_ = os.Remove(file.Name())
}

// checkPack compares a pack with the sum at its end.
func checkPack(file *os.File, size int64) error {
	if size < 32 {
		return errCut
	}
	sum := sha1.New()
	if _, err := io.Copy(sum, io.NewSectionReader(file, 0, size-sha1.Size)); err != nil {
		return fmt.Errorf("read pack: %w", err)
	}
	end := make([]byte, sha1.Size)
	if _, err := file.ReadAt(end, size-sha1.Size); err != nil {
		return fmt.Errorf("read pack: %w", err)
	}
	if string(sum.Sum(nil)) != string(end) {
		return errCut
	}
	_, err := file.Seek(0, io.SeekStart)
	return err
}

// endingFile is a file whose reads end with a context: go-git's parser knows none.
type endingFile struct {
	*os.File
	ctx context.Context
}

func (f *endingFile) Read(p []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

// addLoose stores the objects of a pack, which may be changes of objects that
// are here, one by one.
func addLoose(ctx context.Context, pack *os.File, objects *filesystem.Storage) error {
	var header [12]byte
	if _, err := pack.ReadAt(header[:], 0); err != nil {
		return fmt.Errorf("read pack: %w", err)
	}
	if binary.BigEndian.Uint32(header[8:]) > maxLoose {
		return &objectError{err: errBig}
	}
	parser, err := packfile.NewParserWithStorage(packfile.NewScanner(&endingFile{File: pack, ctx: ctx}), objects)
	if err == nil {
		_, err = parser.Parse()
	}
	if err != nil {
		return &objectError{err: fmt.Errorf("read pack: %w", err)}
	}
	return nil
}

// addPack makes a pack, which needs no other objects, and its index the
// contents of an empty directory of objects.
func addPack(ctx context.Context, pack *os.File, dir string) error {
	index := new(idxfile.Writer)
	parser, err := packfile.NewParser(packfile.NewScanner(&endingFile{File: pack, ctx: ctx}), index)
	if err != nil {
		return &objectError{err: fmt.Errorf("read pack: %w", err)}
	}
	sum, err := parser.Parse()
	if err != nil {
		return &objectError{err: fmt.Errorf("read pack: %w", err)}
	}
	made, err := index.Index()
	if err != nil {
		return &objectError{err: fmt.Errorf("read pack: %w", err)}
	}
	return placePack(pack.Name(), made, sum, filepath.Join(dir, "objects", "pack"))
}

func placePack(pack string, index *idxfile.MemoryIndex, sum plumbing.Hash, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write cache: %w", err)
	}
	name := filepath.Join(dir, "pack-"+sum.String())
	file, err := os.Create(name + ".idx")
	if err != nil {
		return fmt.Errorf("write cache: %w", err)
	}
	_, err = idxfile.NewEncoder(file).Encode(index)
	if err := errors.Join(err, file.Close(), os.Rename(pack, name+".pack")); err != nil {
		return fmt.Errorf("write cache: %w", err)
	}
	return nil
}
