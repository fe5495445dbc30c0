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
	e, ok := scheduler.Explain(p.present(), component)
	if ok {
		e.Scale.Changes = p.changesOf(component)
	}
	return e, ok
}

// present is what a plan would go by now. To read it changes nothing.
func (p *Placer) present() scheduler.Input {
	load := p.questions()
	load.See(p.loads.Load())
	p.mu.Lock()
	defer p.mu.Unlock()
	load.Observed = p.heavy
	return scheduler.Input{
		Snapshot: p.feed.Snapshot(), Load: load, Memory: p.known, Now: time.Now(), Zone: p.opt.Zone, NewID: p.opt.NewID,
	}
}
