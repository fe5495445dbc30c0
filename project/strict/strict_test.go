package strict

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// form is a file with keys of every kind.
type form struct {
	name  string
	items []string
	names map[string]string
}

func read(text string) (form, *Reader) {
	r := &Reader{File: "f.yml"}
	f := form{names: map[string]string{}}
	root := r.Document([]byte(text), "write a name")
	if root == nil {
		return f, r
	}
	r.Mapping(root, "", Keys{
		"name": func(n *yaml.Node, path string) { f.name, _ = r.Scalar(n, path) },
		"items": func(n *yaml.Node, path string) {
			r.Each(n, path, func(item *yaml.Node, path string) {
				if text, ok := r.Scalar(item, path); ok {
					f.items = append(f.items, text)
				}
			})
		},
		"names": func(n *yaml.Node, path string) {
			r.EachName(n, path, func(name string, value *yaml.Node, path string) { f.names[name], _ = r.Scalar(value, path) })
		},
	})
	return f, r
}

func TestReadsWhatIsWritten(t *testing.T) {
	f, r := read("name: a\nitems: [b, c]\nnames: {d: e, f: }\n")
	if len(r.Problems) > 0 || f.name != "a" || strings.Join(f.items, "") != "bc" || f.names["d"] != "e" || len(f.names) != 2 {
		t.Errorf("%+v, %v", f, r.Problems)
	}
	if f, r := read("name:\nitems: []\n"); len(r.Problems) > 0 || f.name != "" {
		t.Errorf("a key without a value: %+v, %v", f, r.Problems)
	}
}

func TestTellsWhatIsWrong(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"another key", "nmae: a", "f.yml:1:1: nmae: there is no such key; did you mean name?"},
		{"no key near", "zzzzzz: a", "f.yml:1:1: zzzzzz: there is no such key; the keys here are items, name, names"},
		{"a key twice", "name: a\nname: b", "f.yml:2:1: name: the key is written twice; remove one of the two"},
		{"a name twice", "names:\n  a: b\n  a: c", "f.yml:3:3: names.a: the key is written twice"},
		{"no mapping", "- a", "f.yml:1:1: a mapping belongs here"},
		{"names that are a list", "names: [a]", "f.yml:1:8: names: a mapping belongs here"},
		{"no list", "items: a", "f.yml:1:8: items: a list belongs here"},
		{"no single value", "name: [a]", "f.yml:1:7: name: one value belongs here"},
		{"an item that is a list", "items: [a, [b]]", "f.yml:1:12: items[1]: one value belongs here"},
		{"an alias", "name: &x a\nnames: {a: *x}", "f.yml:2:12: names.a: aliases are not read here"},
		{"an alias of a key", "items: &x [a]\nnames: *x", "f.yml:2:8: names: aliases are not read here"},
		{"an alias of an item", "name: &x a\nitems: [*x]", "f.yml:2:9: items[0]: aliases are not read here"},
		{"two documents", "name: a\n---\nname: b", "f.yml:2:1: the file holds more than one document"},
		{"not YAML", "name: [", "f.yml:1:1: this is not YAML: did not find expected node content"},
		{"not YAML later", "name: a\nitems: b: c", "f.yml:2:1: this is not YAML: mapping values"},
		{"a second document that is none", "name: a\n---\n[", "this is not YAML"},
		{"empty", "", "f.yml:1:1: nothing is declared here: the file may not be whole; write a name"},
		{"only a comment", "# a\n", "the file may not be whole"},
		{"an empty mapping", "{}", "the file may not be whole"},
		{"not UTF-8", "name: \xff", "f.yml:1:1: the file is not UTF-8"},
		{"too large", "name: " + strings.Repeat("a", MaxFile), "f.yml:1:1: the file is larger than 1 MiB"},
	} {
		_, r := read(tt.text)
		if len(r.Problems) != 1 || !strings.Contains(r.Problems[0].String(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, r.Problems, tt.want)
		}
	}
}

func TestProblemsAreSorted(t *testing.T) {
	r := &Reader{File: "f.yml"}
	for _, at := range [][2]int{{2, 1}, {1, 5}, {1, 2}} {
		r.Add(&yaml.Node{Line: at[0], Column: at[1]}, "", "x", "")
	}
	if p := r.Sorted(); p[0].Column != 2 || p[1].Column != 5 || p[2].Line != 2 {
		t.Errorf("%v", p)
	}
}
