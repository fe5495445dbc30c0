package store

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
	"maelstrom/project"
)

func isConflict(err error) bool { return errors.Is(err, cluster.ErrConflict) }

// gitRequest is an apply as the loop of a source makes it.
func gitRequest(p *project.Project, hold *cluster.Hold) cluster.ApplyRequest {
	req := request(p)
	req.Source, req.SourceRevision, req.Actor, req.Hold = "git", "c0ffee", "source git", hold
	req.Status = &cluster.ProjectStatus{Source: "git", Path: "maelstrom.yml", Project: p.Name, LastGood: "c0ffee", Applied: 99}
	req.Event = cluster.Event{Message: "1 added", Details: []byte(`{"path":"maelstrom.yml"}`)}
	return req
}

func TestApplyTellsOfItself(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		declare(t, s, "git")
		hold := take(t, s, "reconcile/git", "a")
		req := gitRequest(projectOf("p", component("p", "p_c", "image")), &hold)
		req.Control = &cluster.ControlRow{Kind: cluster.ControlProject, Name: "p", Control: cluster.Control{Pinned: &cluster.Pin{Revision: 1}}}
		result, err := s.ApplyProject(t.Context(), req)
		must(t, err)
		cs := all(t, s)
		if status := cs.ProjectStatuses["git maelstrom.yml"]; status == nil || status.Applied != result.Revision || status.LastGood != "c0ffee" || req.Status.Applied != 99 {
			t.Fatalf("status %+v", status)
		}
		if control := cs.Controls["project p"]; control == nil || control.Control.Pinned.Revision != 1 {
			t.Fatalf("control %+v", control)
		}
		found, err := s.Events(t.Context(), cluster.EventQuery{Project: "p"})
		must(t, err)
		if len(found) != 1 {
			t.Fatalf("events %+v", found)
		}
		want := cluster.Event{ID: found[0].ID, Time: found[0].Time, Kind: cluster.EventSynced, Severity: cluster.EventInfo, Source: "git", Project: "p",
			Revision: "c0ffee", Actor: "source git", Message: "1 added", Details: []byte(`{"path":"maelstrom.yml"}`)}
		if diff := cmp.Diff(want, found[0]); diff != "" {
			t.Fatal(diff)
		}
		// What writes nothing tells nothing.
		before := number(t, s)
		_, err = s.ApplyProject(t.Context(), gitRequest(projectOf("p", component("p", "p_c", "image")), &hold))
		must(t, err)
		if number(t, s) != before {
			t.Fatal("an apply of nothing was written")
		}
	})
}

func TestKindsOfApplies(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("p", component("p", "p_c", "image:1")))
		back := request(projectOf("p", component("p", "p_c", "image:0")))
		back.Kind = cluster.RevisionRollback
		_, err := s.ApplyProject(t.Context(), back)
		must(t, err)
		own := request(projectOf("p", component("p", "p_c", "image:2")))
		own.Event.Kind, own.Event.Severity = cluster.EventDrift, cluster.EventWarning
		_, err = s.ApplyProject(t.Context(), own)
		must(t, err)
		row, err := s.PutControl(t.Context(), suspended("p", "why"), nil)
		must(t, err)
		_, err = s.ApplyProject(t.Context(), removeRequest("p"))
		must(t, err)
		found, err := s.Events(t.Context(), cluster.EventQuery{Project: "p"})
		must(t, err)
		var kinds []cluster.EventKind
		for _, e := range found {
			kinds = append(kinds, e.Kind)
		}
		if diff := cmp.Diff([]cluster.EventKind{cluster.EventApplied, cluster.EventRolledBack, cluster.EventDrift, cluster.EventRemoved}, kinds); diff != "" {
			t.Fatal(diff)
		}
		if string(found[0].Details) != `{"revision":1}` || found[3].Message != "removed" || found[2].Severity != cluster.EventWarning {
			t.Fatalf("%+v", found)
		}
		// A project takes its control along, unless it is to stay.
		if left := all(t, s).Controls; len(left) != 0 {
			t.Fatalf("controls %+v after version %d", left, row.Version)
		}
		apply1(t, s, projectOf("p", component("p", "p_c", "image:3")))
		keep := removeRequest("p")
		stay := suspended("p", "gone on purpose")
		keep.Control = &stay
		_, err = s.ApplyProject(t.Context(), keep)
		must(t, err)
		if left := all(t, s).Controls["project p"]; left == nil || left.Control.Suspended.Reason != "gone on purpose" {
			t.Fatalf("control %+v", left)
		}
	})
}

// Whatever refuses an apply takes back what it tells.
func TestRefusedApplyTellsNothing(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		declare(t, s, "git")
		late := take(t, s, "reconcile/git", "a")
		hold := take(t, s, "reconcile/git", "b")
		before, told := all(t, s), len(events(t, s, cluster.EventQuery{}))
		p := projectOf("p", component("p", "p_c", "image"))
		fenced := gitRequest(p, &late)
		stale := gitRequest(p, &hold)
		stale.Control = &cluster.ControlRow{Kind: cluster.ControlProject, Name: "p", Version: 7, Control: cluster.Control{Approved: "x"}}
		orphan := gitRequest(p, nil)
		orphan.Source = "gone"
		for want, req := range map[error]cluster.ApplyRequest{cluster.ErrFenced: fenced, cluster.ErrConflict: stale, cluster.ErrNotFound: orphan} {
			_, err := s.ApplyProject(t.Context(), req)
			wantError(t, err, want)
			if diff := cmp.Diff(before, all(t, s)); diff != "" {
				t.Fatalf("%v:\n%s", want, diff)
			}
			if n := len(events(t, s, cluster.EventQuery{})); n != told {
				t.Fatalf("%v: %d events more", want, n-told)
			}
		}
	})
}

func TestRepeatedApplyTellsOnce(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		req := request(projectOf("p", component("p", "p_c", "image")))
		req.RequestID = "once"
		for range 3 {
			_, err := s.ApplyProject(t.Context(), req)
			must(t, err)
		}
		if told := events(t, s, cluster.EventQuery{Project: "p"}); len(told) != 1 {
			t.Fatalf("events %q", told)
		}
	})
}
