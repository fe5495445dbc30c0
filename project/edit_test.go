package project

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"
)

func TestSetImage(t *testing.T) {
	for _, tt := range []struct{ name, component, ref, before, after string }{
		{"plain", "web", "web:2", "name: shop\ncomponents:\n  web:\n    image: web:1\n", "name: shop\ncomponents:\n  web:\n    image: web:2\n"},
		{"by its full name", "shop_web", "web:2", "name: shop\ncomponents: {web: {image: web:1}}", "name: shop\ncomponents: {web: {image: web:2}}"},
		{"in another case", "WEB", "web:2", "name: Shop\ncomponents: {Web: {image: web:1}}", "name: Shop\ncomponents: {Web: {image: web:2}}"},
		{"the file has the full name", "web", "web:2", "name: shop\ncomponents: {shop_web: {image: web:1}}", "name: shop\ncomponents: {shop_web: {image: web:2}}"},
		{"an overlay has no name", "web", "web:2", "components: {web: {image: web:1}}", "components: {web: {image: web:2}}"},
		{"comments", "web", "r.example/web@sha256:" + strings.Repeat("a", 64),
			"# top\nname: shop # s\ncomponents:\n  web: # w\n    image:   web:1   # the image: web:1\n    # after\n",
			"# top\nname: shop # s\ncomponents:\n  web: # w\n    image:   r.example/web@sha256:" + strings.Repeat("a", 64) + "   # the image: web:1\n    # after\n"},
		{"double quotes", "web", "web:2", "name: s\ncomponents: {web: {image: \"we\\u0062:1\" , user: a}}", "name: s\ncomponents: {web: {image: \"web:2\" , user: a}}"},
		{"single quotes", "web", "web:2", "name: s\ncomponents: {web: {image: 'a''b', user: a}}", "name: s\ncomponents: {web: {image: 'web:2', user: a}}"},
		{"double quotes over lines", "web", "web:2", "name: s\ncomponents:\n  web:\n    image: \"regis\\\n      try/web:1\"\n    user: a", "name: s\ncomponents:\n  web:\n    image: \"web:2\"\n    user: a"},
		{"flow style over lines", "web", "web:2", "{name: s, components:\n {web:\n  {image:\n web:1}\n}}", "{name: s, components:\n {web:\n  {image:\n web:2}\n}}"},
		{"JSON", "web", "web:2", `{"name":"s","components":{"web":{"image":"web:1"}}}`, `{"name":"s","components":{"web":{"image":"web:2"}}}`},
		{"on the next line", "web", "web:2", "name: s\ncomponents:\n  web:\n    image:\n      web:1\n", "name: s\ncomponents:\n  web:\n    image:\n      web:2\n"},
		{"a folded block", "web", "web:2", "name: s\ncomponents:\n  web:\n    image: >- # why\n      web:1\n\n    user: a\n", "name: s\ncomponents:\n  web:\n    image: >- # why\n      web:2\n\n    user: a\n"},
		{"CRLF", "web", "web:2", "name: s\r\ncomponents:\r\n  web:\r\n    image: web:1\r\n    user: a\r\n", "name: s\r\ncomponents:\r\n  web:\r\n    image: web:2\r\n    user: a\r\n"},
		{"a CRLF block", "web", "web:2", "name: s\r\ncomponents:\r\n  web:\r\n    image: |-\r\n      web:1\r\n    user: a\r\n", "name: s\r\ncomponents:\r\n  web:\r\n    image: |-\r\n      web:2\r\n    user: a\r\n"},
		{"a BOM", "web", "web:2", "\uFEFFname: s\ncomponents: {web: {image: web:1}}\n", "\uFEFFname: s\ncomponents: {web: {image: web:2}}\n"},
		{"wide letters before it", "web", "web:2", "name: s\ncomponents: {web: {user: \"größe 😀\", image: web:1}}\n", "name: s\ncomponents: {web: {user: \"größe 😀\", image: web:2}}\n"},
		{"variables before it", "web", "web:2", "name: s\ncomponents: {web: {user: \"${ÜSER:-a: b}\", environment: [A=${B}], image: web:1}}\n", "name: s\ncomponents: {web: {user: \"${ÜSER:-a: b}\", environment: [A=${B}], image: web:2}}\n"},
		{"a variable that is the name", "web", "web:2", "name: ${NAME}\ncomponents: {web: {image: web:1}}\n", "name: ${NAME}\ncomponents: {web: {image: web:2}}\n"},
		{"an anchor that nobody uses", "web", "web:2", "name: s\ncomponents: {web: {image: &i  web:1}}\n", "name: s\ncomponents: {web: {image: &i  web:2}}\n"},
		{"a tag and an anchor", "web", "web:2", "name: s\ncomponents:\n  web:\n    image: !!str &i # c\n      'web:1'\n", "name: s\ncomponents:\n  web:\n    image: !!str &i # c\n      'web:2'\n"},
		{"a written image over a merged one", "web", "web:2", "x: &b {image: b}\nname: s\ncomponents:\n  web: {<<: {image: b}, image: web:1}\n", "x: &b {image: b}\nname: s\ncomponents:\n  web: {<<: {image: b}, image: web:2}\n"},
		{"what needs quotes", "web", "1234", "name: s\ncomponents: {web: {image: web:1}}\n", "name: s\ncomponents: {web: {image: \"1234\"}}\n"},
		{"a word that needs quotes", "web", "yes", "name: s\ncomponents: {web: {image: web:1}}\n", "name: s\ncomponents: {web: {image: \"yes\"}}\n"},
		{"an address in brackets", "web", "[::1]:5000/web", "name: s\ncomponents: {web: {image: web:1}}\n", "name: s\ncomponents: {web: {image: \"[::1]:5000/web\"}}\n"},
		{"empty quotes", "web", "web:1", "name: s\ncomponents: {web: {image: ''}}\n", "name: s\ncomponents: {web: {image: 'web:1'}}\n"},
		{"the same image", "web", "web:1", "name: s\ncomponents: {web: {image: 'web:1'}}\n", "name: s\ncomponents: {web: {image: 'web:1'}}\n"},
		{"a number", "web", "web:2", "name: s\ncomponents: {web: {image: 12}}\n", "name: s\ncomponents: {web: {image: web:2}}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := SetImage([]byte(tt.before), tt.component, tt.ref)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.after {
				t.Errorf("got\n%s\nwant\n%s", got, tt.after)
			}
		})
	}
}

func TestSetImageRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, component, ref, file, want string
		absent                           bool
	}{
		{"no reference", "web", "Web:1", "name: s\ncomponents: {web: {image: a}}", "is not an image reference", false},
		{"a variable to be", "web", "web:${TAG}", "name: s\ncomponents: {web: {image: a}}", "is not an image reference", false},
		{"nothing", "web", "", "name: s\ncomponents: {web: {image: a}}", "is not an image reference", false},
		{"an unknown component", "wep", "a:2", "name: s\ncomponents: {web: {image: a}}", `2:13: there is no component "wep" in this file; did you mean web?`, true},
		{"no image", "web", "a:2", "components:\n  web: {user: a}", "2:8: components.web.image is not written in this file", true},
		{"an empty image", "web", "a:2", "name: s\ncomponents:\n  web:\n    image:\n", "is empty", true},
		{"a variable", "web", "a:2", "name: s\ncomponents:\n  web: {image: 'a:${TAG}'}", `3:16: components.web.image: the image "a:${TAG}" holds a variable`, false},
		{"an alias", "web", "a:2", "name: s\ncomponents:\n  api: {image: &i a}\n  web: {image: *i}", "4:16: components.web.image is the alias *i", false},
		{"an anchor that is used", "api", "a:2", "name: s\ncomponents:\n  api: {image: &i a}\n  web: {image: *i}", "3:16: components.api.image: this would change components.web.image as well", false},
		{"a component by an alias", "web", "a:2", "name: s\ncomponents:\n  api: &c {image: a}\n  web: *c", "4:8: components.web is the alias *c", false},
		{"a component that is merged elsewhere", "api", "a:2", "name: s\ncomponents:\n  api: &c {image: a}\n  web: {<<: *c, user: b}", "would change components.web.image as well", false},
		{"a merged image", "web", "a:2", "name: s\ncomponents:\n  api: &c {image: a}\n  web: {<<: *c, user: b}", "it may come from <<", true},
		{"several lines", "web", "a:2", "name: s\ncomponents:\n  web:\n    image: a\n      b\n", "spread over several lines", false},
		{"a block with its line break", "web", "a:2", "name: s\ncomponents:\n  web:\n    image: |\n      a\n", "can't be replaced in place", false},
		{"a list", "web", "a:2", "name: s\ncomponents:\n  web:\n    image: [a]\n", "not a text", false},
		{"no YAML", "web", "a:2", "name: s\ncomponents: [", "2:", false},
		{"a duplicate", "web", "a:2", "name: s\ncomponents:\n  web: {image: a, image: b}\n", "3:", false},
		{"nothing there", "web", "a:2", "# empty\n", "empty", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := SetImage([]byte(tt.file), tt.component, tt.ref)
			var edit *EditError
			if !errors.As(err, &edit) || got != nil {
				t.Fatalf("%q, %v", got, err)
			}
			if !strings.Contains(err.Error(), tt.want) || edit.Absent != tt.absent {
				t.Errorf("%v (absent %v), want %q (%v)", err, edit.Absent, tt.want, tt.absent)
			}
		})
	}
}

// drawFile draws a project file in some style, with a component web.
func drawFile(t *rapid.T) string {
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	noise := pick("noise", "", " # a", "  # image: x")
	image := pick("image", "web:1", "'web:1'", `"web:1"`, `"w\x65b:1"`, "&a web:1", "!!str web:1", ">-\n      web:1", "\n      web:1", "'a''b'", "12", "''")
	other := pick("other", "user: root", "environment: [A=${B:-c: d}, Ü=ß😀]", "command: [a,\n     b]", "crontab: |\n      @daily /a\n      @hourly /b", "# nothing")
	file := "name: " + pick("name", "shop", "'shop'", "${NAME}") + noise + "\n"
	if rapid.Bool().Draw(t, "before") {
		file += "environment: [X=ä]\n"
	}
	file += "components:\n  api:\n    image: api:1\n  web:" + noise + "\n"
	lines := []string{"    image: " + image, "    " + other}
	if rapid.Bool().Draw(t, "first") {
		lines[0], lines[1] = lines[1], lines[0]
	}
	file += strings.Join(lines, "\n") + "\n  zoo: {image: api:1, user: \"a\"}\n" + noise
	if rapid.Bool().Draw(t, "CRLF") {
		file = strings.ReplaceAll(file, "\n", "\r\n")
	}
	if rapid.Bool().Draw(t, "BOM") {
		file = "\uFEFF" + file
	}
	return file
}

var imageRefs = rapid.SampledFrom([]string{
	"web:2", "web", "registry.example.com:5000/a/b/web:v1.2.3-rc.1", "web@sha256:" + strings.Repeat("0f", 32), "1", "1.5", "null", "yes", "0x1f", "localhost/x",
})

func TestSetImageChangesThatScalarOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file, ref := drawFile(t), imageRefs.Draw(t, "ref")
		got, err := SetImage([]byte(file), "web", ref)
		if err != nil {
			t.Fatalf("%v in\n%s", err, file)
		}
		checkEdit(t, []byte(file), got, ref)
		again, err := SetImage(got, "shop_web", ref)
		if err != nil && !strings.Contains(file, "${NAME}") {
			t.Fatal(err)
		}
		if err == nil && !bytes.Equal(again, got) {
			t.Fatalf("the second time changes\n%s", again)
		}
	})
}

// checkEdit compares by a decoder that knows nothing of how the edit was made.
func checkEdit(t interface {
	Helper()
	Fatalf(string, ...any)
}, before, after []byte, ref string) {
	t.Helper()
	if bytes.Equal(before, after) {
		return
	}
	was, is := decodeMasked(t, before), decodeMasked(t, after)
	web := is["components"].(map[string]any)["web"].(map[string]any)
	if web["image"] != ref && (ref != "1" && ref != "1.5") {
		t.Fatalf("the image is %v, not %s, in\n%s", web["image"], ref, after)
	}
	web["image"] = was["components"].(map[string]any)["web"].(map[string]any)["image"]
	a, _ := yaml.Marshal(was)
	b, _ := yaml.Marshal(is)
	if !bytes.Equal(a, b) {
		t.Fatalf("something else changed:\n%s\n%s", a, b)
	}
	// What is the same before and after the edit covers all but one scalar:
	// what differs has no line break but within what was replaced.
	start := 0
	for start < min(len(before), len(after)) && before[start] == after[start] {
		start++
	}
	end := 0
	for end < min(len(before), len(after))-start && before[len(before)-1-end] == after[len(after)-1-end] {
		end++
	}
	if put := after[start : len(after)-end]; bytes.ContainsAny(put, "\r\n#") {
		t.Fatalf("%q was put over %q", put, before[start:len(before)-end])
	}
}

func decodeMasked(t interface {
	Helper()
	Fatalf(string, ...any)
}, data []byte) map[string]any {
	t.Helper()
	masked, _ := maskVariables(bytes.TrimPrefix(data, []byte("\uFEFF")))
	var value map[string]any
	if err := yaml.Unmarshal(masked, &value); err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	return value
}

func FuzzSetImage(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yml", "testdata/bad/*.yml"} {
		for _, path := range corpusFiles(pattern) {
			if data, err := os.ReadFile(path); err == nil {
				f.Add(data, "web")
			}
		}
	}
	for _, seed := range []string{
		"name: s\ncomponents:\n  web:\n    image: &a !!str 'x'\n  api: {image: *a}\n", "components: {web: {image: |-\n", "components: {web: {image: \"\\\"", "components:\n  ? web\n  : image: x",
		"components: {web: {<<: *x, image: x}}", "\uFEFFcomponents:\r  web:\r    image: a\u2028b", "components: {web: *w}", "a: &w {image: x}\ncomponents: {web: *w}",
	} {
		f.Add([]byte(seed), "web")
	}
	f.Fuzz(func(t *testing.T, data []byte, component string) {
		got, err := SetImage(data, component, "registry/new:tag")
		if err != nil {
			var edit *EditError
			if !errors.As(err, &edit) || edit.Message == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		again, err := SetImage(got, component, "registry/new:tag")
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("the second time: %v\n%q", err, again)
		}
	})
}
