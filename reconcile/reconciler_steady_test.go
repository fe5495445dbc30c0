package reconcile

import (
	"testing"
	"time"
)

func TestSteady(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	type reading struct {
		data              string
		modified, at      int
		known, wantSteady bool
	}
	for name, readings := range map[string][]reading{
		"of git":                {{"a", 0, 0, false, true}, {"b", 0, 1, false, true}},
		"read twice":            {{"a", -9, 0, true, false}, {"a", -9, 4, true, false}, {"a", -9, 5, true, true}, {"a", -9, 60, true, true}},
		"changed":               {{"a", -9, 0, true, false}, {"b", -9, 5, true, false}, {"b", -9, 10, true, true}},
		"changed and back":      {{"a", -9, 0, true, false}, {"b", -9, 4, true, false}, {"a", -9, 8, true, false}, {"a", -9, 13, true, true}},
		"touched just now":      {{"a", -9, 0, true, false}, {"a", 4, 5, true, false}, {"a", 4, 6, true, true}},
		"of a clock that leads": {{"a", 900, 0, true, false}, {"a", 900, 5, true, true}},
	} {
		var s steady
		for i, r := range readings {
			var modified time.Time
			if r.known {
				modified = at(r.modified)
			}
			if got := s.read([]byte(r.data), modified, at(r.at)); got != r.wantSteady {
				t.Errorf("%s, reading %d: %v", name, i+1, got)
			}
		}
	}
}
