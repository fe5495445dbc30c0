package cron

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"maelstrom/cluster"
)

const (
	// askAgain is how old what is known of the database's clock may get.
	askAgain = 10 * time.Minute

	// stepped is by how much this machine's clock may go another way than its
	// timers do, which stand still while it sleeps, until the database is asked.
	stepped = time.Second

	// lookAgain bounds a wait for the next due time: a machine that has slept
	// finds out while what became due meanwhile can still be fired.
	lookAgain = Grace / 2

	// askTimeout bounds one question for the time.
	askTimeout = 2 * time.Second

	// retryPause lies between two tries of a database that does not answer.
	retryPause = time.Second
)

// term is one time of holding the role.
type term struct {
	*Cron
	hold    cluster.Hold
	changed <-chan struct{}
	end     context.CancelCauseFunc
	table   *table

	known   bool                    // what was fired before this term is asked for once
	again   bool                    // the question has failed
	number  int64                   // of the change that table knows
	clock   atomic.Pointer[reading] // nil: the database has not told its time yet
	waiting []firing                // due, but too many are under way
	leading sync.WaitGroup
}

// reading is what the database's clock said.
type reading struct {
	there time.Time
	at    time.Time // when that was, by this machine's timers
	wall  time.Time // and by its clock, which may be set to another time
}

func (r *reading) now() time.Time { return r.there.Add(time.Since(r.at)) }

// old tells whether the database is to be asked again.
func (r *reading) old(wall time.Time) bool {
	passed := time.Since(r.at)
	return passed >= askAgain || (wall.Sub(r.wall)-passed).Abs() > stepped
}

func (t *term) run(ctx context.Context) error {
	for ctx.Err() == nil {
		t.askTime(ctx)
		if t.clock.Load() != nil {
			t.step(ctx)
		}
		t.wait(ctx)
	}
	if err := context.Cause(ctx); errors.Is(err, cluster.ErrFenced) {
		return err
	}
	return nil
}

// askTime asks for the database's time, unless it is known.
func (t *term) askTime(ctx context.Context) {
	last := t.clock.Load()
	if last != nil && !last.old(t.wall()) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	start := time.Now()
	there, err := t.deps.Ledger.Now(ctx)
	if err != nil {
		if last == nil && ctx.Err() == nil {
			t.opt.Logger.Warn("cron waits for the database's time", "error", err)
		}
		return
	}
	at := start.Add(time.Since(start) / 2)
	t.clock.Store(&reading{there: there, at: at, wall: t.wall().Add(-time.Since(at))})
}

// now is the database's time.
func (t *term) now() time.Time { return t.clock.Load().now() }

// step takes what is due, then what has changed, then what that makes due.
func (t *term) step(ctx context.Context) {
	now := t.now()
	t.take(now)
	if s := t.deps.Feed.Snapshot(); s.Number != t.number && !s.Restored {
		fired, err := t.lastDue(ctx, s.Crons)
		if err != nil {
			t.opt.Logger.Warn("cron waits to learn what was missed", "error", err)
			t.again = true
			return
		}
		t.again = false
		t.table.update(s.Crons, now, fired)
		t.tellUnheld(ctx)
		t.number = s.Number
		t.take(now)
	}
	t.start(ctx)
	t.lead(ctx)
}

// lastDue returns what was fired before this term. Later on the table knows.
func (t *term) lastDue(ctx context.Context, crons cluster.Map[*cluster.EventSourceRow]) (map[cluster.FiringID]time.Time, error) {
	if t.known || crons.Len() == 0 {
		t.known = true
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	fired, err := t.deps.Ledger.LastDue(ctx)
	t.known = err == nil
	return fired, err
}

// tellUnheld tells of due times in which nobody held the role, unless a holder
// before has.
func (t *term) tellUnheld(ctx context.Context) {
	list := t.table.unheld
	t.table.unheld = nil
	if len(list) == 0 {
		return
	}
	told := t.told(ctx)
	for _, u := range list {
		if u.due.After(told[u.row.Spec.Name]) {
			t.opt.Logger.Warn("cron firing missed", "event_source", u.row.Spec.Name, "due", u.due)
			t.deps.Missed(u.row, u.due)
		}
	}
}

// told is what others have told of; nothing if that can't be known: to be told
// twice is better than never.
func (t *term) told(ctx context.Context) map[string]time.Time {
	if t.deps.Told == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	told, err := t.deps.Told(ctx)
	if err != nil {
		t.opt.Logger.Debug("what was told of as missed is not known", "error", err)
		return nil
	}
	return told
}

func (t *term) take(now time.Time) {
	for _, f := range t.table.due(now) {
		t.waiting = append(t.waiting, firing{Firing: f, term: t, row: t.table.entries[f.EventSource].row, entry: t.table.entries[f.EventSource]})
	}
}

// start begins what waits, as far as the limit allows.
func (t *term) start(ctx context.Context) {
	for len(t.waiting) > 0 {
		select {
		case t.slots <- struct{}{}:
		default:
			return
		}
		f := t.waiting[0]
		t.waiting = t.waiting[1:]
		request, cut := context.WithCancel(context.WithoutCancel(ctx))
		t.begin(&f, cut)
		go func() {
			defer t.release(&f, cut)
			f.run(ctx, request)
		}()
	}
}

func (t *term) release(f *firing, cut context.CancelFunc) {
	cut()
	t.finish(f)
	<-t.slots
	select {
	case t.freed <- struct{}{}:
	default:
	}
}

// wait returns at the next due time, or when something has changed.
func (t *term) wait(ctx context.Context) {
	var timer <-chan time.Time
	if pause, ok := t.pause(); ok {
		tm := time.NewTimer(pause)
		defer tm.Stop()
		timer = tm.C
	}
	select {
	case <-ctx.Done():
	case <-t.changed:
	case <-t.freed:
	case <-timer:
	}
}

func (t *term) pause() (time.Duration, bool) {
	if t.clock.Load() == nil || t.again {
		return retryPause, true
	}
	next := t.table.next()
	if lead := t.table.nextLead(); !lead.IsZero() && lead.Before(next) {
		next = lead
	}
	return min(next.Sub(t.now()), lookAgain), !next.IsZero()
}
