package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"maelstrom/cluster"
	"maelstrom/cluster/eventsource/cron"
	"maelstrom/cluster/journal"
	"maelstrom/cluster/peer"
	"maelstrom/cluster/placer"
	"maelstrom/cluster/roles"
	"maelstrom/cluster/rpc"
	"maelstrom/cluster/starttime"
	"maelstrom/cluster/store"
	"maelstrom/reconcile"
	"maelstrom/reconcile/gitsource"
	"maelstrom/reconcile/notify"
	"maelstrom/reconcile/webhook"
	"maelstrom/runtime"
	"maelstrom/runtime/docker"
	"maelstrom/runtime/gateway"
	"maelstrom/runtime/images"
	"maelstrom/runtime/logring"
)

// Surroundings is what a daemon touches of the world. The simulation puts its
// own in place of the zero value's.
type Surroundings struct {
	NewDriver func(docker.Options) (runtime.Driver, error)
	Listen    func(ctx context.Context, network, address string) (net.Listener, error)
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)

	// DialPeer connects to other nodes.
	DialPeer func(ctx context.Context, network, address string) (net.Conn, error)

	// OpenStore opens the database.
	OpenStore func(context.Context, store.Options) (*store.Store, error)

	// ListenPacket is where names are answered; nil, if Listen is not: nowhere.
	ListenPacket func(ctx context.Context, network, address string) (net.PacketConn, error)

	Log *slog.Logger // nil: as Options say, to standard error

	// What only a process of its own has.
	sockets *sockets
	upgrade *upgrade
	tell    func(message string) error // the supervisor
}

func (s Surroundings) withDefaults(opt Options) Surroundings {
	if s.NewDriver == nil {
		s.NewDriver = func(o docker.Options) (runtime.Driver, error) { return docker.New(o) }
	}
	if s.Listen == nil {
		s.Listen, s.ListenPacket = new(net.ListenConfig).Listen, new(net.ListenConfig).ListenPacket
	}
	if s.DialPeer == nil {
		s.DialPeer = new(net.Dialer).DialContext
	}
	if s.OpenStore == nil {
		s.OpenStore = store.Open
	}
	if s.Log == nil {
		s.Log = newLogger(opt)
	}
	if s.upgrade == nil {
		s.upgrade = new(upgrade)
	}
	if s.tell == nil {
		s.tell = func(string) error { return nil }
	}
	return s
}

// Daemon is one maelstromd. Its fields are set while it starts and read by
// its parts afterwards.
type Daemon struct {
	opt  Options
	sur  Surroundings
	log  *slog.Logger
	dir  *dataDir
	node string // id

	store    *store.Store
	declared declaredStore
	feed     *cluster.Feed
	recent   *cluster.RecentFeed
	driver   runtime.Driver
	gateway  *gateway.Gateway
	placer   *placer.Placer
	cron     *cron.Cron
	starts   *starttime.Times
	keeper   *roles.Keeper
	keys     *rpc.Keyring
	bridges  *bridgeGateways
	private  *rpc.PrivatePort
	registry *prometheus.Registry

	rings        *logring.Store // nil: output is not kept
	repositories *gitsource.Pool
	reconciler   *reconcile.Reconciler
	sender       *notify.Sender
	watcher      *notify.Watcher
	outage       *notify.Outage
	hooks        *webhook.Handler
	recorder     *journal.Recorder
	journal      *journal.Journal

	authority atomic.Pointer[peer.Authority] // nil: without MAEL_PEER_ADDR, or not known yet
	hub       *peer.Hub                      // streams to other nodes; nil: this one has no peers
	nodes     http.Handler                   // answers other nodes at MAEL_PEER_ADDR; nil: nothing does

	started   time.Time
	memory    atomic.Int64  // MiB of the engine's host; 0: not known yet
	arch      atomic.Value  // string: of the engine
	stocked   chan struct{} // inventory has changed; buffered 1
	relook    chan struct{} // inventory may have changed; buffered 1
	inventory atomic.Pointer[inventory]
	disks     atomic.Pointer[[]cluster.Disk]
	identity  atomic.Pointer[identity]
	agent     atomic.Pointer[runtime.Agent]
	runner    atomic.Pointer[runtime.Runner]
	depot     atomic.Pointer[images.Depot]
	serving   atomic.Bool // the first snapshot is there and containers are adopted
	unjoined  bool        // the database was away at the start, and this start has no epoch yet
	leaving   atomic.Bool
	loosening atomic.Bool // clients by HTTP/1.1 are told to use another connection
	handing   bool        // the next program goes on with the sockets

	servers  servers
	cronStop context.CancelFunc
	cronCtx  context.Context

	followCtx context.Context // of those who follow logs or events
	unfollow  context.CancelFunc

	tasks   tasks
	flights *flights
	opened  chan struct{} // closed when requests for components are served
	quiet   chan struct{} // a server has no connection left
	failed  chan error
	crashed chan struct{} // closed by the simulation: end as SIGKILL would
}

// Run runs a daemon until ctx ends, and stops it in order: what is in flight
// ends, containers run on. Warnings are logged first. Asked to upgrade, it ends
// the same way, and this process becomes the program that is at its path by then.
func Run(ctx context.Context, opt Options, warnings []string) error {
	passed, err := inheritSockets()
	if err != nil {
		return err
	}
	upgrade, err := newUpgrade()
	if err != nil {
		return err
	}
	sur := Surroundings{sockets: passed, upgrade: upgrade, tell: tellSystemd}
	sur.Listen, sur.ListenPacket = passed.Listen, passed.ListenPacket
	handing, err := runIn(ctx, opt, sur, warnings)
	if !handing || ctx.Err() != nil {
		return err
	}
	return errors.Join(err, upgrade.execute(passed))
}

// RunIn is Run in given surroundings.
func RunIn(ctx context.Context, opt Options, sur Surroundings, warnings []string) error {
	_, err := runIn(ctx, opt, sur, warnings)
	return err
}

// runIn also tells whether the next program is to go on in this process.
func runIn(ctx context.Context, opt Options, sur Surroundings, warnings []string) (handing bool, err error) {
	sur = sur.withDefaults(opt)
	for _, warning := range warnings {
		sur.Log.Warn(warning)
	}
	stopProfile, err := profileCPU(opt.CPUProfile)
	if err != nil {
		return false, err
	}
	defer stopProfile()
	d := newDaemon(opt, sur)
	err = d.run(ctx)
	return d.handing, err
}

func newDaemon(opt Options, sur Surroundings) *Daemon {
	d := &Daemon{
		opt: opt, sur: sur, log: sur.Log, started: time.Now(),
		failed: make(chan error, 1), crashed: make(chan struct{}), quiet: make(chan struct{}, 1), stocked: make(chan struct{}, 1), relook: make(chan struct{}, 1),
		flights: newFlights(), opened: make(chan struct{}),
	}
	d.followCtx, d.unfollow = context.WithCancel(context.Background())
	return d
}

// run is one life of a daemon, from its claims to its farewell.
func (d *Daemon) run(ctx context.Context) error {
	if err := d.open(ctx); err != nil {
		return errors.Join(err, d.close())
	}
	err := d.serve(ctx)
	select {
	case <-d.crashed:
		d.abandon()
	default:
		d.log.Info("stopping")
		d.shutdown()
	}
	err = errors.Join(err, d.close())
	d.log.Info("stopped")
	return err
}

// open claims what only one process may have: the data directory, the
// database of a single node, the ports.
func (d *Daemon) open(ctx context.Context) error {
	d.log.Info("starting", "version", d.opt.Version, "data_dir", d.opt.DataDir, "pid", os.Getpid())
	dir, err := openDataDir(d.opt.DataDir)
	if err != nil {
		return err
	}
	d.dir = dir
	if d.node, err = dir.nodeID(); err != nil {
		return err
	}
	if err := d.openRings(); err != nil {
		return err
	}
	if err := d.bindPorts(ctx); err != nil {
		return err
	}
	if dsn, err := store.ParseDSN(d.opt.SQLDriver, d.opt.SQLDSN); err == nil && dsn.Clear {
		d.log.Warn("database on another machine may be talked to unencrypted", "database", dsn.Where, "hint", clearAdvice)
	}
	d.store, err = d.sur.OpenStore(ctx, store.Options{Driver: d.opt.SQLDriver, DSN: d.databasePath(), Logger: d.log})
	if err != nil && d.opt.SQLDSN == "" {
		return fmt.Errorf("%w: that is %s; `maelctl admin restore` puts a backup in its place", err, d.dir.database())
	}
	return err
}

// databasePath is the database's address: by default a file in the data
// directory.
func (d *Daemon) databasePath() string {
	if d.opt.SQLDSN == "" {
		return d.dir.database()
	}
	return d.opt.SQLDSN
}

// serve builds and starts every part and waits for ctx, or for a part that
// can't go on.
func (d *Daemon) serve(ctx context.Context) error {
	// Parts outlive ctx: shutdown ends each in its turn.
	base := context.WithoutCancel(ctx)
	d.build(base)
	d.startEarly(base)
	joined, err := d.identify(ctx, base)
	if err != nil {
		return ignoreCanceled(ctx, err)
	}
	d.unjoined = !joined
	if !joined {
		d.pinTokens()
	} else if err := d.issueTokens(ctx); err != nil { // maelctl on this machine works as soon as this node says that it is ready
		return ignoreCanceled(ctx, err)
	}
	if err := d.startPeers(ctx, base); err != nil {
		return ignoreCanceled(ctx, err)
	}
	if d.hub != nil {
		d.tasks.start(base, "peers", d.failed, d.hub.Run)
	}
	if err := d.startLocal(ctx, base); err != nil {
		return ignoreCanceled(ctx, err)
	}
	if d.hub != nil {
		d.tasks.start(base, "isolation", d.failed, d.watchIsolation)
	}
	d.tasks.start(base, "membership", d.failed, func(ctx context.Context) error { return d.membership(ctx, joined) })
	d.log.Info("serving", "public_port", d.opt.PublicPort, "private_port", d.opt.PrivatePort, "node", d.node)
	d.tell(tellReady)
	return d.untilEnd(ctx)
}

// untilEnd waits for what ends a daemon that serves: its context, the next
// program, or a part that can't go on. Before the next program, requests that
// may take long have their time, as others are served meanwhile.
func (d *Daemon) untilEnd(ctx context.Context) error {
	var landed <-chan struct{}
	late := time.NewTimer(d.opt.Stall)
	late.Stop() // until there is something that may take too long
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.sur.upgrade.asked:
			if d.mayHandOver(ctx) {
				late.Reset(d.opt.Stall)
				landed = d.land()
			}
		case <-landed:
			d.handing = true
			return nil
		case <-late.C:
			if d.handing = landed != nil; d.handing {
				d.log.Warn("requests in flight take too long for the upgrade")
				return nil
			}
		case err := <-d.failed:
			if errors.Is(err, cluster.ErrSuperseded) {
				return fmt.Errorf("%w: this data directory is in use by two daemons, or was copied: give each node its own", err)
			}
			if errors.Is(err, cluster.ErrNotFound) {
				return fmt.Errorf("%w: this node was removed from the cluster: start it again to join anew", err)
			}
			return err
		}
	}
}

// ignoreCanceled hides the error of a start that was told to stop.
func ignoreCanceled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// startEarly starts what needs neither the database nor the engine.
func (d *Daemon) startEarly(base context.Context) {
	d.tasks.start(base, "gateway", d.failed, d.gateway.Run)
	d.servePrivate()
}

// startReading starts what follows the database, or its copy.
func (d *Daemon) startReading(base context.Context) {
	d.tasks.start(base, "feed", d.failed, d.feed.Run)
	d.tasks.start(base, "recent", d.failed, d.recent.Run)
	d.tasks.start(base, "keys", d.failed, func(ctx context.Context) error {
		d.keys.Run(ctx)
		return ctx.Err()
	})
}

// startLocal starts what this node does by itself: it knows who it is by now.
func (d *Daemon) startLocal(ctx, base context.Context) error {
	select {
	case <-d.feed.Ready():
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := d.openDriver(); err != nil {
		return err
	}
	if d.rings != nil {
		d.tasks.start(base, "logs", d.failed, d.rings.Run)
	}
	d.bridges.learn(ctx)
	d.tasks.start(base, "bridges", d.failed, d.bridges.Run)
	d.startImages(base)
	if err := d.startAgent(ctx, base); err != nil {
		return err
	}
	d.startRuns(base)
	d.serving.Store(true)
	d.startJournal(base)
	d.startAlerts(base)
	d.startSources(base)
	d.startHooks(base)
	if d.sur.sockets != nil {
		d.tasks.start(base, "sockets", d.failed, func(ctx context.Context) error { return d.sur.sockets.Run(ctx, d.part("sockets")) })
	}
	close(d.opened)
	d.servePublic()
	return nil
}

// close gives back what open has claimed.
func (d *Daemon) close() error {
	var errs []error
	for _, server := range d.servers.all() {
		errs = append(errs, server.close())
	}
	if d.repositories != nil {
		errs = append(errs, d.repositories.Close())
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	if d.dir != nil {
		errs = append(errs, d.dir.Close())
	}
	return errors.Join(errs...)
}

// shutdownLimits bound the steps of a stop: each goes on to the next when its
// time is over.
const (
	loosenLimit   = 2 * time.Second  // of kept connections, before the next program
	lingerLimit   = time.Second      // of connections without a request
	drainLimit    = 30 * time.Second // of requests in flight
	callsLimit    = 10 * time.Second // until no container calls another
	namesLimit    = 3 * time.Second  // the same, by name on the public port
	stepLimit     = 5 * time.Second
	stopAllLimit  = 90 * time.Second // of containers, with MAEL_ON_EXIT=stop
	farewellLimit = 2 * time.Second  // of a write that only informs others
)
