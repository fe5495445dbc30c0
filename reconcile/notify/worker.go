package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
)

// worker sends events to one notifier: those of a webhook one after the other,
// the states of commits so for each source.
type worker struct {
	*Sender
	row    *cluster.NotifierRow
	hold   cluster.Hold
	log    *slog.Logger
	secret string
	lanes  map[string]*lane // by source; a webhook has one, without a name
	read   int64            // id of the last event that is in a lane, or done with
	seen   int64            // change up to which there are no more events for us
	sent   time.Time
	told   told
}

// run sends until ctx ends. It returns an error only if the role is lost.
func (w *worker) run(ctx context.Context) error {
	changed, unsubscribe := w.feed.Subscribe()
	defer unsubscribe()
	err := w.untilDone(ctx, w.load)
	for err == nil {
		if err = w.untilDone(ctx, w.pass); err != nil {
			break
		}
		if err = pause(ctx, restPeriod); err == nil {
			err = w.news(ctx, changed)
		}
	}
	if errors.Is(err, cluster.ErrFenced) {
		return err
	}
	return nil
}

// untilDone repeats what needs the database until it worked, ctx ends, or the
// role is lost.
func (w *worker) untilDone(ctx context.Context, do func(context.Context) error) error {
	for {
		err := do(ctx)
		if err == nil || ctx.Err() != nil || errors.Is(err, cluster.ErrFenced) {
			return errors.Join(err, ctx.Err())
		}
		w.log.Debug("notifier waits for the database", "error", err)
		if err := pause(ctx, storeRetry); err != nil {
			return err
		}
	}
}

// news waits for a change after what was looked at, or until an attempt is due.
func (w *worker) news(ctx context.Context, changed <-chan struct{}) error {
	var due <-chan time.Time
	if at := w.nextAttempt(); !at.IsZero() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		due = timer.C
	}
	for w.full() || w.feed.Snapshot().Number <= w.seen {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-due:
			return nil
		case <-changed:
		}
	}
	return nil
}

// load reads how far the notifier has come. A new one begins with what
// happened since it was declared.
func (w *worker) load(ctx context.Context) (err error) {
	w.lanes, w.read = map[string]*lane{}, 1
	if w.secret, err = w.store.NotifierSecret(ctx, w.row.Spec.Name); err != nil {
		return err
	}
	states, err := w.store.NotifierStates(ctx)
	for _, state := range states {
		if state.Name == w.row.Spec.Name {
			w.read, w.sent = max(state.Cursor, 1), state.SentAt
		}
	}
	return err
}

// defaultKinds are the events of a notifier that names none.
var defaultKinds = []cluster.EventKind{
	cluster.EventSynced, cluster.EventFailed, cluster.EventRecovered,
	cluster.EventRolledBack, cluster.EventDrift, cluster.EventBrake,
}

// kinds are the events that are read. The states of commits also need what
// says that all of a revision was looked at.
func (w *worker) kinds() []cluster.EventKind {
	kinds := w.row.Spec.Kinds
	if len(kinds) == 0 && len(w.row.Spec.Alerts) == 0 {
		kinds = defaultKinds
	}
	if len(w.row.Spec.Alerts) > 0 {
		kinds = append(slices.Clone(kinds), cluster.EventAlertOpened, cluster.EventAlertClosed)
	}
	if w.row.Spec.Commit != nil && slices.Contains(kinds, cluster.EventSynced) {
		kinds = append(slices.Clone(kinds), cluster.EventLooked)
	}
	return kinds
}

// pass makes all attempts that are due.
func (w *worker) pass(ctx context.Context) error {
	for {
		if err := w.take(ctx); err != nil {
			return err
		}
		l := w.ready(time.Now())
		if l == nil {
			return nil
		}
		if err := w.attempt(ctx, l); err != nil {
			return err
		}
	}
}

// take puts what has happened into the lanes.
func (w *worker) take(ctx context.Context) error {
	number := w.feed.Snapshot().Number
	if w.full() || number <= w.seen {
		return nil
	}
	events, err := w.store.Events(ctx, cluster.EventQuery{
		After: w.read, Since: w.row.CreatedAt, Kinds: w.kinds(), Limit: batch,
	})
	if err != nil {
		return err
	}
	for _, e := range events {
		before := w.read
		w.read = e.ID
		if !wantsEvent(w.row.Spec, &e) {
			continue
		}
		if err := w.enqueue(ctx, waiting{Event: e, before: before}); err != nil {
			return err
		}
	}
	if len(events) < batch {
		w.seen = number
	}
	return nil
}

// wants tells whether a notifier is about a source.
func wants(spec *cluster.Notifier, source string) bool {
	return len(spec.Sources) == 0 || slices.Contains(spec.Sources, source)
}

// wantsEvent tells whether a notifier is about an event of one of its kinds. Of
// an alert the severity counts that it has itself, also when it heals; one that
// is of no source is told whichever sources are named.
func wantsEvent(spec *cluster.Notifier, e *cluster.Event) bool {
	if d, ok := cluster.AlertDetailsOf(e); ok {
		return spec.WantsAlert(d.Alert, d.Severity) && (e.Source == "" || wants(spec, e.Source))
	}
	return wants(spec, e.Source) && (len(spec.Severities) == 0 || slices.Contains(spec.Severities, e.Severity))
}

// attempt sends the first event of a lane, once.
func (w *worker) attempt(ctx context.Context, l *lane) error {
	if l.expired(time.Now()) {
		return w.giveUp(ctx, l)
	}
	failed := w.send(ctx, l.queue[0].Event)
	switch {
	case failed == nil:
		return w.arrived(ctx, l)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if l.failed == 0 && !failed.permanent {
		w.log.Warn("notifier is not reached", "source", l.key, "error", failed)
	}
	l.missed(failed, time.Now())
	if failed.permanent {
		return w.giveUp(ctx, l)
	}
	return w.write(ctx)
}

// arrived goes on to the next event.
func (w *worker) arrived(ctx context.Context, l *lane) error {
	if l.failed > 0 {
		w.log.Info("notifier is reached again", "source", l.key, "failed", l.failed)
	}
	w.sent = time.Now()
	*l = lane{key: l.key, queue: l.queue[1:]}
	if len(l.queue) == 0 {
		delete(w.lanes, l.key)
	}
	return w.write(ctx)
}

// giveUp goes on to the next event, and says so once until one arrives again.
func (w *worker) giveUp(ctx context.Context, l *lane) error {
	e := &l.queue[0]
	if !l.warned && e.Kind != cluster.EventUndelivered {
		w.log.Warn("event is given up", "event", e.ID, "error", l.err)
		err := w.store.AddEvents(ctx, []cluster.Event{{
			Kind: cluster.EventUndelivered, Severity: cluster.EventWarning, Source: e.Source, Project: e.Project,
			Message: fmt.Sprintf("notifier %s gives up events: %s", w.row.Spec.Name, l.err),
		}})
		if err != nil {
			return err
		}
		l.warned = true
	}
	l.queue = l.queue[1:]
	return w.write(ctx)
}

// state is how far the notifier has come: up to the first event that waits.
func (w *worker) state() cluster.NotifierState {
	s := cluster.NotifierState{Name: w.row.Spec.Name, Cursor: w.read, SentAt: w.sent}
	for _, key := range slices.Sorted(maps.Keys(w.lanes)) {
		l := w.lanes[key]
		if len(l.queue) > 0 {
			s.Cursor = min(s.Cursor, l.queue[0].before)
		}
		if l.failed > s.Failed {
			s.Failed, s.Error = l.failed, l.err
		}
	}
	return s
}

// write stores how far the notifier has come. Where the database is away the
// next write will do: what was sent since is sent again if this node loses the
// role before.
func (w *worker) write(ctx context.Context) error {
	err := w.store.WriteNotifierState(ctx, w.hold, w.state())
	if errors.Is(err, cluster.ErrFenced) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		w.log.Debug("notifier's state is not written", "error", err)
	}
	return nil
}
