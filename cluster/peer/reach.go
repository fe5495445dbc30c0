package peer

import (
	"time"
)

// DatabaseAway is how long the database has not answered a node when it counts
// as away from it.
const DatabaseAway = 3 * time.Second

// reach is what a node says of itself with each sign of life: whether the
// database answers it, since when that is so, and who decides by what it reads
// there.
type reach struct {
	Database bool          `json:"database"`
	For      time.Duration `json:"for"`
	Holder   string        `json:"holder,omitempty"`
}

// Standing is how a node stands with the database and with who decides.
type Standing struct {
	Away    time.Duration // since the database last answered; less than DatabaseAway is nothing
	Holder  string        // who holds the role placement, as far as can be known here; empty: nobody
	Unheard time.Duration // since the holder was last heard; zero: it is, or it is this node

	// Expelled tells that another node says that this one was removed from the
	// cluster.
	Expelled bool

	// Others tells that a node which is heard reaches the database, and for how
	// long the one that has done so longest.
	Others time.Duration
}

// Reached tells whether the database answers this node.
func (s Standing) Reached() bool { return s.Away < DatabaseAway }

// ownReach is what a hub remembers of its own node.
type ownReach struct {
	base     time.Time // nothing is counted from before: a start, or a pause of this process
	database bool
	since    time.Time // of database
	holder   time.Time // last heard
}

// Standing tells how this node stands.
func (h *Hub) Standing() Standing {
	answered, seen := h.deps.Answered(), h.deps.Holder()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.own.base.IsZero() {
		return Standing{Holder: seen} // nothing is known yet
	}
	now := time.Now()
	s := Standing{Away: now.Sub(latest(answered, h.own.base)), Holder: seen}
	by := "" // of those who tell who decides, the last by its id
	for id, r := range h.remotes {
		s.Expelled = s.Expelled || r.expels
		if !r.lives(now) || r.reach == nil || !r.reach.Database {
			continue
		}
		s.Others = max(s.Others, r.reach.For+now.Sub(r.told), 1)
		if !s.Reached() && id > by {
			s.Holder, by = r.reach.Holder, id
		}
	}
	s.Others = max(s.Others, h.othersReach(now))
	if r := h.remotes[s.Holder]; s.Holder != h.opt.Node && (r == nil || !r.lives(now)) {
		s.Unheard = now.Sub(latest(h.own.holder, h.own.base))
	}
	return s
}

// lookAround notes who is heard of those who decide, and returns whether the database
// is away and which nodes say so of themselves.
func (h *Hub) lookAround(paused bool) (away bool, cut map[string]bool) {
	if paused {
		h.rebase()
	}
	s := h.Standing()
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if s.Unheard == 0 && s.Holder != "" {
		h.own.holder = now
	}
	if s.Reached() != h.own.database {
		h.own.database, h.own.since = s.Reached(), now
	}
	cut = map[string]bool{}
	for id, r := range h.remotes {
		if h.withoutDatabase(id, r, now) {
			cut[id] = true
		}
	}
	return !s.Reached(), cut
}

// rebase forgets how long things have been away: nobody could be heard.
func (h *Hub) rebase() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.own.base = time.Now()
}

// alive is a sign of life for another node.
func (h *Hub) alive(to string) ([]byte, error) {
	holder := h.deps.Holder()
	h.mu.Lock()
	told := &reach{Database: h.own.database, For: time.Since(h.own.since), Holder: holder}
	spare := h.spares(to, time.Now())
	h.mu.Unlock()
	return (&frame{Reach: told, Spare: spare}).encode()
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
