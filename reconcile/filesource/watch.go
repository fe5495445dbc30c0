package filesource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
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
	w, err := newWatch(o.dir, o.log)
	if err != nil {
		o.log.Warn("directory not watched: changes wait for the next interval", "dir", o.dir, "error", err, "hint", watchHint)
		return nil
	}
	go w.run(ctx)
	return w.changed
}

// watchHint says what most often is in the way of watching.
const watchHint = "see sysctl fs.inotify.max_user_watches and fs.inotify.max_user_instances"

// watch follows directories, never files: editors replace those.
type watch struct {
	dir     string
	log     *slog.Logger
	warned  bool // that some directory is not followed
	events  *fsnotify.Watcher
	changed chan struct{}
}

func newWatch(dir string, log *slog.Logger) (*watch, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	w := &watch{dir: dir, log: log, events: events, changed: make(chan struct{}, 1)}
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
	switch {
	case w.reshapes(event):
		w.follow()
	case event.Has(fsnotify.Create):
		w.followNew(event.Name)
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

// reshapes tells whether there may be other directories to follow now,
// anywhere.
func (w *watch) reshapes(event fsnotify.Event) bool {
	base := filepath.Base(event.Name)
	return within(w.dir, event.Name) || strings.HasPrefix(base, "..") || base == reconcile.IgnoreFile || base == ".git"
}

// follow adds every directory that is to be followed; those that are followed
// already stay so. What can't be is left to the timer.
func (w *watch) follow() {
	for _, dir := range w.ways() {
		w.add(dir)
	}
	d, err := openDisk(w.dir)
	if err != nil {
		return
	}
	defer d.close()
	w.add(w.dir)
	if d.data != "" {
		w.add(filepath.Join(w.dir, d.data))
	}
	s := newFollower(d)
	s.enter("")
	w.followBelow(s, "")
}

// followNew adds a directory that came, and those below it.
func (w *watch) followNew(name string) {
	info, err := os.Lstat(name)
	below, inside := strings.CutPrefix(name, w.dir+"/")
	if err != nil || !info.IsDir() || !inside {
		return
	}
	d, err := openDisk(w.dir)
	if err != nil {
		return
	}
	defer d.close()
	if d.data != "" { // names are not paths there
		w.follow()
		return
	}
	s := newFollower(d)
	s.enter("")
	for end := range below + "/" {
		if end < len(below) && below[end] != '/' {
			continue
		}
		if !w.followDir(s, item{Entry: reconcile.Entry{Path: below[:end]}, real: below[:end]}) || d.repository(below[:end]) {
			return
		}
	}
	w.followBelow(s, below)
}

// newFollower knows what is ignored of where it has entered.
func newFollower(d *disk) *scan {
	return &scan{disk: d, snapshot: &snapshot{limits: reconcile.WithDefaults(cluster.Limits{})}}
}

func (w *watch) followBelow(s *scan, dir string) {
	_ = s.disk.walk(dir, func(it item) error { // an error is told by the next look
		if it.Kind == reconcile.EntryDir && !w.followDir(s, it) {
			return fs.SkipDir
		}
		return nil
	})
}

// followDir adds a directory unless it is ignored.
func (w *watch) followDir(s *scan, it item) bool {
	if _, ignored := s.ignores.Match(it.Path, true); ignored || isGit(path.Base(it.Path)) {
		return false
	}
	s.enter(it.Path)
	return w.add(path.Join(w.dir, it.real))
}

// add follows one directory. It is told once if that can't be.
func (w *watch) add(dir string) bool {
	err := w.events.Add(dir)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if !w.warned {
		w.warned = true
		w.log.Warn("not all directories are watched: some changes wait for the next interval", "dir", dir, "error", err, "hint", watchHint)
	}
	return false
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
