// Package examples holds projects that can be run as they are.
package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maelstrom/project"
)

func TestEveryExampleIsValid(t *testing.T) {
	files, err := filepath.Glob("*/maelstrom.yml")
	if err != nil {
		t.Fatal(err)
	}
	const least = 6
	if len(files) < least {
		t.Errorf("%d examples, want at least %d", len(files), least)
	}
	for _, file := range files {
		t.Run(filepath.Dir(file), func(t *testing.T) {
			loaded := load(t, file)
			for _, problem := range loaded.Problems {
				// The reference has every key, those without effect too.
				if problem.Severity == project.Warning && filepath.Dir(file) == "reference" {
					continue
				}
				t.Errorf("%s:%d:%d: %s: %s: %s", problem.File, problem.Line, problem.Column, problem.Severity, problem.Path, problem.Message)
			}
			if loaded.Project == nil {
				t.Fatal("no project")
			}
			if want := filepath.Dir(file); loaded.Project.Name != want {
				t.Errorf("the project is called %s, its folder %s", loaded.Project.Name, want)
			}
		})
	}
}

// load reads an example without any variable set, as a newcomer does.
func load(t *testing.T, file string) project.Loaded {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return project.Load(project.Input{
		File: file, Data: data,
		Lookup: func(string) (string, bool) { return "", false },
		ReadFile: func(path string) (project.File, error) {
			path = filepath.Join(filepath.Dir(file), path)
			data, err := os.ReadFile(path)
			return project.File{Path: path, Data: data}, err
		},
	})
}

// beside are programs that are used with maelstrom, not run by it.
var beside = map[string]bool{"gitserver": true}

// An example that can be run has its program, how to pack it, and says how to
// ask it.
func TestEveryExampleWithAProgramCanBeBuiltAndAsked(t *testing.T) {
	programs, err := filepath.Glob("*/main.go")
	if err != nil || len(programs) == 0 {
		t.Fatal(programs, err)
	}
	for _, program := range programs {
		folder := filepath.Dir(program)
		if beside[folder] {
			continue
		}
		if _, err := os.Stat(filepath.Join(folder, "Dockerfile")); err != nil {
			t.Error(err)
		}
		loaded := load(t, filepath.Join(folder, "maelstrom.yml"))
		if loaded.Project == nil {
			continue // the other test tells
		}
		reached := false
		for _, e := range loaded.Project.EventSources {
			reached = reached || e.HTTP != nil && strings.HasSuffix(e.HTTP.Hostname, ".localhost")
		}
		if !reached {
			t.Errorf("%s is reached by no .localhost name", folder)
		}
	}
}
