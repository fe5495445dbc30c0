package reconcile

import (
	"testing"
	"testing/synctest"

	"maelstrom/cluster"
)

// What was kept under one policy goes under another, though no file changed.
func TestChangedPrunePolicyIsPlannedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		repo := w.declare(cluster.Source{Name: "main", Prune: cluster.PruneNever})
		repo.push(map[string]string{"maelstrom.yml": yml("shop", "web:1", "web", "api", "job")})
		w.start("a", true, ReconcilerOptions{})
		tick()
		repo.push(map[string]string{"maelstrom.yml": yml("shop", "web:1", "web", "api")})
		tick()
		if w.image("shop_job") == "" {
			t.Fatal("removed though the policy is never")
		}
		w.declare(cluster.Source{Name: "main"})
		tick()
		if w.image("shop_job") != "" {
			t.Error("kept though the policy is auto")
		}
	})
}

// Conditions that are written anyway speak of the revision that was looked at.
func TestConditionsFollowTheRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		repo := w.declare(cluster.Source{Name: "main"})
		w.start("a", true, ReconcilerOptions{})
		repo.push(one("web:1"))
		tick()
		head := repo.push(one("web:2"))
		tick()
		for _, list := range [][]cluster.Condition{w.source("main").Conditions, w.status("main", "maelstrom.yml").Conditions} {
			for _, c := range list {
				if c.ObservedRevision != head {
					t.Errorf("%s speaks of %s, not of %s", c.Type, c.ObservedRevision, head)
				}
			}
		}
	})
}

// Going to an earlier commit by hand, or to another branch, rewrites nothing.
func TestRedirectionIsNoRewrittenHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		repo := w.declare(cluster.Source{Name: "main"})
		w.start("a", true, ReconcilerOptions{})
		first := repo.push(one("web:1"))
		tick()
		repo.push(one("web:2"))
		tick()
		w.sync("main", first)
		tick()
		w.declare(cluster.Source{Name: "main", Git: &cluster.GitSource{URL: "https://git.test/main", Ref: "other"}})
		repo.commit("", one("web:3"))
		tick()
		if w.image("shop_web") != "web:3" {
			t.Errorf("image %s", w.image("shop_web"))
		}
		if told := w.events(cluster.EventHistoryRewritten); len(told) > 0 {
			t.Errorf("told %q", told)
		}
	})
}
