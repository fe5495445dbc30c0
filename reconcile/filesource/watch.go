package filesource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

// Watch signals what the operating system tells of the directories. Where it
// tells nothing, for want of memory or on a network's disk, the timer's looks
// are all there is.
func (o *origin) Watch(ctx context.Context) <-chan struct{} {
	w, err := newWatch(o.dir)
	if err != nil {
		return nil
	}
	go w.run(ctx)
	return w.changed
}

// watch follows directories, never files: editors replace those.
type watch struct {
	dir     string
	events  *fsnotify.Watcher
	changed chan struct{}
}

func newWatch(dir string) (*watch, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	w := &watch{dir: dir, events: events, changed: make(chan struct{}, 1)}
	w.follow()
	return w, nil
}

func (w *watch) run(ctx context.Context) {
	defer w.events.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case event, ok := <-w.events.Events:
			if !ok {
				return
			}
			w.handle(event)
		case _, ok := <-w.events.Errors: // an overflow, for example: anything may have changed
			if !ok {
				return
			}
			w.follow()
			w.signal()
		}
	}
}

func (w *watch) signal() {
	select {
	case w.changed <- struct{}{}:
	default: // one is waiting already
	}
}

func (w *watch) handle(event fsnotify.Event) {
	if event.Op == fsnotify.Chmod || !w.concerns(event.Name) {
		return
	}
	if w.reshapes(event) {
		w.follow()
	}
	w.signal()
}

// concerns tells whether name is the directory, in it, or on the way to it.
func (w *watch) concerns(name string) bool {
	return within(name, w.dir) || within(w.dir, name)
}

func within(name, dir string) bool {
	return name == dir || dir == "/" || strings.HasPrefix(name, dir+"/")
}

// reshapes tells whether there may be other directories to follow now.
func (w *watch) reshapes(event fsnotify.Event) bool {
	base := filepath.Base(event.Name)
	if within(w.dir, event.Name) || strings.HasPrefix(base, "..") || base == reconcile.IgnoreFile || base == ".git" {
		return true
	}
	if !event.Has(fsnotify.Create) {
		return false
	}
	info, err := os.Lstat(event.Name)
	return err == nil && info.IsDir()
}

// follow adds every directory that is to be followed; those that are followed
// already stay so. What can't be is left to the timer.
func (w *watch) follow() {
	for _, dir := range w.ways() {
		w.events.Add(dir)
	}
	d, err := openDisk(w.dir)
	if err != nil {
		return
	}
	defer d.close()
	w.events.Add(w.dir)
	if d.data != "" {
		w.events.Add(filepath.Join(w.dir, d.data))
	}
	s := &scan{disk: d, snapshot: &snapshot{limits: reconcile.WithDefaults(cluster.Limits{})}}
	if s.enter("") != nil {
		return
	}
	d.walk("", func(it item) error { // an error is told by the next look
		if it.Kind != reconcile.EntryDir {
			return nil
		}
		if _, ignored := s.ignores.Match(it.Path, true); ignored {
			return fs.SkipDir
		}
		if err := w.events.Add(path.Join(w.dir, it.real)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return s.enter(it.Path)
	})
}

// ways are the directories that show when the directory appears, goes away or
// is another one: the nearest that exists above it, and those of links on the
// way to it.
func (w *watch) ways() []string {
	var dirs []string
	nearest := false
	for at := w.dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		above := filepath.Dir(at)
		info, err := os.Lstat(at)
		_, aboveErr := os.Stat(above)
		if aboveErr == nil && !nearest || err == nil && info.Mode()&fs.ModeSymlink != 0 {
			nearest = true
			dirs = append(dirs, above)
		}
	}
	return dirs
}
