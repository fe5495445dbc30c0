package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/docker/docker/api/types/mount"

	"maelstrom/project"
	"maelstrom/runtime"
)

// fileMounts keeps the files of components on this host, one directory a
// placement, for the engine to mount. A directory lives as long as the
// placement's container.
type fileMounts struct {
	dir string // empty: files can't be mounted

	mu       sync.Mutex
	starting map[string]bool // placements whose container is not listed yet
}

// prepare writes the files of a placement and says how they are mounted. What
// it has written is safe from sweep until started is called.
func (m *fileMounts) prepare(placement string, files []project.FileMount) ([]mount.Mount, error) {
	if len(files) == 0 {
		return nil, nil
	}
	if m.dir == "" {
		return nil, fmt.Errorf("%w: files: there is no directory to keep them in", runtime.ErrInvalidSpec)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.starting[placement] = true
	dir := filepath.Join(m.dir, placement)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keep files of %s: %w", placement, err)
	}
	var mounts []mount.Mount
	for i := range files {
		path := filepath.Join(dir, strconv.Itoa(i))
		if err := writeFile(path, &files[i]); err != nil {
			return nil, fmt.Errorf("keep file %s: %w", files[i].Target, err)
		}
		mounts = append(mounts, mount.Mount{Type: mount.TypeBind, Source: path, Target: files[i].Target, ReadOnly: true})
	}
	return mounts, nil
}

// writeFile puts a file in its place at once: a start that is tried again does
// not write into what a container may have mounted.
func writeFile(path string, file *project.FileMount) error {
	if err := os.Remove(path + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(path+".new", file.Content, 0o600); err != nil {
		return err
	}
	if err := os.Chmod(path+".new", fs.FileMode(file.Permissions())); err != nil { // whatever the umask is
		return err
	}
	return os.Rename(path+".new", path)
}

// started ends what prepare began; without a container the files go.
func (m *fileMounts) started(placement string, exists bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.starting, placement)
	if exists || m.dir == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(m.dir, placement))
}

// sweep removes the files of placements that have no container.
func (m *fileMounts) sweep(containers []runtime.Container) error {
	if m.dir == "" {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	entries, err := os.ReadDir(m.dir)
	if errors.Is(err, fs.ErrNotExist) || len(entries) == 0 {
		return nil
	}
	used := make(map[string]bool, len(containers))
	for _, c := range containers {
		used[c.Placement] = true
	}
	errs := []error{err}
	for _, e := range entries {
		if !used[e.Name()] && !m.starting[e.Name()] {
			errs = append(errs, os.RemoveAll(filepath.Join(m.dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
