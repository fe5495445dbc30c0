package store

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func releasing(image string) *project.Component {
	c := component("p", "p_c", image)
	c.ReleaseCommand = []string{"migrate"}
	return c
}

// rollOut applies a project whose components containers see anew.
func rollOut(t *testing.T, s *Store, p *project.Project) {
	t.Helper()
	r := request(p)
	plan := r.Plan
	r.Plan = func(state cluster.ProjectState) (cluster.ProjectWrite, error) {
		w, err := plan(state)
		for i := range w.PutComponents {
			w.PutComponents[i].Restart = true
		}
		return w, err
	}
	_, err := s.ApplyProject(t.Context(), r)
	must(t, err)
}

func rowOf(t *testing.T, s *Store, name string) *cluster.ComponentRow {
	t.Helper()
	cs, err := s.Changes(t.Context(), 0)
	must(t, err)
	return cs.Components[name]
}

func reserved(t *testing.T, s *Store, hold cluster.Hold, r cluster.Run) cluster.Run {
	t.Helper()
	r.Node = "n"
	_, err := s.Reserve(t.Context(), hold, []cluster.Run{r})
	must(t, err)
	return r
}

func ended(t *testing.T, s *Store, r cluster.Run, state cluster.RunState) {
	t.Helper()
	_, err := s.StartRun(t.Context(), r.ID, nil)
	must(t, err)
	r.State, r.ExitCode, r.Message, r.Output = state, 3, "why", "output"
	_, err = s.FinishRelease(t.Context(), r, cluster.Event{Kind: cluster.EventRelease, Component: r.Component, Message: "released"})
	must(t, err)
}

func TestTheVersionBeforeRunsUntilTheNextIsReleased(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "n")
		apply1(t, s, projectOf("p", component("p", "p_c", "one")))
		if row := rowOf(t, s, "p_c"); row.Unreleased() || row.Held() || row.Current() != row {
			t.Fatalf("without a command: %+v", row)
		}
		rollOut(t, s, projectOf("p", releasing("two")))
		row := rowOf(t, s, "p_c")
		if !row.Unreleased() || row.Held() || row.Current().Spec.Image != "one" || row.Current().Version != 1 || row.Current().Effective == nil {
			t.Fatalf("kept %+v of %+v", row.Kept, row)
		}
		ended(t, s, reserved(t, s, hold, cluster.Run{ID: "r2", Kind: cluster.RunRelease, Component: "p_c", Version: 2}), cluster.RunFailed)
		versions, err := s.BumpComponents(t.Context(), []string{"p_c"}, "somebody")
		must(t, err)
		if row := rowOf(t, s, "p_c"); row.Version != versions["p_c"] || row.Current().Spec.Image != "one" || !row.Unreleased() {
			t.Fatalf("after a failure and a restart: %+v", row)
		}
		ended(t, s, reserved(t, s, hold, cluster.Run{ID: "r3", Kind: cluster.RunRelease, Component: "p_c", Version: 3}), cluster.RunSucceeded)
		if row := rowOf(t, s, "p_c"); row.Unreleased() || row.Current() != row || row.Released != 3 || row.Kept.Spec.Image != "one" {
			t.Fatalf("released: %+v", row)
		}
		cs, err := s.Changes(t.Context(), 0)
		must(t, err)
		if len(cs.Runs) != 1 || cs.Runs["r3"] == nil {
			t.Fatalf("runs %v", cs.Runs)
		}
	})
}

func TestAReleaseOfAnotherVersionReleasesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "n")
		apply1(t, s, projectOf("p", releasing("one")))
		if row := rowOf(t, s, "p_c"); !row.Held() || row.Current() != row {
			t.Fatalf("the first version: %+v", row)
		}
		late := reserved(t, s, hold, cluster.Run{ID: "r1", Kind: cluster.RunRelease, Component: "p_c", Version: 1})
		rollOut(t, s, projectOf("p", releasing("two")))
		ended(t, s, late, cluster.RunSucceeded)
		if row := rowOf(t, s, "p_c"); !row.Held() {
			t.Fatalf("released by another: %+v", row)
		}
		second := reserved(t, s, hold, cluster.Run{ID: "r2", Kind: cluster.RunRelease, Component: "p_c", Version: 2})
		_, err := s.Reserve(t.Context(), hold, []cluster.Run{{ID: "r9", Kind: cluster.RunRelease, Component: "p_c", Version: 2, Node: "n"}})
		wantError(t, err, cluster.ErrConflict)
		apply1(t, s, projectOf("p"))
		_, err = s.StartRun(t.Context(), second.ID, nil)
		wantError(t, err, cluster.ErrConflict)
		if cs, err := s.Changes(t.Context(), 0); err != nil || len(cs.Runs) != 0 {
			t.Fatalf("runs of a component that is gone: %v, %v", cs.Runs, err)
		}
	})
}

func TestARunIsStartedOnceAndOnlyByTheHolder(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "n")
		reserved(t, s, hold, cluster.Run{ID: "r", Kind: cluster.RunCommand, Component: "p_c", Version: 1, MemoryMiB: 5})
		late := take(t, s, cluster.RoleStart("p_c"), "a")
		now := take(t, s, cluster.RoleStart("p_c"), "b")
		_, err := s.StartRun(t.Context(), "r", &late)
		wantError(t, err, cluster.ErrFenced)
		before, err := s.ChangeNumber(t.Context())
		must(t, err)
		_, err = s.StartRun(t.Context(), "r", &now)
		must(t, err)
		_, err = s.StartRun(t.Context(), "r", &now)
		wantError(t, err, cluster.ErrConflict)
		cs, err := s.Changes(t.Context(), before)
		must(t, err)
		if r := cs.Runs["r"]; r == nil || r.State != cluster.RunStarted || r.MemoryMiB != 5 || r.StartedAt.IsZero() {
			t.Fatalf("changes %+v", cs.Runs)
		}
		for range 2 {
			_, err = s.EndRun(t.Context(), "r")
			must(t, err)
		}
		if cs, err = s.Changes(t.Context(), cs.Number); err != nil || len(cs.Runs) != 1 || cs.Runs["r"] != nil {
			t.Fatalf("changes %+v, %v", cs.Runs, err)
		}
	})
}

func TestFiringsOfADaemonThatStoppedAreClosed(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RoleCron, "a")
		due := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for _, f := range []cluster.Firing{firing(0, due), firing(0, due.Add(time.Minute)), firing(1, due)} {
			if ok, err := s.ClaimFiring(t.Context(), hold, f); err != nil || !ok {
				t.Fatalf("claim: %v, %v", ok, err)
			}
		}
		done := firing(0, due)
		done.FinishedAt, done.Status = due.Add(time.Hour), 200
		must(t, s.FinishFiring(t.Context(), done))
		open, err := s.OpenFirings(t.Context(), digest("key"), 0)
		must(t, err)
		if len(open) != 1 || open[0] != firing(0, due.Add(time.Minute)) {
			t.Fatalf("open %+v", open)
		}
		last, err := s.LastDue(t.Context())
		must(t, err)
		if !last[cluster.FiringID{Key: digest("key")}].Equal(due.Add(time.Minute)) || !last[cluster.FiringID{Key: digest("key"), Ordinal: 1}].Equal(due) {
			t.Fatalf("last due %v", last)
		}
		_, err = s.JoinNode(t.Context(), cluster.Node{ID: "b"})
		must(t, err)
		if open, err = s.OpenFirings(t.Context(), digest("key"), 0); err != nil || len(open) != 1 {
			t.Fatalf("another node has closed %+v, %v", open, err)
		}
		_, err = s.JoinNode(t.Context(), cluster.Node{ID: "a"})
		must(t, err)
		latest, err := s.LatestFirings(t.Context())
		must(t, err)
		if f := latest["es"]; !f.Due.Equal(due.Add(time.Minute)) || f.FinishedAt.IsZero() || f.Error != lostFiring {
			t.Fatalf("latest %+v", f)
		}
	})
}
