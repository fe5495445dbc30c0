package main

import (
	"context"
	"fmt"
	"time"
)

// await asks until nothing is missing any more. An error of asking that is of
// the daemon counts as missing as long as the daemon may come back; any other
// error ends it, as the end of its time does, with exit code 8.
func (a *app) await(ctx context.Context, timeout time.Duration, what string, ask func(context.Context) (missing string, err error)) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(rollOutPoll)
	defer ticker.Stop()
	last := "nothing was heard of it"
	for {
		missing, err := ask(limited)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && missing == "":
			return nil
		case err == nil:
			last = missing
		case limited.Err() != nil: // the question was cut off
		case transient(err):
			last = err.Error()
		case isServerError(err):
			return a.serverError(err)
		default:
			return exitWith(exitTimeout, fmt.Errorf("%s: %w", what, err))
		}
		select {
		case <-ticker.C:
		case <-limited.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return exitWith(exitTimeout, fmt.Errorf("%s after %s: %s", what, timeout, last))
		}
	}
}
