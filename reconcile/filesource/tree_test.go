package filesource

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"maelstrom/reconcile"
)

const shop = "name: shop\ncomponents:\n  web: {image: web, maxconcurrency: 2}\n"

// write makes files below dir; a text "-> x" makes a link to x, "" a directory.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if target, link := strings.CutPrefix(text, "-> "); link && err == nil {
			err = os.Symlink(target, path)
		} else if text == "" && err == nil {
			err = os.MkdirAll(path, 0o755)
		} else if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// trees are the two ways to read one directory.
func trees(t testing.TB, dir string) map[string]reconcile.Tree {
	t.Helper()
	live, closer, err := NewTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return map[string]reconcile.Tree{"as it is": live, "as it was": fetch(t, dir)}
}

func fetch(t testing.TB, dir string) reconcile.Tree {
	t.Helper()
	o, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return fetchAgain(t, o).Tree
}

func fetchAgain(t testing.TB, o reconcile.Origin) reconcile.Fetched {
	t.Helper()
	resolved, err := o.Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fetched, err := o.Fetch(t.Context(), resolved.Revision, "")
	if err != nil {
		t.Fatal(err)
	}
	return fetched
}

func walked(t testing.TB, tree reconcile.Tree) []string {
	t.Helper()
	var paths []string
	err := tree.Walk(func(e reconcile.Entry) error {
		paths = append(paths, e.Path)
		if e.Kind == reconcile.EntryDir && strings.HasSuffix(e.Path, "skipped") {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestTreesOfADirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"maelstrom.yml": shop, "b/x.env": "A=1\n", "b-c/y": "y", "b/skipped/z": "z", "a.txt": strings.Repeat("x", 2<<20),
		".git/config": "x", "vendored/.git": "x", "vendored/maelstrom.yml": shop, "out": "-> /etc", "up": "-> ../secret", "beside": "-> b", "empty": "",
	})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tree := range trees(t, dir) {
		if diff := cmp.Diff([]string{"a.txt", "b", "b/skipped", "b/x.env", "b-c", "b-c/y", "beside", "empty", "maelstrom.yml", "out", "pipe", "up"}, walked(t, tree)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if data, err := tree.Read("b/x.env"); string(data) != "A=1\n" || err != nil {
			t.Errorf("%s: read %q, %v", name, data, err)
		}
		if data, err := tree.Read("b-c/y"); string(data) != "y" || err != nil {
			t.Errorf("%s: read %q, %v", name, data, err)
		}
		for path, want := range map[string]string{"out/passwd": "out", "beside/x.env": "beside", "beside": "beside"} {
			_, err := tree.Read(path)
			var link *reconcile.LinkError
			if !errors.As(err, &link) || link.Link != want || link.Target == "" {
				t.Errorf("%s: read %s: %v", name, path, err)
			}
		}
		for _, path := range []string{"", ".", "..", "../secret", "/etc/passwd", "b/../maelstrom.yml", "nope", "b/nope", "maelstrom.yml/x", ".git/config", "vendored/maelstrom.yml", "\x00"} {
			if e, err := tree.Lookup(path); err == nil {
				t.Errorf("%s: %q is %+v", name, path, e)
			}
		}
		for _, path := range []string{"b", "pipe"} {
			if data, err := tree.Read(path); err == nil {
				t.Errorf("%s: read %q of %s", name, data, path)
			}
		}
	}
}

// What a mounted ConfigMap looks like: every entry of the top leads through
// ..data, which is replaced to change all at once.
func TestSwappedDirectories(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"..1/maelstrom.yml": shop, "..1/sub/x.env": "A=1\n", "..1/evil": "-> /etc/passwd", "..data": "-> ..1",
		"maelstrom.yml": "-> ..data/maelstrom.yml", "sub": "-> ..data/sub", "evil": "-> ..data/evil", "up": "-> ..data/../..1/maelstrom.yml", "gone": "-> ..data/gone", "plain": "x",
	})
	for name, tree := range trees(t, dir) {
		if diff := cmp.Diff([]string{"evil", "gone", "maelstrom.yml", "plain", "sub", "sub/x.env", "up"}, walked(t, tree)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for path, want := range map[string]string{"maelstrom.yml": shop, "sub/x.env": "A=1\n", "plain": "x"} {
			if data, err := tree.Read(path); string(data) != want || err != nil {
				t.Errorf("%s: read %q of %s, %v", name, data, path, err)
			}
		}
		for _, path := range []string{"evil", "up", "gone"} {
			var link *reconcile.LinkError
			if _, err := tree.Read(path); !errors.As(err, &link) {
				t.Errorf("%s: read %s: %v", name, path, err)
			}
		}
	}
	o, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := fetchAgain(t, o)
	write(t, dir, map[string]string{"..2/maelstrom.yml": shop + "# changed\n", "..2/sub/x.env": "A=2\n", "..new": "-> ..2"})
	if again := fetchAgain(t, o); again.Commit.ID != before.Commit.ID {
		t.Error("what is not swapped in yet counts")
	}
	if err := os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	after := fetchAgain(t, o)
	if data, err := after.Tree.Read("sub/x.env"); string(data) != "A=2\n" || err != nil || after.Commit.ID == before.Commit.ID {
		t.Errorf("read %q, %v", data, err)
	}
	if data, err := before.Tree.Read("sub/x.env"); string(data) != "A=1\n" || err != nil {
		t.Errorf("the tree of before: read %q, %v", data, err)
	}
}

func TestOtherLinksNamedDataAreNotFollowed(t *testing.T) {
	for name, target := range map[string]string{"outside": "/etc", "above": "..", "deeper": "a/b", "missing": "nope", "itself": "..data"} {
		dir := t.TempDir()
		write(t, dir, map[string]string{"a/b/maelstrom.yml": shop, "..data": "-> " + target, "maelstrom.yml": "-> ..data/maelstrom.yml"})
		for how, tree := range trees(t, dir) {
			var link *reconcile.LinkError
			if _, err := tree.Read("maelstrom.yml"); !errors.As(err, &link) {
				t.Errorf("%s, %s: %v", name, how, err)
			}
		}
	}
}

func TestIgnoredFilesAreNoPartOfASnapshot(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		".maelignore": "node_modules/\n*.log\n", "maelstrom.yml": shop, "x.log": "x", "node_modules/a/maelstrom.yml": shop,
		"app/.maelignore": "!keep.log\n", "app/keep.log": "x",
	})
	o, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := fetchAgain(t, o)
	if got := walked(t, before.Tree); !slices.Equal(got, []string{".maelignore", "app", "app/.maelignore", "app/keep.log", "maelstrom.yml"}) {
		t.Errorf("walked %v", got)
	}
	write(t, dir, map[string]string{"x.log": "y", "node_modules/b": "x"})
	if again := fetchAgain(t, o); again.Commit.ID != before.Commit.ID {
		t.Error("an ignored file is a change")
	}
	write(t, dir, map[string]string{"app/keep.log": "y"})
	if again := fetchAgain(t, o); again.Commit.ID == before.Commit.ID {
		t.Error("a change is none")
	}
}

// Whatever a project file names, nothing outside of the directory is read.
func FuzzTreeStaysInside(f *testing.F) {
	for _, name := range []string{"../secret", "../../secret", "a/../../secret", "/etc/passwd", "link", "link/secret", ".", "in", "a/in", "..", "\x00", ".git/in"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		dir := t.TempDir()
		write(t, dir, map[string]string{
			"secret": "A=outside", "top/link": "-> " + dir, "top/a/in": "A=inside", "top/in": "A=inside", "top/.git/in": "A=git",
			"top/maelstrom.yml": "name: s\nenvfile: " + quoted(name) + "\ncomponents:\n  web: {image: x, maxconcurrency: 1}\n",
		})
		for how, tree := range trees(t, filepath.Join(dir, "top")) {
			loaded := reconcile.NewReader(tree, reconcile.ReadOptions{}).Load("maelstrom.yml")
			if p := loaded.Loaded.Project; p != nil && name != "" && !(len(p.Components[0].Environment) == 1 && p.Components[0].Environment[0].Value == "inside") {
				t.Errorf("%s: with %q: %+v", how, name, p.Components[0].Environment)
			}
		}
	})
}

// quoted is text as YAML and our variables leave it alone.
func quoted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		if r == '$' {
			r = 'x'
		}
		b.WriteString(`\U` + strings.ToUpper(hex8(r)))
	}
	return b.String() + `"`
}

func hex8(r rune) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 8)
	for i := range out {
		out[7-i] = digits[r>>(4*i)&15]
	}
	return string(out)
}
