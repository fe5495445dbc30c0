package reconcile

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// FuzzReader makes trees of its input: lines of a path, a colon and contents,
// in which \n is a line break.
func FuzzReader(f *testing.F) {
	f.Add("maelstrom.yml:name: a\\nenvfile: x.env\\ncomponents:\\n  web: {image: x}\nx.env:A=1", "")
	f.Add("a/maelstrom.yml:name: a\\nenvfile: ../../x\\ncomponents: {}\nA/maelstrom.yml:-> ../x\n.maelignore:*.env\\n!x", "prod")
	f.Add("maelstrom.yml:version https://git-lfs.github.com/spec/v1\nmaelstrom.p.yml:-> /etc/passwd\ns:submodule", "p")
	f.Add("maelstrom.yml:name: a\\nenvfile: s/x\\ncomponents:\\n  web: {image: x, files: [{target: /x, source: .git/config}]}\ns:submodule\ns/x:A=1", "")
	f.Fuzz(func(t *testing.T, text, overlay string) {
		tree := memTree{}
		for line := range strings.SplitSeq(text, "\n") {
			if path, contents, ok := strings.Cut(line, ":"); ok && fs.ValidPath(path) && path != "." {
				tree[path] = strings.ReplaceAll(contents, `\n`, "\n")
			}
		}
		if !fs.ValidPath(overlay) || strings.Contains(overlay, "/") {
			overlay = ""
		}
		readAll(t, tree, ReadOptions{Overlay: overlay})
	})
}

// readAll loads every project file twice and holds what it finds to what a
// Reader promises.
func readAll(t testing.TB, tree Tree, opt ReadOptions) []File {
	r, again := NewReader(tree, opt), NewReader(tree, opt)
	paths, err := r.Projects()
	if err != nil {
		return nil
	}
	if _, err := again.Projects(); err != nil {
		t.Fatal(err)
	}
	var files []File
	for _, path := range paths {
		file := r.Load(path)
		files = append(files, file)
		if file.Loaded.Project == nil && errorsIn(file) == "" {
			t.Errorf("%s: no project, and no error", path)
		}
		for _, p := range file.Loaded.Problems {
			if p.File == "" || p.Line < 1 || p.Column < 1 {
				t.Errorf("%s: a problem without its place: %v", path, p)
			}
		}
		for _, read := range file.Files {
			if !fs.ValidPath(read) {
				t.Errorf("%s read %q", path, read)
			}
		}
		if file.Digest == "" || file.Digest != again.Digest(path, file.Files) {
			t.Errorf("%s: digest %q, then %q", path, file.Digest, again.Digest(path, file.Files))
		}
	}
	Judge(files, had())
	return files
}

// manyProjects are 500 projects of 20 components each.
func manyProjects() memTree {
	tree := memTree{"common.env": "A=1\nB=2\n"}
	for i := range 500 {
		var b strings.Builder
		fmt.Fprintf(&b, "name: p%d\nenvfile: ../../common.env\ncomponents:\n", i)
		for c := range 20 {
			fmt.Fprintf(&b, "  c%d:\n    image: registry.test/p%d/c%d:1\n    maxconcurrency: 2\n    eventsources:\n      c%d: {http: {hostname: c%d.p%d.test, pathprefix: /}}\n", c, i, c, c, c, i)
		}
		tree[fmt.Sprintf("apps/p%d/maelstrom.yml", i)] = b.String()
	}
	return tree
}

func TestManyProjects(t *testing.T) {
	files := readAll(t, manyProjects(), ReadOptions{})
	if len(files) != 500 {
		t.Fatalf("%d files", len(files))
	}
	for _, f := range files {
		if f.Loaded.Project == nil || len(f.Loaded.Project.Components) != 20 {
			t.Fatal(errorsIn(f))
		}
	}
}

func BenchmarkReader(b *testing.B) {
	tree := manyProjects()
	r := NewReader(tree, ReadOptions{})
	paths, err := r.Projects()
	if err != nil {
		b.Fatal(err)
	}
	var files []File
	b.Run("load 10000 components", func(b *testing.B) {
		for b.Loop() {
			files = files[:0]
			for _, path := range paths {
				files = append(files, r.Load(path))
			}
		}
	})
	if files == nil {
		for _, path := range paths {
			files = append(files, r.Load(path))
		}
	}
	b.Run("judge 500 projects", func(b *testing.B) {
		for b.Loop() {
			if v := Judge(files, had()); len(v) > 0 {
				b.Fatal(v)
			}
		}
	})
	b.Run("digest 500 unchanged projects", func(b *testing.B) {
		for b.Loop() {
			r := NewReader(tree, ReadOptions{})
			for i := range files {
				if r.Digest(files[i].Path, files[i].Files) != files[i].Digest {
					b.Fatal("changed")
				}
			}
		}
	})
}
