package histories

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"maelstrom/cluster"
)

const (
	opTimeout    = 2 * time.Second // of one operation
	longestGap   = 2 * time.Millisecond
	lostPause    = 5 * time.Millisecond
	auditTimeout = 10 * time.Second
	firingCount  = 12 // different ones that are claimed
)

// world is what the clients of one history share: the names of the objects
// that are theirs alone, and what they saw of them.
type world struct {
	seed     uint64
	faults   faults
	roles    *history
	projects *history
	gate     *gate

	role        string
	placement   string
	eventSource string
	project     string
	components  [componentCount]string
}

func newWorld(run string, seed uint64, f faults) *world {
	name := fmt.Sprintf("%s-%d", run, seed)
	w := &world{seed: seed, faults: f, roles: newHistory(), projects: newHistory(), gate: newGate(),
		role: "role-" + name, placement: "placement-" + name, eventSource: "cron-" + name, project: "project-" + name}
	for i := range w.components {
		w.components[i] = fmt.Sprintf("%s_%c", w.project, 'a'+i)
	}
	return w
}

func (w *world) rand(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(w.seed, stream)) }

func (w *world) firing(key int) cluster.Firing {
	return cluster.Firing{Key: w.eventSource, Due: time.Unix(int64(key)*60, 0).UTC(), EventSource: w.eventSource,
		Component: w.components[0], StartedAt: time.Unix(1, 0).UTC()}
}

// client is one of several that work at the same time.
type client struct {
	*world
	random  *rand.Rand
	ledger  ledger
	reader  *follower
	patient bool // gives up no operation early

	roleNumber, projectNumber int // in the histories
}

// follower keeps what the change log told, as every node does.
type follower struct {
	placements map[string]*cluster.Placement
	components map[string]*cluster.ComponentRow
	projects   map[string]*cluster.ProjectRow
	number     int64
}

// patience returns the context of one operation. Some clients give up early.
func (c *client) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	if !c.patient && c.random.Float64() < c.faults.giveUp {
		return context.WithTimeout(ctx, time.Duration(c.random.Int64N(int64(4*time.Millisecond))))
	}
	return context.WithTimeout(ctx, opTimeout)
}

// rest waits a moment between operations, and for a server that is away.
func (c *client) rest(ctx context.Context) {
	pause(ctx, time.Duration(c.random.Int64N(int64(longestGap))))
	c.gate.wait(ctx)
}

// follow reads the change log and notes what it adds up to: the placement for
// one history, the project for the other.
func (c *client) follow(ctx context.Context) error {
	ctx, cancel := c.patience(ctx)
	defer cancel()
	inRoles, inProjects := c.roles.now(), c.projects.now()
	cs, err := c.ledger.Changes(ctx, c.reader.number)
	if err != nil {
		return err
	}
	c.reader.take(cs)
	version, project := c.reader.version(c.world), c.reader.project(c.world)
	c.roles.add(c.roleNumber, inRoles, roleInput{op: peek}, roleOutput{version: version})
	c.projects.add(c.projectNumber, inProjects, projectInput{op: read}, projectOutput{seen: project})
	return nil
}

func (f *follower) take(cs cluster.ChangeSet) {
	if cs.Full || f.number == 0 {
		*f = follower{placements: map[string]*cluster.Placement{}, components: map[string]*cluster.ComponentRow{}, projects: map[string]*cluster.ProjectRow{}}
	}
	f.number = cs.Number
	merge(f.placements, cs.Placements)
	merge(f.components, cs.Components)
	merge(f.projects, cs.Projects)
}

func merge[V any](into, changed map[string]*V) {
	for name, row := range changed {
		into[name] = row // nil: gone
	}
}

func (f *follower) version(w *world) int64 {
	if p := f.placements[w.placement]; p != nil {
		return p.Version
	}
	return 0
}

func (f *follower) project(w *world) (s projectState) {
	if p := f.projects[w.project]; p != nil {
		s.revision = p.Revision
	}
	for i, name := range w.components {
		if row := f.components[name]; row != nil {
			s.components[i] = componentState{there: true, version: row.Version, image: row.Spec.Image}
		}
	}
	return s
}

// pause waits for a time, or for ctx.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
