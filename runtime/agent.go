package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	goruntime "runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"maelstrom/cluster"
	"maelstrom/project"
)

// DefaultStopGrace is the time between SIGTERM and SIGKILL.
const DefaultStopGrace = 10 * time.Second

// Options are the settings of an Agent.
type Options struct {
	Node  string
	Epoch int64 // of this start of the node's daemon

	// PrivateURL is what containers on a network get as MAELSTROM_PRIVATE_URL.
	PrivateURL func(networkName string) string

	// NameServers is what containers on a network ask for names if their
	// component says nothing of it; nil, or no answer: the engine's choice.
	NameServers func(networkName string) []string

	// Hosts is what such a container knows without asking; nil: nothing.
	Hosts func(c *project.Component) []string

	// FirstList is above the number of every list of instances that an earlier
	// daemon has pushed in this epoch; 0: there was none.
	FirstList int64

	Parallel  int           // starts at a time; 0: one per CPU
	StopGrace time.Duration // 0: DefaultStopGrace

	// Dial connects to a container; nil: over the host's network.
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Logger *slog.Logger
}

// Agent makes the containers of this node match its placements. A unit per
// placement lives as long as the container does.
type Agent struct {
	driver Driver
	opt    Options
	deps   Deps
	log    *slog.Logger

	prober *prober
	starts *semaphore.Weighted // a FIFO: the engine gets no faster in parallel
	board  *board
	engine engine

	placed chan struct{} // buffered 1: compare placements and units again
	fatal  chan error    // buffered 1: ends Run

	group sync.WaitGroup // units and their log followers

	mu       sync.Mutex
	units    map[string]*unit            // by placement
	previous map[string]cluster.Instance // rows of this node's last epoch, until claimed
	left     map[string]Container        // whose placement can't be judged yet
	ended    map[string]int64            // units that ended, at which list
	tried    bool                        // the engine was asked at least once
	adopted  bool                        // and has answered
	apart    apart
	memory   map[string]int64 // in use, by placement; nobody changes one
	observed observed
}

// NewAgent returns an Agent. Nothing runs until Adopt or Run.
func NewAgent(driver Driver, opt Options, deps Deps) *Agent {
	if opt.Parallel <= 0 {
		opt.Parallel = goruntime.NumCPU()
	}
	opt.StopGrace = cmp.Or(opt.StopGrace, DefaultStopGrace)
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Dial == nil {
		opt.Dial = (&net.Dialer{}).DialContext
	}
	return &Agent{
		driver: driver,
		opt:    opt,
		deps:   deps,
		log:    opt.Logger,
		prober: newProber(opt.Dial),
		starts: semaphore.NewWeighted(int64(opt.Parallel)),
		board:  newBoard(opt.Node, opt.Epoch, deps.Feed.PushInstances, deps.Images.Identify, opt.FirstList),
		engine: engine{again: make(chan struct{}, 1)},
		placed: make(chan struct{}, 1),
		fatal:  make(chan error, 1),
		units:  map[string]*unit{},
		ended:  map[string]int64{},
		apart:  apart{own: map[string]*cluster.Placement{}},
	}
}

// Run keeps containers equal to placements until ctx ends; containers run on
// after it. It returns ErrSuperseded if the node was started again elsewhere.
func (a *Agent) Run(ctx context.Context) error {
	group, work := errgroup.WithContext(ctx)
	group.Go(func() error { return a.followEngine(work) })
	group.Go(func() error { return a.followPlacements(work) })
	group.Go(func() error { return a.followLedger(work) })
	group.Go(func() error { return a.followImages(work) })
	group.Go(func() error { return a.followMemory(work) })
	group.Go(func() error { return a.board.write(work, a.deps.Ledger, a.log) })
	group.Go(func() error {
		select {
		case err := <-a.fatal:
			return err
		case <-work.Done():
			return nil
		}
	})
	err := group.Wait()
	a.group.Wait()
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("run agent: %w", err)
	}
	return nil
}

// Instances returns what this node reports, sorted by placement.
func (a *Agent) Instances() []cluster.Instance { return a.board.list() }

// Containers returns the instances of one component that have a container.
func (a *Agent) Containers(component string) []cluster.Instance {
	var found []cluster.Instance
	for _, i := range a.board.list() {
		if i.Component == component && i.ContainerID != "" {
			found = append(found, i)
		}
	}
	return found
}

// Engine is empty while the container engine answers, else why it does not.
func (a *Agent) Engine() string { return a.engine.why() }

// followPlacements lets units follow the snapshot.
func (a *Agent) followPlacements(ctx context.Context) error {
	changed, cancel := a.deps.Feed.Subscribe()
	defer cancel()
	for {
		a.place(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-a.placed:
		case <-a.review():
		}
	}
}

// place tells each unit what its placement asks for now, and makes units for
// placements that have none.
func (a *Agent) place(ctx context.Context) {
	snap := a.deps.Feed.Snapshot()
	if snap.Number == 0 {
		return
	}
	rows, _ := snap.ByNode.Get(a.opt.Node)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reviewLocked(snap, rows)
	for id, u := range a.units {
		u.retarget(a.targetLocked(snap, rows[id], id))
	}
	for _, placed := range []map[string]*cluster.Placement{rows, a.apart.own} {
		for id, row := range placed {
			if row.Want == cluster.WantRun && a.units[id] == nil && a.mayStartLocked(id) {
				a.addLocked(id, a.targetLocked(snap, row, id))
			}
		}
	}
	if len(a.left) > 0 && !(snap.Restored && a.adopted) {
		a.engine.ask()
	}
	a.launchLocked(ctx)
}

// mayStartLocked holds a placement back while a container of it may exist
// that the engine has not shown yet.
func (a *Agent) mayStartLocked(id string) bool {
	if _, left := a.left[id]; left || a.apart.isolated {
		return false
	}
	return a.adopted || a.tried && !a.board.has(id)
}

func (a *Agent) addLocked(id string, t target) *unit {
	u := newUnit(a, id, t)
	if was, ok := a.previous[id]; ok {
		u.inherit(was)
		delete(a.previous, id)
	}
	a.units[id] = u
	return u
}

func (a *Agent) launchLocked(ctx context.Context) {
	for _, u := range a.units {
		if !u.launched {
			u.launched = true
			a.group.Go(func() { u.run(ctx) })
		}
	}
}

// end forgets a unit whose container is gone. Its placement may want to run
// again already.
func (a *Agent) end(u *unit) {
	a.mu.Lock()
	delete(a.units, u.id)
	delete(a.apart.own, u.id)
	a.ended[u.id] = a.engine.listed()
	a.mu.Unlock()
	a.board.remove(u.id)
	signal(a.placed)
}

// give ends Run with err.
func (a *Agent) give(err error) {
	select {
	case a.fatal <- err:
	default:
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
