package daemon

import (
	"context"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"maelstrom/cluster"
	"maelstrom/reconcile/notify"
)

// eventsLookedAt is how many events are looked at for what was told: all that are
// kept.
const eventsLookedAt = 20_000

func (d *dataDir) outage() string { return filepath.Join(d.path, "outage.json") }

// buildAlerts makes what finds what somebody should look at, and tells of it. A
// node that is to be alone watches only once a notifier is about alerts.
func (d *Daemon) buildAlerts() {
	d.sender = notify.New(notify.Options{Version: d.opt.Version, Networks: d.opt.SourceNetworks, Logger: d.part("notify")}, notify.Deps{Feed: d.feed, Store: d.store})
	d.watcher = notify.NewWatcher(
		notify.WatcherOptions{Always: d.opt.PeerAddr != "", Logger: d.part("alerts")},
		notify.WatcherDeps{Feed: d.feed, Store: d.store, Refusals: func() (map[string]*cluster.Failure, bool) { return d.private.Server.Refusals() }})
	deps := notify.OutageDeps{Feed: d.feed, Store: d.store, Sender: d.sender, Away: func() error {
		err, _ := d.feed.Health()
		return err
	}}
	if d.hub != nil {
		deps.Live = d.hub.Live
	}
	d.outage = notify.NewOutage(notify.OutageOptions{Node: d.node, File: d.dir.outage(), Logger: d.part("alerts")}, deps)
	d.keeper.Add(cluster.RoleNotify, d.recorder.Role(d.holdNotify))
	d.registry.MustRegister(alertMetrics{d})
}

// holdNotify is the work of the role notify: to find alerts, and to send
// events.
func (d *Daemon) holdNotify(ctx context.Context, hold cluster.Hold) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.watcher.Hold(ctx, hold) })
	group.Go(func() error { return d.sender.Hold(ctx, hold) })
	return group.Wait()
}

func (d *Daemon) startAlerts(base context.Context) {
	d.tasks.start(base, "alerts", d.failed, func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return d.outage.Run(ctx) })
		group.Go(func() error { return d.diskLoop(ctx) })
		return group.Wait()
	})
}

// missedFiring records what was due and not fired.
func (d *Daemon) missedFiring(row *cluster.EventSourceRow, due time.Time) {
	d.recorder.Add(cluster.MissedFiring(row, due))
}

// toldMissed is which due time of each event source missedFiring was told of
// last, on whatever node.
func (d *Daemon) toldMissed(ctx context.Context) (map[string]time.Time, error) {
	events, err := d.store.Events(ctx, cluster.EventQuery{Kinds: []cluster.EventKind{cluster.EventCron}, Limit: eventsLookedAt})
	if err != nil {
		return nil, err
	}
	told := map[string]time.Time{}
	for _, e := range events { // oldest first
		if source, due, missed := cluster.MissedOf(&e); missed {
			told[source] = due
		}
	}
	return told, nil
}

// alertMetrics show which alerts are open, as this node knows: nearly the same
// on each.
type alertMetrics struct{ *Daemon }

var descAlerts = prometheus.NewDesc("maelstrom_alerts_open", "Alerts that have not healed, by kind; each node tells those of the whole cluster.", []string{"kind"}, nil)

// Describe implements prometheus.Collector.
func (m alertMetrics) Describe(out chan<- *prometheus.Desc) { out <- descAlerts }

// Collect implements prometheus.Collector.
func (m alertMetrics) Collect(out chan<- prometheus.Metric) {
	open := map[cluster.AlertKind]int{}
	for _, a := range m.feed.Snapshot().Alerts.All() {
		if a.Open() {
			open[a.Kind]++
		}
	}
	if a, is := m.outage.Open(); is {
		open[a.Kind]++
	}
	for _, kind := range cluster.AlertKinds {
		out <- prometheus.MustNewConstMetric(descAlerts, prometheus.GaugeValue, float64(open[kind]), string(kind))
	}
}
