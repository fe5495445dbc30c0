package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// scriptGolden compares the document just printed with a golden file, but for
// what differs from run to run.
func scriptGolden(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: golden NAME")
	}
	var document any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &document))
	var printed bytes.Buffer
	ts.Check(printJSON(&printed, steady("", document)))
	got := printed.Bytes()
	path := filepath.Join(goldenDir, args[0]+".json")
	if *update {
		ts.Check(os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	ts.Check(err)
	if !bytes.Equal(got, want) {
		ts.Fatalf("not what %s has: %s", path, cmp.Diff(string(want), string(got)))
	}
}

// goldenDir is absolute: scripts run elsewhere.
var goldenDir = func() string {
	dir, err := filepath.Abs("testdata/golden")
	if err != nil {
		panic(err)
	}
	return dir
}()

// What differs from run to run: by its key, or by its looks.
var (
	varyingKeys = []string{
		"placement", "container_id", "request_id", "address", "cluster_id", "token", "instance",
		"load_1m", "age_seconds", "change_number", "last_used_at",
		"seconds",
	}
	secretHash = regexp.MustCompile(`#[0-9a-f]{8}\b`)
)

// steady replaces what differs from run to run by what it is.
func steady(key string, value any) any {
	if slices.Contains(varyingKeys, key) {
		return "<" + key + ">"
	}
	if _, number := value.(float64); number && key == "id" { // of an event
		return "<id>"
	}
	switch v := value.(type) {
	case map[string]any:
		for name, element := range v {
			v[name] = steady(name, element)
		}
	case []any:
		for i, element := range v {
			v[i] = steady("", element)
		}
	case string:
		if _, err := time.Parse(time.RFC3339, v); err == nil {
			return "<time>"
		}
		if host, err := os.Hostname(); err == nil && v == host {
			return "<hostname>"
		}
		return secretHash.ReplaceAllString(v, "#<hash>")
	}
	return value
}
