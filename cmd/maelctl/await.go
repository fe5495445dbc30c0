package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maelstrom/cluster/rpc"
)

const (
	// awaitPoll is how often a waiting verb looks.
	awaitPoll = 250 * time.Millisecond

	// awayGrace is how long a daemon may be away that has answered: it may be
	// in the middle of a restart.
	awayGrace = 15 * time.Second
)

// waiting is what a wait is like.
type waiting struct {
	timeout time.Duration
	what    string // that is so as long as something is missing

	// asks is a wait that only asks: nothing was done that it is about. A
	// daemon that is away ends it, and one that does not answer at once.
	asks bool
}

// checkTimeout refuses a --timeout that leaves no time.
func checkTimeout(timeout time.Duration) error {
	if timeout <= 0 {
		return usagef("--timeout %s is no span of time such as 30s", timeout)
	}
	return nil
}

// await asks until nothing is missing any more. An error of asking that is of
// the daemon counts as missing as long as the daemon may come back; any other
// error ends it, as the end of its time does, with exit code 8 unless it has
// one.
func (a *app) await(ctx context.Context, w waiting, ask func(context.Context) (missing string, err error)) error {
	limited, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	ticker := time.NewTicker(awaitPoll)
	defer ticker.Stop()
	last, away := "the daemon has not answered", ""
	var heard time.Time
	for {
		missing, err := ask(limited)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && missing == "":
			return nil
		case err == nil:
			last, away, heard = missing, "", time.Now()
		case limited.Err() != nil: // the question was cut off
		case transient(err):
			if w.asks && time.Since(heard) > awayGrace {
				return a.serverError(err)
			}
			away = "; " + err.Error()
		case isServerError(err):
			return a.serverError(err)
		case isExit(err):
			return err
		default:
			return exitWith(exitTimeout, fmt.Errorf("%s: %w", w.what, err))
		}
		select {
		case <-ticker.C:
		case <-limited.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return exitWith(exitTimeout, fmt.Errorf("%s after %s: %s%s", w.what, w.timeout, last, away))
		}
	}
}

// transient tells whether a daemon that does not answer may do so again.
func transient(err error) bool {
	var known *rpc.Error
	return errors.As(err, &known) && (known.Kind == rpc.KindUnavailable || known.Kind == rpc.KindTimeout)
}
