package peer

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
)

// What is kept added up is what adding up afresh gives, whatever nodes tell, and
// whichever fall silent, are lost, leave and come back; and what was read stays
// as it was.
func TestKeptSumsAreThoseMadeAfresh(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var failed any
		synctest.Test(t, func(*testing.T) {
			defer func() { failed = recover() }()
			c := newTold(rt)
			read := c.hub.Load()
			for range rapid.IntRange(1, 40).Draw(rt, "steps") {
				kept := copyOf(read)
				c.step()
				if s := c.hub.loads; len(s.due) > len(s.shares) {
					rt.Fatalf("%d of %d are to be added up", len(s.due), len(s.shares))
				}
				if rapid.IntRange(0, 2).Draw(rt, "read") > 0 {
					later := c.hub.Load()
					c.same(later, c.afresh())
					c.same(read, kept)
					read = later
				}
			}
			c.same(c.hub.Load(), c.afresh())
		})
		if failed != nil {
			panic(failed) // rapid's own, in the goroutine where it is looked for
		}
	})
}

// A node leaves, joins anew and tells its load, all before it is asked for: what is
// taken out of who it was is not what it tells now.
func TestLoadOfANodeThatHasComeBackCounts(t *testing.T) {
	h := New(Options{Node: "own"}, Deps{Loads: viewed{}, Feed: viewed{snap: cluster.NewSnapshot().With(cluster.ChangeSet{
		Number: 1, Full: true, Nodes: map[string]*cluster.Node{"a": {ID: "a", State: cluster.NodeUp, Peers: true}},
	})}})
	f := &loadFrame{Epoch: 1, Clock: time.Minute, Instances: map[string]int{"p": 1}, Components: map[string]loadOf{"web": {}}}
	for range 2 {
		h.remotes["a"] = &remote{}
		h.takeLoad("a", f)
		if l := h.Load(); l.Partial || len(l.Meters) != 1 || l.Instances["p"] != 1 || len(l.Components) != 1 {
			t.Errorf("%+v", l)
		}
	}
}

// told is a hub, and what it was told.
type told struct {
	t      *rapid.T
	hub    *Hub
	nodes  map[string]*cluster.Node
	loads  map[string]loadReport
	memory map[string]map[string]cluster.MemoryUse
	own    cluster.Load
	Feed
}

func newTold(t *rapid.T) *told {
	c := &told{t: t, nodes: map[string]*cluster.Node{}, loads: map[string]loadReport{}, memory: map[string]map[string]cluster.MemoryUse{}}
	c.hub = New(Options{Node: "own"}, Deps{Feed: c, Loads: c})
	c.nodes["own"] = &cluster.Node{ID: "own", State: cluster.NodeUp, Peers: true}
	c.tellOwn()
	return c
}

func (c *told) Snapshot() *cluster.Snapshot {
	return cluster.NewSnapshot().With(cluster.ChangeSet{Number: 1, Full: true, Nodes: c.nodes})
}

func (c *told) Load() cluster.Load           { return copyOf(c.own) }
func (c *told) LoadChanged() <-chan struct{} { return nil }

// node draws a name: more of them than are added up at once.
func (c *told) node() string {
	return fmt.Sprint("n", rapid.IntRange(0, fewTellers+3).Draw(c.t, "node"))
}

func (c *told) step() {
	id := c.node()
	switch rapid.IntRange(0, 11).Draw(c.t, "what") {
	case 0, 1, 2, 3, 4:
		c.tell(id)
	case 5:
		for n := range fewTellers + 4 {
			c.tell(fmt.Sprint("n", n))
		}
	case 6:
		pass(time.Duration(rapid.IntRange(1, int(loadFresh/time.Millisecond)).Draw(c.t, "ms")) * time.Millisecond)
	case 7:
		states := []cluster.NodeState{cluster.NodeUp, cluster.NodeDown}
		c.nodes[id] = &cluster.Node{ID: id, State: rapid.SampledFrom(states).Draw(c.t, "state"), Peers: rapid.Bool().Draw(c.t, "peers")}
	case 8: // its row is gone, and it may tell on
		delete(c.nodes, id)
	case 9: // it has left
		delete(c.nodes, id)
		c.hub.mu.Lock()
		delete(c.hub.remotes, id)
		c.hub.mu.Unlock()
		delete(c.loads, id)
		delete(c.memory, id)
	case 10:
		c.tellOwn()
	case 11:
		if c.hub.remotes[id] != nil {
			c.memory[id] = map[string]cluster.MemoryUse{"a": {MiB: rapid.Int64Range(1, 9).Draw(c.t, "mib")}}
			c.hub.takeMemory(id, c.memory[id])
		}
	}
}

// tell has a node tell what it is asked to do, as a report brings it.
func (c *told) tell(id string) {
	c.hub.mu.Lock()
	c.hub.remote(id)
	c.hub.mu.Unlock()
	d := c.dice()
	if _, known := c.nodes[id]; !known && d.IntN(2) == 0 {
		c.nodes[id] = &cluster.Node{ID: id, State: cluster.NodeUp, Peers: true}
	}
	f := &loadFrame{Components: map[string]loadOf{}, Instances: map[string]int{}}
	if d.IntN(5) > 0 {
		f.Epoch, f.Clock = d.Int64N(2), time.Minute
	}
	now := time.Now()
	several := d.IntN(2) == 0
	for name, l := range components(d) {
		f.Components[name] = onWire(l, now)
		if several {
			f.Instances[id+name] = l.InFlight
		}
	}
	c.hub.takeLoad(id, f)
	is := loadReport{components: map[string]cluster.ComponentLoad{}, instances: maps.Clone(f.Instances), meter: f.meter(now), at: now}
	for name, l := range f.Components {
		is.components[name] = l.load(now)
	}
	c.loads[id] = is
}

func (c *told) tellOwn() {
	d := c.dice()
	all := components(d)
	c.own = cluster.Load{Node: "own", Components: all, Instances: map[string]int{}, Meters: map[string]cluster.Meter{}}
	if d.IntN(2) == 0 {
		c.own.Meters["own"] = cluster.Meter{Epoch: 1, Clock: time.Minute, At: time.Now()}
	}
	for name, l := range all {
		c.own.Instances["own"+name] = l.InFlight
	}
	c.own.Partial, c.own.Unmetered = d.IntN(2) == 0, d.IntN(2) == 0
	c.own.Memory = []cluster.NodeMemory{{Node: "own", Uses: map[string]cluster.MemoryUse{"a": {MiB: 1}}}}
}

// dice are thrown where there is much to draw.
func (c *told) dice() *rand.Rand {
	return rand.New(rand.NewPCG(rapid.Uint64().Draw(c.t, "dice"), 0))
}

func components(d *rand.Rand) map[string]cluster.ComponentLoad {
	all := map[string]cluster.ComponentLoad{}
	ago := func() (at time.Time) {
		if n := d.IntN(9); n > 0 {
			at = time.Now().Add(-time.Duration(n) * time.Second)
		}
		return at
	}
	for _, name := range []string{"a", "b", "c"} {
		if d.IntN(4) == 0 {
			continue
		}
		all[name] = cluster.ComponentLoad{
			InFlight: d.IntN(9), Queued: d.IntN(9), Streams: d.IntN(9), Total: d.Int64N(9), Work: d.Float64(),
			OldestWait: time.Duration(d.IntN(9)), ServiceTime: time.Duration(d.IntN(9)) * time.Millisecond,
			LastRequest: ago(), BusySince: ago(), Answered: ago(),
		}
	}
	return all
}

// afresh adds up what counts now.
func (c *told) afresh() cluster.Load {
	now := time.Now()
	sum := copyOf(c.own)
	each := map[string][]cluster.ComponentLoad{}
	for name, l := range c.own.Components {
		each[name] = append(each[name], l)
	}
	for id, node := range c.nodes {
		r, is := c.loads[id]
		switch {
		case id == "own" || !node.Peers:
			continue
		case !is || now.Sub(r.at) > loadFresh:
			sum.Partial = sum.Partial || node.State != cluster.NodeDown
			continue
		case r.meter == nil:
			sum.Unmetered = true
		default:
			sum.Meters[id] = *r.meter
		}
		maps.Copy(sum.Instances, r.instances)
		for name, l := range r.components {
			each[name] = append(each[name], l)
		}
		if uses, told := c.memory[id]; told {
			sum.Memory = append(sum.Memory, cluster.NodeMemory{Node: id, Uses: uses})
		}
	}
	sum.Components = map[string]cluster.ComponentLoad{}
	for name, list := range each {
		sum.Components[name] = sumOf(list)
	}
	return sum
}

// sumOf is what a component's load means on several nodes.
func sumOf(list []cluster.ComponentLoad) (sum cluster.ComponentLoad) {
	var answered, of float64
	for _, l := range list {
		sum.InFlight += l.InFlight
		sum.Queued += l.Queued
		sum.Streams += l.Streams
		sum.Total += l.Total
		sum.Work += l.Work
		sum.OldestWait = max(sum.OldestWait, l.OldestWait)
		if l.LastRequest.After(sum.LastRequest) {
			sum.LastRequest = l.LastRequest
		}
		if l.Answered.After(sum.Answered) {
			sum.Answered = l.Answered
		}
		if !l.BusySince.IsZero() && (sum.BusySince.IsZero() || l.BusySince.Before(sum.BusySince)) {
			sum.BusySince = l.BusySince
		}
		if l.ServiceTime > 0 {
			n := float64(max(1, l.Total))
			answered, of = answered+n*l.ServiceTime.Seconds(), of+n
		}
	}
	if of > 0 {
		sum.ServiceTime = time.Duration(answered / of * 1e9)
	}
	return sum
}

// same compares two loads: the order in which they were added up is no matter.
func (c *told) same(is, want cluster.Load) {
	c.t.Helper()
	if is.Partial != want.Partial || is.Unmetered != want.Unmetered {
		c.t.Fatalf("partial %v and unmetered %v, want %v and %v", is.Partial, is.Unmetered, want.Partial, want.Unmetered)
	}
	if !maps.EqualFunc(is.Components, want.Components, alike) {
		c.t.Fatalf("components %+v, want %+v", is.Components, want.Components)
	}
	if !maps.Equal(is.Instances, want.Instances) {
		c.t.Fatalf("instances %v, want %v", is.Instances, want.Instances)
	}
	if !maps.EqualFunc(is.Meters, want.Meters, func(a, b cluster.Meter) bool {
		return a.Epoch == b.Epoch && a.Clock == b.Clock && a.At.Equal(b.At) && maps.Equal(a.Work, b.Work)
	}) {
		c.t.Fatalf("meters %v, want %v", is.Meters, want.Meters)
	}
	if a, b := memoryOf(is), memoryOf(want); len(is.Memory) != len(want.Memory) || !maps.EqualFunc(a, b, maps.Equal) {
		c.t.Fatalf("memory %v, want %v", a, b)
	}
}

func alike(a, b cluster.ComponentLoad) bool {
	exact := (a.ServiceTime-b.ServiceTime).Abs() <= time.Microsecond && math.Abs(a.Work-b.Work) < 1e-9 &&
		a.LastRequest.Equal(b.LastRequest) && a.BusySince.Equal(b.BusySince) && a.Answered.Equal(b.Answered)
	a.LastRequest, a.BusySince, a.Answered = b.LastRequest, b.BusySince, b.Answered
	a.ServiceTime, a.Work = b.ServiceTime, b.Work
	return exact && a == b
}

func memoryOf(l cluster.Load) map[string]map[string]cluster.MemoryUse {
	all := map[string]map[string]cluster.MemoryUse{}
	for _, m := range l.Memory {
		all[m.Node] = m.Uses
	}
	return all
}

func copyOf(l cluster.Load) cluster.Load {
	l.Components, l.Meters, l.Instances = maps.Clone(l.Components), maps.Clone(l.Meters), maps.Clone(l.Instances)
	l.Memory = slices.Clone(l.Memory)
	return l
}
