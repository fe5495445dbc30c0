package scheduler

import (
	"fmt"

	"maelstrom/cluster"
)

// reserveRuns finds memory for the runs that ask for it, each on its own node,
// after all that instances need. What does not fit now is refused: nobody
// queues for a run.
func (p *planner) reserveRuns() (reserved []cluster.Run, refused map[string]*cluster.Failure) {
	refused = map[string]*cluster.Failure{}
	for _, r := range p.in.Load.Runs {
		if _, known := p.in.Snapshot.Runs.Get(r.ID); known {
			continue
		}
		n := p.room().of(r.Node)
		if why := runObstacle(r, n); why != nil {
			refused[r.ID] = why
			continue
		}
		n.reserved += r.MemoryMiB
		reserved = append(reserved, r)
	}
	return reserved, refused
}

// runObstacle tells why a run can't have its memory; nil if it can.
func runObstacle(r cluster.Run, n *node) *cluster.Failure {
	f := &cluster.Failure{Reason: cluster.ReasonNoCapacity}
	switch {
	case n == nil:
		f.Message = fmt.Sprintf("node %s is not known", r.Node)
	case n.row.State != cluster.NodeUp:
		f.Message = fmt.Sprintf("node %s is %s", n.row.Name, n.row.State)
	case n.row.MemoryTotalMiB <= 0:
		f.Message = fmt.Sprintf("node %s runs nothing. Change MAEL_TOTAL_MEMORY", n.row.Name)
	case n.row.Engine != "":
		f.Reason, f.Message = cluster.ReasonEngineDown, fmt.Sprintf("node %s has no container engine: %s", n.row.Name, n.row.Engine)
	case n.free(now)-n.claimed < r.MemoryMiB:
		f.Message = fmt.Sprintf("a command of %s reserves %d MiB, and node %s has %d of %d MiB free. Change reservememory of the component or MAEL_TOTAL_MEMORY of the node",
			r.Component, r.MemoryMiB, n.row.Name, max(0, n.free(now)-n.claimed), n.row.MemoryTotalMiB)
	default:
		return nil
	}
	return f
}
