package fake

import (
	"context"
	"fmt"
	"slices"

	"maelstrom/runtime"
)

// RunCommand implements runtime.Commander. The container is there, running,
// while the image's Command is.
func (d *Driver) RunCommand(ctx context.Context, spec runtime.Spec) (int, error) {
	e := d.engine
	if err := e.enter(ctx); err != nil {
		return 0, err
	}
	c, err := d.create(spec)
	if err != nil {
		return 0, err
	}
	defer e.remove(c)
	if c.image.StartError != "" {
		return 0, fmt.Errorf("%w: %s", runtime.ErrInvalidSpec, c.image.StartError)
	}
	if _, err := e.start(c); err != nil {
		return 0, err
	}
	command := slices.Concat(spec.Component.Entrypoint, spec.Component.Command)
	code := c.command(ctx, command, *spec.Terminal)
	c.kill(exit{code: code})
	<-c.done
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	return code, nil
}

// ExecCommand implements runtime.Commander.
func (d *Driver) ExecCommand(ctx context.Context, id string, command []string, t runtime.Terminal) (int, error) {
	c, err := d.find(ctx, id)
	if err != nil {
		return 0, err
	}
	code := c.command(ctx, command, t)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	return code, nil
}

func (c *container) command(ctx context.Context, command []string, t runtime.Terminal) int {
	if c.image.Command == nil {
		return 0
	}
	return c.image.Command(ctx, command, t)
}
