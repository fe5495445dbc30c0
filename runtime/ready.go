package runtime

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"maelstrom/cluster"
)

const (
	commandWithin = 60 * time.Second // healthcheckfailedcommand
	commandPause  = 2 * time.Second  // after it, before the container is stopped
	adoptWithin   = time.Second      // the probe of an adopted container
)

func (u *unit) probe() probe {
	return probe{
		address: u.inst.Address,
		path:    u.spec.HTTPHealthCheckPath,
		h2c:     u.spec.Protocol == "h2c",
	}
}

// recognise looks once at an adopted container. One that takes connections and
// was ready before is ready, whatever it answers: it may just be busy, and its
// health checks go on. One that has outlived its start check was, unless nobody
// has ever seen its version ready: with each restart of the daemon its check may
// have begun again.
func (u *unit) recognise(ctx context.Context, c Container) {
	u.known = true
	if u.spec.StartCheckTimeout() > 0 {
		limited, cancel := context.WithTimeout(ctx, adoptWithin)
		defer cancel()
		err := u.agent.prober.once(limited, u.probe())
		var failed *probeError
		reached := errors.As(err, &failed) && failed.kind != probeRefused
		placed := u.asked().placed
		proven := placed == nil || !placed.Unproven()
		old := u.inst.WasReady || proven && time.Since(c.StartedAt) > u.spec.StartCheckTimeout()
		if err != nil && !(reached && old) {
			u.acquit()
			u.inst.State = cluster.InstanceStarting
			return
		}
		if err == nil {
			u.acquit()
		}
	}
	u.becomeReady()
	if u.inst.ReadyAt.IsZero() || u.inst.ReadyAt.Before(c.StartedAt) {
		u.inst.ReadyAt = time.Now()
	}
}

// awaitReady probes a started container until it answers.
func (u *unit) awaitReady(ctx context.Context) phase {
	work, done := u.during(ctx, stopWanted, died)
	err := u.agent.prober.await(work, u.probe(), u.spec.StartCheckTimeout())
	cause := context.Cause(work)
	done()
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(cause, errDied):
		return u.bury
	case errors.Is(cause, errStopWanted):
		return u.drain
	case err != nil && u.hasEnded(ctx):
		return u.bury
	case err != nil:
		return u.discard(u.probeFailure(ctx, err))
	}
	u.becomeReady()
	u.inst.ReadyAt = time.Now()
	u.report()
	u.log.Info("instance ready", "container", u.inst.ContainerID, "after", time.Since(u.inst.StartedAt))
	return u.serve
}

// hasEnded asks the engine whether the container exited. A busy engine tells
// of an exit late, and the address may be another container's by then.
func (u *unit) hasEnded(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, autopsyWithin)
	defer cancel()
	c, err := u.agent.driver.Inspect(ctx, u.inst.ContainerID)
	return errors.Is(err, ErrNotFound) || err == nil && c.State == ContainerExited
}

func (u *unit) becomeReady() {
	u.ready = time.Now()
	u.inst.State, u.inst.WasReady = cluster.InstanceReady, true
	if !u.inst.Suspect {
		u.inst.Reason, u.inst.Message = cluster.ReasonNone, ""
	}
}

// resume goes on where a container stands.
func (u *unit) resume() phase {
	if u.inst.State == cluster.InstanceReady {
		u.report()
		return u.serve
	}
	u.inst.State = cluster.InstanceStarting
	u.report()
	return u.awaitReady
}

// serve watches over a ready container.
func (u *unit) serve(ctx context.Context) phase {
	defer u.unblock()
	work, done := u.during(ctx, stopWanted, turnedBack, died)
	defer done()
	period := u.spec.HealthCheckPeriod()
	timer := time.NewTimer(period - rand.N(period/2+1)) // adopted together, checked apart
	defer timer.Stop()
	for ; ; timer.Reset(u.untilCheck()) {
		select {
		case <-work.Done():
			return u.leaveReady(ctx, context.Cause(work))
		case <-timer.C:
		}
		err := u.check(work)
		if work.Err() != nil {
			continue
		}
		if err == nil || u.recentSuccess(period) {
			u.trust()
			continue
		}
		if u.doubt(ctx, err); u.incurable() {
			return u.heal(err)
		}
	}
}

func (u *unit) leaveReady(ctx context.Context, cause error) phase {
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(cause, errDied):
		return u.bury
	case errors.Is(cause, errRunWanted):
		return u.stay
	}
	return u.makeWay
}

func (u *unit) check(ctx context.Context) error {
	return u.agent.prober.once(ctx, u.probe())
}

// heal restarts a container that fails its health checks: no new requests,
// the component's own command, two seconds for what is in flight, the end of
// streams, stop.
func (u *unit) heal(err error) phase {
	return func(ctx context.Context) phase {
		failure := u.probeFailure(ctx, err)
		u.inst.State = cluster.InstanceDraining
		u.blame(failure)
		u.report()
		work, done := u.during(ctx, died)
		ran := u.runFailedCommand(work)
		pause, enough := context.WithTimeout(work, commandPause)
		u.drained(work, commandPause)
		if ran {
			<-pause.Done()
		}
		enough()
		done()
		if ctx.Err() != nil {
			return nil
		}
		return u.discard(failure)
	}
}

// runFailedCommand tells whether there was a command to run.
func (u *unit) runFailedCommand(ctx context.Context) bool {
	command := u.spec.HealthCheckFailedCommand
	if len(command) == 0 {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, commandWithin)
	defer cancel()
	result, err := u.agent.driver.Exec(limited, u.inst.ContainerID, command)
	u.log.Info("healthcheckfailedcommand ran", "exit_code", result.ExitCode, "output", maskOf(u.spec).hide(result.Output), "error", err)
	return true
}
