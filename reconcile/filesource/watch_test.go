package filesource

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"

	"maelstrom/reconcile"
)

// follower watches a directory as the loop of a source does: a signal is a
// reason to look, and what counts is the revision that is then found.
type follower struct {
	t       *testing.T
	origin  reconcile.Origin
	changed <-chan struct{}
	last    string
}

func follow(t *testing.T, dir string) *follower {
	t.Helper()
	o, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{t: t, origin: o, changed: o.Watch(t.Context())}
	if f.changed == nil {
		t.Fatal("nothing is watched")
	}
	f.last = f.revision()
	return f
}

func (f *follower) revision() string {
	resolved, err := f.origin.Resolve(f.t.Context())
	if err != nil {
		return "away"
	}
	return resolved.Revision
}

// sees waits for signals until the revision is another one.
func (f *follower) sees(what string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 20*time.Second)
	defer cancel()
	for {
		select {
		case <-f.changed:
		case <-ctx.Done():
			f.t.Fatalf("%s was not seen", what)
		}
		if now := f.revision(); now != f.last {
			f.last = now
			return
		}
	}
}

func TestWatchSeesChanges(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"maelstrom.yml": shop, "a/x.env": "A=1\n"})
	at := func(name string) string { return filepath.Join(dir, name) }
	f := follow(t, dir)
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"a file that is written", func() error { return os.WriteFile(at("maelstrom.yml"), []byte("x"), 0o644) }},
		{"a file below", func() error { return os.WriteFile(at("a/x.env"), []byte("x"), 0o644) }},
		{"a new file", func() error { return os.WriteFile(at("new"), []byte("x"), 0o644) }},
		{"what an editor does", func() error {
			if err := os.WriteFile(at(".maelstrom.yml.swp"), []byte("y"), 0o644); err != nil {
				return err
			}
			return os.Rename(at(".maelstrom.yml.swp"), at("maelstrom.yml"))
		}},
		{"a file that is removed", func() error { return os.Remove(at("new")) }},
		{"a new directory with a file", func() error {
			if err := os.MkdirAll(at("b/c"), 0o755); err != nil {
				return err
			}
			return os.WriteFile(at("b/c/x"), []byte("x"), 0o644)
		}},
		{"a change in the new directory", func() error { return os.WriteFile(at("b/c/x"), []byte("y"), 0o644) }},
		{"a directory that moves", func() error { return os.Rename(at("b"), at("d")) }},
		{"a change in the moved directory", func() error { return os.WriteFile(at("d/c/x"), []byte("z"), 0o644) }},
		{"a directory that goes", func() error { return os.RemoveAll(at("d")) }},
		{"a new ignore file", func() error { return os.WriteFile(at(".maelignore"), []byte("a/\n"), 0o644) }},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		f.sees(step.what)
	}
}

func TestWatchSeesSwaps(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"..1/maelstrom.yml": shop, "..data": "-> ..1", "maelstrom.yml": "-> ..data/maelstrom.yml"})
	f := follow(t, dir)
	for _, next := range []string{"..2", "..3"} {
		write(t, dir, map[string]string{next + "/maelstrom.yml": shop + "# " + next + "\n", "..tmp": "-> " + next})
		if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		f.sees("the swap to " + next)
	}
}

func TestWatchSeesTheDirectoryComeAndGo(t *testing.T) {
	above := t.TempDir()
	dir := filepath.Join(above, "x", "apps")
	f := follow(t, dir)
	if f.last != "away" {
		t.Fatal("it is there")
	}
	for range 2 {
		write(t, dir, map[string]string{"maelstrom.yml": shop})
		f.sees("the directory that came")
		for f.revision() == "away" || len(walked(t, fetchAgain(t, f.origin).Tree)) == 0 {
			f.sees("its file")
		}
		write(t, dir, map[string]string{"maelstrom.yml": shop + "\n"})
		f.sees("a change in it")
		if err := os.RemoveAll(filepath.Join(above, "x")); err != nil {
			t.Fatal(err)
		}
		for f.last != "away" {
			f.sees("that it went")
		}
	}
}

func TestWatchSeesALinkToAnotherRelease(t *testing.T) {
	above := t.TempDir()
	write(t, above, map[string]string{"1/apps/maelstrom.yml": shop, "2/apps/maelstrom.yml": shop + "# 2\n", "current": "-> 1", "next": "-> 2"})
	f := follow(t, filepath.Join(above, "current", "apps"))
	if err := os.Rename(filepath.Join(above, "next"), filepath.Join(above, "current")); err != nil {
		t.Fatal(err)
	}
	f.sees("the other release")
	write(t, above, map[string]string{"2/apps/maelstrom.yml": shop + "# changed\n"})
	f.sees("a change in it")
}

// What is ignored, or beside the directory, wakes nobody.
func TestWatchIsQuiet(t *testing.T) {
	above := t.TempDir()
	dir := filepath.Join(above, "apps")
	write(t, dir, map[string]string{".maelignore": "logs/\n", "logs/x": "x", ".git/x": "x", "vendored/.git/x": "x", "a/maelstrom.yml": shop})
	w, err := newWatch(dir, silent)
	if err != nil {
		t.Fatal(err)
	}
	defer w.events.Close()
	got := w.events.WatchList()
	slices.Sort(got)
	if diff := cmp.Diff([]string{above, dir, filepath.Join(dir, "a")}, got); diff != "" {
		t.Error(diff)
	}
	for _, test := range []struct {
		name string
		op   fsnotify.Op
		want bool
	}{
		{"beside", fsnotify.Create, false},
		{"apps2", fsnotify.Create, false},
		{"apps", fsnotify.Create, true},
		{"apps/a", fsnotify.Chmod, false},
		{"apps/a", fsnotify.Remove, true},
		{"apps/x.yml", fsnotify.Write, true},
	} {
		w.handle(fsnotify.Event{Name: filepath.Join(above, test.name), Op: test.op})
		select {
		case <-w.changed:
			if !test.want {
				t.Errorf("%s %s wakes", test.op, test.name)
			}
		default:
			if test.want {
				t.Errorf("%s %s does not wake", test.op, test.name)
			}
		}
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	o, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w, err := newWatch(o.(*origin).dir, silent)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { w.run(ctx); close(ended) }()
	cancel()
	<-ended
	if w.events.WatchList() != nil {
		t.Error("it watches on")
	}
}

// What the operating system refuses to watch is told, once.
func TestWhatCannotBeWatchedIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a/maelstrom.yml": shop, "b/maelstrom.yml": shop})
	var said bytes.Buffer
	w, err := newWatch(dir, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil || said.Len() > 0 {
		t.Fatal(err, said.String())
	}
	if err := w.events.Close(); err != nil {
		t.Fatal(err)
	}
	w.follow()
	w.followNew(filepath.Join(dir, "a"))
	if got := strings.Count(said.String(), "not all directories are watched"); got != 1 || !strings.Contains(said.String(), "max_user_watches") {
		t.Errorf("%d times: %s", got, said.String())
	}
}

// A directory that comes is followed with those below it, and no other is
// looked at for that.
func TestNewDirectoryIsFollowedAlone(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{".maelignore": "out/\n", "old/maelstrom.yml": shop})
	w, err := newWatch(dir, silent)
	if err != nil {
		t.Fatal(err)
	}
	defer w.events.Close()
	write(t, dir, map[string]string{"other/maelstrom.yml": shop, "new/a/b/maelstrom.yml": shop, "new/out/x": "", "out/x": "", "new/c/.maelignore": "d", "new/c/d/x": ""})
	before := w.events.WatchList()
	w.followNew(filepath.Join(dir, "new"))
	w.followNew(filepath.Join(dir, "out"))
	w.followNew(filepath.Join(dir, "old", "maelstrom.yml"))
	var got []string
	for _, followed := range w.events.WatchList() {
		if !slices.Contains(before, followed) {
			got = append(got, followed)
		}
	}
	slices.Sort(got)
	want := []string{"new", "new/a", "new/a/b", "new/c"}
	for i := range want {
		want[i] = filepath.Join(dir, want[i])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("followed besides (-want +got):\n%s", diff)
	}
}

var silent = slog.New(slog.DiscardHandler)

func TestOverflowMeansAnything(t *testing.T) {
	dir := t.TempDir()
	w, err := newWatch(dir, silent)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	write(t, dir, map[string]string{"new/maelstrom.yml": shop}) // nobody handles the events of it
	go w.run(ctx)
	w.events.Errors <- os.ErrClosed
	<-w.changed
}
