package reconcile

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// An ignore file that can't be read freezes its directory: what was there
// stays, all else goes on.
func TestBrokenIgnoreFileFreezesItsDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := mono(10)
		files["apps/shop/maelstrom.yml"] = yml("shop", "web:1", "web")
		w, n, repo := begun(t, cluster.Source{}, files)
		repo.push(map[string]string{
			"apps/.maelignore":        "-> ../elsewhere",
			"apps/shop/maelstrom.yml": yml("shop", "web:2", "web"),
			"p001/maelstrom.yml":      yml("p001", "app:2", "web"),
			"p002/maelstrom.yml":      "", // which may have moved to where nobody can look
		})
		tick()
		if w.image("shop_web") != "web:1" || w.image("p001_web") != "app:2" || w.image("p002_web") != "app:1" {
			t.Errorf("images %q, %q, %q", w.image("shop_web"), w.image("p001_web"), w.image("p002_web"))
		}
		for _, path := range []string{"apps/.maelignore", "apps/shop/maelstrom.yml"} {
			s := w.status("main", path)
			if c, _ := conditionOf(s.Conditions, cluster.ConditionStalled); c.Status != cluster.StatusTrue || !strings.Contains(c.Message, "symbolic link to ../elsewhere") {
				t.Errorf("%s: %+v", path, c)
			}
		}
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusFalse, cluster.ReasonProjectsFailing)
		n.stop()
		w.noWrites("restart", func() { w.start("a", true, ReconcilerOptions{}); wait(10 * time.Minute) })
		repo.push(map[string]string{"apps/.maelignore": "other"})
		tick()
		if w.image("shop_web") != "web:2" || w.image("p002_web") != "" {
			t.Errorf("mended: %q, %q", w.image("shop_web"), w.image("p002_web"))
		}
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
		if _, left := w.snap().ProjectStatuses.Get(cluster.ProjectStatusKey("main", "apps/.maelignore")); left {
			t.Error("the ignore file is still known")
		}
	})
}
