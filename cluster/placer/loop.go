package placer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/scheduler"
)

// The pauses between tries to write are doubled up to lastPause. A conflict
// goes away as soon as the snapshot has caught up.
const (
	conflictPause = 4 * time.Millisecond
	errorPause    = 50 * time.Millisecond
	lastPause     = 2 * time.Second
)

// loop is one term of the role.
type loop struct {
	*Placer
	hold    cluster.Hold
	changed <-chan struct{}
	group   sync.WaitGroup // of what goes on beside it

	memory   scheduler.Memory
	habits   habits
	observed scheduler.Observed
	stopping map[string]bool // placements that the store would not turn back
	pause    time.Duration   // before the next try; zero: the last write went well
}

func (l *loop) run(ctx context.Context) error {
	defer l.group.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for ctx.Err() == nil {
		if err := l.mindHabits(ctx); err != nil {
			return err
		}
		next, err := l.step(ctx)
		if err != nil {
			return err
		}
		if due := l.observed.Due(); next.IsZero() || !due.IsZero() && due.Before(next) {
			next = due
		}
		if next.IsZero() || l.habits.due.Before(next) {
			next = l.habits.due
		}
		l.wait(ctx, next)
	}
	l.leaveHabits(ctx)
	return nil
}

// step plans once and acts on it. It returns when to plan again at the latest.
func (l *loop) step(ctx context.Context) (next time.Time, err error) {
	snap := l.feed.Snapshot()
	if snap.Number == 0 || snap.Restored {
		return time.Time{}, nil
	}
	now := time.Now()
	load := l.questions()
	seen := l.loads.Load()
	load.See(seen)
	load.Observed = l.observe(snap, seen, now)
	load.Stopping = l.stillStopping(snap)
	d := scheduler.Plan(scheduler.Input{
		Snapshot: snap, Load: load, Memory: l.memory, Now: now, Zone: l.opt.Zone, NewID: l.opt.NewID,
	})
	l.refuseRuns(d.RunRefusals)
	if len(d.Reserved) > 0 {
		return l.reserve(ctx, d)
	}
	if len(d.Writes) == 0 {
		l.pause = 0 // there is nothing left to try again
		l.settle(snap, load, d)
		return d.Next, nil
	}
	number, err := l.ledger.WritePlacements(ctx, l.hold, d.Writes)
	if err != nil {
		return l.failed(ctx, d, err)
	}
	l.succeeded()
	l.tellDisplaced(d.Displaced)
	l.settle(snap, load, d)
	l.feed.Hint()
	// Planning on less than what was just written would write it again.
	if err := l.feed.WaitFor(ctx, number); err != nil {
		return time.Time{}, nil
	}
	return now, nil
}

// failed sorts out why a decision was not stored. Only a lost role is returned.
func (l *loop) failed(ctx context.Context, d scheduler.Decision, err error) (time.Time, error) {
	pause := errorPause
	switch {
	case errors.Is(err, cluster.ErrFenced):
		return time.Time{}, fmt.Errorf("write placements: %w", err)
	case ctx.Err() != nil:
		return time.Time{}, nil
	case errors.Is(err, cluster.ErrConflict):
		// Either the snapshot is behind, or an instance has passed the point of
		// no return that was to be turned back. Don't ask for that one again.
		for _, w := range d.Writes {
			if w.Rollout != nil && l.pause == 0 {
				break // rather another version was declared meanwhile
			}
			if w.Want != nil && w.Want.Want == cluster.WantRun {
				l.stopping[w.Want.ID] = true
			}
		}
		pause = conflictPause
		l.feed.Hint()
	default:
		l.note(err)
	}
	l.pause = min(max(pause, 2*l.pause), lastPause)
	return time.Now().Add(l.pause/2 + rand.N(l.pause/2)), nil
}

// stillStopping forgets the placements that are gone.
func (l *loop) stillStopping(snap *cluster.Snapshot) map[string]bool {
	maps.DeleteFunc(l.stopping, func(id string, _ bool) bool {
		_, exists := snap.Placements.Get(id)
		return !exists
	})
	return l.stopping
}

// wait returns when there may be something to decide. After a failed write,
// only time makes it try again.
func (l *loop) wait(ctx context.Context, next time.Time) {
	var timer <-chan time.Time
	if !next.IsZero() {
		left := time.Until(next)
		if left <= 0 {
			return
		}
		t := time.NewTimer(left)
		defer t.Stop()
		timer = t.C
	}
	if l.pause > 0 {
		select {
		case <-ctx.Done():
		case <-timer:
		}
		return
	}
	select {
	case <-ctx.Done():
	case <-l.changed:
	case <-l.loads.LoadChanged():
	case <-l.asked:
	case <-l.habitsRead():
	case <-timer:
	}
}

// settle takes in a plan that holds from now on.
func (l *loop) settle(snap *cluster.Snapshot, load scheduler.Load, d scheduler.Decision) {
	l.countEffects(d.Memory.Habits)
	l.memory = d.Memory
	l.answer(snap, load, d)
	l.tell(snap, d.Changes)
}

// answer tells everyone whose question this plan has settled.
func (l *loop) answer(snap *cluster.Snapshot, load scheduler.Load, d scheduler.Decision) {
	placed := placedBy(d.Writes)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = d.Memory
	lacking := func(component string) bool {
		_, exists := snap.Components.Get(component)
		return exists && !placed[component] && !wanted(snap, component)
	}
	l.keepRefusals(d.Refusals, lacking)
	l.keepUnplaceable(d.Unplaceable, lacking)
	for component := range load.Wakes {
		c := l.wakes[component]
		refusal := d.Refusals[component]
		switch {
		case c == nil:
		case placed[component] || wanted(snap, component):
			c.answer(nil)
			delete(l.wakes, component)
		case refusal != nil:
			c.answer(refusal)
			delete(l.wakes, component)
		}
		if at, ok := l.recent[component]; ok && !at.After(load.Wakes[component].At) {
			delete(l.recent, component)
		}
	}
	for component := range load.Sleeps {
		if c := l.sleeps[component]; c != nil {
			c.answer(nil)
			delete(l.sleeps, component)
		}
	}
}

// keepRefusals logs what is new and keeps it for Refusals for as long as the
// component still has nothing that shall run; of others it remembers what it has
// just logged. The lock is held.
func (l *loop) keepRefusals(latest map[string]*cluster.Failure, lacking func(component string) bool) {
	now := time.Now()
	for component, f := range latest {
		if old, ok := l.refusals[component]; !ok || *old.failure != *f {
			l.opt.Logger.Warn("component can't be placed", "component", component, "reason", f.Reason, "message", f.Message)
		}
		l.refusals[component] = refusal{failure: f, at: now, more: !lacking(component)}
	}
	maps.DeleteFunc(l.refusals, func(component string, r refusal) bool {
		return latest[component] == nil && !lacking(component) || now.Sub(r.at) > refusalKept
	})
}

// placedBy names the components that have a wanted placement by these writes.
func placedBy(writes []cluster.PlacementWrite) map[string]bool {
	placed := map[string]bool{}
	for _, w := range writes {
		if w.Insert != nil {
			placed[w.Insert.Component] = true
		}
		if w.Want != nil && w.Want.Want == cluster.WantRun {
			placed[w.Want.Component] = true
		}
	}
	return placed
}

func (l *loop) succeeded() {
	l.pause = 0
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		l.opt.Logger.Info("placements are written again", "after", time.Since(l.since))
	}
	l.err = nil
}

func (l *loop) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.since = time.Now()
		l.opt.Logger.Warn("placements can't be written", "error", err)
	}
	l.err = err
}
