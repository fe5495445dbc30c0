package reconcile

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"maelstrom/cluster"
)

// IsProjectFile tells whether a file's name is one that is searched for. The
// overlay of a base, maelstrom.NAME.yml, is none: it is read with its base.
func IsProjectFile(name string) bool {
	stem, ok := strings.CutSuffix(name, ".yml")
	if !ok {
		stem, ok = strings.CutSuffix(name, ".yaml")
	}
	return ok && (stem == "maelstrom" || strings.HasSuffix(stem, ".maelstrom"))
}

// Projects finds the project files, sorted, and ignore files below the top that
// can't be read: nobody knows what is in their directories. A limit that is
// passed, a glob that is none and a broken ignore file at the top are an
// *OriginError.
func (r *Reader) Projects() ([]string, error) {
	s, err := newSearch(r)
	if err != nil {
		return nil, err
	}
	clear(r.frozen)
	if err := r.loadIgnores(""); err != nil {
		return nil, &OriginError{Reason: cluster.ReasonInvalidSource, Permanent: true, Err: err, Hint: ignoreHint}
	}
	if err := r.tree.Walk(s.visit); err != nil {
		return nil, err
	}
	slices.Sort(s.found)
	r.noteClashes(s.found)
	return s.found, nil
}

// search is one walk over the tree.
type search struct {
	reader         *Reader
	under          string
	paths, exclude []string
	found          []string
	bytes          int64
}

func newSearch(r *Reader) (*search, error) {
	s := &search{reader: r, under: cleanGlob(r.opt.Under)}
	if s.under == "." {
		s.under = ""
	}
	for _, list := range []struct {
		from []string
		to   *[]string
	}{{r.opt.Paths, &s.paths}, {r.opt.Exclude, &s.exclude}} {
		for _, glob := range list.from {
			if !doublestar.ValidatePattern(glob) {
				return nil, &OriginError{Reason: cluster.ReasonInvalidSource, Permanent: true, Err: fmt.Errorf("%q is not a glob", glob), Hint: "write a path such as apps/*/maelstrom.yml or apps/**"}
			}
			*list.to = append(*list.to, cleanGlob(glob))
		}
	}
	return s, nil
}

// cleanGlob is a glob as paths of a tree are written.
func cleanGlob(glob string) string {
	glob = strings.TrimLeft(glob, "/")
	for strings.HasPrefix(glob, "./") {
		glob = strings.TrimLeft(glob[2:], "/")
	}
	return strings.TrimRight(glob, "/")
}

func (s *search) visit(entry Entry) error {
	if entry.Kind == EntryDir || entry.Kind == EntrySubmodule {
		return s.enter(entry)
	}
	if !s.wanted(entry.Path) || entry.Kind == EntryDir {
		return nil
	}
	if _, ignored := s.reader.ignores.Match(entry.Path, false); ignored {
		return nil
	}
	return s.add(entry)
}

// enter decides whether to search a directory: not git's own, and not another
// repository that lies in this one.
func (s *search) enter(entry Entry) error {
	switch {
	case entry.Kind == EntrySubmodule:
		return nil
	case isGit(path.Base(entry.Path)), !s.leadsTo(entry.Path), matchesAny(s.exclude, entry.Path):
		return fs.SkipDir
	}
	if _, err := s.reader.tree.Lookup(entry.Path + "/.git"); err == nil {
		return fs.SkipDir
	}
	if _, ignored := s.reader.ignores.Match(entry.Path, true); ignored {
		return fs.SkipDir
	}
	if err := s.reader.loadIgnores(entry.Path); err != nil {
		s.reader.frozen[entry.Path] = true
		s.found = append(s.found, path.Join(entry.Path, IgnoreFile))
		return fs.SkipDir
	}
	return nil
}

const ignoreHint = "an ignore file is a regular file"

// Frozen tells whether nobody knows if a project file is there, as an ignore
// file above it can't be read. It is to be asked after Projects.
func (r *Reader) Frozen(file string) bool {
	for dir := parent(file); dir != ""; dir = parent(dir) {
		if r.frozen[dir] {
			s, err := newSearch(r)
			return err == nil && s.wanted(file)
		}
	}
	return false
}

// leadsTo tells whether dir is within what is searched, or on the way to it.
func (s *search) leadsTo(dir string) bool {
	return s.under == "" || dir == s.under || strings.HasPrefix(dir, s.under+"/") || strings.HasPrefix(s.under, dir+"/")
}

func (s *search) wanted(file string) bool {
	if s.under != "" && !strings.HasPrefix(file, s.under+"/") || matchesAny(s.exclude, file) {
		return false
	}
	if IsProjectFile(path.Base(file)) {
		return len(s.paths) == 0 || matchesAny(s.paths, file)
	}
	return slices.Contains(s.paths, file)
}

// matchesAny tells whether a glob matches the path or a directory above it.
func matchesAny(globs []string, file string) bool {
	for _, glob := range globs {
		for at := file; at != ""; at = parent(at) {
			if doublestar.MatchUnvalidated(glob, at) {
				return true
			}
		}
	}
	return false
}

func (s *search) add(entry Entry) error {
	limits := s.reader.limits
	s.found = append(s.found, entry.Path)
	s.bytes += entry.Size
	switch {
	case len(s.found) > limits.Files:
		return tooLarge(fmt.Errorf("more than %d project files", limits.Files), "files")
	case strings.Count(entry.Path, "/") > limits.Depth:
		return tooLarge(fmt.Errorf("%s is more than %d directories deep", s.reader.Show(entry.Path), limits.Depth), "depth")
	case s.bytes > limits.TotalBytes:
		return tooLarge(fmt.Errorf("the project files have more than %d bytes", limits.TotalBytes), "totalbytes")
	}
	return nil
}

func tooLarge(err error, limit string) error {
	return &OriginError{Reason: cluster.ReasonTooLarge, Permanent: true, Err: err, Hint: "leave files out with .maelignore or exclude, or raise the limit " + limit}
}

// noteClashes remembers the paths that are one on a disk that does not tell
// letter case.
func (r *Reader) noteClashes(found []string) {
	clear(r.clashes)
	same := map[string][]string{}
	for _, file := range found {
		folded := strings.ToLower(file)
		same[folded] = append(same[folded], file)
	}
	for _, list := range same {
		for _, file := range list {
			if len(list) > 1 {
				r.clashes[file] = list
			}
		}
	}
}

func (r *Reader) checkClash(file string) error {
	for _, other := range r.clashes[file] {
		if other != file {
			return &FileError{Message: fmt.Sprintf("differs from %s in letter case only", r.Show(other)), Hint: "some disks can't hold both: rename one of the two"}
		}
	}
	return nil
}
