package peer

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

func nodeID(n int) string { return fmt.Sprintf("n%02d", n) }

// withCrowd is in a bubble with so many nodes, of which n05 decides, and which
// have heard each other.
func withCrowd(t *testing.T, nodes, pairs int, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := emptyWorld(t)
		w.pairs = pairs
		defer w.close()
		w.setHolder(nodeID(5))
		for n := range nodes {
			w.join(nodeID(n))
		}
		pass(4 * time.Second)
		test(t, w)
	})
}

func (m *member) streams() int {
	m.hub.mu.Lock()
	defer m.hub.mu.Unlock()
	return len(m.hub.streams())
}

// up are the members that run.
func (w *world) up() []*member {
	var up []*member
	for _, m := range w.members {
		if m.stop != nil {
			up = append(up, m)
		}
	}
	return up
}

// wantStreams tells whether those that run keep streams to who decides alone,
// or else in pairs.
func (w *world) wantStreams(relayed bool) {
	w.t.Helper()
	up := w.up()
	for _, m := range up {
		want := len(up) - 1
		if relayed && m.id != w.holderNow() {
			want = 1
		}
		if got := m.streams(); got != want {
			w.t.Errorf("%s keeps %d streams, want %d", m.id, got, want)
		}
	}
}

// wantHeard tells whether exactly those that run are heard, by all of them.
func (w *world) wantHeard() {
	w.t.Helper()
	for _, m := range w.up() {
		for id, other := range w.members {
			if got, want := m.hub.Live(id), other.stop != nil; got != want || id != m.id && m.feed.Snapshot().Hears(id) != want {
				w.t.Errorf("%s: %s is live %v, heard %v, want %v", m.id, id, got, m.feed.Snapshot().Hears(id), want)
			}
		}
	}
}

// keepHearing lets time go by in which nobody that runs is silent to another.
func (w *world) keepHearing(d time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end) && !w.t.Failed(); pass(glance) {
		for _, m := range w.up() {
			for _, other := range w.up() {
				if !m.hub.Live(other.id) || !m.feed.Snapshot().Hears(other.id) || m.hub.Lost(other.id) {
					w.t.Fatalf("%s does not hear %s, %v before the end", m.id, other.id, time.Until(end))
				}
			}
		}
	}
}

// wantKnown tells whether all know the latest of these.
func (w *world) wantKnown(of ...*member) {
	w.t.Helper()
	for _, m := range w.up() {
		for _, other := range of {
			if got := m.knows(other); got != other.latest() {
				w.t.Errorf("%s knows of %s %s, want %s", m.id, other.id, got, other.latest())
			}
		}
	}
}

func TestManyNodesHearOfEachOtherByDigests(t *testing.T) {
	withCrowd(t, 40, 0, func(t *testing.T, w *world) {
		w.wantStreams(true)
		w.wantHeard()
		w.wantKnown(w.up()...)
		for _, n := range []int{0, 5, 17, 39} {
			m := w.members[nodeID(n)]
			m.push()
			pass(beat)
			synctest.Wait()
			w.wantKnown(m)
		}
		w.keepHearing(3 * time.Second)
	})
}

// A node of many that dies is silent everywhere after 2.5 s.
func TestOneOfManyDies(t *testing.T) {
	withCrowd(t, 40, 0, func(t *testing.T, w *world) {
		dead := w.members[nodeID(7)]
		dead.crash()
		pass(silence - beat - glance)
		if !w.members[nodeID(30)].hub.Live(dead.id) {
			t.Error("not live before the time is over")
		}
		pass(2*beat + glance)
		w.wantHeard()
		if w.members[nodeID(5)].hub.Lost(dead.id) {
			t.Error("it is lost already")
		}
	})
}

// It is lost to who decides after 10 s, and heard again when it comes back; one
// that leaves is silent at once.
func TestOneOfManyIsLostAndComesBack(t *testing.T) {
	withCrowd(t, 8, 6, func(t *testing.T, w *world) {
		dead, holder := w.members[nodeID(7)], w.members[nodeID(5)]
		dead.crash()
		pass(lostAfter - 2*beat)
		if holder.hub.Lost(dead.id) {
			t.Error("it is lost already")
		}
		pass(2*beat + glance)
		if !holder.hub.Lost(dead.id) || holder.hub.Lost(nodeID(1)) {
			t.Error("not exactly the dead node is lost")
		}
		dead.start()
		pass(4 * time.Second)
		w.wantHeard()
		w.wantStreams(true)
		w.wantKnown(dead)
		w.members[nodeID(3)].hub.Leave()
		pass(3 * glance)
		if w.members[nodeID(1)].hub.Live(nodeID(3)) {
			t.Error("a node that leaves is heard")
		}
	})
}

// Nobody is silent only because who tells of all is, nor while another takes
// that over.
func TestWhoTellsOfManyDies(t *testing.T) {
	withCrowd(t, 40, 0, func(t *testing.T, w *world) {
		w.members[nodeID(5)].crash()
		w.keepHearing(3500 * time.Millisecond)
		w.setHolder(nodeID(21))
		w.keepHearing(takeover + 2*beat)
		w.wantHeard()
		w.wantStreams(true)
		m := w.members[nodeID(39)]
		m.push()
		pass(beat)
		synctest.Wait()
		w.wantKnown(m)
	})
}

// Who dies together with who tells of all is found out by the next one, and
// lost to it; a role that moves in order is noticed by nobody.
func TestWhoTellsOfAllDiesWithAnother(t *testing.T) {
	withCrowd(t, 10, 6, func(t *testing.T, w *world) {
		w.members[nodeID(5)].crash()
		w.members[nodeID(6)].crash()
		w.keepHearing(3500 * time.Millisecond)
		w.setHolder(nodeID(2))
		w.keepHearing(takeover + 2*beat)
		w.wantHeard()
		holder := w.members[nodeID(2)]
		if holder.hub.Lost(nodeID(6)) {
			t.Error("a node is lost before its time")
		}
		w.keepHearing(lostAfter)
		if !holder.hub.Lost(nodeID(5)) || !holder.hub.Lost(nodeID(6)) {
			t.Error("who has died is not lost")
		}
		w.setHolder(nodeID(3))
		w.keepHearing(lostAfter)
		w.wantStreams(true)
	})
}

// Streams in pairs up to a number of nodes, digests above, and pairs again only
// where there are clearly fewer.
func TestBetweenPairsAndDigests(t *testing.T) {
	withCrowd(t, 8, 8, func(t *testing.T, w *world) {
		w.wantStreams(false)
		w.join(nodeID(8))
		pass(2 * time.Second)
		w.keepHearing(3 * time.Second)
		w.wantStreams(true)
		w.wantKnown(w.up()...)
		leave := func(n int) {
			w.members[nodeID(n)].crash()
			w.db.put(cluster.Node{ID: nodeID(n), Epoch: 1, State: cluster.NodeDown, Lost: true, Peers: true, Address: nodeID(n)})
		}
		for _, n := range []int{8, 7, 6} { // 6 nodes are not clearly fewer
			leave(n)
			w.keepHearing(lostAfter)
			w.wantStreams(true)
		}
		for _, n := range []int{4, 3} {
			leave(n)
		}
		w.keepHearing(lostAfter + patience)
		w.wantStreams(false)
		w.wantHeard()
		for _, n := range []int{3, 4, 6, 7} {
			w.members[nodeID(n)].start()
		}
		pass(4 * time.Second)
		w.keepHearing(patience)
		w.wantStreams(false)
	})
}

func TestHowManyNodesAreTooManyForPairs(t *testing.T) {
	h := New(Options{Node: "a", Epoch: func() int64 { return 1 }}, Deps{})
	h.open, h.who = true, "a"
	for _, step := range []struct {
		nodes int
		on    bool
	}{{1, false}, {32, false}, {33, true}, {32, true}, {29, true}, {28, false}, {32, false}, {33, true}} {
		h.nodes = step.nodes
		if h.relay.on = h.relays(time.Now()); h.relay.on != step.on {
			t.Errorf("with %d nodes: digests %v", step.nodes, h.relay.on)
		}
	}
	h.who = "b"
	if h.relays(time.Now()) {
		t.Error("one sends digests that does not decide")
	}
	h.who = "a"
	h.remotes["old"] = &remote{stream: &stream{hello: hello{Protocol: knowsDigests - 1}}}
	if h.relays(time.Now()) {
		t.Error("digests are sent to a node that doesn't know them")
	}
}

// If nobody takes over to tell of all, nodes open streams to all others by
// themselves, until somebody does.
func TestNobodyTellsOfAll(t *testing.T) {
	withCrowd(t, 8, 6, func(t *testing.T, w *world) {
		w.wantStreams(true)
		w.members[nodeID(5)].crash()
		w.setHolder("")
		w.keepHearing(hearsayFor + lostAfter)
		w.wantStreams(false)
		w.wantHeard()
		m := w.members[nodeID(2)]
		m.push()
		synctest.Wait()
		w.wantKnown(m)
		w.setHolder(nodeID(7))
		w.keepHearing(5 * time.Second)
		w.wantStreams(true)
		w.wantHeard()
	})
}

// A node that who tells of all can't hear is heard by streams of its own.
func TestCutOffFromWhoTellsOfAll(t *testing.T) {
	for _, id := range []string{nodeID(0), nodeID(7)} {
		withCrowd(t, 8, 6, func(t *testing.T, w *world) {
			w.isolate(true, id, nodeID(5))
			pass(lostAfter + 2*time.Second)
			for _, m := range w.up() {
				if got, want := m.hub.Live(id), m.id != nodeID(5); got != want {
					t.Errorf("%s takes %s for live: %v", m.id, id, got)
				}
			}
			w.isolate(false, id, nodeID(5))
			pass(5 * time.Second)
			w.keepHearing(5 * time.Second)
			w.wantStreams(true)
		})
	}
}

// What is late is not lost, whatever digests it would have been in.
func TestDigestsThatWait(t *testing.T) {
	withCrowd(t, 8, 6, func(t *testing.T, w *world) {
		late := w.members[nodeID(1)]
		w.network.setCut(nodeID(5), late.id, true)
		for n := range 3 {
			w.members[nodeID(2+n)].push()
			pass(beat - glance)
		}
		w.network.setCut(nodeID(5), late.id, false)
		pass(beat)
		synctest.Wait()
		w.wantKnown(w.up()...)
		w.network.reset(nodeID(5), late.id)
		w.members[nodeID(2)].push()
		pass(silence)
		w.wantKnown(w.up()...)
	})
}

// A node without the database learns by digests that others have it, and they
// that it has not.
func TestDigestsTellWhoReachesTheDatabase(t *testing.T) {
	withCrowd(t, 8, 6, func(t *testing.T, w *world) {
		cut := w.members[nodeID(1)]
		for _, m := range []*member{cut, w.members[nodeID(5)]} {
			m.away.Store(true)
		}
		pass(DatabaseAway + 2*time.Second)
		if s := cut.hub.Standing(); s.Reached() || s.Others < 5*time.Second || s.Holder != nodeID(5) || s.Unheard != 0 {
			t.Errorf("it stands %+v", s)
		}
		for _, id := range []string{nodeID(0), nodeID(7)} {
			snap := w.members[id].feed.Snapshot()
			if _, is := snap.Cut.Get(cut.id); !is || snap.Cut.Len() != 2 {
				t.Errorf("%s takes %d for cut off, %s: %v", id, snap.Cut.Len(), cut.id, is)
			}
		}
	})
}

// What one of many was first to see, all look for at once.
func TestChangesAreHintedAtByWhoTellsOfAll(t *testing.T) {
	withCrowd(t, 8, 6, func(t *testing.T, w *world) {
		pass(300 * time.Millisecond) // between two polls
		w.db.mu.Lock()
		w.db.number++
		number := w.db.number
		w.db.mu.Unlock()
		w.members[nodeID(1)].feed.Hint()
		synctest.Wait()
		for _, m := range w.members {
			if got := m.feed.Snapshot().Number; got != number {
				t.Errorf("%s is at change %d, want %d", m.id, got, number)
			}
		}
	})
}
