package scheduler

import (
	"cmp"

	"maelstrom/cluster"
	"maelstrom/project"
)

// component is one component while it is being planned.
type component struct {
	name string
	row  *cluster.ComponentRow // nil: removed
	spec *project.Component    // effective; nil if row is
	held bool                  // its first version has yet to be released: nothing may run
	load cluster.ComponentLoad

	// Its placements by what they are now; a plan moves them from one list to
	// another. Those in fresh are this plan's own.
	running  []*cluster.Placement // wanted, at the current version
	outdated []*cluster.Placement // wanted, at another version
	leaving  []*cluster.Placement // not wanted, not gone
	fresh    []*cluster.Placement

	replaced bool // a row of another version went away in this plan

	memory Scale
	wanted int  // placements to add in this plan
	surge  bool // one of wanted is for a roll-out: an outdated one may go if it does not fit
}

func (p *planner) view(name string) *component {
	c := &component{name: name, load: p.in.Load.Components[name]}
	if row, ok := p.in.Snapshot.Components.Get(name); ok {
		c.row, c.held = row.Current(), row.Held()
		c.spec = c.row.Effective
	}
	rows, _ := p.in.Snapshot.ByComponent.Get(name)
	for _, pl := range rows {
		switch {
		case pl.Want == cluster.WantStop:
			c.leaving = append(c.leaving, pl)
		case c.current(pl):
			c.running = append(c.running, pl)
		default:
			c.outdated = append(c.outdated, pl)
		}
	}
	return c
}

// current tells whether pl may stay as it is: no change since it was placed
// concerns containers. Versions start at 1 again when a component was removed
// and comes back.
func (c *component) current(pl *cluster.Placement) bool {
	if c.row == nil {
		return false
	}
	return cmp.Or(c.row.RestartVersion, c.row.Version) <= pl.PlacedVersion && pl.PlacedVersion <= c.row.Version
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
