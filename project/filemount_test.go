package project

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// loadWithFiles loads a project beside which the given files lie.
func loadWithFiles(text string, beside map[string]string) Loaded {
	return Load(Input{File: "maelstrom.yml", Data: []byte(text), ReadFile: func(path string) (File, error) {
		data, ok := beside[path]
		if !ok {
			return File{}, errors.New("no such file")
		}
		return File{Path: path, Data: []byte(data)}, nil
	}})
}

const filesYAML = `name: shop
components:
  web:
    image: web
    maxconcurrency: 1
    files:
      - target: /etc/app.conf
        source: app.conf
      - target: /etc/greeting
        content: "hello ${WHO:-world}\n"
        mode: 0440
      - target: /etc/key
        content: aGVs
          bG8=
        encoding: base64
        sensitive: true
`

func TestFileMounts(t *testing.T) {
	l := loadWithFiles(filesYAML, map[string]string{"app.conf": "a=1\n"})
	if len(l.Problems) != 0 || l.Project == nil {
		t.Fatalf("problems %v", l.Problems)
	}
	c := l.Project.Components[0].Effective()
	want := []FileMount{
		{Target: "/etc/app.conf", Content: []byte("a=1\n"), Mode: "0444"},
		{Target: "/etc/greeting", Content: []byte("hello world\n"), Mode: "0440"},
		{Target: "/etc/key", Content: []byte("hello"), Mode: "0444", Sensitive: true},
	}
	for i, f := range c.Files {
		if f.Target != want[i].Target || !bytes.Equal(f.Content, want[i].Content) || f.Mode != want[i].Mode || f.Sensitive != want[i].Sensitive {
			t.Errorf("file %d is %+v, want %+v", i, f, want[i])
		}
	}
	if len(c.Files) != len(want) || c.Files[1].Permissions() != 0o440 {
		t.Errorf("%d files, mode %o", len(c.Files), c.Files[1].Permissions())
	}
	shown, err := json.Marshal(l.Rendered.Masked())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(shown), `hello world`) || strings.Contains(string(shown), `"hello"`) {
		t.Errorf("masked: %s", shown)
	}
	inClear, err := json.Marshal(l.Rendered)
	if err != nil || !strings.Contains(string(inClear), `"hello"`) {
		t.Errorf("in clear: %s, %v", inClear, err)
	}
}

func TestFileMountMistakes(t *testing.T) {
	for _, tt := range []struct{ name, files, want string }{
		{"neither", "- target: /a", "7:9: components.web.files[0].source: source is missing"},
		{"both", "- {target: /a, source: app.conf, content: x}", "components.web.files[0].content: a file has either source or content"},
		{"no target", "- content: x", "components.web.files[0].target: target is missing"},
		{"relative target", "- {target: etc/a, content: x}", "is no place for a file in the container"},
		{"a directory", "- {target: /etc/, content: x}", "is no place for a file in the container"},
		{"twice", "- {target: /a, content: x}\n      - {target: //a, content: y}", "8:18: components.web.files[1].target: \"//a\" is taken by files[0]"},
		{"over a volume", "- {target: /data, content: x}\n    volumes: [{target: /data, source: /srv}]", "is taken by volumes[0]"},
		{"mode", "- {target: /a, content: x, mode: 888}", "components.web.files[0].mode: \"888\" is not a file mode"},
		{"encoding", "- {target: /a, content: x, encoding: hex}", "write one of text, base64"},
		{"no base64", "- {target: /a, content: '***', encoding: base64}", "the content is not base64"},
		{"encoding of a source", "- {target: /a, source: app.conf, encoding: base64}", "encoding is about content"},
		{"missing source", "- {target: /a, source: b.conf}", "7:30: components.web.files[0].source: \"b.conf\" can't be read: no such file"},
		{"unknown key", "- {target: /a, content: x, owner: me}", "unknown key \"owner\""},
		{"too much", fmt.Sprintf("- {target: /a, content: %[1]s}\n      - {target: /b, source: big}", strings.Repeat("x", 1<<10)), "more than the 1048576 of one component"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := "name: shop\ncomponents:\n  web:\n    image: web\n    maxconcurrency: 1\n    files:\n      " + tt.files + "\n"
			l := loadWithFiles(text, map[string]string{"app.conf": "a", "big": strings.Repeat("y", 1<<20)})
			for _, p := range l.Problems {
				if strings.Contains(p.String(), tt.want) && l.Project == nil {
					return
				}
			}
			t.Errorf("%q is not among %v", tt.want, l.Problems)
		})
	}
}

func TestFileMountsInADiff(t *testing.T) {
	load := func(key string) *Project {
		l := loadWithFiles(strings.Replace(filesYAML, "aGVs", key, 1), map[string]string{"app.conf": "a=" + key})
		if l.Project == nil {
			t.Fatal(l.Problems)
		}
		return l.Project
	}
	changes := Diff(load("aGVs"), load("b2xk"), nil)
	var text bytes.Buffer
	if err := changes.Text(&text, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"files[/etc/app.conf]: 0444, 6 bytes, sha256 ", "files[/etc/key]: (sensitive) #", "(1 restart)"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing in\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "/etc/greeting") || strings.Count(text.String(), "sha256") != 2 {
		t.Errorf("diff shows too much:\n%s", text.String())
	}
}

func TestFileMountWithoutFilesAtHand(t *testing.T) {
	l := Load(Input{File: "m.yml", Data: []byte(filesYAML), ReadFile: func(string) (File, error) { return File{}, fs.ErrNotExist }})
	if l.Project != nil || len(l.Problems) != 1 || l.Problems[0].Rule != ruleFileRead || l.Problems[0].Line != 8 {
		t.Errorf("problems %v", l.Problems)
	}
}
