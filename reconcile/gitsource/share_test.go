package gitsource

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"maelstrom/cluster"
)

// asked counts the queries, each of which takes a while.
func asked(count *atomic.Int32, takes time.Duration) func(context.Context) (*packp.AdvRefs, error) {
	return func(context.Context) (*packp.AdvRefs, error) {
		count.Add(1)
		<-time.After(takes)
		return packp.NewAdvRefs(), nil
	}
}

func TestQueriesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queries{patience: 100 * time.Millisecond}
		var count atomic.Int32
		ask := asked(&count, 80*time.Millisecond)
		var all sync.WaitGroup
		do := func() {
			if refs, err := q.do(t.Context(), "a", ask); err != nil || refs == nil {
				t.Errorf("%v, %v", refs, err)
			}
		}
		for range 10 {
			all.Go(do)
		}
		all.Wait()
		if got := count.Load(); got != 2 { // the first alone, and one for all others
			t.Errorf("asked %d times", got)
		}
		do()
		if got := count.Load(); got != 3 {
			t.Errorf("asked %d times: an answer is used again", got)
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		if len(q.keys) != 0 {
			t.Errorf("%d answers are kept", len(q.keys))
		}
	})
}

func TestAnAnswerIsNeverOlderThanTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queries{patience: 25 * time.Millisecond}
		var pushed atomic.Int32 // what a query sees is what was pushed when it began
		ask := func(context.Context) (*packp.AdvRefs, error) {
			seen := pushed.Load()
			<-time.After(time.Duration(1+seen%40) * time.Millisecond)
			return nil, &seenError{seen}
		}
		var all sync.WaitGroup
		for range 500 {
			<-time.After(time.Millisecond)
			all.Go(func() {
				want := pushed.Add(1)
				_, err := q.do(t.Context(), "a", ask)
				var got *seenError
				if !errors.As(err, &got) || got.pushed < want {
					t.Errorf("%v for who knows of push %d", err, want)
				}
			})
		}
		all.Wait()
	})
}

type seenError struct{ pushed int32 }

func (e *seenError) Error() string { return "seen" }

func TestASlowQueryHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queries{patience: 100 * time.Millisecond}
		var count atomic.Int32
		var all sync.WaitGroup
		all.Go(func() { _, _ = q.do(t.Context(), "a", asked(&count, time.Hour)) })
		synctest.Wait()
		began := time.Now()
		if _, err := q.do(t.Context(), "a", asked(&count, time.Second)); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 1100*time.Millisecond {
			t.Errorf("waited %s for another's query", took)
		}
		all.Wait()
	})
}

func TestTheEndOfWhoAskedIsNotTheAnswer(t *testing.T) {
	for name, end := range map[string]error{"lost role": cluster.ErrFenced, "stop": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { leaderEnds(t, end) })
		})
	}
}

// leaderEnds: who leads the query that others wait for ends, with a cause that
// is its own.
func leaderEnds(t *testing.T, cause error) {
	q := &queries{patience: time.Minute}
	ctx, cancel := context.WithCancelCause(t.Context())
	var count atomic.Int32
	ask := func(ctx context.Context) (*packp.AdvRefs, error) {
		count.Add(1)
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(time.Second):
			return packp.NewAdvRefs(), nil
		}
	}
	var all sync.WaitGroup
	all.Go(func() { _, _ = q.do(t.Context(), "a", ask) })
	synctest.Wait()
	all.Go(func() {
		if _, err := q.do(ctx, "a", ask); !errors.Is(err, context.Cause(ctx)) {
			t.Errorf("who ended is told %v", err)
		}
	})
	synctest.Wait()
	for range 3 {
		all.Go(func() {
			if refs, err := q.do(t.Context(), "a", ask); err != nil || refs == nil {
				t.Errorf("who waits is told %v", err)
			}
		})
	}
	<-time.After(1500 * time.Millisecond) // the second query runs
	cancel(cause)
	all.Wait()
	if got := count.Load(); got != 4 { // of the three, the first alone
		t.Errorf("asked %d times", got)
	}
}

func TestWhoEndsBeforeItsTurnLeavesItToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queries{patience: time.Hour}
		var count atomic.Int32
		ask := asked(&count, time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _, _ = q.do(t.Context(), "a", ask) })
		synctest.Wait()
		all.Go(func() {
			if _, err := q.do(ctx, "a", ask); !errors.Is(err, context.Canceled) {
				t.Errorf("who ended is told %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if _, err := q.do(t.Context(), "a", ask); err != nil {
				t.Errorf("who waits is told %v", err)
			}
		})
		synctest.Wait()
		cancel()
		all.Wait()
		if got := count.Load(); got != 2 {
			t.Errorf("asked %d times", got)
		}
	})
}
