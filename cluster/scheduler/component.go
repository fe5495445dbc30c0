package scheduler

import (
	"cmp"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// component is one component while it is being planned.
type component struct {
	name     string
	declared *cluster.ComponentRow // as this plan leaves it; nil: removed
	row      *cluster.ComponentRow // the version of it that is to run
	kept     *cluster.ComponentRow // while row has to prove itself: the one before, which serves on
	spec     *project.Component    // effective, of row; nil if row is
	held     bool                  // its first version has yet to be released: nothing may run
	load     cluster.ComponentLoad
	snap     *cluster.Snapshot
	moves    string    // the placement that moves to a node that has joined
	movesTo  string    // that node
	look     time.Time // when to look at it again at the latest; zero: no time is known

	// Its placements by what they are now; a plan moves them from one list to
	// another. Those in fresh are this plan's own.
	running  []*cluster.Placement // wanted, at the current version
	outdated []*cluster.Placement // wanted, at another version or misplaced
	leaving  []*cluster.Placement // not wanted, not gone
	fresh    []*cluster.Placement

	stays   map[string]bool      // misplaced, but with no place elsewhere
	removed []*cluster.Placement // rows whose container is gone, deleted in this plan
	gone    []*cluster.Placement // rows of lost nodes, deleted in this plan
	lost    []*cluster.Placement // those of gone that were wanted: to be placed again

	memory   Scale
	scaled   bool // memory is this plan's
	measured bool // so is what its autoscaler knows
	least    int  // instances that there are at any time

	learns bool // the rest is of those that do
	habit  *cluster.Habit
	keep   Keep
	last   time.Time // its latest request
	ahead  int       // instances that are held for the next request

	cause   cluster.ScaleCause // of what changed its target last, in this plan
	adopted int                // of fresh: what ran without a row

	wanted int  // placements to add in this plan
	surge  bool // one of wanted is for a roll-out: an outdated one may go if it does not fit
	fill   int  // placements of the kept version to add
	probe  bool // asleep: its version is proven by one start
	stuck  bool // what is to be added fits nowhere
	paced  bool // what is missing waits for others of it, not for room

	gaveUp   int  // after how many steps of this plan; zero: it has not
	relieved bool // it was planned again for those that came after
}

func (p *planner) view(name string) *component {
	c := &component{name: name, load: p.in.Load.Components[name], snap: p.in.Snapshot}
	c.load.ServiceTime = c.load.Served(p.in.Now)
	p.current = c
	p.takeMove(c)
	c.take(p.declared(name))
	rows, _ := p.in.Snapshot.ByComponent.Get(name)
	for _, pl := range rows {
		switch {
		case p.isLost(pl) || p.unbegun(pl):
			c.lose(pl)
		case pl.Want == cluster.WantStop:
			c.leaving = append(c.leaving, pl)
		case c.current(pl):
			c.running = append(c.running, pl)
		default:
			c.outdated = append(c.outdated, pl)
		}
	}
	p.judge(c)
	return c
}

// isLost tells whether the node of a placement is: nothing of it counts any
// more, and should the node come back, it stops what has no row.
func (p *planner) isLost(pl *cluster.Placement) bool {
	n, ok := p.in.Snapshot.Nodes.Get(pl.Node)
	return ok && n.Lost
}

func (c *component) lose(pl *cluster.Placement) {
	c.gone = append(c.gone, pl)
	if pl.Want == cluster.WantRun {
		c.lost = append(c.lost, pl)
	}
}

func (p *planner) declared(name string) *cluster.ComponentRow {
	row, _ := p.in.Snapshot.Components.Get(name)
	return row
}

// take makes row what is declared.
func (c *component) take(row *cluster.ComponentRow) {
	c.declared, c.row, c.kept, c.spec = row, nil, nil, nil
	if row == nil {
		return
	}
	c.row, c.held = row.Current(), row.Held()
	c.spec = c.row.Effective
	if row.Gated() {
		c.kept = row.Kept
	}
}

// turn makes row what is declared, and sorts the placements by that.
func (c *component) turn(row *cluster.ComponentRow) {
	c.take(row)
	wanted := slices.Concat(c.running, c.outdated)
	c.running, c.outdated = nil, nil
	for _, pl := range wanted {
		if c.current(pl) {
			c.running = append(c.running, pl)
		} else {
			c.outdated = append(c.outdated, pl)
		}
	}
}

// current tells whether pl may stay as it is.
func (c *component) current(pl *cluster.Placement) bool {
	return runs(c.row, pl) && (c.stays[pl.ID] || !c.misplaced(pl))
}

// runs tells whether pl is one of a version: no change between the two concerns
// containers. Versions start at 1 again when a component was removed and comes
// back.
func runs(row *cluster.ComponentRow, pl *cluster.Placement) bool {
	return row != nil && cmp.Or(row.RestartVersion, row.Version) <= pl.PlacedVersion && pl.PlacedVersion <= row.Version
}

// live counts the placements that are wanted.
func (c *component) live() int { return len(c.running) + len(c.outdated) + len(c.fresh) }

// rows counts the placements that there will be.
func (c *component) rows() int { return c.live() + len(c.leaving) }

func (c *component) all() []*cluster.Placement {
	var out []*cluster.Placement
	for _, list := range [][]*cluster.Placement{c.running, c.outdated, c.leaving, c.fresh} {
		out = append(out, list...)
	}
	return out
}

// most is the number of rows that the maxima allow; zero: any.
func (c *component) most() int {
	if c.spec.MaxInstances == 0 {
		return 0
	}
	return max(c.spec.MaxInstances, c.spec.MinInstances)
}

func (c *component) full() bool { return c.most() > 0 && c.rows() >= c.most() }

func (c *component) stopFirst() bool { return c.spec.RestartOrder == project.RestartStopStart }

func (c *component) busy() bool { return c.load.InFlight+c.load.Queued > 0 }

// stage is how far the instance of a placement has come, as far as its node
// has told.
type stage int

const (
	unknown  stage = iota // its node's daemon has not reported since it started
	starting              // also: not begun
	ready
	failed   // waits for its next trial, or is in it
	stopping // past the point of no return
)

func (p *planner) stage(pl *cluster.Placement) stage {
	i, ok := p.in.Snapshot.Instances.Get(pl.ID)
	switch {
	case !ok && p.reported(pl.Node):
		return starting
	case !ok:
		return unknown
	case i.State == cluster.InstanceReady || i.State == cluster.InstanceDraining:
		return ready
	case i.State == cluster.InstanceStopping:
		return stopping
	case i.State == cluster.InstanceBackoff || i.Reason != cluster.ReasonNone:
		return failed
	}
	return starting
}

// serves counts the instances of the current version that take requests.
func (p *planner) serves(c *component) int {
	n := 0
	for _, pl := range c.running {
		if i, ok := p.in.Snapshot.Instances.Get(pl.ID); ok && i.State == cluster.InstanceReady {
			n++
		}
	}
	return n
}

// count counts the placements of a stage.
func (p *planner) count(list []*cluster.Placement, s stage) int {
	n := 0
	for _, pl := range list {
		if p.stage(pl) == s {
			n++
		}
	}
	return n
}
