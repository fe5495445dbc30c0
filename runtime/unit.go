package runtime

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// Why a wait of a unit ended early.
var (
	errStopWanted = errors.New("placement wants to stop")
	errRunWanted  = errors.New("placement wants to run")
	errDied       = errors.New("container exited")
	errEngineBack = errors.New("container engine answers again")
	errStartable  = errors.New("component can be started")
	errMovedOn    = errors.New("another version is to come")
)

// observation is what one list of the engine showed of a placement.
type observation struct {
	list      int64 // its number
	outages   int64 // of the engine, that had ended by then
	present   bool
	container Container
}

// phase is one step of a unit's life. It returns the next, nil at the end.
type phase func(ctx context.Context) phase

// unit is the life of one placement on this node. One goroutine walks through
// its phases; others tell it what is wanted and what the engine shows, which
// ends a phase's wait through its guard.
type unit struct {
	agent    *Agent
	id       string
	log      *slog.Logger
	launched bool  // under the agent's lock
	memory   int64 // that is set aside for it; under the agent's lock

	mu      sync.Mutex
	target  target
	seen    observation
	guard   *guard
	held    string      // id of the container; empty: none
	since   int64       // lists up to this number are older than the container
	denied  int64       // placement version that may not be stopped any more
	blocked int64       // version of the component that the container can't make way for yet
	retry   *time.Timer // ends that
	fine    int64       // outages of the engine that the container has survived

	// Only the unit's goroutine touches what follows.
	inst       cluster.Instance
	spec       *project.Component // that the container was started with
	orphan     bool               // the container is not the placement's
	found      *Container         // adopted, not looked at yet
	known      bool               // adopted and looked at
	parted     string             // id of the container that an earlier daemon had begun to stop; empty: none
	crashes    backoff
	waits      backoff    // for the engine
	holds      backoff    // for the image of what comes after it
	ready      time.Time  // since when
	failing    time.Time  // its health checks, since when
	volumes    []string   // that its containers have made, unless they were there
	collector  *collector // of the container's output; nil: nobody wants it
	stopFollow context.CancelFunc
}

func newUnit(a *Agent, id string, t target) *unit {
	u := &unit{agent: a, id: id, target: t, stopFollow: func() {}}
	u.inst = cluster.Instance{Placement: id, Node: a.opt.Node, State: cluster.InstanceStarting}
	if t.row != nil {
		u.inst.Component = t.row.Component
		u.inst.ComponentVersion = t.row.PlacedVersion
		u.inst.Slot = t.row.Slot
	}
	if t.current != nil && t.current.Effective != nil {
		u.inst.Image = t.current.Effective.Image
	}
	u.log = a.log.With("component", u.inst.Component, "placement", id)
	return u
}

// inherit takes over what an earlier daemon reported of the placement.
func (u *unit) inherit(was cluster.Instance) {
	u.inst.Restarts = was.Restarts
	u.inst.WasReady = was.WasReady
	u.inst.ReadyAt = was.ReadyAt
	u.inst.Reason, u.inst.Message = was.Reason, was.Message
	u.inst.LaunchedAt = was.LaunchedAt
	u.inst.Suspect, u.inst.FailedChecks = was.Suspect, was.FailedChecks
	u.inst.LastFailure, u.inst.LastFailureAt = was.LastFailure, was.LastFailureAt
	u.inst.LastFailureDetail = was.LastFailureDetail
	switch was.State {
	case cluster.InstanceReady:
		u.ready = was.ReadyAt // it has served, also if it is found dead
	case cluster.InstanceStopping:
		u.parted = was.ContainerID
	}
}

// adopt gives the unit a container that is there already.
func (u *unit) adopt(c Container, orphan bool) {
	u.found, u.orphan = &c, orphan
	u.inst.Component, u.inst.ComponentVersion = c.Component, c.Version
	u.log = u.agent.log.With("component", c.Component, "placement", u.id)
	u.spec = u.target.settings(c)
	u.memory = u.spec.ReserveMemory
	if u.target.row != nil {
		u.memory = u.target.row.MemoryMiB
	}
	switch stop := u.target.want == cluster.WantStop; {
	case !orphan && (u.parted == c.ID || stop && c.State == ContainerExited):
		u.inst.State = cluster.InstanceStopping // nobody is to count on it again
	case orphan || stop:
		u.inst.State = cluster.InstanceDraining
	}
	u.hold(c)
}

// run walks through the phases until the unit has no container and none is
// wanted, or ctx ends: then the container stays as it is.
func (u *unit) run(ctx context.Context) {
	defer func() { u.stopFollow() }()
	if u.found != nil {
		u.follow(ctx, *u.found, time.Now())
	}
	for p := phase(u.begin); p != nil && ctx.Err() == nil; {
		p = p(ctx)
	}
	if ctx.Err() == nil {
		u.leaveVolumes(ctx)
	}
	if ctx.Err() == nil {
		u.agent.end(u)
	}
}

// leaveVolumes lets everyone know of the volumes that the unit's containers have
// made, before they learn that it is gone: what comes next belongs to them.
func (u *unit) leaveVolumes(ctx context.Context) {
	if made := u.agent.deps.VolumesMade; made != nil && len(u.volumes) > 0 {
		made(ctx, u.volumes)
	}
}

func (u *unit) begin(ctx context.Context) phase {
	if u.found == nil {
		return u.launch
	}
	c := *u.found
	switch {
	case u.orphan:
		return u.drain
	case u.inst.State == cluster.InstanceStopping:
		return u.stop
	case c.State == ContainerExited:
		return u.bury
	case c.State == ContainerCreated:
		return u.again
	case u.asked().want == cluster.WantStop:
		return u.drain
	case !u.known:
		u.recognise(ctx, c)
	}
	return u.resume()
}

// report publishes the instance as it is now.
func (u *unit) report() { u.agent.board.put(u.inst) }

// hold makes c the unit's container.
func (u *unit) hold(c Container) {
	u.mu.Lock()
	u.held = c.ID
	u.since = u.agent.engine.listed()
	u.fine = u.agent.engine.ends()
	u.mu.Unlock()
	u.inst.ContainerID = c.ID
	u.inst.Address = c.Address
	u.inst.StartedAt = c.StartedAt
	if c.Image != "" {
		u.inst.Image = c.Image
	}
	u.inst.ImageID = c.ImageID
	u.volumes = namedVolumes(u.spec)
}

func namedVolumes(spec *project.Component) (names []string) {
	for _, v := range spec.Volumes {
		if v.Type == "volume" && v.Source != "" {
			names = append(names, v.Source)
		}
	}
	return names
}

// release says that the unit has no container any more.
func (u *unit) release() {
	u.stopFollow()
	u.collector = nil
	u.mu.Lock()
	u.held = ""
	u.mu.Unlock()
	u.inst.ContainerID, u.inst.Address = "", ""
}

// retarget tells the unit what its placement asks for now.
func (u *unit) retarget(t target) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.target = t
	u.guard.check(u)
}

// observe tells the unit what the engine shows.
func (u *unit) observe(o observation) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seen = o
	if died(u) == nil {
		u.fine = o.outages
	}
	u.guard.check(u)
}

// endedByEngine tells whether the container ended with an outage.
func (u *unit) endedByEngine() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen.outages > u.fine
}

// asked returns what the placement asks for now.
func (u *unit) asked() target {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.target
}
