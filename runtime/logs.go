package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	logDriverMaelstrom = "maelstrom" // copies output to the daemon's log
	followRetry        = time.Second
)

// OpenLogs opens the output of a placement's container, ErrNotFound if it has
// none here.
func (a *Agent) OpenLogs(ctx context.Context, placement string, opt LogOptions) (LogStream, error) {
	a.mu.Lock()
	u := a.units[placement]
	a.mu.Unlock()
	if u == nil {
		return nil, fmt.Errorf("open logs of placement %s: %w", placement, ErrNotFound)
	}
	u.mu.Lock()
	id := u.held
	u.mu.Unlock()
	if id == "" {
		return nil, fmt.Errorf("open logs of placement %s: %w", placement, ErrNotFound)
	}
	return a.driver.Logs(ctx, id, opt)
}

// follow copies the container's output to the daemon's log, if the component
// asks for it.
func (u *unit) follow(ctx context.Context, c Container, since time.Time) {
	if u.spec.LogDriver != logDriverMaelstrom || c.State == ContainerExited {
		return
	}
	ctx, u.stopFollow = context.WithCancel(ctx)
	u.agent.group.Go(func() { u.copyOutput(ctx, c.ID, since) })
}

// copyOutput reads until ctx ends or the output does. A stream that broke is
// opened again where it broke.
func (u *unit) copyOutput(ctx context.Context, id string, since time.Time) {
	for ctx.Err() == nil {
		last, err := u.copyStream(ctx, id, since)
		if err == nil {
			return
		}
		if last.After(since) {
			since = last.Add(time.Nanosecond)
		}
		idle(ctx, followRetry)
	}
}

// copyStream returns when the last line was written, and nil at the end.
func (u *unit) copyStream(ctx context.Context, id string, since time.Time) (last time.Time, err error) {
	stream, err := u.agent.driver.Logs(ctx, id, LogOptions{Follow: true, Since: since})
	if err != nil {
		return last, err
	}
	defer stream.Close()
	for {
		line, err := stream.Next()
		if err != nil {
			return last, u.outputEnd(ctx, id, err)
		}
		last = line.Time
		u.log.Info("container output", "stream", line.Stream, "text", line.Text)
	}
}

// outputEnd is nil if the stream ended because the container did.
func (u *unit) outputEnd(ctx context.Context, id string, err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	c, failed := u.agent.driver.Inspect(ctx, id)
	if failed == nil && c.State == ContainerRunning {
		return err
	}
	if errors.Is(failed, ErrEngineDown) {
		return failed
	}
	return nil
}
