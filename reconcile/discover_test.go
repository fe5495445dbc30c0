package reconcile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
)

var repository = memTree{
	"maelstrom.yml": "", "maelstrom.prod.yml": "", "other.yml": "", "Maelstrom.yml": "", "maelstrom.yml.bak": "",
	"apps/a.maelstrom.yaml": "", "apps/b/maelstrom.yaml": "", "apps/b/maelstrom.yml": "", "apps/b/x.maelstrom.prod.yml": "",
	"apps/.maelstrom.yml": "", "vendored/.git": "gitdir: x", "vendored/maelstrom.yml": "", "vendored/a/maelstrom.yml": "",
	".git/maelstrom.yml": "", "sub": "submodule", "linked": "-> apps", "test/maelstrom.yml": "-> ../maelstrom.yml",
}

func TestProjectFilesAreFound(t *testing.T) {
	all := []string{"apps/.maelstrom.yml", "apps/a.maelstrom.yaml", "apps/b/maelstrom.yaml", "apps/b/maelstrom.yml", "maelstrom.yml", "test/maelstrom.yml"}
	for name, test := range map[string]struct {
		opt    ReadOptions
		ignore map[string]string
		want   []string
	}{
		"all":                 {want: all},
		"the top as under":    {opt: ReadOptions{Under: "."}, want: all},
		"a directory":         {opt: ReadOptions{Under: "apps/b"}, want: all[2:4]},
		"a glob":              {opt: ReadOptions{Paths: []string{"*/maelstrom.yml"}}, want: all[5:]},
		"a deep glob":         {opt: ReadOptions{Paths: []string{"/apps/**/*.yaml"}}, want: all[1:3]},
		"a glob of a folder":  {opt: ReadOptions{Paths: []string{"./app*/"}}, want: all[:4]},
		"two globs":           {opt: ReadOptions{Paths: []string{"apps/b", "*.yml"}}, want: all[2:5]},
		"a file by its name":  {opt: ReadOptions{Paths: []string{"other.yml"}}, want: []string{"other.yml"}},
		"all but":             {opt: ReadOptions{Exclude: []string{"apps", "**/test/*"}}, want: all[4:5]},
		"some but":            {opt: ReadOptions{Paths: []string{"apps/**"}, Exclude: []string{"**/*.yaml"}}, want: []string{all[0], all[3]}},
		"ignored":             {ignore: map[string]string{".maelignore": "*.yaml\n/maelstrom.yml"}, want: []string{all[0], all[3], all[5]}},
		"ignored below":       {ignore: map[string]string{".maelignore": "*.yaml", "apps/b/.maelignore": "!*.yaml\n*.yml"}, want: []string{all[0], all[2], all[4], all[5]}},
		"an ignored folder":   {ignore: map[string]string{".maelignore": "b/\n!apps/b/maelstrom.yml"}, want: []string{all[0], all[1], all[4], all[5]}},
		"above what is asked": {opt: ReadOptions{Under: "apps/b"}, ignore: map[string]string{".maelignore": "*.yaml"}, want: all[3:4]},
	} {
		tree := memTree{}
		for _, files := range []map[string]string{repository, test.ignore} {
			for path, text := range files {
				tree[path] = text
			}
		}
		got, err := NewReader(tree, test.opt).Projects()
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestLimitsHaveNames(t *testing.T) {
	deep := strings.Repeat("d/", 17) + "maelstrom.yml"
	many, big := memTree{}, memTree{}
	for i := range 11 {
		many[fmt.Sprintf("%d.maelstrom.yml", i)] = ""
		big[fmt.Sprintf("%d.maelstrom.yml", i)] = strings.Repeat("#", 100)
	}
	for name, test := range map[string]struct {
		tree   Tree
		limits cluster.Limits
		want   string
	}{
		"depth":      {memTree{deep: ""}, cluster.Limits{}, deep + " is more than 16 directories deep; leave files out with .maelignore or exclude, or raise the limit depth"},
		"less depth": {memTree{"a/b/maelstrom.yml": ""}, cluster.Limits{Depth: 1}, "a/b/maelstrom.yml is more than 1 directories deep; leave files out with .maelignore or exclude, or raise the limit depth"},
		"files":      {many, cluster.Limits{Files: 10}, "more than 10 project files; leave files out with .maelignore or exclude, or raise the limit files"},
		"bytes":      {big, cluster.Limits{TotalBytes: 1000}, "the project files have more than 1000 bytes; leave files out with .maelignore or exclude, or raise the limit totalbytes"},
	} {
		_, err := NewReader(test.tree, ReadOptions{Limits: test.limits}).Projects()
		var refused *OriginError
		if !errors.As(err, &refused) || refused.Reason != cluster.ReasonTooLarge || !refused.Permanent || refused.Error() != test.want {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for name, tree := range map[string]memTree{"depth": {deep[2:]: "", strings.Repeat("d/", 40) + "x": ""}, "files": many, "bytes": big} {
		if _, err := NewReader(tree, ReadOptions{}).Projects(); err != nil {
			t.Errorf("%s within the limits: %v", name, err)
		}
	}
}

func TestWhatNobodyCanSearch(t *testing.T) {
	for name, test := range map[string]struct {
		tree memTree
		opt  ReadOptions
		want string
	}{
		"no glob":              {memTree{}, ReadOptions{Paths: []string{"a[b"}}, `"a[b" is not a glob; write a path such as apps/*/maelstrom.yml or apps/**`},
		"no glob to leave out": {memTree{}, ReadOptions{Exclude: []string{"{a"}}, `"{a" is not a glob; write a path such as apps/*/maelstrom.yml or apps/**`},
		"an ignore file, link": {memTree{".maelignore": "-> x", "maelstrom.yml": ""}, ReadOptions{}, "read .maelignore: .maelignore: .maelignore is a symbolic link to x, and links are not followed; an ignore file is a regular file"},
	} {
		_, err := NewReader(test.tree, test.opt).Projects()
		var refused *OriginError
		if !errors.As(err, &refused) || refused.Reason != cluster.ReasonInvalidSource || !refused.Permanent || refused.Error() != test.want {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestFilesThatDifferInLetterCaseAreRefused(t *testing.T) {
	r := NewReader(memTree{"Shop/maelstrom.yml": shopFile, "shop/maelstrom.yml": shopFile, "other/maelstrom.yml": strings.Replace(shopFile, "shop", "other", 1)}, ReadOptions{})
	if _, err := r.Projects(); err != nil {
		t.Fatal(err)
	}
	for path, other := range map[string]string{"Shop/maelstrom.yml": "shop/maelstrom.yml", "shop/maelstrom.yml": "Shop/maelstrom.yml"} {
		f := r.Load(path)
		if want := path + ":1:1: differs from " + other + " in letter case only; some disks can't hold both: rename one of the two"; errorsIn(f) != want || f.Loaded.Project != nil {
			t.Errorf("problems of %s: %s", path, errorsIn(f))
		}
	}
	if f := r.Load("other/maelstrom.yml"); f.Loaded.Project == nil {
		t.Error(errorsIn(f))
	}
}
