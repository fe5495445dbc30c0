package scheduler

import (
	"cmp"
	"math"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

const (
	// rebalanceEvery is the time between two moves to nodes that have joined.
	rebalanceEvery = 30 * time.Second

	// rebalanceGain is by how much a move must even out what nodes have
	// reserved, to be worth a start and a stop.
	rebalanceGain = 0.1

	// moveWithin is how long a move may take.
	moveWithin = 5 * time.Minute

	// So many of the emptiest and of the fullest nodes are looked at, and so
	// many of the instances whose move would be worth it.
	emptiestNodes, fullestNodes, bestMoves = 4, 8, 32
)

// Balance is what a plan remembers of nodes that have joined, or may have
// instances again.
type Balance struct {
	Settled map[string]bool // nodes that are as full as they shall be; nobody changes one; nil: not known yet
	Move    Move            // the latest
}

// Move is an instance that goes to a node that has joined: another one of its
// component is started there, and ready, before it stops.
type Move struct {
	Component string
	Placement string // empty: it is done, or was given up
	To        string // node
	At        time.Time
}

// resumeMove goes on with the move that the plan before has decided on, as long
// as it can be made. It begins a moment after that.
func (p *planner) resumeMove() {
	p.memory.Balance = p.in.Memory.Balance
	move := &p.memory.Balance.Move
	if move.Placement == "" {
		return
	}
	pl, placed := p.in.Snapshot.Placements.Get(move.Placement)
	to, known := p.in.Snapshot.Nodes.Get(move.To)
	if !placed || pl.Want != cluster.WantRun || !known || to.State != cluster.NodeUp || !p.in.Snapshot.Hears(move.To) ||
		p.in.Now.Sub(move.At) >= moveWithin {
		move.Placement = ""
		return
	}
	p.look(move.At.Add(moveWithin))
}

// takeMove tells a component of the move of one of its instances.
func (p *planner) takeMove(c *component) {
	move := p.memory.Balance.Move
	if move.Placement == "" || move.Component != c.name {
		return
	}
	if !p.in.Now.After(move.At) {
		p.look(move.At.Add(time.Millisecond))
		return
	}
	c.moves, c.movesTo = move.Placement, move.To
}

// dropMove gives a move up: there may be no other instance beside this one any
// more, and it is not worth having one less.
func (p *planner) dropMove(c *component) {
	p.memory.Balance.Move.Placement = ""
	c.moves, c.movesTo = "", ""
}

// rebalance decides on the next move to a node that has joined, or is not
// drained any more. Only what is to be spread moves: the rest is packed on
// purpose, and goes elsewhere as it sleeps and wakes.
func (p *planner) rebalance() {
	b := &p.memory.Balance
	fresh := p.fresh()
	if len(fresh) == 0 || b.Move.Placement != "" {
		return
	}
	if again := b.Move.At.Add(rebalanceEvery); !b.Move.At.IsZero() && again.After(p.in.Now) {
		p.look(again)
		return
	}
	if p.in.Load.Partial || p.awaited || len(p.refusals)+len(p.claims) > 0 {
		return // first things first
	}
	if move, ok := p.bestMove(fresh); ok {
		b.Move = move
		p.look(p.in.Now.Add(time.Millisecond))
		return
	}
	settled := make(map[string]bool, len(b.Settled)+len(fresh))
	for id := range b.Settled {
		if n, ok := p.in.Snapshot.Nodes.Get(id); ok && n.State == cluster.NodeUp {
			settled[id] = true
		}
	}
	for _, n := range fresh {
		settled[n.row.ID] = true
	}
	b.Settled = settled
}

// settledNodes are the nodes that who has just taken the role does not move anything
// to: all that have something. One that has nothing may have joined when nobody
// saw it.
func (p *planner) settledNodes() map[string]bool {
	settled := map[string]bool{}
	for id, n := range p.in.Snapshot.Nodes.All() {
		if rows, _ := p.in.Snapshot.ByNode.Get(id); len(rows) > 0 && n.State == cluster.NodeUp {
			settled[id] = true
		}
	}
	return settled
}

// fresh lists the nodes that nothing was moved to yet since they are up.
func (p *planner) fresh() []*node {
	b := &p.memory.Balance
	if b.Settled == nil {
		b.Settled = p.settledNodes()
	}
	if p.in.Snapshot.Nodes.Len() < 2 {
		return nil
	}
	var ids, gone []string
	for id, n := range p.in.Snapshot.Nodes.All() {
		switch {
		case n.State == cluster.NodeUp && !b.Settled[id]:
			ids = append(ids, id)
		case n.State != cluster.NodeUp && b.Settled[id]:
			gone = append(gone, id)
		}
	}
	if len(gone) > 0 {
		settled := map[string]bool{}
		for id := range b.Settled {
			settled[id] = !slices.Contains(gone, id)
		}
		b.Settled = settled
	}
	var nodes []*node
	for _, id := range ids {
		if n := p.room().of(id); n != nil && n.row.MemoryTotalMiB > 0 {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// share is the part of a node's memory that is reserved for good.
func (n *node) share() float64 {
	return float64(n.reserved-n.leaving) / float64(n.row.MemoryTotalMiB)
}

// candidate is a move that would be worth it.
type candidate struct {
	pl     *cluster.Placement
	to     *node
	spread float64 // standard deviation of the shares after it
}

// bestMove finds the instance whose move evens out most.
func (p *planner) bestMove(fresh []*node) (Move, bool) {
	used := slices.DeleteFunc(slices.Clone(p.room().list), func(n *node) bool {
		return n.row.MemoryTotalMiB <= 0 || p.checkState(nil, n, now) != nil
	})
	slices.SortStableFunc(used, func(a, b *node) int { return cmp.Compare(b.share(), a.share()) })
	slices.SortFunc(fresh, func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.share(), b.share()), cmp.Compare(a.row.ID, b.row.ID))
	})
	var found []candidate
	for _, to := range fresh[:min(len(fresh), emptiestNodes)] {
		for _, from := range used[:min(len(used), fullestNodes)] {
			if from != to {
				found = append(found, p.candidates(used, from, to)...)
			}
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(a.spread, b.spread), cmp.Compare(p.inFlight(a.pl), p.inFlight(b.pl)),
			cmp.Compare(a.pl.ID, b.pl.ID), cmp.Compare(a.to.row.ID, b.to.row.ID),
		)
	})
	for _, m := range found[:min(len(found), bestMoves)] {
		if c := p.viewed(m.pl.Component); p.movable(c, m) {
			return Move{Component: c.name, Placement: m.pl.ID, To: m.to.row.ID, At: p.in.Now}, true
		}
	}
	return Move{}, false
}

// candidates lists what would be worth a move from one node to another.
func (p *planner) candidates(used []*node, from, to *node) (found []candidate) {
	sum, squares := 0.0, 0.0
	for _, n := range used {
		s := n.share()
		sum, squares = sum+s, squares+s*s
	}
	deviation := func(sum, squares float64) float64 {
		mean := sum / float64(len(used))
		return math.Sqrt(max(0, squares/float64(len(used))-mean*mean))
	}
	before := deviation(sum, squares)
	rows, _ := p.in.Snapshot.ByNode.Get(from.row.ID)
	for _, pl := range rows {
		row := p.declared(pl.Component)
		if row == nil || pl.Want != cluster.WantRun || row.Effective.Placement != project.PlacementSpread {
			continue
		}
		weight := float64(p.weight(pl, from))
		a, b := from.share(), to.share()
		less, more := a-weight/float64(from.row.MemoryTotalMiB), b+weight/float64(to.row.MemoryTotalMiB)
		after := deviation(sum-a-b+less+more, squares-a*a-b*b+less*less+more*more)
		if after < before*(1-rebalanceGain) {
			found = append(found, candidate{pl: pl, to: to, spread: after})
		}
	}
	return found
}

// movable tells whether an instance can be replaced by one elsewhere that comes
// first: nothing else goes on with its component, and it may have one more.
func (p *planner) movable(c *component, m candidate) bool {
	if c.row == nil || c.kept != nil || c.held || c.stopFirst() || c.full() ||
		len(c.outdated)+len(c.leaving)+len(c.fresh)+c.wanted+c.fill > 0 || p.serves(c) < len(c.running) {
		return false
	}
	return slices.ContainsFunc(c.running, func(pl *cluster.Placement) bool { return pl.ID == m.pl.ID }) && p.obstacle(c, m.to, now) == nil
}

// checkMove keeps what comes in the place of an instance that moves on the node
// that it moves to.
func (p *planner) checkMove(c *component, n *node, _ when) *obstacle {
	if c.movesTo == "" || !c.surge || n.row.ID == c.movesTo {
		return nil
	}
	return &obstacle{reason: cluster.ReasonNoCapacity, text: "is not the one that an instance moves to"}
}
