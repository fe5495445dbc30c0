package simulate

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/scheduler"
	"maelstrom/project"
)

// world is a simulation under way.
type world struct {
	s        Scenario
	now      time.Duration
	calendar calendar
	snapshot *cluster.Snapshot
	result   *Result

	nodes  map[string]*node
	queues map[string]*queue
	listed []*node  // by name
	all    []*queue // by name
	loads  []*arrivals

	memory   scheduler.Memory
	stopping map[string]bool // placements that the store would not turn back
	wakes    map[string]scheduler.Wake
	entry    int // of nodes: where the next wake comes in
	ids      int
	reserved int64
	requests int64

	planned bool // a plan is noted, at
	planAt  time.Duration
	pulsed  time.Duration // when a changed load was last planned for
	again   int           // plans at one time

	check func() // after each plan; nil: not
}

// Run simulates a scenario to its end, or until ctx ends.
func Run(ctx context.Context, s Scenario) (*Result, error) {
	w, err := newWorld(s)
	if err != nil {
		return nil, err
	}
	return w.run(ctx)
}

func newWorld(s Scenario) (*world, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if s.QueueLimit == 0 {
		s.QueueLimit = 10_000
	}
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	w := &world{
		s: s, snapshot: cluster.NewSnapshot(), result: newResult(&s), pulsed: -time.Hour,
		nodes: map[string]*node{}, queues: map[string]*queue{},
		stopping: map[string]bool{}, wakes: map[string]scheduler.Wake{},
	}
	w.declare()
	if s.Crons {
		w.addCrons()
	}
	w.addNodes()
	if err := w.addLoads(); err != nil {
		return nil, err
	}
	for k, e := range w.s.Events {
		w.calendar.add(due{at: e.At, kind: incident, n: k})
	}
	w.calendar.add(due{at: s.tick(), kind: sample})
	return w, nil
}

// source is a source of chance of its own for each purpose, so that another
// request of one component changes nothing for others.
func (w *world) source(purpose, name string) *rand.Rand {
	h := w.s.Seed
	for _, b := range []byte(purpose + " " + name) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(w.s.Seed, h))
}

// declare stores the components, proven and released: it is not their roll-out
// that is asked about.
func (w *world) declare() {
	rows := map[string]*cluster.ComponentRow{}
	for _, p := range w.s.Projects {
		for k := range p.Components {
			spec := &p.Components[k]
			e := spec.Effective()
			row := &cluster.ComponentRow{Spec: spec, Effective: &e, Version: 1, RestartVersion: 1, Released: 1, Proven: 1, ModifiedAt: w.s.Start}
			rows[spec.Name] = row
			w.addQueue(row)
		}
	}
	slices.SortFunc(w.all, func(a, b *queue) int { return cmp.Compare(a.name, b.name) })
	for _, q := range w.all {
		w.result.Components = append(w.result.Components, q.result)
	}
	w.change(cluster.ChangeSet{Components: rows})
}

func (w *world) addQueue(row *cluster.ComponentRow) {
	name := row.Spec.Name
	q := &queue{
		name: name, row: row, result: newComponentResult(name), as: w.s.behavior(name),
		starts: w.source("start", name), serves: w.source("service", name),
		limit: row.Effective.MaxConcurrency, most: w.s.QueueLimit, within: row.Effective.MaxDuration(),
	}
	if row.Effective.SoftConcurrencyLimit {
		q.limit = 0
	}
	if q.within <= 0 {
		q.within = time.Duration(project.DefaultMaxDurationSeconds) * time.Second
	}
	w.queues[name] = q
	w.all = append(w.all, q)
}

// addNodes adds the nodes, with every image and every path of the host that a
// component asks for.
func (w *world) addNodes() {
	mounts := map[string]cluster.Presence{}
	var images []string
	for _, q := range w.all {
		images = append(images, q.row.Effective.Image)
		for _, v := range q.row.Effective.Volumes {
			if mounts[v.Source] = cluster.Present; v.Type == "volume" {
				mounts[v.Source] = cluster.Absent
			}
		}
	}
	slices.Sort(images)
	images = slices.Compact(images)
	images = images[:min(len(images), cluster.MaxNodeImages)]
	for _, given := range w.s.Nodes {
		n := &node{instances: map[string]*instance{}, row: &cluster.Node{
			ID: given.Name, Name: given.Name, MemoryTotalMiB: given.MemoryMiB, Labels: given.Labels, Images: images, Mounts: mounts,
		}}
		w.nodes[given.Name] = n
		w.listed = append(w.listed, n)
		if given.Joins == 0 {
			w.join(n)
			continue
		}
		w.s.Events = append(w.s.Events[:len(w.s.Events):len(w.s.Events)], Event{At: given.Joins, Node: given.Name, Kind: NodeJoins})
	}
	slices.SortFunc(w.listed, func(a, b *node) int { return cmp.Compare(a.row.ID, b.row.ID) })
}

func (w *world) addLoads() error {
	start := w.s.Start.In(w.s.Zone)
	clock := time.Duration(start.Hour())*time.Hour + time.Duration(start.Minute())*time.Minute + time.Duration(start.Second())*time.Second
	for k := range w.s.Loads {
		l := &w.s.Loads[k]
		if l.Pattern != nil {
			if err := l.Pattern.Check(); err != nil {
				return fmt.Errorf("load of %s: %w", l.Component, err)
			}
		} else if !slices.IsSortedFunc(l.Requests, func(a, b Request) int { return cmp.Compare(a.At, b.At) }) {
			return fmt.Errorf("the requests of %s are not in the order of their times", l.Component)
		}
		w.loads = append(w.loads, newArrivals(l, clock, w.s.Length, w.source("load", fmt.Sprint(l.Component, k))))
		w.comeNext(k)
	}
	return nil
}

// comeNext notes the next request of a load.
func (w *world) comeNext(load int) {
	if r, ok := w.loads[load].take(); ok {
		w.calendar.add(due{at: max(w.now, r.At), kind: arrival, n: load, r: request{service: r.Service, stream: r.Stream}})
	}
}

// breath is how many steps there are between two looks at the context.
const breath = 1 << 16

func (w *world) run(ctx context.Context) (*Result, error) {
	w.planBy(0)
	for steps := 1; len(w.calendar.list) > 0 && w.calendar.list[0].at <= w.s.Length; steps++ {
		d := w.calendar.take()
		if d.at > w.now {
			w.now, w.again = d.at, 0
		}
		w.step(&d)
		if steps%breath != 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if w.s.Progress != nil {
			w.s.Progress(w.now, w.requests)
		}
	}
	w.now = w.s.Length
	w.finish()
	return w.result, nil
}

func (w *world) step(d *due) {
	switch d.kind {
	case arrival:
		w.arrive(w.queues[w.s.Loads[d.n].Component], Request{Service: d.r.service, Stream: d.r.stream})
		w.comeNext(d.n)
	case finish:
		w.finished(d.q, d.i, d.r)
	case started:
		w.began(d.i)
	case quiet:
		w.quiet(d.i)
	case cutOff:
		w.outOfTime(d.i)
	case stopped:
		w.gone(d.i)
	case overdue:
		w.giveUp(d.q)
	case incident:
		w.happen(w.s.Events[d.n])
	case silent, unknown, lost:
		if d.node.dead && d.node.deaths == d.n {
			w.missed(d.node, d.kind)
		}
	case plan:
		if w.planned && d.at == w.planAt {
			w.plan()
		}
	case sample:
		w.sample()
		w.calendar.add(due{at: w.now + w.s.tick(), kind: sample})
	}
}

func (w *world) gone(i *instance) {
	if i.node.instances[i.pl.ID] != i {
		return
	}
	w.leave(i)
	w.listInstances(i.node)
}

func (w *world) happen(e Event) {
	n := w.nodes[e.Node]
	switch e.Kind {
	case NodeDies:
		w.die(n)
	case NodeJoins:
		w.join(n)
	case NodeDrains, NodeUndrains:
		w.drain(n, e.Kind == NodeDrains)
	}
}

// at is a moment as the cluster has it.
func (w *world) at(d time.Duration) time.Time { return w.s.Start.Add(d) }

func (w *world) time() time.Time { return w.at(w.now) }
