package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster/rpc"
)

// What a wait ends with, and when, by the answers it gets; the last goes on.
func TestAwait(t *testing.T) {
	type answer struct {
		missing string
		err     error
	}
	away := &rpc.Error{Kind: rpc.KindUnavailable, Message: "no maelstromd answers"}
	missing, there := answer{missing: "image is missing"}, answer{}
	for _, test := range []struct {
		name    string
		asks    bool
		answers []answer
		code    int
		message string
		after   time.Duration
	}{
		{"there", true, []answer{missing, there}, exitOK, "", awaitPoll},
		{"in vain", true, []answer{missing}, exitTimeout, "x is not so after 1m0s: image is missing", time.Minute},
		{"a dead daemon is asked once", true, []answer{{err: away}}, exitInternal, "no maelstromd answers", 0},
		{"a restart", true, []answer{missing, {err: away}, {err: away}, there}, exitOK, "", 3 * awaitPoll},
		{"a daemon that does not come back", true, []answer{missing, {err: away}}, exitInternal, "no maelstromd answers", awayGrace + awaitPoll},
		{"what was done is waited for to the end", false, []answer{missing, {err: away}}, exitTimeout, "x is not so after 1m0s: image is missing; no maelstromd answers", time.Minute},
		{"and from the start", false, []answer{{err: away}, there}, exitOK, "", awaitPoll},
		{"an error of the server", true, []answer{{err: &rpc.Error{Kind: rpc.KindNotFound, Message: "there is none"}}}, exitNotFound, "there is none", 0},
		{"only a human can help", true, []answer{{err: errors.New("stalled")}}, exitTimeout, "x is not so: stalled", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, asked, start := &app{stderr: &bytes.Buffer{}}, 0, time.Now()
				err := a.await(t.Context(), waiting{timeout: time.Minute, what: "x is not so", asks: test.asks}, func(context.Context) (string, error) {
					now := test.answers[min(asked, len(test.answers)-1)]
					asked++
					return now.missing, now.err
				})
				if exitCode(err) != test.code || err != nil && err.Error() != test.message || time.Since(start) != test.after {
					t.Errorf("exit code %d after %s: %v", exitCode(err), time.Since(start), err)
				}
			})
		})
	}
}

// A question that the end of the time cuts off says nothing of what is missing.
func TestAwaitTellsWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, asked := &app{stderr: &bytes.Buffer{}}, 0
		err := a.await(t.Context(), waiting{timeout: time.Second, what: "x"}, func(ctx context.Context) (string, error) {
			if asked++; asked == 1 {
				return "image is missing", nil
			}
			<-ctx.Done()
			return "", &rpc.Error{Kind: rpc.KindTimeout, Message: "no answer in time"}
		})
		if exitCode(err) != exitTimeout || !strings.HasSuffix(err.Error(), ": image is missing") {
			t.Errorf("%v", err)
		}
	})
}
