package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/peer"
	"maelstrom/cluster/scheduler"
)

// refuseAfter is how long requests wait for a database that is away, before
// they are refused for it: most outages are shorter.
const refuseAfter = 10 * time.Second

// requestDecisions are what requests ask for. Where nobody that is heard
// reaches the database, this node decides by itself what one alone may.
type requestDecisions struct {
	decisions
	alone *sync.Mutex // what is decided alone, one after the other: each counts what the others take
}

// Wake implements gateway.Waker.
func (r requestDecisions) Wake(ctx context.Context, component string) error {
	if r.hub == nil {
		return r.decisions.Wake(ctx, component)
	}
	s := r.hub.Standing()
	if forsaken(s) {
		return r.wakeAlone(s, component)
	}
	err := r.decisions.Wake(ctx, component)
	if errors.Is(err, cluster.ErrNotHolder) && s.Away >= refuseAfter {
		return &cluster.Failure{Reason: cluster.ReasonDatabaseDown, RetryAfter: holderWithin, Message: fmt.Sprintf(
			"%s can't be placed from this node: it reaches neither the database nor the node that decides. Others do: they place what is asked of them", component)}
	}
	return err
}

// forsaken tells whether a node hears nobody who reaches the database, itself
// included. Who says that it was removed has read that there.
func forsaken(s peer.Standing) bool { return !s.Reached() && s.Others == 0 && !s.Expelled }

// wakeAlone starts one instance here, if one node may decide that.
func (r requestDecisions) wakeAlone(s peer.Standing, component string) error {
	agent := r.agent.Load()
	if agent == nil || r.leaving.Load() {
		return cluster.ErrNotHolder
	}
	r.alone.Lock()
	defer r.alone.Unlock()
	placement, failure := scheduler.Provisional(scheduler.Input{
		Snapshot: r.feed.Snapshot(), Now: time.Now(), Zone: r.opt.CronZone, NewID: cluster.NewID,
	}, r.node, component)
	switch engine := agent.Engine(); {
	case failure == nil && engine != "":
		return &cluster.Failure{Reason: cluster.ReasonEngineDown, Message: "this node has no container engine: " + engine}
	case failure == nil:
		agent.Provision(*placement)
		return nil
	case failure.Reason == cluster.ReasonDatabaseDown && s.Away < refuseAfter:
		return fmt.Errorf("%w: %w", cluster.ErrNotHolder, failure) // it may be back in a moment
	}
	failure.RetryAfter = holderWithin
	return failure
}
