package notify

import (
	"context"
	"time"

	"maelstrom/cluster"
)

// laneLimit is how many events of one source may wait to become states of
// commits while that fails; the oldest give way.
const laneLimit = 200

// lane is events that are sent one after the other. One that can't be delivered
// holds up those behind it, and no other lane.
type lane struct {
	key    string
	queue  []waiting
	failed int       // attempts in a row
	err    string    // of the last of them
	down   time.Time // since when none worked; zero: the last one did, or was answered for good
	due    time.Time // of the next attempt
	warned bool      // that events were given up, since the last success
}

// waiting is an event in a lane.
type waiting struct {
	cluster.Event
	before int64 // how far was read when it was
}

// expired tells whether the first event is to be given up: it has been there,
// and all attempts have failed, for too long.
func (l *lane) expired(now time.Time) bool {
	since := l.down
	if happened := l.queue[0].Time; happened.After(since) {
		since = happened
	}
	return !l.down.IsZero() && now.Sub(since) > giveUpAfter
}

// missed notes an attempt that failed.
func (l *lane) missed(cause *failure, now time.Time) {
	l.failed++
	l.err = cause.Error()
	if cause.permanent {
		l.down, l.due = time.Time{}, time.Time{}
		return
	}
	if l.down.IsZero() {
		l.down = now
	}
	l.due = now.Add(backoff(l.failed, cause.after))
}

// enqueue puts an event behind those of its lane, or in the place of the last
// that it makes superfluous.
func (w *worker) enqueue(ctx context.Context, e waiting) error {
	key := ""
	if w.row.Spec.Commit != nil {
		key = e.Source
	}
	l := w.lanes[key]
	if l == nil {
		l = &lane{key: key}
		w.lanes[key] = l
	}
	last := len(l.queue) - 1
	if w.row.Spec.Commit != nil && last >= 0 && supersedes(&e.Event, &l.queue[last].Event) {
		l.queue[last] = e
		return nil
	}
	l.queue = append(l.queue, e)
	if w.row.Spec.Commit != nil && l.failed > 0 && len(l.queue) > laneLimit {
		return w.giveUp(ctx, l)
	}
	return nil
}

// full tells whether enough events wait: others stay in the database until it
// is their turn. Those of a source that fails are no reason.
func (w *worker) full() bool {
	for _, l := range w.lanes {
		if len(l.queue) >= batch && (w.row.Spec.Commit == nil || l.failed == 0) {
			return true
		}
	}
	return false
}

// ready is the lane with the oldest event of those whose next attempt is due;
// nil: none.
func (w *worker) ready(now time.Time) *lane {
	var first *lane
	for _, l := range w.lanes {
		if len(l.queue) > 0 && !l.due.After(now) && (first == nil || l.queue[0].ID < first.queue[0].ID) {
			first = l
		}
	}
	return first
}

// nextAttempt is when the first attempt is due; zero: nothing waits.
func (w *worker) nextAttempt() (at time.Time) {
	for _, l := range w.lanes {
		if len(l.queue) > 0 && (at.IsZero() || l.due.Before(at)) {
			at = l.due
		}
	}
	return at
}
