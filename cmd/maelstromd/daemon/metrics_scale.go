package daemon

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"maelstrom/cluster"
	"maelstrom/cluster/placer"
)

// removableFor is how long what was found of nodes serves again: it looks at
// all that is placed.
const removableFor = 15 * time.Second

// scaleMetrics show how the holder of the role placement scales. Other nodes
// have none of them.
type scaleMetrics struct {
	scaling   func() (s placer.Scaling, held bool)
	removable func() []cluster.Removal

	mu    sync.Mutex
	found []cluster.Removal
	at    time.Time
}

var (
	descWanted      = scaleDesc("maelstrom_instances_wanted", "Instances that a component shall have.", "component")
	descForLoad     = scaleDesc("maelstrom_instances_wanted_for_load", "Those of them that load asks for.", "component")
	descLacking     = scaleDesc("maelstrom_instances_unplaceable", "Those of the wanted instances that fit nowhere.", "component")
	descConcurrency = scaleDesc("maelstrom_concurrency_average", "Requests in flight or queued at a time, by window.", "component", "window")
	descPerInstance = scaleDesc("maelstrom_concurrency_per_instance", "Requests at a time that each instance is to have.", "component")
	descPanic       = scaleDesc("maelstrom_autoscaler_panic", "1 while a component is scaled by the panic window.", "component")
	descChanges     = scaleDesc("maelstrom_scale_changes_total", "Decisions to have more or fewer instances, since the role was taken.", "direction", "cause")
	descUnplaceable = scaleDesc("maelstrom_unplaceable_memory_mib", "Memory of what fits on no node, but would on one more like those that there are.")
	descRemovable   = scaleDesc("maelstrom_node_removable", "1 for a node that could be taken away without moving anything busy.", "node")
)

func scaleDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help+" Told by the holder of the role placement.", labels, nil)
}

// Describe implements prometheus.Collector.
func (m *scaleMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		descWanted, descForLoad, descLacking, descConcurrency, descPerInstance, descPanic, descChanges, descUnplaceable, descRemovable,
	} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (m *scaleMetrics) Collect(out chan<- prometheus.Metric) {
	s, held := m.scaling()
	if !held {
		return
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for name, c := range s.Components {
		gauge(descWanted, float64(c.Wanted), name)
		gauge(descForLoad, float64(c.ForLoad), name)
		gauge(descLacking, float64(c.Lacking), name)
		if c.Auto.Seconds > 0 {
			gauge(descConcurrency, c.Auto.Stable, name, "stable")
			gauge(descConcurrency, c.Auto.Panic, name, "panic")
			gauge(descPerInstance, c.Auto.Target, name)
			gauge(descPanic, oneIf(c.Auto.Panicking), name)
		}
	}
	for cause, n := range s.Changes {
		out <- prometheus.MustNewConstMetric(descChanges, prometheus.CounterValue, float64(n.Up), "up", string(cause))
		out <- prometheus.MustNewConstMetric(descChanges, prometheus.CounterValue, float64(n.Down), "down", string(cause))
	}
	gauge(descUnplaceable, float64(s.UnplaceableMiB))
	for _, r := range m.nodes() {
		gauge(descRemovable, oneIf(r.Removable), r.ID)
	}
}

// nodes are what is known of the nodes, found anew now and then.
func (m *scaleMetrics) nodes() []cluster.Removal {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.found == nil || time.Since(m.at) >= removableFor {
		m.found, m.at = m.removable(), time.Now()
	}
	return m.found
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
