package gitsource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// maxRefs is how much of a list of refs is read.
const maxRefs = 64 << 20

// dialLimit is of one connection.
const dialLimit = 10 * time.Second

// errSilent ends a step in which the other side said nothing for too long.
var errSilent = errors.New("no answer")

// tooMuchError ends a step in which the other side sent too much.
type tooMuchError struct {
	limit int64
}

func (e *tooMuchError) Error() string { return fmt.Sprintf("more than %d bytes were sent", e.limit) }

// limiter bounds one step: the silences in it, and what is read.
type limiter struct {
	silence time.Duration
	timer   *time.Timer
	left    atomic.Int64
	limit   int64
}

// bound begins a step that ends with ctx, after a silence, or after twenty
// silences' worth of trickling. end is to be called.
func bound(ctx context.Context, silence time.Duration, limit int64) (_ context.Context, l *limiter, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ctx, stop := context.WithTimeoutCause(ctx, 20*silence, errSilent)
	l = &limiter{silence: silence, limit: limit, timer: time.AfterFunc(silence, func() { cancel(errSilent) })}
	l.left.Store(limit)
	return ctx, l, func() {
		l.timer.Stop()
		stop()
		cancel(nil)
	}
}

// reader counts what is read of r.
func (l *limiter) reader(r io.Reader) io.Reader { return &limitedReader{r: r, limiter: l} }

type limitedReader struct {
	r       io.Reader
	limiter *limiter
}

func (r *limitedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.limiter.timer.Reset(r.limiter.silence)
	}
	if r.limiter.left.Add(-int64(n)) < 0 {
		return 0, &tooMuchError{limit: r.limiter.limit}
	}
	return n, err
}

// readCloser reads from one and closes another.
type readCloser struct {
	io.Reader
	close func() error
}

func (r readCloser) Close() error { return r.close() }
