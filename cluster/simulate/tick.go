package simulate

import (
	"cmp"
	"slices"
)

// sampled is what a component had come to at a tick.
type sampled struct {
	work     float64
	requests int64
	refused  int64
	cold     int64
}

// sample adds an entry to the timeline. What a component without placements,
// requests and load would say is left out.
func (w *world) sample() {
	t := Tick{At: w.now.Seconds(), Components: []ComponentTick{}, Nodes: []NodeTick{}, Placements: []PlacementTick{}}
	for _, q := range w.all {
		q.count(w.now)
		before := q.before
		q.before = sampled{work: q.work, requests: q.result.Requests, refused: q.result.Refused, cold: q.result.Cold}
		c := ComponentTick{
			Component: q.name, Ready: len(q.ready), Starting: q.starting, InFlight: q.inFlight, Queued: q.waiting.len(),
			Load: (q.work - before.work) / w.result.TickTime, Requests: q.result.Requests - before.requests,
			Refused: q.result.Refused - before.refused, Cold: q.result.Cold - before.cold,
		}
		if c != (ComponentTick{Component: q.name}) || q.rows > 0 {
			t.Components = append(t.Components, c)
		}
	}
	for _, n := range w.listed {
		if n.joined {
			t.Nodes = append(t.Nodes, NodeTick{Node: n.row.Name, State: n.row.State, ReservedMiB: n.reserved, MemoryMiB: n.row.MemoryTotalMiB})
		}
	}
	for id, pl := range w.snapshot.Placements.All() {
		p := PlacementTick{Placement: id, Component: pl.Component, Slot: pl.Slot, Node: pl.Node, Want: pl.Want}
		if i := w.nodes[pl.Node].instances[id]; i != nil {
			p.State = i.state
		}
		t.Placements = append(t.Placements, p)
	}
	slices.SortFunc(t.Placements, func(a, b PlacementTick) int {
		return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Placement, b.Placement))
	})
	w.result.Ticks = append(w.result.Ticks, t)
}

// finish sums up.
func (w *world) finish() {
	w.tellCutOff()
	r := w.result
	for _, q := range w.all {
		q.count(w.now)
		c := q.result
		c.Waiting, c.InFlight = int64(q.waiting.len()), int64(q.inFlight)
		c.InstanceHours = q.capacity / 3600
		c.Busy = q.work / w.now.Seconds()
		c.MemoryGiBHours = q.memory / 1024 / 3600
		r.MemoryGiBHours += c.MemoryGiBHours
		if h, ok := w.memory.Habits.Of.Get(q.name); ok {
			c.Learned = newLearned(&h.Effect)
		}
		r.Totals.add(&c.Totals)
		c.close()
	}
	r.Totals.close()
	r.Assumed = w.assumed()
}

// assumed names the components that went by times of which nobody told.
func (w *world) assumed() (a Assumed) {
	untold := map[string]bool{}
	for k := range w.s.Loads {
		if l := &w.s.Loads[k]; !l.tellsService() {
			untold[l.Component] = true
		}
	}
	for _, q := range w.all {
		told, all := w.s.Components[q.name], w.s.Defaults
		if q.result.Starts > 0 && len(told.Starts) == 0 && told.Start.IsZero() && all.Start.IsZero() {
			a.Start = append(a.Start, q.name)
		}
		if q.result.Requests > 0 && untold[q.name] && told.Service.IsZero() && all.Service.IsZero() {
			a.Service = append(a.Service, q.name)
		}
	}
	return a
}

// tellCutOff tells of the requests that have broken off and were to end later.
func (w *world) tellCutOff() {
	rest := slices.DeleteFunc(w.calendar.list, func(d due) bool { return d.kind != finish || d.i.cut == "" })
	slices.SortFunc(rest, func(a, b due) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.turn, b.turn)) })
	for _, d := range rest {
		w.finished(d.q, d.i, d.r)
	}
}

func (t *Totals) add(o *Totals) {
	t.Requests += o.Requests
	t.Answered += o.Answered
	t.Refused += o.Refused
	t.Failed += o.Failed
	t.Waiting += o.Waiting
	t.InFlight += o.InFlight
	for why, n := range o.Reasons {
		t.Reasons[why] += n
	}
	t.Cold += o.Cold
	t.ColdStarts += o.ColdStarts
	t.Starts += o.Starts
	t.Displaced += o.Displaced
	t.InstanceHours += o.InstanceHours
	t.Busy += o.Busy
	t.wait.merge(&o.wait)
	t.took.merge(&o.took)
}

func (t *Totals) close() {
	t.Queue, t.Buckets, t.Duration = t.wait.times(), t.wait.buckets(), t.took.times()
}
