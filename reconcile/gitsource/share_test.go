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
)

func TestQueriesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queries{share: 100 * time.Millisecond}
		var mu sync.Mutex
		asked := 0
		ask := func(context.Context) (*packp.AdvRefs, error) {
			mu.Lock()
			asked++
			mu.Unlock()
			time.Sleep(80 * time.Millisecond)
			return packp.NewAdvRefs(), nil
		}
		do := func() {
			if refs, err := q.do(t.Context(), "a", ask); err != nil || refs == nil {
				t.Errorf("%v, %v", refs, err)
			}
		}
		var all sync.WaitGroup
		for range 10 {
			all.Go(do)
		}
		all.Wait()
		do() // 80 ms after it began
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
		time.Sleep(21 * time.Millisecond)
		do()
		if asked != 2 {
			t.Errorf("asked %d times after the answer grew old", asked)
		}
		time.Sleep(time.Second)
		q.mu.Lock()
		defer q.mu.Unlock()
		if len(q.running) != 0 {
			t.Errorf("%d answers are kept", len(q.running))
		}
	})
}

func TestWhoeverComesTooLateAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queries{share: 100 * time.Millisecond}
		var asked atomic.Int32
		slow := func(context.Context) (*packp.AdvRefs, error) {
			asked.Add(1)
			time.Sleep(time.Second)
			return packp.NewAdvRefs(), nil
		}
		var all sync.WaitGroup
		all.Go(func() { _, _ = q.do(t.Context(), "a", slow) })
		time.Sleep(101 * time.Millisecond)
		all.Go(func() { _, _ = q.do(t.Context(), "a", slow) })
		all.Wait()
		if asked.Load() != 2 {
			t.Errorf("asked %d times: a push between the two would be missed", asked.Load())
		}
	})
}

func TestACancelledQueryIsAskedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queries{share: time.Minute}
		ctx, cancel := context.WithCancel(t.Context())
		asked := 0
		ask := func(ctx context.Context) (*packp.AdvRefs, error) {
			asked++
			if asked > 1 {
				return packp.NewAdvRefs(), nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := q.do(ctx, "a", ask); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if refs, err := q.do(t.Context(), "a", ask); err != nil || refs == nil {
				t.Errorf("%v, %v", refs, err)
			}
		})
		synctest.Wait()
		cancel()
		all.Wait()
	})
}
