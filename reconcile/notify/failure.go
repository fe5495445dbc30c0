package notify

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"time"
)

// failure is an attempt that did not work.
type failure struct {
	err       error
	permanent bool          // it won't work for this event, however often it is tried
	after     time.Duration // asked for by the other side; 0: it did not say
}

func (f *failure) Error() string { return f.err.Error() }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.err }

// transient is a failure to reach the other side. The address, which may have
// a secret in it, is left out.
func transient(err error) *failure {
	var withAddress *url.Error
	if errors.As(err, &withAddress) {
		err = withAddress.Err
	}
	return &failure{err: err}
}

// The pace of attempts.
const (
	backoffFirst = time.Second
	backoffLast  = 5 * time.Minute
)

// backoff is the pause after so many attempts that failed, with full jitter.
func backoff(failed int, asked time.Duration) time.Duration {
	ceiling := backoffLast
	if failed < 10 {
		ceiling = min(backoffFirst<<max(failed-1, 0), backoffLast)
	}
	return max(asked, rand.N(ceiling)+1)
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
