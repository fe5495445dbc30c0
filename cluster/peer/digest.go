package peer

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
)

const (
	// maxPairs is up to how many live nodes each keeps a stream to each other.
	// Above, all keep one to the holder of the role placement alone, who tells
	// them of each other; until there are fewer than that by pairsSlack.
	maxPairs   = 32
	pairsSlack = 4

	// knowsDigests is the first version of the protocol that has digests: with a
	// node of an earlier one all keep streams to each other.
	knowsDigests = 2
)

// digest is what the holder of the role placement tells of all others: before
// it are those of their lists that have changed since the one before.
type digest struct {
	Alive   []string      `json:"alive,omitempty"` // that it hears
	Cut     []string      `json:"cut,omitempty"`   // that don't reach the database
	Same    bool          `json:"same,omitempty"`  // Alive and Cut are as in the one before
	Reached time.Duration `json:"reached"`         // for how long a node has reached the database; zero: none does
	Ends    bool          `json:"ends,omitempty"`  // there are no more: nodes hear each other by themselves
}

// relay is what a hub remembers of the digests that it sends. The hub's lock
// guards it.
type relay struct {
	on     bool
	number int64 // of the latest digest
	sent   time.Time
	alive  []string // as told in it
	cut    []string
	listed int64 // number of the digest that told of alive and cut first
}

// relayed is the latest list of a node, for digests.
type relayed struct {
	list    *cluster.InstanceList // on this node's clock
	number  int64                 // of the first digest that has it
	encoded []byte                // nil: not needed yet
}

// population is how many nodes there are that should be up, with this one. The
// lock is held.
func (h *Hub) population(snap *cluster.Snapshot) int {
	n := 1
	for _, node := range h.expected(snap) {
		if node.State != cluster.NodeDown && !node.Lost {
			n++
		}
	}
	return n
}

// relays tells whether this node is to send digests. The lock is held.
func (h *Hub) relays(now time.Time) bool {
	if h.who != h.opt.Node || !h.open {
		return false
	}
	for _, s := range h.streams() {
		if s.hello.Protocol < knowsDigests {
			return false
		}
	}
	limit := h.pairs
	if h.relay.on || h.relayed(now) {
		limit = max(1, limit-pairsSlack)
	}
	return h.nodes > limit
}

// tellDigest sends digests while this node is to: one each beat, and one as soon
// as it hears other nodes than it told of.
func (h *Hub) tellDigest() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	was := h.relay.on
	if h.relay.on = h.relays(now); !h.relay.on {
		if was && h.who == h.opt.Node {
			h.endDigests()
		}
		return
	}
	alive, cut, reached := h.overview(now)
	news := !slices.Equal(alive, h.relay.alive) || !slices.Equal(cut, h.relay.cut)
	if was && now.Sub(h.relay.sent) < glance || was && !news && now.Sub(h.relay.sent) < beat {
		return
	}
	r := &h.relay
	r.number++
	r.sent = now
	if news || r.listed == 0 {
		r.alive, r.cut, r.listed = alive, cut, r.number
	}
	h.sendDigest(reached)
}

// overview is how all others are. The lock is held.
func (h *Hub) overview(now time.Time) (alive, cut []string, reached time.Duration) {
	if h.own.database {
		reached = max(1, now.Sub(h.own.since))
	}
	for _, id := range h.sorted() {
		r := h.remotes[id]
		if !h.hears(id, r, now) {
			continue
		}
		alive = append(alive, id)
		if r.lives(now) && r.reach != nil && r.reach.Database {
			reached = max(reached, r.reach.For+now.Sub(r.told))
		}
		if h.withoutDatabase(id, r, now) {
			cut = append(cut, id)
		}
	}
	return alive, cut, reached
}

// sendDigest tells each what it was not told yet. The lock is held.
func (h *Hub) sendDigest(reached time.Duration) {
	whole, err1 := (&frame{Digest: &digest{Alive: h.relay.alive, Cut: h.relay.cut, Reached: reached}}).encode()
	same, err2 := (&frame{Digest: &digest{Same: true, Reached: reached}}).encode()
	if err1 != nil || err2 != nil {
		h.log.Error("other nodes are not told of each other", "error", cmp.Or(err1, err2))
		return
	}
	streams := h.streams()
	lists := h.untold(streams)
	for _, s := range streams {
		seen := s.digested()
		var told []byte
		for _, l := range lists {
			if l.list.Node != s.node && l.number > seen {
				told = append(told, h.encodedList(l)...)
			}
		}
		last := same
		if h.relay.listed > seen {
			last = whole
		}
		if told != nil {
			last = append(told, last...)
		}
		s.offer(last, h.relay.number)
	}
}

// untold are the lists that any of these streams was not told. The lock is held.
func (h *Hub) untold(streams []*stream) []*relayed {
	seen := h.relay.number
	for _, s := range streams {
		seen = min(seen, s.digested())
	}
	var lists []*relayed
	for _, id := range h.sorted() {
		if l := &h.remotes[id].relayed; l.list != nil && l.number > seen {
			lists = append(lists, l)
		}
	}
	return lists
}

func (h *Hub) encodedList(l *relayed) []byte {
	if l.encoded == nil {
		encoded, err := (&frame{Relayed: l.list}).encode()
		if err != nil {
			h.log.Error("other nodes are not told of instances", "node", l.list.Node, "error", err)
			return nil
		}
		l.encoded = encoded
	}
	return l.encoded
}

// endDigests lets all hear each other by themselves. The lock is held.
func (h *Hub) endDigests() {
	h.relay.number++
	h.relay.listed = 0
	ends, err := (&frame{Digest: &digest{Ends: true}}).encode()
	if err != nil {
		return
	}
	for _, s := range h.streams() {
		s.offer(ends, 0) // the next one, if there ever is one, tells all
	}
}

// keepList keeps a node's list, of its own stream, for digests.
func (h *Hub) keepList(node string, l *cluster.InstanceList) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.remotes[node]; r != nil {
		r.relayed = relayed{list: l, number: h.relay.number + 1}
	}
}

// offer gives the stream a digest with all that it was not told up to the last
// one that was taken; one that waits still is replaced.
func (s *stream) offer(encoded []byte, number int64) {
	s.mu.Lock()
	s.latest[partDigest], s.offered = encoded, number
	s.mu.Unlock()
	s.signal()
}

// digested is the number of the last digest that is on its way.
func (s *stream) digested() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}

// setOf is a list as a set.
func setOf(list []string) map[string]bool {
	return maps.Collect(func(yield func(string, bool) bool) {
		for _, id := range list {
			if !yield(id, true) {
				return
			}
		}
	})
}
