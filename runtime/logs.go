package runtime

import (
	"context"
	"fmt"
	"time"

	"maelstrom/runtime/logring"
)

const logDriverMaelstrom = "maelstrom" // copies output to the daemon's log

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

// follow reads the container's output for all that want it: the ring of its
// component, and the daemon's log if the component asks for it. That gets what
// was written from since on.
func (u *unit) follow(ctx context.Context, c Container, since time.Time) {
	copied := u.spec.LogDriver == logDriverMaelstrom && c.State != ContainerExited
	ring := u.openRing(c)
	if ring == nil && !copied {
		return
	}
	ctx, u.stopFollow = context.WithCancel(ctx)
	u.collector = newCollector(u.agent.driver, c.ID, collectorOptions{
		Ring: ring, Copy: copied, CopySince: since, LogDriver: u.spec.LogDriver, Logger: u.log,
	})
	u.agent.group.Go(func() { u.collector.run(ctx) })
}

// openRing returns nil if output is not kept.
func (u *unit) openRing(c Container) *logring.Writer {
	if u.agent.deps.Rings == nil {
		return nil
	}
	ring, err := u.agent.deps.Rings.Ring(c.Component)
	if err != nil {
		u.log.Warn("container output not kept", "container", c.ID, "error", err)
		return nil
	}
	w, err := ring.Writer(logring.Source{Container: c.ID, Instance: u.id, Version: c.Version})
	if err != nil {
		u.log.Warn("container output not kept", "container", c.ID, "error", err)
		return nil
	}
	return w
}
