package runtime

import (
	"context"
	"slices"
	"sync"
	"time"

	"maelstrom/cluster"
)

const (
	listEvery  = 60 * time.Second      // in case an event was lost
	listGap    = 10 * time.Millisecond // events come in bursts, a start's while its probe runs
	listWithin = 30 * time.Second
)

// engine is what is known of the container engine's health.
type engine struct {
	again chan struct{} // buffered 1: list now

	mu      sync.Mutex
	down    string // why it does not answer
	outages int64  // that have ended
	lists   int64  // begun
}

// ask makes followEngine list the containers soon.
func (e *engine) ask() { signal(e.again) }

func (e *engine) why() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.down
}

// listed is the number of the latest list. What a list with this or a lower
// number shows may be older than this moment.
func (e *engine) listed() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lists
}

func (e *engine) begin() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lists++
	return e.lists
}

func (e *engine) ends() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.outages
}

// answered takes in the outcome of a list. It tells whether the engine's
// state changed.
func (e *engine) answered(err error) (changed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err != nil:
		changed = e.down == ""
		e.down = err.Error()
	case e.down != "":
		e.down = ""
		e.outages++
		changed = true
	}
	return changed
}

// followEngine lists the containers whenever the engine says that something
// changed. While it is down it is asked again and again.
func (a *Agent) followEngine(ctx context.Context) error {
	changed := a.driver.Watch(ctx)
	var outage backoff
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-changed:
			if !open {
				changed = nil
			}
		case <-a.engine.again:
		case <-timer.C:
		}
		idle(ctx, listGap)
		if err := a.look(ctx); err != nil {
			timer.Reset(min(outage.next(), 5*time.Second))
		} else {
			outage.reset()
			timer.Reset(listEvery)
		}
		signal(a.placed)
	}
}

// look lists the containers and takes in what it finds.
func (a *Agent) look(ctx context.Context) error {
	number := a.engine.begin()
	limited, cancel := context.WithTimeout(ctx, listWithin)
	defer cancel()
	containers, err := a.driver.List(limited)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if changed := a.engine.answered(err); changed && err != nil {
		a.log.Warn("container engine does not answer; containers are left as they are", "error", err)
	} else if changed {
		a.log.Info("container engine answers again")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tried = true
	if err != nil {
		return err
	}
	a.takeInLocked(instances(containers), number)
	return nil
}

// takeInLocked matches a list with the units: each learns of its container,
// containers without a unit are adopted or removed.
func (a *Agent) takeInLocked(containers []Container, number int64) {
	snap := a.deps.Feed.Snapshot()
	rows, _ := snap.ByNode.Get(a.opt.Node)
	outages := a.engine.ends()
	here := map[string]Container{}
	a.left = map[string]Container{}
	var taken []cluster.Instance
	for _, c := range containers {
		here[c.Placement] = c
		if a.units[c.Placement] != nil || number <= a.ended[c.Placement] {
			continue
		}
		if u := a.takeOnLocked(snap, rows[c.Placement], c); u != nil && !a.board.has(u.id) {
			taken = append(taken, u.inst)
		}
	}
	a.board.put(taken...)
	for id, u := range a.units {
		c, ok := here[id]
		u.observe(observation{list: number, outages: outages, present: ok, container: c})
	}
	for id, at := range a.ended {
		if number > at {
			delete(a.ended, id)
		}
	}
	if !a.adopted && snap.Number != 0 {
		a.adopted = true
		a.dropStaleLocked()
	}
}

// takeOnLocked decides on a container that no unit knows: adopted where its
// placement says run here at that version, else drained and removed. It is
// left alone while the snapshot can't tell.
func (a *Agent) takeOnLocked(snap *cluster.Snapshot, row *cluster.Placement, c Container) *unit {
	if row == nil && c.Provisional && snap.Number != 0 {
		row = a.recogniseLocked(snap, c)
	}
	t := a.targetLocked(snap, row, c.Placement)
	ours := row != nil && row.PlacedVersion == c.Version && row.Component == c.Component
	if !ours && (snap.Number == 0 || snap.Restored) {
		a.left[c.Placement] = c
		return nil
	}
	u := a.addLocked(c.Placement, t)
	u.adopt(c, !ours)
	if ours {
		u.log.Info("container adopted", "container", c.ID, "state", string(c.State))
	} else {
		u.log.Info("container without a placement is removed", "container", c.ID)
	}
	return u
}

// dropStaleLocked forgets what an earlier daemon reported of containers that
// are not there.
func (a *Agent) dropStaleLocked() {
	var stale []string
	for _, i := range a.board.list() {
		if a.units[i.Placement] == nil {
			stale = append(stale, i.Placement)
		}
	}
	for id := range a.previous {
		if a.units[id] == nil {
			stale = append(stale, id)
		} else {
			delete(a.previous, id)
		}
	}
	a.board.remove(stale...)
}

// instances leaves out the containers of runs, which are the Runner's.
func instances(containers []Container) []Container {
	return slices.DeleteFunc(slices.Clone(containers), func(c Container) bool { return c.Run != "" })
}
