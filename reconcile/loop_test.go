package reconcile

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// The life of a source: found, applied, changed by a commit, quiet after it,
// the same after a restart, gone.
func TestLifeOfASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		repo := w.declare(cluster.Source{Name: "main"})
		first := repo.push(map[string]string{"shop/maelstrom.yml": yml("shop", "web:1", "web", "api"), "blog/maelstrom.yml": yml("blog", "blog:1", "web")})
		n := w.start("a", true, ReconcilerOptions{})
		wait(2 * time.Second)

		if got := strings.Join(w.projects(), " "); got != "blog shop" {
			t.Fatalf("projects %q", got)
		}
		row, _ := w.snap().Projects.Get("shop")
		if row.Source != "main" || row.SourceRevision != first {
			t.Errorf("row %+v", row)
		}
		source := w.source("main")
		if source.Revision != first || source.Projects != 2 || source.Failing != 0 || source.Subject != "change "+first || source.SyncedAt.IsZero() || source.Spec == 0 {
			t.Errorf("source %+v", source)
		}
		is(t, source.Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
		is(t, source.Conditions, cluster.ConditionStalled, cluster.StatusFalse, cluster.ReasonFetched)
		is(t, source.Conditions, cluster.ConditionVerified, cluster.StatusUnknown, cluster.ReasonFetched)
		shop := w.status("main", "shop/maelstrom.yml")
		if shop.Project != "shop" || shop.LastGood != first || shop.Attempted != first || shop.Applied != 1 || shop.Digest == "" {
			t.Errorf("status %+v", shop)
		}
		is(t, shop.Conditions, cluster.ConditionSynced, cluster.StatusTrue, cluster.ReasonApplied)

		w.noWrites("nothing new", func() { wait(10 * time.Minute) })
		if _, fetches := repo.counts(); fetches != 1 {
			t.Errorf("%d fetches of one revision", fetches)
		}

		second := repo.push(map[string]string{"shop/maelstrom.yml": yml("shop", "web:2", "web", "api")})
		tick()
		if w.image("shop_web") != "web:2" || w.status("main", "shop/maelstrom.yml").LastGood != second {
			t.Errorf("after a commit: %s, %+v", w.image("shop_web"), w.status("main", "shop/maelstrom.yml"))
		}
		if blog := w.status("main", "blog/maelstrom.yml"); blog.LastGood != first || blog.Attempted != first {
			t.Errorf("an untouched project was written: %+v", blog)
		}
		if got := w.source("main").Revision; got != second {
			t.Errorf("seen up to %s, want %s", got, second)
		}
		n.stop()
		w.noWrites("restart", func() { n = w.start("a", true, ReconcilerOptions{}); wait(10 * time.Minute) })

		if _, err := w.db.DeleteSource(t.Context(), cluster.Deletion{Name: "main", Actor: "ann"}); err != nil {
			t.Fatal(err)
		}
		tick()
		if got := len(n.Stats()); got != 0 || len(w.projects()) != 2 {
			t.Errorf("%d sources, projects %v", got, w.projects())
		}
	})
}

func TestTriggersMakeALookAtOnce(t *testing.T) {
	for name, trigger := range map[string]func(*world, *node, *pushed){
		"poke":  func(w *world, n *node, _ *pushed) { must(w.t, n.Poke(w.t.Context(), "main")) },
		"watch": func(_ *world, _ *node, r *pushed) { r.hint <- struct{}{} },
		"sync":  func(w *world, _ *node, _ *pushed) { w.sync("main", "") },
		"spec":  func(w *world, _ *node, _ *pushed) { w.declare(cluster.Source{Name: "main", IntervalSeconds: 3600}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				repo := w.declare(cluster.Source{Name: "main", IntervalSeconds: 1800})
				repo.push(map[string]string{"maelstrom.yml": yml("shop", "web:1", "web")})
				n := w.start("a", true, ReconcilerOptions{})
				wait(5 * time.Minute)
				repo.push(map[string]string{"maelstrom.yml": yml("shop", "web:2", "web")})
				trigger(w, n, repo)
				wait(2 * time.Second) // a poll of the database, and a quiet moment
				if got := w.image("shop_web"); got != "web:2" {
					t.Errorf("image %s", got)
				}
				if stats := n.Stats()[0]; stats.Looks > 4 || !stats.Held || stats.Ready != cluster.StatusTrue || stats.Projects != 1 {
					t.Errorf("stats %+v", stats)
				}
			})
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
