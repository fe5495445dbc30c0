package notify

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"maelstrom/cluster"
)

// AlertStore is where alerts are kept, and what they are about.
type AlertStore interface {
	Alerts(ctx context.Context) (map[string]*cluster.Alert, error)
	WriteAlerts(ctx context.Context, hold *cluster.Hold, writes []cluster.AlertWrite) ([]cluster.Alert, error)
	Events(ctx context.Context, q cluster.EventQuery) ([]cluster.Event, error)
}

// WatcherOptions are the settings of a Watcher.
type WatcherOptions struct {
	// Always watches also while no notifier is about alerts.
	Always bool

	Logger *slog.Logger // nil: silent
}

// WatcherDeps are the parts that a Watcher works with.
type WatcherDeps struct {
	Feed  Feed
	Store AlertStore

	// Refusals tells why components lack an instance that they need, as who
	// places them knows; false: that can't be known now, and what was told
	// last goes on to count.
	Refusals func() (list map[string]*cluster.Failure, known bool)
}

// Watcher finds what somebody should look at. It keeps that in the database;
// the events that tell so are for a Sender.
type Watcher struct {
	opt  WatcherOptions
	deps WatcherDeps
	log  *slog.Logger
}

// NewWatcher returns a Watcher.
func NewWatcher(opt WatcherOptions, deps WatcherDeps) *Watcher {
	w := &Watcher{opt: opt, deps: deps, log: opt.Logger}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	return w
}

const (
	// glance is how often is looked at what no change of the snapshot tells.
	glance = 15 * time.Second

	// cronsRead is how many events of schedules are read at once, and how many
	// of the past.
	cronsRead = 1000
)

// Hold is part of the work of the role notify, until ctx ends. Under it nobody
// else opens or closes alerts: who takes the role goes on with those that are
// stored, and begins anew to wait for what is not told yet.
func (w *Watcher) Hold(ctx context.Context, hold cluster.Hold) error {
	changed, unsubscribe := w.deps.Feed.Subscribe()
	defer unsubscribe()
	t := &term{Watcher: w, hold: hold, watch: newWatch(), scene: scene{crons: map[string]outcome{}}}
	for {
		wait := glance
		next, err := t.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, cluster.ErrFenced):
			return err
		case err != nil:
			w.log.Debug("alerts wait for the database", "error", err)
			t.loaded, wait = false, storeRetry
		case !next.IsZero():
			wait = min(max(time.Until(next), restPeriod), glance)
		}
		if err := pause(ctx, min(restPeriod, wait)); err != nil {
			return err
		}
		if err := t.await(ctx, changed, wait-restPeriod); err != nil {
			return err
		}
	}
}

// term is one time that a Watcher holds the role.
type term struct {
	*Watcher
	hold   cluster.Hold
	watch  *watch
	loaded bool // it knows what is stored
	scene  scene
	seen   int64 // change up to which the events of schedules are known
	read   int64 // id of the last of them
}

func (t *term) await(ctx context.Context, changed <-chan struct{}, wait time.Duration) error {
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-timer.C:
	}
	return nil
}

// pass looks once, and writes what has begun or healed.
func (t *term) pass(ctx context.Context) (next time.Time, err error) {
	snapshot := t.deps.Feed.Snapshot()
	if snapshot.Number == 0 || snapshot.Restored || snapshot.Away || !t.wanted(snapshot) {
		return time.Time{}, nil
	}
	if !t.loaded {
		stored, err := t.deps.Store.Alerts(ctx)
		if err != nil {
			return time.Time{}, err
		}
		t.watch.load(stored)
		t.loaded = true
	}
	if err := t.readCrons(ctx, snapshot); err != nil {
		return time.Time{}, err
	}
	t.scene.Snapshot = snapshot
	t.scene.forget()
	if list, known := t.deps.Refusals(); known {
		t.scene.refusals = list
	}
	writes, next := t.watch.step(time.Now(), t.scene.wrong(), t.scene.rest)
	if len(writes) == 0 {
		return next, nil
	}
	stored, err := t.deps.Store.WriteAlerts(ctx, &t.hold, writes)
	if err != nil {
		return time.Time{}, err
	}
	t.watch.wrote(writes, stored)
	for _, a := range stored {
		if a.Open() {
			t.log.Warn("alert", "kind", a.Kind, "subject", a.Subject, "title", a.Title, "cause", a.Cause)
		} else {
			t.log.Info("alert has healed", "kind", a.Kind, "subject", a.Subject, "lasted", a.Lasted())
		}
	}
	return next, nil
}

// wanted tells whether anybody is to be told.
func (t *term) wanted(s *cluster.Snapshot) bool {
	if t.opt.Always {
		return true
	}
	for _, row := range s.Notifiers.All() {
		if row.Spec.Alerted() {
			return true
		}
	}
	return false
}

// readCrons learns how due times went since the last look.
func (t *term) readCrons(ctx context.Context, s *cluster.Snapshot) error {
	if s.Number <= t.seen || s.Crons.Len() == 0 {
		return nil
	}
	for {
		events, err := t.deps.Store.Events(ctx, cluster.EventQuery{After: t.read, Kinds: []cluster.EventKind{cluster.EventCron}, Limit: cronsRead})
		if err != nil {
			return err
		}
		first := t.read == 0
		t.read = max(t.read, 1)
		for i := range events {
			t.read = max(t.read, events[i].ID)
			t.outcome(&events[i])
		}
		if first || len(events) < cronsRead {
			t.seen = s.Number
			return nil
		}
	}
}

func (t *term) outcome(e *cluster.Event) {
	var d cluster.CronDetails
	if json.Unmarshal(e.Details, &d) != nil || d.EventSource == "" || d.Reason == cluster.ReasonOverlap {
		return
	}
	o := outcome{at: e.Time, last: e.Time, change: e.ID / cluster.EventsPerChange}
	if e.Severity != cluster.EventInfo {
		o.cause = e.Message
		if was := t.scene.crons[d.EventSource]; was.cause != "" {
			o.at = was.at // it has failed since then
		}
	}
	t.scene.crons[d.EventSource] = o
}
