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

// Load is the load of the whole cluster, as far as it was told lately. It is
// Partial if any node's is missing. Reading it changes nothing, and nobody
// changes what was read.
func (h *Hub) Load() cluster.Load {
	own := h.deps.Loads.Load()
	others, missing := h.tellers(h.deps.Feed.Snapshot())
	sum := h.loads.read(h.opt.Node, own, others)
	sum.Partial = sum.Partial || missing
	return sum
}

// tellers are the other nodes whose load may be known; missing: one that should
// be was never heard.
func (h *Hub) tellers(snap *cluster.Snapshot) (all []expected, missing bool) {
	all = make([]expected, 0, snap.Nodes.Len())
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, node := range h.expected(snap) {
		missed := node.State != cluster.NodeDown
		if r := h.remotes[id]; r != nil {
			all = append(all, expected{&r.load, missed})
		} else {
			missing = missing || missed
		}
	}
	return all, missing
}

// LoadChanged sends when the load of some node has changed so that a plan may
// come out otherwise. Sends coalesce.
func (h *Hub) LoadChanged() <-chan struct{} { return h.loadChanged }

// takeLoad keeps what a node tells of its load.
func (h *Hub) takeLoad(node string, told *loadFrame) {
	t := h.teller(node)
	if t == nil {
		return
	}
	now := time.Now()
	report := loadReport{
		components: make(map[string]cluster.ComponentLoad, len(told.Components)),
		meter:      told.meter(now), instances: told.Instances, at: now,
	}
	for name, l := range told.Components {
		report.components[name] = l.load(now)
	}
	before := h.loads.take(t, node, report)
	if before.at.IsZero() || now.Sub(before.at) > loadFresh || urgent(before.components, report.components) {
		signal(h.loadChanged)
	}
}

// takeMemory keeps what a node tells of the memory that components take there.
func (h *Hub) takeMemory(node string, told map[string]cluster.MemoryUse) {
	if t := h.teller(node); t != nil {
		h.loads.takeMemory(t, told)
	}
}

// teller is what a node tells of its load, nil for one that is gone.
func (h *Hub) teller(node string) *teller {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.remotes[node]; r != nil {
		return &r.load
	}
	return nil
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
