package daemon

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"maelstrom/cluster"
	"maelstrom/cluster/eventsource/cron"
	"maelstrom/cluster/placer"
	"maelstrom/cluster/roles"
	"maelstrom/cluster/rpc"
	"maelstrom/cluster/starttime"
	"maelstrom/reconcile/gitsource"
	"maelstrom/runtime/docker"
	"maelstrom/runtime/gateway"
	"maelstrom/runtime/proxy"
)

// build makes the parts and introduces them to each other; nothing runs yet.
func (d *Daemon) build(base context.Context) {
	d.registry = newRegistry()
	d.feed = cluster.NewFeed(d.store, cluster.FeedOptions{CopyPath: d.dir.snapshot(), Logger: d.part("feed")})
	d.recent = cluster.NewRecentFeed(d.store, d.feed, cluster.FeedOptions{CopyPath: d.dir.recent(), Logger: d.part("feed")})
	d.starts = starttime.New()
	waker := decisions{d}
	d.gateway = gateway.New(d.gatewayOptions(), gateway.Deps{Snapshots: d.feed, Waker: requestDecisions{waker, new(sync.Mutex)}, Peers: d.otherNodes()})
	d.buildPeers()
	d.placer = placer.New(placer.Options{
		Node: d.node, Zone: d.opt.CronZone, Logger: d.part("placer"),
		Record: func(events ...cluster.Event) { d.recorder.Add(events...) }, // it is made below
	}, d.store, d.feed, d.loads())
	d.cron = cron.New(cron.Options{Zone: d.opt.CronZone, Logger: d.part("cron")},
		cron.Deps{Feed: d.feed, Ledger: d.store, Sender: d.gateway, Waker: waker, Starts: d.starts, Missed: d.missedFiring, Told: d.toldMissed})
	d.keeper = roles.New(d.store, roles.Options{Node: d.node, Embedded: d.embedded(), Gone: d.gone(), Logger: d.part("roles")})
	d.buildJournal()
	d.keeper.Add(cluster.RolePlacement, d.recorder.Role(d.placer.Hold))
	d.cronCtx, d.cronStop = context.WithCancel(base)
	d.keeper.Add(cluster.RoleCron, d.recorder.Role(d.holdCron))
	d.declared = declaredStore{Store: d.store, gate: new(gate)}
	d.keys = rpc.NewKeyring(d.declared, d.part("keys"))
	if err := d.keys.KeepCopy(d.dir.tokens()); err != nil {
		d.log.Warn("tokens of the last start do not count until the database is read", "error", err)
	}
	d.repositories = gitsource.New(gitsource.Options{CacheDir: d.dir.sources(), Networks: d.opt.SourceNetworks, Logger: d.part("sources")})
	d.buildAlerts()
	d.buildSources()
	d.buildHooks()
	d.buildPrivate()
	d.bridges = &bridgeGateways{
		list: d.listBridges, serve: d.bridgeServer, bind: d.sur.Listen,
		port: d.opt.PrivatePort, names: d.newServiceNames(), log: d.part("bridges"),
	}
	d.registry.MustRegister(&storeMetrics{stats: d.store.Stats, health: d.feed.Health}, &habitMetrics{effect: d.placer.HabitEffect})
	d.registry.MustRegister(&scaleMetrics{scaling: d.placer.Scaling, removable: d.placer.Removable})
}

// embedded tells whether this process alone has the database.
func (d *Daemon) embedded() bool { return d.opt.SQLDriver == "sqlite" }

func (d *Daemon) part(name string) *slog.Logger { return d.log.With("part", name) }

// queueShare is the part of the host's memory that requests may wait in: one of
// so many.
const queueShare = 10

func (d *Daemon) gatewayOptions() gateway.Options {
	opt := gateway.Options{
		Node:           d.node,
		Dial:           d.sur.Dial,
		TrustedProxies: proxy.Trust(d.opt.TrustedProxies),
		StartTime:      d.starts.P95,
		QueueMemory:    readHost().memoryMiB << 20 / queueShare,
		Stall:          d.opt.Stall,
		Logger:         d.part("gateway"),
		Registerer:     d.registry,
	}
	if d.opt.AccessLog {
		opt.AccessLog = d.part("access")
	}
	return opt
}

// holdCron is the work of the role cron; it ends before the role does, so that
// a stopping daemon fires nothing new while it still places.
func (d *Daemon) holdCron(ctx context.Context, hold cluster.Hold) error {
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.cronCtx, cancel)()
	err := d.cron.Hold(work, hold)
	if d.cronCtx.Err() != nil {
		<-ctx.Done() // stopped on purpose: keep the role until it is given up
		return nil
	}
	return err
}

func (d *Daemon) buildPrivate() {
	server := rpc.NewServer(rpc.Deps{
		Version:      d.opt.Version,
		Node:         d.node,
		ClusterID:    d.clusterID,
		CronZone:     d.opt.CronZone,
		Declarations: d.declarations(),
		History:      &histories{Daemon: d, declaredStore: d.declared},
		Store:        d.declared,
		Nodes:        d.store,
		Explain:      d.placer.Explain,
		Removable:    d.placer.Removable,
		Sources:      d.declared,
		Notifiers:    d.declared,
		Events:       d.declared,
		Recent:       d.recent,
		Refused:      d.refusedCalls,
		Probe:        probe{open: d.openOrigin, send: d.sender.Send},
		Feed:         d.feed,
		Loads:        sights{d.gateway, d},
		Placer:       operatorDecisions{decisions{d}},
		Keys:         d.keys,
		Roles:        d.roles,
		CA:           d.ca,
		Rekey:        d.rekey,
		Logs:         logSource{daemon: d},
		Commands:     commands{d},
		Firings:      d.store,
		Kept:         d.kept(),
		Mover:        &mover{Daemon: d, gate: d.declared.gate},
		Doctor:       &doctor{Daemon: d},
		Peers:        d.askedNodes(),
		Away:         d.away,
		Outage:       d.outage.Open,
		Logger:       d.part("api"),
	})
	d.private = &rpc.PrivatePort{
		Server:  server,
		Metrics: promhttp.HandlerFor(d.registry, promhttp.HandlerOpts{}),
		Ready:   d.readiness,
		Gateway: d.onceOpen(d.gateway.Private()),
	}
	if d.opt.Pprof {
		d.private.Profiles = http.HandlerFunc(servePprof)
	}
}

func (d *Daemon) clusterID() string {
	if id := d.identity.Load(); id != nil {
		return id.ClusterID
	}
	return ""
}

func (d *Daemon) roles() []rpc.Role {
	var list []rpc.Role
	for _, r := range d.keeper.Roles() {
		list = append(list, rpc.Role{Role: r.Role, Holder: r.Holder, Fence: r.Fence, AgeSeconds: time.Since(r.Since).Seconds()})
	}
	return list
}

// openDriver connects to the container engine, which need not run yet.
func (d *Daemon) openDriver() error {
	id := d.identity.Load()
	files, err := d.dir.files()
	if err != nil {
		return err
	}
	driver, err := d.sur.NewDriver(docker.Options{
		Host: d.opt.DockerHost, ClusterID: id.ClusterID, Node: d.node, FilesDir: files, Logger: d.part("docker"),
	})
	d.driver = driver
	return err
}

func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		prometheus.NewGoCollector(),
		prometheus.NewProcessCollector(prometheus.ProcessCollectorOpts{}),
	)
	return registry
}

func newLogger(opt Options) *slog.Logger {
	handlerOptions := &slog.HandlerOptions{Level: opt.LogLevel}
	if opt.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, handlerOptions))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, handlerOptions))
}
