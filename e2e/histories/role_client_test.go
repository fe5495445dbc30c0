package histories

import (
	"context"

	"maelstrom/cluster"
)

// roleClient wants the role, works under it, and is sometimes late.
type roleClient struct {
	client
	name string
	seen cluster.Lease
	hold cluster.Hold // of the latest take; it may be lost
	held bool         // as far as we know

	version int64      // of the placement, as far as we know
	own     roleLedger // the client's store, or that of a process of its own
}

// run does n operations.
func (c *roleClient) run(ctx context.Context, n int) {
	c.seen.Role = c.role
	for range n {
		if ctx.Err() != nil {
			return
		}
		c.next(ctx)
		c.rest(ctx)
	}
}

// next does something that its node would do, or would do late.
func (c *roleClient) next(ctx context.Context) {
	n := c.random.IntN(100)
	switch {
	case c.held && n < 35, !c.held && c.hold.Fence > 0 && n < 10:
		c.write(ctx)
	case c.held && n < 65, !c.held && c.hold.Fence > 0 && n < 20:
		c.claim(ctx, c.random.IntN(firingCount))
	case c.held && n < 80:
		c.renew(ctx)
	case c.held && n < 84:
		c.give(ctx)
	case n < 90 && c.follow(ctx) == nil:
		c.version = c.reader.version(c.world)
	case c.held && n < 95, n < 60:
		c.look(ctx)
	default:
		c.take(ctx)
	}
}

// done notes how a write ended.
func (c *roleClient) done(ctx context.Context, called int64, in roleInput, end ending) {
	if end != unknown {
		c.history().add(c.roleNumber, called, in, roleOutput{ending: end})
		return
	}
	c.history().lost(called, in, roleOutput{ending: end})
	pause(ctx, lostPause)
}

func (c *roleClient) history() *history { return c.roles }

func (c *roleClient) look(ctx context.Context) {
	ctx, cancel := c.patience(ctx)
	defer cancel()
	called := c.history().now()
	leases, err := c.own.Leases(ctx)
	if err != nil {
		return
	}
	c.seen = cluster.Lease{Role: c.role}
	for _, l := range leases {
		if l.Role == c.role {
			c.seen = l
		}
	}
	c.history().add(c.roleNumber, called, roleInput{op: look}, roleOutput{lease: c.seen})
}

// take takes the lease as it was last seen. What a refusal tells is read later
// than it is refused: a look of its own.
func (c *roleClient) take(ctx context.Context) {
	waiting, cancel := c.patience(ctx)
	defer cancel()
	called, in := c.history().now(), roleInput{op: take, observed: c.seen, holder: c.name}
	lease, taken, err := c.own.TakeLease(waiting, c.seen, c.name)
	switch {
	case err != nil:
		c.done(ctx, called, in, unknown)
		return
	case taken:
		c.hold, c.held = cluster.Hold{Role: c.role, Holder: c.name, Fence: lease.Fence}, true
		c.done(ctx, called, in, ok)
	default:
		c.done(ctx, called, in, refused)
	}
	c.history().add(c.roleNumber, called, roleInput{op: look}, roleOutput{lease: lease})
	c.seen = lease
}

func (c *roleClient) renew(ctx context.Context) {
	waiting, cancel := c.patience(ctx)
	defer cancel()
	called, in := c.history().now(), roleInput{op: renew, hold: c.hold}
	still, err := c.own.RenewLeases(waiting, c.name, []cluster.Hold{c.hold})
	switch {
	case err != nil:
		c.done(ctx, called, in, unknown)
	case len(still) == 0:
		c.held = false
		c.done(ctx, called, in, refused)
	default:
		c.done(ctx, called, in, ok)
	}
}

func (c *roleClient) give(ctx context.Context) {
	waiting, cancel := c.patience(ctx)
	defer cancel()
	called, in := c.history().now(), roleInput{op: give, hold: c.hold}
	err := c.own.GiveLease(waiting, c.hold)
	c.held = false
	c.done(ctx, called, in, endingOf(err))
}

func (c *roleClient) write(ctx context.Context) {
	waiting, cancel := c.patience(ctx)
	defer cancel()
	in := roleInput{op: write, hold: c.hold, version: c.version}
	called := c.history().now()
	_, err := c.own.WritePlacements(waiting, c.hold, []cluster.PlacementWrite{c.placementWrite()})
	end := endingOf(err)
	switch end {
	case ok:
		c.version++
	case fenced:
		c.held = false
	}
	c.done(ctx, called, in, end)
}

func (c *roleClient) placementWrite() cluster.PlacementWrite {
	p := &cluster.Placement{ID: c.placement, Component: c.components[0], Node: c.name, Want: cluster.WantRun, Version: c.version}
	if c.version == 0 {
		return cluster.PlacementWrite{Insert: p}
	}
	return cluster.PlacementWrite{Want: p}
}

func (c *roleClient) claim(ctx context.Context, key int) {
	waiting, cancel := c.patience(ctx)
	defer cancel()
	called, in := c.history().now(), roleInput{op: claim, hold: c.hold, key: key}
	mine, err := c.own.ClaimFiring(waiting, c.hold, c.firing(key))
	end := endingOf(err)
	if end == ok && !mine {
		end = refused
	}
	if end == fenced {
		c.held = false
	}
	c.done(ctx, called, in, end)
}
