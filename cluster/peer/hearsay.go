package peer

import (
	"time"

	"maelstrom/cluster"
)

const (
	// patience is how long no digest may come until a node looks for streams to
	// all others by itself. A role that moves takes less.
	patience = 5 * time.Second

	// hearsayFor is how long what the last digest said of who is alive counts,
	// if none follows: nobody is silent only because its teller is.
	hearsayFor = 10 * time.Second

	// takeover is how long it counts for one who now has to tell it: by then all
	// that are alive have a stream to it.
	takeover = 4 * time.Second
)

// hearsay is what a digest said.
type hearsay struct {
	at      time.Time
	alive   map[string]bool
	cut     map[string]bool
	left    map[string]bool // have said themselves that they leave, since
	reached time.Duration
	ended   bool
}

// takeDigest takes in what a node tells of others. It counts if that node holds
// the role placement, now or once that is known.
func (h *Hub) takeDigest(s *stream, d *digest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.remotes[s.node]
	if r == nil || r.stream != s || d.Same && r.tells == nil {
		return
	}
	said := &hearsay{at: time.Now(), reached: d.Reached, ended: d.Ends}
	if d.Same || d.Ends {
		if r.tells != nil {
			said.alive, said.cut = r.tells.alive, r.tells.cut
		}
	} else {
		said.alive, said.cut = setOf(d.Alive), setOf(d.Cut)
	}
	r.tells = said
	if s.node == h.who {
		h.voice = said
	}
	if !d.Same {
		signal(h.news)
	}
}

// follow notes who holds the role placement, and so whose digests count.
func (h *Hub) follow(snap *cluster.Snapshot) {
	who := h.Standing().Holder
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	h.nodes = h.population(snap)
	if who == h.opt.Node && h.who != who {
		h.took = now
	}
	h.who = who
	if h.voice != nil && now.Sub(h.looked) > frozen {
		h.voice.at = now // nobody could be heard in a pause of this process
	}
	if r := h.remotes[who]; r != nil && r.tells != nil && r.lives(now) && now.Sub(r.tells.at) < silence {
		h.voice = r.tells
	}
}

// hears tells whether a node shows signs of life, here or to who tells of all.
// The lock is held.
func (h *Hub) hears(id string, r *remote, now time.Time) bool {
	return r.lives(now) || h.vouched(id, now)
}

// vouched tells whether the digest that counts says that a node is alive.
func (h *Hub) vouched(id string, now time.Time) bool {
	v := h.voice
	if v == nil || !h.open || !v.alive[id] || v.left[id] || now.Sub(v.at) >= hearsayFor {
		return false
	}
	return h.who != h.opt.Node || now.Sub(h.took) < takeover
}

// relayed tells whether digests come, so that a stream to who sends them is
// enough; one that has just begun waits for them where there are many nodes.
func (h *Hub) relayed(now time.Time) bool {
	switch v := h.voice; {
	case v == nil:
		return h.nodes > h.pairs && now.Sub(h.begun) < patience
	default:
		return !v.ended && now.Sub(v.at) < patience
	}
}

// wants tells whether a stream to a node is needed.
func (h *Hub) wants(id string, now time.Time) bool {
	return h.who == h.opt.Node || h.who == id || !h.relayed(now)
}

// spares tells whether this node could do without a stream: it hears of that
// node right now by who tells of all.
func (h *Hub) spares(id string, now time.Time) bool {
	v := h.voice
	return !h.wants(id, now) && v != nil && now.Sub(v.at) < silence && v.alive[id]
}

// calls tells whether this node is to open a stream: of two the one with the
// smaller id; one that hears of nobody any more, to all.
func (h *Hub) calls(id string, r *remote, now time.Time) bool {
	if !h.wants(id, now) {
		return false
	}
	deaf := h.nodes > h.pairs-pairsSlack && h.who != h.opt.Node && !h.relayed(now) && (h.voice == nil || !h.voice.ended)
	return h.opt.Node < id || deaf && r.stream == nil
}

// hangsUp tells whether a stream that this node keeps open is needed by neither
// side, or its other side is gone.
func (h *Hub) hangsUp(id string, r *remote, now time.Time) bool {
	return r.spare && h.spares(id, now) || !h.wants(id, now) && !h.hears(id, r, now)
}

// withoutDatabase tells whether a node that is heard says that the database is
// away from it.
func (h *Hub) withoutDatabase(id string, r *remote, now time.Time) bool {
	if r.lives(now) {
		return r.reach != nil && !r.reach.Database
	}
	return h.vouched(id, now) && h.voice.cut[id]
}

// othersReach is for how long another node has reached the database, as the
// digest that counts says; zero: none does, or none came lately.
func (h *Hub) othersReach(now time.Time) time.Duration {
	v := h.voice
	if v == nil || h.who == h.opt.Node || v.reached == 0 || v.ended || now.Sub(v.at) >= patience {
		return 0
	}
	return v.reached + now.Sub(v.at)
}

// doubt lets what the last digest said of a node not count any more: it leaves.
func (h *Hub) doubt(id string) {
	if h.voice == nil {
		return
	}
	if h.voice.left == nil {
		h.voice.left = map[string]bool{}
	}
	h.voice.left[id] = true
}

// leaves tells whether this node has said good-bye, or does not run.
func (h *Hub) leaves() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.open
}

// connected tells whether there is a stream to a node.
func (h *Hub) connected(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.remotes[id]
	return r != nil && r.stream != nil
}
