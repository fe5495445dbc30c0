package runtime

import (
	"context"

	"maelstrom/cluster"
)

// condition tells, under the unit's lock, why waiting has become pointless;
// nil: it has not.
type condition func(*unit) error

// guard ends what a unit waits for once a condition holds.
type guard struct {
	conditions []condition
	cancel     context.CancelCauseFunc
}

func (g *guard) check(u *unit) {
	if g == nil {
		return
	}
	for _, c := range g.conditions {
		if err := c(u); err != nil {
			g.cancel(err)
			return
		}
	}
}

// during returns a context that ends, with the cause, as soon as one of the
// conditions holds, which may be now.
func (u *unit) during(ctx context.Context, conditions ...condition) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	g := &guard{conditions: conditions, cancel: cancel}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.guard = g
	g.check(u)
	return ctx, func() {
		u.mu.Lock()
		u.guard = nil
		u.mu.Unlock()
		cancel(nil)
	}
}

// stopWanted: the placement wants to stop, at a version that was not denied, and
// not for a version of the component that can't come yet.
func stopWanted(u *unit) error {
	if u.target.want != cluster.WantStop || u.denied != 0 && u.denied == u.target.at() {
		return nil
	}
	if u.blocked != 0 && u.target.current != nil && u.blocked == u.target.current.Version {
		return nil
	}
	return errStopWanted
}

// turnedBack: the container need not make way any more.
func turnedBack(u *unit) error {
	if u.blocked == 0 {
		return nil
	}
	return runWanted(u)
}

func runWanted(u *unit) error {
	if u.target.want == cluster.WantRun && !u.orphan {
		return errRunWanted
	}
	return nil
}

// died: the engine shows the container as exited, or shows it no more. A list
// that began before the container was known says nothing about its absence.
func died(u *unit) error {
	if u.held == "" {
		return nil
	}
	same := u.seen.present && u.seen.container.ID == u.held
	if same && u.seen.container.State == ContainerExited || !same && u.seen.list > u.since {
		return errDied
	}
	return nil
}

func startable(u *unit) error {
	if u.target.startable() != nil {
		return errStartable
	}
	return nil
}

// engineBack: an outage has ended since the given number of them.
func engineBack(since int64) condition {
	return func(u *unit) error {
		if u.seen.outages > since {
			return errEngineBack
		}
		return nil
	}
}
