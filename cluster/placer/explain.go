package placer

import (
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/scheduler"
)

// Explain tells where a component runs and can run, and why, as the next plan
// would see it. A node that does not hold the role does not know where the
// component has failed before, nor how busy it is on other nodes.
func (p *Placer) Explain(component string) (cluster.Explanation, bool) {
	load := p.questions()
	load.See(p.loads.Load())
	p.mu.Lock()
	memory := p.known
	p.mu.Unlock()
	return scheduler.Explain(scheduler.Input{
		Snapshot: p.feed.Snapshot(), Load: load, Memory: memory, Now: time.Now(), Zone: p.opt.Zone, NewID: p.opt.NewID,
	}, component)
}
