package simulate

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/scheduler"
)

// The paces of the loop that plans, as in a cluster.
const (
	soonPace      = 20 * time.Millisecond  // after a queue has grown
	laterPace     = 250 * time.Millisecond // after a load came from or went to nothing
	conflictPause = 4 * time.Millisecond
	loadRecent    = 15 * time.Second // what was quiet for longer is left out of the load
	mostAtOnce    = 100              // plans at one moment
)

// planBy asks for a plan at a time, or before.
func (w *world) planBy(at time.Duration) {
	at = max(at, w.now)
	if w.again >= mostAtOnce {
		at = max(at, w.now+time.Millisecond)
	}
	if w.planned && w.planAt <= at {
		return
	}
	w.planned, w.planAt = true, at
	w.calendar.add(due{at: at, kind: plan})
}

// urgently and lazily ask for a plan because the load has changed.
func (w *world) urgently() { w.planBy(w.pulsed + soonPace) }
func (w *world) lazily()   { w.planBy(w.pulsed + laterPace) }

// wake asks for an instance, by one of the nodes in turn.
func (w *world) wake(component string) {
	if _, asked := w.wakes[component]; asked {
		return
	}
	wake := scheduler.Wake{At: w.time(), Waiting: true}
	for range w.listed {
		n := w.listed[w.entry%len(w.listed)]
		w.entry++
		if n.joined && !n.dead {
			wake.Node = n.row.ID
			break
		}
	}
	w.wakes[component] = wake
	w.planBy(w.now)
}

// wanted tells whether a component has a placement that shall run.
func (w *world) wanted(component string) bool {
	rows, _ := w.snapshot.ByComponent.Get(component)
	for _, pl := range rows {
		if pl.Want == cluster.WantRun {
			return true
		}
	}
	return false
}

// load is what the holder of the role placement hears of.
func (w *world) load() scheduler.Load {
	l := scheduler.Load{
		Components: map[string]cluster.ComponentLoad{}, Wakes: maps.Clone(w.wakes), Sleeps: map[string]bool{}, Stopping: w.stopping, Instances: map[string]int{},
	}
	for _, q := range w.all {
		if q.result.Requests > 0 && (q.load() > 0 || w.now-q.last <= loadRecent) {
			l.Components[q.name] = q.report(w.now, w.s.Start)
		}
	}
	for _, n := range w.listed {
		l.Partial = l.Partial || n.stale
		for id, i := range n.instances {
			l.Instances[id] = i.inFlight
		}
	}
	l.Meters = map[string]cluster.Meter{"gateways": w.meter()}
	return l
}

// meter is the work of all gateways together.
func (w *world) meter() cluster.Meter {
	m := cluster.Meter{Epoch: 1, Clock: w.now, At: w.time(), Work: map[string]float64{}}
	for _, q := range w.all {
		if q.result.Requests > 0 {
			q.count(w.now)
			m.Work[q.name] = q.metered
		}
	}
	return m
}

// plan lets the scheduler decide and does what it says.
func (w *world) plan() {
	w.planned = false
	if !w.someNode() {
		return // nobody is there to decide
	}
	w.again++
	w.pulsed = w.now
	w.result.Plans++
	d := scheduler.Plan(scheduler.Input{
		Snapshot: w.snapshot, Load: w.load(), Memory: w.memory, Now: w.time(), Zone: w.s.Zone, NewID: w.newID,
	})
	if !w.store(d.Writes) {
		w.planBy(w.now + conflictPause)
		return
	}
	w.memory = d.Memory
	w.noteDecision(&d)
	w.answer(d)
	if len(d.Writes) > 0 {
		w.planBy(w.now)
	} else if !d.Next.IsZero() {
		w.planBy(d.Next.Sub(w.s.Start))
	}
	if w.check != nil {
		w.check()
	}
}

// noteDecision keeps what the scheduler says of what it does.
func (w *world) noteDecision(d *scheduler.Decision) {
	for _, c := range d.Changes {
		w.noteChange(c)
	}
	for _, v := range d.Displaced {
		pl, _ := w.snapshot.Placements.Get(v.Placement)
		w.queues[v.Component].result.Displaced++
		w.note(Move{What: "yields", Component: v.Component, Slot: pl.Slot, Placement: v.Placement, Node: w.nodes[v.Node].row.Name, For: v.For})
	}
	missing := int64(0)
	for _, mib := range d.Unplaceable {
		missing += mib
	}
	w.result.MissingMiB = max(w.result.MissingMiB, missing)
}

func (w *world) someNode() bool {
	for _, n := range w.listed {
		if n.joined && !n.dead {
			return true
		}
	}
	return false
}

func (w *world) newID() string {
	w.ids++
	return fmt.Sprintf("p%06d", w.ids)
}

// answer tells those who asked for an instance what was decided.
func (w *world) answer(d scheduler.Decision) {
	for _, name := range slices.Sorted(maps.Keys(w.wakes)) {
		refusal := d.Refusals[name]
		switch {
		case w.wanted(name):
			delete(w.wakes, name)
		case refusal != nil:
			delete(w.wakes, name)
			w.result.refusal(name, w.now, refusal)
			w.refuseAll(w.queues[name], refusal.Reason)
		}
	}
	for name, f := range d.Refusals {
		w.result.refusal(name, w.now, f)
	}
}

// store writes what was decided, all of it or, where the store would refuse
// something, nothing.
func (w *world) store(writes []cluster.PlacementWrite) bool {
	for _, write := range writes {
		if write.Want != nil && write.Want.Want == cluster.WantRun && w.isStopping(write.Want) {
			w.stopping[write.Want.ID] = true
			return false
		}
	}
	if len(writes) == 0 {
		return true
	}
	cs := cluster.ChangeSet{Placements: map[string]*cluster.Placement{}}
	for _, write := range writes {
		switch {
		case write.Insert != nil:
			row := *write.Insert
			row.Version, row.CreatedAt = 1, w.time()
			cs.Placements[row.ID] = &row
		case write.Want != nil:
			row := *write.Want
			row.Version++
			cs.Placements[row.ID] = &row
		case write.Delete != nil:
			cs.Placements[write.Delete.ID] = nil
		}
	}
	w.change(cs)
	for _, write := range writes {
		w.act(write, cs.Placements)
	}
	return true
}

func (w *world) isStopping(pl *cluster.Placement) bool {
	i := w.nodes[pl.Node].instances[pl.ID]
	return i != nil && i.state == cluster.InstanceStopping
}

// act lets the nodes do what was written.
func (w *world) act(write cluster.PlacementWrite, rows map[string]*cluster.Placement) {
	switch {
	case write.Insert != nil:
		row := rows[write.Insert.ID]
		w.reserve(row, row.MemoryMiB)
		if n := w.nodes[row.Node]; !n.dead {
			w.launch(row)
			w.listInstances(n)
		}
	case write.Want != nil:
		row := rows[write.Want.ID]
		n := w.nodes[row.Node]
		i := n.instances[row.ID]
		switch {
		case i != nil && row.Want == cluster.WantStop:
			i.pl = row
			w.end(i)
		case i != nil:
			i.pl = row
			w.turnBack(i)
		case row.Want == cluster.WantRun && !n.dead:
			w.launch(row)
			w.listInstances(n)
		}
	case write.Delete != nil:
		delete(w.stopping, write.Delete.ID)
		w.reserve(write.Delete, -write.Delete.MemoryMiB)
	}
}

// reserve counts memory that a row takes or gives back.
func (w *world) reserve(pl *cluster.Placement, mib int64) {
	q := w.queues[pl.Component]
	q.count(w.now)
	q.reserved += mib
	w.nodes[pl.Node].reserved += mib
	w.reserved += mib
	if mib > 0 {
		q.rows++
	} else {
		q.rows--
	}
	q.result.MostRows = max(q.result.MostRows, q.rows)
	q.result.PeakMemoryMiB = max(q.result.PeakMemoryMiB, q.reserved)
	w.result.PeakMemoryMiB = max(w.result.PeakMemoryMiB, w.reserved)
}

// change writes rows.
func (w *world) change(cs cluster.ChangeSet) {
	cs.Number = w.snapshot.Number + 1
	w.snapshot = w.snapshot.With(cs)
}
