package images

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// pulled is an image that this node has fetched, and was not here before.
type pulled struct {
	Name string    `json:"name"` // as its component wrote it
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
}

// record is what this node has done with images, on disk: nothing else tells
// its images from those of others on the same engine.
type record struct {
	path string // empty: in memory only

	mu    sync.Mutex
	state recordState
}

type recordState struct {
	Pulled []pulled `json:"pulled"`

	// OnPut is the version of each component that was last fetched for its
	// pullimageonput.
	OnPut map[string]int64 `json:"on_put"`
}

// openRecord reads a record; with an error it is an empty one.
func openRecord(path string) (*record, error) {
	r := &record{path: path}
	r.state.OnPut = map[string]int64{}
	if path == "" {
		return r, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	var state recordState
	if err == nil {
		err = json.Unmarshal(data, &state)
	}
	if err != nil {
		return r, fmt.Errorf("read record: %w", err)
	}
	if state.OnPut == nil {
		state.OnPut = map[string]int64{}
	}
	r.state = state
	return r, nil
}

// images returns what was fetched, the oldest first.
func (r *record) images() []pulled {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.state.Pulled)
}

func (r *record) add(p pulled) error {
	return r.change(func(s *recordState) bool {
		same := func(q pulled) bool { return q.Name == p.Name && q.ID == p.ID }
		if slices.ContainsFunc(s.Pulled, same) {
			return false
		}
		s.Pulled = append(s.Pulled, p)
		return true
	})
}

// forget drops what is not here any more.
func (r *record) forget(gone func(pulled) bool) error {
	return r.change(func(s *recordState) bool {
		before := len(s.Pulled)
		s.Pulled = slices.DeleteFunc(slices.Clone(s.Pulled), gone)
		return len(s.Pulled) != before
	})
}

// knows tells whether this node has fetched the image with an id.
func (r *record) knows(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.state.Pulled, func(p pulled) bool { return p.ID == id })
}

// put tells which version of a component was last fetched for pullimageonput.
func (r *record) put(component string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.OnPut[component]
}

// setPuts notes versions of components at once: the record is written as a whole.
func (r *record) setPuts(versions map[string]int64) error {
	return r.change(func(s *recordState) bool {
		changed := false
		for component, version := range versions {
			changed = changed || s.OnPut[component] != version
			s.OnPut[component] = version
		}
		return changed
	})
}

// keepPuts forgets the components that are gone: one that comes back begins
// again.
func (r *record) keepPuts(keep func(component string) bool) error {
	return r.change(func(s *recordState) bool {
		before := len(s.OnPut)
		for name := range s.OnPut {
			if !keep(name) {
				delete(s.OnPut, name)
			}
		}
		return len(s.OnPut) != before
	})
}

func (r *record) change(change func(*recordState) bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !change(&r.state) || r.path == "" {
		return nil
	}
	if err := r.writeLocked(); err != nil {
		return fmt.Errorf("write record of images: %w", err)
	}
	return nil
}

// writeLocked replaces the file as a whole.
func (r *record) writeLocked() error {
	data, err := json.MarshalIndent(r.state, "", "  ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(r.path), ".images-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(append(data, '\n'))
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), r.path)
}
