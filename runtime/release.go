package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

const (
	releaseRetry   = 2 * time.Second  // of what the engine, the database or the memory of the node forbids for now
	releaseLook    = 10 * time.Second // in case an event of the engine was lost
	releaseOutput  = 4 << 10          // of the output that is kept
	releaseMessage = 10               // lines of it in the message
)

// inDoubt is told of a release that has no container any more although one may
// have been started. It is not run again by itself: it may have been run.
const inDoubt = "the daemon was stopped while it ran and its container is gone: whether it has done its work is not known. " +
	"Look, then run it again with `maelctl comp restart %s`"

// release runs the release command that a row was reserved for, or goes on with
// one that an earlier daemon has started, and stores how it ended. It returns
// early, with all left as it is, when ctx ends.
func (r *Runner) release(ctx context.Context, run cluster.Run, hold cluster.Hold) error {
	defer r.begin(run.ID)()
	outcome, err := r.runRelease(ctx, run, hold)
	if err != nil {
		return err
	}
	if err := r.finish(ctx, outcome); err != nil {
		return err
	}
	return r.discardRelease(ctx, run.ID)
}

// runRelease returns a run as it ended.
func (r *Runner) runRelease(ctx context.Context, run cluster.Run, hold cluster.Hold) (cluster.Run, error) {
	c, err := r.releaseContainer(ctx, run.ID)
	if err != nil {
		return run, err
	}
	if c != nil && c.State == ContainerCreated { // it has not begun
		if err := r.deps.Driver.Stop(ctx, c.ID, 0); err != nil {
			return run, err
		}
		c = nil
	} else if c == nil && run.State == cluster.RunStarted {
		return failed(run, fmt.Sprintf(inDoubt, run.Component)), nil
	}
	if c == nil {
		c, err = r.startRelease(ctx, run, hold)
		var failure *cluster.Failure
		if errors.As(err, &failure) {
			return failed(run, failure.Message), nil
		}
		if err != nil {
			return run, err
		}
	}
	return r.awaitRelease(ctx, run, c.ID)
}

func failed(run cluster.Run, message string) cluster.Run {
	run.State, run.Message = cluster.RunFailed, message
	return run
}

func (r *Runner) releaseContainer(ctx context.Context, id string) (*Container, error) {
	containers, err := r.deps.Driver.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range containers {
		if c.Placement == id {
			return &c, nil
		}
	}
	return nil, nil
}

// startRelease starts the command. The engine being away is no failure of it.
func (r *Runner) startRelease(ctx context.Context, run cluster.Run, hold cluster.Hold) (*Container, error) {
	row, ok := r.deps.Feed.Snapshot().Components.Get(run.Component)
	if !ok || row.RestartVersion != run.Version {
		return nil, &cluster.Failure{Message: "another version was declared before it began"}
	}
	spec := *row.Effective
	spec.Command = spec.ReleaseCommand
	if err := r.fetch(ctx, &spec, row.Version, nil); err != nil {
		return nil, r.startError(ctx, err, &spec)
	}
	if run.State == cluster.RunReserved {
		if _, err := r.deps.Ledger.StartRun(ctx, run.ID, &hold); err != nil {
			return nil, err
		}
	}
	r.log.Info("release command begins", "component", run.Component, "version", run.Version, "run", run.ID)
	return r.create(ctx, Spec{
		Placement: run.ID, Component: &spec, Version: row.Version, Epoch: r.opt.Epoch(), Run: cluster.RunRelease,
		Environment: r.environment(&spec, row.Version),
		NameServers: nameServers(r.opt.NameServers, &spec), Hosts: hosts(r.opt.Hosts, &spec),
	})
}

// create starts the container. As long as this process tries, it knows that one
// that is not there was never there.
func (r *Runner) create(ctx context.Context, spec Spec) (*Container, error) {
	for {
		limited, cancel := context.WithTimeout(ctx, startWithin)
		c, err := r.deps.Driver.Start(limited, spec)
		cancel()
		if err == nil {
			return &c, nil
		}
		if !errors.Is(err, ErrEngineDown) && !errors.Is(err, ErrConflict) {
			return nil, r.startError(ctx, err, spec.Component)
		}
		there, err := r.releaseContainer(ctx, spec.Placement)
		switch {
		case err == nil && there != nil && there.State != ContainerCreated:
			return there, nil
		case err == nil && there != nil:
			err = r.deps.Driver.Stop(ctx, there.ID, 0)
		}
		if err != nil {
			r.log.Warn("release command can't be started yet", "component", spec.Component.Name, "error", err)
		}
		if idle(ctx, releaseRetry); ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// startError is a failure of the release, unless it may go away by itself.
func (r *Runner) startError(ctx context.Context, err error, spec *project.Component) error {
	if ctx.Err() != nil || errors.Is(err, ErrEngineDown) {
		return err
	}
	var failure *cluster.Failure
	if errors.As(err, &failure) {
		return failure
	}
	return startFailure(err, spec)
}

// awaitRelease waits for the end of the container.
func (r *Runner) awaitRelease(ctx context.Context, run cluster.Run, id string) (cluster.Run, error) {
	watched, stop := context.WithCancel(ctx)
	defer stop()
	changed := r.deps.Driver.Watch(watched)
	ticker := time.NewTicker(releaseLook)
	defer ticker.Stop()
	for {
		c, err := r.deps.Driver.Inspect(ctx, id)
		switch {
		case errors.Is(err, ErrNotFound):
			return failed(run, "its container was removed by somebody else before it ended"), nil
		case err == nil && c.State == ContainerExited:
			return r.ended(ctx, run, c), nil
		case err != nil && !errors.Is(err, ErrEngineDown):
			return run, err
		}
		select {
		case <-ctx.Done():
			return run, ctx.Err()
		case _, open := <-changed:
			if !open {
				changed = nil
			}
		case <-ticker.C:
		}
	}
}

// ended reads how a release went from its container.
func (r *Runner) ended(ctx context.Context, run cluster.Run, c Container) cluster.Run {
	run.ExitCode, run.Output = c.ExitCode, r.secretsOf(run.Component).hide(r.tail(ctx, c.ID))
	if c.ExitCode == 0 && !c.OOMKilled && c.Error == "" {
		run.State = cluster.RunSucceeded
		return run
	}
	why := fmt.Sprintf("it exited with code %d", c.ExitCode)
	switch {
	case c.OOMKilled:
		why = "it was killed because memory ran out: raise `limitmemory`"
	case c.Error != "":
		why = c.Error
	}
	if said := lastOf(run.Output, releaseMessage); said != "" {
		why += "; its last output:\n" + said
	}
	return failed(run, why)
}

// secretsOf hides what may not be seen in the output of a component.
func (r *Runner) secretsOf(component string) mask {
	row, ok := r.deps.Feed.Snapshot().Components.Get(component)
	if !ok {
		return mask{}
	}
	return maskOf(row.Effective)
}

// tail is the end of a container's output.
func (r *Runner) tail(ctx context.Context, id string) string {
	ctx, cancel := context.WithTimeout(ctx, autopsyWithin)
	defer cancel()
	stream, err := r.deps.Driver.Logs(ctx, id, LogOptions{Tail: 100})
	if err != nil {
		return ""
	}
	defer stream.Close()
	var b strings.Builder
	for {
		line, err := stream.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.log.Debug("output of release not read", "error", err)
			}
			break
		}
		b.WriteString(strings.ToValidUTF8(line.Text, "?") + "\n")
	}
	text := b.String()
	if len(text) > releaseOutput {
		text = strings.ToValidUTF8(text[len(text)-releaseOutput:], "")
	}
	return text
}

func lastOf(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range all {
		all[i] = clip(line, lineMost)
	}
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// finish stores the outcome; until that is done, nothing else is.
func (r *Runner) finish(ctx context.Context, run cluster.Run) error {
	details, err := json.Marshal(map[string]any{"version": run.Version, "exit_code": run.ExitCode})
	if err != nil {
		return fmt.Errorf("describe release: %w", err)
	}
	e := cluster.Event{
		Kind: cluster.EventRelease, Component: run.Component, Node: r.opt.Node, Details: details,
		Message: fmt.Sprintf("version %d of %s is released", run.Version, run.Component),
	}
	if row, ok := r.deps.Feed.Snapshot().Components.Get(run.Component); ok {
		e.Project = row.Spec.Project
	}
	if run.State == cluster.RunFailed {
		e.Severity = cluster.EventError
		e.Message = ReleaseFailure(&run)
		r.log.Warn("release command failed", "component", run.Component, "version", run.Version, "exit_code", run.ExitCode, "message", run.Message)
	} else {
		r.log.Info("version released", "component", run.Component, "version", run.Version)
	}
	for {
		number, err := r.deps.Ledger.FinishRelease(ctx, run, e)
		if err == nil {
			return r.deps.Feed.WaitFor(ctx, number) // or it would be looked for again
		}
		r.log.Warn("outcome of release not stored yet", "component", run.Component, "error", err)
		if idle(ctx, releaseRetry); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// ReleaseFailure says in a sentence why a version is not rolled out.
func ReleaseFailure(run *cluster.Run) string {
	return fmt.Sprintf("version %d is not rolled out: its release command failed: %s", run.Version, run.Message)
}

// discardRelease removes a container whose outcome is stored. With that the
// role may end; what is left then, a sweep removes.
func (r *Runner) discardRelease(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer cancel()
	c, err := r.releaseContainer(ctx, id)
	if err != nil || c == nil {
		return err
	}
	return r.deps.Driver.Stop(ctx, c.ID, 0)
}
