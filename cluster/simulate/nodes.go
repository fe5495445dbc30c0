package simulate

import (
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
)

// The times of nodes, as in a cluster.
const (
	quietTime  = 10 * time.Millisecond  // until a node has agreed with the database that an idle instance stops
	stopTime   = 100 * time.Millisecond // that a container takes to be gone
	silentTime = 2 * time.Second        // until a node that died is not heard
	staleTime  = 3 * time.Second        // until its load is not known
	lostTime   = 10 * time.Second       // until it is lost
)

// node is a machine as the simulation goes on.
type node struct {
	row       *cluster.Node
	joined    bool
	dead      bool
	deaths    int
	stale     bool // its load is not known
	counter   int64
	reserved  int64
	instances map[string]*instance // by placement
}

// instance is a container.
type instance struct {
	pl       *cluster.Placement
	q        *queue
	node     *node
	state    cluster.InstanceState
	launched time.Duration
	readyAt  time.Duration
	drained  time.Duration // since when it drains
	inFlight int
	streams  int  // of inFlight
	cold     bool // has answered a request that found none ready

	cut   cluster.Reason // why its requests have broken off
	cutAt time.Duration
}

// join adds a node, or brings one back.
func (w *world) join(n *node) {
	if n.joined && !n.dead {
		return
	}
	row := *n.row
	row.State, row.Lost, row.Drain = cluster.NodeUp, false, cluster.DrainNone
	row.Epoch++
	row.StartedAt, row.SeenAt = w.time(), w.time()
	n.row, n.joined, n.dead, n.stale, n.counter = &row, true, false, false, 0
	w.putNode(n)
	w.hear(n, true)
	rows, _ := w.snapshot.ByNode.Get(row.ID)
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		if rows[id].Want == cluster.WantRun {
			w.launch(rows[id])
		}
	}
	w.listInstances(n)
	if w.now > 0 {
		w.note(Move{What: "joins", Node: row.Name})
	}
}

// die ends a node without a word. That is noticed after a while.
func (w *world) die(n *node) {
	if !n.joined || n.dead {
		return
	}
	n.dead = true
	n.deaths++
	for _, id := range slices.Sorted(maps.Keys(n.instances)) {
		i := n.instances[id]
		w.breakOff(i, cluster.ReasonNodeLost)
		w.leave(i)
	}
	clear(n.instances)
	w.calendar.add(due{at: w.now + silentTime, kind: silent, node: n, n: n.deaths})
	w.calendar.add(due{at: w.now + staleTime, kind: unknown, node: n, n: n.deaths})
	w.calendar.add(due{at: w.now + lostTime, kind: lost, node: n, n: n.deaths})
	w.note(Move{What: "dies", Node: n.row.Name})
}

// missed follows what is noticed of a node that died.
func (w *world) missed(n *node, k kind) {
	switch k {
	case silent:
		w.hear(n, false)
	case unknown:
		n.stale = true
	case lost:
		row := *n.row
		row.State, row.Lost = cluster.NodeDown, true
		n.row, n.stale = &row, false
		w.putNode(n)
		w.note(Move{What: "lost", Node: row.Name})
	}
	w.planBy(w.now)
}

// hear says whether a node is heard.
func (w *world) hear(n *node, heard bool) {
	s := *w.snapshot
	if heard {
		s.Silent = s.Silent.With(nil, []string{n.row.ID})
	} else {
		s.Silent = s.Silent.With(map[string]bool{n.row.ID: true}, nil)
	}
	w.snapshot = &s
}

// drain empties a node, or takes it into use again.
func (w *world) drain(n *node, away bool) {
	if !n.joined || n.dead {
		return
	}
	row := *n.row
	row.State, row.Drain = cluster.NodeUp, cluster.DrainNone
	what := "undrains"
	if away {
		row.State, row.Drain, what = cluster.NodeDraining, cluster.DrainMove, "drains"
	}
	n.row = &row
	w.putNode(n)
	w.note(Move{What: what, Node: row.Name})
}

func (w *world) putNode(n *node) {
	w.change(cluster.ChangeSet{Nodes: map[string]*cluster.Node{n.row.ID: n.row}})
	w.planBy(w.now)
}

// listInstances tells what a node has.
func (w *world) listInstances(n *node) {
	n.counter++
	l := cluster.InstanceList{Node: n.row.ID, Epoch: n.row.Epoch, Counter: n.counter}
	for _, i := range n.instances {
		l.Instances = append(l.Instances, w.instanceRow(i))
	}
	w.snapshot = w.snapshot.WithInstances(l)
	w.planBy(w.now)
}

func (w *world) instanceRow(i *instance) cluster.Instance {
	row := cluster.Instance{
		Placement: i.pl.ID, Component: i.pl.Component, ComponentVersion: i.pl.PlacedVersion, Slot: i.pl.Slot,
		Node: i.pl.Node, State: i.state, LaunchedAt: w.at(i.launched), StartedAt: w.at(i.launched),
	}
	if i.readyAt > 0 {
		row.ReadyAt, row.WasReady, row.Address = w.at(i.readyAt), true, i.pl.ID
	}
	return row
}

// launch begins to start what was placed.
func (w *world) launch(pl *cluster.Placement) {
	n, q := w.nodes[pl.Node], w.queues[pl.Component]
	i := &instance{pl: pl, q: q, node: n, state: cluster.InstanceStarting, launched: w.now}
	n.instances[pl.ID] = i
	q.starting++
	q.result.Starts++
	w.calendar.add(due{at: w.now + q.startTime(w.now), kind: started, i: i})
	w.noteInstance("starts", i)
}

// began makes an instance ready, and gives it what waits.
func (w *world) began(i *instance) {
	if i.state != cluster.InstanceStarting || i.cut != "" {
		return
	}
	i.q.count(w.now)
	i.q.starting--
	i.state, i.readyAt = cluster.InstanceReady, w.now
	i.q.put(i)
	i.q.result.MostReady = max(i.q.result.MostReady, len(i.q.ready))
	w.makeVolumes(i)
	w.listInstances(i.node)
	w.noteInstance("ready", i)
	w.hand(i.q)
}

// end stops an instance: one that is ready finishes what it has.
func (w *world) end(i *instance) {
	i.q.count(w.now)
	switch i.state {
	case cluster.InstanceStarting:
		i.q.starting--
		w.stop(i)
	case cluster.InstanceReady:
		i.q.remove(i)
		i.state, i.drained = cluster.InstanceDraining, w.now
		limit := max(quietTime, i.q.row.Effective.DrainTimeout())
		w.calendar.add(due{at: w.now + quietTime, kind: quiet, i: i})
		w.calendar.add(due{at: w.now + limit, kind: cutOff, i: i})
		w.noteInstance("drains", i)
	}
	w.listInstances(i.node)
}

// turnBack takes an instance into use again that drains.
func (w *world) turnBack(i *instance) {
	if i.state != cluster.InstanceDraining {
		return
	}
	i.q.count(w.now)
	i.state, i.drained = cluster.InstanceReady, 0
	i.q.put(i)
	w.listInstances(i.node)
	w.noteInstance("turns back", i)
	w.hand(i.q)
}

// quiet stops an instance that has drained.
func (w *world) quiet(i *instance) {
	if i.state == cluster.InstanceDraining && i.inFlight == 0 && i.cut == "" && w.now >= i.drained+quietTime {
		w.stop(i)
		w.listInstances(i.node)
	}
}

// outOfTime stops an instance that has drained for as long as it may.
func (w *world) outOfTime(i *instance) {
	limit := max(quietTime, i.q.row.Effective.DrainTimeout())
	if i.state != cluster.InstanceDraining || i.cut != "" || w.now < i.drained+limit {
		return
	}
	w.breakOff(i, cluster.ReasonDraining)
	w.stop(i)
	w.listInstances(i.node)
}

// breakOff ends what an instance has in flight without an answer.
func (w *world) breakOff(i *instance, why cluster.Reason) {
	i.q.count(w.now)
	i.q.remove(i)
	if i.state == cluster.InstanceStarting {
		i.q.starting--
	}
	i.q.inFlight -= i.inFlight
	i.q.streams -= i.streams
	i.cut, i.cutAt = why, w.now
	broken := int64(i.inFlight)
	if broken > 0 {
		i.q.answered = w.now
	}
	if i.ended(request{stream: true}) == cluster.ReasonNone {
		broken -= int64(i.streams)
		i.q.result.Answered += int64(i.streams)
	}
	i.q.result.failed(why, broken)
	i.inFlight, i.streams = 0, 0
}

// ended is what has become of a request on an instance whose requests have
// broken off. The streams of one that leaves are told to end.
func (i *instance) ended(r request) cluster.Reason {
	if r.stream && i.cut == cluster.ReasonDraining {
		return cluster.ReasonNone
	}
	return i.cut
}

func (w *world) stop(i *instance) {
	i.state = cluster.InstanceStopping
	w.calendar.add(due{at: w.now + stopTime, kind: stopped, i: i})
	w.noteInstance("stops", i)
}

// leave forgets an instance.
func (w *world) leave(i *instance) {
	if i.node.instances[i.pl.ID] == i {
		delete(i.node.instances, i.pl.ID)
	}
}

// makeVolumes lets a node tell of the volumes that an instance has made there.
func (w *world) makeVolumes(i *instance) {
	n := i.node
	row := *n.row
	for _, v := range i.q.row.Effective.Volumes {
		if v.Type == "volume" && row.Mounts[v.Source] != cluster.Present {
			row.Mounts = maps.Clone(row.Mounts)
			row.Mounts[v.Source] = cluster.Present
			n.row = &row
			w.putNode(n)
		}
	}
}
