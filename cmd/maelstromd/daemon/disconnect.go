package daemon

import (
	"context"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/peer"
)

const (
	// isolatedAfter is how long a node reaches neither the database nor who
	// decides, while others do, until it takes itself for cut off: less than it
	// takes others to place again what runs here.
	isolatedAfter = 5 * time.Second

	isolationLook = 250 * time.Millisecond

	// freshSnapshot is the age of a snapshot that can't be from before a cut.
	freshSnapshot = 2 * time.Second
)

// isolated tells whether a node is cut off from a cluster that goes on without
// it. One that hears nobody with a database is not: nobody can decide anew, so
// what it runs serves on. Nor is one to which the database has just come back,
// as to all others: it has as long to find that out. One that was removed is told
// so by those that go on.
func isolated(s peer.Standing) bool {
	return s.Expelled && !s.Reached() || s.Away >= isolatedAfter && s.Unheard >= isolatedAfter && s.Others >= isolatedAfter
}

// rejoined tells whether a node that was cut off knows again what its rows say.
func rejoined(s peer.Standing, read, now time.Time) bool {
	return s.Reached() && now.Sub(read) < freshSnapshot
}

// watchIsolation stops what is to stop on a cut-off node, and starts nothing,
// from when this one is cut off until it has read its rows again.
func (d *Daemon) watchIsolation(ctx context.Context) error {
	if d.hub == nil {
		return nil
	}
	var since time.Time // zero: it is not
	for sleep(ctx, isolationLook) {
		s, now := d.hub.Standing(), time.Now()
		switch {
		case since.IsZero() && isolated(s):
			since = now
			d.log.Warn("node is cut off: what has ondisconnect: stop is stopped, nothing is started",
				"database_away", s.Away.Round(time.Second), "holder", s.Holder, "holder_unheard", s.Unheard.Round(time.Second))
		case !since.IsZero() && !d.feed.Snapshot().Restored && rejoined(s, d.feed.ReadAt(), now):
			d.log.Info("node is no longer cut off: what its rows say counts again", "after", now.Sub(since).Round(time.Second))
			d.tellIsolation(ctx, now.Sub(since))
			since = time.Time{}
		}
		if agent := d.agent.Load(); agent != nil {
			agent.Isolate(!since.IsZero())
		}
	}
	return ctx.Err()
}

// tellIsolation tells everybody, once that can be told.
func (d *Daemon) tellIsolation(ctx context.Context, took time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	err := d.store.AddEvents(ctx, []cluster.Event{{
		Kind: cluster.EventNode, Severity: cluster.EventWarning, Node: d.node,
		Message: "the node was cut off from the database and from who decides for " + took.Round(time.Second).String() +
			", and had stopped what has ondisconnect: stop",
	}})
	if err != nil {
		d.log.Debug("event is not stored", "error", err)
	}
}
