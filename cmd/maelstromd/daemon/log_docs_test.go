package daemon

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// root is where the module is, seen from here.
const root = "../../.."

// TestLogLinesAreListed keeps docs/log.md to the warnings and errors that the
// daemon writes, in both directions.
func TestLogLinesAreListed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/log.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	var order []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([A-Z]+) \\| .+ \\|$").FindAllSubmatch(text, -1) {
		listed[string(row[1])] = string(row[2])
		order = append(order, string(row[1]))
	}
	written := logLines(t)
	for _, message := range slices.Sorted(maps.Keys(written)) {
		if level := written[message]; level != "INFO" && listed[message] != level {
			t.Errorf("docs/log.md lacks %q, %s: add the row", message, level)
		}
	}
	for _, message := range order {
		if level := written[message]; level == "" || level == "INFO" {
			t.Errorf("docs/log.md has %q, and nothing writes it", message)
		}
	}
	if !slices.IsSorted(order) {
		t.Error("docs/log.md is not in order")
	}
}

// TestErrorTablesNameLogLines looks for the lines that docs/errors.md names.
func TestErrorTablesNameLogLines(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	written, named := logLines(t), 0
	for _, table := range []struct {
		heading string
		column  int
	}{{"## What a client gets", 5}, {"## What else can fail", 4}} {
		_, section, _ := strings.Cut(string(text), table.heading)
		section, _, _ = strings.Cut(section, "\n## ")
		for _, row := range regexp.MustCompile(`(?m)^\| .*\|$`).FindAllString(section, -1) {
			for _, line := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(strings.Split(row, "|")[table.column], -1) {
				if named++; written[line[1]] == "" {
					t.Errorf("docs/errors.md names the line %q, and nothing writes it", line[1])
				}
			}
		}
	}
	if named < 20 {
		t.Errorf("only %d lines are named", named)
	}
}

// logLines are the constant messages of the daemon's log, with their level;
// below WARN it is INFO.
func logLines(t *testing.T) map[string]string {
	t.Helper()
	lines, err := readLogLines()
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

var readLogLines = sync.OnceValues(func() (map[string]string, error) {
	lines := map[string]string{}
	for _, dir := range []string{"cluster", "cmd/maelstromd", "project", "reconcile", "runtime"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
			switch name := entry.Name(); {
			case err != nil:
				return err
			case entry.IsDir() && (name == "fake" || strings.HasSuffix(name, "test")):
				return fs.SkipDir // helpers of tests
			case entry.IsDir(), !strings.HasSuffix(name, ".go"), strings.HasSuffix(name, "_test.go"):
				return nil
			}
			return addLogLines(lines, path)
		})
		if err != nil {
			return nil, err
		}
	}
	return lines, nil
})

var logLevels = map[string]string{
	"Debug": "INFO", "Info": "INFO", "InfoContext": "INFO",
	"Warn": "WARN", "WarnContext": "WARN", "Error": "ERROR", "ErrorContext": "ERROR",
}

func addLogLines(lines map[string]string, path string) error {
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return err
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		level, at := logLevels[method.Sel.Name], 0
		if method.Sel.Name == "warn" && strings.Contains(path, "runtime/gateway") {
			level = "WARN" // the gateway's own, which is paced
		}
		if strings.HasSuffix(method.Sel.Name, "Context") {
			at = 1
		}
		if level == "" || at >= len(call.Args) {
			return true
		}
		if text, ok := call.Args[at].(*ast.BasicLit); ok && text.Kind == token.STRING {
			if message, err := strconv.Unquote(text.Value); err == nil && (lines[message] == "" || lines[message] == "INFO") {
				lines[message] = level
			}
		}
		return true
	})
	return nil
}
