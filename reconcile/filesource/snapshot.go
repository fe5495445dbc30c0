package filesource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

// maxEntries bounds how many files and directories are looked at.
const maxEntries = 200_000

// settled is how old a file must have been when it was read, for what the file
// system says of it to tell any later change: some count whole seconds.
const settled = 2 * time.Second

// snapshot is a directory as it was read at one time. It never changes.
type snapshot struct {
	dir      string
	at       time.Time // just before it was read
	data     string    // where ..data led
	revision string
	entries  []reconcile.Entry // in the order of a walk
	places   map[string]int    // of entries, by path
	stats    map[string]string // of regular files
	kept     map[string][]byte // contents
	failed   map[string]error  // files that could not be read
	limits   cluster.Limits
}

// scan reads what prev does not know already. Files of no project are read
// once to know their contents by their digest, and not kept.
type scan struct {
	*snapshot
	ctx     context.Context
	disk    *disk
	prev    *snapshot
	ignores reconcile.Ignores
	room    int64 // for contents
}

// take makes a snapshot. Files that are swapped meanwhile are read again.
func take(ctx context.Context, dir string, limits cluster.Limits, prev *snapshot) (*snapshot, error) {
	for range attempts {
		s, err := takeOnce(ctx, dir, limits, prev)
		if err == nil || !errors.Is(err, errSwapped) {
			return s, err
		}
	}
	return nil, errSwapped
}

var errSwapped = errors.New("the files were swapped while they were read")

func takeOnce(ctx context.Context, dir string, limits cluster.Limits, prev *snapshot) (*snapshot, error) {
	at := time.Now()
	d, err := openDisk(dir)
	if err != nil {
		return nil, err
	}
	defer d.close()
	s := &scan{ctx: ctx, disk: d, prev: prev, room: limits.TotalBytes, snapshot: &snapshot{
		dir: dir, at: at, data: d.data, limits: limits,
		places: map[string]int{}, stats: map[string]string{}, kept: map[string][]byte{}, failed: map[string]error{},
	}}
	if prev == nil {
		s.prev = &snapshot{}
	}
	s.enter("")
	if err := d.walk("", s.visit); err != nil {
		return nil, err
	}
	if dataDir(d.root) != d.data {
		return nil, errSwapped
	}
	s.revision = s.sum()
	return s.snapshot, nil
}

// enter reads the ignore file of a directory.
func (s *scan) enter(dir string) {
	it, err := s.disk.item(path.Join(dir, reconcile.IgnoreFile))
	if err != nil || it.Kind != reconcile.EntryFile || it.Size > s.limits.FileBytes {
		return // what is wrong with it, the reader of the tree tells
	}
	if data, _, err := s.disk.readWhole(it, s.limits.FileBytes); err == nil {
		s.ignores.Add(dir, data)
	}
}

func (s *scan) visit(it item) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	isDir := it.Kind == reconcile.EntryDir
	if _, ignored := s.ignores.Match(it.Path, isDir); ignored {
		if isDir {
			return fs.SkipDir
		}
		return nil
	}
	if len(s.entries) == maxEntries {
		return &reconcile.OriginError{Reason: cluster.ReasonTooLarge, Permanent: true,
			Err: fmt.Errorf("more than %d files and directories in %s", maxEntries, s.dir), Hint: "leave some out with " + reconcile.IgnoreFile}
	}
	if isDir {
		s.enter(it.Path)
	}
	if it.Kind == reconcile.EntryFile {
		gone, err := s.file(&it)
		if gone || err != nil {
			return err
		}
	}
	s.places[it.Path] = len(s.entries)
	s.entries = append(s.entries, it.Entry)
	return nil
}

// file finds out what a file holds, true if it went away meanwhile.
func (s *scan) file(it *item) (gone bool, err error) {
	stat := it.ID
	if s.known(it, stat) || it.Size > s.limits.FileBytes {
		s.stats[it.Path] = stat
		return false, nil
	}
	data, now, err := s.disk.readWhole(*it, s.limits.FileBytes)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		s.failed[it.Path] = err
		it.ID = "failed " + err.Error()
		return false, nil
	}
	*it = now
	s.stats[it.Path] = statID(now.info)
	if int64(len(data)) > s.limits.FileBytes {
		return false, nil
	}
	it.ID = contentID(data)
	s.keep(it.Path, data)
	return false, nil
}

// known takes over what prev knows of a file that did not change since.
func (s *scan) known(it *item, stat string) bool {
	n, ok := s.prev.places[it.Path]
	if !ok || s.prev.stats[it.Path] != stat || it.Modified.After(s.prev.at.Add(-settled)) {
		return false
	}
	data, kept := s.prev.kept[it.Path]
	if !kept && keeps(it.Path) && it.Size <= s.room {
		return false
	}
	it.Entry = s.prev.entries[n]
	s.keep(it.Path, data)
	return true
}

func (s *scan) keep(name string, data []byte) {
	if data != nil && keeps(name) && int64(len(data)) <= s.room {
		s.kept[name] = data
		s.room -= int64(len(data))
	}
}

// keeps tells whether a file is likely read soon: a project file, an overlay,
// an envfile.
func keeps(name string) bool {
	switch path.Ext(name) {
	case ".yml", ".yaml", ".env":
		return true
	}
	base := path.Base(name)
	return base == reconcile.IgnoreFile || strings.HasPrefix(base, ".env")
}

func contentID(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// sum names the state of all files.
func (s *snapshot) sum() string {
	h := sha256.New()
	for _, e := range s.entries {
		if e.Kind != reconcile.EntryDir {
			fmt.Fprintf(h, "%d %q %q %q\n", e.Kind, e.Path, e.ID, e.Target)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

var _ reconcile.Tree = (*snapshot)(nil)

func (s *snapshot) Walk(visit func(reconcile.Entry) error) error {
	for i := 0; i < len(s.entries); i++ {
		e := s.entries[i]
		err := visit(e)
		switch {
		case errors.Is(err, fs.SkipDir) && e.Kind == reconcile.EntryDir:
			for i+1 < len(s.entries) && strings.HasPrefix(s.entries[i+1].Path, e.Path+"/") {
				i++
			}
		case err != nil:
			return err
		}
	}
	return nil
}

func (s *snapshot) Lookup(name string) (reconcile.Entry, error) {
	if i, ok := s.places[name]; ok {
		return s.entries[i], nil
	}
	for at := path.Dir(name); at != "." && at != "/"; at = path.Dir(at) {
		if i, ok := s.places[at]; ok {
			if err := passable(name, s.entries[i]); err != nil {
				return reconcile.Entry{}, err
			}
			break
		}
	}
	return reconcile.Entry{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (s *snapshot) Read(name string) ([]byte, error) {
	e, err := s.Lookup(name)
	if err != nil {
		return nil, err
	}
	if err := s.failed[name]; err != nil {
		return nil, err
	}
	if data, ok := s.kept[name]; ok || e.Kind != reconcile.EntryFile {
		return data, readable(e)
	}
	return s.readLate(e)
}

// readLate reads a file that was not kept, if it is still the same.
func (s *snapshot) readLate(e reconcile.Entry) ([]byte, error) {
	d, err := openDisk(s.dir)
	if err != nil {
		return nil, err
	}
	defer d.close()
	it, err := d.lookup(e.Path)
	if err != nil {
		return nil, err
	}
	data, _, err := d.readWhole(it, s.limits.FileBytes)
	if err != nil {
		return nil, err
	}
	if contentID(data) != e.ID {
		return nil, &reconcile.FileError{Message: "changed since the directory was looked at", Hint: "it is read again at the next look", Err: io.ErrUnexpectedEOF}
	}
	return data, nil
}
