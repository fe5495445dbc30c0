package daemon

import (
	"context"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

// buildSources makes the part that keeps the database equal to its sources.
// Its loops run under roles of the keeper.
func (d *Daemon) buildSources() {
	d.reconciler = reconcile.NewReconciler(reconcile.ReconcilerOptions{
		Node: d.node, Logger: d.part("sources"), Open: d.openOrigin,
		SourcesFile: d.opt.Sources, Environ: os.LookupEnv,
	}, reconcile.ReconcilerDeps{
		Feed: d.feed, Store: d.declared, Roles: recordedRoles{d.keeper, d.recorder},
	})
	d.registry.MustRegister(&sourceMetrics{stats: d.reconciler.Stats}, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "maelstrom_sources_file_refused_writes_total",
		Help: "Writes of this node for its sources file that were refused because it had lost the role sources.",
	}, func() float64 { return float64(d.reconciler.Refused()) }))
}

func (d *Daemon) startSources(base context.Context) {
	d.tasks.start(base, "sources", d.failed, d.reconciler.Run)
}

// sourceMetrics shows how the sources fare.
type sourceMetrics struct{ stats func() []reconcile.Stats }

// sourceGauge is one figure of a source.
type sourceGauge struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(reconcile.Stats) float64
}

var sourceGauges = []sourceGauge{
	gaugeOfSource("ready", "1 while the source is as it should be, 0 while it is not, -1 while that is not known.", func(s reconcile.Stats) float64 { return readyValue(s.Ready) }),
	gaugeOfSource("stale", "1 while the source has not been reached for three intervals.", func(s reconcile.Stats) float64 { return boolValue(s.Stale) }),
	gaugeOfSource("held", "1 while this node holds the source's role.", func(s reconcile.Stats) float64 { return boolValue(s.Held) }),
	gaugeOfSource("projects", "Projects found in the source.", func(s reconcile.Stats) float64 { return float64(s.Projects) }),
	gaugeOfSource("failing", "Projects of the source that are not synced.", func(s reconcile.Stats) float64 { return float64(s.Failing) }),
	gaugeOfSource("last_sync_timestamp_seconds", "When a look at the source last stored something.", func(s reconcile.Stats) float64 { return unixSeconds(s.SyncedAt) }),
	gaugeOfSource("last_look_timestamp_seconds", "When this node last looked at the source with success.", func(s reconcile.Stats) float64 { return unixSeconds(s.LookedAt) }),
	counterOfSource("looks_total", "Looks of this node at the source.", func(s reconcile.Stats) float64 { return float64(s.Looks) }),
	counterOfSource("fetches_total", "Revisions of the source that this node fetched.", func(s reconcile.Stats) float64 { return float64(s.Fetches) }),
	counterOfSource("fetch_seconds_total", "Time this node spent fetching from the source.", func(s reconcile.Stats) float64 { return s.Fetching.Seconds() }),
	counterOfSource("refused_writes_total", "Writes of this node that were refused because it had lost the source's role.", func(s reconcile.Stats) float64 { return float64(s.Refused) }),
}

func gaugeOfSource(name, help string, read func(reconcile.Stats) float64) sourceGauge {
	desc := prometheus.NewDesc("maelstrom_source_"+name, help, []string{"source"}, nil)
	return sourceGauge{desc, prometheus.GaugeValue, read}
}

func counterOfSource(name, help string, read func(reconcile.Stats) float64) sourceGauge {
	g := gaugeOfSource(name, help, read)
	g.kind = prometheus.CounterValue
	return g
}

// Describe implements prometheus.Collector.
func (m *sourceMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, g := range sourceGauges {
		out <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (m *sourceMetrics) Collect(out chan<- prometheus.Metric) {
	for _, s := range m.stats() {
		for _, g := range sourceGauges {
			out <- prometheus.MustNewConstMetric(g.desc, g.kind, g.read(s), s.Source)
		}
	}
}

func readyValue(status cluster.ConditionStatus) float64 {
	switch status {
	case cluster.StatusTrue:
		return 1
	case cluster.StatusFalse:
		return 0
	}
	return -1
}

func boolValue(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// unixSeconds is a time in seconds, 0 for none.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
