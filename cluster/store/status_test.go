package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
	"maelstrom/project"
)

// longStatus has what one of a large project in a deep folder may have.
func longStatus(n int) cluster.ProjectStatus {
	s := cluster.ProjectStatus{
		Source: "git", Path: fmt.Sprintf("%s/%03d/maelstrom.yml", strings.Repeat("tief/🌪", 30), n), Project: fmt.Sprint("p", n),
		Digest: digest(fmt.Sprint(n)), Attempted: "c0ffee", LastGood: "beef", Applied: int64(n), Warnings: 3,
		Conditions: []cluster.Condition{{Type: cluster.ConditionSynced, Status: cluster.StatusFalse, Reason: cluster.ReasonParseError,
			Message: strings.Repeat("line 3: 'quoted' \\ % ? $1 \x00 ", 50), LastTransition: time.Unix(1, 0).UTC()}},
		Problems: []project.Problem{{Message: strings.Repeat("no YAML ", 500)}},
	}
	for i := range 40 {
		s.Files = append(s.Files, fmt.Sprintf("%s/file-%d", strings.Repeat("tief/", 20), i))
	}
	return s
}

func TestStatusesOfManyProjects(t *testing.T) {
	onEachDirectly(t, func(t *testing.T, d database, s *Store) {
		declare(t, s, "git")
		hold := take(t, s, "reconcile/git", "a")
		source := cluster.SourceStatus{Source: "git", Revision: "c0ffee", Projects: 500, Removals: []string{strings.Repeat("r", 100_000)}}
		w := cluster.StatusWrite{Hold: &hold, Source: &source}
		for n := range 500 {
			w.Put = append(w.Put, longStatus(n))
			w.Events = append(w.Events, cluster.Event{Kind: cluster.EventFailed, Source: "git", Project: fmt.Sprint("p", n)})
		}
		before := number(t, s)
		n, err := s.WriteSourceStatus(t.Context(), w)
		must(t, err)
		cs, err := s.Changes(t.Context(), before)
		must(t, err)
		if cs.Full || cs.Number != n || len(cs.ProjectStatuses) != 500 {
			t.Fatalf("%d statuses, number %d", len(cs.ProjectStatuses), cs.Number)
		}
		for i := range w.Put {
			if diff := cmp.Diff(&w.Put[i], cs.ProjectStatuses[w.Put[i].Key()]); diff != "" {
				t.Fatal(diff)
			}
		}
		if diff := cmp.Diff(&source, cs.SourceStatuses["git"]); diff != "" {
			t.Fatal(diff)
		}
		if len(events(t, s, cluster.EventQuery{Source: "git", Kinds: []cluster.EventKind{cluster.EventFailed}})) != 500 {
			t.Fatal("events are missing")
		}
		checkSomeStatuses(t, s, hold, w.Put)
	})
}

// checkSomeStatuses changes one status and removes another.
func checkSomeStatuses(t *testing.T, s *Store, hold cluster.Hold, stored []cluster.ProjectStatus) {
	t.Helper()
	before := number(t, s)
	changed := stored[7]
	changed.LastGood = "c0ffee"
	_, err := s.WriteSourceStatus(t.Context(), cluster.StatusWrite{Hold: &hold, Put: []cluster.ProjectStatus{changed}, Remove: []string{stored[8].Key(), "git never"}})
	must(t, err)
	cs, err := s.Changes(t.Context(), before)
	must(t, err)
	row, told := cs.ProjectStatuses[stored[8].Key()]
	if !told || row != nil || cs.ProjectStatuses[changed.Key()].LastGood != "c0ffee" || len(cs.SourceStatuses) != 0 {
		t.Fatalf("changes %+v", cs)
	}
	if got := len(all(t, s).ProjectStatuses); got != 499 {
		t.Fatalf("%d statuses are left", got)
	}
}

// A file that moves within a source gives its status up for another.
func TestStatusThatIsPutAndRemovedIsPut(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		declare(t, s, "git")
		status := longStatus(1)
		for range 2 {
			_, err := s.WriteSourceStatus(t.Context(), cluster.StatusWrite{Put: []cluster.ProjectStatus{status}, Remove: []string{status.Key()}})
			must(t, err)
		}
		if all(t, s).ProjectStatuses[status.Key()] == nil {
			t.Fatal("it is gone")
		}
	})
}

func TestLateHolderKeepsNothing(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		declare(t, s, "git")
		notifier(t, s, "chat")
		late, lateNotify := take(t, s, "reconcile/git", "a"), take(t, s, cluster.RoleNotify, "a")
		take(t, s, "reconcile/git", "b")
		take(t, s, cluster.RoleNotify, "b")
		before, told := all(t, s), len(events(t, s, cluster.EventQuery{}))
		_, err := s.WriteSourceStatus(t.Context(), cluster.StatusWrite{Hold: &late, Source: &cluster.SourceStatus{Source: "git"},
			Put: []cluster.ProjectStatus{longStatus(1)}, Events: []cluster.Event{{Kind: cluster.EventFailed}}})
		wantError(t, err, cluster.ErrFenced)
		row := cluster.ControlRow{Kind: cluster.ControlSource, Name: "git", Control: cluster.Control{Approved: "hash"}}
		_, err = s.PutControl(t.Context(), row, &late, cluster.Event{Kind: cluster.EventBrake})
		wantError(t, err, cluster.ErrFenced)
		wantError(t, s.WriteNotifierState(t.Context(), lateNotify, cluster.NotifierState{Name: "chat", Cursor: 9}), cluster.ErrFenced)
		if diff := cmp.Diff(before, all(t, s)); diff != "" {
			t.Fatal(diff)
		}
		states, err := s.NotifierStates(t.Context())
		must(t, err)
		if len(states) != 0 || len(events(t, s, cluster.EventQuery{})) != told {
			t.Fatalf("states %+v", states)
		}
	})
}

func TestStatusOfNoSource(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		_, err := s.WriteSourceStatus(t.Context(), cluster.StatusWrite{Source: &cluster.SourceStatus{Source: "git"}})
		wantError(t, err, cluster.ErrNotFound)
		_, err = s.WriteSourceStatus(t.Context(), cluster.StatusWrite{Put: []cluster.ProjectStatus{longStatus(1)}})
		wantError(t, err, cluster.ErrNotFound)
		row := cluster.ControlRow{Kind: cluster.ControlSource, Name: "git", Control: cluster.Control{Approved: "x"}}
		_, err = s.PutControl(t.Context(), row, nil)
		wantError(t, err, cluster.ErrNotFound)
		commits := s.Stats().Commits
		if n, err := s.WriteSourceStatus(t.Context(), cluster.StatusWrite{}); err != nil || n != number(t, s) || s.Stats().Commits != commits {
			t.Fatalf("nothing was written as change %d, %v", n, err)
		}
	})
}
