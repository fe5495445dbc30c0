package filesource

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

func TestRevisionsNameWhatFilesHold(t *testing.T) {
	one, other := t.TempDir(), t.TempDir()
	files := map[string]string{"maelstrom.yml": shop, "a/x.env": "A=1\n", "a/nginx.conf": "x"}
	write(t, one, files)
	write(t, other, files)
	revision := func(o reconcile.Origin) string {
		resolved, err := o.Resolve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return resolved.Revision
	}
	o, _ := Open(one, Options{})
	second, _ := Open(other, Options{})
	first := revision(o)
	if again := revision(second); again != first {
		t.Errorf("the same files have the revisions %s and %s", first, again)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(one, "maelstrom.yml"), later, later); err != nil {
		t.Fatal(err)
	}
	if revision(o) != first {
		t.Error("a time is a change")
	}
	for step, change := range []func() error{
		func() error { return os.WriteFile(filepath.Join(one, "a/nginx.conf"), []byte("y"), 0o644) },
		func() error { return os.Rename(filepath.Join(one, "a/x.env"), filepath.Join(one, "a/y.env")) },
		func() error { return os.Symlink("y.env", filepath.Join(one, "a/x.env")) },
		func() error { return os.Remove(filepath.Join(one, "a/x.env")) },
	} {
		before := revision(o)
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if revision(o) == before {
			t.Errorf("change %d is none", step)
		}
	}
}

// A file that is written again in the same tick of the file system's clock,
// with the same size, is seen all the same.
func TestWhatTheFileSystemDoesNotTell(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "maelstrom.yml")
	stamp := time.Now()
	put := func(text string) {
		write(t, dir, map[string]string{"maelstrom.yml": text})
		if err := os.Chtimes(path, stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
	put(shop)
	o, _ := Open(dir, Options{})
	before := fetchAgain(t, o)
	put(strings.Replace(shop, "2", "3", 1))
	after := fetchAgain(t, o)
	if before.Commit.ID == after.Commit.ID {
		t.Error("no change was seen")
	}
	if e, err := after.Tree.Lookup("maelstrom.yml"); err != nil || !e.Modified.Equal(stamp) {
		t.Errorf("written %v, error %v, want %v", e.Modified, err, stamp)
	}
}

// Files that have settled are read once.
func TestUnchangedFilesAreNotReadAgain(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"maelstrom.yml": shop, "other": "x"})
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"maelstrom.yml", "other"} {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	first, err := take(t.Context(), dir, reconcile.WithDefaults(cluster.Limits{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	first.kept["maelstrom.yml"] = []byte("from memory")
	second, err := take(t.Context(), dir, first.limits, first)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := second.Read("maelstrom.yml"); string(data) != "from memory" || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
	if second.revision != first.revision {
		t.Error("the revision changed")
	}
}

func TestATreeStaysAsItWas(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"maelstrom.yml": shop, "data.bin": "x"})
	tree := fetch(t, dir)
	write(t, dir, map[string]string{"maelstrom.yml": "changed", "data.bin": "y"})
	if data, err := tree.Read("maelstrom.yml"); string(data) != shop || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
	if data, err := tree.Read("data.bin"); err == nil || !strings.Contains(err.Error(), "changed since") {
		t.Errorf("read %q, %v", data, err)
	}
}

func TestLimitsOfMemory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.yml": strings.Repeat("a", 900), "b.yml": strings.Repeat("b", 900), "c.yml": strings.Repeat("c", 1100)})
	s, err := take(t.Context(), dir, cluster.Limits{FileBytes: 1000, TotalBytes: 1500}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.kept) != 1 || s.kept["a.yml"] == nil {
		t.Errorf("kept %d", len(s.kept))
	}
	if data, err := s.Read("b.yml"); len(data) != 900 || err != nil {
		t.Errorf("read %d bytes, %v", len(data), err)
	}
	if e, err := s.Lookup("c.yml"); e.Size != 1100 || e.ID == "" || err != nil {
		t.Errorf("entry %+v, %v", e, err)
	}
}

func TestADirectoryThatIsAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x", "apps")
	o, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	away := func() {
		t.Helper()
		_, err := o.Resolve(t.Context())
		var known *reconcile.OriginError
		if !errors.As(err, &known) || known.Reason != cluster.ReasonRefNotFound || known.Permanent || !errors.Is(known.Err, fs.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	}
	away()
	write(t, dir, map[string]string{"maelstrom.yml": shop})
	fetched := fetchAgain(t, o)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	away()
	if data, err := fetched.Tree.Read("maelstrom.yml"); string(data) != shop || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
	write(t, dir, map[string]string{"maelstrom.yml": shop})
	if again := fetchAgain(t, o); again.Commit.ID != fetched.Commit.ID {
		t.Error("it came back as another one")
	}
}

func TestADirectoryHasItsPresentFilesOnly(t *testing.T) {
	dir := t.TempDir()
	o, _ := Open(dir, Options{})
	_, err := o.Fetch(t.Context(), "0123", "")
	if err == nil || !strings.Contains(err.Error(), "is not at revision 0123; a directory has its present files only") {
		t.Errorf("error %v", err)
	}
	if _, err := Open("relative", Options{}); err == nil {
		t.Error("a relative path was taken")
	}
}

// Whatever happens to files, a look that remembers comes to the same as one
// that does not.
func TestRememberingChangesNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp("", "files")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		o, _ := Open(dir, Options{})
		names := []string{"maelstrom.yml", "a", "a/x.yml", "a/y", "b"}
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			path := filepath.Join(dir, rapid.SampledFrom(names).Draw(r, "name"))
			switch rapid.IntRange(0, 4).Draw(r, "do") {
			case 0:
				os.RemoveAll(path)
			case 1:
				os.Symlink("maelstrom.yml", path)
			case 2:
				os.Rename(path, filepath.Join(dir, rapid.SampledFrom(names).Draw(r, "to")))
			default:
				os.MkdirAll(filepath.Dir(path), 0o755)
				os.WriteFile(path, []byte(rapid.SampledFrom([]string{"", "x", "y"}).Draw(r, "text")), 0o644)
				if rapid.Bool().Draw(r, "old") {
					old := time.Now().Add(-time.Duration(rapid.IntRange(0, 9).Draw(r, "hours")) * time.Hour)
					os.Chtimes(path, old, old)
				}
			}
			remembering, err := o.Resolve(t.Context())
			if err != nil {
				r.Fatal(err)
			}
			fresh, _ := Open(dir, Options{})
			forgetful, err := fresh.Resolve(t.Context())
			if err != nil || remembering != forgetful {
				r.Fatalf("%v, not %v (%v)", remembering, forgetful, err)
			}
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	dir := b.TempDir()
	old := time.Now().Add(-time.Hour)
	for i := range 500 {
		name := fmt.Sprintf("apps/p%d/maelstrom.yml", i)
		write(b, dir, map[string]string{name: strings.Repeat("# a line of a project file\n", 100)})
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			b.Fatal(err)
		}
	}
	o, err := Open(dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	fetchAgain(b, o)
	b.Run("500 unchanged files", func(b *testing.B) {
		for b.Loop() {
			if _, err := o.Resolve(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
