package cron

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

const (
	// finishTries and finishTimeout bound how long an outcome is tried to be
	// stored.
	finishTries   = 5
	finishTimeout = 5 * time.Second

	// recentFirings is how far back a claim in doubt is looked for.
	recentFirings = 100
)

// firing is one due time on its way.
type firing struct {
	cluster.Firing
	term *term
	row  *cluster.EventSourceRow

	entry *entry // as it was when this became due
}

// run claims the due time, sends the request and stores the outcome. Once
// claimed, it no longer depends on the role: ctx is the role's, request is the
// request's.
func (f *firing) run(ctx, request context.Context) {
	if !f.claim(ctx) {
		return
	}
	if f.overlaps(request) {
		f.skip()
	} else {
		f.send(request)
	}
	f.log()
	f.record(request)
}

// claim tells whether this due time is ours to fire. It tries until the due
// time is too old.
func (f *firing) claim(ctx context.Context) bool {
	for doubt := false; ; doubt = true {
		now := f.term.now()
		if f.tooLate(now) {
			f.term.opt.Logger.Warn("cron firing missed", "event_source", f.EventSource, "due", f.Due)
			f.term.deps.Missed(f.row, f.Due)
			return false
		}
		if !doubt {
			f.StartedAt = now.UTC().Truncate(time.Millisecond)
		}
		ours, err := f.tryClaim(ctx, doubt)
		switch {
		case err == nil:
			return ours
		case errors.Is(err, cluster.ErrFenced):
			f.term.end(fmt.Errorf("claim firing: %w", err))
			return false
		case ctx.Err() != nil:
			return false
		}
		f.term.opt.Logger.Warn("cron firing can't be claimed", "event_source", f.EventSource, "due", f.Due, "error", err)
		if !pause(ctx, retryPause) {
			return false
		}
	}
}

// tooLate tells whether a due time is given up: after a while, or, where one
// firing makes up for all, when there is a later one to do that.
func (f *firing) tooLate(now time.Time) bool {
	if !f.entry.runsOnce() {
		return now.Sub(f.Due) > Grace
	}
	later := f.entry.schedule.Next(f.Due, f.row.CreatedAt)
	return now.Sub(f.Due) > Grace && !later.IsZero() && !later.After(now)
}

// overlaps tells whether the firing is to be skipped because an earlier one
// still runs, on whatever node. The claims tell: they are there before any
// request. One whose end nobody has told is over once its request's time is.
func (f *firing) overlaps(ctx context.Context) bool {
	if f.row.Spec.Cron.Overlap != project.OverlapSkip {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, finishTimeout)
	defer cancel()
	open, err := f.term.deps.Ledger.OpenFirings(ctx, f.Key, f.Ordinal)
	if err != nil {
		f.term.opt.Logger.Warn("cron can't tell whether the last firing still runs", "event_source", f.EventSource, "error", err)
		return true
	}
	return slices.ContainsFunc(open, func(o cluster.Firing) bool {
		return o.Due.Before(f.Due) && f.term.now().Before(o.StartedAt.Add(f.timeout()))
	})
}

func (f *firing) skip() {
	f.FinishedAt, f.Reason, f.Error = f.StartedAt, cluster.ReasonOverlap, "skipped: the one before still runs"
}

// tryClaim claims once. After a try whose outcome is in doubt, a row that is
// there may be our own.
func (f *firing) tryClaim(ctx context.Context, doubt bool) (bool, error) {
	first, err := f.term.deps.Ledger.ClaimFiring(ctx, f.term.hold, f.Firing)
	if err != nil || first || !doubt {
		return first, err
	}
	rows, err := f.term.deps.Ledger.LastFirings(ctx, f.EventSource, recentFirings)
	if err != nil {
		return false, fmt.Errorf("read claim in doubt: %w", err)
	}
	return slices.ContainsFunc(rows, f.wrote), nil
}

// wrote tells whether a row was written by an earlier try of this very claim.
func (f *firing) wrote(r cluster.Firing) bool {
	return r.Key == f.Key && r.Ordinal == f.Ordinal && r.Due.Equal(f.Due) && r.StartedAt.Equal(f.StartedAt)
}

// send makes the request and notes what came of it.
func (f *firing) send(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout())
	defer cancel()
	defer func() { f.FinishedAt = f.term.now().UTC().Truncate(time.Millisecond) }()
	r, err := f.request(ctx)
	if err != nil {
		f.Error = err.Error()
		return
	}
	w := &answer{header: http.Header{}}
	defer func() {
		f.Status, f.Reason = w.status, cluster.Reason(w.header.Get("Maelstrom-Reason"))
		if broken := recover(); broken != nil {
			f.Error = fmt.Sprint("answer broke off: ", broken)
		} else if f.Error == "" && w.status == 0 {
			f.Status = http.StatusOK
		}
	}()
	f.term.deps.Sender.ServeComponent(w, r, f.Component)
}

// timeout is the component's maxdurationseconds.
func (f *firing) timeout() time.Duration {
	if row, ok := f.term.deps.Feed.Snapshot().Components.Get(f.Component); ok {
		return row.Effective.MaxDuration()
	}
	return project.DefaultMaxDurationSeconds * time.Second
}

// request builds what the component receives: as it would arrive at the
// private gateway. GET and HEAD carry no data.
func (f *firing) request(ctx context.Context) (*http.Request, error) {
	spec := f.row.Spec.Cron.HTTP
	method := strings.ToUpper(spec.Method)
	data := spec.Data
	if method == http.MethodGet || method == http.MethodHead {
		data = ""
	}
	target := "/" + strings.TrimPrefix(spec.Path, "/")
	r, err := http.NewRequestWithContext(ctx, method, "http://"+f.term.opt.Host+target, strings.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	for _, h := range spec.Headers {
		if strings.EqualFold(h.Name, "Host") {
			r.Host = h.Value
			continue
		}
		r.Header.Add(h.Name, h.Value)
	}
	r.Header.Set("Maelstrom-Component", f.Component)
	r.RequestURI = target
	r.RemoteAddr = "127.0.0.1:0"
	return r, nil
}

func (f *firing) log() {
	attrs := []any{
		"event_source", f.EventSource, "component", f.Component, "due", f.Due,
		"status", f.Status, "duration", f.FinishedAt.Sub(f.StartedAt),
	}
	if f.Error == "" && f.Status >= 200 && f.Status <= 299 {
		f.term.opt.Logger.Info("cron fired", attrs...)
		return
	}
	f.term.opt.Logger.Warn("cron request failed", append(attrs, "reason", f.Reason, "error", f.Error)...)
}

// record stores the outcome, however the request ended.
func (f *firing) record(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTries*finishTimeout)
	defer cancel()
	var err error
	for range finishTries {
		if err = f.term.deps.Ledger.FinishFiring(ctx, f.Firing); err == nil {
			return
		}
		if !pause(ctx, retryPause) {
			break
		}
	}
	f.term.opt.Logger.Warn("cron outcome not stored", "event_source", f.EventSource, "due", f.Due, "error", err)
}

// pause waits; it is false if ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// answer takes a response and keeps its status.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return len(p), nil
}

// Flush does nothing; the body goes nowhere.
func (a *answer) Flush() {}
