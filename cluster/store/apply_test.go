package store

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
)

func TestApplyWritesChangesOnly(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		p := projectOf("shop", component("shop", "shop_web", "web:1"), component("shop", "shop_db", "db:1"),
			route("shop", "shop_r", "shop_web", "shop.example"))
		first := apply1(t, s, p)
		if first.Revision != 1 || first.Components["shop_web"] != 1 || first.Components["shop_db"] != 1 {
			t.Fatalf("first apply: %+v", first)
		}
		second := apply1(t, s, projectOf("shop", component("shop", "shop_web", "web:2"), component("shop", "shop_db", "db:1"),
			route("shop", "shop_r", "shop_web", "shop.example")))
		if second.Revision != 2 || len(second.Components) != 1 || second.Components["shop_web"] != 2 {
			t.Fatalf("second apply: %+v", second)
		}
		cs, err := s.Changes(t.Context(), first.ChangeNumber)
		must(t, err)
		if cs.Full || len(cs.Components) != 1 || cs.Components["shop_web"].Version != 2 || len(cs.EventSources) != 0 || len(cs.Projects) != 1 {
			t.Fatalf("changes of the second apply: %+v", cs)
		}
		if got := cs.Components["shop_web"]; got.Spec.HTTPPort != 0 || got.Effective.HTTPPort != project.DefaultHTTPPort {
			t.Fatalf("spec and effective are mixed up: %d, %d", got.Spec.HTTPPort, got.Effective.HTTPPort)
		}
		third := apply1(t, s, projectOf("shop", component("shop", "shop_db", "db:1")))
		cs, err = s.Changes(t.Context(), second.ChangeNumber)
		must(t, err)
		row, told := cs.Components["shop_web"]
		if !told || row != nil || cs.EventSources["shop_r"] != nil || cs.Number != third.ChangeNumber {
			t.Fatalf("changes of the third apply: %+v", cs)
		}
	})
}

func TestApplyKeepsAllFields(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		before, err := s.Now(t.Context())
		must(t, err)
		p := projectOf("p", component("p", "p_c", "image"), cron("p", "p_cron", "p_c", "@daily"))
		p.Components[0].Environment = []project.EnvVar{{Name: "TEXT", Value: "äöü 🌊 'quoted' \"double\" ? $1 \\ \n\ttab"}}
		declare(t, s, "git:main")
		req := request(p)
		req.Source, req.SourceRevision, req.Actor, req.RequestID = "git:main", "c0ffee", "anna", "request-1"
		result, err := s.ApplyProject(t.Context(), req)
		must(t, err)
		cs := all(t, s)
		row := cs.Projects["p"]
		if row.Source != "git:main" || row.SourceRevision != "c0ffee" || row.Revision != 1 || row.CreatedAt.Before(before) || row.ModifiedAt != row.CreatedAt {
			t.Fatalf("project row %+v, before %v", row, before)
		}
		if got := cs.Components["p_c"].Spec; !equalJSON(got, &p.Components[0]) {
			t.Fatalf("component %+v", got)
		}
		es := cs.EventSources["p_cron"]
		if !equalJSON(es.Spec, &p.EventSources[0]) || !es.Enabled || es.Version != 1 || es.CreatedAt.IsZero() {
			t.Fatalf("event source %+v", es)
		}
		if cs.Number != result.ChangeNumber || number(t, s) != cs.Number {
			t.Fatalf("numbers %d, %d, %d", cs.Number, result.ChangeNumber, number(t, s))
		}
		state, err := s.LoadProject(t.Context(), p)
		must(t, err)
		if len(state.Components) != 1 || len(state.EventSources) != 1 || state.Project == nil || len(state.Foreign) != 0 {
			t.Fatalf("state %+v", state)
		}
	})
}

func TestRequestIDIsServedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		req := request(projectOf("p", component("p", "p_c", "image:1")))
		req.RequestID = "one"
		first, err := s.ApplyProject(t.Context(), req)
		must(t, err)
		apply1(t, s, projectOf("p", component("p", "p_c", "image:2")))
		again, err := s.ApplyProject(t.Context(), req)
		must(t, err)
		if first.Replayed || !again.Replayed || again.Revision != first.Revision || again.Components["p_c"] != 1 || again.ChangeNumber < first.ChangeNumber {
			t.Fatalf("first %+v, again %+v", first, again)
		}
		if got := all(t, s).Components["p_c"].Spec.Image; got != "image:2" {
			t.Fatalf("the repeated request wrote %s", got)
		}
		req = request(projectOf("q", component("q", "q_c", "image:1")))
		req.RequestID = "one"
		other, err := s.ApplyProject(t.Context(), req)
		must(t, err)
		if other.Replayed {
			t.Fatal("another project's request was taken for a repeated one")
		}
	})
}

func TestConcurrentAppliesWithOneRequestIDWriteOnce(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		var wg sync.WaitGroup
		results := make([]cluster.ApplyResult, 6)
		for i := range results {
			store := d.open(t)
			wg.Go(func() {
				req := request(projectOf("p", component("p", "p_c", fmt.Sprint("image:", i))))
				req.RequestID = "one"
				var err error
				if results[i], err = store.ApplyProject(t.Context(), req); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		wrote := 0
		for _, r := range results {
			if !r.Replayed {
				wrote++
			}
		}
		if row := all(t, s).Components["p_c"]; wrote != 1 || row.Version != 1 {
			t.Fatalf("%d wrote, version %d", wrote, row.Version)
		}
	})
}

func TestConcurrentAppliesOfOneProjectAreOrdered(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		const writers, rounds = 4, 8
		var wg sync.WaitGroup
		for w := range writers {
			store := d.open(t)
			wg.Go(func() {
				for n := range rounds {
					p := projectOf("p", component("p", "p_c", fmt.Sprintf("image:%d-%d", w, n)))
					// Only a caller that gives up sees a conflict.
					_, err := store.ApplyProject(t.Context(), request(p))
					for errors.Is(err, cluster.ErrConflict) {
						_, err = store.ApplyProject(t.Context(), request(p))
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		cs := all(t, s)
		if got := cs.Components["p_c"].Version; got != writers*rounds || cs.Projects["p"].Revision != writers*rounds {
			t.Fatalf("version %d, revision %d after %d changes", got, cs.Projects["p"].Revision, writers*rounds)
		}
		revisions, err := s.Revisions(t.Context(), "p", 100)
		must(t, err)
		for i, r := range revisions {
			if r.Number != int64(len(revisions)-i) {
				t.Fatalf("revision %d at place %d", r.Number, i)
			}
		}
	})
}

func TestStalePlanIsAConflict(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("p", component("p", "p_c", "image:1")))
		for name, w := range map[string]cluster.ProjectWrite{
			"put":    {PutComponents: []cluster.ComponentWrite{{Spec: component("p", "p_c", "image:2"), Version: 7}}},
			"remove": {RemoveComponents: []cluster.ObjectVersion{{Name: "p_c", Version: 7}}},
			"insert": {PutComponents: []cluster.ComponentWrite{{Spec: component("p", "p_c", "image:2")}}},
			"event source": {PutEventSources: []cluster.EventSourceWrite{
				{Spec: route("p", "p_r", "p_c", "h"), Version: 3}}},
			"remove event source": {RemoveEventSources: []cluster.ObjectVersion{{Name: "p_r", Version: 3}}},
		} {
			before := number(t, s)
			req := request(projectOf("p"))
			req.Plan = func(cluster.ProjectState) (cluster.ProjectWrite, error) { return w, nil }
			if _, err := s.ApplyProject(t.Context(), req); !errors.Is(err, cluster.ErrConflict) {
				t.Errorf("%s: error %v", name, err)
			}
			if number(t, s) != before || all(t, s).Components["p_c"].Version != 1 {
				t.Errorf("%s: something was written", name)
			}
		}
	})
}

func TestPlanIsRefusedAsItSays(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		calls := 0
		req := request(projectOf("p"))
		req.Plan = func(cluster.ProjectState) (cluster.ProjectWrite, error) {
			calls++
			return cluster.ProjectWrite{}, fmt.Errorf("owned by a source: %w", cluster.ErrConflict)
		}
		_, err := s.ApplyProject(t.Context(), req)
		if err == nil || err.Error() != "owned by a source: version conflict" || calls != 1 {
			t.Fatalf("error %v after %d calls", err, calls)
		}
	})
}

func TestEmptyPlanWritesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		p := projectOf("p", component("p", "p_c", "image"))
		first := apply1(t, s, p)
		commits := s.Stats().Commits
		req := request(p)
		req.RequestID, req.SourceRevision = "again", "another commit"
		second, err := s.ApplyProject(t.Context(), req)
		must(t, err)
		if second.Revision != 1 || second.ChangeNumber != first.ChangeNumber || s.Stats().Commits != commits {
			t.Fatalf("second %+v, %d commits", second, s.Stats().Commits-commits)
		}
		if _, err := s.ApplyProject(t.Context(), removeRequest("unknown")); err != nil || s.Stats().Commits != commits {
			t.Fatalf("removing an unknown project: %v", err)
		}
	})
}

func TestTakingOverAnUnchangedProjectIsAChange(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		p := projectOf("p", component("p", "p_c", "image"))
		apply1(t, s, p)
		declare(t, s, "git:main")
		req := request(p)
		req.Source = "git:main"
		result, err := s.ApplyProject(t.Context(), req)
		must(t, err)
		cs := all(t, s)
		if result.Revision != 2 || cs.Projects["p"].Source != "git:main" || cs.Components["p_c"].Version != 1 {
			t.Fatalf("result %+v, project %+v", result, cs.Projects["p"])
		}
	})
}

func TestRemovedProjectLeavesNothingButItsHistory(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		p := projectOf("p", component("p", "p_a", "image:1"), component("p", "p_b", "image:1"), route("p", "p_r", "p_a", "host"))
		before := apply1(t, s, p)
		apply1(t, s, projectOf("p", component("p", "p_a", "image:2"), component("p", "p_b", "image:1"), route("p", "p_r", "p_a", "host")))
		result, err := s.ApplyProject(t.Context(), removeRequest("p"))
		must(t, err)
		cs := all(t, s)
		if len(cs.Components)+len(cs.EventSources)+len(cs.Projects) != 0 || result.Revision != 3 {
			t.Fatalf("left %+v, result %+v", cs, result)
		}
		if cs, err := s.Changes(t.Context(), before.ChangeNumber); err != nil || len(cs.Components) != 2 || cs.Projects["p"] != nil {
			t.Fatalf("changes %+v, %v", cs, err)
		}
		// Names and routes are free for others.
		apply1(t, s, projectOf("q", component("q", "p_b", "image"), route("q", "p_r", "p_b", "host")))
		// A name that returns goes on from its last version, and so does the history.
		again := apply1(t, s, projectOf("p", component("p", "p_a", "image:3")))
		if again.Components["p_a"] != 3 || again.Revision != 4 {
			t.Fatalf("again %+v", again)
		}
		if got := all(t, s).Components["p_b"].Version; got != 2 {
			t.Fatalf("version of a reused name %d", got)
		}
	})
}

func TestApplyUnderAFence(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		declare(t, s, "git")
		hold := take(t, s, "reconcile/git", "a")
		req := request(projectOf("p", component("p", "p_c", "image")))
		req.Hold, req.Source = &hold, "git"
		if _, err := s.ApplyProject(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		take(t, s, "reconcile/git", "b")
		late := request(projectOf("p", component("p", "p_c", "image:late")))
		late.Hold, late.Source = &hold, "git"
		_, err := s.ApplyProject(t.Context(), late)
		wantError(t, err, cluster.ErrFenced)
		if got := all(t, s).Components["p_c"].Spec.Image; got != "image" {
			t.Fatalf("a late write stored %s", got)
		}
	})
}
