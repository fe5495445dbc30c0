package notify

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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
	longestAsked = time.Hour // of what the other side may ask for
)

// backoff is the pause after so many attempts that failed, with full jitter.
func backoff(failed int, asked time.Duration) time.Duration {
	ceiling := backoffLast
	if failed < 10 {
		ceiling = min(backoffFirst<<max(failed-1, 0), backoffLast)
	}
	return max(min(asked, longestAsked), rand.N(ceiling)+1)
}

// retryAfter reads when the other side wants to be asked again: from
// Retry-After, or from GitHub's word on its rate limit.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	reset, err := strconv.ParseInt(header.Get("X-Ratelimit-Reset"), 10, 64)
	if err == nil && header.Get("X-Ratelimit-Remaining") == "0" {
		return max(time.Unix(reset, 0).Sub(now), 0)
	}
	return 0
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
