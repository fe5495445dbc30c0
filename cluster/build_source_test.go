package cluster

import (
	"fmt"
	"strings"
	"testing"
)

func manyStatuses(n int) ChangeSet {
	cs := ChangeSet{Full: true, Number: 1, ProjectStatuses: map[string]*ProjectStatus{}}
	for i := range n {
		s := &ProjectStatus{Source: fmt.Sprint("s", i%10), Path: fmt.Sprintf("%d/maelstrom.yml", i), Project: fmt.Sprint("p", i)}
		cs.ProjectStatuses[s.Key()] = s
	}
	return cs
}

// A status that changes costs no more than any other row, however many files
// its source has: the indexes are not touched.
func TestOneStatusInMany(t *testing.T) {
	s := NewSnapshot().With(manyStatuses(10_000))
	changed := &ProjectStatus{Source: "s7", Path: "77/maelstrom.yml", Project: "p77", LastGood: "c0ffee"}
	cs := ChangeSet{Number: 2, ProjectStatuses: map[string]*ProjectStatus{changed.Key(): changed}}
	if n := testing.AllocsPerRun(10, func() { s.With(cs) }); n > 60 {
		t.Errorf("one change takes %v allocations", n)
	}
	after := s.With(cs)
	if got, _ := after.ProjectStatuses.Get(changed.Key()); got != changed {
		t.Fatalf("status %+v", got)
	}
	before, _ := s.BySource.Get("s7")
	now, _ := after.BySource.Get("s7")
	if len(now) != 1_000 || &before[0] != &now[0] {
		t.Errorf("the index of %d files was built anew", len(now))
	}
}

func BenchmarkOneStatusInMany(b *testing.B) {
	s := NewSnapshot().With(manyStatuses(10_000))
	changed := &ProjectStatus{Source: "s7", Path: "77/maelstrom.yml", Project: "p77", LastGood: "c0ffee"}
	cs := ChangeSet{Number: 2, ProjectStatuses: map[string]*ProjectStatus{changed.Key(): changed}}
	for b.Loop() {
		s.With(cs)
	}
}

func TestProjectStatusKeyFitsEveryDatabase(t *testing.T) {
	long := strings.Repeat("deep/", 50) + "maelstrom.yml"
	seen := map[string]string{}
	for _, path := range []string{"maelstrom.yml", "ä b/maelstrom.yml", long, long + "x", "bytes\xff/maelstrom.yml", "bytes\xfe/maelstrom.yml"} {
		for _, source := range []string{"git", strings.Repeat("s", 180)} {
			status := ProjectStatus{Source: source, Path: path}
			key := status.Key()
			if len(key) > maxStatusKey || strings.ToValidUTF8(key, "?") != key {
				t.Errorf("key %q of %q", key, path)
			}
			if key != ProjectStatusKey(source, path) || seen[key] != "" {
				t.Errorf("key %q of %q is that of %q", key, path, seen[key])
			}
			seen[key] = source + " " + path
		}
	}
	if got := ProjectStatusKey("git", "a/maelstrom.yml"); got != "git a/maelstrom.yml" {
		t.Errorf("a key that fits is %q", got)
	}
}
