package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"maelstrom/cluster"
)

// The pace of a Recorder.
const (
	recordPeriod  = time.Second // between two writes
	recordTimeout = 5 * time.Second
	buffered      = 1000 // events that wait for the database; the oldest go first
	lateAfter     = 5 * time.Second
)

// Store is where events go.
type Store interface {
	AddEvents(ctx context.Context, events []cluster.Event) error
}

// RecorderOptions are the settings of a Recorder.
type RecorderOptions struct {
	Node   string       // our id
	Name   string       // of this node, for people
	Logger *slog.Logger // nil: silent
}

// Recorder writes events, many in one transaction. All methods are safe for
// concurrent use.
type Recorder struct {
	opt   RecorderOptions
	store Store
	log   *slog.Logger
	wake  chan struct{}

	mu      sync.Mutex // guards what follows
	waiting []seen
	lost    int // that the buffer had no room for
}

// seen is an event and when it happened here.
type seen struct {
	cluster.Event
	at time.Time
}

// NewRecorder returns a Recorder; Run writes what it is given.
func NewRecorder(opt RecorderOptions, store Store) *Recorder {
	r := &Recorder{opt: opt, store: store, log: opt.Logger, wake: make(chan struct{}, 1)}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.opt.Name == "" {
		r.opt.Name = opt.Node
	}
	return r
}

// Add takes events in. It never waits.
func (r *Recorder) Add(events ...cluster.Event) {
	if len(events) == 0 {
		return
	}
	now := time.Now()
	r.mu.Lock()
	for _, e := range events {
		r.waiting = append(r.waiting, seen{Event: e, at: now})
	}
	r.trim()
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// trim forgets the oldest events that are too many. The caller has the lock.
func (r *Recorder) trim() {
	if over := len(r.waiting) - buffered; over > 0 {
		r.waiting = append([]seen(nil), r.waiting[over:]...)
		r.lost += over
	}
}

// Run writes events until ctx ends. What waits then is left to Flush.
func (r *Recorder) Run(ctx context.Context) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.wake:
		}
		for r.pending() {
			err := r.Flush(ctx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil && !failing {
				r.log.Warn("events wait for the database", "error", err)
			}
			failing = err != nil
			if err := rest(ctx); err != nil {
				return err
			}
		}
	}
}

func rest(ctx context.Context) error {
	timer := time.NewTimer(recordPeriod)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (r *Recorder) pending() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting) > 0
}

// Flush writes what waits, in one transaction.
func (r *Recorder) Flush(ctx context.Context) error {
	r.mu.Lock()
	waiting, lost := r.waiting, r.lost
	r.waiting, r.lost = nil, 0
	r.mu.Unlock()
	if len(waiting) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	err := r.store.AddEvents(ctx, r.told(waiting, lost))
	if err == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(waiting, r.waiting...)
	r.lost += lost
	r.trim()
	return fmt.Errorf("record events: %w", err)
}

// told are events as they are stored: the database dates them when they reach
// it, so what comes late says so.
func (r *Recorder) told(waiting []seen, lost int) []cluster.Event {
	var events []cluster.Event
	if lost > 0 {
		events = append(events, cluster.Event{
			Kind: cluster.EventNode, Severity: cluster.EventWarning, Node: r.opt.Node,
			Message: fmt.Sprintf("%d events of node %s are not recorded: the database was away for too long", lost, r.opt.Name),
		})
	}
	for _, w := range waiting {
		if late := time.Since(w.at); late > lateAfter {
			w.Message += fmt.Sprintf(" (%s earlier)", late.Round(time.Second))
		}
		events = append(events, w.Event)
	}
	return events
}

// Work is what a node does while it holds a role.
type Work = func(ctx context.Context, hold cluster.Hold) error

// Role is the work of a role that also records when it is taken and when it
// ends.
func (r *Recorder) Role(work Work) Work {
	return func(ctx context.Context, hold cluster.Hold) error {
		r.Add(r.roleEvent(hold, cluster.EventInfo, "takes"))
		err := work(ctx, hold)
		if errors.Is(err, cluster.ErrFenced) {
			r.Add(r.roleEvent(hold, cluster.EventWarning, "has lost, as a write of it was refused,"))
		} else {
			r.Add(r.roleEvent(hold, cluster.EventInfo, "no longer holds"))
		}
		return err
	}
}

func (r *Recorder) roleEvent(hold cluster.Hold, severity cluster.EventSeverity, what string) cluster.Event {
	return cluster.Event{
		Kind: cluster.EventRole, Severity: severity, Node: r.opt.Node,
		Message: fmt.Sprintf("node %s %s the role %s (fence %d)", r.opt.Name, what, hold.Role, hold.Fence),
	}
}
