package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func TestUnknownKeysSurviveWritesThatKeepTheSpec(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("p", component("p", "p_c", "image"), route("p", "p_r", "p_c", "host")))
		_, err := s.writer.Exec(`update mael_component set spec = '{"name":"p_c","project":"p","image":"image","newer":{"a":1}}'`)
		must(t, err)
		_, err = s.writer.Exec(`update mael_event_source set spec = '{"name":"p_r","project":"p","component":"p_c","http":{"hostname":"host"},"newer":2}'`)
		must(t, err)
		c, e := storedSpecs(t, s)
		_, err = s.BumpComponents(t.Context(), []string{"p_c"}, "anna")
		must(t, err)
		_, err = s.SetEventSourcesEnabled(t.Context(), []string{"p_r"}, false)
		must(t, err)
		apply1(t, s, projectOf("p", component("p", "p_c", "image"), component("p", "p_d", "image"), route("p", "p_r", "p_c", "host")))
		if c2, e2 := storedSpecs(t, s); c2 != c || e2 != e {
			t.Fatalf("stored %s and %s", c2, e2)
		}
	})
}

func storedSpecs(t *testing.T, s *Store) (c, e string) {
	t.Helper()
	must(t, s.reader.QueryRow(`select spec from mael_component where name = 'p_c'`).Scan(&c))
	must(t, s.reader.QueryRow(`select spec from mael_event_source where name = 'p_r'`).Scan(&e))
	return c, e
}

func TestBumpComponents(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("p", component("p", "p_a", "image"), component("p", "p_b", "image")))
		apply1(t, s, projectOf("q", component("q", "q_a", "image")))
		before := all(t, s)
		versions, err := s.BumpComponents(t.Context(), []string{"q_a", "p_a", "q_a"}, "anna")
		must(t, err)
		if len(versions) != 2 || versions["p_a"] != 2 || versions["q_a"] != 2 {
			t.Fatalf("versions %v", versions)
		}
		cs, err := s.Changes(t.Context(), before.Number)
		must(t, err)
		if len(cs.Components) != 2 || cs.Components["p_a"].Version != 2 || !equalJSON(cs.Components["p_a"].Spec, before.Components["p_a"].Spec) {
			t.Fatalf("changes %+v", cs)
		}
		revisions, err := s.Revisions(t.Context(), "q", 1)
		must(t, err)
		if revisions[0].Actor != "anna" || revisions[0].Summary != "restarted q_a" || revisions[0].Number != 2 {
			t.Fatalf("history %+v", revisions[0])
		}
		_, err = s.BumpComponents(t.Context(), []string{"p_a", "unknown"}, "anna")
		wantError(t, err, cluster.ErrNotFound)
		if got := all(t, s).Components["p_a"].Version; got != 2 {
			t.Fatalf("version %d after a refused restart", got)
		}
	})
}

func TestConcurrentBumpsAllCount(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("p", component("p", "p_a", "image"), component("p", "p_b", "image")))
		var wg sync.WaitGroup
		for range 4 {
			store := d.open(t)
			wg.Go(func() {
				for range 3 {
					if _, err := store.BumpComponents(t.Context(), []string{"p_b", "p_a"}, "x"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if cs := all(t, s); cs.Components["p_a"].Version != 13 || cs.Components["p_b"].Version != 13 {
			t.Fatalf("versions %d and %d, want 13", cs.Components["p_a"].Version, cs.Components["p_b"].Version)
		}
	})
}

func TestEnableAndDisable(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("p", component("p", "p_c", "image"), route("p", "p_r", "p_c", "host"), cron("p", "p_cron", "p_c", "@daily")))
		n, err := s.SetEventSourcesEnabled(t.Context(), []string{"p_r", "p_cron"}, false)
		must(t, err)
		cs := all(t, s)
		if cs.Number != n || cs.EventSources["p_r"].Enabled || cs.EventSources["p_cron"].Enabled {
			t.Fatalf("number %d, changes %+v", n, cs)
		}
		commits := s.Stats().Commits
		again, err := s.SetEventSourcesEnabled(t.Context(), []string{"p_r"}, false)
		must(t, err)
		if again != n || s.Stats().Commits != commits {
			t.Fatalf("disabling again wrote: %d, %d", again, n)
		}
		if _, err := s.SetEventSourcesEnabled(t.Context(), []string{"p_r"}, true); err != nil {
			t.Fatal(err)
		}
		cs, err = s.Changes(t.Context(), n)
		must(t, err)
		if len(cs.EventSources) != 1 || !cs.EventSources["p_r"].Enabled {
			t.Fatalf("changes %+v", cs)
		}
		// An apply keeps what an operator has disabled.
		apply1(t, s, projectOf("p", component("p", "p_c", "image"), route("p", "p_r", "p_c", "host"), cron("p", "p_cron", "p_c", "@hourly")))
		if all(t, s).EventSources["p_cron"].Enabled {
			t.Fatal("enabled by an apply")
		}
		_, err = s.SetEventSourcesEnabled(t.Context(), []string{"p_r", "unknown"}, false)
		wantError(t, err, cluster.ErrNotFound)
	})
}

func TestScheduleCountsFromWhenItWasStored(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		web := component("p", "p_c", "image")
		put := func(schedule, path string) time.Time {
			e := cron("p", "p_cron", "p_c", schedule)
			e.Cron.HTTP.Path = path
			apply1(t, s, projectOf("p", web, e))
			return all(t, s).EventSources["p_cron"].CreatedAt
		}
		first := put("@every 1m", "/a")
		if second := put("@every 1m", "/b"); second != first {
			t.Fatalf("another path moved the epoch from %v to %v", first, second)
		}
		if third := put("@every 2m", "/b"); !third.After(first) {
			t.Fatalf("another schedule kept the epoch %v", third)
		}
	})
}

func TestKeys(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		names := []string{
			strings.Repeat("a", maxKey), strings.Repeat("ä", 95) + "b", "🌊" + strings.Repeat("x", 180),
			"case", "Case", "CASE", "blank", "blank ", "blank  ", " blank", "e\u0301", "é", "tab\t", "per%cent", "under_score", "underXscore",
		}
		p := &project.Project{Name: "keys"}
		for _, n := range names {
			p.Components = append(p.Components, *component("keys", n, "image "+n))
		}
		apply1(t, s, p)
		cs := all(t, s)
		if len(cs.Components) != len(names) {
			t.Fatalf("%d components, want %d", len(cs.Components), len(names))
		}
		for _, n := range names {
			if got := cs.Components[n]; got == nil || got.Spec.Image != "image "+n {
				t.Fatalf("%q: %+v", n, got)
			}
		}
		versions, err := s.BumpComponents(t.Context(), []string{"case", "blank "}, "x")
		must(t, err)
		cs = all(t, s)
		for n, row := range cs.Components {
			if want := max(1, versions[n]); row.Version != want {
				t.Errorf("%q has version %d, want %d", n, row.Version, want)
			}
		}
		for _, bad := range []string{"", strings.Repeat("a", maxKey+1), strings.Repeat("ä", 96), "nul\x00", "\xff"} {
			_, err := s.ApplyProject(t.Context(), request(projectOf("bad", component("bad", bad, "image"))))
			if err == nil || errors.Is(err, cluster.ErrConflict) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	})
}

func TestTenThousandComponents(t *testing.T) {
	onEachDirectly(t, func(t *testing.T, d database, s *Store) {
		p := &project.Project{Name: "big"}
		for i := range 10_000 {
			p.Components = append(p.Components, *component("big", fmt.Sprintf("big_%05d", i), "image"))
		}
		first := apply1(t, s, p)
		p.Components[4711].Image = "image:2"
		second := apply1(t, s, p)
		if len(first.Components) != 10_000 || len(second.Components) != 1 {
			t.Fatalf("%d and %d components written", len(first.Components), len(second.Components))
		}
		cs, err := s.Changes(t.Context(), first.ChangeNumber)
		must(t, err)
		if len(cs.Components) != 1 || cs.Full {
			t.Fatalf("%d components changed", len(cs.Components))
		}
		if _, err := s.ApplyProject(t.Context(), removeRequest("big")); err != nil {
			t.Fatal(err)
		}
		if cs := all(t, s); len(cs.Components) != 0 {
			t.Fatalf("%d components left", len(cs.Components))
		}
	})
}
