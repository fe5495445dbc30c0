package main

import (
	"context"
	"sync"
	"time"

	"maelstrom/cluster/rpc"
)

// awayNote is what a run has learned of a database that is away: it is told
// once, and put into the documents for programs.
type awayNote struct {
	mu    sync.Mutex
	away  *rpc.Away
	quiet bool
}

type awayKey struct{}

// awayNoteOf returns the note of a run, nil outside of one.
func awayNoteOf(ctx context.Context) *awayNote {
	note, _ := ctx.Value(awayKey{}).(*awayNote)
	return note
}

// told is nil as long as the database answers.
func (n *awayNote) told() *rpc.Away {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.away
}

// hush keeps the note from being printed.
func (n *awayNote) hush() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.quiet = true
}

// take returns whether this is the first word of it, or that something is cut,
// and to be printed.
func (n *awayNote) take(away rpc.Away) (first, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	first, cut = n.away == nil, away.Cut
	if !first {
		cut = cut && !n.away.Cut
		away.Cut = away.Cut || n.away.Cut
	}
	n.away = &away
	return first && !n.quiet, cut && !n.quiet
}

// noteAway says once that answers are made without the database, and that one
// is cut.
func (a *app) noteAway(away rpc.Away) {
	first, cut := a.away.take(away)
	if first {
		now, from := time.Now(), "what this node knew"
		if away.FromDisk {
			from = "the copy on the node's disk, without environments,"
		}
		a.warn("the database has been away since %s (%s): this is %s as of %s ago",
			away.Since.Local().Format(time.DateTime), span(now.Sub(away.Since)), from, span(now.Sub(away.AsOf)))
	}
	if cut {
		a.warn("older entries are in the database alone")
	}
}

func span(d time.Duration) string { return max(d, 0).Round(time.Second).String() }
