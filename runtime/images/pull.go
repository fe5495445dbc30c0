package images

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"maelstrom/project"
	"maelstrom/runtime"
)

// pullKey is what makes two pulls the same: those who wait for an image share
// one.
type pullKey struct {
	image, username, password, command string
}

func keyOf(c *project.Component) pullKey {
	return pullKey{c.Image, c.PullUsername, c.PullPassword, strings.Join(c.PullCommand, "\x00")}
}

// pull is one under way. Its fields are under the Depot's lock.
type pull struct {
	waiters int
	cancel  context.CancelFunc
	percent int
	moved   chan struct{} // closed and replaced when percent grows, closed at the end
	done    bool
	err     error
}

// Pull implements runtime.Images.
func (d *Depot) Pull(ctx context.Context, order runtime.PullOrder) error {
	p := d.join(ctx, order.Component)
	defer d.leave(order.Component, p)
	told := -1
	for {
		d.mu.Lock()
		percent, moved, done, err := p.percent, p.moved, p.done, p.err
		d.mu.Unlock()
		if done {
			return err
		}
		if order.Progress != nil && percent != told {
			order.Progress(percent)
			told = percent
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// join takes part in the pull of a component's image, the first one starts it.
func (d *Depot) join(ctx context.Context, c *project.Component) *pull {
	key := keyOf(c)
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.pulls[key]
	if p == nil {
		// It belongs to all who wait, and ends with the last of them.
		work, cancel := context.WithCancel(context.WithoutCancel(ctx))
		p = &pull{cancel: cancel, moved: make(chan struct{})}
		d.pulls[key] = p
		go d.run(work, c, p)
	}
	p.waiters++
	return p
}

func (d *Depot) leave(c *project.Component, p *pull) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p.waiters--
	if p.waiters > 0 || p.done {
		return
	}
	p.cancel()
	if d.pulls[keyOf(c)] == p {
		delete(d.pulls, keyOf(c)) // who comes now begins anew
	}
}

// run is the work of one pull.
func (d *Depot) run(ctx context.Context, c *project.Component, p *pull) {
	defer p.cancel()
	err := d.fetch(ctx, c, func(percent int) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if percent > p.percent {
			p.percent = percent
			close(p.moved)
			p.moved = make(chan struct{})
		}
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	p.done, p.err = true, err
	close(p.moved)
	if d.pulls[keyOf(c)] == p {
		delete(d.pulls, keyOf(c))
	}
}

// fetch brings an image here and notes it if it was not here before.
func (d *Depot) fetch(ctx context.Context, c *project.Component, progress func(int)) error {
	d.makeRoom(ctx)
	before, err := d.deps.Engine.Images(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if len(c.PullCommand) > 0 {
		err = d.pullByCommand(ctx, c)
	} else {
		err = d.pullByEngine(ctx, c, progress)
	}
	if err != nil {
		return err
	}
	found, err := d.deps.Engine.Image(ctx, c.Image)
	if errors.Is(err, runtime.ErrImageMissing) {
		return fmt.Errorf("%w: the pull ended well, but the image is not there: %s", runtime.ErrPull, c.Image)
	}
	if err != nil {
		return err
	}
	signal(d.names.again)
	d.log.Info("image pulled", "image", c.Image, "id", found.ID, "took", time.Since(began))
	d.note(c.Image, found.ID, before)
	return nil
}

// note remembers an image that this node has fetched. One that was here is
// somebody else's, unless it has been noted before.
func (d *Depot) note(name, id string, before []runtime.Image) {
	for _, i := range before {
		if i.ID == id && !d.record.knows(id) {
			return
		}
	}
	if err := d.record.add(pulled{Name: name, ID: id, At: time.Now()}); err != nil {
		d.log.Warn("pulled image not recorded; it will not be pruned", "image", name, "error", err)
	}
}

func (d *Depot) pullByEngine(ctx context.Context, c *project.Component, progress func(int)) error {
	req, origin, err := d.request(ctx, c)
	if err != nil {
		return err
	}
	req.Progress = progress
	err = d.deps.Engine.Pull(ctx, req)
	if errors.Is(err, runtime.ErrPull) {
		return fmt.Errorf("%w; credentials: %s", err, origin)
	}
	return err
}

// Ready implements runtime.Images.
func (d *Depot) Ready(ctx context.Context, order runtime.PullOrder) error {
	_, err := d.deps.Engine.Image(ctx, order.Component.Image)
	if errors.Is(err, runtime.ErrImageMissing) {
		return d.Pull(ctx, order)
	}
	return err
}

// Refresh implements runtime.Images.
func (d *Depot) Refresh(ctx context.Context, order runtime.PullOrder) error {
	c := order.Component
	onPut := c.PullImageOnPut && d.record.put(c.Name) != order.Version
	if !c.PullImageOnStart && !onPut {
		return nil
	}
	err := d.Pull(ctx, order)
	switch {
	case err == nil && c.PullImageOnPut:
		d.fetched(map[string]int64{c.Name: order.Version})
		return nil
	case err == nil:
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	if _, missing := d.deps.Engine.Image(ctx, c.Image); missing != nil {
		return err
	}
	d.log.Warn("image not pulled; the one that is here is started", "component", c.Name, "image", c.Image, "error", err)
	return nil
}

// fetched notes that pullimageonput is done with versions of components.
func (d *Depot) fetched(versions map[string]int64) {
	if err := d.record.setPuts(versions); err != nil {
		names := slices.Sorted(maps.Keys(versions))
		d.log.Warn("pull not recorded; it is repeated at the next start", "component", names[0], "components", len(names), "error", err)
	}
}

// Check tells whether a component's image is here, or else at its registry, and
// fetches nothing. What a command fetches, only that command knows.
func (d *Depot) Check(ctx context.Context, c *project.Component) error {
	if len(c.PullCommand) > 0 {
		return nil
	}
	req, _, err := d.request(ctx, c)
	if err != nil {
		return err
	}
	return d.deps.Engine.CheckImage(ctx, req)
}
