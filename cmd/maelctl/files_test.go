package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeFiles makes files below a directory and goes there.
func writeFiles(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDotenvFiles(t *testing.T) {
	writeFiles(t, map[string]string{
		"first.env":  "\uFEFF# comment\r\nexport A=1\r\nB='single # quoted'\r\nC=\"two\\nlines\" # comment\r\nD=\r\nE=plain # comment\r\n",
		"second.env": "A=2",
	})
	a, _, _ := testApp(map[string]string{"A": "shell", "D": "shell", "F": "shell"})
	variables, err := a.variables([]string{"first.env", "second.env"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"A": "2", "B": "single # quoted", "C": "two\nlines", "D": "", "E": "plain", "F": "shell"} {
		if got, ok := variables(name); got != want || !ok {
			t.Errorf("%s is %q, %v, want %q", name, got, ok, want)
		}
	}
	if _, ok := variables("G"); ok {
		t.Error("G is set")
	}
}

func TestEnvfilePlaces(t *testing.T) {
	writeFiles(t, map[string]string{"app/both.env": "", "both.env": "", "here.env": "", "app/only.env": ""})
	from := disk{}
	for name, want := range map[string]struct{ path, warning string }{
		"both.env": {"app/both.env", ""},
		"only.env": {"app/only.env", ""},
		"here.env": {"here.env", "here.env was read from the working directory, there is no app/here.env"},
	} {
		file, err := readBeside(from, name, []string{"app", "."})
		if err != nil || file.Path != want.path || file.Warning != want.warning {
			t.Errorf("%s: read %s, warning %q, error %v", name, file.Path, file.Warning, err)
		}
	}
	if _, err := readBeside(from, "here.env", []string{"app"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	_, err := readBeside(from, "nope.env", []string{"app", "."})
	if err == nil || err.Error() != "app/nope.env: no such file" {
		t.Errorf("error %v", err)
	}
}

func TestOverlayPaths(t *testing.T) {
	writeFiles(t, map[string]string{
		"app/shop.prod.yml": "", "app/maelstrom.prod.yml": "", "app/maelstrom.stage.yaml": "", "app/x.maelstrom.prod.yml": "",
	})
	for _, test := range []struct{ base, overlay, want string }{
		{"app/shop.yml", "prod", "app/shop.prod.yml"},
		{"app/other.yml", "prod", "app/maelstrom.prod.yml"},
		{"app/maelstrom.yml", "prod", "app/maelstrom.prod.yml"},
		{"app/maelstrom.yml", "stage", "app/maelstrom.stage.yaml"},
		{"app/x.maelstrom.yaml", "prod", "app/x.maelstrom.prod.yml"},
	} {
		if got, err := overlayPath(test.base, test.overlay); got != test.want || err != nil {
			t.Errorf("overlay %s of %s is %s, %v, want %s", test.overlay, test.base, got, err, test.want)
		}
	}
	for _, overlay := range []string{"..", ".hidden", "a/b", "/etc/passwd", "../prod"} {
		if err := (&fileFlags{overlay: overlay}).checkOverlay(); exitCode(err) != exitUsage {
			t.Errorf("%q is a name", overlay)
		}
	}
}

func TestReadingStopsSomewhere(t *testing.T) {
	endless := readerFunc(func(p []byte) (int, error) { return len(p), nil })
	_, err := disk{endless}.readFile("-")
	var file *fileError
	if !errors.As(err, &file) || !strings.Contains(file.message, "larger than 64 MiB") {
		t.Errorf("error %v", err)
	}
}

func TestDefaultFile(t *testing.T) {
	writeFiles(t, nil)
	for _, step := range []struct{ make, want string }{
		{"other.yml", "maelstrom.yml"}, {"maelstrom.yaml", "maelstrom.yaml"}, {"maelstrom.yml", "maelstrom.yml"},
	} {
		if err := os.WriteFile(step.make, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if got := defaultFile(); got != step.want {
			t.Errorf("with %s it is %s, want %s", step.make, got, step.want)
		}
	}
}
