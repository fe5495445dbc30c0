package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// memTree is a tree in memory: contents by path, with directories made of
// them. A content "-> x" is a link to x, "submodule" a submodule.
type memTree map[string]string

func (m memTree) entries() []Entry {
	seen := map[string]bool{}
	var list []Entry
	for name := range m {
		list = append(list, m.entry(name))
		for dir := path.Dir(name); dir != "." && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			list = append(list, Entry{Path: dir, Kind: EntryDir})
		}
	}
	slices.SortFunc(list, func(a, b Entry) int {
		return slices.Compare(strings.Split(a.Path, "/"), strings.Split(b.Path, "/"))
	})
	return list
}

func (m memTree) entry(name string) Entry {
	text := m[name]
	if target, ok := strings.CutPrefix(text, "-> "); ok {
		return Entry{Path: name, Kind: EntrySymlink, ID: text, Target: target}
	}
	if text == "submodule" {
		return Entry{Path: name, Kind: EntrySubmodule, ID: "commit"}
	}
	sum := sha256.Sum256([]byte(text))
	return Entry{Path: name, Kind: EntryFile, ID: hex.EncodeToString(sum[:]), Size: int64(len(text))}
}

func (m memTree) Walk(visit func(Entry) error) error {
	skip := ""
	for _, e := range m.entries() {
		if skip != "" && strings.HasPrefix(e.Path, skip) {
			continue
		}
		switch err := visit(e); {
		case errors.Is(err, fs.SkipDir) && e.Kind == EntryDir:
			skip = e.Path + "/"
		case err != nil:
			return err
		}
	}
	return nil
}

func (m memTree) Lookup(name string) (Entry, error) {
	for at := path.Dir(name); at != "."; at = path.Dir(at) {
		if _, ok := m[at]; !ok {
			continue
		}
		switch e := m.entry(at); e.Kind {
		case EntrySymlink:
			return Entry{}, &LinkError{Path: name, Link: at, Target: e.Target}
		case EntrySubmodule:
			return Entry{}, fmt.Errorf("%s is in a submodule: %w", name, fs.ErrInvalid)
		}
	}
	if _, ok := m[name]; ok {
		return m.entry(name), nil
	}
	for other := range m {
		if strings.HasPrefix(other, name+"/") {
			return Entry{Path: name, Kind: EntryDir}, nil
		}
	}
	return Entry{}, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (m memTree) Read(name string) ([]byte, error) {
	e, err := m.Lookup(name)
	if err == nil && e.Kind != EntryFile {
		err = fs.ErrInvalid
	}
	return []byte(m[name]), err
}
