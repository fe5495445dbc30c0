package reconcile

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// A tick at which nothing is new, with 500 projects and 10,000 components.
func BenchmarkNoopTick(b *testing.B) {
	w := newWorld(b)
	repo := w.declare(cluster.Source{Name: "main"})
	files := map[string]string{}
	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprintf("c%02d", i)
	}
	for i := range 500 {
		files[fmt.Sprintf("p%03d/maelstrom.yml", i)] = yml(fmt.Sprintf("p%03d", i), "app:1", names...)
	}
	repo.push(files)
	n := w.start("a", true, ReconcilerOptions{})
	for len(n.Stats()) == 0 || n.Stats()[0].LookedAt.IsZero() {
		<-time.After(10 * time.Millisecond)
	}
	n.stop()
	l := &loop{
		Reconciler: n.Reconciler, source: "main", hold: cluster.Hold{Role: "reconcile/main", Holder: "a", Fence: 1},
		log: n.log, watch: newSourceWatch("main"), started: time.Now(), blockers: map[string][]string{}, suspicion: map[string]time.Time{},
	}
	must(b, l.look(b.Context()))
	b.ResetTimer()
	for range b.N {
		must(b, l.look(b.Context()))
	}
	if _, fetches := repo.counts(); fetches > 3 {
		b.Errorf("%d fetches", fetches)
	}
}

// A burst of triggers is few looks, and none is lost.
func TestTriggersAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n, repo := begun(t, cluster.Source{IntervalSeconds: 3600}, one("web:1"))
		before := n.Stats()[0].Looks
		for i := range 100 {
			repo.push(one(fmt.Sprintf("web:%d", i+2)))
			must(t, n.Poke(t.Context(), "main"))
			wait(50 * time.Millisecond)
		}
		wait(3 * time.Second)
		looks := n.Stats()[0].Looks - before
		if looks > 6 || looks < 2 || w.image("shop_web") != "web:101" {
			t.Errorf("%d looks, image %s", looks, w.image("shop_web"))
		}
	})
}
