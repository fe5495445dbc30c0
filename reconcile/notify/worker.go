package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"maelstrom/cluster"
)

// worker sends events to one notifier, one after the other.
type worker struct {
	*Sender
	row    *cluster.NotifierRow
	hold   cluster.Hold
	log    *slog.Logger
	secret string
	state  cluster.NotifierState
	seen   int64 // change up to which there are no more events for us
	warned bool  // that events were given up, since the last success
	told   told
}

// run sends until ctx ends. It returns an error only if the role is lost.
func (w *worker) run(ctx context.Context) error {
	changed, unsubscribe := w.feed.Subscribe()
	defer unsubscribe()
	err := w.untilDone(ctx, w.load)
	for err == nil {
		var more bool
		err = w.untilDone(ctx, func(ctx context.Context) (err error) {
			more, err = w.pass(ctx)
			return err
		})
		if err != nil || more {
			continue
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

// news waits for a change after what was looked at.
func (w *worker) news(ctx context.Context, changed <-chan struct{}) error {
	for w.feed.Snapshot().Number <= w.seen {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
	return nil
}

// load reads how far the notifier has come. A new one begins with what
// happened since it was declared.
func (w *worker) load(ctx context.Context) (err error) {
	if w.secret, err = w.store.NotifierSecret(ctx, w.row.Spec.Name); err != nil {
		return err
	}
	states, err := w.store.NotifierStates(ctx)
	w.state = cluster.NotifierState{Name: w.row.Spec.Name, Cursor: 1}
	for _, state := range states {
		if state.Name == w.state.Name {
			w.state = state
			w.state.Cursor = max(state.Cursor, 1)
		}
	}
	return err
}

// defaultKinds are the events of a notifier that names none.
var defaultKinds = []cluster.EventKind{
	cluster.EventSynced, cluster.EventFailed, cluster.EventRecovered,
	cluster.EventRolledBack, cluster.EventDrift, cluster.EventBrake,
}

// pass sends what has happened since the cursor, and tells whether there may
// be more.
func (w *worker) pass(ctx context.Context) (more bool, err error) {
	kinds := w.row.Spec.Kinds
	if len(kinds) == 0 {
		kinds = defaultKinds
	}
	number := w.feed.Snapshot().Number
	events, err := w.store.Events(ctx, cluster.EventQuery{
		After: w.state.Cursor, Since: w.row.CreatedAt, Kinds: kinds, Limit: batch,
	})
	if err != nil {
		return false, err
	}
	for len(events) > 0 {
		sent, err := w.next(ctx, events)
		if err != nil {
			return false, err
		}
		more = true // some time has passed
		events = events[sent:]
	}
	if !more {
		w.seen = number
	}
	return more, nil
}

// next is done with the first of some events, and with those that it stands for.
func (w *worker) next(ctx context.Context, events []cluster.Event) (done int, err error) {
	e := events[0]
	if !wants(w.row.Spec, e.Source) {
		w.state.Cursor = e.ID // not worth a write
		return 1, nil
	}
	if w.row.Spec.Commit != nil && len(events) > 1 && supersedes(&events[1], &e) {
		w.state.Cursor = e.ID
		return 1, nil
	}
	if err := w.deliver(ctx, e); err != nil {
		return 0, err
	}
	return 1, nil
}

// wants tells whether a notifier is about a source.
func wants(spec *cluster.Notifier, source string) bool {
	return len(spec.Sources) == 0 || slices.Contains(spec.Sources, source)
}

// deliver sends one event until it has arrived or is given up.
func (w *worker) deliver(ctx context.Context, e cluster.Event) error {
	if w.state.Failed > 0 && expired(&e) {
		return w.giveUp(ctx, e, errors.New(w.state.Error))
	}
	for {
		err := w.send(ctx, e)
		if err == nil {
			return w.arrived(ctx, e)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err.permanent || expired(&e) {
			w.state.Failed++
			return w.giveUp(ctx, e, err)
		}
		if err := w.missed(ctx, err); err != nil {
			return err
		}
		if err := pause(ctx, backoff(w.state.Failed, err.after)); err != nil {
			return err
		}
	}
}

func expired(e *cluster.Event) bool { return time.Since(e.Time) > giveUpAfter }

// arrived notes that the notifier is done with an event.
func (w *worker) arrived(ctx context.Context, e cluster.Event) error {
	if w.state.Failed > 0 {
		w.log.Info("notifier is reached again", "failed", w.state.Failed)
	}
	w.warned = false
	w.state = cluster.NotifierState{Name: w.state.Name, Cursor: e.ID, SentAt: time.Now()}
	return w.write(ctx)
}

// missed notes an attempt that failed.
func (w *worker) missed(ctx context.Context, cause *failure) error {
	w.state.Failed++
	if w.state.Failed == 1 {
		w.log.Warn("notifier is not reached", "error", cause)
	}
	w.state.Error = cause.Error()
	return w.write(ctx)
}

// giveUp goes on to the next event, and says so once until one arrives again.
func (w *worker) giveUp(ctx context.Context, e cluster.Event, cause error) error {
	w.state.Cursor, w.state.Error = e.ID, cause.Error()
	if !w.warned && e.Kind != cluster.EventUndelivered {
		w.log.Warn("event is given up", "event", e.ID, "error", cause)
		err := w.store.AddEvents(ctx, []cluster.Event{{
			Kind: cluster.EventUndelivered, Severity: cluster.EventWarning, Source: e.Source, Project: e.Project,
			Message: fmt.Sprintf("notifier %s gives up events: %v", w.state.Name, cause),
		}})
		if err != nil {
			return err
		}
		w.warned = true
	}
	return w.write(ctx)
}

// write stores how far the notifier has come. Where the database is away the
// next write will do: what was sent since is sent again if this node loses the
// role before.
func (w *worker) write(ctx context.Context) error {
	err := w.store.WriteNotifierState(ctx, w.hold, w.state)
	if errors.Is(err, cluster.ErrFenced) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		w.log.Debug("notifier's state is not written", "error", err)
	}
	return nil
}
