package peer

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// In a bubble with nodes a, b and c that have heard each other.
func withThree(t *testing.T, test func(t *testing.T, w *world, a, b, c *member)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b", "c")
		defer w.close()
		pass(3 * time.Second)
		test(t, w, w.members["a"], w.members["b"], w.members["c"])
	})
}

func TestInstancesAreKnownEverywhereAtOnce(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		for _, m := range w.members {
			m.push()
			synctest.Wait() // no time passes
			for _, other := range w.members {
				if got := other.knows(m); got != m.latest() {
					t.Errorf("%s knows of %s %s, want %s", other.id, m.id, got, m.latest())
				}
			}
		}
		for _, m := range w.members {
			for id := range w.members {
				if !m.hub.Live(id) || m.hub.Lost(id) || !m.feed.Snapshot().Hears(id) {
					t.Errorf("%s: %s is live %v, lost %v, heard %v", m.id, id, m.hub.Live(id), m.hub.Lost(id), m.feed.Snapshot().Hears(id))
				}
			}
		}
		if a.hub.Live("unknown") || a.hub.Lost("unknown") {
			t.Error("a node that is not there is live or lost")
		}
	})
}

// A node that dies is not heard after 2 s, and lost after 10; one that comes
// back is heard within moments, at its new epoch.
func TestANodeDiesAndComesBack(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		b.crash()
		pass(silence - beat - glance)
		if !a.hub.Live("b") {
			t.Error("not live before the time is over")
		}
		pass(beat + 2*glance)
		for _, m := range []*member{a, c} {
			if m.hub.Live("b") || m.feed.Snapshot().Hears("b") {
				t.Errorf("%s: b is live after %v", m.id, silence)
			}
			if m.hub.Lost("b") {
				t.Errorf("%s: b is lost already", m.id)
			}
			if got := m.knows(b); got != b.latest() {
				t.Errorf("%s: what is known of b is now %s", m.id, got)
			}
		}
		pass(lostAfter - silence)
		if !a.hub.Lost("b") || !c.hub.Lost("b") || a.hub.Lost("c") {
			t.Error("not exactly b is lost")
		}
		b.start()
		pass(3 * time.Second)
		for _, m := range []*member{a, c} {
			if got := m.knows(b); got != b.latest() || !m.hub.Live("b") || !m.feed.Snapshot().Hears("b") || m.hub.Lost("b") {
				t.Errorf("%s: of b is known %s, want %s; live %v, lost %v", m.id, got, b.latest(), m.hub.Live("b"), m.hub.Lost("b"))
			}
		}
	})
}

// A node that has no peers is not waited for; one that is new gets its time.
func TestOnlyNodesWithPeersAreExpected(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		w.db.put(cluster.Node{ID: "alone", Epoch: 1, State: cluster.NodeUp})
		w.db.put(cluster.Node{ID: "new", Epoch: 1, State: cluster.NodeUp, Peers: true, Address: "nowhere"})
		pass(2 * time.Second)
		s := a.feed.Snapshot()
		if !s.Hears("alone") || s.Hears("new") {
			t.Errorf("heard: alone %v, new %v", s.Hears("alone"), s.Hears("new"))
		}
		pass(lostAfter - 3*time.Second)
		if a.hub.Lost("new") {
			t.Error("a node that is new is lost before its time")
		}
		pass(3 * time.Second)
		if !a.hub.Lost("new") || a.hub.Lost("alone") {
			t.Error("not exactly the node that never came is lost")
		}
		if _, err := a.hub.Dial(t.Context(), "alone", "h2"); err == nil {
			t.Error("a node without peers can be dialled")
		}
	})
}

// A node that says good-bye is not heard at once.
func TestANodeThatLeavesSaysSo(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		b.hub.Leave()
		pass(10 * time.Millisecond)
		if a.hub.Live("b") || c.hub.Live("b") || a.feed.Snapshot().Hears("b") || !a.hub.Live("c") {
			t.Error("not exactly b is silent")
		}
		for range 10 {
			pass(glance)
			if a.hub.Live("b") || c.hub.Live("b") {
				t.Fatal("b is heard again")
			}
		}
		pass(lostAfter - 2*time.Second)
		if a.hub.Lost("b") || a.hub.Live("b") {
			t.Error("b is lost at once, or live again")
		}
		pass(2 * time.Second)
		if !a.hub.Lost("b") {
			t.Error("b is never lost")
		}
	})
}

// What one node was first to see, the others look for at once, and only once.
func TestChangesAreHintedAt(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		pass(300 * time.Millisecond) // between two polls
		w.db.mu.Lock()
		w.db.number++
		number := w.db.number
		clear(w.db.polls)
		w.db.mu.Unlock()
		a.feed.Hint()
		synctest.Wait()
		for _, m := range w.members {
			if got := m.feed.Snapshot().Number; got != number {
				t.Errorf("%s is at change %d, want %d", m.id, got, number)
			}
		}
		w.db.mu.Lock()
		defer w.db.mu.Unlock()
		if got := fmt.Sprint(w.db.polls); got != "map[a:1 b:1 c:1]" {
			t.Errorf("polls %s", got)
		}
	})
}

// Cut one way, in either direction: neither side takes the other for live,
// although one of them hears.
func TestAStreamThatIsHalfOpenEnds(t *testing.T) {
	for _, way := range [][2]string{{"a", "b"}, {"b", "a"}} {
		withThree(t, func(t *testing.T, w *world, a, b, c *member) {
			w.network.setCut(way[0], way[1], true)
			pass(2*silence + beat)
			if a.hub.Live("b") || b.hub.Live("a") {
				t.Errorf("%v is cut: a hears b %v, b hears a %v", way, a.hub.Live("b"), b.hub.Live("a"))
			}
			if !a.hub.Live("c") || !c.hub.Live("b") {
				t.Error("others don't hear each other")
			}
			w.members[way[0]].push()
			w.network.setCut(way[0], way[1], false)
			pass(2 * time.Second)
			if got, want := w.members[way[1]].knows(w.members[way[0]]), w.members[way[0]].latest(); got != want {
				t.Errorf("after it is healed: %s, want %s", got, want)
			}
		})
	}
}

// A short cut loses nothing, and nobody notices it.
func TestAShortCutIsNoSilence(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		changed, cancel := b.feed.Subscribe()
		defer cancel()
		w.network.setCut("a", "b", true)
		a.push()
		pass(silence - beat - glance)
		if got := b.knows(a); got == a.latest() {
			t.Error("the cut lets messages through")
		}
		w.network.setCut("a", "b", false)
		synctest.Wait()
		if got := b.knows(a); got != a.latest() {
			t.Errorf("b knows %s, want %s", got, a.latest())
		}
		<-changed
		if !b.feed.Snapshot().Hears("a") {
			t.Error("a was silent")
		}
	})
}

// A node with a list of old clock times is understood on one's own clock.
func TestClocksThatDifferByAnHour(t *testing.T) {
	now := time.Now()
	for _, ahead := range []time.Duration{time.Hour, -time.Hour, 300 * time.Millisecond} {
		skew := clockSkew(now, now.Add(ahead))
		l := &cluster.InstanceList{Instances: []cluster.Instance{{ReadyAt: now.Add(ahead), BackoffUntil: now.Add(ahead + time.Minute)}}}
		shift(l, skew)
		i := l.Instances[0]
		if ahead.Abs() > time.Second && (!i.ReadyAt.Equal(now) || !i.BackoffUntil.Equal(now.Add(time.Minute))) {
			t.Errorf("%v ahead: ready at %v, want %v", ahead, i.ReadyAt, now)
		}
		if ahead.Abs() < time.Second && skew != 0 {
			t.Errorf("%v ahead is a skew of %v", ahead, skew)
		}
		if !i.StartedAt.IsZero() {
			t.Error("a time that was not set is set")
		}
	}
}
