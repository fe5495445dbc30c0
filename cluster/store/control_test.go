package store

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
)

func suspended(name, reason string) cluster.ControlRow {
	return cluster.ControlRow{Kind: cluster.ControlProject, Name: name,
		Control: cluster.Control{Suspended: &cluster.Suspension{Reason: reason, Actor: "anna", Since: time.Unix(1, 0).UTC()}}}
}

func TestControlIsKeptByVersion(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		first, err := s.PutControl(t.Context(), suspended("p", "grüße 🌪"), nil, cluster.Event{Kind: cluster.EventSuspended, Project: "p"})
		must(t, err)
		if diff := cmp.Diff(&first, all(t, s).Controls["project p"]); diff != "" || first.Version == 0 {
			t.Fatalf("%+v\n%s", first, diff)
		}
		_, err = s.PutControl(t.Context(), suspended("p", "again"), nil, cluster.Event{Kind: cluster.EventSuspended})
		wantError(t, err, cluster.ErrConflict)
		second := suspended("p", "again")
		second.Version = first.Version
		second, err = s.PutControl(t.Context(), second, nil)
		must(t, err)
		for _, version := range []int64{0, first.Version} {
			gone := cluster.ControlRow{Kind: cluster.ControlProject, Name: "p", Version: version}
			_, err = s.PutControl(t.Context(), gone, nil)
			wantError(t, err, cluster.ErrConflict)
		}
		before := number(t, s)
		gone := cluster.ControlRow{Kind: cluster.ControlProject, Name: "p", Version: second.Version}
		stored, err := s.PutControl(t.Context(), gone, nil, cluster.Event{Kind: cluster.EventResumed, Project: "p"})
		must(t, err)
		cs, err := s.Changes(t.Context(), before)
		must(t, err)
		if row, told := cs.Controls["project p"]; !told || row != nil || stored.Version != 0 {
			t.Fatalf("changes %+v, stored %+v", cs, stored)
		}
		if diff := cmp.Diff([]string{"suspended ", "resumed "}, events(t, s, cluster.EventQuery{Project: "p"})); diff != "" {
			t.Fatal(diff)
		}
		// Nothing is taken for what it was before.
		again, err := s.PutControl(t.Context(), suspended("p", "third"), nil)
		must(t, err)
		if again.Version <= second.Version {
			t.Fatalf("version %d after %d", again.Version, second.Version)
		}
		// To take away what is not there is nothing.
		_, err = s.PutControl(t.Context(), cluster.ControlRow{Kind: cluster.ControlProject, Name: "q"}, nil)
		must(t, err)
	})
}

func TestControlsOfManyAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		row, err := s.PutControl(t.Context(), suspended("p", "first"), nil)
		must(t, err)
		for name, version := range map[string]int64{"p": row.Version, "q": 0} {
			var wg sync.WaitGroup
			var won atomic.Int32
			for range 4 {
				store := d.open(t)
				wg.Go(func() {
					mine := suspended(name, "mine")
					mine.Version = version
					if _, err := store.PutControl(t.Context(), mine, nil); err == nil {
						won.Add(1)
					} else if !isConflict(err) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Errorf("%s: %d have won", name, won.Load())
			}
		}
	})
}

func TestStateOfAProjectHasItsControl(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		state, err := s.LoadProject(t.Context(), projectOf("p"))
		must(t, err)
		if want := (cluster.ControlRow{Kind: cluster.ControlProject, Name: "p"}); state.Control != want {
			t.Fatalf("none: %+v", state.Control)
		}
		row, err := s.PutControl(t.Context(), suspended("p", "why"), nil)
		must(t, err)
		state, err = s.LoadProject(t.Context(), projectOf("p"))
		must(t, err)
		if diff := cmp.Diff(row, state.Control); diff != "" {
			t.Fatal(diff)
		}
	})
}
