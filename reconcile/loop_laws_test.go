package reconcile

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// content is what is stored of every project, in words.
func (w *world) content() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	snap := w.snap()
	for name, row := range snap.Projects.All() {
		out[name] = row.Source
	}
	for name, row := range snap.Components.Sorted() {
		out[row.Spec.Project] += " " + name + "=" + row.Spec.Image
	}
	for name, row := range snap.EventSources.Sorted() {
		out[row.Spec.Project] += " " + name
	}
	return out
}

// stages are two states of a source that differ in everything: projects that
// come, go, are renamed, and change.
func stages() (old, new map[string]string) {
	old, new = map[string]string{}, map[string]string{}
	for i := range 8 {
		path, name := fmt.Sprintf("p%d/maelstrom.yml", i), fmt.Sprintf("p%d", i)
		old[path] = yml(name, "app:1", "web", "api")
		new[path] = yml(name, "app:2", "web", "new")
	}
	new["p1/maelstrom.yml"] = ""                                                                                // goes
	new["p2/maelstrom.yml"] = strings.ReplaceAll(yml("fresh", "app:2", "web"), "web.fresh.test", "web.p2.test") // is renamed
	new["p3/maelstrom.yml"], new["moved/maelstrom.yml"] = "", yml("p3", "app:2", "web", "new")                  // moves
	new["p4/maelstrom.yml"] = strings.ReplaceAll(yml("p4", "app:2", "web"), "web.p4.test", "web.p5.test")       // hosts swap
	new["p5/maelstrom.yml"] = strings.ReplaceAll(yml("p5", "app:2", "web"), "web.p5.test", "other.p5.test")
	return old, new
}

// Whatever call of the store fails, before or after its work: each project is
// wholly old or wholly new at every moment, and new in the end.
func TestAnyFailureLeavesProjectsWhollyOldOrNew(t *testing.T) {
	spec := cluster.Source{Name: "main", Brake: &cluster.Brake{Components: 100, Percent: 100}}
	var calls int
	var old, want map[string]string
	run := func(t *testing.T, failing int, after bool) {
		synctest.Test(t, func(t *testing.T) {
			before, files := stages()
			w := newWorld(t)
			repo := w.declare(spec)
			repo.push(before)
			n := w.start("a", true, ReconcilerOptions{})
			wait(2 * time.Second)
			old = w.content()
			repo.push(files)
			w.db.after = after
			made := 0
			w.db.failWith(func(string, int) error {
				if made++; made == failing {
					if got := w.content(); want != nil {
						whole(t, got, old, want)
					}
					return errTorn
				}
				return nil
			})
			must(t, n.Poke(t.Context(), "main"))
			wait(3 * time.Second)
			tick()
			got := w.content()
			if failing == 0 {
				calls, want = made, got
				return
			}
			if !maps.Equal(got, want) {
				t.Errorf("call %d, after its work %v: in the end %v, want %v", failing, after, got, want)
			}
			is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
			if got := w.events(cluster.EventFailed); len(got) > 0 {
				t.Errorf("call %d: told %q", failing, got)
			}
			w.noWrites("in the end", func() { wait(3 * time.Minute) })
		})
	}
	run(t, 0, false)
	if calls < 15 || len(want) != 7 || maps.Equal(old, want) {
		t.Fatalf("%d calls; %v, then %v", calls, old, want)
	}
	for failing := 1; failing <= calls; failing++ {
		run(t, failing, failing%2 == 0)
	}
}

// whole checks that each project is as it was or as it will be.
func whole(t *testing.T, got, old, want map[string]string) {
	t.Helper()
	for name, text := range got {
		if text != old[name] && text != want[name] {
			t.Errorf("project %s is %q, neither %q nor %q", name, text, old[name], want[name])
		}
	}
	for name := range old {
		if _, there := got[name]; !there && want[name] != "" {
			t.Errorf("project %s is gone", name)
		}
	}
}

// A database that is away is a state: nothing is told wrong, and all goes on
// when it is back.
func TestDatabaseAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n, repo := begun(t, cluster.Source{}, one("web:1"))
		repo.push(one("web:2"))
		w.db.failWith(func(string, int) error { return errTorn })
		wait(10 * time.Minute)
		if got := n.Stats()[0].Ready; got != cluster.StatusUnknown {
			t.Errorf("ready %s", got)
		}
		resolves, _ := repo.counts()
		if resolves > 60 {
			t.Errorf("%d looks in ten minutes", resolves)
		}
		w.db.failWith(nil)
		wait(6 * time.Minute)
		if w.image("shop_web") != "web:2" || n.Stats()[0].Ready != cluster.StatusTrue {
			t.Errorf("back: %s, %+v", w.image("shop_web"), n.Stats()[0])
		}
		if got := w.events(cluster.EventFailed); len(got) > 0 {
			t.Errorf("told %q", got)
		}
	})
}

// Files in another order of keys, or with defaults written out, are no change.
func TestReorderingIsNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{}, one("web:1"))
		row, _ := w.snap().Projects.Get("shop")
		text := "components:\n  web:\n    eventsources:\n      web-http: {http: {hostname: web.shop.test}}\n    maxconcurrency: 20\n    drainseconds: 30\n    image: web:1 # the same\nname: shop\n"
		repo.push(map[string]string{"maelstrom.yml": text})
		tick()
		after, _ := w.snap().Projects.Get("shop")
		if after.Revision != row.Revision {
			t.Errorf("revision %d became %d", row.Revision, after.Revision)
		}
		is(t, w.status("main", "maelstrom.yml").Conditions, cluster.ConditionSynced, cluster.StatusTrue, cluster.ReasonApplied)
		w.noWrites("settled", func() { wait(10 * time.Minute) })
	})
}

// Two nodes, one store: one looks, the other takes over, and what the first
// writes late is refused and counted.
func TestTwoNodesShareASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		repo := w.declare(cluster.Source{Name: "main"})
		repo.push(one("web:1"))
		a := w.start("a", false, ReconcilerOptions{})
		wait(2 * time.Second)
		b := w.start("b", false, ReconcilerOptions{})
		wait(2 * time.Second)
		if !a.Stats()[0].Held || b.Stats()[0].Held {
			t.Fatalf("held: %v, %v", a.Stats(), b.Stats())
		}
		// A webhook at the other node reaches the holder.
		repo.push(one("web:2"))
		must(t, b.Poke(t.Context(), "main"))
		wait(2 * time.Second)
		if w.image("shop_web") != "web:2" || len(w.events(cluster.EventSynced)) != 4 {
			t.Errorf("image %s, %q", w.image("shop_web"), w.events(cluster.EventSynced))
		}
		if err := a.Poke(t.Context(), "nothing"); err == nil {
			t.Error("poked a source that is not there")
		}
		a.stop()
		repo.push(one("web:3"))
		wait(5 * time.Second)
		if !b.Stats()[0].Held || w.image("shop_web") != "web:3" || len(w.events(cluster.EventSynced)) != 6 {
			t.Errorf("taken over: %+v, %s", b.Stats(), w.image("shop_web"))
		}
	})
}

func TestLateWriteOfAFormerHolderIsRefusedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		repo := w.declare(cluster.Source{Name: "main"})
		repo.push(one("web:1"))
		n := w.start("a", true, ReconcilerOptions{})
		wait(2 * time.Second)
		// Another node takes the role while this one does not hear of it.
		leases, err := w.db.Leases(t.Context())
		must(t, err)
		for _, l := range leases {
			if l.Role == cluster.RoleReconcile("main") {
				if _, ok, err := w.db.TakeLease(t.Context(), l, "b"); !ok || err != nil {
					t.Fatal(ok, err)
				}
			}
		}
		repo.push(one("web:2"))
		must(t, n.Poke(t.Context(), "main"))
		synctest.Wait()
		if w.image("shop_web") != "web:1" || n.Stats()[0].Refused != 1 || len(w.events(cluster.EventRefusedWrite)) != 1 {
			t.Errorf("image %s, %+v, %q", w.image("shop_web"), n.Stats(), w.events(cluster.EventRefusedWrite))
		}
	})
}
