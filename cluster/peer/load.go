package peer

import (
	"context"
	"maps"
	"time"

	"maelstrom/cluster"
)

const (
	loadPace   = 100 * time.Millisecond // of reports while there is load
	loadPeriod = time.Second            // of reports without any
	loadFresh  = 3 * time.Second        // a report counts for this long
	loadRecent = 15 * time.Second       // what was quiet for longer is left out
)

// loadReport is what a node has told of its load.
type loadReport struct {
	node       string
	components map[string]cluster.ComponentLoad
	meter      *cluster.Meter // nil: the node has none
	instances  map[string]int
	memory     map[string]cluster.MemoryUse // kept until it is told again
	at         time.Time                    // zero: nothing yet
}

// Load is the load of the whole cluster, as far as it was told lately. It is
// Partial if any node's is missing. Reading it changes nothing.
func (h *Hub) Load() cluster.Load {
	own := h.deps.Loads.Load()
	reports, missing := h.reports()
	instances := len(own.Instances)
	for _, r := range reports {
		instances += len(r.instances)
	}
	sum := cluster.Load{
		Node: own.Node, Partial: own.Partial || missing, Unmetered: own.Unmetered, Memory: own.Memory,
		Components: make(map[string]cluster.ComponentLoad, max(len(own.Components), int(h.busy.Load()))),
		Meters:     make(map[string]cluster.Meter, len(own.Meters)+len(reports)), Instances: make(map[string]int, instances),
	}
	maps.Copy(sum.Components, own.Components)
	maps.Copy(sum.Meters, own.Meters)
	maps.Copy(sum.Instances, own.Instances)
	for _, r := range reports {
		r.addTo(&sum)
	}
	h.busy.Store(int64(len(sum.Components)))
	return sum
}

// reports are what other nodes have told lately; missing: one is not there.
// Nobody changes what is in them.
func (h *Hub) reports() (fresh []loadReport, missing bool) {
	expected := h.expected(h.deps.Feed.Snapshot())
	fresh = make([]loadReport, 0, len(expected))
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for id, node := range expected {
		r := h.remotes[id]
		if r == nil || r.load.at.IsZero() || now.Sub(r.load.at) > loadFresh {
			missing = missing || node.State != cluster.NodeDown
			continue
		}
		fresh = append(fresh, r.load)
	}
	return fresh, missing
}

func (r *loadReport) addTo(sum *cluster.Load) {
	if r.meter != nil {
		sum.Meters[r.node] = *r.meter
	} else {
		sum.Unmetered = true
	}
	maps.Copy(sum.Instances, r.instances)
	if r.memory != nil {
		sum.Memory = append(sum.Memory, cluster.NodeMemory{Node: r.node, Uses: r.memory})
	}
	for name, l := range r.components {
		if before, ok := sum.Components[name]; ok {
			l = add(before, l)
		}
		sum.Components[name] = l
	}
}

// LoadChanged sends when the load of some node has changed so that a plan may
// come out otherwise. Sends coalesce.
func (h *Hub) LoadChanged() <-chan struct{} { return h.loadChanged }

// add sums two nodes' load of a component.
func add(a, b cluster.ComponentLoad) cluster.ComponentLoad {
	sum := cluster.ComponentLoad{
		InFlight: a.InFlight + b.InFlight, Queued: a.Queued + b.Queued,
		OldestWait: max(a.OldestWait, b.OldestWait), ServiceTime: a.ServiceTime,
		LastRequest: latest(a.LastRequest, b.LastRequest), Total: a.Total + b.Total, Streams: a.Streams + b.Streams, Work: a.Work + b.Work,
		BusySince: a.BusySince, Answered: latest(a.Answered, b.Answered),
	}
	if a.BusySince.IsZero() || !b.BusySince.IsZero() && b.BusySince.Before(a.BusySince) {
		sum.BusySince = b.BusySince
	}
	if b.ServiceTime > 0 {
		// By what each has seen: a mean of few requests says little.
		weightA, weightB := float64(a.Total), float64(max(b.Total, 1))
		if a.ServiceTime == 0 {
			weightA = 0
		}
		sum.ServiceTime = time.Duration((float64(a.ServiceTime)*weightA + float64(b.ServiceTime)*weightB) / (weightA + weightB))
	}
	return sum
}

// takeLoad keeps what a node tells of its load.
func (h *Hub) takeLoad(node string, told *loadFrame) {
	now := time.Now()
	report := loadReport{
		node:       node,
		components: make(map[string]cluster.ComponentLoad, len(told.Components)),
		meter:      told.meter(now), instances: told.Instances, at: now,
	}
	for name, l := range told.Components {
		report.components[name] = l.load(now)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.remotes[node]
	if r == nil {
		return
	}
	old := r.load
	report.memory = old.memory
	r.load = report
	if old.at.IsZero() || now.Sub(old.at) > loadFresh || urgent(old.components, report.components) {
		signal(h.loadChanged)
	}
}

// takeMemory keeps what a node tells of the memory that components take there.
func (h *Hub) takeMemory(node string, told map[string]cluster.MemoryUse) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.remotes[node]; r != nil {
		r.load.memory = told
	}
}

// urgent tells whether a queue has grown, or a component's load came from or
// went to nothing.
func urgent(old, now map[string]cluster.ComponentLoad) bool {
	for name, l := range now {
		before := old[name]
		if l.Queued > before.Queued || busy(l) != busy(before) {
			return true
		}
	}
	for name, before := range old {
		if _, told := now[name]; !told && busy(before) {
			return true
		}
	}
	return false
}

func busy(l cluster.ComponentLoad) bool { return l.InFlight+l.Queued > 0 }

// reportLoads tells the holder of the role placement what this node's gateway
// sees, until ctx ends. A node that holds the role reads that where it needs it.
func (h *Hub) reportLoads(ctx context.Context) {
	tick := time.NewTicker(loadPace)
	defer tick.Stop()
	var to *stream
	var sent time.Time
	changed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.deps.Loads.LoadChanged():
			signal(h.loadChanged)
			changed = true
			continue
		case <-tick.C:
		}
		holder := h.holder()
		now := time.Now()
		if holder == nil || holder == to && !changed && now.Sub(sent) < loadPeriod {
			to = holder
			continue
		}
		to, sent, changed = holder, now, h.report(holder, now)
	}
}

// holder is the stream to who holds the role placement, nil if that is this
// node, or there is none.
func (h *Hub) holder() *stream {
	node := h.Standing().Holder
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.remotes[node]; r != nil && node != h.opt.Node {
		return r.stream
	}
	return nil
}

// report tells the load as it is; true: there is some.
func (h *Hub) report(to *stream, now time.Time) (any bool) {
	told := map[string]loadOf{}
	load := h.deps.Loads.Load()
	for name, l := range load.Components {
		any = any || busy(l)
		if busy(l) || now.Sub(l.LastRequest) < loadRecent {
			told[name] = onWire(l, now)
		}
	}
	m := load.Meters[h.opt.Node]
	f := &loadFrame{Components: told, Epoch: m.Epoch, Clock: m.Clock, Instances: load.Instances}
	encoded, err := (&frame{Load: f}).encode()
	if err != nil {
		h.log.Error("load is not told", "error", err)
		return any
	}
	to.put(partLoad, encoded)
	h.reportMemory(to, load.Memory)
	return any
}

// reportMemory tells what components have in memory here, where that is new to
// the other side.
func (h *Hub) reportMemory(to *stream, own []cluster.NodeMemory) {
	uses := h.memory.due(to, own)
	if uses == nil {
		return
	}
	encoded, err := (&frame{Memory: uses}).encode()
	if err != nil {
		h.log.Error("memory in use is not told", "error", err)
		return
	}
	to.put(partMemory, encoded)
}

// toldMemory is what was told of the memory in use.
type toldMemory struct {
	to   *stream
	uses map[string]cluster.MemoryUse
}

// due returns what is to be told now; nil: nothing that is new.
func (m *toldMemory) due(to *stream, own []cluster.NodeMemory) map[string]cluster.MemoryUse {
	if len(own) == 0 || m.to == to && maps.Equal(m.uses, own[0].Uses) {
		return nil
	}
	m.to, m.uses = to, own[0].Uses
	return m.uses
}

// meter is the reading that a report brings; nil: its node has no meter.
func (f *loadFrame) meter(now time.Time) *cluster.Meter {
	if f.Clock == 0 {
		return nil
	}
	m := &cluster.Meter{Epoch: f.Epoch, Clock: f.Clock, At: now, Work: make(map[string]float64, len(f.Components))}
	for name, l := range f.Components {
		m.Work[name] = l.Work
	}
	return m
}

func onWire(l cluster.ComponentLoad, now time.Time) loadOf {
	w := loadOf{ComponentLoad: l, Idle: -1, Busy: since(l.BusySince, now), Answered: since(l.Answered, now)}
	if !l.LastRequest.IsZero() {
		w.Idle = max(0, now.Sub(l.LastRequest))
	}
	w.LastRequest = time.Time{}
	return w
}

// since is zero for no time alone.
func since(t, now time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(1, now.Sub(t))
}

// load is what was told, by the clock of who has it.
func (w *loadOf) load(now time.Time) cluster.ComponentLoad {
	l := w.ComponentLoad
	l.LastRequest = time.Time{}
	if w.Idle >= 0 {
		l.LastRequest = now.Add(-w.Idle)
	}
	if w.Busy > 0 {
		l.BusySince = now.Add(-w.Busy)
	}
	if w.Answered > 0 {
		l.Answered = now.Add(-w.Answered)
	}
	return l
}
