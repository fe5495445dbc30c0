package runtime

import (
	"slices"

	"maelstrom/cluster"
)

// remedy is what becomes of an instance that fails its health checks.
type remedy int

const (
	remedyNone   remedy = iota // it stays as it is: others could not take its place
	remedyNow                  // it is restarted
	remedyIfDead               // it is restarted once it is clear that nothing of it works
)

// deadAfter is how many times httphealthcheckmaxfailures have to pass, without
// a request that succeeds, until an instance counts as dead.
const deadAfter = 3

// crew is what a component has, of instances that are to run.
type crew struct {
	seasoned int      // have served at some time
	healthy  int      // serve and are not suspect
	away     int      // have served and do not now
	healing  int      // of those: for their health checks
	coming   bool     // one is on its way that has not failed
	suspects []string // placements, sorted
}

// remedyOf decides whether the suspect with this placement may be restarted: in
// doubt it is the checks that fail. Another has to serve meanwhile, but for one
// that is dead and that nothing comes to replace; and never are more than half
// of those that have served away for their checks.
func remedyOf(snap *cluster.Snapshot, id string) remedy {
	row, ok := snap.Placements.Get(id)
	if !ok || snap.Restored {
		return remedyNone
	}
	c := crewOf(snap, row.Component, id)
	rank := slices.Index(c.suspects, id)
	switch {
	case rank < 0:
		return remedyNone
	case c.healthy > 0:
		return remedyIf(rank < c.seasoned/2-c.away, remedyNow)
	case c.coming:
		return remedyNone
	}
	return remedyIf(rank < max(c.seasoned/2, 1)-c.healing, remedyIfDead)
}

func remedyIf(may bool, what remedy) remedy {
	if may {
		return what
	}
	return remedyNone
}

// crewOf counts the instances of a component. The one with the placement self
// is a suspect, whatever the snapshot shows by now.
func crewOf(snap *cluster.Snapshot, component, self string) crew {
	var c crew
	rows, _ := snap.ByComponent.Get(component)
	for _, row := range rows {
		if row.Want == cluster.WantRun && !onDownNode(snap, row) {
			instance, _ := snap.Instances.Get(row.ID)
			c.count(row.ID, instance, row.ID == self)
		}
	}
	slices.Sort(c.suspects)
	return c
}

func (c *crew) count(id string, i *cluster.Instance, self bool) {
	switch {
	case i == nil:
		c.coming = true
	case !i.WasReady:
		c.coming = c.coming || i.State != cluster.InstanceBackoff && i.Reason == cluster.ReasonNone
	default:
		c.seasoned++
		c.countSeasoned(id, i, self)
	}
}

func (c *crew) countSeasoned(id string, i *cluster.Instance, self bool) {
	switch {
	case self, i.Routable() && i.Suspect:
		c.suspects = append(c.suspects, id)
	case i.Routable():
		c.healthy++
	default:
		c.away++
		if i.LastFailure == cluster.ReasonUnhealthy || i.LastFailure == cluster.ReasonNeverListened {
			c.healing++
		}
	}
}

func onDownNode(snap *cluster.Snapshot, row *cluster.Placement) bool {
	node, ok := snap.Nodes.Get(row.Node)
	return ok && node.State == cluster.NodeDown
}
