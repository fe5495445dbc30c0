package peer

import (
	"testing"
	"time"
)

// isolate cuts a node off from some others, both ways.
func (w *world) isolate(cut bool, node string, others ...string) {
	for _, other := range others {
		w.network.setCut(node, other, cut)
		w.network.setCut(other, node, cut)
	}
}

// A node without the database is told by those who have it that there is one,
// and who decides; nothing is placed on it, and it is heard all the same.
func TestWhoReachesTheDatabaseIsTold(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		w.setHolder("a")
		pass(time.Second)
		if s := b.hub.Standing(); !s.Reached() || s.Holder != "a" || s.Unheard != 0 || s.Others == 0 {
			t.Errorf("with all there is b stands %+v", s)
		}
		b.away.Store(true)
		pass(DatabaseAway - time.Second)
		if s, snap := b.hub.Standing(), b.feed.Snapshot(); !s.Reached() || snap.Away {
			t.Errorf("a moment without the database: %+v, away %v", s, snap.Away)
		}
		pass(time.Second + 3*glance + beat)
		if s := b.hub.Standing(); s.Reached() || s.Holder != "a" || s.Unheard != 0 || s.Others < 5*time.Second-beat {
			t.Errorf("without the database b stands %+v", s)
		}
		for _, m := range []*member{a, c} {
			snap := m.feed.Snapshot()
			if _, cut := snap.Cut.Get("b"); !cut || !snap.Hears("b") || snap.Away || snap.Cut.Len() != 1 {
				t.Errorf("%s takes these for cut off: %v, of %d", m.id, cut, snap.Cut.Len())
			}
		}
		if !b.feed.Snapshot().Away || b.feed.Snapshot().Cut.Len() != 0 {
			t.Error("b takes others for cut off, and not itself")
		}

		// Only c tells it now who decides, also when that changes.
		w.isolate(true, "b", "a")
		pass(4 * time.Second)
		if s := b.hub.Standing(); s.Holder != "a" || s.Unheard < 2*time.Second || s.Unheard > 5*time.Second || s.Others == 0 {
			t.Errorf("not hearing a, b stands %+v", s)
		}
		w.setHolder("c")
		pass(2 * beat)
		if s := b.hub.Standing(); s.Holder != "c" || s.Unheard != 0 {
			t.Errorf("once c decides, b stands %+v", s)
		}

		w.isolate(true, "b", "c")
		pass(10 * time.Second)
		if s := b.hub.Standing(); s.Others != 0 || s.Away < 10*time.Second || s.Unheard < 8*time.Second {
			t.Errorf("hearing nobody, b stands %+v", s)
		}
		b.away.Store(false)
		w.isolate(false, "b", "a", "c")
		pass(3 * time.Second)
		if s := b.hub.Standing(); !s.Reached() || s.Unheard != 0 || b.feed.Snapshot().Away {
			t.Errorf("healed, b stands %+v", s)
		}
		if a.feed.Snapshot().Cut.Len() != 0 {
			t.Error("a takes b for cut off after it is healed")
		}
	})
}

// When the database comes back to all, it is new to all: nobody takes itself
// for the only one who lacks it.
func TestTheDatabaseIsBackForAll(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		for _, m := range w.members {
			m.away.Store(true)
		}
		pass(time.Minute)
		if s := b.hub.Standing(); s.Reached() || s.Others != 0 {
			t.Errorf("while it is away from all, b stands %+v", s)
		}
		a.away.Store(false)
		c.away.Store(false)
		pass(2 * time.Second)
		if s := b.hub.Standing(); s.Reached() || s.Others == 0 || s.Others > 2*time.Second {
			t.Errorf("shortly after it is back for others, b stands %+v", s)
		}
	})
}
