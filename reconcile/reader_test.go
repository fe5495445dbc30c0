package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
	"maelstrom/project"
)

const shopFile = "name: shop\ncomponents:\n  web: {image: web, maxconcurrency: 2}\n"

// errorsIn are the errors of a file as a compiler would print them.
func errorsIn(f File) string {
	var lines []string
	for _, p := range f.Loaded.Problems {
		if p.Severity == project.Error {
			lines = append(lines, p.String())
		}
	}
	return strings.Join(lines, "\n")
}

func TestLoadReadsWhatBelongsToTheProject(t *testing.T) {
	tree := memTree{
		"apps/shop/maelstrom.yml":       "name: shop\nenvfile: ../common.env\ncomponents:\n  web: {image: \"web:${TAG}\", maxconcurrency: 2}\n",
		"apps/common.env":               "A=1\n",
		"apps/shop/maelstrom.prod.yaml": "components:\n  web: {maxconcurrency: 7}\n",
	}
	r := NewReader(tree, ReadOptions{Overlay: "prod", Variables: map[string]string{"TAG": "v3"}})
	f := r.Load("apps/shop/maelstrom.yml")
	if f.Loaded.Project == nil {
		t.Fatal(errorsIn(f))
	}
	web := f.Loaded.Project.Components[0]
	if web.Image != "web:v3" || len(web.Environment) != 1 || web.Environment[0].Value != "1" {
		t.Errorf("loaded %+v", web)
	}
	want := []string{"apps/common.env", "apps/shop/maelstrom.prod.yaml", "apps/shop/maelstrom.prod.yml", "apps/shop/maelstrom.yml"}
	if diff := cmp.Diff(want, f.Files); diff != "" {
		t.Error(diff)
	}
	if f.Overlay != "apps/shop/maelstrom.prod.yaml" || f.Digest == "" || f.Digest != r.Digest(f.Path, f.Files) {
		t.Errorf("overlay %q, digest %q", f.Overlay, f.Digest)
	}
}

func TestWhatCanNotBeRead(t *testing.T) {
	big := "name: big\n#" + strings.Repeat("x", 2000)
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n"
	naming := func(file string) string {
		return "name: shop\nenvfile: " + file + "\ncomponents:\n  web: {image: web, maxconcurrency: 2}\n"
	}
	for name, test := range map[string]struct {
		tree memTree
		want string
	}{
		"absent":           {memTree{}, "maelstrom.yml:1:1: no such file"},
		"a link":           {memTree{"maelstrom.yml": "-> ../other.yml"}, "maelstrom.yml:1:1: maelstrom.yml is a symbolic link to ../other.yml; links are not followed: put the file itself there"},
		"a submodule":      {memTree{"maelstrom.yml": "submodule"}, "maelstrom.yml:1:1: a submodule; submodules are not fetched: put the file into this repository"},
		"a directory":      {memTree{"maelstrom.yml/x": ""}, "maelstrom.yml:1:1: a directory; name a file"},
		"too large":        {memTree{"maelstrom.yml": big}, "maelstrom.yml:1:1: 2011 bytes, more than the 2000 that are read of one file; make it smaller, or raise the limit filebytes"},
		"an LFS pointer":   {memTree{"maelstrom.yml": pointer}, "maelstrom.yml:1:1: a Git LFS pointer in place of the file; keep what maelstrom reads out of Git LFS"},
		"above the top":    {memTree{"maelstrom.yml": naming("../x.env")}, `maelstrom.yml:2:10: envfile: "../x.env" can't be read: outside of the source; nothing beyond its top is read: move the file into it; write the path relative to this file`},
		"absolute":         {memTree{"maelstrom.yml": naming("/etc/passwd")}, `maelstrom.yml:2:10: envfile: "/etc/passwd" can't be read: an absolute path; name it relative to the project file, within the source; write the path relative to this file`},
		"missing envfile":  {memTree{"maelstrom.yml": naming("x.env")}, `maelstrom.yml:2:10: envfile: "x.env" can't be read: x.env: no such file; write the path relative to this file`},
		"through a link":   {memTree{"maelstrom.yml": naming("in/x.env"), "in": "-> /etc"}, `maelstrom.yml:2:10: envfile: "in/x.env" can't be read: in/x.env: in is a symbolic link to /etc, and links are not followed; write the path relative to this file`},
		"envfile pointer":  {memTree{"maelstrom.yml": naming("x.env"), "x.env": pointer}, `maelstrom.yml:2:10: envfile: "x.env" can't be read: a Git LFS pointer in place of the file; keep what maelstrom reads out of Git LFS; write the path relative to this file`},
		"git's own":        {memTree{"maelstrom.yml": naming("./.GIT/config"), ".GIT/config": "A=1"}, `maelstrom.yml:2:10: envfile: "./.GIT/config" can't be read: a file of git itself; name a file of the repository; write the path relative to this file`},
		"ignored":          {memTree{"maelstrom.yml": naming("in/x.env"), "in/x.env": "A=1", ".maelignore": "\nin/\n"}, `maelstrom.yml:2:10: envfile: "in/x.env" can't be read: ignored by .maelignore:2; what is ignored is no part of the source; write the path relative to this file`},
		"an overlay, link": {memTree{"maelstrom.yml": shopFile, "maelstrom.prod.yml": "-> x"}, "maelstrom.prod.yml:1:1: maelstrom.prod.yml is a symbolic link to x; links are not followed: put the file itself there"},
	} {
		r := NewReader(test.tree, ReadOptions{Overlay: "prod", Limits: cluster.Limits{FileBytes: 2000}})
		f := r.Load("maelstrom.yml")
		if got := errorsIn(f); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, test.want)
		}
		if f.Digest == "" || f.Digest != r.Digest(f.Path, f.Files) {
			t.Errorf("%s: digest %q", name, f.Digest)
		}
	}
}

func TestVariablesComeFromTheOptionsOnly(t *testing.T) {
	t.Setenv("TAG", "from the shell")
	tree := memTree{"maelstrom.yml": "name: shop\ncomponents:\n  web: {image: \"web:${TAG}\", maxconcurrency: 2}\n"}
	if f := NewReader(tree, ReadOptions{}).Load("maelstrom.yml"); !strings.Contains(errorsIn(f), "maelstrom.yml:3:") {
		t.Errorf("problems %s", errorsIn(f))
	}
	lookup := func(name string) (string, bool) { return "x", name == "TAG" }
	if f := NewReader(tree, ReadOptions{Lookup: lookup}).Load("maelstrom.yml"); f.Loaded.Project == nil {
		t.Error(errorsIn(f))
	}
}

// A digest changes with whatever the load depends on, and with nothing else.
func TestDigestCoversWhatTheLoadDependsOn(t *testing.T) {
	base := memTree{
		"a/maelstrom.yml": "name: a\nenvfile: x.env\ncomponents:\n  web: {image: web, maxconcurrency: 2}\n",
		"a/x.env":         "A=1\n", "b/maelstrom.yml": shopFile,
	}
	options := ReadOptions{Overlay: "prod", Variables: map[string]string{"SECRET": "1"}}
	files := NewReader(base, options).Load("a/maelstrom.yml")
	digest := func(change memTree, opt ReadOptions) string {
		tree := maps.Clone(base)
		maps.Copy(tree, change)
		for name, text := range change {
			if text == "gone" {
				delete(tree, name)
			}
		}
		r := NewReader(tree, opt)
		if _, err := r.Projects(); err != nil {
			t.Fatal(err)
		}
		return r.Digest("a/maelstrom.yml", files.Files)
	}
	with := func(change func(*ReadOptions)) ReadOptions {
		opt := options
		change(&opt)
		return opt
	}
	if got := digest(nil, options); got != files.Digest {
		t.Fatalf("unchanged: %s, not %s", got, files.Digest)
	}
	if got := digest(memTree{"b/maelstrom.yml": "", "a/other": "x"}, options); got != files.Digest {
		t.Error("another project's file counts")
	}
	seen := map[string]string{files.Digest: "nothing"}
	for name, got := range map[string]string{
		"the file":            digest(memTree{"a/maelstrom.yml": shopFile}, options),
		"the envfile":         digest(memTree{"a/x.env": "A=2\n"}, options),
		"an envfile less":     digest(memTree{"a/x.env": "gone"}, options),
		"an envfile as link":  digest(memTree{"a/x.env": "-> y"}, options),
		"another link":        digest(memTree{"a/x.env": "-> z"}, options),
		"an overlay more":     digest(memTree{"a/maelstrom.prod.yml": ""}, options),
		"an ignored envfile":  digest(memTree{".maelignore": "x.env"}, options),
		"a clash":             digest(memTree{"A/maelstrom.yml": shopFile}, options),
		"the overlay's name":  digest(nil, with(func(o *ReadOptions) { o.Overlay = "test" })),
		"a variable":          digest(nil, with(func(o *ReadOptions) { o.Variables = map[string]string{"SECRET": "2"} })),
		"no variable":         digest(nil, with(func(o *ReadOptions) { o.Variables = nil })),
		"unset variables":     digest(nil, with(func(o *ReadOptions) { o.AllowUnset = true })),
		"the size of a file":  digest(nil, with(func(o *ReadOptions) { o.Limits.FileBytes = 5000 })),
		"a file that is read": NewReader(base, options).Digest("a/maelstrom.yml", files.Files[1:]),
		"whose it is":         NewReader(base, options).Digest("b/maelstrom.yml", files.Files),
	} {
		if other, twice := seen[got]; twice || got == "" {
			t.Errorf("digest %q with %s is that with %s", got, name, other)
		}
		seen[got] = name
	}
}

func TestTotalBytesAreReadOnce(t *testing.T) {
	tree := memTree{}
	for i := range 4 {
		tree[fmt.Sprintf("%d/maelstrom.yml", i)] = fmt.Sprintf("name: p%d\nenvfile: ../x.env\ncomponents:\n  web: {image: web, maxconcurrency: 2}\n", i)
	}
	tree["x.env"] = "#" + strings.Repeat("x", 999)
	size := int64(len(tree["0/maelstrom.yml"]))
	r := NewReader(tree, ReadOptions{Limits: cluster.Limits{TotalBytes: 3*size + 1000}})
	for i := range 3 {
		if f := r.Load(fmt.Sprintf("%d/maelstrom.yml", i)); f.Loaded.Project == nil {
			t.Fatal(errorsIn(f))
		}
	}
	if f := r.Load("0/maelstrom.yml"); f.Loaded.Project == nil {
		t.Error("read before:", errorsIn(f))
	}
	f := r.Load("3/maelstrom.yml")
	if want := fmt.Sprintf("3/maelstrom.yml:1:1: with it, more than %d bytes of this source would be read; leave files out with .maelignore, or raise the limit totalbytes", 3*size+1000); errorsIn(f) != want {
		t.Errorf("got %s", errorsIn(f))
	}
}

func TestShownPaths(t *testing.T) {
	tree := memTree{"a/maelstrom.yml": "name: shop\nenvfile: x.env\ncomponents: {}\n", "a/x.env": "no assignment\n"}
	r := NewReader(tree, ReadOptions{Show: func(path string) string { return "/src/" + path }})
	f := r.Load("a/maelstrom.yml")
	files := map[string]bool{}
	for _, p := range f.Loaded.Problems {
		files[p.File] = true
	}
	if diff := cmp.Diff([]string{"/src/a/maelstrom.yml", "/src/a/x.env"}, slices.Sorted(maps.Keys(files))); diff != "" || f.Path != "a/maelstrom.yml" {
		t.Error(f.Path, diff)
	}
	in, problems := r.Input("b/maelstrom.yml")
	if in.File != "/src/b/maelstrom.yml" || len(problems) != 1 || problems[0].File != in.File {
		t.Errorf("input of %s, problems %v", in.File, problems)
	}
}
