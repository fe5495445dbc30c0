package peer

import (
	"testing"
	"testing/synctest"
	"time"
)

// remove forgets a node, as `cluster rm` does, and lets everybody look.
func (w *world) remove(id string) {
	w.db.mu.Lock()
	w.db.change(id, nil)
	w.db.mu.Unlock()
	for _, m := range w.members {
		m.feed.Hint()
	}
	synctest.Wait()
}

// A node that was removed is refused by all at once, whatever it can prove, and
// told so; what it says counts for nobody. Started again it is one like others.
func TestARemovedNodeIsRefused(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		w.remove("b")
		pass(glance)
		for range 10 {
			for _, m := range []*member{a, c} {
				b.push()
				synctest.Wait()
				if m.hub.Live("b") && m.knows(b) == b.latest() || !m.hub.Removed("b") || m.streams() != 1 {
					t.Fatalf("%s: b is live %v, refused %v, and known by %s; %d streams", m.id, m.hub.Live("b"), m.hub.Removed("b"), m.knows(b), m.streams())
				}
			}
			if !b.hub.Standing().Expelled || b.streams() != 0 {
				t.Fatal("b is not told")
			}
			pass(time.Second)
		}
		if a.hub.Live("b") || b.hub.Live("a") || !a.hub.Live("c") || a.hub.Standing().Expelled {
			t.Error("not exactly b is refused")
		}
		b.crash()
		b.epoch = 0 // of a new row
		b.start()
		pass(3 * time.Second)
		w.wantHeard()
		w.wantKnown(a, b, c)
	})
}

// A node that joins is heard at once, by those too that have not read of it.
func TestANodeMayBeAheadOfItsRow(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		first := w.join("0") // who calls all others
		pass(10 * time.Millisecond)
		w.wantHeard()
		w.wantKnown(first)
		if first.hub.Standing().Expelled {
			t.Error("it is told that it was removed")
		}
	})
}

// A node without the database takes nobody for removed: it can't know who has
// joined. Once it can, it knows who is not one of the cluster's.
func TestNobodyIsRemovedWithoutTheDatabase(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		a.away.Store(true)
		pass(DatabaseAway + time.Second)
		w.remove("b")
		pass(3 * time.Second)
		if !a.hub.Live("b") || c.hub.Live("b") {
			t.Errorf("without the database b is live %v, with it %v", a.hub.Live("b"), c.hub.Live("b"))
		}
		a.away.Store(false)
		pass(2*silence + farewell)
		if a.hub.Live("b") || !a.hub.Removed("b") || !a.hub.Live("c") {
			t.Error("with the database again, b is live or c is not")
		}
	})
}
