package cluster

import (
	"maps"
	"slices"
	"testing"
	"time"

	"maelstrom/project"
)

// replacing is a version with one before it that is proven, changed.
func replacing(change func(*ComponentRow)) *ComponentRow {
	row := componentRow("c", 7, 0)
	row.RestartVersion, row.Proven = 7, 5
	row.Kept = componentRow("c", 5, 2)
	row.Kept.RestartVersion, row.Kept.Proven = 5, 5
	change(row)
	return row
}

func TestWhatRunsDuringARollout(t *testing.T) {
	for name, c := range map[string]struct {
		change                   func(*ComponentRow)
		gated, unproven, rolling bool
		kept                     bool // is what runs
	}{
		"replaces a proven one":      {func(*ComponentRow) {}, true, true, true, false},
		"failed":                     {func(r *ComponentRow) { r.Failed = &RolloutFailure{} }, false, true, false, true},
		"failed, to be tried again":  {func(r *ComponentRow) { r.Failed = &RolloutFailure{RetryAt: time.Unix(9, 0)} }, false, true, true, true},
		"tried again":                {func(r *ComponentRow) { r.Tries = 3 }, true, true, true, false},
		"proven":                     {func(r *ComponentRow) { r.Proven, r.Kept = 7, nil }, false, false, false, false},
		"the first":                  {func(r *ComponentRow) { r.Proven, r.Kept = 0, nil }, false, true, false, false},
		"after one that never ran":   {func(r *ComponentRow) { r.Proven, r.Kept.Proven = 0, 0 }, false, true, false, false},
		"waits for its release":      {func(r *ComponentRow) { r.Spec.ReleaseCommand = []string{"x"} }, false, true, false, true},
		"released":                   {func(r *ComponentRow) { r.Spec.ReleaseCommand, r.Released = []string{"x"}, 7 }, true, true, true, false},
		"seen by no container since": {func(r *ComponentRow) { r.Version = 9 }, true, true, true, false},
	} {
		row := replacing(c.change)
		if row.Gated() != c.gated || row.Unproven() != c.unproven || (row.Kept != nil && row.Current() == row.Kept) != c.kept {
			t.Errorf("%s: gated %v, unproven %v, %d runs", name, row.Gated(), row.Unproven(), row.Current().Version)
		}
		s := NewSnapshot().With(ChangeSet{Full: true, Number: 1, Components: map[string]*ComponentRow{"c": row}})
		if _, rolling := s.Rolling.Get("c"); rolling != c.rolling {
			t.Errorf("%s: rolling %v", name, rolling)
		}
		if minimum, _ := s.Minimum.Get("c"); (minimum == 2) != c.kept {
			t.Errorf("%s: a minimum of %d", name, minimum)
		}
	}
}

func TestHoursAreThoseOfWhatRuns(t *testing.T) {
	hours := []project.AwakeWindow{{Cron: "@daily", ForSeconds: 60}}
	declared := replacing(func(r *ComponentRow) { r.Effective.Awake = hours })
	failed := replacing(func(r *ComponentRow) { r.Effective.Awake, r.Failed = hours, &RolloutFailure{} })
	kept := replacing(func(r *ComponentRow) { r.Kept.Effective.Awake, r.Failed = hours, &RolloutFailure{} })
	s := NewSnapshot().With(ChangeSet{Full: true, Number: 1, Components: map[string]*ComponentRow{"declared": declared, "failed": failed, "kept": kept}})
	if got := slices.Sorted(maps.Keys(maps.Collect(s.Awake.All()))); !slices.Equal(got, []string{"declared", "kept"}) {
		t.Fatalf("%v", got)
	}
	s = s.With(ChangeSet{Number: 2, Components: map[string]*ComponentRow{"declared": nil, "failed": declared, "kept": failed}})
	if got := slices.Sorted(maps.Keys(maps.Collect(s.Awake.All()))); !slices.Equal(got, []string{"failed"}) {
		t.Fatalf("%v after a change", got)
	}
}
