package daemon

import (
	"context"
	"time"

	"maelstrom/cluster"
)

const (
	// aliveEvery is how often a node writes its status that the holder of the
	// role placement does not hear: that it lives is seen in the database then.
	aliveEvery = 3 * time.Second

	// minorityLook is how often it is looked who is there, by who hears few.
	minorityLook = time.Second

	// minorityAfter is how long a node hears fewer than half of those that are
	// there, until others shall have its roles.
	minorityAfter = 5 * time.Second

	// outdatedAfter is the age of the status of a node without MAEL_PEER_ADDR,
	// which nobody hears, when it is marked lost; it is written once a minute.
	outdatedAfter = 3 * time.Minute
	outdatedCheck = 15 * time.Second

	// lostRunAfter is how long a node has not written its status when what it had
	// begun, a release or a cron firing, counts as failed: it may come back and
	// know.
	lostRunAfter = time.Minute
)

// unheard tells whether this node has to show in the database that it lives.
func (d *Daemon) unheard() bool {
	if d.hub == nil {
		return false
	}
	s := d.hub.Standing()
	return s.Reached() && s.Unheard > 0
}

// census is what a node learns from the database of who else is there: those
// whose row changes are, whatever anybody's clock says.
type census struct {
	seen    map[string]time.Time // status of each, by the database's clock
	changed map[string]time.Time // when that was last seen to change, here
}

// take takes the rows in and returns the nodes that have written their status
// lately.
func (c *census) take(rows []cluster.Node, now time.Time) (there []string) {
	if c.seen == nil {
		c.seen, c.changed = map[string]time.Time{}, map[string]time.Time{}
	}
	for _, n := range rows {
		before, known := c.seen[n.ID]
		if known && !n.SeenAt.Equal(before) {
			c.changed[n.ID] = now
		}
		c.seen[n.ID] = n.SeenAt
		at, changed := c.changed[n.ID]
		if changed && now.Sub(at) < lostAfter && n.Peers && n.State == cluster.NodeUp {
			there = append(there, n.ID)
		}
	}
	return there
}

// minority tells whether a node that hears only some of the others that are
// there had better leave decisions to them: they are more. Of two halves
// neither gives up, or nobody would decide.
func minority(others, heard int) bool { return 2*(1+heard) < 1+others }

// watchStanding gives this node's roles up while it is drained, or can't hear
// most of those that are there, and takes them again after that.
func (d *Daemon) watchStanding(ctx context.Context) error {
	changed, cancel := d.feed.Subscribe()
	defer cancel()
	tick := time.NewTicker(minorityLook)
	defer tick.Stop()
	var counted census
	var since time.Time // in a minority; zero: not
	yielding := false
	for {
		few := !since.IsZero() && time.Since(since) >= minorityAfter
		if yield := !d.embedded() && (few || yields(d.feed.Snapshot(), d.node)); yield != yielding {
			yielding = yield
			d.yield(ctx, yield, few)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case now := <-tick.C:
			if !d.inMinority(ctx, &counted, now) {
				since = time.Time{}
			} else if since.IsZero() {
				since = now
			}
		}
	}
}

func (d *Daemon) yield(ctx context.Context, yield, few bool) {
	switch {
	case few:
		d.log.Warn("node hears fewer than half of the others: they shall have its roles")
	case yield:
		d.log.Info("roles are given up: this node is drained")
	}
	if err := d.keeper.Yield(ctx, yield); err != nil && ctx.Err() == nil {
		d.log.Warn("role not given up", "error", err)
	}
}

// misses tells whether a node is not heard that should be.
func misses(snap *cluster.Snapshot) bool {
	for id := range snap.Silent.All() {
		if n, ok := snap.Nodes.Get(id); ok && n.State == cluster.NodeUp && !snap.Away {
			return true
		}
	}
	return false
}

// inMinority counts who is there, if any are not heard.
func (d *Daemon) inMinority(ctx context.Context, counted *census, now time.Time) bool {
	if d.hub == nil || !misses(d.feed.Snapshot()) {
		*counted = census{}
		return false
	}
	limited, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	rows, err := d.store.Nodes(limited)
	if err != nil {
		return false
	}
	others, heard := 0, 0
	for _, id := range counted.take(rows, now) {
		if id == d.node {
			continue
		}
		others++
		if d.hub.Live(id) {
			heard++
		}
	}
	// Nodes that hear each other and the holder write once a minute: who is
	// heard is there.
	for _, row := range rows {
		if _, seen := counted.changed[row.ID]; row.ID != d.node && !seen && d.hub.Live(row.ID) {
			others, heard = others+1, heard+1
		}
	}
	return minority(others, heard)
}

// markOutdated marks nodes lost that nobody can hear, by the age of their
// status alone.
func (d *Daemon) markOutdated(ctx context.Context, hold cluster.Hold) {
	for _, node := range d.feed.Snapshot().Nodes.All() {
		if unhearable(node, d.node) {
			d.markOne(ctx, hold, node, outdatedAfter)
		}
	}
}

// unhearable tells whether only the age of its status can tell that a node is
// lost. One that says it is down keeps what it has, as it may come back to it.
func unhearable(n *cluster.Node, self string) bool {
	return n.ID != self && !n.Peers && !n.Lost && n.State != cluster.NodeDown
}

// endLostRuns ends the releases that a lost node has left: one that was not
// begun is begun elsewhere, of one that was it is not known how it went.
func (d *Daemon) endLostRuns(ctx context.Context, hold cluster.Hold) {
	snap := d.feed.Snapshot()
	nodes := map[string]bool{}
	for _, run := range snap.Runs.All() {
		if n, ok := snap.Nodes.Get(run.Node); ok && n.Lost && run.Kind == cluster.RunRelease && !run.Ended() {
			nodes[run.Node] = true
		}
	}
	for id := range nodes {
		limited, cancel := context.WithTimeout(ctx, stepLimit)
		ended, err := d.store.EndLostRuns(limited, hold, id, lostRunAfter)
		cancel()
		if err != nil && ctx.Err() == nil {
			d.log.Debug("releases of a lost node are not ended", "node", id, "error", err)
		}
		for _, run := range ended {
			d.log.Warn("release of a lost node is ended", "component", run.Component, "version", run.Version, "node", id, "begun", run.State != cluster.RunReserved)
			d.feed.Hint()
		}
	}
}

// endLostFirings ends the cron firings that lost nodes have left.
func (d *Daemon) endLostFirings(ctx context.Context, hold cluster.Hold) {
	for id, n := range d.feed.Snapshot().Nodes.All() {
		if !n.Lost {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, stepLimit)
		ended, err := d.store.EndLostFirings(limited, hold, id, lostRunAfter)
		cancel()
		if err != nil && ctx.Err() == nil {
			d.log.Debug("firings of a lost node are not ended", "node", id, "error", err)
		}
		for _, f := range ended {
			d.log.Warn("cron firing of a lost node is ended", "event_source", f.EventSource, "due", f.Due, "node", id)
		}
	}
}

// gone tells which nodes' daemons are not there any more; nil: nobody can tell.
func (d *Daemon) gone() func(ctx context.Context, node string) bool {
	if d.hub == nil {
		return nil
	}
	return d.hub.Gone
}
