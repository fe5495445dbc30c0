package peer

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"maelstrom/cluster"
)

var crowd = flag.Int("crowd", 12, "how many nodes a crowd has")

// sent is what nodes have sent so far.
type sent struct{ packets, bytes int }

func (n *network) sentBy(node string) sent {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sent[node]
}

// cost is what all nodes send and ask the database meanwhile, a second: who
// decides, and the mean of the others.
func (w *world) cost(what string, d time.Duration) {
	type figures struct {
		sent
		polls int
	}
	read := func() (holder, others figures) {
		for id := range w.members {
			s := w.network.sentBy(id)
			w.db.mu.Lock()
			polls := w.db.polls[id]
			w.db.mu.Unlock()
			if id == w.holderNow() {
				holder = figures{s, polls}
			} else {
				others.packets, others.bytes, others.polls = others.packets+s.packets, others.bytes+s.bytes, others.polls+polls
			}
		}
		return holder, others
	}
	holder, others := read()
	pass(d)
	holderAfter, othersAfter := read()
	seconds := d.Seconds()
	each := seconds * float64(len(w.members)-1)
	w.t.Logf("%s, %d nodes: who decides sends %.0f packets and %.1f KB a second; each other %.1f and %.2f KB. The database is asked %.2f times a second by each node",
		what, len(w.members), float64(holderAfter.packets-holder.packets)/seconds, float64(holderAfter.bytes-holder.bytes)/seconds/1000,
		float64(othersAfter.packets-others.packets)/each, float64(othersAfter.bytes-others.bytes)/each/1000,
		float64(othersAfter.polls-others.polls+holderAfter.polls-holder.polls)/each)
}

// A change is everywhere within a second, in a crowd of any size, whoever made
// it; and so is an instance that has become ready.
func TestACrowdHearsOfAChangeWithinASecond(t *testing.T) {
	withCrowd(t, *crowd, 8, func(t *testing.T, w *world) {
		w.cost("nothing happens", 10*time.Second)
		for _, id := range []string{nodeID(5), nodeID(7)} {
			began := time.Now()
			w.db.put(cluster.Node{ID: "new", State: cluster.NodeUp})
			w.members[id].feed.Hint()
			w.db.mu.Lock()
			number := w.db.number
			w.db.mu.Unlock()
			w.within(t, "a change in the database by "+id, began, func(m *member) bool { return m.feed.Snapshot().Number >= number })
		}
		began, other := time.Now(), w.members[nodeID(7)]
		other.push()
		w.within(t, "an instance of "+other.id, began, func(m *member) bool { return m.knows(other) == other.latest() })
		for _, m := range w.members {
			for k := range 10 {
				m.setLoad(fmt.Sprintf("%s-%d", m.id, k), cluster.ComponentLoad{InFlight: 1, LastRequest: time.Now()})
			}
		}
		pass(time.Second)
		w.cost("ten components of each node have work", 10*time.Second)
	})
}

// within waits until all know, for a second.
func (w *world) within(t *testing.T, what string, began time.Time, known func(m *member) bool) {
	t.Helper()
	for _, m := range w.members {
		for !known(m) {
			if time.Since(began) > time.Second {
				t.Errorf("%s is not known to %s within a second", what, m.id)
				return
			}
			pass(time.Millisecond)
		}
	}
	t.Logf("%s is known to %d nodes after %s", what, len(w.members), time.Since(began))
}
