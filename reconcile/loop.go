package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"maelstrom/cluster"
)

// loop keeps the projects of one source for one term of its role. All of it
// is used by one goroutine.
type loop struct {
	*Reconciler
	source string
	hold   cluster.Hold
	log    *slog.Logger
	watch  *sourceWatch // what others see of it
	asked  <-chan struct{}
	feeds  <-chan struct{}

	origin Origin
	hints  <-chan struct{} // from origin
	unhint context.CancelFunc
	spec   int64             // version of the row that origin was opened for
	vars   map[string]string // of the source, secret ones too

	// settled is what the last whole look rested on: with the same nothing
	// can come of another.
	settled   bool
	revision  string
	inputs    inputs
	blockers  map[string][]string // by file: the projects that are in its way
	suspicion map[string]time.Time
	declaring steady // the file of sources in it
	failures  failures

	fetched  string    // the revision whose tree was made readable last
	failed   int       // looks in a row that a retry may mend
	parked   bool      // only a change can mend it: no timer
	sync     int64     // the newest request that was taken up
	lost     time.Time // when the source was first not reached; zero: it is
	failure  error     // of a parked loop, or of one that rests
	rest     time.Time // not to be asked again before, but by a trigger
	poked    bool      // by a webhook, and the latest was not looked at yet
	heard    time.Time // from a webhook
	started  time.Time
	looked   time.Time // when the last look ended
	reminded time.Time // of the source as a whole
	next     time.Time // when to look without a trigger
	remind   time.Time // when something lasting is told again; zero: nothing
}

// run looks at the source until the role ends. It is an error if that is lost,
// or better given up.
func (l *loop) run(ctx context.Context) error {
	defer l.close()
	for ctx.Err() == nil {
		if err := l.look(ctx); err != nil {
			return err
		}
		l.looked = time.Now()
		l.wait(ctx)
	}
	return nil
}

// wait returns when a look is due.
func (l *loop) wait(ctx context.Context) {
	var timer <-chan time.Time
	if !l.next.IsZero() {
		t := time.NewTimer(time.Until(l.next))
		defer t.Stop()
		timer = t.C
	}
	for {
		hinted := false
		select {
		case <-ctx.Done():
			return
		case <-timer:
			return
		case <-l.asked:
			l.heard, l.poked = time.Now(), true
		case <-l.hints:
			hinted = true
		case <-l.feeds:
			if !l.moved() {
				continue
			}
		}
		l.failed, l.parked, l.rest = 0, false, time.Time{}
		l.gather(ctx, hinted)
		return
	}
}

// gather lets triggers that come together be one look. What was written to
// files needs a quiet moment; anything else only if a look was just made.
func (l *loop) gather(ctx context.Context, quiet bool) {
	if !quiet && time.Since(l.looked) >= quietWindow {
		return
	}
	limit := time.NewTimer(quietCap)
	defer limit.Stop()
	for {
		window := time.NewTimer(quietWindow)
		select {
		case <-ctx.Done():
			window.Stop()
			return
		case <-limit.C:
			window.Stop()
			return
		case <-window.C:
			return
		case <-l.asked:
			l.heard, l.poked = time.Now(), true
		case <-l.hints:
		}
		window.Stop()
	}
}

// moved tells whether what the last look rested on is different now.
func (l *loop) moved() bool {
	v, ok := l.view()
	if !ok {
		return false
	}
	if request := v.control.Control.Sync; request != nil && request.Number > max(v.status.Sync, l.sync) {
		if request.Actor == webhookActor {
			l.heard = time.Now()
		}
		return true
	}
	return l.inputsOf(v) != l.inputs
}

// open makes the origin of the source as it is declared now.
func (l *loop) open(ctx context.Context, v view) error {
	if l.origin != nil && l.spec == v.row.Version {
		return nil
	}
	l.close()
	secrets, err := l.store.SourceSecrets(ctx, l.source)
	if err != nil {
		return &databaseError{err}
	}
	origin, err := l.opt.Open(v.row.Spec, secrets)
	if err != nil {
		return asInvalid(err)
	}
	l.vars = map[string]string{}
	for name, value := range v.row.Spec.Variables {
		l.vars[name] = value
	}
	for name, value := range secrets.Variables {
		l.vars[name] = value
	}
	l.origin, l.spec, l.settled = origin, v.row.Version, false
	hinting, unhint := context.WithCancel(ctx)
	l.hints, l.unhint = origin.Watch(hinting), unhint
	return nil
}

func (l *loop) close() {
	if l.origin == nil {
		return
	}
	l.unhint()
	if err := l.origin.Close(); err != nil {
		l.log.Warn("source not closed", "error", err)
	}
	l.origin, l.hints, l.fetched = nil, nil, ""
}

// databaseError is an error of the database, not of the source.
type databaseError struct{ err error }

func (e *databaseError) Error() string { return fmt.Sprintf("the database does not answer: %v", e.err) }
func (e *databaseError) Unwrap() error { return e.err }

// asInvalid is the error of a declaration that can't work.
func asInvalid(err error) error {
	var known *OriginError
	if errors.As(err, &known) {
		return err
	}
	return &OriginError{Reason: cluster.ReasonInvalidSource, Permanent: true, Err: err}
}
