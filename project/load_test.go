package project

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files of testdata")

// testVariables are set for every file of the corpus.
var testVariables = map[string]string{
	"PORT": "9000", "TAG": "1.2.3", "YES": "yes", "EMPTY": "", "FRACTION": "1.5", "DB_PASSWORD": "hunter2!",
	"YAML": "a: [b, c]", "TWO_LINES": "one\ntwo",
}

func testLookup(name string) (string, bool) {
	value, ok := testVariables[name]
	return value, ok
}

// readBeside reads envfiles beside the file of the corpus.
func readBeside(file string) func(string) (File, error) {
	return func(path string) (File, error) {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(file), path))
		if err != nil {
			return File{}, os.ErrNotExist
		}
		return File{Path: path, Data: data}, nil
	}
}

// loadFile loads a file of the corpus, with NAME.overlay.yml upon it if there is one.
func loadFile(t *testing.T, path string) Loaded {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in := Input{File: filepath.Base(path), Data: data, Lookup: testLookup, ReadFile: readBeside(path)}
	overlay := strings.TrimSuffix(path, ".yml") + ".overlay.yaml"
	if data, err := os.ReadFile(overlay); err == nil {
		in.OverlayFile, in.OverlayData = filepath.Base(overlay), data
	}
	return Load(in)
}

func problemText(problems []Problem) string {
	var out strings.Builder
	for _, p := range problems {
		out.WriteString(p.Rule + " " + string(p.Severity) + " " + p.String() + "\n")
	}
	return out.String()
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func corpus(t *testing.T, pattern string) []string {
	t.Helper()
	files := corpusFiles(pattern)
	if len(files) == 0 {
		t.Fatalf("no files match %s", pattern)
	}
	return files
}

func corpusFiles(pattern string) []string {
	files, _ := filepath.Glob(pattern) // the patterns are constant and well formed
	return files
}

func TestBadFilesTellEveryProblem(t *testing.T) {
	for _, path := range corpus(t, "testdata/bad/*.yml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			loaded := loadFile(t, path)
			checkLoaded(t, loaded, "")
			if loaded.Project != nil || loaded.Rendered != nil {
				t.Error("the file was accepted")
			}
			golden(t, strings.TrimSuffix(path, ".yml")+".txt", []byte(problemText(loaded.Problems)))
		})
	}
}

func TestGoodFilesRender(t *testing.T) {
	for _, path := range corpus(t, "testdata/good/*.yml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			loaded := loadFile(t, path)
			checkLoaded(t, loaded, "")
			if loaded.Project == nil {
				t.Fatalf("refused:\n%s", problemText(loaded.Problems))
			}
			var out bytes.Buffer
			out.WriteString(problemText(loaded.Problems))
			encoder := json.NewEncoder(&out)
			encoder.SetEscapeHTML(false)
			encoder.SetIndent("", "  ")
			if err := encoder.Encode(loaded.Rendered.Masked()); err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(path, ".yml")+".txt", out.Bytes())
		})
	}
}
