package runtime

import (
	"context"
	"errors"
	"time"

	"maelstrom/cluster"
)

const (
	markWithin = 5 * time.Second
	markRetry  = time.Second
	stopSlack  = 30 * time.Second // of the engine, beyond the grace

	// streamsWithin is how long it may take to end the streams of an instance.
	streamsWithin = 10 * time.Second
)

// drain lets what is in flight finish, while new requests go elsewhere. The
// placement may still change its mind.
func (u *unit) drain(ctx context.Context) phase {
	before := u.inst.State
	u.inst.State = cluster.InstanceDraining
	u.report()
	work, done := u.during(ctx, runWanted, died)
	u.drained(work, u.spec.DrainTimeout())
	cause := context.Cause(work)
	done()
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(cause, errRunWanted):
		return u.turnBack(before)
	}
	return u.commit(before)
}

// drained waits until nothing is in flight, for so long at most. What does not
// end by itself is ended then.
func (u *unit) drained(ctx context.Context, within time.Duration) {
	if u.agent.deps.Drainer == nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if u.agent.deps.Drainer.Drain(limited, u.id) == nil || ctx.Err() != nil {
		return
	}
	ending, cancelEnding := context.WithTimeout(ctx, streamsWithin)
	defer cancelEnding()
	if err := u.agent.deps.Drainer.EndStreamsOf(ending, u.id); err != nil && ctx.Err() == nil {
		u.log.Warn("drain deadline passed; requests in flight will break", "after", within, "error", err)
	}
}

// turnBack makes the container what it was before it was asked to stop.
func (u *unit) turnBack(before cluster.InstanceState) phase {
	u.inst.State = before
	return u.resume()
}

// commit passes the point of no return, unless the placement was flipped back
// to run in the database in the meantime.
func (u *unit) commit(before cluster.InstanceState) phase {
	return func(ctx context.Context) phase {
		for {
			t := u.asked()
			if u.orphan || t.row == nil || t.cut {
				return u.stop
			}
			stopping, err := u.mark(ctx, t.row.Version)
			switch {
			case ctx.Err() != nil:
				return nil
			case errors.Is(err, cluster.ErrSuperseded):
				u.agent.give(err)
				<-ctx.Done()
				return nil
			case err != nil:
				u.log.Warn("stop not agreed with the database; will retry", "error", err)
			case stopping:
				return u.stop
			default:
				u.deny(t.row.Version)
				return u.turnBack(before)
			}
			switch u.pause(ctx, markRetry, runWanted, died) {
			case errRunWanted:
				return u.turnBack(before)
			case errDied:
				return u.stop
			}
		}
	}
}

func (u *unit) mark(ctx context.Context, version int64) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, markWithin)
	defer cancel()
	stopping := u.inst
	stopping.State = cluster.InstanceStopping
	return u.agent.deps.Ledger.MarkStopping(limited, stopping, version)
}

// deny remembers that a wish to stop is outdated, until a newer one is seen.
func (u *unit) deny(version int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.denied = version
}

// stop ends and removes the container, however long the engine takes.
func (u *unit) stop(ctx context.Context) phase {
	u.inst.State = cluster.InstanceStopping
	u.report()
	var retry backoff
	for {
		err := u.remove(ctx, u.agent.opt.StopGrace)
		if err == nil {
			u.log.Info("container stopped", "container", u.inst.ContainerID)
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
		u.log.Warn("container not stopped; will retry", "container", u.inst.ContainerID, "error", err)
		outages := u.agent.engine.ends()
		u.agent.engine.ask()
		u.pause(ctx, retry.next(), engineBack(outages))
	}
}

func (u *unit) remove(ctx context.Context, grace time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, grace+stopSlack)
	defer cancel()
	if u.collector != nil {
		u.collector.beforeStop(limited)
	}
	return u.agent.driver.Stop(limited, u.inst.ContainerID, grace)
}

// pause waits, and returns which condition ended it early.
func (u *unit) pause(ctx context.Context, d time.Duration, conditions ...condition) error {
	work, done := u.during(ctx, conditions...)
	defer done()
	idle(work, d)
	return context.Cause(work)
}
