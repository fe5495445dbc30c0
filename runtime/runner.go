package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

const (
	// sweepEvery is how often is looked for what nobody runs any more.
	sweepEvery = 15 * time.Second

	// endWithin bounds the removal of what a run has left.
	endWithin = 30 * time.Second

	// roleWithin is how long a command waits for somebody to take the role that
	// sets memory aside, roleLook how often that is asked.
	roleWithin = 10 * time.Second
	roleLook   = 100 * time.Millisecond
)

// RunLedger keeps the rows of runs.
type RunLedger interface {
	// StartRun is the point from which on a run's container may exist.
	// ErrConflict: it was started before, or its row is gone.
	StartRun(ctx context.Context, id string, hold *cluster.Hold) (changeNumber int64, err error)

	// EndRun removes the row of a command.
	EndRun(ctx context.Context, id string) (changeNumber int64, err error)

	// FinishRelease stores how a release ended.
	FinishRelease(ctx context.Context, r cluster.Run, e cluster.Event) (changeNumber int64, err error)
}

// RunFeed is the view of the database that a Runner needs.
type RunFeed interface {
	Snapshot() *cluster.Snapshot
	Subscribe() (changed <-chan struct{}, cancel func())
	Hint()
	WaitFor(ctx context.Context, number int64) error
}

// Reserver sets memory aside.
type Reserver interface {
	Reserve(ctx context.Context, run cluster.Run) error
}

// Fetcher makes a component's image present.
type Fetcher interface {
	Pull(ctx context.Context, order PullOrder) error
}

// RunnerOptions are the settings of a Runner.
type RunnerOptions struct {
	Node       string
	Epoch      func() int64
	PrivateURL func(networkName string) string

	// NameServers and Hosts are as in Options.
	NameServers func(networkName string) []string
	Hosts       func(c *project.Component) []string
	Logger      *slog.Logger
}

// RunnerDeps are what a Runner works with.
type RunnerDeps struct {
	Driver   Driver
	Images   Fetcher
	Feed     RunFeed
	Ledger   RunLedger
	Reserver Reserver
}

// Runner runs commands on this node: in containers of their own, whose memory
// is reserved, or in those of instances.
type Runner struct {
	opt  RunnerOptions
	deps RunnerDeps
	log  *slog.Logger

	mu     sync.Mutex
	active map[string]bool // runs of this process, by id

	ending  context.Context // ended by End
	end     context.CancelFunc
	clients sync.WaitGroup
}

// NewRunner returns a Runner.
func NewRunner(opt RunnerOptions, deps RunnerDeps) *Runner {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Runner{opt: opt, deps: deps, log: opt.Logger, active: map[string]bool{}}
	r.ending, r.end = context.WithCancel(context.Background())
	return r
}

// errEnding is what a command is told that begins, or is cut short, at the end.
var errEnding = errors.New("the daemon is stopping")

// session bounds a client's command by the life of the Runner.
func (r *Runner) session(ctx context.Context) (context.Context, func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	detach := context.AfterFunc(r.ending, func() { cancel(errEnding) })
	r.clients.Add(1)
	return ctx, func() {
		detach()
		cancel(nil)
		r.clients.Done()
	}
}

// End stops the commands of clients and waits until they are gone, or ctx ends.
func (r *Runner) End(ctx context.Context) error {
	r.mu.Lock()
	r.end()
	r.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		r.clients.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cut tells why a command was cut short, where that is more than its error.
func cut(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// CommandOrder is a command to run like a component.
type CommandOrder struct {
	Component   string
	Command     []string
	Environment []project.EnvVar // beside, or in place of, the component's
	Image       string           // in place of the component's; empty: its own

	// Notice tells the user what is waited for.
	Notice func(text string)
}

// errNoCommands says that the engine can't do it.
var errNoCommands = errors.New("this container engine runs no commands")

// Command runs a command in a container of its own, made as the component's
// are, and returns its exit code. The container is gone when it returns,
// however the command ended. A *cluster.Failure says why there was no start.
func (r *Runner) Command(ctx context.Context, order CommandOrder, t Terminal) (exitCode int, err error) {
	commander, ok := r.deps.Driver.(Commander)
	if !ok {
		return 0, errNoCommands
	}
	row, ok := r.deps.Feed.Snapshot().Components.Get(order.Component)
	if !ok {
		return 0, fmt.Errorf("run command of %s: %w", order.Component, cluster.ErrNotFound)
	}
	row = row.Current()
	spec := order.spec(row.Effective)
	run := cluster.Run{
		ID: cluster.NewID(), Kind: cluster.RunCommand, Component: spec.Name, Version: row.Version,
		Node: r.opt.Node, MemoryMiB: spec.ReserveMemory,
	}
	ctx, done := r.session(ctx)
	defer done()
	defer r.begin(run.ID)()
	defer r.forget(run.ID)
	if err := r.reserve(ctx, run); err != nil {
		return 0, err
	}
	if err := r.fetch(ctx, spec, row.Version, order.Notice); err != nil {
		return 0, err
	}
	if _, err := r.deps.Ledger.StartRun(ctx, run.ID, nil); err != nil {
		return 0, err
	}
	began := time.Now()
	exitCode, err = commander.RunCommand(ctx, Spec{
		Placement: run.ID, Component: spec, Version: row.Version, Epoch: r.opt.Epoch(), Run: cluster.RunCommand, Terminal: &t,
		Environment: r.environment(spec, row.Version),
		NameServers: nameServers(r.opt.NameServers, spec), Hosts: hosts(r.opt.Hosts, spec),
	})
	r.log.Info("command ended", "component", spec.Name, "run", run.ID, "exit_code", exitCode, "took", time.Since(began), "error", err)
	return exitCode, cut(ctx, err)
}

// reserve sets memory aside, also while the role is on its way from one holder
// to the next, as it is when a daemon starts.
func (r *Runner) reserve(ctx context.Context, run cluster.Run) error {
	for began := time.Now(); ; idle(ctx, roleLook) {
		err := r.deps.Reserver.Reserve(ctx, run)
		if !errors.Is(err, cluster.ErrNotHolder) || ctx.Err() != nil || time.Since(began) >= roleWithin {
			return cut(ctx, err)
		}
	}
}

// spec is the component as the command needs it: the entry point stays, as in
// any container whose command is replaced.
func (o *CommandOrder) spec(c *project.Component) *project.Component {
	spec := *c
	spec.Command = o.Command
	if o.Image != "" {
		spec.Image = o.Image
	}
	spec.Environment = slices.DeleteFunc(slices.Clone(c.Environment), func(v project.EnvVar) bool {
		return slices.ContainsFunc(o.Environment, func(mine project.EnvVar) bool { return mine.Name == v.Name })
	})
	spec.Environment = append(spec.Environment, o.Environment...)
	return &spec
}

func (r *Runner) environment(c *project.Component, version int64) []project.EnvVar {
	url := ""
	if r.opt.PrivateURL != nil {
		url = r.opt.PrivateURL(c.NetworkName)
	}
	return project.ContainerEnvironment(c, version, url)
}

// fetch makes the image present.
func (r *Runner) fetch(ctx context.Context, c *project.Component, version int64, notice func(string)) error {
	present, err := r.deps.Driver.ImagePresent(ctx, c.Image)
	if err != nil || present {
		return err
	}
	if notice != nil {
		notice("pulling image " + c.Image)
	}
	return r.deps.Images.Pull(ctx, PullOrder{Component: c, Version: version})
}

// begin notes that a run is this process's, until done is called.
func (r *Runner) begin(id string) (done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active[id] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.active, id)
	}
}

func (r *Runner) running(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.active[id]
}

// forget removes the row of a command. If it can't be now, a sweep will.
func (r *Runner) forget(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), endWithin)
	defer cancel()
	if _, err := r.deps.Ledger.EndRun(ctx, id); err != nil {
		r.log.Warn("memory of a command is not given back yet", "run", id, "error", err)
		return
	}
	r.deps.Feed.Hint()
}

// ExecOrder is a command to run in an instance.
type ExecOrder struct {
	Component string
	Instance  string // placement, or the beginning of it; empty: any that is ready
	Command   []string
}

// Exec runs a command in a running instance of this node and returns its exit
// code. ErrNotFound: there is none.
func (r *Runner) Exec(ctx context.Context, order ExecOrder, t Terminal) (exitCode int, err error) {
	commander, ok := r.deps.Driver.(Commander)
	if !ok {
		return 0, errNoCommands
	}
	container := r.container(order)
	if container == "" {
		return 0, fmt.Errorf("exec in %s: %w", order.Component, ErrNotFound)
	}
	ctx, done := r.session(ctx)
	defer done()
	exitCode, err = commander.ExecCommand(ctx, container, order.Command, t)
	return exitCode, cut(ctx, err)
}

// container finds an instance with a container on this node, a ready one if
// there is one.
func (r *Runner) container(order ExecOrder) string {
	snap := r.deps.Feed.Snapshot()
	placements := snap.Placed(order.Component)
	found := ""
	for _, p := range placements {
		i, ok := snap.Instances.Get(p.ID)
		if !ok || p.Node != r.opt.Node || i.ContainerID == "" || !strings.HasPrefix(p.ID, order.Instance) {
			continue
		}
		if i.Routable() {
			return i.ContainerID
		}
		found = i.ContainerID
	}
	return found
}

// Run removes what an earlier daemon, or an end that failed, has left of
// commands, until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		if err := r.sweep(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("what is left of commands not removed yet", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// sweep removes containers, then rows.
func (r *Runner) sweep(ctx context.Context) error {
	snap := r.deps.Feed.Snapshot()
	if snap.Number == 0 || snap.Restored {
		return nil
	}
	containers, err := r.deps.Driver.List(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range containers {
		if c.Run == "" || r.running(c.Placement) || c.Run == cluster.RunRelease && wanted(snap, c.Placement) {
			continue
		}
		r.log.Info("container of a command that nobody waits for is removed", "component", c.Component, "container", c.ID)
		errs = append(errs, r.deps.Driver.Stop(ctx, c.ID, DefaultStopGrace))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for id, run := range snap.Runs.All() {
		if run.Kind != cluster.RunCommand || run.Node != r.opt.Node || r.running(id) {
			continue
		}
		if _, err := r.deps.Ledger.EndRun(ctx, id); err != nil {
			return err
		}
		r.deps.Feed.Hint()
	}
	return nil
}

// wanted tells whether the outcome of a release has yet to be stored.
func wanted(snap *cluster.Snapshot, id string) bool {
	run, ok := snap.Runs.Get(id)
	return ok && !run.Ended()
}
