package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// world is a tiny model of everything around a plan: rows as the store keeps
// them, nodes that start and stop what they are told, load and a clock.
type world struct {
	now        time.Time
	nodes      map[string]*cluster.Node
	components map[string]*cluster.ComponentRow
	crons      map[string]*cluster.EventSourceRow
	placements map[string]*cluster.Placement
	instances  map[string]*cluster.Instance
	load       Load
	memory     Memory
	full       Memory // of plans that look at everything
	every      int    // one of so many plans is compared with those; zero: each
	plans      int
	ids        int
	lists      int64
	next       time.Time
	refusals   map[string]*cluster.Failure
	since      map[string]time.Time // when the queue of a component began
}

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newWorld() *world {
	return &world{
		now:        start,
		nodes:      map[string]*cluster.Node{},
		components: map[string]*cluster.ComponentRow{},
		placements: map[string]*cluster.Placement{},
		instances:  map[string]*cluster.Instance{},
		load:       Load{Components: map[string]cluster.ComponentLoad{}, Wakes: map[string]Wake{}, Sleeps: map[string]bool{}},
	}
}

func (w *world) node(id string, memory int64) *cluster.Node {
	w.nodes[id] = &cluster.Node{ID: id, Name: id, State: cluster.NodeUp, Epoch: 1, MemoryTotalMiB: memory}
	return w.nodes[id]
}

// declare puts a component, replacing its containers if it was there before,
// as the store does.
func (w *world) declare(name string, spec project.Component) {
	spec.Name = name
	e := spec.Effective()
	row := &cluster.ComponentRow{Spec: &spec, Effective: &e, Version: 1}
	if old := w.components[name]; old != nil {
		row.Version = old.Version + 1
		row.Kept = kept(old)
	}
	row.RestartVersion = row.Version
	w.components[name] = row
}

// kept is what is kept of a component when another version is declared.
func kept(old *cluster.ComponentRow) *cluster.ComponentRow {
	if old.Unproven() && old.Kept != nil && !old.Kept.Unproven() {
		return old.Kept
	}
	k := *old
	k.Kept, k.Failed, k.Tries = nil, nil, 0
	return &k
}

// limit changes what containers don't see.
func (w *world) limit(name string, change func(*project.Component)) {
	row := *w.components[name]
	spec := *row.Spec
	change(&spec)
	e := spec.Effective()
	row.Spec, row.Effective, row.Version = &spec, &e, row.Version+1
	w.components[name] = &row
}

// rollout does what the store would.
func (w *world) rollout(t tester, r *cluster.RolloutWrite) {
	t.Helper()
	row := *w.components[r.Component]
	if r.Version != row.RestartVersion || !row.Unproven() {
		t.Fatalf("%s of version %d of %s: %d is declared, %d proven", r.State, r.Version, r.Component, row.RestartVersion, row.Proven)
	}
	switch r.State {
	case cluster.RolloutProven:
		row.Proven, row.Kept, row.Failed, row.Tries = r.Version, nil, nil, 0
	case cluster.RolloutFailed:
		row.Failed, row.Tries = r.Failure, r.Failure.Tries
	case cluster.RolloutRetry:
		if row.Failed == nil {
			t.Fatalf("%s has not failed", r.Component)
		}
		row.Failed = nil
	}
	w.components[r.Component] = &row
}

func (w *world) snapshot() *cluster.Snapshot {
	s := cluster.NewSnapshot().With(cluster.ChangeSet{
		Number: 1, Full: true,
		Nodes: w.rowsOfNodes(), Components: maps.Clone(w.components), Placements: maps.Clone(w.placements),
		EventSources: w.crons,
	})
	for id, n := range w.nodes {
		w.lists++
		l := cluster.InstanceList{Node: id, Epoch: n.Epoch, Counter: w.lists}
		for _, i := range w.instances {
			if i.Node == id {
				l.Instances = append(l.Instances, *i)
			}
		}
		s = s.WithInstances(l)
	}
	return s
}

// decide makes a plan and checks it.
func (w *world) decide(t tester) Decision {
	t.Helper()
	ids, in := w.ids, w.input()
	d := Plan(in)
	w.checkDisplaced(t, d)
	w.plans++
	check := w.every == 0 || w.plans%w.every == 0
	if check {
		w.ids = ids
		w.compare(t, in, d)
	} else {
		w.full = d.Memory
	}
	w.apply(t, d.Writes)
	w.memory, w.next, w.refusals = d.Memory, d.Next, d.Refusals
	if check {
		w.checkComplete(t, in, d)
	}
	clear(w.load.Wakes)
	clear(w.load.Sleeps)
	return d
}

// checkComplete checks that what was just planned, planned again on its own
// outcome, has nothing to add. Only what is forced off its node may find that
// the room which it would have moved to has been given away in the meantime.
func (w *world) checkComplete(t tester, in Input, d Decision) {
	t.Helper()
	if len(d.Writes) > 0 {
		in = w.input()
	}
	in.Memory = w.full
	in.Memory.past = nil
	if again := Plan(in); slices.ContainsFunc(again.Writes, func(write cluster.PlacementWrite) bool { return !w.forcedOff(write) }) {
		t.Fatalf("plan of a planned state writes again:\n first %s\nsecond %s\nin %s\nfirst: %s\nsecond: %s", show(d.Writes), show(again.Writes), w.picture(), w.inside(d), w.inside(again))
	}
}

// inside shows what a plan went by, and keeps.
func (w *world) inside(d Decision) string {
	out := ""
	for name, row := range w.components {
		m, l := d.Memory.Scale(name), w.load.Components[name]
		out += fmt.Sprintf("\n %s: target %d, asked %d, lacking %d, refused: %v, queued %d, in flight %d for %v; version %d, proven %d, gated %v, failed %+v",
			name, m.Target, m.Asked, m.Lacking, d.Refusals[name], l.Queued, l.InFlight, l.OldestWait, row.RestartVersion, row.Proven, row.Gated(), row.Failed)
	}
	return out
}

// forcedOff tells whether a write stops what its node is forced to give up.
func (w *world) forcedOff(write cluster.PlacementWrite) bool {
	if write.Want == nil || write.Want.Want != cluster.WantStop {
		return false
	}
	n := w.nodes[write.Want.Node]
	return n != nil && n.State == cluster.NodeDraining && n.Drain == cluster.DrainForce
}

func (w *world) plan() Decision { return Plan(w.input()) }

func (w *world) input() Input {
	load := w.load
	load.Components, load.Observed = maps.Clone(w.load.Components), maps.Clone(w.load.Observed)
	return Input{Snapshot: w.snapshot(), Load: load, Memory: w.memory, Now: w.now, NewID: func() string {
		w.ids++
		return fmt.Sprintf("p%03d", w.ids)
	}}
}

// rowsOfNodes are copies: tests change theirs.
func (w *world) rowsOfNodes() map[string]*cluster.Node {
	rows := map[string]*cluster.Node{}
	for id, n := range w.nodes {
		row := *n
		rows[id] = &row
	}
	return rows
}

// apply does what the store would, and refuses what it would.
func (w *world) apply(t tester, writes []cluster.PlacementWrite) {
	t.Helper()
	for _, write := range writes {
		switch {
		case write.Rollout != nil:
			w.rollout(t, write.Rollout)
		case write.Insert != nil:
			w.insert(t, *write.Insert)
		case write.Want != nil:
			pl := *w.placements[write.Want.ID]
			if pl.Version != write.Want.Version || pl.Want == write.Want.Want {
				t.Fatalf("write %s is at another version or changes nothing", show([]cluster.PlacementWrite{write}))
			}
			if i := w.instances[pl.ID]; write.Want.Want == cluster.WantRun && i != nil && i.State == cluster.InstanceStopping {
				t.Fatalf("turns back %s, which is stopping", pl.ID)
			}
			pl.Want = write.Want.Want
			pl.Version++
			w.placements[pl.ID] = &pl
		default:
			if w.instances[write.Delete.ID] != nil && !w.nodes[write.Delete.Node].Lost {
				t.Fatalf("deletes %s, which has an instance", write.Delete.ID)
			}
			delete(w.placements, write.Delete.ID)
		}
	}
}

func (w *world) insert(t tester, pl cluster.Placement) {
	t.Helper()
	spec := w.components[pl.Component].Current().Effective
	rows, here := 0, 0
	memory := w.weight(&pl)
	for _, other := range w.placements {
		if other.Node == pl.Node {
			memory += w.weight(other)
		}
		if other.Component != pl.Component {
			continue
		}
		rows++
		if other.Node == pl.Node {
			here++
		}
		if other.Slot == pl.Slot {
			t.Fatalf("slot %d of %s is taken", pl.Slot, pl.Component)
		}
	}
	if n := spec.MaxInstances; n > 0 && rows >= max(n, spec.MinInstances) {
		t.Fatalf("%s exceeds maxinstances %d", pl.Component, n)
	}
	if n := spec.MaxInstancesPerNode; n > 0 && here >= n {
		t.Fatalf("%s exceeds maxinstancespernode %d", pl.Component, n)
	}
	w.checkPlace(t, w.nodes[pl.Node], pl)
	if memory > w.nodes[pl.Node].MemoryTotalMiB {
		t.Fatalf("%s exceeds the memory of %s", pl.Component, pl.Node)
	}
	pl.Version = 1
	w.placements[pl.ID] = &pl
}

// weight is what a placement counts for in the memory of its node.
func (w *world) weight(pl *cluster.Placement) int64 {
	return max(pl.MemoryMiB, min(w.load.Observed[pl.Component], w.nodes[pl.Node].MemoryTotalMiB))
}

// checkPlace refuses a node that the component must not run on.
func (w *world) checkPlace(t tester, n *cluster.Node, pl cluster.Placement) {
	t.Helper()
	row := w.components[pl.Component]
	if n.State != cluster.NodeUp || !n.Labelled(row.Effective.Nodes) && !n.Labelled(row.Current().Effective.Nodes) {
		t.Fatalf("%s is placed on %s, which is %s with labels %v", pl.Component, n.ID, n.State, n.Labels)
	}
	for _, v := range row.Placed(pl.PlacedVersion).Effective.Volumes {
		if v.Type == "bind" && n.Mounts[v.Source] == cluster.Absent {
			t.Fatalf("%s is placed on %s, which has no %s", pl.Component, n.ID, v.Source)
		}
		if homes := w.homes(v); len(homes) > 0 && !homes[n.ID] {
			t.Fatalf("%s is placed on %s, but its volume is on %v", pl.Component, n.ID, homes)
		}
	}
}

// homes are the nodes that have a named volume.
func (w *world) homes(v project.Volume) map[string]bool {
	homes := map[string]bool{}
	for id, n := range w.nodes {
		if v.Type == "volume" && n.Mounts[v.Source] == cluster.Present {
			homes[id] = true
		}
	}
	return homes
}

// makeVolumes lets a node tell of the volumes that an instance needs.
func (w *world) makeVolumes(pl *cluster.Placement) {
	row := w.components[pl.Component]
	if row == nil || row.Placed(pl.PlacedVersion) == nil {
		return
	}
	for _, v := range row.Placed(pl.PlacedVersion).Effective.Volumes {
		if n := *w.nodes[pl.Node]; v.Type == "volume" && n.Mounts != nil {
			n.Mounts = maps.Clone(n.Mounts)
			n.Mounts[v.Source] = cluster.Present
			w.nodes[pl.Node] = &n
		}
	}
}

// act lets the nodes take one step with every placement. Those that are lost
// go on as they were until they are back; then they stop what has no row.
func (w *world) act(fails func(*cluster.Placement) bool) {
	for id, i := range w.instances {
		if w.placements[id] == nil && !w.nodes[i.Node].Lost {
			delete(w.instances, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.placements)) {
		pl, i := w.placements[id], w.instances[id]
		switch {
		case w.nodes[pl.Node].Lost:
		case pl.Want == cluster.WantRun && i == nil:
			w.report(pl, cluster.InstanceStarting, "")
			w.instances[id].LaunchedAt = w.now
		case pl.Want == cluster.WantRun && fails != nil && fails(pl) && i.State == cluster.InstanceBackoff:
			w.report(pl, cluster.InstanceStarting, cluster.ReasonExited)
			w.instances[id].Restarts++
		case pl.Want == cluster.WantRun && fails != nil && fails(pl):
			w.report(pl, cluster.InstanceBackoff, cluster.ReasonExited)
		case pl.Want == cluster.WantRun && i.State != cluster.InstanceReady:
			w.report(pl, cluster.InstanceReady, "")
			w.instances[id].ReadyAt = w.now
			w.makeVolumes(pl)
		case pl.Want == cluster.WantStop && i != nil && i.State == cluster.InstanceReady:
			w.report(pl, cluster.InstanceDraining, "")
		case pl.Want == cluster.WantStop && i != nil && i.State == cluster.InstanceDraining:
			w.report(pl, cluster.InstanceStopping, "")
		case pl.Want == cluster.WantStop:
			delete(w.instances, id)
		}
	}
}

// pull lets what has just begun find that it has no image yet.
func (w *world) pull() {
	for id, i := range w.instances {
		if pl := w.placements[id]; pl != nil && i.State == cluster.InstanceStarting {
			w.report(pl, cluster.InstancePulling, i.Reason)
		}
	}
}

func (w *world) report(pl *cluster.Placement, s cluster.InstanceState, r cluster.Reason) {
	i := cluster.Instance{Placement: pl.ID, Component: pl.Component, Node: pl.Node}
	if old := w.instances[pl.ID]; old != nil {
		i = *old
	}
	i.State, i.Reason = s, r
	w.instances[pl.ID] = &i
}

// settle plans and acts until nothing happens any more, in a number of steps
// that is bounded by what there is to replace.
func (w *world) settle(t tester) {
	t.Helper()
	for range 30 + 10*len(w.placements) {
		before := w.picture()
		w.decide(t)
		w.act(nil)
		if w.picture() == before {
			return
		}
	}
	t.Fatalf("does not settle: %s", w.picture())
}

// wait lets time pass until the plan that was asked for, at most d, and settles.
func (w *world) wait(t tester, d time.Duration) {
	t.Helper()
	end := w.now.Add(d)
	for !w.next.IsZero() && !w.next.After(end) {
		if w.next.After(w.now) {
			w.now = w.next
		}
		w.decide(t)
		w.settle(t)
	}
	w.now = end
}

// picture shows what is placed: component/slot@version on node, want, state.
func (w *world) picture() string {
	var lines []string
	for id, pl := range w.placements {
		state := "-"
		if i := w.instances[id]; i != nil {
			state = string(i.State)
		}
		lines = append(lines, fmt.Sprintf("%s/%d@%d %s %s %s", pl.Component, pl.Slot, pl.PlacedVersion, pl.Node, pl.Want, state))
	}
	slices.Sort(lines)
	return fmt.Sprint(lines)
}

// running counts the placements of a component that are wanted.
func (w *world) running(component string) int {
	n := 0
	for _, pl := range w.placements {
		if pl.Component == component && pl.Want == cluster.WantRun {
			n++
		}
	}
	return n
}

// counts are numbers of instances by component.
type counts map[string]int

// expect tells if other numbers of placements are wanted.
func (w *world) expect(t tester, when string, want counts) {
	t.Helper()
	for component, n := range want {
		if got := w.running(component); got != n {
			t.Errorf("%s: %d of %s, want %d: %s", when, got, component, n, w.picture())
		}
	}
}

func (w *world) wake(component string) {
	w.load.Wakes[component] = Wake{At: w.now, Waiting: true, Node: "n1"}
}

func show(writes []cluster.PlacementWrite) string {
	var out []string
	for _, w := range writes {
		switch {
		case w.Rollout != nil:
			out = append(out, fmt.Sprintf("%s %s", w.Rollout.State, w.Rollout.Component))
		case w.Insert != nil:
			out = append(out, fmt.Sprintf("insert %s/%d@%d on %s", w.Insert.Component, w.Insert.Slot, w.Insert.PlacedVersion, w.Insert.Node))
		case w.Want != nil:
			out = append(out, fmt.Sprintf("want %s %s/%d@%d", w.Want.Want, w.Want.Component, w.Want.Slot, w.Want.PlacedVersion))
		default:
			out = append(out, fmt.Sprintf("delete %s/%d", w.Delete.Component, w.Delete.Slot))
		}
	}
	return fmt.Sprint(out)
}
