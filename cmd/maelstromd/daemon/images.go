package daemon

import (
	"context"
	"errors"

	"maelstrom/project"
	"maelstrom/runtime/images"
)

// startImages brings and removes the images of this node from now on.
func (d *Daemon) startImages(base context.Context) {
	opt := d.opt.Images
	opt.Node, opt.Path, opt.Logger = d.node, d.dir.images(), d.part("images")
	depot := images.New(opt, images.Deps{Engine: d.driver, Feed: d.feed, Journal: d.recorder})
	d.depot.Store(depot)
	d.tasks.start(base, "images", d.failed, depot.Run)
}

// imageCheck asks this node's engine for images.
type imageCheck struct{ daemon *Daemon }

// CheckImage implements reconcile.Images.
func (c imageCheck) CheckImage(ctx context.Context, comp *project.Component) error {
	depot := c.daemon.depot.Load()
	if depot == nil {
		return errors.New("this node is starting: its container engine was not asked yet")
	}
	return depot.Check(ctx, comp)
}
