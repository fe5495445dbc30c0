package daemon

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// tasks are the named loops of a daemon.
type tasks struct {
	mu    sync.Mutex
	named map[string]*task
}

// task is a loop that runs until it is stopped.
type task struct {
	stop context.CancelFunc
	done chan struct{}
	err  error // after done
}

// start runs loop in the background. If it ends before it is stopped, that is
// fatal to the daemon and sent to failed.
func (ts *tasks) start(ctx context.Context, name string, failed chan<- error, loop func(context.Context) error) {
	ctx, cancel := context.WithCancel(ctx)
	t := &task{stop: cancel, done: make(chan struct{})}
	ts.mu.Lock()
	if ts.named == nil {
		ts.named = map[string]*task{}
	}
	ts.named[name] = t
	ts.mu.Unlock()
	go func() {
		defer close(t.done)
		t.err = loop(ctx)
		if ctx.Err() == nil {
			select {
			case failed <- &taskError{name: name, err: t.err}:
			default: // one reason to stop is enough
			}
		}
	}()
}

// names are those of the loops that have not been stopped.
func (ts *tasks) names() []string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return slices.Sorted(maps.Keys(ts.named))
}

// end stops a loop and waits for it, at most for limit. A loop that was never
// started has ended.
func (ts *tasks) end(log *slog.Logger, name string, limit time.Duration) {
	ts.mu.Lock()
	t, ok := ts.named[name]
	delete(ts.named, name)
	ts.mu.Unlock()
	if !ok {
		return
	}
	t.stop()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-t.done:
		if t.err != nil && !errors.Is(t.err, context.Canceled) {
			log.Warn("part ended with an error", "part", name, "error", t.err)
		}
	case <-timer.C:
		log.Warn("part did not end in time", "part", name, "limit", limit)
	}
}

// taskError says which loop ended by itself.
type taskError struct {
	name string
	err  error
}

func (e *taskError) Error() string {
	if e.err == nil {
		return e.name + " ended"
	}
	return e.name + ": " + e.err.Error()
}

func (e *taskError) Unwrap() error { return e.err }
