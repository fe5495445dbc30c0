package runtime

import (
	"time"

	"maelstrom/cluster"
)

// rowWithin is how long a node that reaches the database again keeps what it
// has started without it: whoever places gives that a row by then, or will not.
const rowWithin = 10 * time.Second

// apart is what an Agent does by itself while it is apart from the rest. The
// Agent's lock guards it.
type apart struct {
	own      map[string]*cluster.Placement // provisional placements, as rows that are not stored
	back     time.Time                     // since when the snapshot is the database's; zero: it is not
	isolated bool
}

// Provision runs a placement that has no row, until it gets one or is given up.
// Of each component there is one at a time. When it returns, the instance is
// reported, with the memory that it takes.
func (a *Agent) Provision(p cluster.Placement) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, other := range a.apart.own {
		if other.Component == p.Component {
			return
		}
	}
	a.ownLocked(&p)
	a.board.put(cluster.Instance{
		Placement: p.ID, Component: p.Component, ComponentVersion: p.PlacedVersion, Node: a.opt.Node, State: cluster.InstanceStarting,
	})
	a.log.Warn("instance is started without the database", "component", p.Component, "placement", p.ID)
	signal(a.placed)
}

func (a *Agent) ownLocked(p *cluster.Placement) {
	a.apart.own[p.ID] = p
	a.board.own(p.ID, p.MemoryMiB)
}

// Isolate says whether this node is cut off while others are not. As long as it
// is, it starts nothing, and stops what is to stop then.
func (a *Agent) Isolate(isolated bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.apart.isolated != isolated {
		a.apart.isolated = isolated
		signal(a.placed)
	}
}

// reviewLocked lets go of what has a row by now, and gives up what has got none.
func (a *Agent) reviewLocked(snap *cluster.Snapshot, rows map[string]*cluster.Placement) {
	now := time.Now()
	switch {
	case snap.Away || snap.Restored || snap.Number == 0:
		a.apart.back = time.Time{}
	case a.apart.back.IsZero():
		a.apart.back = now
	}
	given := !a.apart.back.IsZero() && now.Sub(a.apart.back) >= rowWithin
	for id, p := range a.apart.own {
		switch row := rows[id]; {
		case row != nil:
			a.log.Info("instance that was started without the database has its place", "component", p.Component, "placement", id)
			a.board.adopted(id, row.Slot)
			delete(a.apart.own, id)
		case given:
			a.log.Info("instance that was started without the database is not needed", "component", p.Component, "placement", id)
			delete(a.apart.own, id)
			if a.units[id] == nil {
				a.board.remove(id) // it was never begun
			}
		}
	}
}

// review sends when what has no row is to be looked at again; nil: there is
// nothing, or nobody who could give it one.
func (a *Agent) review() <-chan time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.apart.own) == 0 || a.apart.back.IsZero() {
		return nil
	}
	return time.After(max(time.Millisecond, time.Until(a.apart.back.Add(rowWithin))))
}

// targetLocked is what is asked of a placement: by its row, or by this node.
func (a *Agent) targetLocked(snap *cluster.Snapshot, row *cluster.Placement, id string) target {
	if row == nil {
		row = a.apart.own[id]
	}
	t := newTarget(snap, row)
	if a.apart.isolated {
		t.isolate()
	}
	return t
}

// recogniseLocked takes up what an earlier daemon has started without the
// database. The label of a container stays when it gets a row.
func (a *Agent) recogniseLocked(snap *cluster.Snapshot, c Container) *cluster.Placement {
	p := &cluster.Placement{
		ID: c.Placement, Component: c.Component, Node: a.opt.Node, Want: cluster.WantRun, PlacedVersion: c.Version,
	}
	if declared, ok := snap.Components.Get(c.Component); ok {
		if row := declared.Placed(c.Version); row != nil {
			p.MemoryMiB = row.Effective.ReserveMemory
		}
	}
	a.ownLocked(p)
	return p
}
