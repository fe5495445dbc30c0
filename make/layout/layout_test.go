package layout

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "maelstrom/"

// below are the packages without a decision of their own: anybody may import
// them, and they import nobody but what mayImport says.
var below = []string{"project", "project/route", "project/schedule", "cluster"}

// mayImport says which packages of ours a package may import beside those
// below it; a name that ends in /* stands for all under it. The composition
// root is not in it: it introduces everybody to everybody. Nil is nothing of ours.
var mayImport = map[string][]string{
	"project":          {"project/schedule"},
	"project/route":    {},
	"project/schedule": {},
	"project/strict":   {},
	"schemas":          {},
	"cluster":          {"project", "project/route"},

	"cluster/store":         {"schemas"},
	"cluster/store/*":       {"cluster/store"},
	"cluster/roles":         {},
	"cluster/peer":          {},
	"cluster/journal":       {},
	"cluster/scheduler":     {},
	"cluster/simulate":      {"cluster/scheduler"},
	"cluster/eventsource/*": {},
	"cluster/starttime":     {},
	"cluster/rpc":           {"schemas"},
	"runtime":               {"runtime/logring"},
	"runtime/logring":       nil,
	"reconcile":             {"project/strict"},
	"runtime/proxy":         nil,
	"runtime/gateway":       {"runtime/proxy"},
	"runtime/names":         {},

	"runtime/docker":             {"runtime"},
	"runtime/fake":               {"runtime"},
	"runtime/images":             {"runtime"},
	"runtime/images/*":           nil,
	"runtime/drivertest":         {"runtime"},
	"runtime/drivertest/testapp": nil,
	"cluster/placer":             {"cluster/scheduler"},
	"reconcile/*":                {"reconcile"},
	"cmd/maelctl":                {"cluster/rpc", "cluster/store", "cluster/simulate", "project/strict", "reconcile", "reconcile/*", "schemas"},
	"examples":                   {},
	"examples/*":                 nil,
	"make/*":                     nil,
}

// lowest are the packages that don't even import those below everybody.
var lowest = map[string]bool{"project": true, "project/route": true, "project/schedule": true, "schemas": true, "cluster": true}

// onlyIn says where a heavy dependency may enter.
var onlyIn = map[string][]string{
	"github.com/docker/docker/":      {"runtime/docker"},
	"database/sql":                   {"cluster/store", "cluster/store/*"},
	"modernc.org/sqlite":             {"cluster/store", "cluster/store/*"},
	"github.com/lib/pq":              {"cluster/store", "cluster/store/*"},
	"github.com/go-sql-driver/mysql": {"cluster/store", "cluster/store/*"},
	"github.com/spf13/cobra":         {"cmd/maelctl"},
	"github.com/go-git/":             {"reconcile/gitsource"},
	"gopkg.in/yaml.v3":               {"project", "project/strict", "reconcile", "cmd/maelctl"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var found []goPackage
	for list := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := list.Decode(&p)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, p)
	}
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if name == "cmd/maelstromd" || strings.HasPrefix(name, "cmd/maelstromd/") {
			continue
		}
		allowed, known := allowedTo(name)
		if !known {
			t.Errorf("%s is in no row of the table: add it where it belongs", name)
			continue
		}
		for _, path := range p.Imports {
			imported, ours := strings.CutPrefix(path, module)
			if ours && !matchesAny(imported, allowed) {
				t.Errorf("%s may not import %s", name, imported)
			}
		}
	}
}

func TestHeavyDependenciesEnterOnce(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, path := range p.Imports {
			for dependency, homes := range onlyIn {
				if strings.HasPrefix(path, dependency) && !matchesAny(name, homes) {
					t.Errorf("%s imports %s, which belongs to %v alone", name, path, homes)
				}
			}
		}
	}
}

// allowedTo returns what a package may import, and whether the table knows it.
func allowedTo(name string) ([]string, bool) {
	for pattern, allowed := range mayImport {
		if !matches(name, pattern) {
			continue
		}
		if lowest[name] || allowed == nil {
			return allowed, true
		}
		return append(append([]string{}, below...), allowed...), true
	}
	return nil, false
}

func matchesAny(name string, patterns []string) bool {
	for _, pattern := range patterns {
		if matches(name, pattern) {
			return true
		}
	}
	return false
}

func matches(name, pattern string) bool {
	if folder, all := strings.CutSuffix(pattern, "/*"); all {
		return strings.HasPrefix(name, folder+"/")
	}
	return name == pattern
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		want          bool
	}{
		{"cluster", "cluster", true}, {"cluster/rpc", "cluster", false},
		{"examples/hello", "examples/*", true}, {"examples", "examples/*", false},
	} {
		if got := matches(c.name, c.pattern); got != c.want {
			t.Errorf("matches(%s, %s) = %t", c.name, c.pattern, got)
		}
	}
}
